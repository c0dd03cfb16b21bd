//! Deleting records.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::backoff::Backoff;
use super::change::Content;
use super::item::{self, FILES, GENERATION, Item, REVISION, Shape, text};
use super::key::{self, RecordKey};
use super::read::Stored;
use super::step::{Expression, Outcome};
use super::table::{PARTITION, SORT};
use super::{Feature, Record, Writer, author};
use crate::Error;
use crate::aws::failed;
use crate::contract::Id;
use crate::notes;
use crate::scope::Scope;

/// How long a deleted record is remembered: longer than a stale view of it is open anywhere.
const REMEMBERED: Duration = Duration::from_hours(720);

impl Writer {
    /// Deletes a record of `scope`. One that is not there is deleted already.
    ///
    /// One call, and more only for a wide record, whose values are deleted one by one: a failure there is answered as
    /// such, and the same delete again completes it.
    ///
    /// # Errors
    /// [`Error::unavailable`] when it could not be made durable.
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
        while is_limited || author.is_some() || !self.delete_unread(feature, &key, id).await? {
            let stored = self.reader.load(&key).await?;
            let is_there = stored.shape.is_there();
            if is_limited && is_there && !scope.allows(&stored.content.place) {
                // For this caller it does not exist, and that is deleted already.
                return Ok(());
            }
            if matches!(stored.shape, Shape::Absent) {
                // A marker made on nothing could be of a record that somebody else makes, in another document.
                return Ok(());
            }
            if let Some(author) = author.filter(|_| is_there) {
                author::check_delete(author, &stored.content)?;
            }
            if stored.content.holds_files {
                let Content { place, slots, .. } = stored.content.clone();
                first(Record { id: id.clone(), place, slots }).await?;
            }
            if self.delete_read(feature, &key, id, &stored).await? {
                break;
            }
            backoff.wait().await?;
        }
        Ok(())
    }

    /// Deletes a record's item, or puts a marker in its place, where nothing has to be known of it; whether so.
    async fn delete_unread(&self, feature: &Feature, key: &RecordKey, id: &Id) -> Result<bool, Error> {
        let mut plain = Expression::default();
        plain.require_none(GENERATION);
        plain.require_none(FILES);
        self.delete_item(feature, key, id, plain).await
    }

    /// Deletes a record as it was read; whether nobody came between.
    async fn delete_read(&self, feature: &Feature, key: &RecordKey, id: &Id, stored: &Stored) -> Result<bool, Error> {
        let Some(revision) = &stored.revision else { return Ok(false) };
        let mut seen = Expression::default();
        seen.require(REVISION, text(revision));
        let (Shape::Wide(generation) | Shape::Deleted(Some(generation))) = &stored.shape else {
            return self.delete_item(feature, key, id, seen).await;
        };
        // Deleted for readers at once, while its values still are to be swept away.
        let mut sweeping = marker(key, id);
        sweeping.insert(GENERATION.to_owned(), text(generation));
        if !self.put_marker(sweeping, seen).await? {
            return Ok(false);
        }
        self.sweep(key, generation).await?;
        let mut swept = Expression::default();
        swept.require(GENERATION, text(generation));
        if self.put_marker(marker(key, id), swept).await? && !feature.remembers_deletions {
            return self.delete_unread(feature, key, id).await;
        }
        Ok(true)
    }

    /// Deletes the record's item, or puts a marker in its place, on a condition; whether it held.
    async fn delete_item(
        &self,
        feature: &Feature,
        key: &RecordKey,
        id: &Id,
        condition: Expression,
    ) -> Result<bool, Error> {
        if feature.remembers_deletions {
            return self.put_marker(marker(key, id), condition).await;
        }
        let sent = self
            .table
            .client
            .delete_item()
            .table_name(&self.table.name)
            .key(PARTITION, text(&key.partition))
            .key(SORT, text(key::RECORD))
            .set_condition_expression(condition.condition_expression())
            .set_expression_attribute_values(condition.attribute_values())
            .set_expression_attribute_names(Some(condition.names))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        notes::wrote(sent.as_ref().ok().and_then(|sent| sent.consumed_capacity()));
        match sent {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(failed("DeleteItem", &error)),
        }
    }

    /// Puts a marker on a condition; whether it held.
    async fn put_marker(&self, marker: Item, condition: Expression) -> Result<bool, Error> {
        match self.put_item(marker, Some(condition)).await? {
            Outcome::Done => Ok(true),
            Outcome::Refused(_) | Outcome::Collided => Ok(false),
        }
    }
}

fn marker(key: &RecordKey, id: &Id) -> Item {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    item::marker(key, id, now.as_secs(), (now + REMEMBERED).as_secs())
}
