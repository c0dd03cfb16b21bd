//! The links to files: stored in comments for years, readable by `<img>` and `<video>`, and private all the same.
//!
//! A link names a file and is signed; whoever has it may read the file while it exists. It answers with a redirect to S3
//! that is valid for hours.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shared::Error;
use shared::aws::failed;
use shared::cached::{Cached, Times};
use shared::contract::{Id, TextOrNumber};
use shared::scope::Scope;
use shared::setup::{Setup, SetupError};
use shared::signed::Keys;

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

/// Where the keys come from.
#[derive(Debug)]
enum Source {
    Setting(Arc<Keys>),
    Secret { client: aws_sdk_secretsmanager::Client, name: String, read: Cached<Arc<Keys>> },
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
            return Ok(Self(Source::Setting(Arc::new(keys))));
        }
        let name = setup.required(SECRET)?.to_owned();
        let client = aws_sdk_secretsmanager::Client::new(&setup.service("SECRETS_MANAGER"));
        Ok(Self(Source::Secret { client, name, read: Cached::new("links", Times::of_keys(FRESH)) }))
    }

    /// The keys; read again where they are old, or lack the one of this token because it was added meanwhile. While the
    /// secret can't be read, the last good keys stay in use, for a day.
    async fn keys(&self, token: Option<&str>) -> Result<Arc<Keys>, Error> {
        let (client, name, read) = match &self.0 {
            Source::Setting(keys) => return Ok(Arc::clone(keys)),
            Source::Secret { client, name, read } => (client, name, read),
        };
        let knows = |keys: &Arc<Keys>| token.is_none_or(|token| keys.know(token));
        let keys = read.get(knows, || fetch(client, name)).await;
        keys.map_err(|why| why.unwrap_or_else(|| Error::unavailable().caused_by("the keys of links could not be read")))
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

async fn fetch(client: &aws_sdk_secretsmanager::Client, name: &str) -> Result<Arc<Keys>, Error> {
    let answer = client.get_secret_value().secret_id(name).send().await;
    let answer = answer.map_err(|error| failed("GetSecretValue", &error))?;
    let keys = Keys::parse(answer.secret_string().unwrap_or_default());
    keys.map(Arc::new).map_err(|error| Error::internal().caused_by(error))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region, RuntimeComponents};
    use aws_smithy_runtime_api::client::http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use tokio::time::advance;

    use super::*;

    /// Secrets Manager, answering with these keys one after the other, and then with a 400 that is not repeated.
    #[derive(Clone, Debug)]
    struct Secrets(Arc<Mutex<VecDeque<&'static str>>>);

    impl HttpConnector for Secrets {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            let (status, body) = match self.0.lock().unwrap().pop_front() {
                Some(keys) => (200, serde_json::json!({ "SecretString": keys }).to_string()),
                None => (400, "{\"__type\":\"InvalidRequestException\"}".to_owned()),
            };
            HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
        }
    }

    impl HttpClient for Secrets {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    const ONE: &str = r#"{"current":"1","1":"0123456789abcdef"}"#;
    const TWO: &str = r#"{"current":"2","2":"fedcba9876543210","1":"0123456789abcdef"}"#;

    /// What opens the organization `acme`: `["acme",null]`, signed by the first key.
    const ORGANIZATION: &str = "1.WyJhY21lIixudWxsXQ.6DMgZNn7VJoGok8BAQHiJaSGvRa70fM8t4imcSr0waY";

    fn links(answers: &[&'static str]) -> (Links, Secrets) {
        let secrets = Secrets(Arc::new(Mutex::new(answers.iter().copied().collect())));
        let config = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("a", "b", None, None, "test"))
            .http_client(secrets.clone());
        let client = aws_sdk_secretsmanager::Client::from_conf(config.build());
        let read = Cached::new("links", Times::of_keys(FRESH));
        (Links(Source::Secret { client, name: "keys".to_owned(), read }), secrets)
    }

    /// Whether a link that this key signs is believed.
    async fn believes(links: &Links, keys: &str) -> bool {
        let scope: Scope = Keys::parse(ONE).unwrap().verify(ORGANIZATION).map(|(scope, ())| scope).unwrap();
        let payload = Payload(Storage::Attachments, None, Id::try_from("1".to_owned()).unwrap(), "c".to_owned());
        let token = Keys::parse(keys).unwrap().sign(&scope, &payload).unwrap();
        links.verify(&token).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn links_outlive_an_outage_of_less_than_a_day() {
        let (links, secrets) = links(&[ONE]);
        assert!(believes(&links, ONE).await);
        for _ in 0..23 {
            advance(Duration::from_hours(1)).await;
            assert!(believes(&links, ONE).await);
        }
        assert!(!believes(&links, TWO).await, "a key that is not known can't be had now");
        advance(Duration::from_hours(1)).await;
        assert!(!believes(&links, ONE).await);
        secrets.0.lock().unwrap().push_back(TWO);
        advance(Duration::from_mins(1)).await;
        assert!(believes(&links, ONE).await && believes(&links, TWO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_is_damaged_is_no_better_than_none() {
        let (links, _) = links(&[ONE, "{}", "", TWO]);
        assert!(believes(&links, ONE).await);
        for _ in 0..2 {
            advance(FRESH).await;
            assert!(believes(&links, ONE).await);
        }
        advance(FRESH).await;
        assert!(believes(&links, TWO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_read_that_fails_is_repeated() {
        let (links, _) = links(&["{}", ONE]);
        assert!(believes(&links, ONE).await);
    }
}
