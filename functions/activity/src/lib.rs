//! The activity provider: one Lambda function an operation; see `src/bin`. Activity is append-only, so there is no delete.

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Records};
use shared::provider::{self, Payloads};
use shared::records::change::Rule;
use shared::records::{Authors, Feature, Filter, Reader, Writer};
use shared::scope::Caller;

/// Activity records.
pub const ACTIVITY: Feature =
    Feature { name: "activity", crosses_organizations: false, in_documents: true, authors: Authors::Unknown };

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
        let filter = Filter { ids: request.activity_ids, documents: request.document_ids, folder: request.folder_id };
        provider::get(reader, &ACTIVITY, &scope, &filter).await
    }
}

/// `activity/save`: appends records. One that is there already may gain fields; what it has, it keeps.
#[derive(Debug)]
pub struct Save;

/// `SaveActivityResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveActivityResolverRequest {
    activity: Records,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
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
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let (scope, mut records) = payload::open(caller, &metadata, request.activity, &NAMES)?;
        for record in &mut records {
            record.document = provider::only_where_unknown(record.document.clone());
            record.folder = provider::only_where_unknown(record.folder.clone());
        }
        provider::save(writer, &ACTIVITY, &scope, records, Rule::Once).await
    }
}
