//! The keys that tokens are verified with.

use std::time::{Duration, Instant};

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use shared::setup::Setup;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::Refusal;
use crate::settings::{Settings, Source};

/// How often keys are asked for at most, because a token names one that is not known.
const COOLDOWN: Duration = Duration::from_secs(30);
/// After this time keys are asked for again, so that a key that was withdrawn is not believed for long.
const FRESH: Duration = Duration::from_mins(10);
/// How long an identity provider may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest set of keys, in bytes.
const LARGEST: usize = 1024 * 1024;

/// Keys, kept while they are good.
#[derive(Debug)]
pub(crate) struct Keys {
    source: Fetch,
    /// Held while keys are fetched: one call is enough for all that wait.
    held: Mutex<Held>,
}

#[derive(Debug)]
enum Fetch {
    Jwks {
        client: Connector,
        url: String,
    },
    Given(String),
    Secret {
        client: aws_sdk_secretsmanager::Client,
        name: String,
    },
    Plain(String),
    #[cfg(test)]
    Scripted(std::sync::Mutex<std::collections::VecDeque<Option<String>>>),
}

#[derive(Debug, Default)]
struct Held {
    asked: Option<Instant>,
    good: Option<(Instant, Material)>,
}

/// What verifies: never both kinds.
#[derive(Clone)]
enum Material {
    Public(JwkSet),
    Secret(DecodingKey),
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public(_) => "Public",
            Self::Secret(_) => "Secret",
        })
    }
}

impl Keys {
    pub(crate) fn open(setup: &Setup, settings: &Settings) -> Self {
        let source = match settings.source.clone() {
            Source::Jwks(url) => Fetch::Jwks { client: client(), url },
            Source::Given(keys) => Fetch::Given(keys),
            Source::Secret(name) => {
                let client = aws_sdk_secretsmanager::Client::new(&setup.service("SECRETS_MANAGER"));
                Fetch::Secret { client, name }
            }
            Source::Plain(secret) => Fetch::Plain(secret),
        };
        Self { source, held: Mutex::default() }
    }

    /// The key of a token's header.
    pub(crate) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Refusal> {
        let mut held = self.held.lock().await;
        let is_fresh = held.good.as_ref().is_some_and(|(since, _)| since.elapsed() < FRESH);
        let known = |held: &Held| held.good.as_ref().and_then(|(_, material)| material.find(id, algorithm));
        if is_fresh && let Some(key) = known(&held) {
            return Ok(key);
        }
        if held.asked.is_none_or(|asked| asked.elapsed() >= COOLDOWN) {
            held.asked = Some(Instant::now());
            // Where they can't be had, those that were good stay good.
            if let Some(material) = self.source.fetch().await {
                held.good = Some((Instant::now(), material));
            } else {
                // A refusal doesn't tell it from a token that names an unknown key, which anybody can send.
                tracing::warn!(operation = "authorizer", cause = "keys", "the keys could not be fetched");
            }
        }
        known(&held).ok_or(Refusal::KeyResolutionFailed)
    }
}

impl Fetch {
    async fn fetch(&self) -> Option<Material> {
        match self {
            Self::Jwks { client, url } => public(&timeout(TIMEOUT, get(client, url)).await.ok()??),
            Self::Given(text) => public(text),
            Self::Secret { client, name } => {
                let answer = client.get_secret_value().secret_id(name).send().await.ok()?;
                secret(answer.secret_string()?)
            }
            Self::Plain(text) => secret(text),
            #[cfg(test)]
            Self::Scripted(answers) => public(&answers.lock().unwrap().pop_front()??),
        }
    }
}

/// A client that speaks TLS alone, and follows no redirect.
fn client() -> Connector {
    let ring = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    Connector::builder().tls_provider(ring).build()
}

async fn get(client: &Connector, url: &str) -> Option<String> {
    let answer = client.call(HttpRequest::get(url).ok()?).await.ok()?;
    if answer.status().as_u16() != 200 {
        return None;
    }
    let mut stream = ByteStream::new(answer.into_body());
    let mut body = Vec::new();
    while let Some(piece) = stream.next().await {
        body.extend_from_slice(&piece.ok()?);
        if body.len() > LARGEST {
            return None;
        }
    }
    String::from_utf8(body).ok()
}

/// A set of keys; one without a usable key is as good as none.
fn public(text: &str) -> Option<Material> {
    let all: serde_json::Value = serde_json::from_str(text).ok()?;
    let all = all.get("keys")?.as_array()?;
    // One by one, so that a key of a kind that is not known here does not hide the others.
    let keys = all.iter().filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    let keys: Vec<Jwk> = keys.filter(is_to_verify_with).collect();
    (!keys.is_empty()).then(|| Material::Public(JwkSet { keys }))
}

fn is_to_verify_with(key: &Jwk) -> bool {
    let is_public = !matches!(key.algorithm, AlgorithmParameters::OctetKey(_));
    is_public && matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature))
}

/// A shared secret: HS256 wants at least as many bytes as it makes.
fn secret(text: &str) -> Option<Material> {
    (text.len() >= 32).then(|| Material::Secret(DecodingKey::from_secret(text.as_bytes())))
}

impl Material {
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        match self {
            Self::Secret(key) => (algorithm == Algorithm::HS256).then(|| key.clone()),
            Self::Public(set) => {
                let key = match id {
                    Some(id) => set.find(id)?,
                    // A token that names no key is of the only one there is.
                    None => (set.keys.len() == 1).then(|| set.keys.first())??,
                };
                let declared = key.common.key_algorithm.map(|declared| declared.to_string());
                if declared.is_some_and(|declared| declared != format!("{algorithm:?}")) {
                    return None;
                }
                DecodingKey::from_jwk(key).ok()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(ids: &[&str]) -> String {
        // The public key of RFC 8037's example.
        let key = |id: &&str| json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        json!({ "keys": ids.iter().map(key).collect::<Vec<_>>() }).to_string()
    }

    fn keys(answers: Vec<Option<String>>) -> Keys {
        Keys { source: Fetch::Scripted(std::sync::Mutex::new(answers.into())), held: Mutex::default() }
    }

    async fn finds(keys: &Keys, id: &str) -> bool {
        keys.find(Some(id), Algorithm::EdDSA).await.is_ok()
    }

    async fn later(keys: &Keys, by: Duration) {
        let mut held = keys.held.lock().await;
        held.asked = held.asked.and_then(|asked| asked.checked_sub(by));
        held.good = held.good.take().and_then(|(since, good)| Some((since.checked_sub(by)?, good)));
    }

    #[tokio::test]
    async fn an_unknown_key_is_asked_for_once_in_half_a_minute() {
        let keys = keys(vec![Some(set(&["a"])), Some(set(&["a", "b"]))]);
        assert!(finds(&keys, "a").await);
        assert!(!finds(&keys, "b").await && !finds(&keys, "b").await, "asked for just now");
        later(&keys, COOLDOWN).await;
        assert!(finds(&keys, "b").await && finds(&keys, "a").await);
    }

    #[tokio::test]
    async fn good_keys_are_not_lost_to_bad_answers() {
        let nonsense = Some("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"a\"}]}".to_owned());
        let keys = keys(vec![Some(set(&["a"])), None, nonsense, Some(String::new()), Some(set(&["b"]))]);
        assert!(finds(&keys, "a").await);
        for _ in 0..3 {
            later(&keys, FRESH).await;
            assert!(finds(&keys, "a").await);
        }
        later(&keys, FRESH).await;
        assert!(!finds(&keys, "a").await, "it was withdrawn");
        assert!(finds(&keys, "b").await);
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_had_refuses() {
        let keys = keys(vec![None]);
        assert_eq!(keys.find(Some("a"), Algorithm::EdDSA).await.err(), Some(Refusal::KeyResolutionFailed));
    }

    #[test]
    fn a_short_secret_is_none() {
        assert!(secret("short").is_none() && secret(&"x".repeat(32)).is_some());
    }
}
