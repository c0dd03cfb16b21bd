use std::collections::BTreeMap;

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::json::Fields;
use shared::operation::{Answer, Json, Operation};
use shared::provider::{self, Asked};
use shared::records::Reader;
use shared::scope::Caller;

use crate::{COMMENTS, thread};

/// `comments/get`: threads by ids, documents, folder or organization; every filter given must match.
#[derive(Debug)]
pub struct Get;

/// `GetCommentResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetCommentResolverRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    comment_annotation_ids: Option<Vec<Id>>,
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
    const NAME: &'static str = "comments-get";
    const ACCESS: Access = Access::Read;
    const PATH: &'static str = "/api/velt/comments/get";
    type Store = Reader;
    type Request = Json<GetCommentResolverRequest>;
    type Answer = Answer<BTreeMap<Id, Fields>>;

    async fn run(reader: &Reader, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        let asked = Asked {
            ids: request.comment_annotation_ids,
            documents: request.document_ids,
            folder: request.folder_id,
            all_documents: request.all_documents.unwrap_or_default(),
        };
        let records = provider::find(reader, &COMMENTS, &scope, asked).await?;
        let threads = records.into_iter().map(thread::to_payload).collect::<Result<BTreeMap<_, _>, _>>();
        let threads = threads?;
        let count = threads.len();
        Ok(Answer::with(threads, count))
    }
}
