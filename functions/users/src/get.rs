use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id, present_ids};
use shared::limits;
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::provider::Payloads;
use shared::scope::Caller;

use crate::Source;

/// `users/get`: users by their ids, in an organization or in all of the caller's.
#[derive(Debug)]
pub struct Get;

/// `GetUserResolverRequest`, or the ids alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetUserResolverRequest {
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    /// Null, blank and repeated ones are left out.
    #[serde(deserialize_with = "present_ids")]
    user_ids: Vec<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
}

impl Operation for Get {
    const NAME: &'static str = "users-get";
    const ACCESS: Access = Access::Read;
    const PATH: &'static str = "/api/velt/users/get";
    type Store = Source;
    type Request = Json<GetUserResolverRequest>;
    type Answer = Answer<Payloads>;

    async fn run(source: &Source, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        notes::sender(&metadata);
        caller.check_api_key(&metadata)?;
        // Without an organization, an open stack asks for each id by a query of its own.
        let limit = if metadata.organization_id.is_none() { limits::DOCUMENTS } else { limits::IDS };
        Error::unless_within(limit, "userIds", request.user_ids.len())?;
        let users = source.users(caller, metadata.organization_id.as_ref(), &request.user_ids).await?;
        let count = users.len();
        Ok(Answer::with(users, count))
    }
}
