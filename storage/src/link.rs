//! The links to files: stored in comments for years, readable by `<img>` and `<video>`, and private all the same.
//!
//! A link names a file and is signed; whoever has it may read the file while it exists. It answers with a redirect to S3
//! that is valid for minutes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use shared::Error;
use shared::aws::failed;
use shared::contract::{Id, TextOrNumber};
use shared::scope::Caller;
use shared::setup::{Setup, SetupError};
use tokio::sync::Mutex;

use crate::attachment::{Attachment, Storage};

/// What the path of a link begins with.
pub const FILES: &str = "/files/";

/// The setting with the keys themselves, for development.
const KEYS: &str = "LINK_KEYS";
/// The setting that names the secret that holds the keys.
const SECRET: &str = "LINK_KEYS_SECRET";
/// How long the keys are used before the secret is read again: a rotation is complete after this time.
const FRESH: Duration = Duration::from_mins(5);

/// The keys that sign links, as the secret holds them: `{"current": "<id>", "<id>": "<key>", …}`.
///
/// `current` names the key that signs; every key that is there verifies. So a rotation adds a key and makes it current,
/// and the links of a key live until it is taken out.
#[derive(Clone, Deserialize)]
struct Keys {
    current: String,
    #[serde(flatten)]
    keys: BTreeMap<String, String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("current", &self.current).finish_non_exhaustive()
    }
}

/// The secret is not as [`Links`] wants it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum BadKeys {
    #[error("the keys are not a JSON object of texts with one under `current`")]
    Json,
    #[error("the id of a key has other characters than letters, digits, - and _")]
    Id,
    #[error("the key that `current` names is not there, or shorter than 16 characters")]
    Current,
}

impl Keys {
    fn parse(text: &str) -> Result<Self, BadKeys> {
        let keys: Self = serde_json::from_str(text).map_err(|_| BadKeys::Json)?;
        let plain = |id: &String| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !keys.keys.keys().all(plain) {
            return Err(BadKeys::Id);
        }
        if keys.keys.get(&keys.current).is_none_or(|key| key.len() < 16) {
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
}

/// Where the keys come from.
#[derive(Debug)]
enum Source {
    Setting(Keys),
    Secret { client: aws_sdk_secretsmanager::Client, name: String, read: Mutex<Option<(Instant, Keys)>> },
}

/// Signs and verifies links.
#[derive(Debug)]
pub struct Links(Source);

/// What a link names, as it is written in it.
#[derive(Debug, Deserialize, Serialize)]
struct Payload(Storage, Id, Option<Id>, Id, String);

/// A verified link.
#[derive(Debug)]
pub struct Link {
    /// Whose file it is.
    pub attachment: Attachment,
    /// Which content of the attachment.
    pub content: String,
}

impl Links {
    /// As the settings say: `LINK_KEYS_SECRET` names a secret, or `LINK_KEYS` has the keys themselves.
    ///
    /// # Errors
    /// Neither is set, or the keys are not as they should be.
    pub fn open(setup: &Setup) -> Result<Self, SetupError> {
        if let Some(text) = setup.setting(KEYS) {
            let keys = Keys::parse(text).map_err(|error| SetupError::Invalid { name: KEYS, source: error.into() })?;
            return Ok(Self(Source::Setting(keys)));
        }
        let name = setup.required(SECRET)?.to_owned();
        let client = aws_sdk_secretsmanager::Client::new(&setup.service("SECRETS_MANAGER"));
        Ok(Self(Source::Secret { client, name, read: Mutex::new(None) }))
    }

    async fn keys(&self) -> Result<Keys, Error> {
        let (client, name, read) = match &self.0 {
            Source::Setting(keys) => return Ok(keys.clone()),
            Source::Secret { client, name, read } => (client, name, read),
        };
        // Held while the secret is read: one call is enough for all that wait.
        let mut read = read.lock().await;
        if let Some((when, keys)) = &*read
            && when.elapsed() < FRESH
        {
            return Ok(keys.clone());
        }
        let answer = client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| failed("GetSecretValue", &error))?;
        let keys = Keys::parse(answer.secret_string().unwrap_or_default());
        let keys = keys.map_err(|error| Error::internal().caused_by(error))?;
        *read = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }

    /// The path of the link to a content of an attachment. `name` only makes the link readable.
    ///
    /// # Errors
    /// The keys could not be read.
    pub async fn path(&self, attachment: &Attachment, content: &str, name: &str) -> Result<String, Error> {
        let organization = attachment.scope.organization().ok_or_else(Error::internal)?;
        let payload = Payload(
            attachment.storage,
            organization.clone(),
            attachment.document.clone(),
            attachment.id.clone().into(),
            content.to_owned(),
        );
        let payload = serde_json::to_vec(&payload).map_err(|error| Error::internal().caused_by(error))?;
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let keys = self.keys().await?;
        let mac = keys.mac(&keys.current, &payload).ok_or_else(Error::internal)?;
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(format!("{FILES}{}.{payload}.{signature}/{}", keys.current, plain(name)))
    }

    /// What a link names, `token` being the segment after [`FILES`].
    ///
    /// # Errors
    /// [`Error::forbidden`] where it was not signed by a key that is valid now.
    pub async fn verify(&self, token: &str) -> Result<Link, Error> {
        let mut parts = token.split('.');
        let (Some(id), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::forbidden());
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Error::forbidden())?;
        let keys = self.keys().await?;
        let mac = keys.mac(id, payload).ok_or_else(Error::forbidden)?;
        // Compares in constant time.
        mac.verify_slice(&signature).map_err(|_| Error::forbidden())?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Error::forbidden())?;
        let Payload(storage, organization, document, id, content) =
            serde_json::from_slice(&payload).map_err(|_| Error::forbidden())?;
        let scope = Caller::open().organization(Some(&organization), "organizationId")?;
        Ok(Link { attachment: Attachment { storage, scope, document, id: TextOrNumber::from(id) }, content })
    }
}

/// The name as the last segment of a path: letters, digits and `.-_` only, short, and never empty.
fn plain(name: &str) -> String {
    const LONGEST: usize = 40;
    let kept: String = name
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() || ".-_".contains(character) { character } else { '-' })
        .collect();
    let kept = kept.trim_matches(['.', '-']);
    // The end is kept, which says the type.
    let kept = &kept[kept.len().saturating_sub(LONGEST)..];
    if kept.is_empty() { "file".to_owned() } else { kept.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(keys: &str) -> Links {
        Links(Source::Setting(Keys::parse(keys).unwrap()))
    }

    fn attachment() -> Attachment {
        let id = |text: &str| Id::try_from(text.to_owned()).unwrap();
        Attachment {
            storage: Storage::Recordings,
            scope: Caller::open().organization(Some(&id("acme")), "organizationId").unwrap(),
            document: None,
            id: TextOrNumber::from(id("318442")),
        }
    }

    fn token(path: &str) -> &str {
        path.strip_prefix(FILES).unwrap().split('/').next().unwrap()
    }

    #[tokio::test]
    async fn a_link_names_what_was_signed_and_outlives_a_rotation() {
        let old = links(r#"{"current":"1","1":"0123456789abcdef"}"#);
        let path = old.path(&attachment(), "content", "wörk/../a \"b\".pdf").await.unwrap();
        assert!(path.ends_with("/w-rk-..-a--b-.pdf"), "{path}");
        let rotated = links(r#"{"current":"2","2":"fedcba9876543210","1":"0123456789abcdef"}"#);
        let link = rotated.verify(token(&path)).await.unwrap();
        assert_eq!((link.attachment, link.content.as_str()), (attachment(), "content"));
        let withdrawn = links(r#"{"current":"2","2":"fedcba9876543210"}"#);
        assert_eq!(withdrawn.verify(token(&path)).await.unwrap_err().kind().status(), 403);
    }

    #[tokio::test]
    async fn a_link_that_was_changed_anywhere_is_refused() {
        let links = links(r#"{"current":"1","1":"0123456789abcdef","2":"0123456789abcdeX"}"#);
        let path = links.path(&attachment(), "content", "a.pdf").await.unwrap();
        let token = token(&path);
        for at in 0..token.len() {
            for other in [b'2', b'B', b'.'] {
                let mut changed = token.as_bytes().to_vec();
                if changed[at] == other {
                    continue;
                }
                changed[at] = other;
                let refused = links.verify(std::str::from_utf8(&changed).unwrap()).await.unwrap_err();
                assert_eq!(refused.kind().status(), 403, "at {at}");
            }
        }
        for bad in ["", ".", "..", "1..", "current.x.y", &format!("{token}.x"), &token[..token.len() - 1]] {
            assert_eq!(links.verify(bad).await.unwrap_err().kind().status(), 403, "{bad}");
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
            r#"{"current":"a.b","a.b":"0123456789abcdef"}"#,
        ] {
            assert!(Keys::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", Keys::parse(r#"{"current":"1","1":"0123456789abcdef"}"#)).contains("0123"));
    }
}
