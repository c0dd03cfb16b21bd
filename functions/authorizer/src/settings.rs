//! The settings, as `template.yaml` gives them.

use jsonwebtoken::Algorithm;
use shared::setup::{Setup, SetupError};

use crate::claims::Claims;

/// What is to be verified, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) issuer: Option<String>,
    pub(crate) audience: Option<String>,
    /// How far clocks may differ, in seconds.
    pub(crate) leeway: u64,
    pub(crate) cookie: Option<String>,
    pub(crate) claims: Claims,
    pub(crate) source: Source,
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// An identity provider's JWKS, by its URL.
    Jwks(String),
    /// A JWKS itself, for development.
    Given(String),
    /// A secret of Secrets Manager, by its name.
    Secret(String),
    /// A secret itself, for development.
    Plain(String),
}

/// Why a setting is not valid.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Why {
    #[error("exactly one of AUTH_JWKS_URL and AUTH_SECRET is to be set")]
    Source,
    #[error("it must begin with https://")]
    Https,
    #[error("it must be of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, or HS256 with a secret")]
    Algorithm,
    #[error("it must be a number of seconds, 300 at most")]
    Leeway,
}

const ALGORITHMS: &str = "AUTH_ALGORITHMS";
const LEEWAY: &str = "AUTH_LEEWAY";
const JWKS_URL: &str = "AUTH_JWKS_URL";

impl Settings {
    pub(crate) fn read(setup: &Setup) -> Result<Self, SetupError> {
        let text = |name: &str| setup.setting(name).map(ToOwned::to_owned);
        let source = source(setup)?;
        let leeway = match setup.setting(LEEWAY) {
            Some(text) => text.parse().ok().filter(|seconds| *seconds <= 300).ok_or(invalid(LEEWAY, Why::Leeway))?,
            None => 30,
        };
        Ok(Self {
            algorithms: algorithms(setup.setting(ALGORITHMS), &source)?,
            issuer: text("AUTH_ISSUER"),
            audience: text("AUTH_AUDIENCE"),
            leeway,
            cookie: text("AUTH_COOKIE"),
            claims: Claims {
                organizations: text("AUTH_ORGANIZATIONS").unwrap_or_else(|| "organizationId".to_owned()),
                documents: text("AUTH_DOCUMENTS"),
                folders: text("AUTH_FOLDERS"),
                read_only: text("AUTH_READ_ONLY"),
                user: text("AUTH_USER").unwrap_or_else(|| "sub".to_owned()),
                admin: text("AUTH_ADMIN"),
            },
            source,
        })
    }
}

fn invalid(name: &'static str, why: Why) -> SetupError {
    SetupError::Invalid { name, source: Box::new(why) }
}

fn source(setup: &Setup) -> Result<Source, SetupError> {
    let named = [
        setup.setting(JWKS_URL).map(|url| Source::Jwks(url.to_owned())),
        setup.setting("AUTH_JWKS").map(|keys| Source::Given(keys.to_owned())),
        setup.setting("AUTH_SECRET").map(|name| Source::Secret(name.to_owned())),
        setup.setting("AUTH_SECRET_TEXT").map(|secret| Source::Plain(secret.to_owned())),
    ];
    let mut named = named.into_iter().flatten();
    let (Some(source), None) = (named.next(), named.next()) else { return Err(invalid(JWKS_URL, Why::Source)) };
    if matches!(&source, Source::Jwks(url) if !url.starts_with("https://")) {
        return Err(invalid(JWKS_URL, Why::Https));
    }
    Ok(source)
}

/// The algorithms that may be: by a secret HS256 alone, and by public keys all but that. One list can't hold both families,
/// so a public key is never taken for a secret.
fn algorithms(text: Option<&str>, source: &Source) -> Result<Vec<Algorithm>, SetupError> {
    let is_secret = matches!(source, Source::Secret(_) | Source::Plain(_));
    let default = if is_secret { "HS256" } else { "RS256" };
    let names = text.unwrap_or(default).split(',').map(str::trim);
    let algorithms = names.map(|name| name.parse().ok()).collect::<Option<Vec<Algorithm>>>();
    let is_of_family = |algorithm: &Algorithm| match algorithm {
        Algorithm::HS256 => is_secret,
        Algorithm::HS384 | Algorithm::HS512 => false,
        _ => !is_secret,
    };
    let algorithms = algorithms.filter(|algorithms| algorithms.iter().all(is_of_family));
    algorithms.ok_or_else(|| invalid(ALGORITHMS, Why::Algorithm))
}
