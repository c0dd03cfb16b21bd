//! The activity provider: one Lambda function an operation; see `src/bin`. Activity is append-only, so there is no delete.

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Records};
use shared::provider::{self, Asked, Payloads};
use shared::records::change::Rule;
use shared::records::{Authors, Feature, Reader, Slot, Writer};
use shared::scope::Caller;

/// Activity records.
pub const ACTIVITY: Feature =
    Feature { name: "activity", crosses_organizations: false, in_documents: true, authors: Authors::Actions };

const NAMES: Names = Names { records: "activity", id: "id", organization: "organizationId", own_metadata: true };

/// `activity/get`: records by ids, documents or organization; every filter given must match.
#[derive(Debug)]
pub struct Get;

/// `GetActivityResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetActivityResolverRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    activity_ids: Option<Vec<Id>>,
    #[serde(default)]
    document_ids: Option<Vec<Id>>,
    #[serde(default, deserialize_with = "optional_id")]
    folder_id: Option<Id>,
    #[serde(default)]
    all_documents: Option<bool>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
}

impl Operation for Get {
    const NAME: &'static str = "activity-get";
    const ACCESS: Access = Access::Read;
    const PATH: &'static str = "/api/velt/activity/get";
    type Store = Reader;
    type Request = Json<GetActivityResolverRequest>;
    type Answer = Answer<Payloads>;

    async fn run(reader: &Reader, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        let asked = Asked {
            ids: request.activity_ids,
            documents: request.document_ids,
            folder: request.folder_id,
            all_documents: request.all_documents.unwrap_or_default(),
        };
        provider::get(reader, &ACTIVITY, &NAMES, &scope, asked).await
    }
}

/// The fields of a record that tell who sent it from where, and are no part of what it tells: an upgrade of Velt's SDK
/// changes them in a repeat of the same record. They may change, and a record stands where it was last said to stand.
const NOT_CONTENT: [&str; 2] = ["metadata", "documentMetadata"];

/// `activity/save`: appends records. One that is there already may gain fields; what it has, it keeps.
#[derive(Debug)]
pub struct Save;

/// `SaveActivityResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveActivityResolverRequest {
    /// The docs of Velt's Node SDK call them `activities`.
    #[serde(alias = "activities")]
    activity: Records,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default, deserialize_with = "optional_id")]
    document_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    /// Told in the log alone.
    #[serde(default)]
    event: Option<String>,
}

impl Operation for Save {
    const NAME: &'static str = "activity-save";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/activity/save";
    type Store = Writer;
    type Request = Json<SaveActivityResolverRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        notes::event(request.event.as_deref());
        let metadata = Metadata::of(request.metadata, request.organization_id)?.in_document(request.document_id)?;
        let (scope, records) = payload::open(caller, &metadata, &request.activity, &NAMES)?;
        let mut saves = provider::saves(&scope, records, &Rule::Once);
        for change in saves.iter_mut().flat_map(|save| &mut save.changes) {
            if matches!(&change.slot, Slot::Field(name) if NOT_CONTENT.contains(&name.as_str())) {
                change.rule = Rule::Set;
            }
        }
        provider::save_records(writer, &ACTIVITY, &saves).await
    }
}
