//! What this backend signed itself, to be believed when it comes back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Error;
use crate::contract::Id;
use crate::scope::Scope;

/// Keys by their ids, as a secret holds them: `{"current": "<id>", "<id>": "<key>", …}`.
///
/// `current` names the key that signs; every key that is there verifies. So a rotation adds a key and makes it current,
/// and what a key signed is valid until it is taken out.
#[derive(Clone, Deserialize)]
pub struct Keys {
    current: String,
    #[serde(flatten)]
    keys: BTreeMap<String, String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("current", &self.current).finish_non_exhaustive()
    }
}

/// A secret is not as [`Keys`] wants it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum BadKeys {
    /// It is no JSON object of texts.
    #[error("the keys are not a JSON object of texts with one under `current`")]
    Json,
    /// The id of a key would not be one part of a token.
    #[error("the id of a key has other characters than letters, digits, - and _")]
    Id,
    /// There is no key to sign with.
    #[error("the key that `current` names is not there, or a key is shorter than 16 characters")]
    Current,
}

impl Keys {
    /// Reads a secret's text.
    ///
    /// # Errors
    /// It is not as it should be.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let keys: Self = serde_json::from_str(text).map_err(|_| BadKeys::Json)?;
        let plain = |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !keys.keys.keys().all(plain) {
            return Err(BadKeys::Id);
        }
        // One that was blanked instead of taken out would let anybody sign.
        if keys.keys.values().any(|key| key.len() < 16) || !keys.keys.contains_key(&keys.current) {
            return Err(BadKeys::Current);
        }
        Ok(keys)
    }

    fn mac(&self, id: &str, payload: &str) -> Option<Hmac<Sha256>> {
        let key = self.keys.get(id)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
        mac.update(payload.as_bytes());
        Some(mac)
    }

    /// Whether a token says that it was signed by one of these.
    #[must_use]
    pub fn know(&self, token: &str) -> bool {
        token.split('.').next().is_some_and(|id| self.keys.contains_key(id))
    }

    /// A token that opens `scope` again, and carries `what`: the key's id, a payload and a signature, with dots between.
    ///
    /// # Errors
    /// `scope` is of no organization.
    pub fn sign(&self, scope: &Scope, what: &impl Serialize) -> Result<String, Error> {
        let organization = scope.organization().ok_or_else(Error::internal)?;
        let payload = serde_json::to_vec(&(organization, what)).map_err(|error| Error::internal().caused_by(error))?;
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let mac = self.mac(&self.current, &payload).ok_or_else(Error::internal)?;
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(format!("{}.{payload}.{signature}", self.current))
    }

    /// What [`Keys::sign`] signed.
    ///
    /// # Errors
    /// [`Error::forbidden`] where it was not signed by a key that is valid now.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<(Scope, T), Error> {
        let mut parts = token.split('.');
        let (Some(id), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::forbidden());
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Error::forbidden())?;
        let mac = self.mac(id, payload).ok_or_else(Error::forbidden)?;
        // Compares in constant time.
        mac.verify_slice(&signature).map_err(|_| Error::forbidden())?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Error::forbidden())?;
        let (organization, what): (Id, T) = serde_json::from_slice(&payload).map_err(|_| Error::forbidden())?;
        Ok((Scope::signed(organization), what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Keys {
        Keys::parse(text).unwrap()
    }

    fn scope() -> Scope {
        Scope::signed(Id::try_from("acme".to_owned()).unwrap())
    }

    #[test]
    fn what_was_signed_comes_back_and_outlives_a_rotation() {
        let token = keys(r#"{"current":"1","1":"0123456789abcdef"}"#).sign(&scope(), &("a", 1)).unwrap();
        let rotated = keys(r#"{"current":"2","2":"fedcba9876543210","1":"0123456789abcdef"}"#);
        assert_eq!(rotated.verify::<(String, u8)>(&token).unwrap(), (scope(), ("a".to_owned(), 1)));
        let withdrawn = keys(r#"{"current":"2","2":"fedcba9876543210"}"#);
        assert_eq!(withdrawn.verify::<(String, u8)>(&token).unwrap_err().kind().status(), 403);
    }

    #[test]
    fn what_was_changed_anywhere_is_refused() {
        let keys = keys(r#"{"current":"1","1":"0123456789abcdef","2":"0123456789abcdeX"}"#);
        let token = keys.sign(&scope(), &"a").unwrap();
        for at in 0..token.len() {
            for other in [b'2', b'B', b'.'] {
                let mut changed = token.as_bytes().to_vec();
                if changed[at] == other {
                    continue;
                }
                changed[at] = other;
                let refused = keys.verify::<String>(std::str::from_utf8(&changed).unwrap()).unwrap_err();
                assert_eq!(refused.kind().status(), 403, "at {at}");
            }
        }
        for bad in ["", ".", "..", "1..", "current.x.y", &format!("{token}.x"), &token[..token.len() - 1]] {
            assert_eq!(keys.verify::<String>(bad).unwrap_err().kind().status(), 403, "{bad}");
        }
    }

    #[test]
    fn keys_are_complete_or_refused() {
        for bad in [
            "",
            "{}",
            r#"{"current":"1"}"#,
            r#"{"current":"1","1":"short"}"#,
            r#"{"current":"1","1":1}"#,
            r#"{"current":"1","1":"0123456789abcdef","0":""}"#,
            r#"{"current":"a.b","a.b":"0123456789abcdef"}"#,
        ] {
            assert!(Keys::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", keys(r#"{"current":"1","1":"0123456789abcdef"}"#)).contains("0123"));
    }
}
