//! From HTTP to an operation and back: the one place that knows both.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, Method, Response, header};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::{Body, Context, Request, RequestExt as _};

use crate::access::Gate;
use crate::error::Kind;
use crate::line::{Line, Outcome};
use crate::notes::Notes;
use crate::operation::{FromRequest as _, IntoResponse as _, Operation};
use crate::{Error, envelope, gateway, notes};

/// The longest an operation may take: API Gateway gives up on a function after 30 s.
const LONGEST: Duration = Duration::from_secs(28);

/// Kept of the function's own time to answer that the work was not done.
const TIME_TO_ANSWER: Duration = Duration::from_millis(500);

/// Serves one event of API Gateway, given as JSON, by the operation `O`: what the function returns, and what there is to log.
///
/// Never fails: every failure is an answer.
pub async fn invoke<O: Operation>(
    gate: &Gate,
    store: &O::Store,
    event: &str,
    context: Context,
) -> (ApiGatewayV2httpResponse, Line) {
    let (response, line) = match gateway::request(event) {
        Ok(request) => handle::<O>(gate, store, request.with_lambda_context(context)).await,
        Err(error) => {
            let response = failure::<O>(&error);
            let outcome = Outcome {
                status: response.status().as_u16(),
                error: Some(&error),
                items: 0,
                request_bytes: event.len(),
                response_bytes: response.body().len(),
                took: Duration::ZERO,
            };
            let line = Line::new::<O>(context.request_id, &outcome, Notes::default());
            (response, line)
        }
    };
    (gateway::answer(response), line)
}

/// Serves one request of the operation `O`: the answer, and what there is to log of it.
///
/// Never fails: every failure is an answer.
pub async fn handle<O: Operation>(gate: &Gate, store: &O::Store, request: Request) -> (Response<Body>, Line) {
    let started = Instant::now();
    let gzip = accepts_gzip(request.headers());
    let request_id = request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
    let request_bytes = request.body().len();
    let is_head = request.method() == Method::HEAD;
    let work = tokio::time::timeout(time_left(&request), answer::<O>(gate, store, request));
    let (outcome, notes) = notes::taken(work).await;
    let outcome = outcome.unwrap_or_else(|_| Err(Error::unavailable().caused_by("the request's time was over")));
    let items = outcome.as_ref().map_or(0, O::Answer::records);
    let (mut response, error) = match outcome.and_then(|answer| answer.into_response(gzip)) {
        Ok(response) => (response, None),
        Err(error) => (failure::<O>(&error), Some(error)),
    };
    if is_head {
        *response.body_mut() = Body::Empty;
    }
    let outcome = Outcome {
        status: response.status().as_u16(),
        error: error.as_ref(),
        items,
        request_bytes,
        response_bytes: response.body().len(),
        took: started.elapsed(),
    };
    let line = Line::new::<O>(request_id, &outcome, notes);
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

/// Whether an operation that is served by one method answers another: `HEAD` is `GET` without a body.
fn serves(own: &Method, asked: &Method) -> bool {
    asked == own || (own == Method::GET && asked == Method::HEAD)
}

async fn answer<O: Operation>(gate: &Gate, store: &O::Store, request: Request) -> Result<O::Answer, Error> {
    if !serves(&O::METHOD, request.method()) {
        return Err(Error::method_not_allowed(request.method(), &O::METHOD));
    }
    let caller = gate.caller(O::ACCESS, request.headers(), request.request_context_ref())?;
    let (parts, body) = request.into_parts();
    let read = O::Request::from_request(&parts, body).await?;
    O::run(store, &caller, read).await
}

/// Whether the caller accepts gzip, by RFC 9110 section 12.5.3: what is said of gzip by name counts before what is said
/// of `*`, and a weight of 0 refuses.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut by_name, mut by_star) = (None, None);
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for member in values.flat_map(|value| value.split(',')) {
        let mut parts = member.split(';').map(|part| part.trim_matches([' ', '\t']));
        let coding = parts.next().unwrap_or_default();
        let said = if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            &mut by_name
        } else if coding == "*" {
            &mut by_star
        } else {
            continue;
        };
        // Of a coding that is there twice, the refusal counts.
        *said = Some(said.unwrap_or(true) && parts.all(is_weight_above_zero));
    }
    by_name.or(by_star).unwrap_or(false)
}

/// Whether a parameter of a coding is a weight from 0.001 to 1. Anything else is taken for a refusal: an answer without
/// gzip is readable to everybody.
fn is_weight_above_zero(parameter: &str) -> bool {
    let weight = parameter.strip_prefix(['q', 'Q']).and_then(|rest| rest.trim_start().strip_prefix('='));
    weight.and_then(|weight| weight.trim().parse::<f32>().ok()).is_some_and(|weight| weight > 0.0 && weight <= 1.0)
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
        for accepted in [
            "gzip",
            "br, GZIP;q=0.5",
            "*",
            "x-gzip",
            "gzip, *;q=0",
            "*;q=0, gzip",
            "gzip ; Q=1.000",
            "gzip;q=0.001",
            "identity;q=0,\tgzip",
        ] {
            assert!(accepts(accepted), "{accepted}");
        }
        for refused in [
            "",
            "br",
            "gzip;q=0",
            "gzip; q=0.0, br",
            "identity",
            "gzip;q=0, *",
            "*;q=0.5, gzip;q=0",
            "gzip;Q=0",
            "GZIP ; Q = 0.000",
            "*;q=0",
            "gzip, gzip;q=0",
            "gzip;q=0.0;x=1",
            "gzip;q=",
            "gzip;q=-1",
            "gzip;q=nan",
            "gzipped",
        ] {
            assert!(!accepts(refused), "{refused}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
