//! Starting and stopping the development server.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use http::HeaderValue;
use shared::setup::{Setup, SetupError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::store::{Store, StoreError};
use crate::{Environment, functions, gateway};

/// How to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of the API; 0 picks one.
    pub port: u16,
    /// Where the stores keep their files; in memory when none.
    pub data_directory: Option<PathBuf>,
    /// The origins whose pages may call; any of this machine when none.
    pub origins: Vec<HeaderValue>,
    /// Settings of the functions, by the names of their environment variables.
    pub settings: HashMap<String, String>,
}

/// The server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken, or may not be used.
    #[error("port {port} can't be used: choose another with --port, or --port 0 for any")]
    Port {
        /// The port asked for.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// The data directory can't be used.
    #[error("{directory:?} can't be created: choose another with --data-dir, or --in-memory")]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The embedded store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A setting of a function.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Where the API listens, always on this machine alone.
    pub address: SocketAddr,
    /// What other programs need to use the same stores.
    pub environment: Environment,
    setup: Setup,
    operations: Vec<String>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts the stores and the gateway.
    ///
    /// # Errors
    /// A port, a directory or a store can't be used.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if let Some(directory) = &options.data_directory {
            std::fs::create_dir_all(directory)
                .map_err(|source| StartError::Directory { directory: directory.clone(), source })?;
        }
        let api = listen(options.port).await?;
        let address = api.local_addr().map_err(|source| StartError::Port { port: options.port, source })?;
        // The port beside the API's, so that a restart finds it again; any other where that is taken.
        let beside = if options.port == 0 { 0 } else { options.port.saturating_add(1) };
        let store_listener = match listen(beside).await {
            Ok(listener) => listener,
            Err(_) => listen(0).await?,
        };
        let (stop, stopped) = watch::channel(false);
        let store =
            Store::start(options.data_directory.as_deref(), store_listener, options.settings, stopped.clone()).await?;
        let functions = functions(&store.setup)?;
        let operations = functions.iter().filter_map(|function| function.path.strip_prefix("/api/velt/"));
        let operations = operations.map(ToOwned::to_owned).collect();
        let router = gateway::router(functions, store.environment.clone(), options.origins);
        let mut stopping = stopped;
        let serving = tokio::spawn(async move {
            let stopped = async move {
                // An error is a sender that is gone, which is a stop too.
                let _ = stopping.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(api, router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the gateway ended");
            }
        });
        let tasks = vec![serving, store.task];
        Ok(Self { address, environment: store.environment, setup: store.setup, operations, stop, tasks })
    }

    /// The base URL of the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operations, by their paths below `/api/velt/`.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.operations.clone()
    }

    /// What the functions are started with, to run an operation without the gateway.
    #[must_use]
    pub fn setup(&self) -> Setup {
        self.setup.clone()
    }

    /// A client of the embedded DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.setup.table.client().clone()
    }

    /// Stops, once what is under way is answered.
    pub async fn stop(self) {
        // Nobody listening means that both have ended already.
        let _ = self.stop.send(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task ended by a defect");
            }
        }
    }
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| StartError::Port { port, source })
}
