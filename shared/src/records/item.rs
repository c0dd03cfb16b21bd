//! How a record is written as items.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;

use super::change::Content;
use super::key::{self, RecordKey};
use super::table::{BY_DOCUMENT, BY_FOLDER, BY_ORGANIZATION, EXPIRY, PARTITION, SORT};
use super::{Feature, Place, Slot};
use crate::Error;
use crate::contract::Id;
use crate::json::Json;
use crate::scope::Scope;

/// An item, as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// The record's id as it came: keys hold it escaped or digested.
pub(super) const ID: &str = "id";
/// The document's id as it came: what [`BY_DOCUMENT`] finds the record by.
pub(super) const DOCUMENT: &str = "GSI1ID";
/// The folder's id as it came: what [`BY_FOLDER`] finds the record by.
pub(super) const FOLDER: &str = "GSI2ID";
/// A number that each write makes larger, from a random start: what a read-and-write finds changed when somebody wrote
/// between. An update adds to what is there instead of setting what it was given, so that the same update, sent twice
/// because its first answer was lost, never gives a number that was there before.
///
/// A record without one was written by a version that kept a text under another name; its revision is 0.
pub(super) const REVISION: &str = "rev";
/// Only on a split record: the generation of its chunks.
pub(super) const GENERATION: &str = "generation";
/// Only on a split record: how many items its chunks are.
pub(super) const CHUNKS: &str = "chunks";
/// Only on a record that names files: those are to be deleted before it is.
pub(super) const FILES: &str = "files";
/// Only on the tombstone of a deleted record: when it was deleted, in seconds since 1970.
pub(super) const DELETED: &str = "deleted";
/// Of a chunk, or of a part of one: some of a split record's values, compressed.
pub(super) const DATA: &str = "data";
/// Of a chunk that is larger than an item: how many items it is.
pub(super) const PARTS: &str = "parts";

const FIELD_PREFIX: &str = "f#";
const COMMENT_PREFIX: &str = "c#";
const FILES_PREFIX: &str = "n#";

/// The name of the attribute that holds `slot`.
pub(super) fn attribute(slot: &Slot) -> String {
    match slot {
        Slot::Field(name) => format!("{FIELD_PREFIX}{name}"),
        Slot::Comment(id) => format!("{COMMENT_PREFIX}{id}"),
        Slot::Files(names) => format!("{FILES_PREFIX}{names}"),
    }
}

/// The slot that the attribute `name` holds, if it holds one.
pub(super) fn slot(name: &str) -> Option<Slot> {
    match name.split_at_checked(FIELD_PREFIX.len())? {
        (FIELD_PREFIX, name) => Some(Slot::Field(name.to_owned())),
        (COMMENT_PREFIX, id) => Some(Slot::Comment(id.to_owned())),
        (FILES_PREFIX, names) => Some(Slot::Files(names.to_owned())),
        _ => None,
    }
}

/// A slot's value as an attribute: its text, or NULL for what was deleted.
pub(super) fn encode(value: Option<&Json>) -> AttributeValue {
    value.map_or(AttributeValue::Null(true), |json| text(json.text()))
}

pub(super) fn decode(value: &AttributeValue) -> Result<Option<Json>, Error> {
    match value {
        AttributeValue::Null(_) => Ok(None),
        AttributeValue::S(text) => json(text.clone()).map(Some),
        _ => Err(unreadable("a value is neither text nor NULL")),
    }
}

pub(super) fn json(text: String) -> Result<Json, Error> {
    Json::from_text(text).map_err(|_| unreadable("a value is not JSON"))
}

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// The failure of an item that this code did not write, or not whole.
pub(super) fn unreadable(why: &'static str) -> Error {
    Error::internal().caused_by(why)
}

/// How a record stands in the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Shape {
    /// Not at all.
    #[default]
    Absent,
    /// As one item.
    Inline,
    /// With its values in chunks beside its first item.
    Split(Generation),
    /// Deleted, with a tombstone.
    Deleted,
}

/// One writing of all chunks of a split record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Generation {
    /// A random text, never used twice.
    pub(super) name: String,
    /// How many items its chunks are.
    pub(super) items: usize,
}

impl Shape {
    /// Whether there is a record for readers.
    pub(super) fn is_there(&self) -> bool {
        matches!(self, Self::Inline | Self::Split(_))
    }
}

/// A record's first item, read.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) id: Id,
    pub(super) partition: String,
    pub(super) shape: Shape,
    pub(super) revision: u64,
    pub(super) content: Content,
}

impl Head {
    pub(super) fn read(mut item: Item) -> Result<Self, Error> {
        let partition = take_text(&mut item, PARTITION).ok_or(unreadable("an item without a key"))?;
        let id = take_id(&mut item, ID)?.ok_or(unreadable("an item without an id"))?;
        let revision = number(&item, REVISION).unwrap_or_default();
        let shape = match (item.contains_key(DELETED), take_text(&mut item, GENERATION)) {
            (true, _) => Shape::Deleted,
            (false, Some(name)) => {
                let items = number(&item, CHUNKS).ok_or(unreadable("a split record without a count of its chunks"))?;
                Shape::Split(Generation { name, items })
            }
            (false, None) => Shape::Inline,
        };
        let place = Place { document: take_id(&mut item, DOCUMENT)?, folder: take_id(&mut item, FOLDER)? };
        let mut content = Content { place, holds_files: item.contains_key(FILES), ..Content::default() };
        for (name, value) in &item {
            if let Some(slot) = slot(name) {
                content.slots.insert(slot, decode(value)?);
            }
        }
        Ok(Self { id, partition, shape, revision, content })
    }
}

/// An attribute that is a whole number.
pub(super) fn number<T: FromStr>(item: &Item, name: &str) -> Option<T> {
    match item.get(name)? {
        AttributeValue::N(digits) => digits.parse().ok(),
        _ => None,
    }
}

/// A whole number as an attribute.
pub(super) fn numeral(number: impl Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The revision after this one.
pub(super) fn next_revision(revision: Option<u64>) -> u64 {
    match revision {
        None | Some(0) => first_revision(),
        Some(revision) => revision + 1,
    }
}

/// A revision to begin with: no record that was deleted and made anew counts from where the old one did.
pub(super) fn first_revision() -> u64 {
    fastrand::u64(1..1 << 48)
}

pub(super) fn take_text(item: &mut Item, name: &str) -> Option<String> {
    match item.remove(name)? {
        AttributeValue::S(text) => Some(text),
        _ => None,
    }
}

fn take_id(item: &mut Item, name: &str) -> Result<Option<Id>, Error> {
    take_text(item, name).map(|text| Id::try_from(text).map_err(|_| unreadable("an empty id"))).transpose()
}

/// The attributes that a record's first item always has, but for its keys and revision.
pub(super) fn identity(key: &RecordKey, id: &Id) -> [(&'static str, AttributeValue); 2] {
    [(ID, text(id.as_str())), (BY_ORGANIZATION.partition, text(&key.organization_shard))]
}

/// The attributes of a document: its id, and what the index finds it by.
pub(super) fn of_document(feature: &Feature, scope: &Scope, document: &Id) -> [(&'static str, AttributeValue); 2] {
    [(DOCUMENT, text(document.as_str())), (BY_DOCUMENT.partition, text(key::document(feature, scope, document)))]
}

/// The attributes of a folder: its id, and what the index finds it by.
pub(super) fn of_folder(feature: &Feature, scope: &Scope, folder: &Id) -> [(&'static str, AttributeValue); 2] {
    [(FOLDER, text(folder.as_str())), (BY_FOLDER.partition, text(key::folder(feature, scope, folder)))]
}

/// A record's first item without its values.
pub(super) fn bare(
    feature: &Feature,
    scope: &Scope,
    key: &RecordKey,
    id: &Id,
    content: &Content,
    revision: u64,
) -> Item {
    let place = &content.place;
    let mut item: Vec<(&'static str, AttributeValue)> = identity(key, id).to_vec();
    if content.holds_files {
        item.push((FILES, AttributeValue::Bool(true)));
    }
    item.push((PARTITION, text(&key.partition)));
    item.push((SORT, text(key::RECORD)));
    item.push((REVISION, numeral(revision)));
    item.extend(place.document.iter().flat_map(|document| of_document(feature, scope, document)));
    item.extend(place.folder.iter().flat_map(|folder| of_folder(feature, scope, folder)));
    item.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The tombstone of a deleted record: keys and times, nothing of the content but the names of the slots in `remembered`.
pub(super) fn tombstone<'a>(
    key: &RecordKey,
    id: &Id,
    deleted: u64,
    expires: u64,
    remembered: impl IntoIterator<Item = &'a Slot>,
) -> Item {
    let slots = remembered.into_iter().map(|slot| (attribute(slot), encode(None)));
    [
        (PARTITION, text(&key.partition)),
        (SORT, text(key::RECORD)),
        (ID, text(id.as_str())),
        (REVISION, numeral(first_revision())),
        (DELETED, numeral(deleted)),
        (EXPIRY, numeral(expires)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .chain(slots)
    .collect()
}

/// About how many bytes an item takes, as DynamoDB counts them.
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// How many bytes a value takes: its own, or those of the largest number.
pub(super) fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => 21,
    }
}

/// How many bytes the values take in an item: names and texts, as DynamoDB counts them.
pub(super) fn bytes<'a>(slots: impl Iterator<Item = (&'a Slot, &'a Option<Json>)>) -> usize {
    slots.map(|(slot, value)| attribute(slot).len() + value.as_ref().map_or(1, |json| json.text().len())).sum()
}
