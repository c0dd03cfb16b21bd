//! The reaction provider: one Lambda function an operation; see `src/bin`.

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::json::{self, Fields};
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::payload::{self, Names, Records};
use shared::provider::{self, Asked, Payloads};
use shared::records::change::Rule;
use shared::records::{Authors, Feature, Reader, Writer};
use shared::scope::Caller;

/// Reactions.
pub const REACTIONS: Feature =
    Feature { name: "reactions", crosses_organizations: false, in_documents: true, authors: Authors::Record };

const NAMES: Names = Names {
    records: "reactionAnnotation",
    id: "annotationId",
    organization: "metadata.organizationId",
    own_metadata: true,
};

/// `reactions/get`: reactions by ids, documents, folder or organization; every filter given must match.
#[derive(Debug)]
pub struct Get;

/// `GetReactionResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetReactionResolverRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    reaction_annotation_ids: Option<Vec<Id>>,
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
    const NAME: &'static str = "reactions-get";
    const ACCESS: Access = Access::Read;
    const PATH: &'static str = "/api/velt/reactions/get";
    type Store = Reader;
    type Request = Json<GetReactionResolverRequest>;
    type Answer = Answer<Payloads>;

    async fn run(reader: &Reader, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        let scope = caller.scope(&metadata, "organizationId")?;
        let asked = Asked {
            ids: request.reaction_annotation_ids,
            documents: request.document_ids,
            folder: request.folder_id,
            all_documents: request.all_documents.unwrap_or_default(),
        };
        let mut answer = provider::get(reader, &REACTIONS, &NAMES, &scope, asked).await?;
        answer.data.iter_mut().flat_map(Payloads::values_mut).for_each(name_the_author);
        Ok(answer)
    }
}

/// Old clients wrote the author as `user`; today's look for `from`.
fn name_the_author(reaction: &mut Fields) {
    if reaction.get("from").is_none_or(json::Json::is_null)
        && let Some(author) = reaction.remove("user")
    {
        reaction.insert("from".to_owned(), author);
    }
}

/// `reactions/save`: merges reactions into what is stored, field by field.
#[derive(Debug)]
pub struct Save;

/// `SaveReactionResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveReactionResolverRequest {
    reaction_annotation: Records,
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
    const NAME: &'static str = "reactions-save";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/reactions/save";
    type Store = Writer;
    type Request = Json<SaveReactionResolverRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        notes::event(request.event.as_deref());
        let metadata = Metadata::of(request.metadata, request.organization_id)?.in_document(request.document_id)?;
        let (scope, reactions) = payload::open(caller, &metadata, &request.reaction_annotation, &NAMES)?;
        provider::save(writer, &REACTIONS, &scope, reactions, &Rule::Set).await
    }
}

/// `reactions/delete`: deletes a reaction. One that is gone is deleted already.
#[derive(Debug)]
pub struct Delete;

/// `DeleteReactionResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteReactionResolverRequest {
    reaction_annotation_id: Id,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    /// Told in the log alone.
    #[serde(default)]
    event: Option<String>,
}

impl Operation for Delete {
    const NAME: &'static str = "reactions-delete";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/reactions/delete";
    type Store = Writer;
    type Request = Json<DeleteReactionResolverRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        notes::event(request.event.as_deref());
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        provider::delete(writer, &REACTIONS, caller, &metadata, &request.reaction_annotation_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_author_of_an_old_reaction_is_its_user() {
        let named = |text: &str| {
            let mut fields: Fields = json::Json::from_text(text.to_owned()).unwrap().read("").unwrap();
            name_the_author(&mut fields);
            fields.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(named(r#"{"user":{"userId":"u"}}"#), ["from"]);
        assert_eq!(named(r#"{"from":null,"user":{"userId":"u"}}"#), ["from"]);
        assert_eq!(named(r#"{"from":{"userId":"u"},"user":1}"#), ["from", "user"]);
        assert!(named("{}").is_empty());
    }
}
