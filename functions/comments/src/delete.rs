use serde::Deserialize;
use shared::Error;
use shared::contract::{Id, Metadata, optional_id};
use shared::operation::{Answer, Json, Operation};
use shared::provider;
use shared::records::Writer;
use shared::scope::Caller;

use crate::COMMENTS;

/// `comments/delete`: deletes a thread. One that is gone is deleted already.
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
    metadata: Option<Metadata>,
    /// Says what is asked for by its path already: only its type is checked.
    #[serde(default, rename = "event")]
    _event: Option<String>,
}

impl Operation for Delete {
    const NAME: &'static str = "comments-delete";
    const PATH: &'static str = "/api/velt/comments/delete";
    type Store = Writer;
    type Request = Json<DeleteCommentResolverRequest>;
    type Data = ();

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Answer<()>, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        provider::delete(writer, &COMMENTS, caller, &metadata, &request.comment_annotation_id).await
    }
}
