//! The files that a record names.

use serde::Deserialize;
use shared::contract::TextOrNumber;
use shared::json::{Fields, Json};
use shared::records::Place;
use shared::scope::Scope;

use crate::attachment::{Attachment, Storage};
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

    /// All of them, each once. Links count that were signed here, for files of the record's own organization, and of its own
    /// document or of none: another document's file is not this record's to take along.
    ///
    /// # Errors
    /// The keys of links could not be read.
    pub async fn all(self, links: &Links) -> Result<Vec<Attachment>, shared::Error> {
        let mut all = self.found;
        let is_of_the_record = |link: &Link| {
            let Attachment { storage, scope, document, .. } = &link.attachment;
            let is_near = document.is_none() || *document == self.place.document;
            *storage == self.storage && scope.organization() == self.scope.organization() && is_near
        };
        for token in self.tokens {
            match links.verify(&token).await {
                Ok(link) if is_of_the_record(&link) => {
                    // By the caller's rights and not by the link's.
                    all.push(Attachment { scope: self.scope.clone(), ..link.attachment });
                }
                Err(error) if error.kind().status() != http::StatusCode::FORBIDDEN => return Err(error),
                // A link of somebody else's, or what only looks like one.
                Ok(_) | Err(_) => {}
            }
        }
        all.sort_by_key(Attachment::prefix);
        all.dedup();
        Ok(all)
    }
}
