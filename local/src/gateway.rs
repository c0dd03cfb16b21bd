//! What API Gateway does around a function: routes, limits, CORS.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, get, on};
use axum::{Json, Router, middleware};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::json;
use shared::envelope::LAMBDA_PAYLOAD_BYTES;
use shared::error::clipped;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::auth::{Guard, authorize};
use crate::event::{self, FunctionResponse};
use crate::loopback::{Origins, refuse_host};
use crate::{Environment, Function, Route};

/// The largest request that API Gateway passes on, in bytes.
const REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// What the gateway itself can't say to whom it refuses.
const TOO_LARGE: &str = "API Gateway takes 10 MB and Lambda 6 MB; a file goes to S3 directly, by uploads/start";

/// The header, of this server alone, that says why a caller is not let in.
const WHY: HeaderName = HeaderName::from_static("x-local-reason");

/// How long a browser may remember a preflight's answer, as `template.yaml` sets it.
const PREFLIGHT_AGE: Duration = Duration::from_hours(2);

/// The request headers that a page of another origin may always send, as `template.yaml` sets them.
const ALLOWED_HEADERS: [HeaderName; 2] = [header::AUTHORIZATION, header::CONTENT_TYPE];

/// The gateway over `functions`. Pages of `origins` may call it, with `headers` too; where no origin is named, any page of
/// this machine.
pub(crate) fn router(
    functions: Vec<Function>,
    guard: Option<&Guard>,
    environment: Environment,
    origins: Origins,
    headers: Vec<HeaderName>,
) -> Router {
    let headers: Arc<[HeaderName]> = ALLOWED_HEADERS.into_iter().chain(headers).collect();
    let (readers, asked) = (origins.clone(), (origins.clone(), Arc::clone(&headers)));
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| origins.allow(origin)))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers(headers.to_vec())
        .max_age(PREFLIGHT_AGE);
    let healthz = move |headers: HeaderMap| async move {
        match readers.refuse(&headers) {
            Some(why) => refuse(StatusCode::FORBIDDEN, "Forbidden", why, "GET /healthz"),
            None => Json(environment).into_response(),
        }
    };
    let mut router = Router::new().route("/healthz", get(healthz));
    for function in functions {
        let function = Arc::new(function);
        for route in function.routes() {
            let filter = MethodFilter::try_from(route.method.clone()).unwrap_or(MethodFilter::POST);
            let (guard, function, path) = (guard.cloned(), Arc::clone(&function), route.path.clone());
            let route = Arc::new(route);
            let pass_on = move |request| pass_on(guard.clone(), Arc::clone(&function), Arc::clone(&route), request);
            router = router.route(&path, on(filter, pass_on));
        }
    }
    router
        .fallback(no_route)
        // As deployed: the gateway knows routes by method and path together.
        .method_not_allowed_fallback(no_route)
        .layer(cors)
        .layer(middleware::map_response(as_the_gateway_answers_preflights))
        .layer(middleware::from_fn(move |request, next| let_in(asked.clone(), request, next)))
}

/// Refuses a request for another host: a page whose own domain name was pointed at this machine would read the answer.
/// What a browser's preflight would be refused for is told, because the browser tells it only in its own console.
async fn let_in((origins, allowed): (Origins, Arc<[HeaderName]>), request: Request, next: Next) -> Response {
    let headers = request.headers();
    if let Some(why) = refuse_host(headers) {
        return refuse(StatusCode::FORBIDDEN, "Forbidden", why, request.method().as_str());
    }
    if request.method() == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        for why in refused_preflight(&origins, &allowed, headers) {
            tracing::warn!("a browser may not call {}: {why}", loggable(request.uri().path()));
        }
    }
    next.run(request).await
}

/// Most of a header that a line shows, in bytes.
const LONGEST_SHOWN: usize = 100;

/// Why a browser won't send what a preflight asks for, and which flag would allow it.
fn refused_preflight(origins: &Origins, allowed: &[HeaderName], headers: &HeaderMap) -> Vec<String> {
    let shown = |text: &str| clipped(&text.escape_debug().to_string(), LONGEST_SHOWN).into_owned();
    let text = |name: HeaderName| {
        let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.unwrap_or_default()
    };
    let mut reasons = Vec::new();
    if headers.get(header::ORIGIN).is_some_and(|origin| !origins.allow(origin)) {
        let origin = shown(&text(header::ORIGIN));
        reasons.push(format!("its origin is not allowed: start with --allow-origin {origin}"));
    }
    let method = text(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !matches!(method.as_str(), "GET" | "HEAD" | "POST") {
        reasons.push(format!("the method {} is not allowed: operations are POST", shown(&method)));
    }
    for name in text(header::ACCESS_CONTROL_REQUEST_HEADERS).split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !allowed.iter().any(|known| known.as_str().eq_ignore_ascii_case(name)) {
            reasons.push(format!("the header is not allowed: start with --allow-header {}", shown(name)));
        }
    }
    reasons
}

/// The gateway answers a preflight with 204; the layer used here, with 200.
async fn as_the_gateway_answers_preflights(mut response: Response) -> Response {
    if response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_METHODS) {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

async fn no_route(request: Request) -> Response {
    // Which path is missing is what its developer wants to know, and a query is not for a log.
    refuse(StatusCode::NOT_FOUND, "Not Found", "", &format!("{} {}", request.method(), loggable(request.uri().path())))
}

/// A path as it is logged: a link to a file is a credential, so what follows is left out.
fn loggable(path: &str) -> String {
    const FILES: &str = "/files/";
    path.split_once(FILES).map_or_else(|| path.to_owned(), |(before, _)| format!("{before}{FILES}…"))
}

async fn pass_on(guard: Option<Guard>, function: Arc<Function>, route: Arc<Route>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Some(body) = read(body).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large", TOO_LARGE, function.name);
    };
    let request_id = uuid::Uuid::new_v4().to_string();
    let mut event = event::of_request(&parts, &body, &route.to_string(), &request_id);
    drop(body);
    match authorize(guard.as_ref(), route.access, &parts.headers, &event, &request_id).await {
        Ok(Some(context)) => event["requestContext"]["authorizer"] = context,
        Ok(None) => {}
        Err((status, why)) => {
            let message = status.canonical_reason().unwrap_or_default();
            let what = format!("{} ({why})", function.name);
            let mut response = refuse(status, message, "", &what);
            // Deployed, nobody is told why.
            if let Ok(why) = HeaderValue::from_str(&why) {
                response.headers_mut().insert(WHY, why);
            }
            return response;
        }
    }
    let event = event.to_string();
    if event.len() > LAMBDA_PAYLOAD_BYTES {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long", TOO_LARGE, function.name);
    }
    let response = match function.invoke(event, request_id).await {
        Ok(response) if response.len() <= LAMBDA_PAYLOAD_BYTES => serde_json::from_str(&response).ok(),
        Ok(response) => {
            tracing::error!(function = function.name, bytes = response.len(), "Lambda refuses a response this large");
            None
        }
        Err(error) => {
            tracing::error!(function = function.name, %error, "the function failed");
            None
        }
    };
    response
        .and_then(FunctionResponse::into_http)
        .unwrap_or_else(|| answer(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", ""))
}

/// The body, unless it is larger than the gateway takes. It is read to its end either way: a client that is cut off while
/// it sends never sees the answer.
async fn read(body: Body) -> Option<Vec<u8>> {
    let mut body = std::pin::pin!(body);
    let mut whole = Vec::new();
    let mut bytes = 0;
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        bytes += data.len();
        if bytes > REQUEST_BYTES {
            whole = Vec::new();
        } else {
            whole.extend_from_slice(&data);
        }
    }
    (bytes <= REQUEST_BYTES).then_some(whole)
}

/// The gateway's own answer where no function is asked, told in a line like theirs.
fn refuse(status: StatusCode, message: &str, advice: &str, what: &str) -> Response {
    tracing::info!("{} {what:<24} refused by the gateway: {message}", status.as_u16());
    answer(status, message, advice)
}

/// The gateway's own answer, with the fields that Velt's SDK looks at beside the gateway's `message`.
fn answer(status: StatusCode, message: &str, advice: &str) -> Response {
    let code = status.canonical_reason().unwrap_or_default().to_uppercase().replace(' ', "_");
    let error = if advice.is_empty() { message.to_owned() } else { format!("{message}: {advice}") };
    let body = json!({
        "message": message, "error": error, "errorCode": code, "success": false, "statusCode": status.as_u16(),
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
