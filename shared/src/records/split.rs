//! Records that outgrow an item.
//!
//! The first item names a *generation* and counts its items. The values stand beside it in *chunks*: each is a compressed
//! list of values, and a chunk that is still larger than an item is cut into parts. A change rewrites the chunks that it
//! touches, in one transaction with the first item.
//!
//! *Why chunks, and not an item for each value or one for all:* a thread of thousands of comments would be thousands of
//! items, which no request can write or delete within its calls; and one large item would cost its whole size for each
//! reply. *Why compressed:* the text of a thread shrinks to a third and less, and with it what its reads and writes cost.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::backoff::Backoff;
use super::change::Content;
use super::item::{self, CHUNKS, DATA, GENERATION, Generation, Head, Item, PARTS, Shape, numeral, text};
use super::key::{self, RecordKey};
use super::read::Stored;
use super::step::Step;
use super::table::{PARTITION, SORT};
use super::{Reader, Slot};
use crate::Error;
use crate::json::Json;
use crate::limits::{READ_TEXT_BYTES, RECORD_BYTES, RECORD_TEXT_BYTES};
use crate::notes;

/// About how much text a chunk of several values holds, in bytes: what a change of one of them costs to write.
const CHUNK_BYTES: usize = 16 * 1024;

/// The largest part of a chunk, in bytes: DynamoDB ends an item, with its names, at 400 KB.
const PART_BYTES: usize = 350 * 1024;

/// How often a record that changes while it is read is read again.
const READS: usize = 8;

/// What a record's chunks are, as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    chunks: BTreeMap<String, Chunk>,
    /// Sort keys in the record's partition that are not of its generation: what a save left that was cut off.
    pub(super) strays: Vec<String>,
}

#[derive(Clone, Debug)]
struct Chunk {
    slots: Vec<Slot>,
    /// How many items it is.
    items: usize,
    /// How many bytes these hold.
    bytes: usize,
    /// How long its text is.
    text: usize,
}

/// A value of a record, by its slot; none where it was deleted.
type Value = (Slot, Option<Json>);

/// The values of a chunk.
type Values<'a> = Vec<(&'a Slot, &'a Option<Json>)>;

/// One value in a chunk's text: a list of its name and itself, or of the name alone where it was deleted.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Deleted([String; 1]),
    Held(String, &'a Json),
}

/// What a change makes of a record's chunks.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// The writes, beside that of the first item.
    pub(super) steps: Vec<Step>,
    /// What the first item then names.
    pub(super) generation: Generation,
}

/// A new generation of all values of a record.
pub(super) fn generation<'a>(
    key: &RecordKey,
    slots: impl Iterator<Item = (&'a Slot, &'a Option<Json>)>,
    path: &str,
) -> Result<(Generation, Vec<Item>), Error> {
    let name = uuid::Uuid::new_v4().simple().to_string();
    let mut items = Vec::new();
    let mut text = 0;
    for values in packed(slots) {
        text += text_bytes(&values);
        items.extend(encode(key, &name, &new_chunk(), &values)?);
    }
    check_size(items.iter().map(data_bytes).sum(), text, path)?;
    Ok((Generation { name, items: items.len() }, items))
}

/// The attributes by which a first item names its chunks.
pub(super) fn named_by(generation: &Generation) -> [(String, AttributeValue); 2] {
    [(GENERATION.to_owned(), text(&generation.name)), (CHUNKS.to_owned(), numeral(generation.items))]
}

impl Layout {
    /// The steps that make `next` of what is stored, rewriting only the chunks that a changed value is in. New values join
    /// the smallest chunk while it has room: a chunk for each reply would soon be more items than one request can delete.
    pub(super) fn rewrite(
        &self,
        key: &RecordKey,
        generation: &Generation,
        stored: &Content,
        next: &Content,
        path: &str,
    ) -> Result<Rewritten, Error> {
        let places: BTreeMap<&Slot, &str> =
            self.chunks.iter().flat_map(|(id, chunk)| chunk.slots.iter().map(|slot| (slot, id.as_str()))).collect();
        let changed = next.slots.iter().filter(|(slot, value)| stored.slots.get(slot) != Some(value));
        let mut touched: BTreeSet<&str> = BTreeSet::new();
        let mut added: Values<'_> = Vec::new();
        for (slot, value) in changed {
            match places.get(slot) {
                Some(id) => {
                    touched.insert(id);
                }
                None => added.push((slot, value)),
            }
        }
        let smallest = self.chunks.iter().min_by_key(|(_, chunk)| chunk.text).filter(|_| !added.is_empty());
        let joined = smallest.filter(|(_, chunk)| chunk.text < CHUNK_BYTES / 2).map(|(id, _)| id.as_str());
        touched.extend(joined);
        let mut steps = Vec::new();
        let mut items = generation.items;
        let mut bytes: usize = self.chunks.values().map(|chunk| chunk.bytes).sum();
        let mut text: usize = self.chunks.values().map(|chunk| chunk.text).sum();
        let mut write = |id: &str, values: &Values<'_>, before: usize| {
            let written = encode(key, &generation.name, id, values)?;
            let surplus = (written.len()..before).map(|part| Step::Delete {
                partition: key.partition.clone(),
                sort: key::chunk(&generation.name, id, part),
            });
            steps.extend(surplus);
            items += written.len();
            bytes += written.iter().map(data_bytes).sum::<usize>();
            text += text_bytes(values);
            steps.extend(written.into_iter().map(|item| Step::Put { item, condition: None }));
            Ok::<_, Error>(())
        };
        let mut released = (0, 0, 0);
        for id in touched {
            let chunk = &self.chunks[id];
            released = (released.0 + chunk.items, released.1 + chunk.bytes, released.2 + chunk.text);
            let kept = chunk.slots.iter().filter_map(|slot| next.slots.get_key_value(slot));
            let joining = if joined == Some(id) { std::mem::take(&mut added) } else { Vec::new() };
            for (index, values) in packed(kept.chain(joining)).iter().enumerate() {
                match index {
                    0 => write(id, values, chunk.items)?,
                    _ => write(&new_chunk(), values, 0)?,
                }
            }
        }
        for values in packed(added.into_iter()) {
            write(&new_chunk(), &values, 0)?;
        }
        check_size(bytes - released.1, text.saturating_sub(released.2), path)?;
        let generation = Generation { name: generation.name.clone(), items: items - released.0 };
        Ok(Rewritten { steps, generation })
    }
}

/// Refuses a record that could not be answered, or not be held while it is read.
fn check_size(bytes: usize, text: usize, path: &str) -> Result<(), Error> {
    if bytes > RECORD_BYTES || text > RECORD_TEXT_BYTES {
        return Err(Error::record_too_large(path, bytes, text));
    }
    Ok(())
}

fn new_chunk() -> String {
    format!("{:016x}", fastrand::u64(..))
}

fn data_bytes(item: &Item) -> usize {
    item.get(DATA).map_or(0, item::value_bytes)
}

fn value_bytes(slot: &Slot, value: Option<&Json>) -> usize {
    let (Slot::Field(name) | Slot::Comment(name) | Slot::Files(name)) = slot;
    name.len() + value.map_or(0, |json| json.text().len())
}

fn text_bytes(values: &Values<'_>) -> usize {
    values.iter().map(|(slot, value)| value_bytes(slot, value.as_ref())).sum()
}

/// Values in groups of about [`CHUNK_BYTES`], a larger one alone.
fn packed<'a>(values: impl Iterator<Item = (&'a Slot, &'a Option<Json>)>) -> Vec<Values<'a>> {
    let mut groups: Vec<(usize, Values<'a>)> = Vec::new();
    for (slot, value) in values {
        let bytes = value_bytes(slot, value.as_ref());
        match groups.last_mut() {
            Some((total, group)) if *total + bytes <= CHUNK_BYTES => {
                *total += bytes;
                group.push((slot, value));
            }
            _ => groups.push((bytes, vec![(slot, value)])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The items of a chunk.
fn encode(key: &RecordKey, generation: &str, chunk: &str, values: &Values<'_>) -> Result<Vec<Item>, Error> {
    let entries = values.iter().map(|(slot, value)| match value {
        Some(json) => Entry::Held(item::attribute(slot), json),
        None => Entry::Deleted([item::attribute(slot)]),
    });
    let data = compressed(&entries.collect::<Vec<_>>()).map_err(|error| Error::internal().caused_by(error))?;
    let parts = data.chunks(PART_BYTES);
    let count = parts.len();
    let to_item = |(part, data): (usize, &[u8])| {
        let mut item = Item::from([
            (PARTITION.to_owned(), text(&key.partition)),
            (SORT.to_owned(), text(key::chunk(generation, chunk, part))),
            (DATA.to_owned(), AttributeValue::B(Blob::new(data))),
        ]);
        if part == 0 && count > 1 {
            item.insert(PARTS.to_owned(), numeral(count));
        }
        item
    };
    Ok(parts.enumerate().map(to_item).collect())
}

fn compressed(entries: &[Entry<'_>]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut encoder, entries)?;
    encoder.flush()?;
    encoder.finish()
}

/// The values of a chunk, and how long its text is.
fn decode(data: &[u8]) -> Result<(Vec<Value>, usize), Error> {
    let mut text = String::new();
    GzDecoder::new(data).read_to_string(&mut text).map_err(|error| Error::internal().caused_by(error))?;
    if notes::text_bytes(text.len()) > READ_TEXT_BYTES {
        return Err(Error::too_much_to_read());
    }
    let entries: Vec<Vec<Json>> = serde_json::from_str(&text).map_err(|_| item::unreadable("a chunk is not JSON"))?;
    let to_value = |mut entry: Vec<Json>| {
        let value = if entry.len() == 2 { entry.pop() } else { None };
        let name: String = entry.pop()?.read("").ok()?;
        Some((item::slot(&name)?, value))
    };
    let values = entries.into_iter().map(|entry| to_value(entry).ok_or(item::unreadable("a value of no slot")));
    let values: Vec<Value> = values.collect::<Result<_, _>>()?;
    let bytes = text_bytes(&values.iter().map(|(slot, value)| (slot, value)).collect());
    Ok((values, bytes))
}

impl Reader {
    /// What is stored of a split record, as one save left it.
    ///
    /// A query reads its items one after another, and a save may come between: only what is still of the same revision
    /// afterwards is of one save. The generation alone would not tell, as most saves keep it.
    pub(super) async fn load_split(&self, partition: &str) -> Result<Stored, Error> {
        let mut backoff = Backoff::default();
        for _ in 0..READS {
            let stored = self.query_split(partition).await?;
            if !matches!(stored.shape, Shape::Split(_)) {
                return Ok(stored);
            }
            let again = self.batch(vec![(partition.to_owned(), key::RECORD.to_owned())]).await?;
            let current = again.into_iter().next().map(Head::read).transpose()?;
            if current.is_some_and(|head| Some(head.revision) == stored.revision) {
                return Ok(stored);
            }
            backoff.wait().await?;
        }
        Err(changing())
    }

    /// What is stored of a split record, without a second look: enough for what is then written on the condition that the
    /// record is still of the revision that was read.
    pub(super) async fn query_split(&self, partition: &str) -> Result<Stored, Error> {
        let mut backoff = Backoff::default();
        for _ in 0..READS {
            if let Some(stored) = assemble(self.query(None, partition.to_owned()).await?)? {
                return Ok(stored);
            }
            backoff.wait().await?;
        }
        Err(changing())
    }
}

fn changing() -> Error {
    Error::unavailable().caused_by("a record changed each time it was read")
}

/// Puts the items of a partition together. `None` where one is missing, because the record was rewritten meanwhile.
fn assemble(items: Vec<Item>) -> Result<Option<Stored>, Error> {
    let mut head = None;
    let mut beside: BTreeMap<String, Item> = BTreeMap::new();
    for mut item in items {
        let sort = item::take_text(&mut item, SORT).ok_or(item::unreadable("an item without a sort key"))?;
        if sort == key::RECORD {
            head = Some(Head::read(item)?);
        } else {
            beside.insert(sort, item);
        }
    }
    let Some(mut head) = head else {
        let strays = beside.into_keys().collect();
        return Ok(Some(Stored { layout: Layout { strays, ..Layout::default() }, ..Stored::default() }));
    };
    let mut layout = Layout::default();
    if let Shape::Split(generation) = &head.shape {
        let prefix = key::chunks_of(&generation.name);
        let (own, strays): (BTreeMap<_, _>, BTreeMap<_, _>) =
            beside.into_iter().partition(|(sort, _)| sort.starts_with(&prefix));
        layout.strays = strays.into_keys().collect();
        if own.len() != generation.items {
            return Ok(None);
        }
        for (id, parts) in by_chunk(own, &prefix) {
            let wanted = parts.first().and_then(|first| item::number(first, PARTS)).unwrap_or(1);
            if parts.len() != wanted {
                return Ok(None);
            }
            let data: Vec<u8> =
                parts.iter().filter_map(|part| part.get(DATA)?.as_b().ok()).fold(Vec::new(), |mut whole, part| {
                    whole.extend_from_slice(part.as_ref());
                    whole
                });
            let (values, text) = decode(&data)?;
            let slots = values.iter().map(|(slot, _)| slot.clone()).collect();
            layout.chunks.insert(id, Chunk { slots, items: parts.len(), bytes: data.len(), text });
            head.content.slots.extend(values);
        }
    } else {
        layout.strays = beside.into_keys().collect();
    }
    Ok(Some(Stored { shape: head.shape, revision: Some(head.revision), content: head.content, layout }))
}

/// Items of a generation by their chunk, the parts of each in order.
fn by_chunk(items: BTreeMap<String, Item>, prefix: &str) -> BTreeMap<String, Vec<Item>> {
    let mut chunks: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for (sort, item) in items {
        let id = sort.strip_prefix(prefix).and_then(|rest| rest.split('#').next()).unwrap_or_default().to_owned();
        chunks.entry(id).or_default().push(item);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::from_text(text.to_owned()).unwrap()
    }

    #[test]
    fn a_chunk_keeps_values_nulls_and_deletions_apart() {
        let values = [
            (Slot::Field("a".to_owned()), Some(json("null"))),
            (Slot::Comment("1".to_owned()), None),
            (Slot::Comment("é#".to_owned()), Some(json(r#"{"x": 1.0, "y":"\ud800\u0000"}"#))),
        ];
        let refs: Values<'_> = values.iter().map(|(slot, value)| (slot, value)).collect();
        let entries: Vec<Entry<'_>> = refs
            .iter()
            .map(|(slot, value)| match value {
                Some(json) => Entry::Held(item::attribute(slot), json),
                None => Entry::Deleted([item::attribute(slot)]),
            })
            .collect();
        assert_eq!(decode(&compressed(&entries).unwrap()).unwrap().0, values);
    }

    #[test]
    fn small_values_share_a_chunk_and_large_ones_stand_alone() {
        let value = |bytes: usize| Some(json(&format!("\"{}\"", "x".repeat(bytes))));
        let values: Vec<(Slot, Option<Json>)> = [10, 10_000, 10_000, 50_000, 10]
            .into_iter()
            .enumerate()
            .map(|(n, bytes)| (Slot::Comment(n.to_string()), value(bytes)))
            .collect();
        let groups = packed(values.iter().map(|(slot, value)| (slot, value)));
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1, 1]);
    }
}
