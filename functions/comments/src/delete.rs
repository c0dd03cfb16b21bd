use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::scope::Caller;
use storage::{FileRemover, Storage};

use crate::{COMMENTS, thread};

/// `comments/delete`: deletes a thread, and the files attached to its comments. One that is gone is deleted already.
#[derive(Debug)]
pub struct Delete;

/// `DeleteCommentResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteCommentResolverRequest {
    comment_annotation_id: Id,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    /// Told in the log alone.
    #[serde(default)]
    event: Option<String>,
}

impl Operation for Delete {
    const NAME: &'static str = "comments-delete";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/comments/delete";
    type Store = FileRemover;
    type Request = Json<DeleteCommentResolverRequest>;
    type Answer = Answer<()>;

    async fn run(files: &FileRemover, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        notes::event(request.event.as_deref());
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "metadata.organizationId")?;
        let id = &request.comment_annotation_id;
        files.delete_with_record(&COMMENTS, &scope, id, Storage::Attachments, thread::name_files).await?;
        Ok(Answer::done(1))
    }
}
