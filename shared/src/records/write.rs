//! Saving records.
//!
//! A save that fits an update expression is one `UpdateItem`, which reads nothing: DynamoDB applies the rules of each
//! change itself. What it can't say (a rule that combines, hundreds of changes, a record that is split or deleted) is
//! read, merged by [`super::change`] and written on the condition that nobody wrote between. Both are *steps*; several
//! records' steps go into one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::backoff::Backoff;
use super::change::{Content, Move, Rule, Save, merge};
use super::item::{self, DELETED, GENERATION, Generation, Item, REVISION, Shape, numeral};
use super::key::{self, RecordKey};
use super::read::Stored;
use super::step::{Expression, Outcome, Step};
use super::table::{BY_DOCUMENT, BY_FOLDER, PARTITION};
use super::{Authors, Feature, Writer, author, budget, split};
use crate::Error;
use crate::error::Kind;
use crate::limits;

/// Most bytes of an inline record that this code writes: an item ends at 400 KB, and an update may add to it.
const INLINE_BYTES: usize = 380 * 1000;

/// The longest attribute name that this code writes, in bytes: DynamoDB's limit is 64 KB.
const LONGEST_NAME: usize = 60_000;

/// Most items of one transaction: DynamoDB's limit.
const STEPS_PER_TRANSACTION: usize = 100;

/// Most bytes of one transaction: DynamoDB's limit is 4 MB.
const TRANSACTION_BYTES: usize = 3_500_000;

/// Most changes that are tried as an update expression, which holds 300 operators at most.
const MOST_CHANGES: usize = 300;

/// Records of one save that are not read to find out what writing them costs: three items of 400 KB, in the table and two
/// indexes, are below [`limits::UNITS`].
const UNREAD_RECORDS: usize = 3;

/// Units for each KB of a record that is written in a transaction: two for the item, and one for its copy in each of two
/// indexes.
const UNITS_PER_KILOBYTE: usize = 4;

/// About how many bytes a record's first item takes without its values.
const BARE_BYTES: usize = 600;

/// Calls that are kept for cleaning up before a save gives up.
const CALLS_KEPT: u32 = 12;

/// What is left to do for one record of a save.
#[derive(Debug)]
struct Plan<'a> {
    save: &'a Save,
    key: RecordKey,
    /// None until the record was read, for what an update expression can't say.
    steps: Option<Vec<Step>>,
    /// A generation that was written beforehand, as it is too large for a transaction. If the steps are refused, nothing
    /// names it.
    staged: Option<Generation>,
    /// Sort keys of what nothing names once the steps are done.
    leftovers: Vec<String>,
    /// Whether the steps write all of the record anew, after which what an earlier save left is looked for.
    is_whole: bool,
}

impl Writer {
    /// Saves records, none of them twice: all of them or none while they fit one transaction (100 items, 4 MB), and above that
    /// one part after another. A failure may then leave a part stored, and the same save again completes it.
    ///
    /// Saving the same again changes nothing.
    ///
    /// # Errors
    /// [`Error::conflict`] where a rule forbids the change; [`Error::record_too_large`]; [`Error::unavailable`] when it could
    /// not be made durable.
    pub async fn save(&self, feature: &Feature, saves: &[Save]) -> Result<(), Error> {
        let values: usize = saves.iter().map(|save| save.changes.len()).sum();
        if values > limits::VALUES {
            return Err(Error::too_many_values(feature.name, values));
        }
        let mut plans: Vec<Plan<'_>> = saves
            .iter()
            .map(|save| {
                let key = RecordKey::new(feature, &save.scope, &save.id);
                let steps = update(feature, &key, save).map(|step| vec![step]);
                Plan { save, key, steps, staged: None, leftovers: Vec::new(), is_whole: false }
            })
            .collect();
        let mut read = self.check_cost(feature, &plans).await?;
        let mut backoff = Backoff::default();
        let mut is_again = false;
        while !plans.is_empty() {
            // Every record is looked at before the first is written, so that one that is refused refuses the whole save.
            if let Err(error) = self.prepare(feature, &mut plans, &mut read).await {
                // Not what was asked for is too much to read, but what was spent on attempts that others were in the way of.
                let is_spent = is_again && error.kind() == Kind::AnswerTooLarge;
                let error = if is_spent { Error::unavailable().caused_by(error) } else { error };
                return self.give_up(plans, error).await;
            }
            is_again = true;
            let transaction = next_transaction(&plans);
            let steps: Vec<Step> =
                plans[..transaction].iter().flat_map(|plan| plan.steps.iter().flatten().cloned()).collect();
            let outcome = match self.write(steps).await {
                Ok(outcome) => outcome,
                Err(error) => return self.give_up(plans, error).await,
            };
            match outcome {
                Outcome::Done => {
                    for plan in plans.drain(..transaction) {
                        self.clean_up(plan).await;
                    }
                    continue;
                }
                Outcome::Refused(refused) => {
                    let mut first = 0;
                    for plan in &mut plans[..transaction] {
                        let count = plan.steps.as_ref().map_or(0, Vec::len);
                        let was_update = matches!(plan.steps.as_deref(), Some([Step::Update { .. }]));
                        if refused.iter().any(|index| (first..first + count).contains(index)) {
                            self.withdraw(plan).await?;
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
            if budget::calls_left() < CALLS_KEPT {
                let error = Error::unavailable().caused_by("others wrote the same records each time");
                return self.give_up(plans, error).await;
            }
        }
        Ok(())
    }

    /// Refuses a save of several records that would cost more than a request may, before the first is written: what a write
    /// costs is the size of the record that it changes, which only reading it tells. A save of a few records is not read for
    /// that, as the largest ones cost less. The records that were read, by their partitions.
    async fn check_cost(&self, feature: &Feature, plans: &[Plan<'_>]) -> Result<HashMap<String, Stored>, Error> {
        if plans.len() <= UNREAD_RECORDS {
            return Ok(HashMap::new());
        }
        let keys: Vec<&RecordKey> = plans.iter().map(|plan| &plan.key).collect();
        let stored = self.reader.load_all(&keys).await?;
        let units = plans.iter().map(|plan| {
            let known = stored.get(&plan.key.partition).map_or(0, |stored| item::bytes(stored.content.slots.iter()));
            let values = plan.save.changes.iter().map(|change| (&change.slot, &change.value));
            let kilobytes = (known + item::bytes(values) + BARE_BYTES).div_ceil(1024);
            u32::try_from(kilobytes * UNITS_PER_KILOBYTE + 1).unwrap_or(u32::MAX)
        });
        let units: f64 = units.map(f64::from).sum();
        if units > limits::UNITS { Err(Error::save_too_large(feature.name, units)) } else { Ok(stored) }
    }

    /// Works out the steps of records where that was not done yet, from what is stored of them: `read`, which is taken, or
    /// what is read now.
    async fn prepare(
        &self,
        feature: &Feature,
        plans: &mut [Plan<'_>],
        read: &mut HashMap<String, Stored>,
    ) -> Result<(), Error> {
        let unread: Vec<&RecordKey> = plans.iter().filter(|plan| plan.steps.is_none()).map(|plan| &plan.key).collect();
        let mut stored = std::mem::take(read);
        if stored.is_empty() && !unread.is_empty() {
            stored = self.reader.load_all(&unread).await?;
        }
        for plan in plans.iter_mut().filter(|plan| plan.steps.is_none()) {
            let stored = stored.remove(&plan.key.partition).unwrap_or_default();
            let is_staged = plan.staged.take().is_some_and(|staged| is_named(&stored, &staged));
            if is_staged {
                // Refused by its own work: the answer of the first attempt was lost, and the call, made again, met it.
                plan.steps = Some(Vec::new());
                continue;
            }
            self.work_out(feature, plan, stored).await?;
        }
        Ok(())
    }

    /// Works out the steps that make of a record what its save says.
    async fn work_out(&self, feature: &Feature, plan: &mut Plan<'_>, mut stored: Stored) -> Result<(), Error> {
        let is_deleted = stored.shape == Shape::Deleted;
        if is_deleted {
            // A tombstone does not say whose the record was and where it stood. So whoever is checked for that makes none
            // anew: its id would be theirs.
            let is_checked = author::checked(feature, &plan.save.scope).is_some()
                || (feature.in_documents && feature.authors != Authors::Unknown && plan.save.scope.is_limited());
            if !plan.save.revives || is_checked {
                plan.steps = Some(Vec::new());
                return Ok(());
            }
            // Nothing but the slots that the tombstone remembers: they stay deleted.
            stored.content = Content { slots: stored.content.slots, ..Content::default() };
        }
        // Whose the record is decides before anything is compared, and where it would stand afterwards too.
        if feature.in_documents && stored.shape.is_there() {
            plan.save.scope.check(&stored.content.place)?;
        }
        let next = match author::checked(feature, &plan.save.scope) {
            None => merge(&stored.content, plan.save)?,
            Some(author) => {
                author::merge(author, feature, stored.shape.is_there().then_some(&stored.content), plan.save)?
            }
        };
        if feature.in_documents {
            plan.save.scope.check(&next.place)?;
        }
        let is_remembered = !next.slots.is_empty() && next.slots == stored.content.slots;
        if stored.revision.is_some() && if is_deleted { is_remembered } else { next == stored.content } {
            plan.steps = Some(Vec::new());
            return Ok(());
        }
        plan.leftovers.clone_from(&stored.layout.strays);
        let seen = condition(&stored);
        let revision = item::next_revision(stored.revision);
        let path = format!("{}.{}", feature.name, plan.save.id);
        let mut head = item::bare(feature, &plan.save.scope, &plan.key, &plan.save.id, &next, revision);
        if let Shape::Split(generation) = &stored.shape {
            let rewritten = stored.layout.rewrite(&plan.key, generation, &stored.content, &next, &path)?;
            head.extend(split::named_by(&rewritten.generation));
            let mut steps = vec![Step::Put { item: head.clone(), condition: Some(seen.clone()) }];
            steps.extend(rewritten.steps);
            if fits_transaction(&steps) {
                plan.steps = Some(steps);
                return Ok(());
            }
        } else {
            let fits = item::bytes(next.slots.iter()) + item::size(&head) <= INLINE_BYTES;
            let is_nameable = next.slots.keys().all(|slot| item::attribute(slot).len() <= LONGEST_NAME);
            if fits && is_nameable {
                let values = next.slots.iter();
                head.extend(values.map(|(slot, value)| (item::attribute(slot), item::encode(value.as_ref()))));
                plan.steps = Some(vec![Step::Put { item: head, condition: Some(seen) }]);
                // The delete of the old one may have been cut off.
                plan.is_whole = is_deleted;
                return Ok(());
            }
        }
        let (generation, chunks) = split::generation(&plan.key, next.slots.iter(), &path)?;
        head.extend(split::named_by(&generation));
        plan.steps = Some(self.whole(plan, head, seen, &generation, chunks).await?);
        Ok(())
    }

    /// The steps that write a record in a new generation: one transaction, or where that is too large, its first item after
    /// the rest was staged.
    async fn whole(
        &self,
        plan: &mut Plan<'_>,
        head: Item,
        seen: Expression,
        generation: &Generation,
        chunks: Vec<Item>,
    ) -> Result<Vec<Step>, Error> {
        plan.is_whole = true;
        let head = Step::Put { item: head, condition: Some(seen) };
        let mut steps = vec![head.clone()];
        steps.extend(chunks.iter().cloned().map(|item| Step::Put { item, condition: None }));
        if fits_transaction(&steps) {
            return Ok(steps);
        }
        plan.staged = Some(generation.clone());
        self.stage(chunks).await?;
        Ok(vec![head])
    }

    /// Forgets the steps of a plan that were refused, and deletes what was staged for them.
    async fn withdraw(&self, plan: &mut Plan<'_>) -> Result<(), Error> {
        plan.steps = None;
        plan.leftovers.clear();
        plan.is_whole = false;
        if plan.staged.is_some() && !self.unstage(plan).await? {
            // Its own work: `prepare` finds that again, and is done.
            return Ok(());
        }
        plan.staged = None;
        Ok(())
    }

    /// Deletes what was staged for a plan, and nothing else: what others staged, they are about to name. False where the
    /// record names it, as the plan took effect after all.
    async fn unstage(&self, plan: &Plan<'_>) -> Result<bool, Error> {
        let Some(staged) = &plan.staged else { return Ok(true) };
        let beside = self.reader.beside(&plan.key.partition).await?;
        let own = key::chunks_of(&staged.name);
        let strays = beside.strays.into_iter().filter(|sort| sort.starts_with(&own)).collect();
        self.delete_all(&plan.key, strays).await?;
        Ok(beside.generation.as_deref() != Some(&staged.name))
    }

    /// Ends a save that failed, and deletes what it staged, unless it took effect all the same.
    async fn give_up(&self, plans: Vec<Plan<'_>>, error: Error) -> Result<(), Error> {
        for plan in &plans {
            if let Err(error) = self.unstage(plan).await {
                tracing::warn!(code = error.kind().code(), "what a save staged could not be deleted");
            }
        }
        Err(error)
    }

    /// Deletes what nothing refers to any more. The save is durable already, so a failure here is only logged: the next save
    /// that reads the record, and its delete, find it again.
    async fn clean_up(&self, plan: Plan<'_>) {
        let cleaned =
            if plan.is_whole { self.sweep(&plan.key).await } else { self.delete_all(&plan.key, plan.leftovers).await };
        if let Err(error) = cleaned {
            tracing::warn!(code = error.kind().code(), "what a save left could not be deleted");
        }
    }
}

fn is_named(stored: &Stored, staged: &Generation) -> bool {
    matches!(&stored.shape, Shape::Split(generation) if generation.name == staged.name)
}

fn fits_transaction(steps: &[Step]) -> bool {
    steps.len() <= STEPS_PER_TRANSACTION && steps.iter().map(Step::bytes).sum::<usize>() <= TRANSACTION_BYTES
}

/// The save as one update expression, where one can say it.
fn update(feature: &Feature, key: &RecordKey, save: &Save) -> Option<Step> {
    if (feature.in_documents && save.scope.is_limited()) || author::checked(feature, &save.scope).is_some() {
        return None;
    }
    // An operator is the least that a change is.
    if save.changes.len() > MOST_CHANGES {
        return None;
    }
    let mut expression = Expression::default();
    expression.require_none(GENERATION);
    expression.require_none(DELETED);
    expression.increase(REVISION, numeral(item::first_revision()));
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
        match &change.rule {
            Rule::Missing => expression.fill(&attribute, value),
            Rule::Set => expression.set(&attribute, value),
            Rule::Once => expression.fill_once(&attribute, value),
            Rule::UnlessDeleted => expression.set_unless_deleted(&attribute, value),
            Rule::Combine(_) | Rule::CombineOwn(..) => return None,
        }
    }
    let is_nameable = expression.names.values().all(|name| name.len() <= LONGEST_NAME);
    let fits = is_nameable && expression.bytes <= INLINE_BYTES && expression.is_within_limits();
    fits.then(|| Step::Update { key: key.clone(), expression })
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
        Some(revision) => condition.require_revision(*revision),
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
