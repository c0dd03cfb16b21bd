//! Records in DynamoDB: things of one organization with an id, perhaps a document and a folder, and fields of their own.
//!
//! A record is one item, *inline*: each top-level field is an attribute, and so is each comment of a thread. One
//! `UpdateItem` therefore changes any of them, atomically and without reading. A record that outgrows an item (400 KB) is
//! *split*: its values stand in chunks under the same partition key, and the first item says so.
//!
//! | module | what it knows |
//! |---|---|
//! | [`table`] | names of keys and indexes, as in `template.yaml` |
//! | `key` | how ids become keys, so that no id reaches another record |
//! | `item` | how a record is written as items |
//! | `author` | who may change what, where only authors may |
//! | [`change`] | what a save may do to what is stored |
//! | `split` | records that outgrow an item |
//! | `read`, `write`, `delete`, with `step`, `batch`, `backoff` and `budget` | the calls |
//! | `foreign` | reading a table that is not ours |

pub mod author;
mod backoff;
mod batch;
mod budget;
pub mod change;
mod delete;
mod foreign;
mod item;
mod key;
mod read;
mod split;
mod step;
pub mod table;
mod write;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
pub use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
pub use item::Item;
pub use read::Page;

use crate::Error;
use crate::contract::Id;
use crate::json::{Fields, Json};

/// A feature whose records are kept: a prefix of keys and a rule.
#[derive(Debug)]
pub struct Feature {
    /// The first part of the feature's keys. Changing it loses sight of what is stored.
    pub name: &'static str,
    /// Whether its records are found by document in all organizations at once. Only a user is: its document is its id.
    pub crosses_organizations: bool,
    /// Whether its records stand in documents and folders, which a caller's claims may be limited to.
    pub in_documents: bool,
    /// Whose its records are, for stacks where only authors may change what they wrote.
    pub authors: Authors,
}

/// What of a feature's records has an author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authors {
    /// Nothing that is known here.
    Unknown,
    /// Each record.
    Record,
    /// Each comment of a thread, and the thread, which others may change but not delete.
    Comments,
    /// Each activity record, if it names its `actionUser`.
    Actions,
}

/// The part of a record that one attribute holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// A top-level field, by its name.
    Field(String),
    /// A comment of a thread, by its id.
    Comment(String),
    /// The files that a value of the record once named, by a digest of their names. Never answered: it is what finds the
    /// files of a value that was deleted or replaced, when the record is deleted.
    Files(String),
}

/// Where in the app a record stands, which is what indexes find it by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The app's document.
    pub document: Option<Id>,
    /// The app's folder.
    pub folder: Option<Id>,
}

/// A record as it was read. A slot without a value is that of a deleted comment.
#[derive(Debug)]
pub struct Record {
    /// The id it was saved under.
    pub id: Id,
    /// Where it stands.
    pub place: Place,
    /// What it holds.
    pub slots: BTreeMap<Slot, Option<Json>>,
}

impl Record {
    /// The top-level fields, and the comments that are not deleted.
    #[must_use]
    pub fn into_parts(self) -> (Id, Fields, Fields) {
        let mut fields = Fields::new();
        let mut comments = Fields::new();
        for (slot, value) in self.slots {
            match (slot, value) {
                (Slot::Field(name), Some(value)) => {
                    fields.insert(name, value);
                }
                (Slot::Comment(id), Some(value)) => {
                    comments.insert(id, value);
                }
                (Slot::Files(_), _) | (_, None) => {}
            }
        }
        (self.id, fields, comments)
    }
}

/// Which records are asked for. What is `None` does not narrow; an empty list matches nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these ids.
    pub ids: Option<Vec<Id>>,
    /// Only records of these documents.
    pub documents: Option<Vec<Id>>,
    /// Only records of this folder.
    pub folder: Option<Id>,
}

/// The table, by its client and name. Operations take it as a [`Reader`] or a [`Writer`].
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table `name`, reached through `client`.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Another table, reached through the same client.
    #[must_use]
    pub fn sibling(&self, name: String) -> Self {
        Self { client: self.client.clone(), name }
    }

    /// Opens the connection. Its answer doesn't matter: a refusal has travelled as far as a success.
    pub async fn connect(&self) {
        let call = self.client.describe_endpoints().send();
        if tokio::time::timeout(std::time::Duration::from_secs(1), call).await.is_err() {
            tracing::warn!("the store did not answer while starting");
        }
    }
}

/// Reads records.
#[derive(Clone, Debug)]
pub struct Reader(Table);

impl From<Table> for Reader {
    fn from(table: Table) -> Self {
        Self(table)
    }
}

/// Writes records, which may need to read them first.
#[derive(Clone, Debug)]
pub struct Writer {
    table: Table,
    reader: Reader,
}

impl Writer {
    /// Whether the request may still change a record of the largest size; one that works through many stops where it may not.
    #[must_use]
    pub fn has_budget_left(&self) -> bool {
        budget::is_left_for_a_record()
    }

    /// What it reads by.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl From<Table> for Writer {
    fn from(table: Table) -> Self {
        Self { reader: Reader(table.clone()), table }
    }
}

/// How many calls of one request may be under way at once: enough to hide latency, few enough to share a table.
const PARALLEL_CALLS: usize = 8;

/// Awaits calls side by side, a few at a time, and answers theirs in order.
///
/// # Errors
/// The first failure.
pub async fn in_parallel<T>(calls: Vec<impl Future<Output = Result<T, Error>>>) -> Result<Vec<T>, Error> {
    stream::iter(calls).buffered(PARALLEL_CALLS).try_collect().await
}
