//! Reading records.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};

use super::budget::{self, PAGE_UNITS};
use super::change::Content;
use super::item::{self, Head, Item, Shape};
use super::key::{self, RecordKey};
use super::split::Layout;
use super::table::{BY_DOCUMENT, BY_FOLDER, BY_ORGANIZATION, Index, ORGANIZATION_SHARDS, PARTITION, SORT};
use super::{Feature, Filter, Place, Reader, Record, Slot, Table, in_parallel};
use crate::Error;
use crate::aws::failed;
use crate::contract::Id;
use crate::notes;
use crate::scope::Scope;

/// What is stored of a record, complete.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) shape: Shape,
    /// The revision that was read; none where nothing is.
    pub(super) revision: Option<u64>,
    pub(super) content: Content,
    /// Of a split record, what its chunks are.
    pub(super) layout: Layout,
}

/// Some of a document's records.
#[derive(Debug)]
pub struct Page {
    /// The records, without those that are deleted.
    pub records: Vec<Record>,
    /// Where the next page begins; none after the last.
    pub next: Option<String>,
}

/// What stands beside a record's first item and is not named by it.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The first item's revision, read after everything else; none where there is no first item.
    pub(super) revision: Option<u64>,
    /// The generation that the first item names.
    pub(super) generation: Option<String>,
    /// The sort keys.
    pub(super) strays: Vec<String>,
    /// Whether these are all.
    pub(super) is_all: bool,
}

impl Beside {
    fn read_first_item(&mut self, mut item: Item) {
        self.revision = Some(item::number(&item, item::REVISION).unwrap_or_default());
        self.generation = item::take_text(&mut item, item::GENERATION);
    }
}

/// Most pages, of 1 MB each, that are looked through for what a first item does not name.
const PAGES_BESIDE: usize = 24;

impl From<Head> for Stored {
    fn from(head: Head) -> Self {
        let Head { shape, revision, content, .. } = head;
        Self { shape, revision: Some(revision), content, layout: Layout::default() }
    }
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
        let wanted = Wanted::new(filter);
        let is_wanted =
            |id: &Id, place: &Place| wanted.has(id, place) && (!feature.in_documents || scope.allows(place));
        let found = heads.into_iter().filter(|head| is_wanted(&head.id, &head.content.place));
        let records = in_parallel(found.map(|head| self.complete(head)).collect()).await?.into_iter().flatten();
        // Looked at again: a split one was read a second time, and may stand elsewhere by now.
        Ok(records.filter(|record| is_wanted(&record.id, &record.place)).collect())
    }

    /// Some of a document's records, after the position that the page before ended at. By the index, which may lag behind.
    ///
    /// # Errors
    /// As [`Reader::find`].
    pub async fn page_of_document(
        &self,
        feature: &Feature,
        scope: &Scope,
        document: &Id,
        after: Option<&str>,
        most: i32,
    ) -> Result<Page, Error> {
        let partition = key::document(feature, scope, document);
        let after = after.map(|record| {
            let mut key = table_key(record.to_owned(), key::RECORD.to_owned());
            key.insert(BY_DOCUMENT.partition.to_owned(), item::text(&partition));
            key
        });
        let reserved = budget::reserve(PAGE_UNITS)?;
        let page = self.query_of(Some(&BY_DOCUMENT), &partition);
        let page =
            page.set_exclusive_start_key(after).limit(most).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let page = page.send().await.map_err(|error| failed("Query", &error))?;
        notes::read(page.consumed_capacity());
        drop(reserved);
        let next = page.last_evaluated_key.and_then(|mut key| item::take_text(&mut key, PARTITION));
        let heads: Vec<Head> = page.items.unwrap_or_default().into_iter().map(Head::read).collect::<Result<_, _>>()?;
        let records = in_parallel(heads.into_iter().map(|head| self.complete(head)).collect()).await?;
        Ok(Page { records: records.into_iter().flatten().collect(), next })
    }

    /// Whether a text is a position in the pages of [`Reader::page_of_document`].
    #[must_use]
    pub fn is_position(&self, feature: &Feature, scope: &Scope, text: &str) -> bool {
        key::is_partition(feature, scope, text)
    }

    /// The position of a record in the pages of [`Reader::page_of_document`].
    #[must_use]
    pub fn position_of(&self, feature: &Feature, scope: &Scope, id: &Id) -> String {
        RecordKey::new(feature, scope, id).partition
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
        heads.retain(|head| head.shape.is_there());
        heads.sort_by_key(|head| ranks.get(&head.partition));
        let mut seen = HashSet::new();
        heads.retain(|head| seen.insert(head.id.clone()));
        let records = in_parallel(heads.into_iter().map(|head| self.complete(head)).collect()).await?;
        Ok(records.into_iter().flatten().collect())
    }

    /// What is stored of records, by their partitions, strongly consistent: one call for each 100, and more for each that
    /// is split. For writers, who write on the condition that nothing was written since.
    pub(super) async fn load_all(&self, keys: &[&RecordKey]) -> Result<HashMap<String, Stored>, Error> {
        let partitions = keys.iter().map(|key| key.partition.clone()).collect();
        let heads = self.heads(partitions).await?;
        let load = |head: Head| async {
            let partition = head.partition.clone();
            let stored = match head.shape {
                Shape::Split(_) => self.query_split(&partition).await?,
                _ => head.into(),
            };
            Ok((partition, stored))
        };
        Ok(in_parallel(heads.into_iter().map(load).collect()).await?.into_iter().collect())
    }

    /// Refuses a record that stands where the caller's claims do not reach. One that is not there is anybody's to make.
    ///
    /// # Errors
    /// [`Error::forbidden`], or [`Error::unavailable`] when it could not be read.
    pub async fn check_place(&self, feature: &Feature, scope: &Scope, id: &Id) -> Result<(), Error> {
        if !feature.in_documents || !scope.is_limited() {
            return Ok(());
        }
        let heads = self.heads(vec![RecordKey::new(feature, scope, id).partition]).await?;
        let mut places = heads.iter().filter(|head| head.shape.is_there()).map(|head| &head.content.place);
        places.try_for_each(|place| scope.check(place))
    }

    /// Whether a record was deleted, and is still remembered as that.
    ///
    /// # Errors
    /// [`Error::unavailable`] when it could not be read.
    pub async fn is_deleted(&self, feature: &Feature, scope: &Scope, id: &Id) -> Result<bool, Error> {
        Ok(self.load(&RecordKey::new(feature, scope, id)).await?.shape == Shape::Deleted)
    }

    /// Whether a slot of a record was deleted, and is still remembered as that.
    ///
    /// # Errors
    /// As [`Reader::check_place`], whose work this does too.
    pub async fn has_deleted(&self, feature: &Feature, scope: &Scope, id: &Id, slot: &Slot) -> Result<bool, Error> {
        let stored = self.load(&RecordKey::new(feature, scope, id)).await?;
        if feature.in_documents && stored.shape.is_there() {
            scope.check(&stored.content.place)?;
        }
        Ok(stored.content.slots.get(slot).is_some_and(Option::is_none))
    }

    /// What is stored of one record, strongly consistent.
    pub(super) async fn load(&self, key: &RecordKey) -> Result<Stored, Error> {
        Ok(self.load_all(&[key]).await?.remove(&key.partition).unwrap_or_default())
    }

    /// The record of a first item; none where it was deleted.
    async fn complete(&self, head: Head) -> Result<Option<Record>, Error> {
        let content = match head.shape {
            Shape::Absent | Shape::Deleted => return Ok(None),
            Shape::Inline => head.content,
            Shape::Split(_) => {
                let stored = self.load_split(&head.partition).await?;
                if !stored.shape.is_there() {
                    return Ok(None);
                }
                stored.content
            }
        };
        Ok(Some(Record { id: head.id, place: content.place, slots: content.slots }))
    }

    /// One call after the other, each with as many keys as the request may still pay for if all of them were of the
    /// largest size: side by side, they could exceed that together.
    async fn heads(&self, partitions: Vec<String>) -> Result<Vec<Head>, Error> {
        let mut heads = Vec::with_capacity(partitions.len());
        let mut keys = partitions.into_iter().map(|partition| table_key(partition, key::RECORD.to_owned())).collect();
        while let Some(items) = self.0.batch_get(&mut keys).await? {
            for item in items {
                heads.push(Head::read(item)?);
            }
        }
        Ok(heads)
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
        pages(self.query_of(index, &partition)).await
    }

    fn query_of(&self, index: Option<&Index>, partition: &str) -> QueryFluentBuilder {
        self.0
            .client
            .query()
            .table_name(&self.0.name)
            .set_index_name(index.map(|index| index.name.to_owned()))
            .consistent_read(index.is_none())
            .key_condition_expression("#partition = :partition")
            .expression_attribute_names("#partition", index.map_or(PARTITION, |index| index.partition))
            .expression_attribute_values(":partition", item::text(partition))
    }

    /// What of a record's partition its first item does not name, up to [`PAGES_BESIDE`] pages of it: the largest record is
    /// seven, as a page holds two of the largest items. Not of the request's budget, as it cleans up what the request spent that on.
    pub(super) async fn beside(&self, partition: &str) -> Result<Beside, Error> {
        let mut found = Beside::default();
        let mut from = None;
        for _ in 0..PAGES_BESIDE {
            let page = self
                .0
                .client
                .query()
                .table_name(&self.0.name)
                .consistent_read(true)
                .key_condition_expression("#partition = :partition")
                .projection_expression("#sort, #revision, #generation")
                .expression_attribute_names("#partition", PARTITION)
                .expression_attribute_names("#sort", SORT)
                .expression_attribute_names("#revision", item::REVISION)
                .expression_attribute_names("#generation", item::GENERATION)
                .expression_attribute_values(":partition", item::text(partition))
                .set_exclusive_start_key(from)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| failed("Query", &error))?;
            notes::read(page.consumed_capacity());
            for mut item in page.items.unwrap_or_default() {
                match item::take_text(&mut item, SORT) {
                    Some(sort) if sort == key::RECORD => found.read_first_item(item),
                    Some(sort) => found.strays.push(sort),
                    None => {}
                }
            }
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                found.is_all = true;
                break;
            }
        }
        if !found.is_all {
            // The first item comes last of all. Without it nobody knows what it names.
            let key = table_key(partition.to_owned(), key::RECORD.to_owned());
            let get = self.0.client.get_item().table_name(&self.0.name).set_key(Some(key)).consistent_read(true);
            let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
            let got = get.map_err(|error| failed("GetItem", &error))?;
            notes::read(got.consumed_capacity());
            got.item.into_iter().for_each(|item| found.read_first_item(item));
        }
        let named = found.generation.as_deref().map(key::chunks_of);
        found.strays.retain(|sort| named.as_ref().is_none_or(|named| !sort.starts_with(named)));
        Ok(found)
    }

    /// The items of distinct keys of this table, strongly consistent; what is not there is left out.
    pub(super) async fn batch(&self, keys: Vec<(String, String)>) -> Result<Vec<Item>, Error> {
        let keys = keys.into_iter().map(|(partition, sort)| table_key(partition, sort)).collect();
        self.0.batch_get_all(keys).await
    }
}

fn table_key(partition: String, sort: String) -> Item {
    HashMap::from([(PARTITION.to_owned(), item::text(partition)), (SORT.to_owned(), item::text(sort))])
}

impl Table {
    /// The items of distinct keys, strongly consistent; what is not there is left out.
    pub(super) async fn batch_get_all(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        while let Some(got) = self.batch_get(&mut keys).await? {
            items.extend(got);
        }
        Ok(items)
    }

    /// Takes some of `keys` and reads their items, as many as one call gives; `None` when no key is left.
    async fn batch_get(&self, keys: &mut Vec<Item>) -> Result<Option<Vec<Item>>, Error> {
        let mut backoff = super::backoff::Backoff::default();
        while !keys.is_empty() {
            let (count, reserved) = budget::reserve_batch(keys.len())?;
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(keys.split_off(keys.len() - count)))
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
            drop(reserved);
            // Throttled, or more than 16 MB: both are normal, and asked for again. An answer without them would be a part.
            let rest = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&self.name));
            let rest = rest.map(|rest| rest.keys).unwrap_or_default();
            let is_stuck = rest.len() == count;
            keys.extend(rest);
            if is_stuck {
                backoff.wait().await?;
                continue;
            }
            let got = answer.responses.and_then(|mut tables| tables.remove(&self.name));
            return Ok(Some(got.unwrap_or_default()));
        }
        Ok(None)
    }
}

/// The items of every page of a query.
pub(super) async fn pages(query: QueryFluentBuilder) -> Result<Vec<Item>, Error> {
    let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total);
    let mut items = Vec::new();
    let mut from = None;
    loop {
        let reserved = budget::reserve(PAGE_UNITS)?;
        let page = query.clone().set_exclusive_start_key(from).send().await.map_err(|error| failed("Query", &error))?;
        notes::read(page.consumed_capacity());
        drop(reserved);
        items.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key.filter(|key| !key.is_empty());
        if from.is_none() {
            return Ok(items);
        }
    }
}

/// A filter, ready to be asked of thousands of records.
struct Wanted<'a> {
    ids: Option<BTreeSet<&'a Id>>,
    documents: Option<BTreeSet<&'a Id>>,
    folder: Option<&'a Id>,
}

impl<'a> Wanted<'a> {
    fn new(filter: &'a Filter) -> Self {
        let set = |ids: &'a Option<Vec<Id>>| ids.as_ref().map(|ids| ids.iter().collect());
        Self { ids: set(&filter.ids), documents: set(&filter.documents), folder: filter.folder.as_ref() }
    }

    /// What the calls did not already choose by: every filter must match.
    fn has(&self, id: &Id, place: &Place) -> bool {
        let is_of = |wanted: &Option<BTreeSet<&Id>>, id: Option<&Id>| {
            wanted.as_ref().is_none_or(|wanted| id.is_some_and(|id| wanted.contains(id)))
        };
        is_of(&self.ids, Some(id))
            && is_of(&self.documents, place.document.as_ref())
            && self.folder.is_none_or(|folder| place.folder.as_ref() == Some(folder))
    }
}
