//! The one line that a request leaves in the log, which is also where CloudWatch takes the metrics from.
//!
//! A line is JSON with a field for each thing that is known of the request. With [`Line::with_metrics`] it says in `_aws`
//! which of them are metrics, by CloudWatch's embedded metric format (EMF).

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::Serialize;

use crate::Error;
use crate::audit::Audit;
use crate::notes::Notes;
use crate::operation::Operation;

/// What a request leaves in the log: ids, names, counts and times; nothing of its content.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// `INFO`, or `ERROR` where the failure is ours: Lambda filters by it.
    pub level: &'static str,
    /// When the answer was ready, as RFC 3339 has it.
    pub timestamp: String,
    /// The operation's name.
    pub operation: &'static str,
    /// The invocation's id, which the gateway's access log has, too.
    pub request_id: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Why it failed: [`crate::error::Kind::code`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What failed, where the failure is ours: a call to a store and its error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What an audit looks for: `write`, `delete` or `refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<&'static str>,
    /// The pseudonym of the user, where the stack has a key for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The organization that the caller was let in to, or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// What happened in the app, as Velt's SDK calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<&'static str>,
    /// Velt's SDK that sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk_version: Option<String>,
    /// The first number of `sdk_version`: few enough for a metric's dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk_major: Option<String>,
    /// Always 1: their sum is how many requests there were.
    pub requests: u8,
    /// 1 where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u8>,
    /// 1 where the caller was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forbidden: Option<u8>,
    /// 1 where it was the first of its execution environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold_starts: Option<u8>,
    /// How long it took, in milliseconds.
    pub latency: f64,
    /// Records that were read or written.
    pub items: usize,
    /// Bytes of the request's body.
    pub request_bytes: usize,
    /// Bytes of the answer's body, compressed where it is.
    pub response_bytes: usize,
    /// Calls to DynamoDB.
    pub dynamodb_calls: u32,
    /// Read capacity units of them.
    pub read_units: f64,
    /// Write capacity units of them.
    pub write_units: f64,
    /// Attempts that a store throttled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttles: Option<u32>,
    #[serde(rename = "_aws", skip_serializing_if = "Option::is_none")]
    metrics: Option<Embedded>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome<'a> {
    pub(crate) status: u16,
    pub(crate) error: Option<&'a Error>,
    pub(crate) items: usize,
    pub(crate) request_bytes: usize,
    pub(crate) response_bytes: usize,
    pub(crate) took: Duration,
}

impl Line {
    pub(crate) fn new<O: Operation>(request_id: String, outcome: &Outcome<'_>, notes: Notes) -> Self {
        let Notes { usage, throttles, organization, user, event, sdk_version, .. } = notes;
        let audit = Audit::of(O::NAME, O::ACCESS, outcome.error.map(Error::kind));
        let is_ours = outcome.status >= 500;
        // The message may quote the request; the source is the store's own code and has nothing of it.
        let source = outcome.error.and_then(std::error::Error::source);
        let sdk_major = sdk_version.as_ref().and_then(|version| version.split('.').next()).map(ToOwned::to_owned);
        Self {
            level: if is_ours { "ERROR" } else { "INFO" },
            timestamp: DateTime::from(SystemTime::now()).fmt(Format::DateTime).unwrap_or_default(),
            operation: O::NAME,
            request_id,
            status: outcome.status,
            code: outcome.error.map(|error| error.kind().code()),
            cause: source.filter(|_| is_ours).map(ToString::to_string),
            audit: audit.map(Audit::name),
            user,
            organization,
            event,
            sdk_version,
            sdk_major,
            requests: 1,
            failures: outcome.error.map(|_| 1),
            forbidden: (audit == Some(Audit::Refused)).then_some(1),
            cold_starts: None,
            latency: milliseconds(outcome.took),
            items: outcome.items,
            request_bytes: outcome.request_bytes,
            response_bytes: outcome.response_bytes,
            dynamodb_calls: usage.calls,
            read_units: usage.read_units,
            write_units: usage.write_units,
            throttles: (throttles > 0).then_some(throttles),
            metrics: None,
        }
    }

    /// The same line, of the first request of an execution environment.
    #[must_use]
    pub fn of_cold_start(mut self) -> Self {
        self.cold_starts = Some(1);
        self
    }

    /// The same line, with its metrics in a namespace of CloudWatch.
    #[must_use]
    pub fn with_metrics(mut self, namespace: &str) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut whole = ALWAYS.to_vec();
        whole.extend(self.throttles.map(|_| THROTTLES));
        whole.extend(self.cold_starts.map(|_| COLD_STARTS));
        whole.extend(self.forbidden.map(|_| FORBIDDEN));
        let by = |dimensions: &'static [&'static str], metric| Directive::new(namespace, dimensions, vec![metric]);
        let mut directives = vec![Directive::new(namespace, &[], whole)];
        directives.extend(self.failures.map(|_| by(&["operation", "code"], FAILURES)));
        directives.extend(self.event.map(|_| by(&["event"], REQUESTS)));
        directives.extend(self.sdk_major.as_ref().map(|_| by(&["sdk_major"], REQUESTS)));
        let milliseconds = u64::try_from(now.as_millis()).unwrap_or_default();
        self.metrics = Some(Embedded { timestamp: milliseconds, directives });
        self
    }
}

/// A time in milliseconds, to the hundredth.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

/// What CloudWatch reads of a line: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Embedded {
    #[serde(rename = "Timestamp")]
    timestamp: u64,
    #[serde(rename = "CloudWatchMetrics")]
    directives: Vec<Directive>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: String,
    dimensions: [&'static [&'static str]; 1],
    metrics: Vec<Metric>,
}

impl Directive {
    fn new(namespace: &str, dimensions: &'static [&'static str], metrics: Vec<Metric>) -> Self {
        Self { namespace: namespace.to_owned(), dimensions: [dimensions], metrics }
    }
}

/// A metric: the name of one of the line's fields, and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// The field's name.
    pub name: &'static str,
    /// CloudWatch's name of the unit.
    pub unit: &'static str,
}

const fn metric(name: &'static str, unit: &'static str) -> Metric {
    Metric { name, unit }
}

const REQUESTS: Metric = metric("requests", "Count");
const FAILURES: Metric = metric("failures", "Count");
const THROTTLES: Metric = metric("throttles", "Count");
const COLD_STARTS: Metric = metric("cold_starts", "Count");
const FORBIDDEN: Metric = metric("forbidden", "Count");

/// Metrics of every request, over all operations: each further dimension is a metric more on the bill, and Lambda's own
/// metrics tell calls and durations of each function for nothing.
const ALWAYS: [Metric; 8] = [
    REQUESTS,
    metric("latency", "Milliseconds"),
    metric("items", "Count"),
    metric("request_bytes", "Bytes"),
    metric("response_bytes", "Bytes"),
    metric("dynamodb_calls", "Count"),
    metric("read_units", "Count"),
    metric("write_units", "Count"),
];

/// Every metric, with the dimensions it is counted by.
#[must_use]
pub fn metrics() -> Vec<(Metric, &'static [&'static str])> {
    let whole = ALWAYS.into_iter().chain([THROTTLES, COLD_STARTS, FORBIDDEN]).map(|metric| (metric, &[][..]));
    whole.chain([(FAILURES, &["operation", "code"][..]), (REQUESTS, &["event"]), (REQUESTS, &["sdk_major"])]).collect()
}
