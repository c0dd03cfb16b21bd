//! The whole of a function's `main`: log, clients once, run.

use lambda_http::{Error, service_fn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::access::Gate;
use crate::edge;
use crate::operation::Operation;
use crate::setup::{Setup, Store as _};

/// Runs the operation `O` as a Lambda function until the environment ends.
///
/// # Errors
/// The environment lacks a variable, or the Lambda runtime ended.
pub async fn run<O: Operation>() -> Result<(), Error> {
    log_to_stdout();
    let setup = Setup::from_env()?;
    // The first call would otherwise pay for the connection; init is not billed by the call and has a full core.
    setup.table.connect().await;
    let (gate, store) = (&Gate::open(&setup)?, &O::Store::open(&setup)?);
    lambda_http::run(service_fn(|request| async move { Ok::<_, Error>(edge::handle::<O>(gate, store, request).await) }))
        .await
}

/// JSON lines on standard output, from INFO up whatever the environment says: below it, libraries log payloads.
pub fn log_to_stdout() {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false);
    tracing_subscriber::registry().with(LevelFilter::INFO).with(lines).init();
}
