//! `cargo run`: a self-hosted Velt backend on this machine.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use http::{HeaderName, HeaderValue};
use local::auth::DEVELOPMENT_SECRET;
use local::{Auth, Environment, Options, Server};
use serde_json::Value;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// A self-hosted Velt backend on this machine, with embedded stores.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the environment that points other programs at the running stores.
    Env {
        /// The port of the running server's API.
        #[arg(long, default_value_t = 3000)]
        port: u16,
    },
    /// Print a token that `--auth` accepts for an hour.
    Token {
        /// An organization of the user; repeatable. `*` alone is every one, if the server runs with
        /// `--allow-all-organizations`.
        #[arg(long = "org", value_name = "ORGANIZATION", required = true)]
        organizations: Vec<String>,
        /// The user's id.
        #[arg(long)]
        user: String,
        /// The secret that `--auth-secret` was given.
        #[arg(long, default_value = DEVELOPMENT_SECRET, hide_default_value = true)]
        secret: String,
    },
}

#[derive(Debug, Args)]
struct Serve {
    /// The port of the API; 0 picks one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Where the stores keep their files.
    #[arg(long, value_name = "DIR", default_value = ".local")]
    data_dir: PathBuf,
    /// Keep nothing.
    #[arg(long, conflicts_with = "data_dir")]
    in_memory: bool,
    /// An origin whose pages may call, as `https://app.example.com`; repeatable. Without one, any page of this machine.
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_parser = origin)]
    origins: Vec<HeaderValue>,
    /// A header that pages may send besides `Authorization` and `Content-Type`; repeatable.
    #[arg(long = "allow-header", value_name = "NAME")]
    headers: Vec<HeaderName>,
    /// Verify callers as deployed, by tokens of `cargo run -- token`.
    #[arg(long)]
    auth: bool,
    /// As `--auth`; and a token whose organizations are `*` is one of every organization.
    #[arg(long)]
    allow_all_organizations: bool,
    /// As `--auth`, by HS256 and this secret, of 32 characters at least.
    #[arg(long, value_name = "SECRET", conflicts_with = "auth_jwks")]
    auth_secret: Option<String>,
    /// As `--auth`, by the public keys of this file (a JWKS, or one key as PEM or JWK), or of an identity provider's URL.
    /// `AUTH_ALGORITHMS` and the other settings of the authorizer are read from the environment.
    #[arg(long, value_name = "FILE-OR-URL")]
    auth_jwks: Option<PathBuf>,
}

/// Reads an origin as the template's `AllowedOrigins` takes it: a wildcard would let every page in, and an origin has no path.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or_default();
    let is_origin = !host.is_empty() && !host.contains(|c: char| matches!(c, '/' | '*' | ',') || c.is_whitespace());
    let why = "name an exact origin, as https://app.example.com: with http or https, without a path and without *";
    HeaderValue::from_str(text).ok().filter(|_| is_origin).ok_or_else(|| why.to_owned())
}

/// Reads a file of keys: a JWKS, or one key as PEM or JWK.
fn keys(file: &Path) -> Result<String, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("--auth-jwks: the file {shown} can't be read: {error}"))?;
    if text.contains("-----BEGIN") {
        return Ok(text);
    }
    let set: Value = serde_json::from_str(&text)
        .map_err(|error| format!("--auth-jwks: the file {shown} is not PEM, and is not JSON: {error}"))?;
    let has_keys = set["keys"].as_array().is_some_and(|keys| !keys.is_empty());
    if has_keys || set["kty"].is_string() {
        return Ok(text);
    }
    Err(format!("--auth-jwks: the file {shown} has no keys: a key set is {{\"keys\":[…]}}"))
}

impl Serve {
    fn auth(&self) -> Result<Option<Auth>, String> {
        Ok(match (&self.auth_secret, &self.auth_jwks) {
            (Some(secret), _) if secret.len() < SHORTEST_SECRET => {
                let length = secret.len();
                return Err(format!("--auth-secret has {length} bytes: a secret has {SHORTEST_SECRET} at least"));
            }
            (Some(secret), _) => Some(Auth::Secret(secret.clone())),
            (None, Some(file)) => Some(match file.to_str() {
                Some(url) if url.starts_with("https://") => Auth::Url(url.to_owned()),
                _ => Auth::Jwks(keys(file)?),
            }),
            (None, None) => {
                (self.auth || self.allow_all_organizations).then(|| Auth::Secret(DEVELOPMENT_SECRET.to_owned()))
            }
        })
    }
}

/// Seconds since the program's start, which is all that a line to watch needs of the time.
struct SinceStart(Instant);

impl FormatTime for SinceStart {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:>8.2}s", self.0.elapsed().as_secs_f64())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = done(Cli::parse()).await;
    if let Err(error) = &done {
        // Nothing is left to do about an error stream that is closed.
        let _ = writeln!(io::stderr(), "error: {}", told(error.as_ref()));
    }
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An error and what it comes from, in one sentence each.
fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let why = error.to_string();
        // Some errors quote their source.
        if !text.contains(&why) {
            text.push_str(": ");
            text.push_str(&why);
        }
        source = error.source();
    }
    text
}

async fn done(cli: Cli) -> Result<(), Box<dyn Error>> {
    match cli {
        Cli { command: Some(Command::Env { port }), .. } => print_environment(port).await,
        Cli { command: Some(Command::Token { organizations, user, secret }), .. } => {
            writeln!(io::stdout(), "{}", local::auth::token(&organizations, &user, &secret)?)?;
            Ok(())
        }
        Cli { command: None, serve } => run(serve).await,
    }
}

async fn run(serve: Serve) -> Result<(), Box<dyn Error>> {
    // From INFO up whatever the environment says: below it, libraries log payloads. The store's own warnings are of
    // conditions that were not met, which is an everyday answer.
    let levels = Targets::new().with_default(LevelFilter::INFO).with_target("dynoxide", LevelFilter::ERROR);
    let colours = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_timer(SinceStart(Instant::now()));
    let lines = lines.with_ansi(colours).with_writer(io::stderr);
    tracing_subscriber::registry().with(levels).with(lines).init();
    // Before anybody is told that Ctrl-C stops.
    let stopped = stop_signal()?;
    let auth = serve.auth()?;
    // As a function would read them, so that what a deployment sets can be tried here.
    let mut settings: HashMap<String, String> = std::env::vars().collect();
    if serve.allow_all_organizations {
        settings.insert("AUTH_ALLOW_ALL_ORGANIZATIONS".to_owned(), "true".to_owned());
    }
    let data_directory = (!serve.in_memory).then_some(serve.data_dir);
    let server = Server::start(Options {
        port: serve.port,
        data_directory: data_directory.clone(),
        origins: serve.origins,
        headers: serve.headers,
        settings,
        auth: auth.clone(),
        s3_endpoint: None,
    })
    .await?;
    let url = server.url();
    let (access, token) = match &auth {
        None => ("open: anybody on this machine may read and write every organization", String::new()),
        Some(Auth::Secret(secret)) => {
            // A secret of one's own is not for the screen, and what it signed neither.
            let is_dummy = secret == DEVELOPMENT_SECRET;
            let token = is_dummy.then(|| local::auth::token(&["acme".to_owned()], "ann", secret)).transpose()?;
            let token = token.unwrap_or_else(|| "YOUR-TOKEN".to_owned());
            ("callers are verified: a token is made by cargo run -q -- token --org acme --user ann", bearer(&token))
        }
        Some(Auth::Jwks(_) | Auth::Url(_)) => {
            ("callers are verified by the keys of your identity provider", bearer("YOUR-TOKEN"))
        }
    };
    let data = data_directory.map_or_else(|| "in memory".to_owned(), |directory| directory.display().to_string());
    writeln!(
        io::stdout(),
        "\
Velt data provider endpoints   {url}/api/velt
DynamoDB (embedded)            {dynamodb}
S3 (embedded)                  {s3}
data                           {data}
{access}
backend only, by IAM when deployed: {backend}; and {url}/backend/velt for each operation

Try it:
  curl -s {url}/api/velt/comments/get{token} -H 'content-type: application/json' -d '{{\"organizationId\":\"acme\"}}'

Environment for cargo lambda and the AWS CLI:
  eval \"$(cargo run -q -- env --port {port})\"

Ctrl-C stops.",
        dynamodb = server.environment.get("AWS_ENDPOINT_URL_DYNAMODB"),
        s3 = server.environment.get("AWS_ENDPOINT_URL_S3"),
        port = server.address.port(),
        backend = server.backend_operations().join(", "),
    )?;
    stopped.await?;
    if tokio::time::timeout(TIME_TO_STOP, server.stop()).await.is_err() {
        tracing::warn!("stopped with requests under way: they get no answer");
    }
    Ok(())
}

/// How long requests under way may take after Ctrl-C.
const TIME_TO_STOP: Duration = Duration::from_millis(800);

/// The shortest secret that the authorizer takes, in bytes.
const SHORTEST_SECRET: usize = 32;

fn bearer(token: &str) -> String {
    format!(" -H 'authorization: Bearer {token}'")
}

/// From now on, Ctrl-C and the signal that process managers stop by end what is returned, and no longer the program.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = io::Result<()>>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    })
}

/// Ends with Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = io::Result<()>>> {
    Ok(tokio::signal::ctrl_c())
}

async fn print_environment(port: u16) -> Result<(), Box<dyn Error>> {
    let asked = reqwest::get(format!("http://127.0.0.1:{port}/healthz")).await;
    let answer = asked.map_err(|_| format!("nothing runs on port {port}: start it with cargo run"))?;
    let environment: Environment = answer.json().await?;
    write!(io::stdout(), "{environment}")?;
    Ok(())
}
