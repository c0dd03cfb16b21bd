//! Reading records.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};

use super::change::Content;
use super::item::{self, Head, Item, Shape};
use super::key::{self, RecordKey};
use super::table::{BY_DOCUMENT, BY_FOLDER, BY_ORGANIZATION, Index, ORGANIZATION_SHARDS, PARTITION, SORT};
use super::{Feature, Filter, Place, Reader, Record, Slot, Table, in_parallel};
use crate::Error;
use crate::aws::failed;
use crate::contract::Id;
use crate::notes;
use crate::scope::Scope;

/// Keys of one `BatchGetItem`: DynamoDB's limit.
pub(super) const KEYS_PER_CALL: usize = 100;

/// What is stored of a record, complete.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) shape: Shape,
    /// The revision that was read; none where nothing is.
    pub(super) revision: Option<String>,
    pub(super) content: Content,
    /// The sort keys of the pieces that the record's large values are in.
    pub(super) pieces: HashMap<Slot, Vec<String>>,
}

impl Reader {
    /// The records of `scope` that `filter` asks for.
    ///
    /// By ids it is strongly consistent, and one call for each 100. By document or folder it is one query each, which
    /// may miss what was saved within the last moments, as every page load may.
    ///
    /// What stands outside the documents and folders of the caller's claims is left out, as if it were not there.
    ///
    /// # Errors
    /// [`Error::unavailable`] when not everything could be read: never a part. [`Error::forbidden`] where the filter names a
    /// document or a folder outside the caller's claims.
    pub async fn find(&self, feature: &Feature, scope: &Scope, filter: &Filter) -> Result<Vec<Record>, Error> {
        if feature.in_documents {
            scope.check_asked(None, filter.folder.as_ref())?;
            let mut documents = filter.documents.iter().flatten();
            documents.try_for_each(|document| scope.check_asked(Some(document), None))?;
        }
        let heads = match filter {
            Filter { ids: Some(ids), .. } => {
                let keys: HashSet<String> = ids.iter().map(|id| RecordKey::new(feature, scope, id).partition).collect();
                self.heads(keys.into_iter().collect()).await?
            }
            Filter { documents: Some(documents), .. } => {
                let partitions: HashSet<String> =
                    documents.iter().map(|document| key::document(feature, scope, document)).collect();
                self.heads_by(&BY_DOCUMENT, partitions).await?
            }
            Filter { folder: Some(folder), .. } => {
                self.heads_by(&BY_FOLDER, HashSet::from([key::folder(feature, scope, folder)])).await?
            }
            Filter { .. } => {
                let shards = 0..ORGANIZATION_SHARDS;
                let partitions = shards.map(|shard| key::organization_shard(feature, scope, shard)).collect();
                let keys = self.query_all(&BY_ORGANIZATION, partitions).await?;
                self.heads(keys.into_iter().filter_map(|mut item| item::take_text(&mut item, PARTITION)).collect())
                    .await?
            }
        };
        let is_wanted =
            |id: &Id, place: &Place| matches(filter, id, place) && (!feature.in_documents || scope.allows(place));
        let wanted = heads.into_iter().filter(|head| is_wanted(&head.id, &head.content.place));
        let records = in_parallel(wanted.map(|head| self.complete(head)).collect()).await?.into_iter().flatten();
        // Looked at again: a wide one was read a second time, and may stand elsewhere by now.
        Ok(records.filter(|record| is_wanted(&record.id, &record.place)).collect())
    }

    /// For each of `ids`, the record of the first of `scopes` that has it. Strongly consistent, and one call for each 100
    /// pairs of a scope and an id.
    ///
    /// # Errors
    /// As [`Reader::find`].
    pub async fn first_of(&self, feature: &Feature, scopes: &[Scope], ids: &[Id]) -> Result<Vec<Record>, Error> {
        let mut ranks: HashMap<String, usize> = HashMap::new();
        for (rank, scope) in scopes.iter().enumerate() {
            ranks.extend(ids.iter().map(|id| (RecordKey::new(feature, scope, id).partition, rank)));
        }
        let mut heads = self.heads(ranks.keys().cloned().collect()).await?;
        heads.retain(|head| !matches!(head.shape, Shape::Deleted(_)));
        heads.sort_by_key(|head| ranks.get(&head.partition));
        let mut seen = HashSet::new();
        heads.retain(|head| seen.insert(head.id.clone()));
        let records = in_parallel(heads.into_iter().map(|head| self.complete(head)).collect()).await?;
        Ok(records.into_iter().flatten().collect())
    }

    /// What is stored of one record, strongly consistent.
    pub(super) async fn load(&self, key: &RecordKey) -> Result<Stored, Error> {
        let found = self
            .0
            .client
            .get_item()
            .table_name(&self.0.name)
            .key(PARTITION, item::text(&key.partition))
            .key(SORT, item::text(key::RECORD))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| failed("GetItem", &error))?;
        notes::read(found.consumed_capacity());
        let Some(found) = found.item else {
            return Ok(Stored {
                shape: Shape::Absent,
                revision: None,
                content: Content::default(),
                pieces: HashMap::new(),
            });
        };
        let head = Head::read(found)?;
        if matches!(head.shape, Shape::Wide(_)) {
            return self.load_wide(&head.partition).await;
        }
        Ok(Stored { shape: head.shape, revision: Some(head.revision), content: head.content, pieces: HashMap::new() })
    }

    /// The record of a first item; none where it was deleted.
    async fn complete(&self, head: Head) -> Result<Option<Record>, Error> {
        let content = match head.shape {
            Shape::Absent | Shape::Deleted(_) => return Ok(None),
            Shape::Packed => head.content,
            Shape::Wide(_) => {
                let stored = self.load_wide(&head.partition).await?;
                if matches!(stored.shape, Shape::Absent | Shape::Deleted(_)) {
                    return Ok(None);
                }
                stored.content
            }
        };
        Ok(Some(Record { id: head.id, place: content.place, slots: content.slots }))
    }

    async fn heads(&self, partitions: Vec<String>) -> Result<Vec<Head>, Error> {
        let calls = partitions.chunks(KEYS_PER_CALL).map(|chunk| {
            self.batch(chunk.iter().map(|partition| (partition.clone(), key::RECORD.to_owned())).collect())
        });
        in_parallel(calls.collect()).await?.into_iter().flatten().map(Head::read).collect()
    }

    async fn heads_by(&self, index: &Index, partitions: HashSet<String>) -> Result<Vec<Head>, Error> {
        self.query_all(index, partitions).await?.into_iter().map(Head::read).collect()
    }

    async fn query_all(&self, index: &Index, partitions: HashSet<String>) -> Result<Vec<Item>, Error> {
        let queries = partitions.into_iter().map(|partition| self.query(Some(index), partition));
        Ok(in_parallel(queries.collect()).await?.into_iter().flatten().collect())
    }

    /// Every item of a partition, of an index or of the table itself.
    pub(super) async fn query(&self, index: Option<&Index>, partition: String) -> Result<Vec<Item>, Error> {
        let query = self
            .0
            .client
            .query()
            .table_name(&self.0.name)
            .set_index_name(index.map(|index| index.name.to_owned()))
            .consistent_read(index.is_none())
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", index.map_or(PARTITION, |index| index.partition))
            .expression_attribute_values(":partition", item::text(partition));
        pages(query).await
    }

    /// The sort keys of a partition that begin with `prefix`.
    pub(super) async fn sorts(&self, partition: &str, prefix: &str) -> Result<Vec<String>, Error> {
        let query = self
            .0
            .client
            .query()
            .table_name(&self.0.name)
            .consistent_read(true)
            .key_condition_expression("#partition = :partition AND begins_with(#sort, :prefix)")
            .projection_expression("#sort")
            .expression_attribute_names("#partition", PARTITION)
            .expression_attribute_names("#sort", SORT)
            .expression_attribute_values(":partition", item::text(partition))
            .expression_attribute_values(":prefix", item::text(prefix));
        Ok(pages(query).await?.into_iter().filter_map(|mut item| item::take_text(&mut item, SORT)).collect())
    }

    /// The items of distinct keys of this table, strongly consistent; what is not there is left out.
    pub(super) async fn batch(&self, keys: Vec<(String, String)>) -> Result<Vec<Item>, Error> {
        let key = |(partition, sort)| {
            HashMap::from([(PARTITION.to_owned(), item::text(partition)), (SORT.to_owned(), item::text(sort))])
        };
        self.0.batch_get(keys.into_iter().map(key).collect()).await
    }
}

impl Table {
    /// The items of at most [`KEYS_PER_CALL`] distinct keys, strongly consistent; what is not there is left out.
    pub(super) async fn batch_get(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        let mut backoff = super::backoff::Backoff::default();
        while !keys.is_empty() {
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut keys)))
                .consistent_read(true)
                .build()
                .map_err(|error| Error::internal().caused_by(error))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.name, asked)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| failed("BatchGetItem", &error))?;
            notes::read(answer.consumed_capacity());
            let got = answer.responses.and_then(|mut tables| tables.remove(&self.name)).unwrap_or_default();
            let progressed = !got.is_empty();
            items.extend(got);
            // Throttled, or more than 16 MB: both are normal, and asked for again.
            if let Some(rest) = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name)) {
                keys = rest.keys;
                if !progressed {
                    backoff.wait().await?;
                }
            }
        }
        Ok(items)
    }
}

/// The items of every page of a query.
pub(super) async fn pages(query: QueryFluentBuilder) -> Result<Vec<Item>, Error> {
    let mut pages = query.return_consumed_capacity(ReturnConsumedCapacity::Total).into_paginator().send();
    let mut items = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failed("Query", &error))?;
        notes::read(page.consumed_capacity());
        items.extend(page.items.unwrap_or_default());
    }
    Ok(items)
}

/// What the calls did not already choose by: every filter must match.
fn matches(filter: &Filter, id: &Id, place: &Place) -> bool {
    let is_of = |wanted: &Option<Vec<Id>>, id: Option<&Id>| {
        wanted.as_ref().is_none_or(|wanted| id.is_some_and(|id| wanted.contains(id)))
    };
    is_of(&filter.ids, Some(id))
        && is_of(&filter.documents, place.document.as_ref())
        && filter.folder.as_ref().is_none_or(|folder| place.folder.as_ref() == Some(folder))
}
