use serde::Deserialize;
use shared::Error;
use shared::contract::{Id, optional_id};
use shared::operation::{Answer, Json, Operation};
use shared::records::Writer;
use shared::scope::Caller;

use crate::USERS;
use crate::save::Identity;

/// `users/delete`: deletes users. One that is gone is deleted already. For the app's backend only.
#[derive(Debug)]
pub struct Delete;

/// The users to delete, as they were saved or by their ids. Velt has no type for it: it never sends one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteUsersRequest {
    #[serde(default)]
    users: Vec<Identity>,
    #[serde(default)]
    user_ids: Vec<Id>,
    #[serde(default)]
    user_id: Option<Id>,
    /// Whose users `userIds` and `userId` are; without one, those that every organization sees.
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
}

impl Operation for Delete {
    const NAME: &'static str = "users-delete";
    const PATH: &'static str = "/api/velt/users/delete";
    type Store = Writer;
    type Request = Json<DeleteUsersRequest>;
    type Data = ();

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Answer<()>, Error> {
        let named = request.user_ids.into_iter().chain(request.user_id);
        let named = named.map(|id| (request.organization_id.clone(), id));
        let users: Vec<(Option<Id>, Id)> =
            request.users.into_iter().map(|user| (user.organization_id, user.user_id)).chain(named).collect();
        if users.is_empty() {
            return Err(Error::invalid("users", "is required: the users to delete, or userIds"));
        }
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
