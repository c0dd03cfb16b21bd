//! Who calls: the gateway's authorizers, in front of the functions.

use std::sync::Arc;

use authorizer::{Authorizer, Refusal};
use http::{HeaderMap, HeaderName, StatusCode, header};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use serde_json::{Value, json};
use shared::access::Access;
use shared::setup::{Setup, SetupError};

/// What tokens are verified with.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A secret, by HS256 unless `AUTH_ALGORITHMS` names others.
    Secret(String),
    /// Public keys: a JWKS, or one key as PEM or JWK, as text.
    Jwks(String),
    /// An identity provider's JWKS, by its URL.
    Url(String),
}

/// The setting with the header that tokens come in: here, as deployed it is the template's `Identity` that says so.
const HEADER: &str = "AUTH_HEADER";

/// The secret of development tokens: an obvious dummy.
pub const DEVELOPMENT_SECRET: &str = "not-a-secret-for-development-only";

impl Auth {
    /// The authorizer's setting that says so.
    pub(crate) fn setting(&self) -> (String, String) {
        match self {
            Self::Secret(secret) => ("AUTH_SECRET_TEXT".to_owned(), secret.clone()),
            Self::Jwks(keys) => ("AUTH_JWKS".to_owned(), keys.clone()),
            Self::Url(url) => ("AUTH_JWKS_URL".to_owned(), url.clone()),
        }
    }
}

/// Signs a token for a user of organizations, valid for an hour. `*` alone is every organization, where the server allows
/// that.
///
/// # Errors
/// The token could not be signed.
pub fn token(organizations: &[String], user: &str, secret: &str) -> Result<String, jsonwebtoken::errors::Error> {
    const HOUR: u64 = 3600;
    let now = get_current_timestamp();
    // All of them is the whole claim: as one name among others, `*` grants nothing.
    let organizations = if organizations == ["*"] { json!("*") } else { json!(organizations) };
    let claims = json!({ "sub": user, "organizationId": organizations, "iat": now, "exp": now + HOUR });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes()))
}

/// The authorizer, and the header that the gateway asks it by: the template's `Identity`.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) source: HeaderName,
}

impl Guard {
    /// As the settings say.
    pub(crate) fn open(setup: &Setup) -> Result<Self, SetupError> {
        let source = if setup.setting("AUTH_COOKIE").is_some() {
            header::COOKIE
        } else if let Some(name) = setup.setting(HEADER) {
            name.parse().map_err(|error| SetupError::Invalid { name: HEADER, source: Box::new(error) })?
        } else {
            header::AUTHORIZATION
        };
        Ok(Self { authorizer: Arc::new(Authorizer::open(setup)?), source })
    }
}

/// A caller who is not let in: the status that the gateway answers, and why, which only a developer is told.
pub(crate) type NotLetIn = (StatusCode, String);

/// What the gateway's authorizer makes of a request, for the event of the function that it lets the request through to.
pub(crate) async fn authorize(
    authorizer: Option<&Guard>,
    access: Access,
    headers: &HeaderMap,
    event: &Value,
    request_id: &str,
) -> Result<Option<Value>, NotLetIn> {
    let Some(Guard { authorizer, source }) = authorizer else { return Ok(None) };
    match access {
        Access::Anybody => Ok(None),
        Access::Backend => {
            // The signature itself is AWS's to verify: here, that the request is signed at all tells a backend from a page.
            let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if !value.starts_with("AWS4-HMAC-SHA256 ") {
                let why = "sign with IAM: this operation is for the app's backend alone";
                return Err((StatusCode::FORBIDDEN, why.to_owned()));
            }
            Ok(Some(
                json!({ "iam": { "accountId": "000000000000", "userArn": "arn:aws:iam::000000000000:user/local" } }),
            ))
        }
        Access::Read | Access::Write => {
            // As the gateway does it: without the source nobody is asked.
            let value = headers.get(source).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
            let value =
                value.ok_or_else(|| (StatusCode::UNAUTHORIZED, format!("MISSING_TOKEN: no header {source}")))?;
            let request: ApiGatewayV2CustomAuthorizerV2Request = serde_json::from_value(request(event, value))
                .map_err(|_| (StatusCode::UNAUTHORIZED, "the headers can't be read".to_owned()))?;
            let Ok(answer) = authorizer.answer(request.clone(), request_id.to_owned()).await else {
                // It tells the gateway nothing, so that is asked once more.
                let refusal = authorizer.verify(&request).await.err();
                return Err((StatusCode::UNAUTHORIZED, refusal.map_or("", Refusal::code).to_owned()));
            };
            if answer.is_authorized {
                Ok(Some(json!({ "lambda": answer.context })))
            } else {
                Err((StatusCode::FORBIDDEN, "the authorizer does not let it in".to_owned()))
            }
        }
    }
}

/// The authorizer's event, in payload format 2.0, by that of the function.
fn request(event: &Value, source: &str) -> Value {
    let of = |name: &str| event[name].clone();
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:000000000000:local/$default/POST/",
        "identitySource": [source],
        "routeKey": of("routeKey"),
        "rawPath": of("rawPath"),
        "rawQueryString": of("rawQueryString"),
        "cookies": event.get("cookies").cloned().unwrap_or_else(|| json!([])),
        "headers": of("headers"),
        "requestContext": of("requestContext"),
    })
}
