//! What claims allow.
//!
//! Only what is certain grants: `true`, text that is not empty, and lists of such text; a number counts as its text. What is
//! null is absent. Everything else (`false`, `0`, `{}`, lists in lists) grants nothing, and where a claim limits, it limits.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::access::{Grant, Organizations, Star};
use shared::contract::Id;

/// Where in the claims stands what is to be known.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) organizations: Path,
    /// Whether `*` means every organization.
    pub(crate) all_organizations: bool,
    pub(crate) documents: Option<Path>,
    pub(crate) folders: Option<Path>,
    pub(crate) read_only: Option<Flag>,
    pub(crate) user: Path,
    pub(crate) admin: Option<Flag>,
}

impl Claims {
    /// What `claims` allow until `exp`, in seconds since 1970; nothing where they name no organization.
    pub(crate) fn grant(&self, claims: &Value, exp: u64) -> Option<Grant> {
        Some(Grant {
            organizations: self.organizations(claims)?,
            documents: self.documents.as_ref().and_then(|path| limit(claims, path)),
            folders: self.folders.as_ref().and_then(|path| limit(claims, path)),
            read_only: self.read_only.as_ref().is_some_and(|flag| !flag.is_denied(claims)),
            user: self.user(claims),
            admin: self.admin.as_ref().is_some_and(|flag| flag.is_granted(claims)),
            exp: Some(exp),
        })
    }

    /// The user, where the claims name exactly one.
    fn user(&self, claims: &Value) -> Option<Id> {
        match self.user.values(claims)[..] {
            [user] => id(text(user)?),
            _ => None,
        }
    }

    fn organizations(&self, claims: &Value) -> Option<Organizations> {
        if self.organizations.is_star(claims) {
            return self.all_organizations.then_some(Organizations::All(Star::Star));
        }
        let named = ids(self.organizations.names(claims));
        (!named.is_empty()).then_some(Organizations::Only(named))
    }
}

/// The path of a claim: names with dots (`app_metadata.organizations`), or a JSON pointer
/// (`/https:~1~1example.com~1organizations`) where names have dots themselves.
///
/// A name with `[]` after it stands for each element of a list, or each value of a map: `organizations[].id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Names(Vec<Name>),
    Pointer(String),
}

/// One name of a [`Path`], and whether it stands for what the claim of that name holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    name: String,
    each: bool,
}

impl Path {
    pub(crate) fn of_name(name: &str) -> Self {
        Self::Names(vec![Name { name: name.to_owned(), each: false }])
    }

    /// None where a name is empty, or has brackets in another place.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('/') {
            return Some(Self::Pointer(text.to_owned()));
        }
        let names = text.split('.').map(|name| {
            let (name, each) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
            let is_plain = !name.is_empty() && !name.contains(['[', ']']);
            is_plain.then(|| Name { name: name.to_owned(), each })
        });
        names.collect::<Option<_>>().map(Self::Names)
    }

    /// What stands there; null is absent. More than one value only where the path has `[]`.
    fn values<'a>(&self, claims: &'a Value) -> Vec<&'a Value> {
        let found = match self {
            Self::Pointer(pointer) => claims.pointer(pointer).into_iter().collect(),
            Self::Names(names) => names.iter().fold(vec![claims], |found, Name { name, each }| {
                // Only objects have names: a list's elements are reached by `[]` alone.
                let below = found.into_iter().filter_map(|value| value.as_object()?.get(name));
                if *each { below.flat_map(held).collect() } else { below.collect() }
            }),
        };
        found.into_iter().filter(|value| !value.is_null()).collect()
    }

    fn is_list(&self) -> bool {
        matches!(self, Self::Names(names) if names.iter().any(|name| name.each))
    }

    /// Whether the whole claim is `*`: as one name among others it is none.
    fn is_star(&self, claims: &Value) -> bool {
        !self.is_list() && self.values(claims) == [&Value::from("*")]
    }

    /// The names that stand there: a text, a list of texts, or the keys of a map whose values grant. A claim of another shape
    /// names nothing.
    fn names(&self, claims: &Value) -> BTreeSet<String> {
        self.values(claims).into_iter().flat_map(|claim| names(claim).unwrap_or_default()).collect()
    }
}

/// What a list or a map holds.
fn held(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

/// A text that is not blank, or a whole number as its text. A number with a fraction or of more digits than its type holds
/// would be another text than the token's.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn names(claim: &Value) -> Option<BTreeSet<String>> {
    match claim {
        // One element that is no text makes it another list than it was taken for; what is null is absent, and empty text is
        // nobody's name.
        Value::Array(list) => {
            let named = list.iter().filter(|element| !element.is_null() && element.as_str() != Some(""));
            named.map(text).collect()
        }
        Value::Object(map) => {
            let granted = map.iter().filter(|(key, value)| !key.trim().is_empty() && grants(value));
            Some(granted.map(|(key, _)| key.clone()).collect())
        }
        value => Some(BTreeSet::from([text(value)?])),
    }
}

/// Whether the value beside a map's key grants the key: `true`, the text of a role, or a list of such texts.
fn grants(value: &Value) -> bool {
    match value {
        Value::Bool(is_granted) => *is_granted,
        Value::String(role) => !role.trim().is_empty() && !role.trim().eq_ignore_ascii_case("false"),
        Value::Array(roles) => !roles.is_empty() && roles.iter().all(|role| role.is_string() && grants(role)),
        Value::Null | Value::Number(_) | Value::Object(_) => false,
    }
}

/// The text as an id. Among other names, `*` is nobody's: it would read as all of them.
fn id(text: String) -> Option<Id> {
    if text == "*" { None } else { Id::try_from(text).ok() }
}

fn ids(names: BTreeSet<String>) -> BTreeSet<Id> {
    names.into_iter().filter_map(id).collect()
}

/// A limit to some documents or folders; none is no limit, which only the whole claim `*` means. A token without the claim is
/// limited to nothing: its issuer forgot, and forgetting opens nothing.
fn limit(claims: &Value, path: &Path) -> Option<BTreeSet<Id>> {
    if path.is_star(claims) { None } else { Some(ids(path.names(claims))) }
}

/// Whether a claim is `true`; `path=value` means that it is or lists this text, in upper or lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flag {
    path: Path,
    wanted: Option<String>,
}

impl Flag {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (path, wanted) = text.split_once('=').map_or((text, None), |(path, wanted)| (path, Some(wanted.trim())));
        if wanted.is_some_and(str::is_empty) {
            return None;
        }
        Some(Self { path: Path::parse(path.trim())?, wanted: wanted.map(ToOwned::to_owned) })
    }

    /// Whether the claims certainly say so. What is absent or of another shape does not.
    fn is_granted(&self, claims: &Value) -> bool {
        match &self.wanted {
            Some(wanted) => self.path.names(claims).iter().any(|name| name.to_lowercase() == wanted.to_lowercase()),
            None => self.path.values(claims).contains(&&Value::Bool(true)),
        }
    }

    /// Whether the claims certainly say the opposite. What is absent or of another shape does not.
    fn is_denied(&self, claims: &Value) -> bool {
        let claimed = self.path.values(claims);
        let Some(wanted) = &self.wanted else {
            return !claimed.is_empty() && claimed.iter().all(|claim| **claim == Value::Bool(false));
        };
        let named = claimed.into_iter().map(names).collect::<Option<Vec<_>>>();
        let named: BTreeSet<String> = named.into_iter().flatten().flatten().collect();
        let is_wanted = |name: &String| name.trim().to_lowercase() == wanted.to_lowercase();
        !named.is_empty() && !named.iter().any(is_wanted)
    }
}

#[cfg(test)]
mod tests;
