//! The DynamoDB client, built once and without looking around: region and credentials are Lambda's own variables.

use std::env;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls;

use crate::Error;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one attempt of one call may take: a transaction of 4 MB is the longest.
const ATTEMPT: Duration = Duration::from_secs(8);
/// Attempts of one call, the first included. Standard mode waits with jitter between them.
const ATTEMPTS: u32 = 4;

/// The environment lacks what a client needs.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {0} is not set")]
pub struct MissingVariable(&'static str);

/// Reads a variable that the function can't do without.
///
/// # Errors
/// It is not set.
pub fn variable(name: &'static str) -> Result<String, MissingVariable> {
    env::var(name).map_err(|_| MissingVariable(name))
}

/// Builds the client from `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and, for
/// development, `AWS_ENDPOINT_URL_DYNAMODB`.
///
/// Lambda sets the first four for the life of an execution environment, so no provider chain is linked or asked.
///
/// # Errors
/// One of the first three is not set.
pub fn client_from_env() -> Result<Client, MissingVariable> {
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "lambda environment",
    );
    Ok(client(variable("AWS_REGION")?, credentials, env::var("AWS_ENDPOINT_URL_DYNAMODB").ok()))
}

/// Builds a client; `endpoint` replaces the region's own, for an embedded store.
#[must_use]
pub fn client(region: String, credentials: Credentials, endpoint: Option<String>) -> Client {
    let http = aws_smithy_http_client::Builder::new();
    // Plain HTTP needs no TLS set up, which takes longer than the rest of a client.
    let http = if endpoint.as_deref().is_some_and(|url| url.starts_with("http://")) {
        http.build_http()
    } else {
        http.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
    };
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(credentials)
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build());
    config.set_endpoint_url(endpoint);
    Client::from_conf(config.build())
}

/// Why a call failed, without anything of the request: the store's messages may quote an item.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {code}")]
struct StoreFailure {
    call: &'static str,
    code: String,
}

/// Turns a failed call into what the caller is told: what may pass is a 503, what can't is ours.
pub(crate) fn failed<E: ProvideErrorMetadata, R>(call: &'static str, error: &SdkError<E, R>) -> Error {
    let (code, passing) = match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or("unknown");
            (code, is_passing(code))
        }
        SdkError::TimeoutError(_) => ("timeout", true),
        SdkError::DispatchFailure(_) => ("connection", true),
        SdkError::ResponseError(_) => ("response", true),
        _ => ("request", false),
    };
    let answer = if passing { Error::unavailable() } else { Error::internal() };
    answer.caused_by(StoreFailure { call, code: code.to_owned() })
}

/// Error codes of DynamoDB that another attempt may not meet.
fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "InternalServerError"
            | "ItemCollectionSizeLimitExceededException"
            | "LimitExceededException"
            | "ProvisionedThroughputExceededException"
            | "ReplicatedWriteConflictException"
            | "RequestLimitExceeded"
            | "ServiceUnavailable"
            | "ThrottlingException"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}
