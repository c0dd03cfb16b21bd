//! The settings, as `template.yaml` gives them.

use std::sync::Arc;

use jsonwebtoken::Algorithm;
use shared::setup::{Setup, SetupError};

use crate::claims::{Claims, Flag, Path};
use crate::material::{self, Material};
use crate::token::Place;

/// What is to be verified, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) algorithms: Vec<Algorithm>,
    /// What the claim `iss` must be one of.
    pub(crate) issuers: Option<Vec<String>>,
    /// What the claim `aud` must be one of, or hold one of.
    pub(crate) audiences: Option<Vec<String>>,
    /// How far clocks may differ, in seconds.
    pub(crate) leeway: u64,
    pub(crate) place: Place,
    pub(crate) claims: Claims,
    pub(crate) source: Source,
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// An identity provider's JWKS, by its URL.
    Jwks(String),
    /// A secret of Secrets Manager, by its name.
    Secret(String),
    /// Keys that a setting has: a public key, or for development a JWKS or a secret.
    Given(Arc<Material>),
}

/// Why a setting is not valid.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Why {
    #[error("set exactly one of AUTH_JWKS_URL, AUTH_PUBLIC_KEY and AUTH_SECRET")]
    Source,
    #[error("it must begin with https://")]
    Https,
    #[error(
        "set AUTH_AUDIENCE or AUTH_ISSUER too: identity providers sign the tokens of many customers with the same keys"
    )]
    Whose,
    #[error("it must be a public key as PEM or JWK, or a JWKS: RSA of 2048 bits or more, P-256, P-384 or Ed25519")]
    Key,
    #[error("it must be 32 characters or longer, and no public key")]
    Secret,
    #[error(
        "it must be of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, or with a secret of HS256, HS384, HS512"
    )]
    Algorithm,
    #[error("it must be a number of seconds, 300 at most")]
    Leeway,
    #[error("it must name at least one")]
    List,
    #[error("it must be a scheme as Bearer, or none where the header is the token")]
    Scheme,
    #[error("it must be names with dots, each with [] after it for the elements of a list, or a JSON pointer")]
    Path,
    #[error("it must be true or false")]
    Choice,
}

const ALGORITHMS: &str = "AUTH_ALGORITHMS";
const LEEWAY: &str = "AUTH_LEEWAY";
const JWKS_URL: &str = "AUTH_JWKS_URL";
const SCHEME: &str = "AUTH_SCHEME";
const ALLOW_ALL: &str = "AUTH_ALLOW_ALL_ORGANIZATIONS";

impl Settings {
    pub(crate) fn read(setup: &Setup) -> Result<Self, SetupError> {
        let source = source(setup)?;
        let leeway = match setup.setting(LEEWAY) {
            Some(text) => text.parse().ok().filter(|seconds| *seconds <= 300).ok_or(invalid(LEEWAY, Why::Leeway))?,
            None => 30,
        };
        let (issuers, audiences) = (list(setup, "AUTH_ISSUER")?, list(setup, "AUTH_AUDIENCE")?);
        if matches!(source, Source::Jwks(_)) && issuers.is_none() && audiences.is_none() {
            return Err(invalid(JWKS_URL, Why::Whose));
        }
        let all_organizations = match setup.setting(ALLOW_ALL) {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => return Err(invalid(ALLOW_ALL, Why::Choice)),
        };
        Ok(Self {
            algorithms: algorithms(setup.setting(ALGORITHMS), &source)?,
            issuers,
            audiences,
            leeway,
            place: place(setup)?,
            claims: Claims {
                organizations: path(setup, "AUTH_ORGANIZATIONS")?.unwrap_or_else(|| Path::of_name("organizationId")),
                all_organizations,
                documents: path(setup, "AUTH_DOCUMENTS")?,
                folders: path(setup, "AUTH_FOLDERS")?,
                read_only: flag(setup, "AUTH_READ_ONLY")?,
                user: path(setup, "AUTH_USER")?.unwrap_or_else(|| Path::of_name("sub")),
                admin: flag(setup, "AUTH_ADMIN")?,
            },
            source,
        })
    }
}

fn invalid(name: &'static str, why: Why) -> SetupError {
    SetupError::Invalid { name, source: Box::new(why) }
}

/// The entries of a list with commas; none where there is no such setting.
fn list(setup: &Setup, name: &'static str) -> Result<Option<Vec<String>>, SetupError> {
    let Some(text) = setup.setting(name) else { return Ok(None) };
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let entries: Vec<String> = entries.map(ToOwned::to_owned).collect();
    // Only commas are a mistake, and must not mean that nothing is checked.
    if entries.is_empty() { Err(invalid(name, Why::List)) } else { Ok(Some(entries)) }
}

fn path(setup: &Setup, name: &'static str) -> Result<Option<Path>, SetupError> {
    let Some(text) = setup.setting(name) else { return Ok(None) };
    Path::parse(text).map(Some).ok_or_else(|| invalid(name, Why::Path))
}

fn flag(setup: &Setup, name: &'static str) -> Result<Option<Flag>, SetupError> {
    let Some(text) = setup.setting(name) else { return Ok(None) };
    Flag::parse(text).map(Some).ok_or_else(|| invalid(name, Why::Path))
}

fn place(setup: &Setup) -> Result<Place, SetupError> {
    if let Some(cookie) = setup.setting("AUTH_COOKIE") {
        return Ok(Place::Cookie(cookie.to_owned()));
    }
    match setup.setting(SCHEME) {
        Some("none") => Ok(Place::Whole),
        Some(scheme) if scheme.contains(char::is_whitespace) => Err(invalid(SCHEME, Why::Scheme)),
        scheme => Ok(Place::Scheme(scheme.unwrap_or("Bearer").to_owned())),
    }
}

fn source(setup: &Setup) -> Result<Source, SetupError> {
    let given = |name, read: fn(&str) -> Option<Material>, why| {
        let text = setup.setting(name)?;
        Some(read(text).map(|material| Source::Given(Arc::new(material))).ok_or_else(|| invalid(name, why)))
    };
    let named = [
        setup.setting(JWKS_URL).map(|url| {
            let is_safe = url.starts_with("https://");
            is_safe.then(|| Source::Jwks(url.to_owned())).ok_or_else(|| invalid(JWKS_URL, Why::Https))
        }),
        given("AUTH_PUBLIC_KEY", Material::public, Why::Key),
        given("AUTH_JWKS", Material::public, Why::Key),
        setup.setting("AUTH_SECRET").map(|name| Ok(Source::Secret(name.to_owned()))),
        given("AUTH_SECRET_TEXT", Material::secret, Why::Secret),
    ];
    let mut named = named.into_iter().flatten();
    let (Some(source), None) = (named.next(), named.next()) else { return Err(invalid(JWKS_URL, Why::Source)) };
    source
}

/// The algorithms that may be: by a secret those of HMAC alone, and by public keys all but these. One list can't hold both
/// families, so a public key is never taken for a secret.
fn algorithms(text: Option<&str>, source: &Source) -> Result<Vec<Algorithm>, SetupError> {
    let is_secret = match source {
        Source::Secret(_) => true,
        Source::Jwks(_) => false,
        Source::Given(material) => matches!(**material, Material::Secret(_)),
    };
    let Some(text) = text else {
        return Ok(match source {
            Source::Given(material) => material.algorithms(),
            Source::Secret(_) => vec![Algorithm::HS256],
            Source::Jwks(_) => vec![Algorithm::RS256],
        });
    };
    let algorithms = text.split(',').map(|name| material::algorithm(name.trim())).collect::<Option<Vec<Algorithm>>>();
    let is_hmac = |algorithm: &Algorithm| matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512);
    let algorithms = algorithms.filter(|algorithms| algorithms.iter().all(|one| is_hmac(one) == is_secret));
    algorithms.ok_or_else(|| invalid(ALGORITHMS, Why::Algorithm))
}
