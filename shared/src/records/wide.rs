//! Records that outgrow an item.
//!
//! The first item names a *generation*; each value is an item of that generation, and a value larger than an item is in
//! pieces beside it. A record becomes wide by writing a new generation where nobody looks, and then its first item, on
//! the condition that nobody wrote between: readers see all of it or nothing.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};

use super::backoff::Backoff;
use super::item::{self, Head, Item, NAME, PIECES, Shape, VALUE, VERSION, text};
use super::key::{self, RecordKey};
use super::read::Stored;
use super::table::{PARTITION, SORT};
use super::{Reader, Slot, Writer, in_parallel};
use crate::Error;
use crate::aws::failed;
use crate::json::Json;
use crate::notes;

/// The longest text in one item, in bytes: DynamoDB ends an item, with its names, at 400 KB.
const PIECE_BYTES: usize = 350 * 1024;

/// Requests of one `BatchWriteItem`: DynamoDB's limit.
const WRITES_PER_CALL: usize = 25;

/// Bytes of one `BatchWriteItem`: DynamoDB's limit is 16 MB, escaping included.
const BYTES_PER_CALL: usize = 6 * 1024 * 1024;

/// How often a record that changes while it is read is read again.
const READS: usize = 4;

/// A value of a wide record, as items.
#[derive(Debug)]
pub(super) struct Written {
    /// The value's own item.
    pub(super) item: Item,
    /// The pieces it refers to, if it is too large to be in it.
    pub(super) pieces: Vec<Item>,
}

/// Writes `value` as the item of `slot` in `generation`.
pub(super) fn encode(key: &RecordKey, generation: &str, slot: &Slot, value: Option<&Json>) -> Written {
    let mut item = Item::from([
        (PARTITION.to_owned(), text(&key.partition)),
        (SORT.to_owned(), text(key::value(generation, slot))),
        (NAME.to_owned(), text(item::attribute(slot))),
    ]);
    let Some(large) = value.filter(|json| json.text().len() > PIECE_BYTES) else {
        item.insert(VALUE.to_owned(), item::encode(value));
        return Written { item, pieces: Vec::new() };
    };
    let version = uuid::Uuid::new_v4().simple().to_string();
    let pieces: Vec<Item> = cut(large.text())
        .into_iter()
        .enumerate()
        .map(|(index, piece)| {
            Item::from([
                (PARTITION.to_owned(), text(&key.partition)),
                (SORT.to_owned(), text(key::piece(generation, slot, &version, index))),
                (VALUE.to_owned(), text(piece)),
            ])
        })
        .collect();
    item.insert(VERSION.to_owned(), text(&version));
    item.insert(PIECES.to_owned(), AttributeValue::N(pieces.len().to_string()));
    Written { item, pieces }
}

/// Cuts text into pieces of at most [`PIECE_BYTES`], between characters.
fn cut(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !text.is_empty() {
        let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

impl Reader {
    /// What is stored of a wide record.
    pub(super) async fn load_wide(&self, partition: &str) -> Result<Stored, Error> {
        for _ in 0..READS {
            let items = self.query(None, partition.to_owned()).await?;
            let Some(stored) = assemble(items)? else { continue };
            let Shape::Wide(generation) = &stored.shape else { return Ok(stored) };
            // A query reads its pages one after another: only if the record is still of this generation was it whole.
            let again = self.batch(vec![(partition.to_owned(), key::RECORD.to_owned())]).await?;
            let current = again.into_iter().next().map(Head::read).transpose()?;
            if current.is_some_and(|head| head.shape == Shape::Wide(generation.clone())) {
                return Ok(stored);
            }
        }
        Err(Error::unavailable().caused_by("a record changed each time it was read"))
    }
}

/// Puts the items of a partition together. `None` where a piece is missing, because it was replaced meanwhile.
fn assemble(items: Vec<Item>) -> Result<Option<Stored>, Error> {
    let mut head = None;
    let mut values: Vec<(String, Item)> = Vec::new();
    let mut pieces: HashMap<String, String> = HashMap::new();
    for mut item in items {
        let sort = match item.get(SORT) {
            Some(AttributeValue::S(sort)) => sort.clone(),
            _ => return Err(item::unreadable("an item without a sort key")),
        };
        if sort == key::RECORD {
            head = Some(Head::read(item)?);
        } else if item.contains_key(NAME) {
            values.push((sort, item));
        } else if let Some(piece) = item::take_text(&mut item, VALUE) {
            pieces.insert(sort, piece);
        }
    }
    let Some(mut head) = head else {
        return Ok(Some(Stored {
            shape: Shape::Absent,
            revision: None,
            content: super::change::Content::default(),
            pieces: HashMap::new(),
        }));
    };
    let mut referred = HashMap::new();
    if let Shape::Wide(generation) = &head.shape {
        let own = key::values_of(generation);
        for (_, mut value) in values.into_iter().filter(|(sort, _)| sort.starts_with(&own)) {
            let name = item::take_text(&mut value, NAME).ok_or(item::unreadable("a value without a name"))?;
            let slot = item::slot(&name).ok_or(item::unreadable("a value of no slot"))?;
            let json = match (value.get(VALUE), item::take_text(&mut value.clone(), VERSION)) {
                (Some(inline), _) => item::decode(inline)?,
                (None, Some(version)) => {
                    let count = match value.get(PIECES) {
                        Some(AttributeValue::N(count)) => count.parse().map_err(|_| item::unreadable("no count"))?,
                        _ => return Err(item::unreadable("a value without a count of its pieces")),
                    };
                    let sorts: Vec<String> =
                        (0..count).map(|index| key::piece(generation, &slot, &version, index)).collect();
                    let mut whole = String::new();
                    for sort in &sorts {
                        match pieces.get(sort) {
                            Some(piece) => whole.push_str(piece),
                            None => return Ok(None),
                        }
                    }
                    referred.insert(slot.clone(), sorts);
                    Some(item::json(whole)?)
                }
                (None, None) => return Err(item::unreadable("a value that holds nothing")),
            };
            head.content.slots.insert(slot, json);
        }
    }
    Ok(Some(Stored { shape: head.shape, revision: Some(head.revision), content: head.content, pieces: referred }))
}

impl Writer {
    /// Writes every value under a new generation, which no reader sees until a first item names it.
    pub(super) async fn write_generation(
        &self,
        key: &RecordKey,
        slots: &BTreeMap<Slot, Option<Json>>,
    ) -> Result<String, Error> {
        let generation = uuid::Uuid::new_v4().simple().to_string();
        let items = slots.iter().flat_map(|(slot, value)| {
            let written = encode(key, &generation, slot, value.as_ref());
            written.pieces.into_iter().chain([written.item])
        });
        self.put_all(items.collect()).await?;
        Ok(generation)
    }

    /// Puts items that nobody else writes.
    pub(super) async fn put_all(&self, items: Vec<Item>) -> Result<(), Error> {
        let requests = items.into_iter().map(|item| {
            let bytes = item.values().map(|value| value.as_s().map_or(1, String::len)).sum();
            let put = PutRequest::builder().set_item(Some(item)).build();
            put.map(|put| (bytes, WriteRequest::builder().put_request(put).build()))
                .map_err(|error| Error::internal().caused_by(error))
        });
        self.write_all(requests.collect::<Result<_, _>>()?).await
    }

    /// Deletes a generation that no first item names any more, or ever did.
    pub(super) async fn sweep(&self, key: &RecordKey, generation: &str) -> Result<(), Error> {
        let sorts = self.reader.sorts(&key.partition, &key::values_of(generation)).await?;
        self.delete_all(key, sorts).await
    }

    /// Deletes items of the record's partition by their sort keys.
    pub(super) async fn delete_all(&self, key: &RecordKey, sorts: Vec<String>) -> Result<(), Error> {
        let requests = sorts.into_iter().map(|sort| {
            let delete = DeleteRequest::builder().key(PARTITION, text(&key.partition)).key(SORT, text(sort)).build();
            delete
                .map(|delete| (1, WriteRequest::builder().delete_request(delete).build()))
                .map_err(|error| Error::internal().caused_by(error))
        });
        self.write_all(requests.collect::<Result<_, _>>()?).await
    }

    async fn write_all(&self, requests: Vec<(usize, WriteRequest)>) -> Result<(), Error> {
        let mut batches: Vec<(usize, Vec<WriteRequest>)> = Vec::new();
        for (bytes, request) in requests {
            match batches.last_mut() {
                Some((total, batch)) if batch.len() < WRITES_PER_CALL && *total + bytes <= BYTES_PER_CALL => {
                    *total += bytes;
                    batch.push(request);
                }
                _ => batches.push((bytes, vec![request])),
            }
        }
        in_parallel(batches.into_iter().map(|(_, batch)| self.write_batch(batch)).collect()).await.map(drop)
    }

    async fn write_batch(&self, mut batch: Vec<WriteRequest>) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        loop {
            let asked = batch.len();
            let answer = self
                .table
                .client
                .batch_write_item()
                .request_items(&self.table.name, batch)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(|error| failed("BatchWriteItem", &error))?;
            notes::wrote(answer.consumed_capacity());
            let rest = answer.unprocessed_items.and_then(|mut tables| tables.remove(&self.table.name));
            batch = rest.unwrap_or_default();
            if batch.is_empty() {
                return Ok(());
            }
            notes::throttled();
            if batch.len() == asked {
                backoff.wait().await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_cut_between_characters_and_join_again() {
        let text = "é".repeat(PIECE_BYTES) + "x";
        let pieces = cut(&text);
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES));
        assert_eq!(pieces.concat(), text);
        assert_eq!(cut(""), Vec::<&str>::new());
    }
}
