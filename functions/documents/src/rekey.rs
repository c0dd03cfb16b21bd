use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::json::{Fields, Json as Value};
use shared::operation::{Answer, Json, Operation};
use shared::records::change::{Change, Move, Rule, Save};
use shared::records::{Feature, Record, Slot, Writer};
use shared::scope::{Caller, Scope};
use storage::{Storage, renamed};

/// `documents/rekey`: moves everything of a document to another name, to another folder, or both.
///
/// Velt's `documents/migrate` renames a document and its `documents/move` moves one to a folder, on Velt's side alone. The
/// app's backend calls this operation beside them, so that what is stored here is found where Velt now looks for it.
///
/// One request moves as much as it may, and answers a `nextToken` while there is more. A request that is repeated finds
/// what is left.
#[derive(Debug)]
pub struct Rekey;

/// The document, and where it is to stand. Velt has no type for it: it never sends one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RekeyDocumentRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    document_id: Id,
    #[serde(default, deserialize_with = "optional_id")]
    new_document_id: Option<Id>,
    #[serde(default, deserialize_with = "optional_id")]
    new_folder_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    /// What the request before answered.
    #[serde(default)]
    next_token: Option<String>,
}

/// What was moved.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rekeyed {
    /// How many records this request moved, by their feature.
    moved: BTreeMap<&'static str, usize>,
    /// To be sent with the same request until there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Where a request goes on: the feature, and after which record of it.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Position(usize, Option<String>);

/// Records that are read at once.
const PAGE: i32 = 20;

/// Every feature whose records stand in documents; of files, with their storage scope.
fn features() -> [(&'static Feature, Option<Storage>); 7] {
    let of_files = |storage: Storage| (storage.feature(), Some(storage));
    [
        (&comments::COMMENTS, None),
        (&reactions::REACTIONS, None),
        (&recordings::RECORDINGS, None),
        (&activity::ACTIVITY, None),
        (&notifications::NOTIFICATIONS, None),
        of_files(Storage::Attachments),
        of_files(Storage::Recordings),
    ]
}

impl Operation for Rekey {
    const NAME: &'static str = "documents-rekey";
    const ACCESS: Access = Access::Backend;
    const PATH: &'static str = "/backend/velt/documents/rekey";
    type Store = Writer;
    type Request = Json<RekeyDocumentRequest>;
    type Answer = Answer<Rekeyed>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        caller.check_api_key(&metadata)?;
        let scope = caller.organization(metadata.organization_id.as_ref(), "organizationId")?;
        if request.new_document_id.is_none() && request.new_folder_id.is_none() {
            return Err(Error::invalid("newDocumentId", "is required, or newFolderId: where the document is to stand"));
        }
        let Position(first, mut after) = request.next_token.as_deref().map(position).transpose()?.unwrap_or_default();
        let is_known = features().get(first).is_some_and(|(feature, _)| {
            after.as_deref().is_none_or(|after| writer.reader().is_position(feature, &scope, after))
        });
        if !is_known {
            return Err(not_a_token());
        }
        let target = Target {
            document: request.document_id,
            new_document: request.new_document_id,
            new_folder: request.new_folder_id,
        };
        let mut moved = BTreeMap::new();
        let mut count = 0;
        for (index, (feature, storage)) in features().into_iter().enumerate().skip(first) {
            loop {
                if !writer.has_budget_left() {
                    let next_token = Some(token(&Position(index, after))?);
                    return Ok(Answer::with(Rekeyed { moved, next_token }, count));
                }
                let page =
                    writer.reader().page_of_document(feature, &scope, &target.document, after.as_deref(), PAGE).await?;
                for record in page.records {
                    // Of an index that lags, one that was moved already may still come.
                    if record.place.document.as_ref() != Some(&target.document) {
                        continue;
                    }
                    if !writer.has_budget_left() {
                        let next_token = Some(token(&Position(index, after))?);
                        return Ok(Answer::with(Rekeyed { moved, next_token }, count));
                    }
                    let id = record.id.clone();
                    // The alias first: a record that was moved is not found in its document again.
                    if let (Some(storage), Some(new)) = (storage, &target.new_document)
                        && let Some(alias) = renamed::alias(storage, &scope, &record, new)?
                    {
                        writer.save(feature, &[alias]).await?;
                    }
                    writer.save(feature, &[target.save(&scope, record)]).await?;
                    after = Some(writer.reader().position_of(feature, &scope, &id));
                    *moved.entry(feature.name).or_default() += 1;
                    count += 1;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(Answer::with(Rekeyed { moved, next_token: None }, count))
    }
}

fn position(token: &str) -> Result<Position, Error> {
    let read = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok();
    read().ok_or_else(not_a_token)
}

fn not_a_token() -> Error {
    Error::invalid("nextToken", "must be what the request before answered")
}

fn token(position: &Position) -> Result<String, Error> {
    let text = serde_json::to_vec(position).map_err(|error| Error::internal().caused_by(error))?;
    Ok(URL_SAFE_NO_PAD.encode(text))
}

/// Which document is moved where.
struct Target {
    document: Id,
    new_document: Option<Id>,
    new_folder: Option<Id>,
}

impl Target {
    fn save(&self, scope: &Scope, record: Record) -> Save {
        let moved = |id: &Option<Id>| id.clone().map_or(Move::Keep, |id| Move::Set(Some(id)));
        let metadata = Slot::Field("metadata".to_owned());
        let value = record.slots.get(&metadata).and_then(|known| self.metadata(known.as_ref()?));
        Save {
            scope: scope.clone(),
            id: record.id,
            document: moved(&self.new_document),
            folder: moved(&self.new_folder),
            changes: value
                .into_iter()
                .map(|value| Change { slot: metadata.clone(), value: Some(value), rule: Rule::Set })
                .collect(),
            holds_files: false,
            revives: false,
        }
    }

    /// A record's own metadata with its new place; none where it does not say where the record stands.
    fn metadata(&self, known: &Value) -> Option<Value> {
        let mut fields: Fields = known.read("metadata").ok()?;
        let mut is_changed = false;
        for (name, new) in [("documentId", &self.new_document), ("folderId", &self.new_folder)] {
            if let (Some(stored), Some(new)) = (fields.get_mut(name).filter(|stored| !stored.is_null()), new) {
                *stored = Value::from_value(new).ok()?;
                is_changed = true;
            }
        }
        is_changed.then(|| Value::from_value(&fields).ok())?
    }
}
