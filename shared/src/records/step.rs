//! Steps: writes of single items, alone or in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnConsumedCapacity, TransactWriteItem, Update};

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
}

/// Expressions of a write, with the names and values they speak of.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    pub(super) sets: Vec<String>,
    removes: Vec<String>,
    pub(super) conditions: Vec<String>,
    pub(super) names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
    pub(super) bytes: usize,
}

impl Expression {
    pub(super) fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{}", self.names.len());
        self.bytes += attribute.len();
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":{}", self.values.len());
        self.bytes += value.as_s().map_or(8, String::len);
        self.values.insert(name.clone(), value);
        name
    }

    pub(super) fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name}={value}"));
    }

    pub(super) fn fill(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name}=if_not_exists({name},{value})"));
    }

    pub(super) fn remove(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.removes.push(name);
    }

    pub(super) fn require(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.conditions.push(format!("{name}={value}"));
    }

    pub(super) fn require_none(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.conditions.push(format!("attribute_not_exists({name})"));
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
            },
            _ => self.transact(steps).await,
        }
    }

    async fn update_item(&self, key: &RecordKey, expression: Expression) -> Result<Outcome, Error> {
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
