//! What a function is started with: its environment, read once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use aws_sdk_dynamodb::{Client, Config};
use aws_types::SdkConfig;

use crate::aws::{self, Throttled};
use crate::records::{Reader, Table, Writer};

/// The name of the variable that names the table.
pub const TABLE_NAME: &str = "TABLE_NAME";

/// What AWS clients are built from, and the settings that `template.yaml` gives a function as environment variables.
#[derive(Clone, Debug)]
pub struct Setup {
    aws: SdkConfig,
    settings: HashMap<String, String>,
    /// Made when a table is first asked for, as not every function has one.
    dynamodb: Arc<OnceLock<Client>>,
}

/// A function can't start as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A setting is missing.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// A setting is not what it should be.
    #[error("the setting {name} is not valid")]
    Invalid {
        /// Its name.
        name: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Setup {
    /// From settings by their names, as Lambda's environment has them: `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, and for development `AWS_ENDPOINT_URL_` with a service's
    /// name.
    ///
    /// # Errors
    /// One of these is missing.
    pub fn new(settings: HashMap<String, String>) -> Result<Self, SetupError> {
        Ok(Self { aws: aws::config(&settings)?, settings, dynamodb: Arc::default() })
    }

    /// As the environment says.
    ///
    /// # Errors
    /// As [`Setup::new`].
    pub fn from_env() -> Result<Self, SetupError> {
        Self::new(std::env::vars().collect())
    }

    /// The table that `TABLE_NAME` names. All that are made share one client.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn table(&self) -> Result<Table, SetupError> {
        let name = self.required(TABLE_NAME)?.to_owned();
        let client = self.dynamodb.get_or_init(|| {
            let config = Config::new(&self.service("DYNAMODB")).to_builder().interceptor(Throttled).build();
            Client::from_conf(config)
        });
        Ok(Table::new(client.clone(), name))
    }

    /// What the client of a service is built from, by the name it has in `AWS_ENDPOINT_URL_…`.
    #[must_use]
    pub fn service(&self, name: &str) -> SdkConfig {
        let mut service = self.aws.to_builder();
        service.set_endpoint_url(self.setting(&format!("AWS_ENDPOINT_URL_{name}")).map(ToOwned::to_owned));
        service.build()
    }

    /// A setting; an empty one is none, as CloudFormation has no other way to leave a variable out.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        setting(&self.settings, name)
    }

    /// A setting that the function can't do without.
    ///
    /// # Errors
    /// It is missing.
    pub fn required(&self, name: &'static str) -> Result<&str, SetupError> {
        required(&self.settings, name)
    }
}

pub(crate) fn setting<'a>(settings: &'a HashMap<String, String>, name: &str) -> Option<&'a str> {
    settings.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

pub(crate) fn required<'a>(settings: &'a HashMap<String, String>, name: &'static str) -> Result<&'a str, SetupError> {
    setting(settings, name).ok_or(SetupError::Missing(name))
}

/// What an operation works on, opened once when its function starts.
pub trait Store: Sized + Send + Sync + 'static {
    /// Opens it.
    ///
    /// # Errors
    /// A setting is missing or not valid: the function does not start.
    fn open(setup: &Setup) -> Result<Self, SetupError>;
}

impl Store for Reader {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        Ok(setup.table()?.into())
    }
}

impl Store for Writer {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        Ok(setup.table()?.into())
    }
}
