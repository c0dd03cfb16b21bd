//! Saving records.
//!
//! A save that fits an update expression is one `UpdateItem`, which reads nothing: DynamoDB applies the rules of each
//! change itself. What it can't say (a rule that combines, hundreds of changes, a record that is wide or deleted) is
//! read, merged by [`super::change`] and written on the condition that nobody wrote between. Both are *steps*; several
//! records' steps go into one transaction.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnConsumedCapacity, TransactWriteItem, Update};

use super::change::{Content, Move, Rule, Save, merge};
use super::item::{self, DELETED, GENERATION, Item, REVISION, Shape, text};
use super::key::{self, RecordKey};
use super::read::Stored;
use super::table::{BY_DOCUMENT, BY_FOLDER, PARTITION, SORT};
use super::{Feature, Slot, Writer, author, in_parallel, wide};
use crate::Error;
use crate::aws::failed;
use crate::json::Json;
use crate::usage;

/// Most changes in one update expression: it ends at 4 KB, of which a change takes up to 32 bytes.
const CHANGES_PER_UPDATE: usize = 100;

/// Most bytes of a packed record that this code writes: an item ends at 400 KB, and an update may add to it.
const PACKED_BYTES: usize = 380 * 1000;

/// The longest attribute name that this code writes, in bytes: DynamoDB's limit is 64 KB.
const LONGEST_NAME: usize = 60_000;

/// Most items of one transaction: DynamoDB's limit.
const STEPS_PER_TRANSACTION: usize = 100;

/// Most bytes of one transaction: DynamoDB's limit is 4 MB.
const TRANSACTION_BYTES: usize = 3_500_000;

/// Most values that are replaced within a wide record; above it, the record is written anew.
const REPLACED_VALUES: usize = 90;

/// Waits between attempts that collided, longer each time, by chance.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Attempts until a 503. With the waits below this is longer than a request may take under constant collisions.
    const ATTEMPTS: u32 = 60;
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_millis(500);

    pub(super) async fn wait(&mut self) -> Result<(), Error> {
        self.attempts += 1;
        if self.attempts >= Self::ATTEMPTS {
            return Err(Error::unavailable().caused_by("too many attempts collided"));
        }
        let longest = Self::FIRST.saturating_mul(1 << self.attempts.min(10)).min(Self::LONGEST);
        tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        Ok(())
    }
}

/// One item's write, as a call of its own or as part of a transaction.
#[derive(Clone, Debug)]
enum Step {
    Update { key: RecordKey, expression: Expression },
    Put { item: Item, condition: Option<Expression> },
}

/// Expressions of a write, with the names and values they speak of.
#[derive(Clone, Debug, Default)]
pub(super) struct Expression {
    sets: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    pub(super) names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
    bytes: usize,
}

impl Expression {
    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#{}", self.names.len());
        self.bytes += attribute.len();
        self.names.insert(name.clone(), attribute.to_owned());
        name
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":{}", self.values.len());
        self.bytes += value.as_s().map_or(8, String::len);
        self.values.insert(name.clone(), value);
        name
    }

    fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name}={value}"));
    }

    fn fill(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(value));
        self.sets.push(format!("{name}=if_not_exists({name},{value})"));
    }

    fn remove(&mut self, attribute: &str) {
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
    fn bytes(&self) -> usize {
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

/// What is left to do for one record of a save.
#[derive(Debug)]
struct Plan<'a> {
    save: &'a Save,
    key: RecordKey,
    /// None until the record was read, for what an update expression can't say.
    steps: Option<Vec<Step>>,
    /// A generation written for `steps`, that nothing names if they are refused.
    written: Option<String>,
    /// What `steps` make unreachable.
    leftovers: Leftovers,
}

#[derive(Debug, Default)]
struct Leftovers {
    generation: Option<String>,
    sorts: Vec<String>,
}

impl Writer {
    /// Saves records, none of them twice: all of them or none while they fit one transaction (100 items, 4 MB), and above that
    /// one part after another. A failure may then leave a part stored, and the same save again completes it.
    ///
    /// Saving the same again changes nothing.
    ///
    /// # Errors
    /// [`Error::conflict`] where a rule forbids the change; [`Error::unavailable`] when it could not be made durable.
    pub async fn save(&self, feature: &Feature, saves: &[Save]) -> Result<(), Error> {
        let mut plans: Vec<Plan<'_>> = saves
            .iter()
            .map(|save| {
                let key = RecordKey::new(feature, &save.scope, &save.id);
                let steps = update(feature, &key, save).map(|step| vec![step]);
                Plan { save, key, steps, written: None, leftovers: Leftovers::default() }
            })
            .collect();
        let mut backoff = Backoff::default();
        while !plans.is_empty() {
            plans = in_parallel(plans.into_iter().map(|plan| self.prepare(feature, plan)).collect()).await?;
            let transaction = next_transaction(&plans);
            let steps: Vec<Step> =
                plans[..transaction].iter().flat_map(|plan| plan.steps.iter().flatten().cloned()).collect();
            match self.write(steps).await? {
                Outcome::Done => {
                    for plan in plans.drain(..transaction) {
                        self.clean_up(&plan.key, plan.leftovers).await;
                    }
                }
                Outcome::Refused(refused) => {
                    let mut first = 0;
                    for plan in &mut plans[..transaction] {
                        let count = plan.steps.as_ref().map_or(0, Vec::len);
                        let was_update = matches!(plan.steps.as_deref(), Some([Step::Update { .. }]));
                        if refused.iter().any(|index| (first..first + count).contains(index)) {
                            if self.was_written(plan).await? {
                                plan.steps = Some(Vec::new());
                                first += count;
                                continue;
                            }
                            self.withdraw(plan).await;
                            // An update that was refused is read once, without waiting: nobody collided.
                            if !was_update {
                                backoff.wait().await?;
                            }
                        }
                        first += count;
                    }
                }
                Outcome::Collided => backoff.wait().await?,
            }
        }
        Ok(())
    }

    /// Reads the record and works out its steps, where that was not done yet.
    async fn prepare<'a>(&self, feature: &Feature, mut plan: Plan<'a>) -> Result<Plan<'a>, Error> {
        if plan.steps.is_some() {
            return Ok(plan);
        }
        let mut stored = self.reader.load(&plan.key).await?;
        if let Shape::Deleted(unswept) = &stored.shape {
            if !plan.save.revives {
                plan.steps = Some(Vec::new());
                return Ok(plan);
            }
            plan.leftovers.generation.clone_from(unswept);
            stored.content = Content::default();
        }
        if feature.in_documents && matches!(stored.shape, Shape::Packed | Shape::Wide(_)) {
            plan.save.scope.check(&stored.content.place)?;
        }
        let next = match author::checked(feature, &plan.save.scope) {
            None => merge(&stored.content, plan.save)?,
            Some(author) => {
                let next = merge(&stored.content, &author::without_views(plan.save, author, &stored.content))?;
                let is_there = matches!(stored.shape, Shape::Packed | Shape::Wide(_));
                author::check_save(author, feature, is_there.then_some(&stored.content), &next)?;
                next
            }
        };
        if feature.in_documents {
            plan.save.scope.check(&next.place)?;
        }
        let deleted = matches!(stored.shape, Shape::Deleted(_));
        if next == stored.content && stored.revision.is_some() && !deleted {
            plan.steps = Some(Vec::new());
            return Ok(plan);
        }
        let seen = condition(&stored);
        if let Shape::Wide(generation) = &stored.shape {
            if let Some(steps) = self.replace(feature, &mut plan, generation, &stored, &next).await? {
                plan.steps = Some(steps);
                return Ok(plan);
            }
            plan.leftovers.generation = Some(generation.clone());
        }
        let mut item = item::bare(feature, &plan.save.scope, &plan.key, &plan.save.id, &next);
        let fits = item::bytes(next.slots.iter()) + item::size(&item) <= PACKED_BYTES;
        let is_nameable = next.slots.keys().all(|slot| item::attribute(slot).len() <= LONGEST_NAME);
        if matches!(stored.shape, Shape::Wide(_)) || !fits || !is_nameable {
            let generation = self.write_generation(&plan.key, &next.slots).await?;
            item.insert(GENERATION.to_owned(), text(&generation));
            plan.written = Some(generation);
        } else {
            item.extend(next.slots.iter().map(|(slot, value)| (item::attribute(slot), item::encode(value.as_ref()))));
        }
        plan.steps = Some(vec![Step::Put { item, condition: Some(seen) }]);
        Ok(plan)
    }

    /// The steps that replace single values of a wide record, unless they are too many for a transaction.
    async fn replace(
        &self,
        feature: &Feature,
        plan: &mut Plan<'_>,
        generation: &str,
        stored: &Stored,
        next: &Content,
    ) -> Result<Option<Vec<Step>>, Error> {
        let changed: BTreeMap<&Slot, &Option<Json>> =
            next.slots.iter().filter(|(slot, value)| stored.content.slots.get(slot) != Some(value)).collect();
        if changed.len() > REPLACED_VALUES {
            return Ok(None);
        }
        let mut item = item::bare(feature, &plan.save.scope, &plan.key, &plan.save.id, next);
        item.insert(GENERATION.to_owned(), text(generation));
        let mut steps = vec![Step::Put { item, condition: Some(condition(stored)) }];
        let mut pieces = Vec::new();
        for (slot, value) in changed {
            let written = wide::encode(&plan.key, generation, slot, value.as_ref());
            pieces.extend(written.pieces);
            steps.push(Step::Put { item: written.item, condition: None });
            plan.leftovers.sorts.extend(stored.pieces.get(slot).into_iter().flatten().cloned());
        }
        if steps.iter().map(Step::bytes).sum::<usize>() > TRANSACTION_BYTES {
            plan.leftovers.sorts.clear();
            return Ok(None);
        }
        self.put_all(pieces).await?;
        Ok(Some(steps))
    }

    /// Makes the steps durable together.
    async fn write(&self, mut steps: Vec<Step>) -> Result<Outcome, Error> {
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
        usage::wrote(sent.as_ref().ok().and_then(|sent| sent.consumed_capacity()));
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
        usage::wrote(sent.as_ref().ok().and_then(|sent| sent.consumed_capacity()));
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
        usage::wrote(
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

    /// Whether a refused plan is in the table all the same: its answer was lost, and the call, made again, met its own work.
    async fn was_written(&self, plan: &Plan<'_>) -> Result<bool, Error> {
        let Some(written) = &plan.written else { return Ok(false) };
        Ok(matches!(self.reader.load(&plan.key).await?.shape, Shape::Wide(generation) if generation == *written))
    }

    /// Forgets the steps of a plan that were refused, and what was written for them.
    async fn withdraw(&self, plan: &mut Plan<'_>) {
        plan.steps = None;
        let leftovers = Leftovers { generation: plan.written.take(), sorts: Vec::new() };
        plan.leftovers = Leftovers::default();
        self.clean_up(&plan.key, leftovers).await;
    }

    /// Deletes what nothing refers to any more. The save is durable already, so a failure here is only logged.
    async fn clean_up(&self, key: &RecordKey, leftovers: Leftovers) {
        if let Some(generation) = leftovers.generation
            && let Err(error) = self.sweep(key, &generation).await
        {
            tracing::warn!(code = error.kind().code(), "a replaced generation could not be deleted");
        }
        if let Err(error) = self.delete_all(key, leftovers.sorts).await {
            tracing::warn!(code = error.kind().code(), "a replaced value could not be deleted");
        }
    }
}

/// The save as one update expression, where one can say it.
fn update(feature: &Feature, key: &RecordKey, save: &Save) -> Option<Step> {
    if (feature.in_documents && save.scope.is_limited()) || author::checked(feature, &save.scope).is_some() {
        return None;
    }
    let combines = save.changes.iter().any(|change| matches!(change.rule, Rule::Combine(_)));
    if combines || save.changes.len() > CHANGES_PER_UPDATE {
        return None;
    }
    let mut expression = Expression::default();
    expression.require_none(GENERATION);
    expression.require_none(DELETED);
    for (attribute, value) in item::identity(key, &save.id) {
        expression.set(attribute, value);
    }
    if save.holds_files {
        expression.set(item::FILES, AttributeValue::Bool(true));
    }
    place(&mut expression, &save.document, &[item::DOCUMENT, BY_DOCUMENT.partition], |id| {
        item::of_document(feature, &save.scope, id)
    });
    place(&mut expression, &save.folder, &[item::FOLDER, BY_FOLDER.partition], |id| {
        item::of_folder(feature, &save.scope, id)
    });
    for change in &save.changes {
        let attribute = item::attribute(&change.slot);
        let value = item::encode(change.value.as_ref());
        match change.rule {
            Rule::Missing => expression.fill(&attribute, value),
            Rule::Set => expression.set(&attribute, value),
            Rule::Once => {
                let (name, value) = (expression.name(&attribute), expression.value(value));
                expression.sets.push(format!("{name}=if_not_exists({name},{value})"));
                expression.conditions.push(format!("(attribute_not_exists({name}) OR {name}={value})"));
            }
            Rule::UnlessDeleted => {
                let (name, value) = (expression.name(&attribute), expression.value(value));
                expression.sets.push(format!("{name}={value}"));
                let null = expression.value(text("NULL"));
                expression.conditions.push(format!("NOT attribute_type({name},{null})"));
            }
            Rule::Combine(_) => return None,
        }
    }
    let is_nameable = expression.names.values().all(|name| name.len() <= LONGEST_NAME);
    (is_nameable && expression.bytes <= PACKED_BYTES).then(|| Step::Update { key: key.clone(), expression })
}

fn place(
    expression: &mut Expression,
    change: &Move,
    attributes: &[&str; 2],
    of: impl Fn(&crate::contract::Id) -> [(&'static str, AttributeValue); 2],
) {
    match change {
        Move::Keep => {}
        Move::Set(None) => attributes.iter().for_each(|attribute| expression.remove(attribute)),
        Move::Set(Some(id)) => of(id).into_iter().for_each(|(attribute, value)| expression.set(attribute, value)),
        Move::Fill(id) => of(id).into_iter().for_each(|(attribute, value)| expression.fill(attribute, value)),
    }
}

/// That the record is still as it was read.
fn condition(stored: &Stored) -> Expression {
    let mut condition = Expression::default();
    match &stored.revision {
        Some(revision) => condition.require(REVISION, text(revision)),
        None => condition.require_none(PARTITION),
    }
    condition
}

/// How many of the next plans go into one transaction: whole plans, within its limits, at least one.
fn next_transaction(plans: &[Plan<'_>]) -> usize {
    let (mut steps, mut bytes) = (0, 0);
    let fitting = plans.iter().take_while(|plan| {
        steps += plan.steps.as_ref().map_or(0, Vec::len);
        bytes += plan.steps.iter().flatten().map(Step::bytes).sum::<usize>();
        steps <= STEPS_PER_TRANSACTION && bytes <= TRANSACTION_BYTES
    });
    fitting.count().max(1)
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
