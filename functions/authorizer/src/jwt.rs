//! A JWT, read once: what is verified and what is believed are the same text, by one parser.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use crate::Refusal;
use crate::material;
use crate::strict::Strict;

/// The longest token, in bytes: all headers of a request to API Gateway are no longer together.
const LONGEST: usize = 10_240;

/// A token of which nothing is known to be true yet.
pub(crate) struct Unverified<'a> {
    pub(crate) algorithm: Algorithm,
    /// The id of the key that signed it, as it says. Where else the header may point to (`jku`, `x5u`, `jwk`, `x5c`) is never
    /// followed: it would let a token bring its own key.
    pub(crate) key: Option<String>,
    /// What is signed.
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Unverified<'a> {
    /// Reads a token's header: exactly three parts, an algorithm of those that are `allowed`, and no extension.
    pub(crate) fn read(token: &'a str, allowed: &[Algorithm]) -> Result<Self, Refusal> {
        if token.len() > LONGEST {
            return Err(Refusal::VerificationFailed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::VerificationFailed)?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::VerificationFailed)?;
        if payload.contains('.') {
            return Err(Refusal::VerificationFailed);
        }
        let header = object(header)?;
        // No extension is known here, so any that must be understood refuses the token, as RFC 7515 wants it.
        if header.get("crit").is_some() {
            return Err(Refusal::VerificationFailed);
        }
        let named = header.get("alg").and_then(Value::as_str).ok_or(Refusal::VerificationFailed)?;
        let algorithm = material::algorithm(named).filter(|algorithm| allowed.contains(algorithm));
        let algorithm = algorithm.ok_or(Refusal::AlgorithmNotAllowed)?;
        let key = match header.get("kid") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(Refusal::VerificationFailed),
        };
        Ok(Self { algorithm, key, message, payload, signature })
    }

    pub(crate) fn is_signed_by(&self, key: &DecodingKey) -> bool {
        jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, self.algorithm).unwrap_or(false)
    }

    /// The claims, which are those of whoever signed.
    pub(crate) fn claims(&self) -> Result<Value, Refusal> {
        object(self.payload)
    }
}

/// A part of a token that is a JSON object.
fn object(part: &str) -> Result<Value, Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::VerificationFailed)?;
    let Strict(value) = serde_json::from_slice(&bytes).map_err(|_| Refusal::VerificationFailed)?;
    if value.is_object() { Ok(value) } else { Err(Refusal::VerificationFailed) }
}
