//! Deleting records.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::backoff::Backoff;
use super::batch::WRITES_PER_CALL;
use super::change::Content;
use super::item::{self, FILES, REVISION, Shape, numeral};
use super::key::RecordKey;
use super::read::Stored;
use super::step::{Expression, Outcome};
use super::{Feature, Record, Slot, Writer, author, budget};
use crate::Error;
use crate::contract::Id;
use crate::scope::Scope;

/// Calls that a sweep keeps for what comes after it.
const CALLS_KEPT: u32 = 4;

/// How long a deleted record is remembered: longer than a stale view of it is open anywhere.
const REMEMBERED: Duration = Duration::from_hours(720);

/// Most slots that a tombstone remembers: far below what an item holds.
const MOST_REMEMBERED: usize = 1_000;

impl Writer {
    /// Deletes a record of `scope`. One that is not there is deleted already.
    ///
    /// A tombstone takes its place, and then everything beside it is deleted: the chunks of a split record, and whatever a
    /// save left that was cut off. Two calls, and more for what stands beside it; a failure there is answered as such, and
    /// the same delete again completes it.
    ///
    /// # Errors
    /// [`Error::unavailable`] when it could not be made durable, [`Error::more_to_delete`] when it is not complete yet.
    pub async fn delete(&self, feature: &Feature, scope: &Scope, id: &Id) -> Result<(), Error> {
        self.delete_after(feature, scope, id, |_| std::future::ready(Ok(()))).await
    }

    /// As [`Writer::delete`]; a record that names files is first read and given to `first`, and deleted when that is done.
    /// Where somebody changed it meanwhile, all is done again.
    ///
    /// # Errors
    /// As [`Writer::delete`], or that of `first`: the record is then still there, so that a retry finds its files.
    pub async fn delete_after<F>(
        &self,
        feature: &Feature,
        scope: &Scope,
        id: &Id,
        first: impl Fn(Record) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let key = RecordKey::new(feature, scope, id);
        let mut backoff = Backoff::default();
        let is_limited = feature.in_documents && scope.is_limited();
        let author = author::checked(feature, scope);
        while is_limited || author.is_some() || !self.delete_unread(&key, id).await? {
            let stored = self.reader.load(&key).await?;
            let is_there = stored.shape.is_there();
            if is_limited && is_there && !scope.allows(&stored.content.place) {
                // For this caller it does not exist, and that is deleted already.
                return Ok(());
            }
            if stored.shape == Shape::Absent {
                // A tombstone made on nothing could be of a record that somebody else makes, in another document.
                return Ok(());
            }
            if let Some(author) = author.filter(|_| is_there) {
                author::check_delete(author, feature, &stored.content)?;
            }
            if stored.content.holds_files {
                let Content { place, slots, .. } = stored.content.clone();
                first(Record { id: id.clone(), place, slots }).await?;
            }
            if self.delete_read(&key, id, &stored).await? {
                break;
            }
            backoff.wait().await?;
        }
        self.sweep(&key).await
    }

    /// Deletes a record that was read, and remembers which slots it had: a save with [`Rule::UnlessDeleted`] that brings the
    /// same again leaves it deleted, and one that brings others makes it anew.
    ///
    /// # Errors
    /// As [`Writer::delete`].
    ///
    /// [`Rule::UnlessDeleted`]: super::change::Rule::UnlessDeleted
    pub async fn delete_remembering(&self, feature: &Feature, scope: &Scope, record: &Record) -> Result<(), Error> {
        let key = RecordKey::new(feature, scope, &record.id);
        let mut backoff = Backoff::default();
        while !self.bury(&key, &record.id, record.slots.keys(), Expression::default()).await? {
            backoff.wait().await?;
        }
        self.sweep(&key).await
    }

    /// Deletes a record where nothing has to be known of it; whether so.
    async fn delete_unread(&self, key: &RecordKey, id: &Id) -> Result<bool, Error> {
        let mut without_files = Expression::default();
        without_files.require_none(FILES);
        self.put_tombstone(key, id, without_files).await
    }

    /// Deletes a record as it was read; whether nobody came between.
    async fn delete_read(&self, key: &RecordKey, id: &Id, stored: &Stored) -> Result<bool, Error> {
        let Some(revision) = stored.revision else { return Ok(false) };
        let mut seen = Expression::default();
        seen.require_revision(revision);
        self.put_tombstone(key, id, seen).await
    }

    /// Puts a tombstone in a record's place on a condition; whether it held.
    async fn put_tombstone(&self, key: &RecordKey, id: &Id, condition: Expression) -> Result<bool, Error> {
        self.bury(key, id, [], condition).await
    }

    /// Puts a tombstone that remembers slots in a record's place on a condition; whether it held.
    async fn bury<'a>(
        &self,
        key: &RecordKey,
        id: &Id,
        remembered: impl IntoIterator<Item = &'a Slot>,
        condition: Expression,
    ) -> Result<bool, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let remembered = remembered.into_iter().take(MOST_REMEMBERED);
        let tombstone = item::tombstone(key, id, now.as_secs(), (now + REMEMBERED).as_secs(), remembered);
        match self.put_item(tombstone, Some(condition)).await? {
            Outcome::Done => Ok(true),
            Outcome::Refused(_) | Outcome::Collided => Ok(false),
        }
    }

    /// Deletes everything of a record's partition that its first item does not name.
    ///
    /// By reading the partition and not by what was stored of the record: that finds what any earlier save left, too. What
    /// is not named may also be what somebody else's save is about to name. So the revision is made larger before anything
    /// is deleted: that save was prepared for the revision before, is refused, and writes its chunks again.
    ///
    /// # Errors
    /// [`Error::more_to_delete`] where it is more than one request may; the same again goes on from there.
    pub(super) async fn sweep(&self, key: &RecordKey) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        loop {
            let beside = self.reader.beside(&key.partition).await?;
            if beside.strays.is_empty() {
                return if beside.is_all { Ok(()) } else { Err(Error::more_to_delete()) };
            }
            if !self.renew(key, beside.revision).await? {
                backoff.wait().await?;
                continue;
            }
            let most = WRITES_PER_CALL * budget::calls_left().saturating_sub(CALLS_KEPT).max(1) as usize;
            let is_all = beside.is_all && beside.strays.len() <= most;
            self.delete_all(key, beside.strays.into_iter().take(most).collect()).await?;
            return if is_all { Ok(()) } else { Err(Error::more_to_delete()) };
        }
    }

    /// Makes the revision of a record's first item larger; whether it was still the one given.
    async fn renew(&self, key: &RecordKey, revision: Option<u64>) -> Result<bool, Error> {
        // Nothing that is named by no first item can become so.
        let Some(revision) = revision else { return Ok(true) };
        let mut expression = Expression::default();
        expression.require_revision(revision);
        expression.increase(REVISION, numeral(item::first_revision()));
        match self.update_item(key, expression).await? {
            Outcome::Done => Ok(true),
            Outcome::Refused(_) | Outcome::Collided => Ok(false),
        }
    }
}
