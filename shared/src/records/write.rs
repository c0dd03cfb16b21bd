//! Saving records.
//!
//! A save that fits an update expression is one `UpdateItem`, which reads nothing: DynamoDB applies the rules of each
//! change itself. What it can't say (a rule that combines, hundreds of changes, a record that is wide or deleted) is
//! read, merged by [`super::change`] and written on the condition that nobody wrote between. Both are *steps*; several
//! records' steps go into one transaction.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::backoff::Backoff;
use super::change::{Content, Move, Rule, Save, merge};
use super::item::{self, DELETED, GENERATION, REVISION, Shape, text};
use super::key::RecordKey;
use super::read::Stored;
use super::step::{Expression, Outcome, Step};
use super::table::{BY_DOCUMENT, BY_FOLDER, PARTITION};
use super::{Feature, Slot, Writer, author, in_parallel, wide};
use crate::Error;
use crate::json::Json;

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
                            } else {
                                self.withdraw(plan).await;
                                // An update that was refused is read once, without waiting: nobody collided.
                                if !was_update {
                                    backoff.wait().await?;
                                }
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
        if feature.in_documents && stored.shape.is_there() {
            plan.save.scope.check(&stored.content.place)?;
        }
        let next = match author::checked(feature, &plan.save.scope) {
            None => merge(&stored.content, plan.save)?,
            Some(author) => {
                let next = merge(&stored.content, &author::without_views(plan.save, author, &stored.content))?;
                let known = stored.shape.is_there().then_some(&stored.content);
                author::check_save(author, feature, known, &next)?;
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
