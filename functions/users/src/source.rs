//! Where users are read from.

use std::collections::HashMap;

use shared::Error;
use shared::contract::Id;
use shared::json::{Fields, Json};
use shared::limits;
use shared::provider::{Payloads, payloads};
use shared::records::{Filter, Reader, in_parallel};
use shared::scope::{Caller, Scope};
use shared::setup::{Setup, SetupError, Store};

use crate::directory::Directory;
use crate::{USERS, email_key};

/// Most keys of one request, each of which is read in up to one unit: a user is looked for in each of the organizations.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number of thousands")]
const KEYS: usize = limits::UNITS as usize;

/// This stack's own users, or a table that the company has already.
#[derive(Debug)]
pub enum Source {
    /// What `users-save` stored.
    Own(Reader),
    /// The company's table.
    Directory(Directory),
}

impl Store for Source {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        Ok(match Directory::open(setup)? {
            Some(directory) => Self::Directory(directory),
            None => Self::Own(Reader::open(setup)?),
        })
    }
}

impl Source {
    /// The users of `ids`. With an organization, its own and those of none; without, those of the caller's organizations.
    /// Where several have the same id, one without an organization counts first, and then the first organization by name.
    ///
    /// # Errors
    /// The store did not answer whole.
    pub(crate) async fn users(
        &self,
        caller: &Caller,
        organization: Option<&Id>,
        ids: &[Id],
    ) -> Result<Payloads, Error> {
        let organizations = match organization {
            Some(organization) => Some(vec![organization.clone()]),
            None => caller.organizations(),
        };
        let mut scopes = organizations.map(|organizations| scopes(caller, organizations)).transpose()?;
        if organization.is_none()
            && let Some(scopes) = &mut scopes
        {
            scopes.rotate_right(1);
        }
        match (self, scopes) {
            (Self::Directory(directory), scopes) => directory.users(scopes.as_deref(), ids).await,
            (Self::Own(reader), Some(scopes)) => {
                Error::unless_within(KEYS / scopes.len().max(1), "userIds", ids.len())?;
                let records = reader.first_of(&USERS, &scopes, ids).await?;
                Ok(payloads(records).collect())
            }
            (Self::Own(reader), None) => {
                let filter = Filter { documents: Some(ids.to_vec()), ..Filter::default() };
                let records = reader.find(&USERS, &caller.everybody(), &filter).await?;
                let mut users: Vec<(Id, Fields)> = payloads(records).collect();
                users.sort_by(|(_, a), (_, b)| organization_of(b).cmp(&organization_of(a)));
                // Of equal ids the last one stays.
                Ok(users.into_iter().collect())
            }
        }
    }

    /// The ids of the users with `emails`, which are distinct and in their comparable form. Where several have the same email, the
    /// organization's own count first, and then the first id.
    ///
    /// # Errors
    /// The store did not answer whole.
    pub(crate) async fn ids_by_email(
        &self,
        caller: &Caller,
        scope: &Scope,
        emails: Vec<String>,
    ) -> Result<HashMap<String, Id>, Error> {
        let scopes = [scope.clone(), caller.everybody()];
        let calls = emails.into_iter().map(|email| self.id_by_email(&scopes, email)).collect();
        Ok(in_parallel(calls).await?.into_iter().flatten().collect())
    }

    async fn id_by_email(&self, scopes: &[Scope], email: String) -> Result<Option<(String, Id)>, Error> {
        let id = match self {
            Self::Directory(directory) => directory.id_by_email(scopes, &email).await?,
            Self::Own(reader) => {
                let Some(key) = email_key(&email) else { return Ok(None) };
                let filter = Filter { folder: Some(key), ..Filter::default() };
                let mut found = None;
                for scope in scopes {
                    let records = reader.find(&USERS, scope, &filter).await?;
                    found = records.into_iter().map(|record| record.id).min();
                    if found.is_some() {
                        break;
                    }
                }
                found
            }
        };
        Ok(id.map(|id| (email, id)))
    }
}

/// What a user of one of `organizations` is looked for in: users that belong to none are seen by all.
fn scopes(caller: &Caller, mut organizations: Vec<Id>) -> Result<Vec<Scope>, Error> {
    organizations.sort();
    let own = organizations.iter().map(|organization| caller.organization(Some(organization), "organizationId"));
    own.chain([Ok(caller.everybody())]).collect()
}

/// The organization that a user was recorded with, as JSON; none sorts first.
fn organization_of(user: &Fields) -> Option<&str> {
    user.get("organizationId").filter(|organization| !organization.is_null()).map(Json::text)
}
