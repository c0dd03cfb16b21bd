//! The recorder provider: one Lambda function an operation; see `src/bin`.

mod delete;
mod files;
mod upload;

pub use delete::Delete;
pub use upload::{Upload, UploadDelete};

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Records};
use shared::provider::{self, Asked, Payloads};
use shared::records::change::Rule;
use shared::records::{Authors, Feature, Reader, Writer};
use shared::scope::Caller;

/// Recordings. Their files are in S3; what is here is what Velt's SDK strips from the annotation.
pub const RECORDINGS: Feature =
    Feature { name: "recordings", crosses_organizations: false, in_documents: true, authors: Authors::Record };

const NAMES: Names = Names {
    records: "recorderAnnotation",
    id: "annotationId",
    organization: "metadata.organizationId",
    own_metadata: true,
};

/// `recordings/get`: recordings by ids, documents, folder or organization; every filter given must match.
#[derive(Debug)]
pub struct Get;

/// `GetRecorderResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetRecorderResolverRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    recorder_annotation_ids: Option<Vec<Id>>,
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
    const NAME: &'static str = "recordings-get";
    const ACCESS: Access = Access::Read;
    const PATH: &'static str = "/api/velt/recordings/get";
    type Store = Reader;
    type Request = Json<GetRecorderResolverRequest>;
    type Answer = Answer<Payloads>;

    async fn run(reader: &Reader, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        let asked = Asked {
            ids: request.recorder_annotation_ids,
            documents: request.document_ids,
            folder: request.folder_id,
            all_documents: request.all_documents.unwrap_or_default(),
        };
        provider::get(reader, &RECORDINGS, &NAMES, &scope, asked).await
    }
}

/// `recordings/save`: merges recordings into what is stored, field by field.
///
/// Velt takes a `transcription`, `attachment` and `attachments` from the answer where there are any. Here nothing is made of
/// a recording, so the answer has no `data` and Velt's own fields stay as they were sent.
#[derive(Debug)]
pub struct Save;

/// `SaveRecorderResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveRecorderResolverRequest {
    recorder_annotation: Records,
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
    const NAME: &'static str = "recordings-save";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/recordings/save";
    type Store = Writer;
    type Request = Json<SaveRecorderResolverRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        notes::event(request.event.as_deref());
        let metadata = Metadata::of(request.metadata, request.organization_id)?.in_document(request.document_id)?;
        let (scope, recordings) = payload::open(caller, &metadata, &request.recorder_annotation, &NAMES)?;
        let mut saves = provider::saves(&scope, recordings, &Rule::Set);
        for save in &mut saves {
            files::note(save);
        }
        provider::save_records(writer, &RECORDINGS, &saves).await
    }
}
