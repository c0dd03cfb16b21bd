//! A table of users that the company has already, with key and attribute names of its own.
//!
//! The setting `USER_DIRECTORY` is JSON:
//!
//! ```json
//! {
//!   "table": "people",
//!   "key": { "PK": "USER#{userId}", "SK": "PROFILE" },
//!   "emailIndex": { "name": "by-email", "key": { "emailLower": "{email}" } },
//!   "fields": {
//!     "userId": "id",
//!     "name": ["profile.fullName", "profile.nick"],
//!     "email": "contact.email",
//!     "photoUrl": "profile.avatar",
//!     "organizationId": "tenant",
//!     "jobTitle": "job.title"
//!   }
//! }
//! ```
//!
//! `key` and `emailIndex.key` say what the key attributes hold: text with `{userId}`, `{organizationId}` and, for the index,
//! `{email}` (in lower case and Unicode's normalization form C) in it. `fields` says where each field of the answer stands: a path with dots, or several of
//! which the first that is there counts. `organizationId`, where it is mapped, decides who sees the user, as for users
//! stored here; where it is not, every organization does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use shared::Error;
use shared::contract::Id;
use shared::json::{Fields, Json};
use shared::provider::Payloads;
use shared::records::{Item, Table};
use shared::scope::Scope;
use shared::setup::{Setup, SetupError};

use crate::directory::attribute::to_json;

mod attribute;

/// The setting's name.
pub const USER_DIRECTORY: &str = "USER_DIRECTORY";

/// The company's table, ready to be read.
#[derive(Debug)]
pub struct Directory {
    table: Table,
    schema: Schema,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Schema {
    table: String,
    key: BTreeMap<String, String>,
    #[serde(default)]
    email_index: Option<EmailIndex>,
    #[serde(default)]
    fields: BTreeMap<String, Paths>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailIndex {
    name: String,
    key: BTreeMap<String, String>,
}

/// A path, or several of which the first that leads somewhere counts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Paths {
    One(String),
    FirstOf(Vec<String>),
}

impl Paths {
    fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::FirstOf(paths) => paths,
        }
        .iter()
        .map(String::as_str)
    }
}

/// What a key's text is made of.
#[derive(Clone, Copy, Debug, Default)]
struct Parts<'a> {
    user: Option<&'a str>,
    organization: Option<&'a str>,
    email: Option<&'a str>,
}

impl Directory {
    /// The directory that the settings name, if they name one.
    ///
    /// # Errors
    /// The setting is not as the module describes.
    pub fn open(setup: &Setup) -> Result<Option<Self>, SetupError> {
        let Some(text) = setup.setting(USER_DIRECTORY) else { return Ok(None) };
        let schema: Schema = serde_json::from_str(text)
            .map_err(|error| SetupError::Invalid { name: USER_DIRECTORY, source: error.into() })?;
        Ok(Some(Self { table: setup.table()?.sibling(schema.table.clone()), schema }))
    }

    /// The users of `ids` that one of `scopes` may see; all scopes where none are given.
    pub(crate) async fn users(&self, scopes: Option<&[Scope]>, ids: &[Id]) -> Result<Payloads, Error> {
        let organizations: Vec<Option<&str>> = match scopes.map(|scopes| scopes.iter().filter_map(Scope::organization))
        {
            Some(organizations) if self.key_needs_organization() => organizations.map(|id| Some(id.as_str())).collect(),
            None if self.key_needs_organization() => return Err(Error::no_organization("organizationId")),
            _ => vec![None],
        };
        let distinct: BTreeSet<&Id> = ids.iter().collect();
        let mut keys = HashSet::new();
        for id in distinct {
            for organization in &organizations {
                let parts = Parts { user: Some(id.as_str()), organization: *organization, email: None };
                keys.extend(filled(&self.schema.key, parts));
            }
        }
        let items = self.table.items(keys.into_iter().collect()).await?;
        let mut users: Vec<(Id, Fields)> = items.iter().filter_map(|item| self.user(scopes, item)).collect();
        users.retain(|(id, _)| ids.contains(id));
        users.sort_by_key(|(_, user)| Reverse(text_of(user, "organizationId")));
        // Of equal ids the last one stays.
        Ok(users.into_iter().collect())
    }

    /// The id of the user with `email`, in its comparable form, that `scopes` may see: the earlier scope's first, then the first id.
    pub(crate) async fn id_by_email(&self, scopes: &[Scope], email: &str) -> Result<Option<Id>, Error> {
        let Some(index) = &self.schema.email_index else { return Ok(None) };
        let mut found: Vec<(bool, Id)> = Vec::new();
        let mut asked = HashSet::new();
        for scope in scopes {
            let parts = Parts { user: None, organization: scope.organization().map(Id::as_str), email: Some(email) };
            let Some(key) = filled(&index.key, parts).filter(|key| asked.insert(key.clone())) else { continue };
            for item in self.table.query_index(&index.name, key).await? {
                if let Some((id, user)) = self.user(Some(scopes), &item) {
                    found.push((text_of(&user, "organizationId").is_none(), id));
                }
            }
        }
        Ok(found.into_iter().min().map(|(_, id)| id))
    }

    fn key_needs_organization(&self) -> bool {
        self.schema.key.values().any(|text| text.contains("{organizationId}"))
    }

    /// The item as a user, if one of `scopes` may see it.
    fn user(&self, scopes: Option<&[Scope]>, item: &Item) -> Option<(Id, Fields)> {
        let mut user = Fields::new();
        for (name, paths) in &self.schema.fields {
            if let Some(value) = paths.iter().find_map(|path| attribute::at(item, path)) {
                user.insert(name.clone(), to_json(value)?);
            }
        }
        if !self.schema.fields.contains_key("userId") {
            user.insert("userId".to_owned(), to_json(item.get("userId")?)?);
        }
        let organization = text_of(&user, "organizationId").filter(|organization| !organization.is_empty());
        let seen = scopes.is_none_or(|scopes| {
            organization.as_deref().is_none_or(|organization| {
                scopes.iter().filter_map(Scope::organization).any(|own| own.as_str() == organization)
            })
        });
        let id = Id::try_from(text_of(&user, "userId")?).ok().filter(|_| seen)?;
        user.insert("userId".to_owned(), Json::from_value(&id).ok()?);
        Some((id, user))
    }
}

/// A field's text; a number's is how it is written.
fn text_of(user: &Fields, name: &str) -> Option<String> {
    let json = user.get(name).filter(|json| !json.is_null())?;
    Some(json.read::<String>(name).unwrap_or_else(|_| json.text().to_owned()))
}

/// A key with its parts filled in; none where one is needed that is not known.
/// The longest sort key, in bytes: DynamoDB's limit, and below that of a partition key.
const LONGEST_KEY: usize = 1024;

fn filled(key: &BTreeMap<String, String>, parts: Parts<'_>) -> Option<BTreeMap<String, String>> {
    let known = [("{userId}", parts.user), ("{organizationId}", parts.organization), ("{email}", parts.email)];
    key.iter()
        .map(|(name, text)| {
            let text = known.iter().try_fold(text.clone(), |text, (part, value)| match value {
                _ if !text.contains(part) => Some(text),
                Some(value) => Some(text.replace(part, value)),
                None => None,
            })?;
            // What DynamoDB takes as no key is nobody's.
            (!text.is_empty() && text.len() <= LONGEST_KEY).then(|| (name.clone(), text))
        })
        .collect()
}
