//! Steps: writes of single items, alone or in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update};

use super::Writer;
use super::item::{self, Item, text};
use super::key::{self, RecordKey};
use super::table::{PARTITION, SORT};
use crate::Error;
use crate::aws::failed;
use crate::notes;

/// One item's write, as a call of its own or as part of a transaction.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Update { key: RecordKey, expression: Expression },
    Put { item: Item, condition: Option<Expression> },
    Delete { partition: String, sort: String },
}

/// Expressions of a write, with the names and values they speak of.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    sets: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    pub(super) names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
    pub(super) bytes: usize,
    /// Operators and functions, in the update and in the condition.
    update_operators: usize,
    condition_operators: usize,
}

/// The longest expression, in bytes, and the most operators and functions in one: DynamoDB's limits.
const EXPRESSION_BYTES: usize = 4096;
const EXPRESSION_OPERATORS: usize = 300;

impl Expression {
    pub(super) fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{}", self.names.len());
        self.bytes += attribute.len();
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":{}", self.values.len());
        self.bytes += item::value_bytes(&value);
        self.values.insert(name.clone(), value);
        name
    }

    fn assign(&mut self, name: &str, expression: &str, operators: usize) {
        self.sets.push(format!("{name}={expression}"));
        self.update_operators += operators + 1;
    }

    fn demand(&mut self, condition: String, operators: usize) {
        self.conditions.push(condition);
        // With the AND before it.
        self.condition_operators += operators + 1;
    }

    /// Sets an attribute, whatever is there.
    pub(super) fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.assign(&name, &value, 0);
    }

    /// Sets an attribute where nothing is.
    pub(super) fn fill(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.assign(&name, &format!("if_not_exists({name},{value})"), 1);
    }

    /// Sets an attribute where nothing is, on the condition that nothing else is there.
    pub(super) fn fill_once(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.assign(&name, &format!("if_not_exists({name},{value})"), 1);
        self.demand(format!("(attribute_not_exists({name}) OR {name}={value})"), 3);
    }

    /// Sets an attribute, on the condition that it is not the tombstone of a comment.
    pub(super) fn set_unless_deleted(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.assign(&name, &value, 0);
        let null = self.value(text("NULL"));
        self.demand(format!("NOT attribute_type({name},{null})"), 2);
    }

    /// Makes a number larger by one, or begins it.
    pub(super) fn increase(&mut self, attribute: &str, first: AttributeValue) {
        let (name, first) = (self.name(attribute), self.value(first));
        let one = self.value(item::numeral(1));
        self.assign(&name, &format!("if_not_exists({name},{first})+{one}"), 2);
    }

    pub(super) fn remove(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.removes.push(name);
        self.update_operators += 1;
    }

    pub(super) fn require(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.demand(format!("{name}={value}"), 1);
    }

    /// That a record is still of the revision that was read.
    pub(super) fn require_revision(&mut self, revision: u64) {
        match revision {
            0 => self.require_none(item::REVISION),
            revision => self.require(item::REVISION, item::numeral(revision)),
        }
    }

    pub(super) fn require_none(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.demand(format!("attribute_not_exists({name})"), 1);
    }

    /// Whether DynamoDB takes it: what was built is measured, as the embedded store takes more.
    pub(super) fn is_within_limits(&self) -> bool {
        self.update_expression().len() <= EXPRESSION_BYTES
            && self.condition_expression().is_none_or(|condition| condition.len() <= EXPRESSION_BYTES)
            && self.update_operators <= EXPRESSION_OPERATORS
            && self.condition_operators <= EXPRESSION_OPERATORS
    }

    fn update_expression(&self) -> String {
        let removes =
            if self.removes.is_empty() { String::new() } else { format!(" REMOVE {}", self.removes.join(",")) };
        format!("SET {}{removes}", self.sets.join(","))
    }

    pub(super) fn condition_expression(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }

    pub(super) fn attribute_values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

impl Step {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Update { expression, .. } => expression.bytes,
            Self::Put { item, condition } => {
                item::size(item) + condition.as_ref().map_or(0, |condition| condition.bytes)
            }
            Self::Delete { partition, sort } => partition.len() + sort.len(),
        }
    }
}

/// How a step or a transaction of steps ended.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    /// The conditions of these steps did not hold, or their item would be too large. Nothing was written.
    Refused(Vec<usize>),
    /// Somebody else's transaction was in the way. Nothing was written.
    Collided,
}

impl Writer {
    /// Makes the steps durable together.
    pub(super) async fn write(&self, mut steps: Vec<Step>) -> Result<Outcome, Error> {
        match steps.len() {
            0 => Ok(Outcome::Done),
            1 => match steps.remove(0) {
                Step::Update { key, expression } => self.update_item(&key, expression).await,
                Step::Put { item, condition } => self.put_item(item, condition).await,
                // No save is a delete alone.
                Step::Delete { .. } => Err(Error::internal().caused_by("a save of nothing but a delete")),
            },
            _ => self.transact(steps).await,
        }
    }

    pub(super) async fn update_item(&self, key: &RecordKey, expression: Expression) -> Result<Outcome, Error> {
        let sent = self
            .table
            .client
            .update_item()
            .table_name(&self.table.name)
            .key(PARTITION, text(&key.partition))
            .key(SORT, text(key::RECORD))
            .update_expression(expression.update_expression())
            .set_condition_expression(expression.condition_expression())
            .set_expression_attribute_values(expression.attribute_values())
            .set_expression_attribute_names(Some(expression.names))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        notes::wrote(sent.as_ref().ok().and_then(|sent| sent.consumed_capacity()));
        match sent {
            Ok(_) => Ok(Outcome::Done),
            Err(error) => refused(error.as_service_error()).ok_or_else(|| failed("UpdateItem", &error)),
        }
    }

    pub(super) async fn put_item(&self, item: Item, condition: Option<Expression>) -> Result<Outcome, Error> {
        let condition = condition.unwrap_or_default();
        let sent = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(item))
            .set_condition_expression(condition.condition_expression())
            .set_expression_attribute_values(condition.attribute_values())
            .set_expression_attribute_names(Some(condition.names).filter(|names| !names.is_empty()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        notes::wrote(sent.as_ref().ok().and_then(|sent| sent.consumed_capacity()));
        match sent {
            Ok(_) => Ok(Outcome::Done),
            Err(error) => refused(error.as_service_error()).ok_or_else(|| failed("PutItem", &error)),
        }
    }

    async fn transact(&self, steps: Vec<Step>) -> Result<Outcome, Error> {
        let items = steps.into_iter().map(|step| self.transaction_item(step)).collect::<Result<Vec<_>, _>>()?;
        let sent = self
            .table
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        notes::wrote(
            sent.iter().flat_map(
                aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsOutput::consumed_capacity,
            ),
        );
        let Err(error) = sent else { return Ok(Outcome::Done) };
        let cancelled = error.as_service_error().and_then(|error| {
            match error {
            aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
                cancelled,
            ) => Some(cancelled),
            _ => None,
        }
        });
        let Some(cancelled) = cancelled else { return Err(failed("TransactWriteItems", &error)) };
        let refused: Vec<usize> = cancelled
            .cancellation_reasons()
            .iter()
            .enumerate()
            .filter(|(_, reason)| {
                let too_large = reason.code() == Some("ValidationError") && says_too_large(reason.message());
                too_large || reason.code() == Some("ConditionalCheckFailed")
            })
            .map(|(index, _)| index)
            .collect();
        if !refused.is_empty() {
            return Ok(Outcome::Refused(refused));
        }
        let passing = cancelled.cancellation_reasons().iter().any(|reason| {
            matches!(reason.code(), Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
        });
        if passing { Ok(Outcome::Collided) } else { Err(failed("TransactWriteItems", &error)) }
    }

    fn transaction_item(&self, step: Step) -> Result<TransactWriteItem, Error> {
        let incomplete = |error| Error::internal().caused_by(error);
        let item = TransactWriteItem::builder();
        let item = match step {
            Step::Update { key, expression } => item.update(
                Update::builder()
                    .table_name(&self.table.name)
                    .key(PARTITION, text(&key.partition))
                    .key(SORT, text(key::RECORD))
                    .update_expression(expression.update_expression())
                    .set_condition_expression(expression.condition_expression())
                    .set_expression_attribute_values(expression.attribute_values())
                    .set_expression_attribute_names(Some(expression.names))
                    .build()
                    .map_err(incomplete)?,
            ),
            Step::Put { item: put, condition } => {
                let condition = condition.unwrap_or_default();
                item.put(
                    Put::builder()
                        .table_name(&self.table.name)
                        .set_item(Some(put))
                        .set_condition_expression(condition.condition_expression())
                        .set_expression_attribute_values(condition.attribute_values())
                        .set_expression_attribute_names(Some(condition.names).filter(|names| !names.is_empty()))
                        .build()
                        .map_err(incomplete)?,
                )
            }
            Step::Delete { partition, sort } => item.delete(
                Delete::builder()
                    .table_name(&self.table.name)
                    .key(PARTITION, text(partition))
                    .key(SORT, text(sort))
                    .build()
                    .map_err(incomplete)?,
            ),
        };
        Ok(item.build())
    }
}

/// Whether a single write was refused by its condition or for its item's size, rather than failed.
fn refused<E: ProvideErrorMetadata>(error: Option<&E>) -> Option<Outcome> {
    let error = error?;
    match error.code()? {
        "ConditionalCheckFailedException" => Some(Outcome::Refused(vec![0])),
        "ValidationException" if says_too_large(error.message()) => Some(Outcome::Refused(vec![0])),
        "TransactionConflictException" => Some(Outcome::Collided),
        _ => None,
    }
}

/// DynamoDB has no code of its own for an item above 400 KB: only its message tells.
fn says_too_large(message: Option<&str>) -> bool {
    message.is_some_and(|message| message.contains("Item size"))
}
