//! Deleting files.

use shared::Error;
use shared::contract::Id;
use shared::records::{Feature, Record, Writer, in_parallel};
use shared::scope::Scope;
use shared::setup::{Setup, SetupError, Store};

use crate::attachment::{Attachment, Storage};
use crate::bucket::Buckets;
use crate::direct::PENDING;
use crate::link::Links;
use crate::named::Named;

/// Deletes files, with their records.
#[derive(Debug)]
pub struct FileRemover {
    buckets: Buckets,
    records: Writer,
    links: Links,
}

impl Store for FileRemover {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        Ok(Self { buckets: Buckets::open(setup), records: Writer::open(setup)?, links: Links::open(setup)? })
    }
}

impl FileRemover {
    /// Deletes every object of an attachment, and then its record. What is gone is deleted already. How many objects there
    /// were.
    ///
    /// By the keys' common beginning and not by the record: that finds what a save left that failed before its record.
    ///
    /// # Errors
    /// Not all could be deleted; the same again completes it.
    pub async fn delete(&self, attachment: &Attachment) -> Result<usize, Error> {
        let bucket = self.buckets.of(attachment.storage)?;
        if self.is_hidden(attachment).await? {
            return Ok(0);
        }
        let prefix = attachment.prefix();
        let objects = bucket.delete_all(&prefix).await? + bucket.delete_all(&format!("{PENDING}{prefix}")).await?;
        self.records.delete(attachment.storage.feature(), &attachment.scope, &attachment.record_id()?).await?;
        // What a save put in between, whose record is gone now.
        Ok(objects + bucket.delete_all(&prefix).await?)
    }

    /// Whether a file is not there for its caller, whose claims are limited to places that it does not stand in.
    async fn is_hidden(&self, attachment: &Attachment) -> Result<bool, Error> {
        if !attachment.scope.is_limited() {
            return Ok(false);
        }
        Ok(attachment.record(self.records.reader()).await?.is_none())
    }

    /// Deletes a record of `feature`, and before it the files of `storage` that it names, as `name` finds them.
    ///
    /// # Errors
    /// Not all could be deleted. The record is then still there, and the same again completes it.
    pub async fn delete_with_record(
        &self,
        feature: &Feature,
        scope: &Scope,
        id: &Id,
        storage: Storage,
        name: fn(&Record, &mut Named<'_>),
    ) -> Result<(), Error> {
        let first = |record: Record| async move {
            let mut named = Named::new(storage, scope, &record.place);
            name(&record, &mut named);
            let files = named.all(&self.links).await?;
            in_parallel(files.iter().map(|file| self.delete(file)).collect()).await.map(drop)
        };
        self.records.delete_after(feature, scope, id, first).await
    }
}
