//! The whole of a function's `main`: log, clients once, run.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use serde_json::value::RawValue;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::access::Gate;
use crate::edge;
use crate::line::Line;
use crate::operation::Operation;
use crate::setup::{Setup, Store as _};

/// The setting that names the namespace of the metrics in CloudWatch.
pub const METRICS_NAMESPACE: &str = "METRICS_NAMESPACE";

/// Runs the operation `O` as a Lambda function until the environment ends.
///
/// # Errors
/// The environment lacks a variable, or the Lambda runtime ended.
pub async fn run<O: Operation>() -> Result<(), Error> {
    log_to_stdout();
    let setup = Setup::from_env()?;
    // The first call would otherwise wait for the connection, with the share of a core that its memory has; init has a
    // whole one.
    setup.table()?.connect().await;
    let (gate, store) = (&Gate::open(&setup)?, &O::Store::open(&setup)?);
    let (log, is_first) = (&Log::open(&setup), &AtomicBool::new(true));
    let invoke = async |event: LambdaEvent<Box<RawValue>>| {
        // On the heap, as all that a save holds while it waits is too much for a stack.
        let invoked = Box::pin(edge::invoke::<O>(gate, store, event.payload.get(), event.context));
        let (answer, line) = invoked.await;
        log.write(if is_first.swap(false, Ordering::Relaxed) { line.of_cold_start() } else { line });
        Ok::<_, Error>(answer)
    };
    lambda_runtime::run(service_fn(invoke)).await
}

/// Where the lines of requests go: standard output, which Lambda hands on to CloudWatch Logs.
#[derive(Debug)]
struct Log {
    /// Where in CloudWatch the metrics of the lines go; nowhere, where none is said.
    namespace: Option<String>,
}

impl Log {
    fn open(setup: &Setup) -> Self {
        Self { namespace: setup.setting(METRICS_NAMESPACE).map(ToOwned::to_owned) }
    }

    fn write(&self, line: Line) {
        let line = match &self.namespace {
            Some(namespace) => line.with_metrics(namespace),
            None => line,
        };
        let written = serde_json::to_string(&line).map(|text| writeln!(io::stdout().lock(), "{text}"));
        // A request that was served is answered, whatever becomes of its line.
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!("a line could not be written");
        }
    }
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
