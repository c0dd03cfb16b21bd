//! The embedded stores, and the environment that points functions and other programs at them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use aws_sdk_dynamodb::Client;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use dynoxide::Database;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use shared::records::table;
use shared::setup::{Setup, SetupError, TABLE_NAME};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::loopback::Origins;
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
        self.environment.iter().try_for_each(|(name, value)| {
            // Between single quotation marks a shell takes every character as it is, but for the mark itself.
            writeln!(f, "export {name}='{}'", value.replace('\'', r"'\''"))
        })
    }
}

/// A store did not start.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its database could not be opened.
    #[error(
        "the database {file:?} can't be opened: remove it, or choose another directory with --data-dir, or --in-memory"
    )]
    Database {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its files could not be opened.
    #[error("the store's files can't be opened")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table or a bucket could not be created.
    #[error("a table or a bucket can't be created")]
    Create(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The largest request that DynamoDB takes, in bytes.
const DYNAMODB_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// Serves DynamoDB, in memory or from a file in `directory`, until `stop` says so; the URL of the store itself.
///
/// The embedded store answers every page of every site. So it listens where no page finds it, and what is told to other
/// programs is `listener`, which passes on only requests for this machine, of programs and of pages of `origins`.
pub(crate) async fn serve_dynamodb(
    directory: Option<&Path>,
    listener: TcpListener,
    origins: Origins,
    stop: watch::Receiver<bool>,
) -> Result<(String, [JoinHandle<()>; 2]), StoreError> {
    let file = directory.map(|directory| directory.join("dynamodb.sqlite"));
    let database = match &file {
        Some(file) => Database::new(&file.to_string_lossy()),
        None => Database::memory(),
    };
    let database = database
        .map_err(|error| StoreError::Database { file: file.unwrap_or_default(), source: error.to_string().into() })?;
    let hidden = listen_hidden().await.map_err(|error| StoreError::Open(error.into()))?;
    let url = format!("http://{}", hidden.local_addr().map_err(|error| StoreError::Open(error.into()))?);
    let client = reqwest::Client::builder().no_proxy().no_gzip().build();
    let door = Door { client: client.map_err(|error| StoreError::Open(error.into()))?, url: url.clone(), origins };
    let router = Router::new().fallback(move |request| door.clone().pass_on(request));
    let store_stop = stop.clone();
    let store = tokio::spawn(async move {
        if let Err(error) = dynoxide::server::serve_with_shutdown(hidden, database, stopped(store_stop)).await {
            tracing::error!(error, "the store ended");
        }
    });
    let door = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await {
            tracing::error!(%error, "the door of the store ended");
        }
    });
    Ok((url, [store, door]))
}

/// Listens at an address of this machine that nobody can guess, where the system has more than one (as Linux has).
async fn listen_hidden() -> io::Result<TcpListener> {
    let [_, .., a, b, c] = *uuid::Uuid::new_v4().as_bytes();
    match TcpListener::bind((Ipv4Addr::new(127, a, b, c.clamp(2, 254)), 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

/// What stands before the embedded store.
#[derive(Clone)]
struct Door {
    client: reqwest::Client,
    url: String,
    origins: Origins,
}

impl Door {
    async fn pass_on(self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        if let Some(why) = self.origins.refuse(&parts.headers) {
            return (StatusCode::FORBIDDEN, why).into_response();
        }
        let Ok(body) = axum::body::to_bytes(body, DYNAMODB_REQUEST_BYTES).await else {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        };
        let mut headers = parts.headers;
        // Of this connection, and not of the next one.
        for name in [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            headers.remove(name);
        }
        let url = format!("{}{}", self.url, parts.uri.path());
        match self.client.request(parts.method, url).headers(headers).body(body).send().await {
            Ok(answer) => http::Response::from(answer).map(Body::new),
            Err(error) => {
                tracing::error!(%error, "the store does not answer");
                StatusCode::SERVICE_UNAVAILABLE.into_response()
            }
        }
    }
}

/// Creates the table where it is not there yet.
pub(crate) async fn create_table(setup: &Setup, client: &Client) -> Result<(), StoreError> {
    let name = setup.required(TABLE_NAME).map_err(|error: SetupError| StoreError::Create(error.into()))?;
    table::create(client, name).await.map_err(|error| StoreError::Create(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        let value = "it's $HOME `id` \"x\" \\ \n'';";
        let lines = Environment::new(&[("A", value)]).to_string();
        let script = format!("{lines}printf %s \"$A\"");
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }
}
