//! Starting and stopping the development server.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use shared::access::{ALLOWED_ORIGINS, AUTHORIZATION, Access};
use shared::setup::{Setup, SetupError};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::auth::{DEVELOPMENT_SECRET, Guard};
use crate::loopback::Origins;
use crate::store::{self, StoreError};
use crate::{Auth, Environment, Function, functions, gateway, s3};

/// The credentials of the embedded stores: obvious dummies.
const ACCESS_KEY: &str = "local";
const SECRET_KEY: &str = "local";
const TABLE: &str = "velt-local";
// Short names: the embedded S3 writes them and a key into one file name.
const ATTACHMENTS_BUCKET: &str = "attachments";
const RECORDINGS_BUCKET: &str = "recordings";
/// Algorithms by which tokens may be signed for the keys of a file.
const PUBLIC_KEY_ALGORITHMS: &str = "RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,EdDSA";
/// Signs the links to files; an obvious dummy.
const LINK_KEYS: &str = r#"{"current":"local","local":"not-a-secret-for-development-only"}"#;

/// How to start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of the API; 0 picks one.
    pub port: u16,
    /// Where the stores keep their files; in memory when none.
    pub data_directory: Option<PathBuf>,
    /// The origins whose pages may call; any of this machine when none.
    pub origins: Vec<HeaderValue>,
    /// Headers that pages may send besides `Authorization` and `Content-Type`.
    pub headers: Vec<HeaderName>,
    /// What callers are verified by; none lets everybody do everything.
    pub auth: Option<Auth>,
    /// Another S3 to use instead of the embedded one.
    pub s3_endpoint: Option<String>,
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
    /// An embedded store.
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
    dynamodb: aws_sdk_dynamodb::Client,
    operations: Vec<(String, Access)>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Where the files are while nothing is kept.
    _temporary: Option<TempDir>,
}

impl Server {
    /// Starts the stores and the gateway.
    ///
    /// # Errors
    /// A port, a directory or a store can't be used.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if let Some(directory) = &options.data_directory {
            create_directory(directory)?;
        }
        let api = listen(options.port).await?;
        let address = api.local_addr().map_err(|source| StartError::Port { port: options.port, source })?;
        let (stop, stopping) = watch::channel(false);
        let (dynamodb, dynamodb_url) = listen_beside(options.port, 1).await?;
        let origins = Origins::from(options.origins.clone());
        let directory = options.data_directory.as_deref();
        let (own_url, tasks) = store::serve_dynamodb(directory, dynamodb, origins.clone(), stopping.clone()).await?;
        let mut tasks = Vec::from(tasks);
        let (s3_url, temporary) = start_s3(&options, &mut tasks, stopping.clone()).await?;
        let named: Vec<&str> = options.origins.iter().filter_map(|origin| origin.to_str().ok()).collect();
        let environment = environment(address, &dynamodb_url, &s3_url, &named.join(","));
        let mut settings = options.settings;
        // The environment counts: what else is set may be of a real account.
        settings.extend(environment.environment.clone());
        // The functions of this process need no door.
        settings.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), own_url);
        if let Some(auth) = &options.auth {
            for other in ["AUTH_JWKS_URL", "AUTH_PUBLIC_KEY", "AUTH_JWKS", "AUTH_SECRET", "AUTH_SECRET_TEXT"] {
                settings.remove(other);
            }
            if matches!(auth, Auth::Jwks(_) | Auth::Url(_)) {
                // Whatever keys the file has; a key says which of these it is for.
                settings.entry("AUTH_ALGORITHMS".to_owned()).or_insert_with(|| PUBLIC_KEY_ALGORITHMS.to_owned());
            }
            settings.extend([auth.setting(), (AUTHORIZATION.to_owned(), "required".to_owned())]);
        }
        let setup = Setup::new(settings)?;
        let dynamodb = setup.table()?.client().clone();
        store::create_table(&setup, &dynamodb).await?;
        s3::create_buckets(&setup, &[ATTACHMENTS_BUCKET, RECORDINGS_BUCKET]).await?;
        let functions = functions(&setup)?;
        let guard = options.auth.is_some().then(|| Guard::open(&setup)).transpose()?;
        let operation =
            |function: &Function| Some((function.path.strip_prefix("/api/velt/")?.to_owned(), function.access));
        let operations = functions.iter().filter_map(operation).collect();
        let router = gateway::router(functions, guard.as_ref(), environment.clone(), origins, options.headers);
        // A browser may look for `localhost` at either address.
        for listener in [Some(api), listen_on_ipv6(address.port(), options.port).await?].into_iter().flatten() {
            let (router, stopping) = (router.clone(), stopping.clone());
            tasks.push(tokio::spawn(async move {
                if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped(stopping)).await {
                    tracing::error!(%error, "the gateway ended");
                }
            }));
        }
        Ok(Self { address, environment, setup, dynamodb, operations, stop, tasks, _temporary: temporary })
    }

    /// The base URL of the API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The operations, by their paths below `/api/velt/`.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.operations.iter().map(|(path, _)| path.clone()).collect()
    }

    /// Those of them that only the app's backend may call when deployed.
    #[must_use]
    pub fn backend_operations(&self) -> Vec<String> {
        let operations = self.operations.iter().filter(|(_, access)| *access == Access::Backend);
        operations.map(|(path, _)| path.clone()).collect()
    }

    /// What the functions are started with, to run an operation without the gateway.
    #[must_use]
    pub fn setup(&self) -> Setup {
        self.setup.clone()
    }

    /// A client of the embedded DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb.clone()
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

/// Ends when the server stops.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error is a sender that is gone, which is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Starts the embedded S3, unless another is to be used; its URL, and its directory where that is not kept.
async fn start_s3(
    options: &Options,
    tasks: &mut Vec<JoinHandle<()>>,
    stop: watch::Receiver<bool>,
) -> Result<(String, Option<TempDir>), StartError> {
    if let Some(url) = &options.s3_endpoint {
        return Ok((url.clone(), None));
    }
    let temporary = if options.data_directory.is_some() {
        None
    } else {
        let directory = std::env::temp_dir();
        Some(tempfile::tempdir().map_err(|source| StartError::Directory { directory, source })?)
    };
    let kept = options.data_directory.as_ref().map(|directory| directory.join("s3"));
    let directory = temporary.as_ref().map(|temporary| temporary.path().to_owned()).or(kept).unwrap_or_default();
    create_directory(&directory)?;
    let (listener, url) = listen_beside(options.port, 2).await?;
    let origins = options.origins.clone().into();
    tasks.push(s3::serve(&directory, (ACCESS_KEY, SECRET_KEY), listener, origins, stop)?);
    Ok((url, temporary))
}

fn environment(address: SocketAddr, dynamodb: &str, s3: &str, origins: &str) -> Environment {
    Environment::new(&[
        // A function that is called without a gateway before it.
        (AUTHORIZATION, "open"),
        (ALLOWED_ORIGINS, origins),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ENDPOINT_URL_S3", s3),
        ("TABLE_NAME", TABLE),
        ("ATTACHMENTS_BUCKET", ATTACHMENTS_BUCKET),
        ("RECORDINGS_BUCKET", RECORDINGS_BUCKET),
        ("FILES_BASE_URL", &format!("http://{address}")),
        ("LINK_KEYS", LINK_KEYS),
        ("AUTH_SECRET_TEXT", DEVELOPMENT_SECRET),
    ])
}

fn create_directory(directory: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::Directory { directory: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(failed)
}

/// Listens on a port beside the API's, so that a restart finds it again; on any other where that is taken. The listener
/// and its URL.
async fn listen_beside(port: u16, distance: u16) -> Result<(TcpListener, String), StartError> {
    let port = if port == 0 { 0 } else { port.saturating_add(distance) };
    let listener = match listen(port).await {
        Ok(listener) => listener,
        Err(_) => listen(0).await?,
    };
    let address = listener.local_addr().map_err(|source| StartError::Port { port, source })?;
    Ok((listener, format!("http://{address}")))
}

/// Listens at `[::1]`, too, unless this machine has no such address.
///
/// # Errors
/// Another program has the port that was asked for: it would get some of the requests.
async fn listen_on_ipv6(port: u16, asked: u16) -> Result<Option<TcpListener>, StartError> {
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(Some(listener)),
        Err(source) if asked != 0 && source.kind() == io::ErrorKind::AddrInUse => {
            Err(StartError::Port { port, source })
        }
        Err(_) => Ok(None),
    }
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| StartError::Port { port, source })
}
