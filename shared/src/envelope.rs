//! The answer's shape (`ResolverResponse` of Velt's types), and what of it fits through Lambda.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, Response, header};
use lambda_http::Body;
use serde::Serialize;

use crate::Error;
use crate::error::Kind;

/// What a function may return in all, in bytes of the response's JSON.
///
/// Lambda's invocation payload quota for synchronous calls, in each direction.
pub const LAMBDA_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// Kept free for the status and headers that wrap the body in the payload, in bytes.
const PAYLOAD_WRAPPING_BYTES: usize = 4 * 1024;

/// From this size on an answer is compressed when the caller accepts it. Below, it costs more time than it saves.
const COMPRESS_FROM_BYTES: usize = 100 * 1024;

/// How long a caller should wait before trying again after a 503, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// `ResolverResponse` of a success.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the name is Velt's")]
struct Success<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a T>,
    success: bool,
    status_code: u16,
    timestamp: u128,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    success: bool,
    status_code: u16,
    message: &'a str,
    /// The message again: Velt's backend SDKs call it so.
    error: &'a str,
    error_code: &'static str,
    timestamp: u128,
}

/// Builds the response of a success, compressed when it is large and `gzip` is accepted.
///
/// # Errors
/// [`Error::answer_too_large`] when it exceeds [`LAMBDA_PAYLOAD_BYTES`] even so.
pub fn success<T: Serialize>(data: Option<&T>, gzip: bool) -> Result<Response<Body>, Error> {
    let body = Success { data, success: true, status_code: 200, timestamp: now() };
    let text = serde_json::to_string(&body).map_err(|error| Error::internal().caused_by(error))?;
    let mut response = Response::new(Body::Empty);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let (body, bytes) = if gzip && text.len() >= COMPRESS_FROM_BYTES {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let compressed = compress(text.as_bytes()).map_err(|error| Error::internal().caused_by(error))?;
        let bytes = compressed.len().div_ceil(3) * 4;
        (Body::Binary(compressed), bytes)
    } else {
        let bytes = escaped_bytes(&text);
        (Body::Text(text), bytes)
    };
    let limit = LAMBDA_PAYLOAD_BYTES - PAYLOAD_WRAPPING_BYTES;
    if bytes > limit {
        return Err(Error::answer_too_large(bytes, limit, gzip));
    }
    *response.body_mut() = body;
    Ok(response)
}

/// Builds the response of a failure.
#[must_use]
pub fn failure(error: &Error) -> Response<Body> {
    let status = error.kind().status();
    let body = Failure {
        success: false,
        status_code: status.as_u16(),
        message: error.message(),
        error: error.message(),
        error_code: error.kind().code(),
        timestamp: now(),
    };
    // A struct of text and numbers always has a JSON form.
    let text = serde_json::to_string(&body).unwrap_or_default();
    let mut response = Response::new(Body::Text(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if error.kind() == Kind::Unavailable {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response
}

/// Milliseconds since 1970, as Velt's own timestamps.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}

fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // The fastest level: JSON shrinks to a tenth at any, and the caller waits.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// How long `text` is as a string of the payload's JSON: that is how Lambda counts it.
fn escaped_bytes(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_measured_as_lambda_counts_it() {
        let text = r#"{"a":"b\\c"}"#;
        assert_eq!(escaped_bytes(text) + 2, serde_json::to_string(text).unwrap().len());
    }

    #[test]
    fn too_large_without_gzip_fits_with_it() {
        let data = "x".repeat(LAMBDA_PAYLOAD_BYTES);
        let error = success(Some(&data), false).unwrap_err();
        assert_eq!(error.kind().status(), 413);
        assert!(error.message().contains("gzip"));
        let response = success(Some(&data), true).unwrap();
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    }
}
