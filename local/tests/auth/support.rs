//! A server that verifies its callers, and tokens of all kinds.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use local::{Auth, Function, Options, Server, functions};
use reqwest::StatusCode;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com/";
pub(crate) const AUDIENCE: &str = "velt-data";

/// A key pair, made once for all tests.
pub(crate) struct Keys {
    pub(crate) private: EncodingKey,
    pub(crate) modulus: String,
    pub(crate) jwks: String,
}

fn keys() -> Keys {
    let private = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let public = RsaPublicKey::from(&private);
    let modulus = URL_SAFE_NO_PAD.encode(public.n().to_bytes_be());
    let exponent = URL_SAFE_NO_PAD.encode(public.e().to_bytes_be());
    let key = json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": modulus, "e": exponent });
    let private = EncodingKey::from_rsa_pem(private.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).unwrap().as_bytes());
    Keys { private: private.unwrap(), modulus, jwks: json!({ "keys": [key] }).to_string() }
}

/// The identity provider's.
pub(crate) fn provider() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(keys)
}

/// Somebody else's, under the same id.
pub(crate) fn stranger() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(keys)
}

/// The claims of a user of organizations, with everything right.
pub(crate) fn claims(organizations: &Value) -> Value {
    let now = get_current_timestamp();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now + 600, "iat": now,
        "organizations": organizations, "documents": "*", "role": "editor",
    })
}

/// The claims with one of them changed, or removed by null.
pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

pub(crate) fn sign(claims: &Value, algorithm: Algorithm, key: &EncodingKey) -> String {
    let header = Header { kid: Some("k1".to_owned()), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

/// A token as the identity provider signs it.
pub(crate) fn token(claims: &Value) -> String {
    sign(claims, Algorithm::RS256, &provider().private)
}

pub(crate) struct App {
    pub(crate) server: Server,
    pub(crate) http: reqwest::Client,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings besides those of the identity provider.
    pub(crate) async fn with(more: &[(&str, &str)]) -> Self {
        let settings = [
            ("AUTH_ISSUER", ISSUER),
            ("AUTH_AUDIENCE", AUDIENCE),
            ("AUTH_ALGORITHMS", "RS256"),
            ("AUTH_LEEWAY", "0"),
            ("AUTH_ORGANIZATIONS", "organizations"),
            ("AUTH_DOCUMENTS", "documents"),
            ("AUTH_READ_ONLY", "role=viewer"),
            ("AUTH_ADMIN", "role=admin"),
            ("AUTH_ALLOW_ALL_ORGANIZATIONS", "true"),
        ];
        let settings = settings.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings: HashMap<String, String> = settings.collect();
        let auth = Some(Auth::Jwks(provider().jwks.clone()));
        let server = Server::start(Options { auth, settings, ..Options::default() }).await.unwrap();
        Self { server, http: reqwest::Client::new() }
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        functions(&self.server.setup()).unwrap()
    }

    /// Posts JSON with a token.
    pub(crate) async fn post(&self, token: &str, operation: &str, body: &Value) -> (StatusCode, Value) {
        let url = format!("{}/api/velt/{operation}", self.server.url());
        let answer = self.http.post(url).bearer_auth(token).json(body).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    pub(crate) async fn ok(&self, token: &str, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.post(token, operation, body).await;
        assert_eq!(status, StatusCode::OK, "{operation} {body}: {answer}");
        answer["data"].clone()
    }

    pub(crate) async fn refused(&self, token: &str, operation: &str, body: &Value) {
        let (status, answer) = self.post(token, operation, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{operation} {body}: {answer}");
        assert_eq!(answer["message"], "these credentials do not allow this request");
    }
}

/// A request as the sample event of a function has it: its content type and its body.
pub(crate) struct Sample {
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    /// Whether it names the document `contract-7`.
    pub(crate) names_document: bool,
}

pub(crate) fn sample(function: &Function) -> Sample {
    let path = format!("{}/../events/{}.json", env!("CARGO_MANIFEST_DIR"), function.name);
    let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = event["body"].as_str().unwrap_or_default();
    let body = if event["isBase64Encoded"] == true { STANDARD.decode(text).unwrap() } else { text.as_bytes().to_vec() };
    let names_document = body.windows(12).any(|window| window == b"\"contract-7\"");
    Sample { kind: event["headers"]["content-type"].as_str().unwrap_or_default().to_owned(), body, names_document }
}
