//! What verifies: public keys, or a shared secret; never both.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::jwt::Unverified;

/// The shortest secret, in bytes: RFC 7518 wants as many as HS256 makes.
const SHORTEST_SECRET: usize = 32;
/// The shortest modulus of an RSA key, in bytes, by RFC 7518.
const SHORTEST_MODULUS: usize = 256;
/// Keys of one id, type and algorithm that are tried at most.
const MOST_TRIED: usize = 4;

/// What verifies tokens.
pub(crate) enum Material {
    /// A set of keys, which tokens choose from by id.
    Public(Vec<PublicKey>),
    /// One key, whatever ids tokens have for it.
    One(PublicKey),
    Secret(DecodingKey),
}

/// A public key that may verify signatures.
pub(crate) struct PublicKey {
    id: Option<String>,
    kind: KeyType,
    /// The only algorithm that the key is for, if it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyType {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A key of a JWKS. Fields of other types than these make it a key that is not known here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public(_) | Self::One(_) => "Public",
            Self::Secret(_) => "Secret",
        })
    }
}

/// An algorithm by its name in a token, a key or a setting. `Ed25519` is the newer name (RFC 9864) of what `EdDSA` means with
/// the keys that are known here.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDSA) } else { name.parse().ok() }
}

impl Material {
    /// Public keys: a JWKS, one JWK, or one key as PEM. A set without a usable key is as good as none.
    pub(crate) fn public(text: &str) -> Option<Self> {
        if !text.trim_start().starts_with('{') {
            return PublicKey::of_pem(text).map(Self::One);
        }
        let read = |key: &Value| PublicKey::of_jwk(Jwk::deserialize(key).ok()?);
        let value: Value = serde_json::from_str(text).ok()?;
        let Some(all) = value.get("keys") else { return read(&value).map(Self::One) };
        // One by one, so that a key of a kind that is not known here does not hide the others.
        let keys: Vec<PublicKey> = all.as_array()?.iter().filter_map(read).collect();
        (!keys.is_empty()).then_some(Self::Public(keys))
    }

    /// A shared secret. A public key is none: whoever put it there would let everybody sign.
    pub(crate) fn secret(text: &str) -> Option<Self> {
        let is_secret = text.len() >= SHORTEST_SECRET && !text.contains("-----BEGIN ");
        is_secret.then(|| Self::Secret(DecodingKey::from_secret(text.as_bytes())))
    }

    /// The algorithms that tokens are signed by if no setting names them.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        match self {
            Self::Public(keys) => keys.iter().map(PublicKey::algorithm).collect(),
            Self::One(key) => vec![key.algorithm()],
            Self::Secret(_) => vec![Algorithm::HS256],
        }
    }

    /// Whether there is a key for this token.
    pub(crate) fn fits(&self, token: &Unverified<'_>) -> bool {
        !self.of(token).is_empty()
    }

    /// Whether one of the keys for this token made its signature.
    pub(crate) fn verifies(&self, token: &Unverified<'_>) -> bool {
        self.of(token).into_iter().any(|key| token.is_signed_by(key))
    }

    /// The keys for a token: those of its id, and of these the ones of its algorithm's type. A token that names no key is of
    /// the only one that there is for its algorithm.
    fn of(&self, token: &Unverified<'_>) -> Vec<&DecodingKey> {
        match self {
            Self::Secret(key) => {
                let is_hmac = matches!(token.algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
                is_hmac.then_some(key).into_iter().collect()
            }
            Self::One(key) => key.fits(token.algorithm).then_some(&key.key).into_iter().collect(),
            Self::Public(keys) => {
                let is_of = |key: &&PublicKey| token.key.as_ref().is_none_or(|id| key.id.as_ref() == Some(id));
                let fitting = keys.iter().filter(is_of).filter(|key| key.fits(token.algorithm)).map(|key| &key.key);
                let fitting: Vec<&DecodingKey> = fitting.collect();
                let most = if token.key.is_some() { MOST_TRIED } else { 1 };
                if fitting.len() > most { Vec::new() } else { fitting }
            }
        }
    }
}

impl PublicKey {
    fn of_jwk(jwk: Jwk) -> Option<Self> {
        let is_to_verify = jwk.usage.is_none_or(|usage| usage == "sig")
            && jwk.key_ops.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        if !is_to_verify {
            return None;
        }
        let (kind, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (jwk.n?, jwk.e?);
                if URL_SAFE_NO_PAD.decode(&n).ok()?.len() < SHORTEST_MODULUS {
                    return None;
                }
                (KeyType::Rsa, DecodingKey::from_rsa_components(&n, &e).ok()?)
            }
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let kind = if curve == "P-256" { KeyType::P256 } else { KeyType::P384 };
                (kind, DecodingKey::from_ec_components(&jwk.x?, &jwk.y?).ok()?)
            }
            ("OKP", Some("Ed25519")) => (KeyType::Ed25519, DecodingKey::from_ed_components(&jwk.x?).ok()?),
            _ => return None,
        };
        // A key for what is not known here verifies nothing.
        let algorithm = match jwk.alg {
            Some(name) => Some(algorithm(&name)?),
            None => None,
        };
        Some(Self { id: jwk.kid, kind, algorithm, key })
    }

    fn of_pem(text: &str) -> Option<Self> {
        let pem = folded(text)?;
        let of = |read: fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>| read(pem.as_bytes()).ok();
        let (kind, key) = if let Some(key) = of(DecodingKey::from_rsa_pem) {
            // The modulus is nearly all of it.
            let is_long = key.try_get_as_bytes().ok()?.len() > SHORTEST_MODULUS;
            (KeyType::Rsa, Some(key).filter(|_| is_long)?)
        } else if let Some(key) = of(DecodingKey::from_ec_pem) {
            // A point: a byte that says how it is written, and two numbers.
            let kind = match key.try_get_as_bytes().ok()?.len() {
                65 => KeyType::P256,
                97 => KeyType::P384,
                _ => return None,
            };
            (kind, key)
        } else {
            (KeyType::Ed25519, of(DecodingKey::from_ed_pem)?)
        };
        Some(Self { id: None, kind, algorithm: None, key })
    }

    fn algorithm(&self) -> Algorithm {
        self.algorithm.unwrap_or(match self.kind {
            KeyType::Rsa => Algorithm::RS256,
            KeyType::P256 => Algorithm::ES256,
            KeyType::P384 => Algorithm::ES384,
            KeyType::Ed25519 => Algorithm::EdDSA,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
        let kind = match algorithm {
            RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => KeyType::Rsa,
            ES256 => KeyType::P256,
            ES384 => KeyType::P384,
            EdDSA => KeyType::Ed25519,
            // A public key is never taken for a secret.
            HS256 | HS384 | HS512 | _ => return false,
        };
        self.kind == kind && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

/// A public key's PEM with its lines as they should be. A parameter or an environment variable holds it on one line, with
/// spaces or a written `\n` for the line breaks. A private key is not for this place.
fn folded(text: &str) -> Option<String> {
    let text = text.replace("\\n", "\n");
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    if !matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE") {
        return None;
    }
    let body: String = body.split_whitespace().collect();
    let body = STANDARD.encode(STANDARD.decode(body).ok()?);
    let lines: Vec<&str> = body.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Some(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")))
}
