//! Deleting records.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::item::{self, GENERATION, Item, REVISION, Shape, text};
use super::key::{self, RecordKey};
use super::table::{PARTITION, SORT};
use super::write::Backoff;
use super::{Feature, Writer};
use crate::Error;
use crate::contract::Id;
use crate::dynamo::failed;
use crate::scope::Scope;
use crate::usage;

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
        let key = RecordKey::new(feature, scope, id);
        let mut backoff = Backoff::default();
        while !(self.delete_packed(feature, &key, id).await? || self.delete_wide(feature, &key, id).await?) {
            backoff.wait().await?;
        }
        Ok(())
    }

    /// Deletes the record's item, or puts a marker in its place. Nothing is done to a wide one; the answer is no.
    async fn delete_packed(&self, feature: &Feature, key: &RecordKey, id: &Id) -> Result<bool, Error> {
        if feature.remembers_deletions {
            return self.put_marker(marker(key, id), "attribute_not_exists(#name)", GENERATION, None).await;
        }
        let sent = self
            .table
            .client
            .delete_item()
            .table_name(&self.table.name)
            .key(PARTITION, text(&key.partition))
            .key(SORT, text(key::RECORD))
            .condition_expression("attribute_not_exists(#name)")
            .expression_attribute_names("#name", GENERATION)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        usage::wrote(sent.as_ref().ok().and_then(|sent| sent.consumed_capacity()));
        match sent {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(failed("DeleteItem", &error)),
        }
    }

    /// Marks the record as deleted while its generation is still there, sweeps that, and then forgets it. The answer is
    /// no where somebody else came between, or the record is not wide any more.
    async fn delete_wide(&self, feature: &Feature, key: &RecordKey, id: &Id) -> Result<bool, Error> {
        let stored = self.reader.load(key).await?;
        let (Shape::Wide(generation) | Shape::Deleted(Some(generation)), Some(revision)) =
            (&stored.shape, &stored.revision)
        else {
            return Ok(false);
        };
        let mut sweeping = marker(key, id);
        sweeping.insert(GENERATION.to_owned(), text(generation));
        if !self.put_marker(sweeping, "#name = :value", REVISION, Some(revision)).await? {
            return Ok(false);
        }
        self.sweep(key, generation).await?;
        let swept = self.put_marker(marker(key, id), "#name = :value", GENERATION, Some(generation)).await?;
        if swept && !feature.remembers_deletions {
            return self.delete_packed(feature, key, id).await;
        }
        Ok(true)
    }

    /// Puts a marker on a condition; whether it held.
    async fn put_marker(
        &self,
        marker: Item,
        condition: &str,
        name: &str,
        value: Option<&String>,
    ) -> Result<bool, Error> {
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(marker))
            .condition_expression(condition)
            .expression_attribute_names("#name", name);
        let put = match value {
            Some(value) => put.expression_attribute_values(":value", text(value)),
            None => put,
        };
        let sent = put.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        usage::wrote(sent.as_ref().ok().and_then(|sent| sent.consumed_capacity()));
        match sent {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(failed("PutItem", &error)),
        }
    }
}

fn marker(key: &RecordKey, id: &Id) -> Item {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    item::marker(key, id, now.as_secs(), (now + REMEMBERED).as_secs())
}
