use std::collections::BTreeSet;

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id, present_ids};
use shared::json;
use shared::limits;
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::records::Writer;
use shared::scope::Caller;

use crate::USERS;
use crate::list::{self, Entry};

/// Most users of one request: each is two calls.
const USERS_PER_REQUEST: usize = limits::CALLS as usize / 2;

/// `users/delete`: deletes users. One that is gone is deleted already. For the app's backend only.
#[derive(Debug)]
pub struct Delete;

/// The users to delete, as they were saved or by their ids. Velt has no type for it: it never sends one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteUsersRequest {
    /// A list, or a map by the users' ids, or one user.
    #[serde(default)]
    users: Option<json::Json>,
    /// One user.
    #[serde(default)]
    user: Option<json::Json>,
    /// Null, blank and repeated ones are left out.
    #[serde(default, deserialize_with = "present_ids")]
    user_ids: Vec<Id>,
    #[serde(default)]
    user_id: Option<Id>,
    /// Whose users those are that don't say it themselves; without one, those that every organization sees.
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
}

impl Operation for Delete {
    const NAME: &'static str = "users-delete";
    const ACCESS: Access = Access::Backend;
    const PATH: &'static str = "/api/velt/users/delete";
    type Store = Writer;
    type Request = Json<DeleteUsersRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        notes::sender(&metadata);
        caller.check_api_key(&metadata)?;
        let organization = metadata.organization_id;
        let named = request.user_ids.into_iter().chain(request.user_id);
        let mut users: BTreeSet<(Option<Id>, Id)> = named.map(|id| (organization.clone(), id)).collect();
        for Entry { path, identity: user, .. } in list::entries(request.users.as_ref(), request.user.as_ref())? {
            let own = user.organization(organization.as_ref(), &path)?.cloned();
            users.insert((own, user.user_id));
        }
        if users.is_empty() {
            return Err(Error::invalid("users", "is required: the users to delete, or userIds"));
        }
        Error::unless_within(USERS_PER_REQUEST, "users", users.len())?;
        for (organization, id) in &users {
            let scope = match organization {
                Some(_) => caller.organization(organization.as_ref(), "organizationId")?,
                None => caller.everybody(),
            };
            writer.delete(&USERS, &scope, id).await?;
        }
        Ok(Answer::done(users.len()))
    }
}
