//! The links to files: stored in comments for years, readable by `<img>` and `<video>`, and private all the same.
//!
//! A link names a file and is signed; whoever has it may read the file while it exists. It answers with a redirect to S3
//! that is valid for hours.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::Error;
use shared::aws::failed;
use shared::contract::{Id, TextOrNumber};
use shared::scope::Scope;
use shared::setup::{Setup, SetupError};
use shared::signed::Keys;
use tokio::sync::Mutex;

use crate::attachment::{Attachment, Storage};
use crate::name;

/// What the path of a link begins with.
pub const FILES: &str = "/files/";

/// The setting with the keys themselves, for development.
const KEYS: &str = "LINK_KEYS";
/// The setting that names the secret that holds the keys.
const SECRET: &str = "LINK_KEYS_SECRET";
/// How long the keys are used before the secret is read again: a rotation is complete after this time.
const FRESH: Duration = Duration::from_mins(5);

/// How often the secret is read at most because a link was signed by a key that is not known.
const COOLDOWN: Duration = Duration::from_secs(30);

/// Where the keys come from.
#[derive(Debug)]
enum Source {
    Setting(Keys),
    Secret { client: aws_sdk_secretsmanager::Client, name: String, read: Mutex<Option<(Instant, Keys)>> },
}

/// Signs and verifies links.
#[derive(Debug)]
pub struct Links(Source);

/// What a link names beside the organization.
#[derive(Debug, Deserialize, Serialize)]
struct Payload(Storage, Option<Id>, Id, String);

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

    /// The keys; read again where they are old, or lack the one of this token because it was added meanwhile.
    async fn keys(&self, token: Option<&str>) -> Result<Keys, Error> {
        let (client, name, read) = match &self.0 {
            Source::Setting(keys) => return Ok(keys.clone()),
            Source::Secret { client, name, read } => (client, name, read),
        };
        // Held while the secret is read: one call is enough for all that wait.
        let mut read = read.lock().await;
        if let Some((when, keys)) = &*read {
            let knows = token.is_none_or(|token| keys.know(token));
            if when.elapsed() < if knows { FRESH } else { COOLDOWN } {
                return Ok(keys.clone());
            }
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
        let Attachment { storage, scope, document, id } = attachment;
        let payload = Payload(*storage, document.clone(), id.clone().into(), content.to_owned());
        Ok(format!("{FILES}{}/{}", self.sign(scope, &payload).await?, name::segment(name)))
    }

    /// A token that only this stack makes, for `what` in `scope`.
    ///
    /// # Errors
    /// The keys could not be read.
    pub(crate) async fn sign(&self, scope: &Scope, what: &impl Serialize) -> Result<String, Error> {
        self.keys(None).await?.sign(scope, what)
    }

    /// What [`Links::sign`] signed.
    ///
    /// # Errors
    /// [`Error::forbidden`] where it was not signed by a key that is valid now.
    pub(crate) async fn read<T: DeserializeOwned>(&self, token: &str) -> Result<(Scope, T), Error> {
        self.keys(Some(token)).await?.verify(token)
    }

    /// What a link names, `token` being the segment after [`FILES`].
    ///
    /// # Errors
    /// [`Error::forbidden`] where it was not signed by a key that is valid now.
    pub async fn verify(&self, token: &str) -> Result<Link, Error> {
        let (scope, Payload(storage, document, id, content)) = self.read(token).await?;
        Ok(Link { attachment: Attachment { storage, scope, document, id: TextOrNumber::from(id) }, content })
    }
}
