//! Who did what, for the log, without saying who.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::access::Access;
use crate::contract::Id;
use crate::digest::hex;
use crate::error::Kind;
use crate::setup::{Setup, SetupError};

/// The setting with the key of the pseudonyms of users: at least 32 bytes of text.
pub const AUDIT_KEY: &str = "AUDIT_KEY";

/// The shortest key, in bytes.
const SHORTEST_KEY: usize = 32;

/// Bytes of a digest that a pseudonym shows: enough that no two users share one.
const SHOWN: usize = 16;

/// How users are called in the log: by a keyed digest of their id.
///
/// The same user has the same pseudonym in every line, and without the key nobody can tell whose it is, not even by trying
/// all ids. Without a key there are no pseudonyms.
#[derive(Clone)]
pub struct Pseudonyms(Option<Hmac<Sha256>>);

/// The key is too short.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it must have at least {SHORTEST_KEY} bytes")]
struct TooShort;

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pseudonyms").field(&self.0.is_some()).finish()
    }
}

impl Pseudonyms {
    /// As the settings say.
    ///
    /// # Errors
    /// The key is too short.
    pub fn open(setup: &Setup) -> Result<Self, SetupError> {
        let Some(key) = setup.setting(AUDIT_KEY) else { return Ok(Self(None)) };
        let invalid = || SetupError::Invalid { name: AUDIT_KEY, source: Box::new(TooShort) };
        if key.len() < SHORTEST_KEY {
            return Err(invalid());
        }
        Hmac::new_from_slice(key.as_bytes()).map(|key| Self(Some(key))).map_err(|_| invalid())
    }

    /// The pseudonym of a user, in hexadecimal.
    #[must_use]
    pub fn of(&self, user: &Id) -> Option<String> {
        let digest = self.0.clone()?.chain_update(user.as_str()).finalize().into_bytes();
        Some(hex(&digest[..SHOWN]))
    }
}

/// What an audit looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Something was to be written. Whether it was is the line's `status`.
    Write,
    /// Something was to be deleted.
    Delete,
    /// The caller may not do what it asked for.
    Refused,
}

impl Audit {
    /// What a request of an operation was, by how it failed.
    #[must_use]
    pub fn of(operation: &str, access: Access, failure: Option<Kind>) -> Option<Self> {
        match (access, failure) {
            (_, Some(Kind::Forbidden | Kind::Expired)) => Some(Self::Refused),
            (Access::Write | Access::Backend, _) if operation.ends_with("-delete") => Some(Self::Delete),
            (Access::Write | Access::Backend, _) => Some(Self::Write),
            (Access::Read | Access::Anybody, _) => None,
        }
    }

    /// As a line says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn opened(key: &str) -> Result<Pseudonyms, SetupError> {
        let settings =
            [(AUDIT_KEY, key), ("AWS_REGION", "r"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let settings: HashMap<String, String> =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Pseudonyms::open(&Setup::new(settings).unwrap())
    }

    #[test]
    fn a_user_has_one_pseudonym_for_each_key() {
        let id = |text: &str| Id::try_from(text.to_owned()).unwrap();
        let one = opened(&"a".repeat(32)).unwrap();
        let pseudonym = one.of(&id("ann")).unwrap();
        assert_eq!((pseudonym.len(), one.of(&id("ann")).as_ref()), (32, Some(&pseudonym)));
        assert!(!pseudonym.contains("ann"));
        assert_ne!(one.of(&id("bob")).unwrap(), pseudonym);
        assert_ne!(opened(&"b".repeat(32)).unwrap().of(&id("ann")).unwrap(), pseudonym);
        assert_eq!(opened("").unwrap().of(&id("ann")), None);
        assert!(opened("too short").is_err());
    }

    #[test]
    fn writes_deletes_and_refusals_are_audited() {
        let of = |operation, access, failure| Audit::of(operation, access, failure).map(Audit::name);
        assert_eq!(of("comments-save", Access::Write, None), Some("write"));
        assert_eq!(of("comments-save", Access::Write, Some(Kind::Invalid)), Some("write"));
        assert_eq!(of("recordings-upload-delete", Access::Write, None), Some("delete"));
        assert_eq!(of("users-delete", Access::Backend, None), Some("delete"));
        assert_eq!(of("users-delete", Access::Backend, Some(Kind::Forbidden)), Some("refused"));
        assert_eq!(of("comments-get", Access::Read, Some(Kind::Expired)), Some("refused"));
        assert_eq!(of("comments-get", Access::Read, Some(Kind::Invalid)), None);
        assert_eq!(of("files-get", Access::Anybody, None), None);
    }
}
