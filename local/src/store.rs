//! The embedded stores, and the environment that points functions and other programs at them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use aws_sdk_dynamodb::Client;
use dynoxide::Database;
use serde::{Deserialize, Serialize};
use shared::records::table;
use shared::setup::{Setup, SetupError, TABLE_NAME};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::server::stopped;

/// The environment that the running server's stores are used by: what `template.yaml` sets, with obvious dummies for
/// credentials.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Environment {
    /// `ok`, while the server runs.
    pub status: String,
    /// The variables, by their names.
    pub environment: BTreeMap<String, String>,
}

impl Environment {
    pub(crate) fn new(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { status: "ok".to_owned(), environment: variables.collect() }
    }

    /// The value of a variable; empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }
}

/// As lines that a shell evaluates.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.environment.iter().try_for_each(|(name, value)| writeln!(f, "export {name}='{value}'"))
    }
}

/// A store did not start.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its files could not be opened.
    #[error("the store's files can't be opened")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table or a bucket could not be created.
    #[error("a table or a bucket can't be created")]
    Create(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Serves DynamoDB, in memory or from a file in `directory`, until `stop` says so.
pub(crate) fn serve_dynamodb(
    directory: Option<&Path>,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StoreError> {
    let database = match directory {
        Some(directory) => Database::new(&directory.join("dynamodb.sqlite").to_string_lossy()),
        None => Database::memory(),
    };
    let database = database.map_err(|error| StoreError::Open(error.into()))?;
    Ok(tokio::spawn(async move {
        if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped(stop)).await {
            tracing::error!(error, "the store ended");
        }
    }))
}

/// Creates the table where it is not there yet.
pub(crate) async fn create_table(setup: &Setup, client: &Client) -> Result<(), StoreError> {
    let name = setup.required(TABLE_NAME).map_err(|error: SetupError| StoreError::Create(error.into()))?;
    table::create(client, name).await.map_err(|error| StoreError::Create(error))
}
