//! From HTTP to an operation and back: the one place that knows both.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, Response, header};
use lambda_http::{Body, Request, RequestExt as _};

use crate::access::Gate;
use crate::error::Kind;
use crate::line::{Line, Outcome};
use crate::operation::{FromRequest as _, IntoResponse as _, Operation};
use crate::{Error, envelope, notes};

/// The longest an operation may take: API Gateway gives up on a function after 30 s.
const LONGEST: Duration = Duration::from_secs(28);

/// Kept of the function's own time to answer that the work was not done.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

/// Serves one request of the operation `O`: the answer, and what there is to log of it.
///
/// Never fails: every failure is an answer.
pub async fn handle<O: Operation>(gate: &Gate, store: &O::Store, request: Request) -> (Response<Body>, Line) {
    let started = Instant::now();
    let gzip = accepts_gzip(request.headers());
    let request_id = request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
    let request_bytes = request.body().len();
    let work = tokio::time::timeout(time_left(&request), answer::<O>(gate, store, request));
    let (outcome, notes) = notes::taken(work).await;
    let outcome = outcome.unwrap_or_else(|_| Err(Error::unavailable().caused_by("the request's time was over")));
    let items = outcome.as_ref().map_or(0, O::Answer::records);
    let (response, error) = match outcome.and_then(|answer| answer.into_response(gzip)) {
        Ok(response) => (response, None),
        Err(error) => (failure::<O>(&error), Some(error)),
    };
    let outcome = Outcome {
        status: response.status().as_u16(),
        error: error.as_ref(),
        items,
        request_bytes,
        response_bytes: response.body().len(),
        took: started.elapsed(),
    };
    let line = Line::new(O::NAME, request_id, &outcome, notes);
    (response, line)
}

fn failure<O: Operation>(error: &Error) -> Response<Body> {
    let mut response = envelope::failure(error);
    if error.kind() == Kind::MethodNotAllowed
        && let Ok(allowed) = HeaderValue::from_str(O::METHOD.as_str())
    {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

async fn answer<O: Operation>(gate: &Gate, store: &O::Store, request: Request) -> Result<O::Answer, Error> {
    if request.method() != O::METHOD {
        return Err(Error::method_not_allowed(request.method(), &O::METHOD));
    }
    let caller = gate.caller(O::ACCESS, request.headers(), request.request_context_ref())?;
    let (parts, body) = request.into_parts();
    let read = O::Request::from_request(&parts, body).await?;
    O::run(store, &caller, read).await
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let refused = parts.filter_map(|part| part.strip_prefix("q=")).any(|q| q.parse() == Ok(0.0));
            (name.eq_ignore_ascii_case("gzip") || name == "*") && !refused
        })
    })
}

/// What is left of the invocation, less the time to answer.
fn time_left(request: &Request) -> Duration {
    let deadline = request.lambda_context_ref().map_or(0, |context| context.deadline);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match Duration::from_millis(deadline).checked_sub(now) {
        Some(left) => left.saturating_sub(TIME_TO_ANSWER).min(LONGEST),
        // No invocation begins after its deadline: emulators send one that is none.
        None => LONGEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_was_over_before_it_began_is_none() {
        let with_deadline = |deadline| {
            let mut context = lambda_http::Context::default();
            context.deadline = deadline;
            time_left(&Request::new(Body::Empty).with_lambda_context(context))
        };
        assert_eq!(with_deadline(0), LONGEST);
        assert_eq!(with_deadline(600), LONGEST);
        let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        assert!(with_deadline(now + 5_000) < Duration::from_secs(5));
        assert_eq!(with_deadline(now + 900_000), LONGEST);
    }

    #[test]
    fn gzip_is_used_only_where_accepted() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5") && accepts("*"));
        assert!(!accepts("br") && !accepts("gzip;q=0") && !accepts("gzip; q=0.0, br") && !accepts("identity"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
