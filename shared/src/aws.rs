//! What AWS clients are built from, without looking around, and what their failures mean.

use std::collections::HashMap;
use std::time::Duration;

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents, SharedCredentialsProvider,
};
use aws_sdk_dynamodb::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls;
use aws_types::SdkConfig;

use crate::setup::{SetupError, required, setting};
use crate::{Error, notes};

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one attempt of one call may take: a transaction of 4 MB is the longest.
const ATTEMPT: Duration = Duration::from_secs(8);
/// Attempts of one call, the first included. Standard mode waits with jitter between them.
const ATTEMPTS: u32 = 4;

/// Builds what every client shares: region, credentials, one HTTP client, retries and timeouts.
///
/// Lambda sets the credentials for the life of an execution environment, so no provider chain is linked or asked.
pub(crate) fn config(settings: &HashMap<String, String>) -> Result<SdkConfig, SetupError> {
    let credentials = Credentials::new(
        required(settings, "AWS_ACCESS_KEY_ID")?,
        required(settings, "AWS_SECRET_ACCESS_KEY")?,
        setting(settings, "AWS_SESSION_TOKEN").map(ToOwned::to_owned),
        None,
        "lambda environment",
    );
    let http = aws_smithy_http_client::Builder::new();
    // Plain HTTP needs no TLS set up, which takes longer than the rest of a client.
    let plain = |(name, url): (&String, &String)| name.starts_with("AWS_ENDPOINT_URL_") && url.starts_with("http://");
    let http = if settings.iter().any(plain) {
        http.build_http()
    } else {
        http.tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
    };
    Ok(SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required(settings, "AWS_REGION")?.to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build())
        .build())
}

/// Why a call failed, without anything of the request: the store's messages may quote an item.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {code}")]
struct StoreFailure {
    call: &'static str,
    code: String,
}

/// Notes each attempt that a service throttled. The SDK repeats them and tells nobody.
#[derive(Debug)]
pub struct Throttled;

impl Intercept for Throttled {
    fn name(&self) -> &'static str {
        "Throttled"
    }

    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(answer) = attempt.response()
            && is_throttled(answer.status().as_u16(), answer.body().bytes().unwrap_or_default())
        {
            notes::throttled();
        }
        Ok(())
    }
}

/// The code is looked for anywhere in the body: DynamoDB has it in `__type`, or in the reasons of a transaction that it
/// cancelled, S3 in XML. An answer to S3's `HEAD` has no body, and 503 is its `SlowDown`.
fn is_throttled(status: u16, body: &[u8]) -> bool {
    match (status, body) {
        (503, []) => true,
        (400.., body) => {
            std::str::from_utf8(body).is_ok_and(|body| THROTTLING_ERRORS.iter().any(|code| body.contains(code)))
        }
        _ => false,
    }
}

/// Turns a failed call into what the caller is told: 503 for what another attempt may not meet, and 500 for the rest.
///
/// By the status and the connection first, and by the error's code only for statuses below 500: a balancer before a store
/// answers 503 with an empty or an HTML body, which has no code.
#[must_use]
pub fn failed<E: ProvideErrorMetadata>(call: &'static str, error: &SdkError<E, HttpResponse>) -> Error {
    let (code, passing) = match error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code().map_or_else(|| status.to_string(), ToOwned::to_owned);
            let passing = status >= 500 || status == 429 || is_passing(&code);
            (code, passing)
        }
        SdkError::TimeoutError(_) => ("timeout".to_owned(), true),
        SdkError::DispatchFailure(_) => ("connection".to_owned(), true),
        SdkError::ResponseError(_) => ("response".to_owned(), true),
        _ => ("request".to_owned(), false),
    };
    let answer = if passing { Error::unavailable() } else { Error::internal() };
    answer.caused_by(StoreFailure { call, code })
}

/// Error codes of DynamoDB and S3 that another attempt may not meet.
fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "InternalError"
            | "InternalServerError"
            | "ItemCollectionSizeLimitExceededException"
            | "LimitExceededException"
            | "ProvisionedThroughputExceededException"
            | "ReplicatedWriteConflictException"
            | "RequestLimitExceeded"
            | "RequestTimeout"
            | "ServiceUnavailable"
            | "SlowDown"
            | "ThrottlingException"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_known_in_each_services_words() {
        let throttled = |status, body: &str| is_throttled(status, body.as_bytes());
        assert!(throttled(400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#));
        assert!(throttled(
            400,
            r#"{"__type":"x#TransactionCanceledException","CancellationReasons":[{"Code":"ThrottlingError"}]}"#
        ));
        assert!(throttled(503, "<Error><Code>SlowDown</Code></Error>"));
        assert!(throttled(503, ""));
        assert!(!throttled(200, "SlowDown"));
        assert!(!throttled(400, r#"{"__type":"x#ConditionalCheckFailedException"}"#));
        assert!(!throttled(404, ""));
    }
}
