//! The authorizer: the gateway asks it who calls, by the request's token, and passes its answer on to the functions.
//!
//! It verifies a JWT by public keys (an identity provider's JWKS, or one key), or by one shared secret, never by both; and
//! makes a [`Grant`] of the claims. Whatever it can't verify it refuses: the gateway answers 401, and no more. Why is in the log,
//! by the codes of Velt's own SDKs.

mod claims;
mod fetch;
mod jwt;
mod keys;
mod material;
mod refusal;
mod settings;
mod strict;
mod token;

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use lambda_http::lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::access::{GRANT, Grant};
use shared::setup::{Setup, SetupError};

use crate::jwt::Unverified;
pub use crate::refusal::Refusal;
use crate::settings::Settings;

/// Verifies callers.
#[derive(Debug)]
pub struct Authorizer {
    /// None where it is not configured: then nobody is let in.
    configured: Option<(Settings, keys::Keys)>,
}

/// What the gateway is answered.
pub type Answer = ApiGatewayV2CustomAuthorizerSimpleResponse<Value>;

impl Authorizer {
    /// As the settings say.
    ///
    /// # Errors
    /// A setting is missing or not valid: nobody is let in.
    pub fn open(setup: &Setup) -> Result<Self, SetupError> {
        let settings = Settings::read(setup)?;
        let keys = keys::Keys::open(setup, &settings);
        Ok(Self { configured: Some((settings, keys)) })
    }

    /// One that lets nobody in.
    #[must_use]
    pub fn closed() -> Self {
        Self { configured: None }
    }

    /// Answers the gateway, and logs one line without anything of the token.
    ///
    /// # Errors
    /// The failure that the gateway answers with 401: its simple answers know 403 alone.
    pub async fn answer(
        &self,
        request: ApiGatewayV2CustomAuthorizerV2Request,
        request_id: String,
    ) -> Result<Answer, Diagnostic> {
        let started = Instant::now();
        let outcome = self.verify(&request).await;
        let latency = shared::line::milliseconds(started.elapsed());
        match outcome {
            Ok(grant) => {
                tracing::info!(operation = "authorizer", request_id, status = 200, latency);
                let mut answer = Answer::default();
                answer.is_authorized = true;
                let grant = serde_json::to_string(&grant).unwrap_or_default();
                answer.context = json!({ GRANT: grant });
                Ok(answer)
            }
            Err(refusal) => {
                let code = refusal.code();
                tracing::info!(operation = "authorizer", request_id, status = 401, code, latency);
                let unauthorized = "Unauthorized".to_owned();
                Err(Diagnostic { error_type: unauthorized.clone(), error_message: unauthorized })
            }
        }
    }

    /// What the request's token allows.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn verify(&self, request: &ApiGatewayV2CustomAuthorizerV2Request) -> Result<Grant, Refusal> {
        let (settings, keys) = self.configured.as_ref().ok_or(Refusal::NotConfigured)?;
        let token = token::of(request, &settings.place).ok_or(Refusal::MissingToken)?;
        let token = Unverified::read(token, &settings.algorithms)?;
        if !keys.find(&token).await?.verifies(&token) {
            return Err(Refusal::InvalidSignature);
        }
        let claims = token.claims()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let exp = check(&claims, settings, now)?;
        settings.claims.grant(&claims, exp).ok_or(Refusal::ClaimMismatch)
    }
}

/// Checks what the claims say of the token itself: when it is valid, who issued it and for whom. Returns when it ends, in
/// seconds since 1970, with the leeway of clocks.
fn check(claims: &Value, settings: &Settings, now: u64) -> Result<u64, Refusal> {
    let exp = time(claims, "exp")?.ok_or(Refusal::ClaimMismatch)? + settings.leeway;
    if exp <= now {
        return Err(Refusal::Expired);
    }
    if time(claims, "nbf")?.is_some_and(|nbf| nbf > now + settings.leeway) {
        return Err(Refusal::ClaimMismatch);
    }
    let is_one_of = |known: &[String], claim: &Value| known.iter().any(|known| claim.as_str() == Some(known));
    if let Some(issuers) = &settings.issuers
        && !is_one_of(issuers, &claims["iss"])
    {
        return Err(Refusal::ClaimMismatch);
    }
    if let Some(audiences) = &settings.audiences {
        let is_for_us = match &claims["aud"] {
            // Cognito's access tokens have no audience, and name the app's client instead.
            Value::Null => is_one_of(audiences, &claims["client_id"]),
            Value::Array(list) => list.iter().any(|audience| is_one_of(audiences, audience)),
            audience => is_one_of(audiences, audience),
        };
        if !is_for_us {
            return Err(Refusal::ClaimMismatch);
        }
    }
    Ok(exp)
}

/// The end of the year 9999. A later time is a mistake, most likely one of milliseconds for seconds, by which a token would
/// be good forever.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// A claim that is a time in seconds since 1970, of which the fraction is cut off; none where it is absent.
fn time(claims: &Value, name: &str) -> Result<Option<u64>, Refusal> {
    match &claims[name] {
        Value::Null => Ok(None),
        claim => {
            let seconds = claim.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is that of a date")]
            seconds.map(|seconds| Some(seconds as u64)).ok_or(Refusal::ClaimMismatch)
        }
    }
}
