//! Attachments of a document that was renamed.
//!
//! An attachment is identified by its document and its id, and so are its objects and the links that comments keep for
//! years. None of them changes when the document is renamed: the attachment's record moves to the new document under its
//! old identity, and an *alias* under the new one says so. By the alias, a delete that names the new document finds the
//! record and the objects.

use shared::Error;
use shared::contract::{Id, TextOrNumber};
use shared::json::Json;
use shared::records::change::{Change, Move, Rule, Save};
use shared::records::{Record, Slot};
use shared::scope::Scope;

use crate::attachment::{Attachment, Storage};

/// What an alias's slot is called, and its value the original's identity.
const ORIGINAL: &str = "original";

fn slot() -> Slot {
    Slot::Files(ORIGINAL.to_owned())
}

/// The save that makes the alias of an attachment's record in a document; none for a record that is an alias itself, as its
/// original has one of its own.
///
/// # Errors
/// The record's id is not that of an attachment.
pub fn alias(storage: Storage, scope: &Scope, record: &Record, document: &Id) -> Result<Option<Save>, Error> {
    if record.slots.contains_key(&slot()) {
        return Ok(None);
    }
    let original = identity(storage, scope, record.id.as_str())?;
    let alias = Attachment { document: Some(document.clone()), ..original.clone() };
    if alias == original {
        return Ok(None);
    }
    let value = Json::from_value(&original.record_id()?).map_err(|error| Error::internal().caused_by(error))?;
    Ok(Some(Save {
        scope: scope.clone(),
        id: alias.record_id()?,
        document: Move::Set(Some(document.clone())),
        folder: record.place.folder.clone().map_or(Move::Keep, |folder| Move::Set(Some(folder))),
        changes: vec![Change { slot: slot(), value: Some(value), rule: Rule::Set }],
        holds_files: false,
        revives: false,
    }))
}

/// What the record of an attachment stands for, if it is an alias.
pub(crate) fn original(attachment: &Attachment, record: &Record) -> Option<Attachment> {
    let value = record.slots.get(&slot())?.as_ref()?;
    identity(attachment.storage, &attachment.scope, &value.read::<String>("").ok()?).ok()
}

/// The attachment whose record has this id: [`Attachment::record_id`] the other way.
fn identity(storage: Storage, scope: &Scope, record: &str) -> Result<Attachment, Error> {
    let read: (Option<Id>, Id) = serde_json::from_str(record).map_err(|error| Error::internal().caused_by(error))?;
    let (document, id) = read;
    Ok(Attachment { storage, scope: scope.clone(), document, id: TextOrNumber::from(id) })
}
