use std::collections::HashSet;

use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::contract::{Id, Metadata, Object, optional_id};
use shared::json;
use shared::limits;
use shared::notes;
use shared::operation::{Answer, Json, Operation};
use shared::payload::check_names;
use shared::provider;
use shared::records::Writer;
use shared::records::change::{Move, Rule, Save as SaveRecord};
use shared::scope::Caller;

use crate::list::{self, Entry};
use crate::{USERS, email_key};

/// `users/save`: merges users into what is stored, field by field. For the app's backend only.
#[derive(Debug)]
pub struct Save;

/// The users to store. Velt has no type for it: it never sends one.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveUsersRequest {
    /// A list, or a map by the users' ids, or one user.
    #[serde(default)]
    users: Option<json::Json>,
    /// One user.
    #[serde(default)]
    user: Option<json::Json>,
    /// Whose users those are that don't say it themselves.
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
}

impl Operation for Save {
    const NAME: &'static str = "users-save";
    const ACCESS: Access = Access::Backend;
    const PATH: &'static str = "/api/velt/users/save";
    type Store = Writer;
    type Request = Json<SaveUsersRequest>;
    type Answer = Answer<()>;

    async fn run(writer: &Writer, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        let users = list::entries(request.users.as_ref(), request.user.as_ref())?;
        if users.is_empty() {
            return Err(Error::invalid("users", "is empty: at least one user is required"));
        }
        limits::check_records("users", users.iter().map(|user| &user.fields))?;
        let metadata = Metadata::of(request.metadata, request.organization_id)?;
        notes::sender(&metadata);
        caller.check_api_key(&metadata)?;
        let mut seen = HashSet::new();
        let mut saves = Vec::with_capacity(users.len());
        for Entry { path, fields, identity: user } in users {
            check_names(&fields, &path)?;
            let organization = user.organization(metadata.organization_id.as_ref(), &path)?;
            let scope = match organization {
                Some(organization) => caller.organization(Some(organization), &path)?,
                None => caller.everybody(),
            };
            if !seen.insert((scope.clone(), user.user_id.clone())) {
                return Err(Error::invalid(format!("{path}.userId"), "is in the list twice"));
            }
            let folder = match (fields.contains_key("email"), user.email.as_deref().and_then(email_key)) {
                (false, _) => Move::Keep,
                (true, key) => Move::Set(key),
            };
            saves.push(SaveRecord {
                scope,
                id: user.user_id.clone(),
                document: Move::Set(Some(user.user_id)),
                folder,
                changes: provider::changes(fields, &Rule::Set),
                holds_files: false,
                revives: true,
            });
        }
        writer.save(&USERS, &saves).await?;
        Ok(Answer::done(saves.len()))
    }
}
