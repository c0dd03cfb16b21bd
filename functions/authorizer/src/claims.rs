//! What claims allow.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::access::{Grant, Organizations, Star};
use shared::contract::Id;

/// Where in the claims stands what is to be known.
///
/// A path is names with dots (`app_metadata.organizations`), or a JSON pointer (`/https:~1~1example.com~1organizations`)
/// where names have dots themselves.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) organizations: String,
    pub(crate) documents: Option<String>,
    pub(crate) folders: Option<String>,
    pub(crate) read_only: Option<String>,
    pub(crate) user: String,
    pub(crate) admin: Option<String>,
}

impl Claims {
    /// What `claims` allow; nothing where they name no organization, or anything otherwise than is understood.
    pub(crate) fn grant(&self, claims: &Value) -> Option<Grant> {
        let organizations = at(claims, &self.organizations)?;
        let organizations = if organizations == "*" {
            Organizations::All(Star::Star)
        } else {
            let named = names(organizations)?;
            if named.contains("*") { Organizations::All(Star::Star) } else { Organizations::Only(ids(named)?) }
        };
        if matches!(&organizations, Organizations::Only(named) if named.is_empty()) {
            return None;
        }
        Some(Grant {
            organizations,
            documents: limit(claims, self.documents.as_deref())?,
            folders: limit(claims, self.folders.as_deref())?,
            read_only: flag(claims, self.read_only.as_deref())?,
            user: at(claims, &self.user).and_then(Value::as_str).and_then(|user| Id::try_from(user.to_owned()).ok()),
            admin: flag(claims, self.admin.as_deref())?,
        })
    }
}

fn at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    if path.starts_with('/') {
        return claims.pointer(path);
    }
    path.split('.').try_fold(claims, |value, name| value.get(name))
}

/// The names that a claim lists: a text, a list of texts, or a map's keys. A number counts as its text.
fn names(claim: &Value) -> Option<BTreeSet<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match claim {
        Value::Array(list) => list.iter().map(text).collect(),
        Value::Object(map) => Some(map.keys().cloned().collect()),
        value => Some(BTreeSet::from([text(value)?])),
    }
}

fn ids(names: BTreeSet<String>) -> Option<BTreeSet<Id>> {
    names.into_iter().map(|name| Id::try_from(name).ok()).collect()
}

/// A limit to some documents or folders; the inner none is no limit. Where a path is configured, a token without it is
/// limited to nothing: its issuer forgot, and forgetting opens nothing.
#[expect(clippy::option_option, reason = "what is not understood is another thing than no limit")]
fn limit(claims: &Value, path: Option<&str>) -> Option<Option<BTreeSet<Id>>> {
    let Some(path) = path else { return Some(None) };
    match at(claims, path) {
        Some(claim) => {
            let named = names(claim)?;
            if named.contains("*") { Some(None) } else { ids(named).map(Some) }
        }
        None => Some(Some(BTreeSet::new())),
    }
}

/// Whether a claim is `true`; `path=value` means that it is or lists this text.
fn flag(claims: &Value, path: Option<&str>) -> Option<bool> {
    let Some(path) = path else { return Some(false) };
    let (path, wanted) = path.split_once('=').map_or((path, None), |(path, wanted)| (path, Some(wanted)));
    match (at(claims, path), wanted) {
        (None, _) => Some(false),
        (Some(claim), Some(wanted)) => Some(names(claim)?.contains(wanted)),
        (Some(claim), None) => claim.as_bool(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims() -> Claims {
        Claims {
            organizations: "app.orgs".to_owned(),
            documents: None,
            folders: None,
            read_only: Some("role=viewer".to_owned()),
            user: "sub".to_owned(),
            admin: Some("admin".to_owned()),
        }
    }

    #[test]
    fn organizations_are_a_text_a_list_or_a_maps_keys() {
        let granted =
            |orgs: Value| claims().grant(&json!({ "app": { "orgs": orgs } })).map(|grant| grant.organizations);
        let only = |names: &[&str]| {
            let ids = names.iter().map(|name| Id::try_from((*name).to_owned()).unwrap());
            Some(Organizations::Only(ids.collect()))
        };
        assert_eq!(granted(json!("a")), only(&["a"]));
        assert_eq!(granted(json!(["a", "b"])), only(&["a", "b"]));
        assert_eq!(granted(json!({ "a": "owner", "b": 1 })), only(&["a", "b"]));
        assert_eq!(granted(json!(7)), only(&["7"]));
        assert_eq!(granted(json!("*")), Some(Organizations::All(Star::Star)));
        assert_eq!(granted(json!(["*"])), Some(Organizations::All(Star::Star)));
        for bad in [json!(null), json!([]), json!({}), json!(""), json!([""]), json!([["a"]]), json!(true)] {
            assert_eq!(granted(bad.clone()), None, "{bad}");
        }
        assert_eq!(claims().grant(&json!({})), None);
    }

    #[test]
    fn a_path_may_be_a_pointer() {
        let pointed = Claims { organizations: "/https:~1~1a.example~1orgs".to_owned(), ..claims() };
        assert!(pointed.grant(&json!({ "https://a.example/orgs": ["a"] })).is_some());
    }

    #[test]
    fn a_limit_that_is_missing_is_a_limit_to_nothing() {
        let limited = Claims { documents: Some("docs".to_owned()), ..claims() };
        let documents = |claims: Value| limited.grant(&claims).map(|grant| grant.documents);
        let with = |docs: Value| json!({ "app": { "orgs": "a" }, "docs": docs });
        assert_eq!(documents(json!({ "app": { "orgs": "a" } })), Some(Some(BTreeSet::new())));
        assert_eq!(documents(with(json!("*"))), Some(None));
        assert_eq!(documents(with(json!(["d"]))).unwrap().unwrap().len(), 1);
        assert_eq!(documents(with(json!(true))), None);
    }

    #[test]
    fn flags_are_booleans_or_named_values() {
        let grant = |more: Value| {
            let mut claims_of = json!({ "app": { "orgs": "a" } });
            claims_of.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            claims().grant(&claims_of).map(|grant| (grant.read_only, grant.admin))
        };
        assert_eq!(grant(json!({})), Some((false, false)));
        assert_eq!(grant(json!({ "role": "viewer", "admin": true })), Some((true, true)));
        assert_eq!(grant(json!({ "role": ["viewer", "x"], "admin": false })), Some((true, false)));
        assert_eq!(grant(json!({ "role": "editor" })), Some((false, false)));
        assert_eq!(grant(json!({ "admin": "true" })), None);
    }
}
