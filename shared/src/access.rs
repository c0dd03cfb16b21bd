//! Who calls, as far as the gateway verified it: the one place where a [`Caller`] is made.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};
use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;
use lambda_http::request::RequestContext;
use serde::{Deserialize, Serialize};

use crate::audit::Pseudonyms;
use crate::contract::Id;
use crate::operation::is_json;
use crate::origin::Origins;
use crate::scope::Caller;
use crate::setup::{Setup, SetupError};
use crate::{Error, notes};

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the authorizer let in.
    Read,
    /// Those of them who are not read-only.
    Write,
    /// The app's backend alone, by IAM.
    Backend,
    /// Anybody: the request carries a proof of its own, which the operation checks.
    Anybody,
}

/// What the paths of Velt's operations begin with.
const API: &str = "/api/velt/";
/// What the paths of routes for the app's backend begin with.
const BACKEND: &str = "/backend/velt/";

/// The path of an operation's second route, which only the app's backend may call, by IAM; none where the operation at `path`
/// is none of Velt's.
#[must_use]
pub fn backend_path(path: &str) -> Option<String> {
    path.strip_prefix(API).map(|operation| format!("{BACKEND}{operation}"))
}

/// The setting that says whether callers are verified: `required`, or `open`.
pub const AUTHORIZATION: &str = "AUTHORIZATION";
/// The setting with the app's own Velt API key.
const API_KEY: &str = "VELT_API_KEY";
/// The setting that lets only authors change what they wrote.
const AUTHORS_ONLY: &str = "AUTHORS_ONLY";

/// The setting with the origins of the app's pages, comma-separated: those of the gateway's CORS. Without it, the pages of
/// this machine are known, as on a developer's desk.
pub const ALLOWED_ORIGINS: &str = "ALLOWED_ORIGINS";

/// The name under which the authorizer's answer carries a [`Grant`], as JSON text.
pub const GRANT: &str = "grant";

/// What a caller's verified claims allow. The authorizer writes it, the gateway carries it, and functions read it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Whose records.
    pub organizations: Organizations,
    /// Only records of these documents, where there is a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<BTreeSet<Id>>,
    /// Only records of these folders, where there is a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folders: Option<BTreeSet<Id>>,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Id>,
    /// Whether they may change what others wrote.
    pub admin: bool,
    /// When the grant ends, in seconds since 1970: the token's `exp`, and by how much clocks may differ. None only in what an
    /// authorizer of an older version wrote, which the gateway may remember for minutes after an upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
}

/// The organizations of a [`Grant`].
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Organizations {
    /// All of them, written `"*"`.
    All(Star),
    /// These.
    Only(BTreeSet<Id>),
}

/// `"*"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Star {
    /// The only one.
    #[serde(rename = "*")]
    Star,
}

impl Grant {
    /// Of one that may do everything.
    fn everything() -> Self {
        let organizations = Organizations::All(Star::Star);
        Self { organizations, documents: None, folders: None, read_only: false, user: None, admin: true, exp: None }
    }

    /// Of one that may do nothing.
    fn nothing() -> Self {
        let organizations = Organizations::Only(BTreeSet::new());
        Self { organizations, documents: None, folders: None, read_only: true, user: None, admin: false, exp: None }
    }
}

/// How this stack knows its callers.
#[derive(Clone, Debug)]
pub struct Gate {
    is_open: bool,
    api_key: Option<String>,
    authors_only: bool,
    /// The origins whose pages may send forms.
    origins: Origins,
    /// What users are called in the log.
    pseudonyms: Pseudonyms,
}

/// Neither `required` nor `open`, or neither `true` nor `false`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it must be {0}")]
struct NotAChoice(&'static str);

impl Gate {
    /// As the settings say. Where they say nothing, callers must be verified.
    ///
    /// # Errors
    /// A setting is not valid.
    pub fn open(setup: &Setup) -> Result<Self, SetupError> {
        let invalid = |name, choices| SetupError::Invalid { name, source: Box::new(NotAChoice(choices)) };
        let is_open = match setup.setting(AUTHORIZATION) {
            Some("open") => true,
            Some("required") | None => false,
            Some(_) => return Err(invalid(AUTHORIZATION, "required or open")),
        };
        let authors_only = match setup.setting(AUTHORS_ONLY) {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => return Err(invalid(AUTHORS_ONLY, "true or false")),
        };
        let origins = Origins::of(setup.setting(ALLOWED_ORIGINS).unwrap_or_default());
        let api_key = setup.setting(API_KEY).map(ToOwned::to_owned);
        Ok(Self { is_open, api_key, authors_only, origins, pseudonyms: Pseudonyms::open(setup)? })
    }

    /// Who calls, by what the gateway says of the request.
    ///
    /// # Errors
    /// [`Error::forbidden`] where the gateway let in whom this operation is not for, or says nothing: a route that lacks
    /// its authorizer stays closed. [`Error::expired`] where the token has ended since the gateway verified it.
    pub fn caller(
        &self,
        access: Access,
        headers: &HeaderMap,
        context: Option<&RequestContext>,
    ) -> Result<Caller, Error> {
        if access != Access::Anybody {
            self.check_origin(headers)?;
        }
        let is_backend_route = is_backend_route(context);
        let (grant, is_backend) = match access {
            _ if self.is_open => (Grant::everything(), is_backend_route || access == Access::Backend),
            Access::Anybody => (Grant::nothing(), false),
            // By the route, not by what the request carries: a page's token opens no backend route, and a signature no other.
            Access::Read | Access::Write if !is_backend_route => {
                (token_grant(access, context, &self.pseudonyms)?, false)
            }
            Access::Read | Access::Write | Access::Backend => {
                check_signed(context)?;
                (Grant::everything(), true)
            }
        };
        Ok(Caller::new(grant, is_backend, self.api_key.clone(), self.authors_only && !self.is_open))
    }
}

impl Gate {
    /// Refuses what a page of an unknown origin sent, unless it is JSON by its content type.
    ///
    /// For JSON, a browser asks the gateway's CORS first. Everything else it sends at once, with the visitor's cookies: forms,
    /// text, bodies without a type, and types that only one of two readers takes for JSON. A page whose origin is `null`
    /// (a sandboxed frame, a file) is unknown too.
    fn check_origin(&self, headers: &HeaderMap) -> Result<(), Error> {
        let is_known = headers.get_all(header::ORIGIN).iter().all(|origin| self.origins.allow(origin));
        if is_known || is_json(headers) { Ok(()) } else { Err(Error::forbidden()) }
    }
}

/// Whether the gateway matched a route for the app's backend. The request's path is not asked: it is what the caller sent.
fn is_backend_route(context: Option<&RequestContext>) -> bool {
    let Some(RequestContext::ApiGatewayV2(context)) = context else { return false };
    let route = context.route_key.as_deref().and_then(|route| route.split_once(' '));
    route.is_some_and(|(_, path)| path.starts_with(BACKEND))
}

/// Refuses a request that the gateway let in by anything but the IAM signature of a backend. One of a Cognito identity pool is
/// a page's: the pool hands its credentials out to browsers, and a role of it that may call too much must not be enough.
fn check_signed(context: Option<&RequestContext>) -> Result<(), Error> {
    let authorizer = authorizer(context).ok_or_else(Error::forbidden)?;
    let is_backends = authorizer.iam.as_ref().is_some_and(|iam| iam.cognito_identity.is_none());
    if is_backends && authorizer.fields.is_empty() { Ok(()) } else { Err(Error::forbidden()) }
}

/// What the authorizer granted the token of a request.
fn token_grant(access: Access, context: Option<&RequestContext>, pseudonyms: &Pseudonyms) -> Result<Grant, Error> {
    let grant = authorizer(context).and_then(|authorizer| authorizer.fields.get(GRANT)?.as_str());
    let grant: Grant = serde_json::from_str(grant.ok_or_else(Error::forbidden)?)
        .map_err(|error| Error::forbidden().caused_by(error))?;
    notes::user(grant.user.as_ref().and_then(|user| pseudonyms.of(user)));
    // The gateway remembers the authorizer's answer for longer than the token may have been good.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if grant.exp.is_some_and(|exp| exp <= now.as_secs()) {
        return Err(Error::expired());
    }
    if grant.read_only && access == Access::Write {
        return Err(Error::forbidden());
    }
    Ok(grant)
}

fn authorizer(context: Option<&RequestContext>) -> Option<&ApiGatewayRequestAuthorizer> {
    match context? {
        RequestContext::ApiGatewayV2(context) => context.authorizer.as_ref(),
        _ => None,
    }
}
