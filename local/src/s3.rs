//! S3, embedded: `s3s-fs` over a directory, with the CORS of the template's buckets in front.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::Client;
use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use futures::lock::Mutex;
use futures::stream::{self, StreamExt as _};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use multer::parse_boundary;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use shared::setup::Setup;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::loopback::Origins;
use crate::server::stopped;
use crate::store::StoreError;

/// The origin that a browser names after a redirect to another host, as from a link to its file.
const REDIRECTED: &str = "null";

/// Serves S3 from `directory` until `stop` says so, to whoever signs with the credentials given. Pages of `origins` may
/// read and upload by what was signed for them.
pub(crate) fn serve(
    directory: &Path,
    (access_key, secret_key): (&str, &str),
    listener: TcpListener,
    origins: Origins,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StoreError> {
    let files = FileSystem::new(directory).map_err(|error| StoreError::Open(format!("{error:?}").into()))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = service.build();
    let readable = origins.clone();
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, parts| {
            readable.allow(origin) || (origin == REDIRECTED && reads(parts))
        }))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT])
        .allow_headers(AllowHeaders::any())
        .expose_headers([
            header::ACCEPT_RANGES,
            header::CONTENT_DISPOSITION,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::ETAG,
        ]);
    let answer = move |request| call(service.clone(), origins.clone(), request);
    let router = Router::new().fallback(answer).layer(cors);
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await {
            tracing::error!(%error, "the file store ended");
        }
    }))
}

/// Whether a request, or the one that a preflight asks for, reads.
fn reads(parts: &Parts) -> bool {
    let asked = parts.headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).and_then(|method| method.to_str().ok());
    matches!(asked.unwrap_or(parts.method.as_str()), "GET" | "HEAD")
}

async fn call(service: S3Service, origins: Origins, request: Request) -> http::Response<Body> {
    let (mut parts, body) = request.into_parts();
    if parts.headers.get(header::ORIGIN).is_some_and(|origin| origin == REDIRECTED) && reads(&parts) {
        // Where the page is, only the link was told. The signature of the URL is what opens the file.
        parts.headers.remove(header::ORIGIN);
    }
    if let Some(why) = origins.refuse(&parts.headers) {
        drain(&mut body.into_data_stream()).await;
        return answer(StatusCode::FORBIDDEN, why);
    }
    let body = match form_boundary(&parts) {
        Some(boundary) => match axum::body::to_bytes(body, usize::MAX).await {
            Ok(form) => in_two(&boundary, form),
            Err(_) => return answer(StatusCode::BAD_REQUEST, "the form was cut off"),
        },
        None => body,
    };
    let has_bytes = parts.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let (body, unread) = if parts.method == Method::PUT && has_bytes { shared(body) } else { (body, None) };
    let request = Request::from_parts(parts, body);
    let response = match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(?error, "the file store failed");
            answer(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    };
    if let Some(unread) = unread.filter(|_| !response.status().is_success()) {
        drain(&mut *unread.lock().await).await;
    }
    response
}

/// Reads a body to its end: a client that is cut off while it sends never sees the answer.
async fn drain(unread: &mut BodyDataStream) {
    while let Some(Ok(_)) = unread.next().await {}
}

/// What is left of a body while another reads it.
type Unread = Arc<Mutex<BodyDataStream>>;

/// A body, and what is left of it when its reader is gone.
fn shared(body: Body) -> (Body, Option<Unread>) {
    let unread = Arc::new(Mutex::new(body.into_data_stream()));
    let pieces = stream::unfold(Arc::clone(&unread), async |unread| {
        let piece = unread.lock().await.next().await?;
        Some((piece, unread))
    });
    (Body::from_stream(pieces), Some(unread))
}

fn answer(status: StatusCode, why: &'static str) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(why));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn form_boundary(parts: &Parts) -> Option<String> {
    let kind = parts.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if parts.method == Method::POST { parse_boundary(kind).ok() } else { None }
}

/// A form in two pieces: all that stands before the file's bytes, and the rest.
///
/// The form parser of the embedded S3 refuses a file by chance: where a piece of the body ends with what may be the beginning
/// of a boundary, it joins it with the next piece, and takes no piece of more than 64 KB for that. A file that comes in one
/// piece, with its boundary, never gets there.
fn in_two(boundary: &str, mut form: Bytes) -> Body {
    let head = form.split_to(file_start(boundary, &form).unwrap_or(0));
    let pieces = [head, form].into_iter().filter(|piece| !piece.is_empty());
    Body::from_stream(stream::iter(pieces.map(Ok::<_, std::convert::Infallible>)))
}

/// Where in a form the bytes of its part `file` begin.
fn file_start(boundary: &str, form: &[u8]) -> Option<usize> {
    let find = |what: &[u8], from: usize| Some(from + form.get(from..)?.windows(what.len()).position(|at| at == what)?);
    let delimiter = format!("--{boundary}");
    let mut at = 0;
    loop {
        let headers = find(delimiter.as_bytes(), at)? + delimiter.len();
        let end = find(b"\r\n\r\n", headers)?;
        at = end + 4;
        if String::from_utf8_lossy(&form[headers..end]).to_ascii_lowercase().contains("name=\"file\"") {
            return Some(at);
        }
    }
}

/// Creates buckets where they are not there yet.
pub(crate) async fn create_buckets(setup: &Setup, names: &[&str]) -> Result<(), StoreError> {
    let config = aws_sdk_s3::config::Builder::from(&setup.service("S3")).force_path_style(true).build();
    let client = Client::from_conf(config);
    for name in names {
        if client.head_bucket().bucket(*name).send().await.is_ok() {
            continue;
        }
        client.create_bucket().bucket(*name).send().await.map_err(|error| StoreError::Create(error.into()))?;
    }
    Ok(())
}
