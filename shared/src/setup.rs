//! What a function is started with: its table, and its settings.

use std::collections::HashMap;

use crate::dynamo::{self, MissingVariable};
use crate::records::{Reader, Table, Writer};

/// The name of the variable that names the table.
pub const TABLE_NAME: &str = "TABLE_NAME";

/// The table, and the settings that `template.yaml` gives a function as environment variables.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The table.
    pub table: Table,
    settings: HashMap<String, String>,
}

/// A function can't start as it is set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A variable is missing.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
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
    /// Over `table`, with settings by their names.
    #[must_use]
    pub fn new(table: Table, settings: HashMap<String, String>) -> Self {
        Self { table, settings }
    }

    /// As Lambda's environment says.
    ///
    /// # Errors
    /// A variable is missing.
    pub fn from_env() -> Result<Self, SetupError> {
        let table = Table::new(dynamo::client_from_env()?, dynamo::variable(TABLE_NAME)?);
        Ok(Self::new(table, std::env::vars().collect()))
    }

    /// A setting; an empty one is none, as CloudFormation has no other way to leave a variable out.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
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
        Ok(setup.table.clone().into())
    }
}

impl Store for Writer {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        Ok(setup.table.clone().into())
    }
}
