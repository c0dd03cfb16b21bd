use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::scope::Caller;
use storage::{FileRemover, Storage};

use crate::{RECORDINGS, files};

/// `recordings/delete`: deletes a recording, and its files. One that is gone is deleted already.
#[derive(Debug)]
pub struct Delete;

/// `DeleteRecorderResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteRecorderResolverRequest {
    recorder_annotation_id: Id,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    /// Told in the log alone.
    #[serde(default)]
    event: Option<String>,
}

impl Operation for Delete {
    const NAME: &'static str = "recordings-delete";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/recordings/delete";
    type Store = FileRemover;
    type Request = Json<DeleteRecorderResolverRequest>;
    type Answer = Answer<()>;

    async fn run(remover: &FileRemover, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        notes::event(request.event.as_deref());
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "metadata.organizationId")?;
        let id = &request.recorder_annotation_id;
        remover.delete_with_record(&RECORDINGS, &scope, id, Storage::Recordings, files::name).await?;
        Ok(Answer::done(1))
    }
}
