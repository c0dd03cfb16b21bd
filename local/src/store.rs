//! The embedded store, and the environment that points other programs at it.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use aws_sdk_dynamodb::config::Credentials;
use dynoxide::Database;
use serde::{Deserialize, Serialize};
use shared::records::{Table, table};
use shared::setup::Setup;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The credentials of the embedded store, which takes any: obvious dummies.
const ACCESS_KEY: &str = "local";
const SECRET_KEY: &str = "local";
const REGION: &str = "us-east-1";
const TABLE_NAME: &str = "velt-local";

/// What another program needs to use the same running stores.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Environment {
    /// `ok`, while the server runs.
    pub status: String,
    /// `AWS_ENDPOINT_URL_DYNAMODB`.
    pub dynamodb: String,
    /// `AWS_REGION`.
    pub region: String,
    /// `TABLE_NAME`.
    pub table: String,
}

impl Environment {
    /// The variables and their values.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("TABLE_NAME", &self.table),
        ]
    }
}

/// As lines that a shell evaluates.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.variables().iter().try_for_each(|(name, value)| writeln!(f, "export {name}={value}"))
    }
}

/// The store did not start.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its file could not be opened.
    #[error("the store's file can't be opened")]
    Open(#[source] dynoxide::DynoxideError),
    /// The table could not be created.
    #[error("the table can't be created")]
    Table(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// DynamoDB, embedded and served on a port of its own.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) environment: Environment,
    pub(crate) setup: Setup,
    pub(crate) task: JoinHandle<()>,
}

impl Store {
    /// Starts it, in memory or in `directory`, and creates the table. It ends when `stop` says so.
    pub(crate) async fn start(
        directory: Option<&Path>,
        listener: TcpListener,
        settings: HashMap<String, String>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Self, StoreError> {
        let database = match directory {
            Some(directory) => Database::new(&directory.join("dynamodb.sqlite").to_string_lossy()),
            None => Database::memory(),
        };
        let database = database.map_err(StoreError::Open)?;
        let address = listener.local_addr().map_err(|error| StoreError::Table(error.into()))?;
        let task = tokio::spawn(async move {
            let stopped = async move {
                // An error is a sender that is gone, which is a stop too.
                let _ = stop.wait_for(|stop| *stop).await;
            };
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
                tracing::error!(error, "the store ended");
            }
        });
        let environment = Environment {
            status: "ok".to_owned(),
            dynamodb: format!("http://{address}"),
            region: REGION.to_owned(),
            table: TABLE_NAME.to_owned(),
        };
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local");
        let client = shared::dynamo::client(REGION.to_owned(), credentials, Some(environment.dynamodb.clone()));
        table::create(&client, TABLE_NAME).await.map_err(|error| StoreError::Table(error))?;
        Ok(Self { environment, setup: Setup::new(Table::new(client, TABLE_NAME.to_owned()), settings), task })
    }
}
