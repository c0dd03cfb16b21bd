//! The files that a record names, and those that it named before.
//!
//! A value that is replaced or deleted takes the names of its files with it. So a save that brings such names notes them
//! beside the value (see [`note`]), where they stay until the record is deleted: the files go with it. Nothing is deleted
//! earlier, as Velt may still show the file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::contract::{Id, TextOrNumber};
use shared::json::{Fields, Json};
use shared::records::change::{Change, Rule, Save};
use shared::records::{Place, Record, Slot};
use shared::scope::Scope;

use crate::attachment::{Attachment, Storage, digest};
use crate::link::{FILES, Link, Links};

/// The files that a record of `scope` names, of one storage scope.
#[derive(Debug)]
pub struct Named<'a> {
    storage: Storage,
    scope: &'a Scope,
    place: &'a Place,
    found: Vec<Attachment>,
    tokens: Vec<String>,
}

/// What of Velt's `PartialAttachment` says which file it is. Read leniently: it is content, and stored as it came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartialAttachment {
    attachment_id: Option<TextOrNumber>,
    url: Option<String>,
}

/// A name that is noted: an id, or a link.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Name {
    #[serde(rename = "id")]
    Id(Id),
    #[serde(rename = "token")]
    Token(String),
}

/// Notes the files that the values of a save name, as `name` finds them in each change.
pub fn note(save: &mut Save, name: impl Fn(&Change, &mut Named<'_>)) {
    let notes = save.changes.iter().filter_map(|change| noting(&save.scope, |named| name(change, named)));
    // The same names have one slot, however many values have them.
    let notes: BTreeMap<Slot, Change> = notes.map(|note| (note.slot.clone(), note)).collect();
    save.holds_files |= !notes.is_empty();
    save.changes.extend(notes.into_values());
}

/// The change that notes the files which a value names; none where it names none.
fn noting(scope: &Scope, name: impl FnOnce(&mut Named<'_>)) -> Option<Change> {
    let nowhere = Place::default();
    // Neither the storage scope nor the place counts until the names are read.
    let mut found = Named::new(Storage::Attachments, scope, &nowhere);
    name(&mut found);
    let ids = found.found.into_iter().map(|file| Name::Id(file.id.into()));
    let names: BTreeSet<Name> = ids.chain(found.tokens.into_iter().map(Name::Token)).collect();
    if names.is_empty() {
        return None;
    }
    let names = Json::from_value(&names).ok()?;
    let slot = Slot::Files(digest(&Sha256::digest(names.text()).into()));
    Some(Change { slot, value: Some(names), rule: Rule::Set })
}

impl<'a> Named<'a> {
    /// None yet.
    #[must_use]
    pub fn new(storage: Storage, scope: &'a Scope, place: &'a Place) -> Self {
        Self { storage, scope, place, found: Vec::new(), tokens: Vec::new() }
    }

    /// Adds the file of a `PartialAttachment`.
    pub fn attachment(&mut self, json: &Json) {
        let Ok(named) = json.read::<PartialAttachment>("") else { return };
        if let Some(id) = named.attachment_id {
            self.id(&id);
        }
        if let Some(url) = named.url {
            self.url(&url);
        }
    }

    /// Adds what saves of the record noted.
    pub fn noted(&mut self, record: &Record) {
        for (slot, names) in &record.slots {
            let (Slot::Files(_), Some(names)) = (slot, names) else { continue };
            for name in names.read::<Vec<Name>>("").unwrap_or_default() {
                match name {
                    Name::Id(id) => self.id(&id.into()),
                    Name::Token(token) => self.tokens.push(token),
                }
            }
        }
    }

    /// Adds the file with an id, as uploaded where the record stands.
    pub fn id(&mut self, id: &TextOrNumber) {
        let (storage, scope, document) = (self.storage, self.scope.clone(), self.place.document.clone());
        self.found.push(Attachment { storage, scope, document, id: id.clone() });
    }

    /// Adds the file of a link, where it is one of ours.
    pub fn url(&mut self, url: &str) {
        let token = url.split_once(FILES).and_then(|(_, path)| path.split('/').next());
        self.tokens.extend(token.map(ToOwned::to_owned));
    }

    /// Every value of an object or a list, for maps and lists of attachments.
    #[must_use]
    pub fn values(json: &Json) -> Vec<(Option<String>, Json)> {
        if let Ok(fields) = json.read::<Fields>("") {
            return fields.into_iter().map(|(name, value)| (Some(name), value)).collect();
        }
        json.read::<Vec<Json>>("").unwrap_or_default().into_iter().map(|value| (None, value)).collect()
    }

    /// All of them, each once: those that are the record's, and those of links to files of the record's organization that were
    /// uploaded in another document. Another document's file is not this record's to take along, unless that is what the
    /// record's own document was called.
    ///
    /// # Errors
    /// The keys of links could not be read.
    pub async fn all(mut self, links: &Links) -> Result<(Vec<Attachment>, Vec<Attachment>), shared::Error> {
        let (mut own, mut elsewhere) = (std::mem::take(&mut self.found), Vec::new());
        self.tokens.sort();
        self.tokens.dedup();
        for token in self.tokens {
            match links.verify(&token).await {
                Ok(Link { attachment: linked, .. })
                    if linked.storage == self.storage && linked.scope.organization() == self.scope.organization() =>
                {
                    let is_near = linked.document.is_none() || linked.document == self.place.document;
                    // By the caller's rights and not by the link's.
                    let file = Attachment { scope: self.scope.clone(), ..linked };
                    if is_near { own.push(file) } else { elsewhere.push(file) }
                }
                Err(error) if error.kind().status() != http::StatusCode::FORBIDDEN => return Err(error),
                // A link of somebody else's, or what only looks like one.
                Ok(_) | Err(_) => {}
            }
        }
        for files in [&mut own, &mut elsewhere] {
            files.sort_by_key(Attachment::prefix);
            files.dedup();
        }
        Ok((own, elsewhere))
    }
}
