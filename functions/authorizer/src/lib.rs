//! The authorizer: the gateway asks it who calls, by the request's token, and passes its answer on to the functions.
//!
//! It verifies a JWT by the keys of an identity provider (JWKS), or by one shared secret (HS256), never by both; and makes a
//! [`Grant`] of the claims. Whatever it can't verify it refuses: the gateway answers 401, and no more. Why is in the log,
//! by the codes of Velt's own SDKs.

mod claims;
mod keys;
mod refusal;
mod settings;
mod token;

use std::time::Instant;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use lambda_http::lambda_runtime::Diagnostic;
use serde_json::{Value, json};
use shared::access::{GRANT, Grant};
use shared::setup::{Setup, SetupError};

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
        let token = token::of(request, settings.cookie.as_deref()).ok_or(Refusal::MissingToken)?;
        let header = decode_header(token).map_err(|_| Refusal::VerificationFailed)?;
        if !settings.algorithms.contains(&header.alg) {
            return Err(Refusal::AlgorithmNotAllowed);
        }
        let key = keys.find(header.kid.as_deref(), header.alg).await?;
        let claims = claims_of(token, &key, header.alg, settings)?;
        settings.claims.grant(&claims).ok_or(Refusal::ClaimMismatch)
    }
}

/// The claims of a token that is genuine and valid now.
fn claims_of(token: &str, key: &DecodingKey, algorithm: Algorithm, settings: &Settings) -> Result<Value, Refusal> {
    let Settings { issuer, audience, leeway, .. } = settings;
    let mut validation = Validation::new(algorithm);
    validation.leeway = *leeway;
    validation.validate_nbf = true;
    validation.validate_aud = audience.is_some();
    let mut required = vec!["exp"];
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    decode::<Value>(token, key, &validation).map(|data| data.claims).map_err(|error| Refusal::of(&error))
}
