//! The keys that tokens are verified with.

use std::sync::Arc;
use std::time::Duration;

use shared::cached::{Cached, Times};
use shared::setup::Setup;

use crate::Refusal;
use crate::fetch::Jwks;
use crate::jwt::Unverified;
use crate::material::Material;
use crate::settings::{Settings, Source};

/// After this time keys are fetched again, so that a key that was withdrawn is not believed for long.
const FRESH: Duration = Duration::from_mins(10);
/// Keys, kept while they are good.
#[derive(Debug)]
pub(crate) struct Keys {
    source: Fetch,
    cached: Cached<Arc<Material>>,
}

#[derive(Debug)]
enum Fetch {
    Jwks(Jwks),
    Secret { client: aws_sdk_secretsmanager::Client, name: String },
    Given(Arc<Material>),
}

impl Keys {
    pub(crate) fn open(setup: &Setup, settings: &Settings) -> Self {
        let source = match &settings.source {
            Source::Jwks(url) => Fetch::Jwks(Jwks::new(url.clone())),
            Source::Secret(name) => {
                let client = aws_sdk_secretsmanager::Client::new(&setup.service("SECRETS_MANAGER"));
                Fetch::Secret { client, name: name.clone() }
            }
            Source::Given(material) => Fetch::Given(Arc::clone(material)),
        };
        Self { source, cached: Cached::new("authorizer", Times::of_keys(FRESH)) }
    }

    /// Material that has a key for this token.
    pub(crate) async fn find(&self, token: &Unverified<'_>) -> Result<Arc<Material>, Refusal> {
        let fits = |material: &Arc<Material>| material.fits(token);
        let material = self.cached.get(fits, || self.source.fetch()).await;
        material.ok().filter(fits).ok_or(Refusal::KeyResolutionFailed)
    }
}

impl Fetch {
    /// Fetches once. That takes 5 seconds at most, of the function's 10: only a call that failed within a second is repeated
    /// in the same request.
    async fn fetch(&self) -> Result<Arc<Material>, ()> {
        let material = match self {
            Self::Given(material) => return Ok(Arc::clone(material)),
            Self::Jwks(jwks) => jwks.get().await.and_then(|text| Material::public(&text)),
            Self::Secret { client, name } => {
                let answer = client.get_secret_value().secret_id(name).send().await.map_err(drop)?;
                answer.secret_string().and_then(Material::secret)
            }
        };
        material.map(Arc::new).ok_or(())
    }
}
