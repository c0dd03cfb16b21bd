//! Deleting files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use shared::Error;
use shared::contract::Id;
use shared::error::Kind;
use shared::records::{Feature, Filter, Record, Writer, in_parallel};
use shared::scope::Scope;
use shared::setup::{Setup, SetupError, Store};

use crate::attachment::{Attachment, Storage};
use crate::bucket::Buckets;
use crate::direct::PENDING;
use crate::link::Links;
use crate::named::Named;
use crate::renamed;

/// Most files that one request deletes. Each that is there takes two calls to DynamoDB and four to S3.
const FILES_PER_REQUEST: usize = 300;

/// Files that are deleted before the time is looked at.
const FILES_AT_ONCE: usize = 50;

/// How long one request deletes files, so that it can answer before it is given up.
const LONGEST: Duration = Duration::from_secs(15);

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
    /// Deletes the record of an attachment, and every object of it. What is gone is deleted already. How many objects there
    /// were.
    ///
    /// By the keys' common beginning and not by the record: that finds what a save left that failed before its record, and
    /// what a delete left that failed after it.
    ///
    /// # Errors
    /// Not all could be deleted; the same again completes it.
    pub async fn delete(&self, attachment: &Attachment) -> Result<usize, Error> {
        let mut records = self.records_of(std::slice::from_ref(attachment)).await?;
        self.delete_one(attachment, records.remove(&attachment.record_id()?)).await
    }

    /// The records of attachments of one storage scope and one organization, by their ids.
    async fn records_of(&self, attachments: &[Attachment]) -> Result<HashMap<Id, Record>, Error> {
        let Some(Attachment { storage, scope, .. }) = attachments.first() else { return Ok(HashMap::new()) };
        let ids = attachments.iter().map(Attachment::record_id).collect::<Result<Vec<_>, _>>()?;
        let filter = Filter { ids: Some(ids), ..Filter::default() };
        let records = self.records.reader().find(storage.feature(), scope, &filter).await?;
        Ok(records.into_iter().map(|record| (record.id.clone(), record)).collect())
    }

    async fn delete_one(&self, attachment: &Attachment, record: Option<Record>) -> Result<usize, Error> {
        let (feature, scope) = (attachment.storage.feature(), &attachment.scope);
        // Under the name that its document had when it was uploaded.
        let original = record.as_ref().and_then(|record| renamed::original(attachment, record));
        let mut objects = 0;
        if let Some(original) = original {
            let found = self.records_of(std::slice::from_ref(&original)).await?.remove(&original.record_id()?);
            objects = Box::pin(self.delete_one(&original, found)).await?;
        }
        // First, so that its link is dead from here on. What follows finds the objects without it.
        if let Some(record) = &record {
            self.records.delete_remembering(feature, scope, record).await?;
        } else if scope.is_limited()
            && !self.records.reader().is_deleted(feature, scope, &attachment.record_id()?).await?
        {
            // It stands where its caller's claims do not reach, or there is none.
            return Ok(0);
        }
        let bucket = self.buckets.of(attachment.storage)?;
        let prefix = attachment.prefix();
        Ok(objects + bucket.delete_all(&prefix).await? + bucket.delete_all(&format!("{PENDING}{prefix}")).await?)
    }

    /// Deletes the files that a record names, as far as one request may.
    ///
    /// # Errors
    /// [`Error::more_to_delete`] where more are left. The same again goes on: what is deleted is not met again.
    async fn delete_named(&self, mut files: Vec<Attachment>) -> Result<(), Error> {
        let started = Instant::now();
        if files.len() > FILES_PER_REQUEST {
            // Whoever names thousands names mostly what is not there: to ask for each by its id would cost as much each time.
            files = self.there(files).await?;
        }
        let is_all = files.len() <= FILES_PER_REQUEST;
        files.truncate(FILES_PER_REQUEST);
        let mut records = self.records_of(&files).await?;
        for together in files.chunks(FILES_AT_ONCE) {
            if started.elapsed() > LONGEST {
                return Err(Error::more_to_delete());
            }
            let found = together.iter().map(|file| Ok((file, records.remove(&file.record_id()?))));
            let found = found.collect::<Result<Vec<_>, Error>>()?;
            in_parallel(found.into_iter().map(|(file, record)| self.delete_one(file, record)).collect()).await?;
        }
        if is_all { Ok(()) } else { Err(Error::more_to_delete()) }
    }

    /// Of files that were uploaded in another document, those that stand in `document` now, because it was renamed.
    async fn standing_in(&self, document: Option<&Id>, files: Vec<Attachment>) -> Result<Vec<Attachment>, Error> {
        let mut standing = Vec::new();
        for files in files.chunks(FILES_PER_REQUEST).take(1) {
            let records = self.records_of(files).await?;
            for file in files {
                let place = records.get(&file.record_id()?).map(|record| &record.place);
                if place.is_some_and(|place| place.document.is_some() && place.document.as_ref() == document) {
                    standing.push(file.clone());
                }
            }
        }
        Ok(standing)
    }

    /// Those of the files that are there: that have an object, or a record. A caller who is limited to places deletes only what
    /// has a record that they may see.
    async fn there(&self, files: Vec<Attachment>) -> Result<Vec<Attachment>, Error> {
        let (mut prefixes, mut ids) = (BTreeSet::new(), BTreeSet::new());
        let folders: BTreeMap<String, &Attachment> = files.iter().map(|file| (file.folder(), file)).collect();
        for (folder, Attachment { storage, scope, document, .. }) in folders {
            if !scope.is_limited() {
                let bucket = self.buckets.of(*storage)?;
                prefixes.extend(bucket.folders(&folder).await?);
                let pending = bucket.folders(&format!("{PENDING}{folder}")).await?;
                prefixes.extend(pending.iter().filter_map(|key| key.strip_prefix(PENDING)).map(ToOwned::to_owned));
            }
            let Some(document) = document else { continue };
            let filter = Filter { documents: Some(vec![document.clone()]), ..Filter::default() };
            match self.records.reader().find(storage.feature(), scope, &filter).await {
                Ok(records) => ids.extend(records.into_iter().map(|record| record.id)),
                // More than a request reads. What has no object here is an alias of a renamed document's file.
                Err(error) if error.kind() == Kind::AnswerTooLarge && !scope.is_limited() => {
                    tracing::warn!("a document has more files than a delete can look through");
                }
                Err(error) => return Err(error),
            }
        }
        let is_there = |file: &Attachment| Ok(prefixes.contains(&file.prefix()) || ids.contains(&file.record_id()?));
        let files = files.into_iter().map(|file| Ok(is_there(&file)?.then_some(file)));
        Ok(files.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect())
    }

    /// Deletes a record of `feature`, and before it the files of `storage` that it names or once named, as `name` finds them.
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
            named.noted(&record);
            let (mut files, linked) = named.all(&self.links).await?;
            files.extend(self.standing_in(record.place.document.as_ref(), linked).await?);
            self.delete_named(files).await
        };
        self.records.delete_after(feature, scope, id, first).await
    }
}
