//! The users of a request, in any of the forms that backends send.

use serde::Deserialize;
use shared::Error;
use shared::contract::{Id, Object, optional_id};
use shared::json::{Fields, Json};

/// The fields of a user that are acted on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    pub(crate) user_id: Id,
    /// Without one, every organization sees the user.
    #[serde(default, deserialize_with = "optional_id")]
    pub(crate) organization_id: Option<Id>,
    #[serde(default)]
    pub(crate) email: Option<String>,
}

impl Identity {
    /// The user's own organization, or that of the request.
    ///
    /// # Errors
    /// The two differ.
    pub(crate) fn organization<'a>(&'a self, request: Option<&'a Id>, path: &str) -> Result<Option<&'a Id>, Error> {
        match (&self.organization_id, request) {
            (Some(own), Some(request)) if own != request => {
                Err(Error::invalid(format!("{path}.organizationId"), "is another organization than the request's"))
            }
            (Some(own), _) => Ok(Some(own)),
            (None, request) => Ok(request),
        }
    }
}

/// A user of a request.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it stands in the request, for messages.
    pub(crate) path: String,
    pub(crate) fields: Fields,
    pub(crate) identity: Identity,
}

/// The users that a request names: `users` is a list, or a map by their ids, or one user; `user` is one.
///
/// # Errors
/// [`Error::invalid`] that names the field: a user is of another type, has no id, or has another id than its key.
pub(crate) fn entries(users: Option<&Json>, user: Option<&Json>) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    if let Some(users) = users.filter(|users| !users.is_null()) {
        if users.is_object() {
            let fields: Fields = users.read("users")?;
            if fields.get("userId").is_some_and(|id| id.text().starts_with('"')) {
                entries.push(entry("users".to_owned(), fields)?);
            } else {
                for (id, user) in fields {
                    entries.push(under(&id, &user)?);
                }
            }
        } else {
            for (index, user) in users.read::<Vec<Json>>("users")?.iter().enumerate() {
                let path = format!("users[{index}]");
                entries.push(entry(path.clone(), user.read(&path)?)?);
            }
        }
    }
    if let Some(user) = user.filter(|user| !user.is_null()) {
        entries.push(entry("user".to_owned(), user.read("user")?)?);
    }
    Ok(entries)
}

/// The user under `id` in a map, which need not repeat its id.
fn under(id: &str, user: &Json) -> Result<Entry, Error> {
    let path = format!("users.{id}");
    let mut fields: Fields = user.read(&path)?;
    if fields.get("userId").is_none_or(Json::is_null) {
        let id = Json::from_value(&id).map_err(|error| Error::internal().caused_by(error))?;
        fields.insert("userId".to_owned(), id);
    }
    let entry = entry(path, fields)?;
    if entry.identity.user_id.as_str() != id {
        return Err(Error::invalid(format!("{}.userId", entry.path), "is not the id that the user is under"));
    }
    Ok(entry)
}

fn entry(path: String, fields: Fields) -> Result<Entry, Error> {
    let whole = Json::from_value(&fields).map_err(|error| Error::internal().caused_by(error))?;
    let Object(identity): Object<Identity> = whole.read(&path)?;
    if identity.user_id.as_str().trim().is_empty() {
        // No get would find it: blank ids are left out there.
        return Err(Error::invalid(format!("{path}.userId"), "is blank"));
    }
    Ok(Entry { path, fields, identity })
}
