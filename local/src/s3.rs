//! S3, embedded: `s3s-fs` over a directory, with the CORS of the template's buckets in front.

use std::path::Path;

use aws_sdk_s3::Client;
use axum::Router;
use axum::extract::Request;
use http::{HeaderName, Method, StatusCode, header};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use shared::setup::Setup;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::server::stopped;
use crate::store::StoreError;

/// Serves S3 from `directory` until `stop` says so, to whoever signs with the credentials given. Pages of `origins` may
/// read and upload by what was signed for them.
pub(crate) fn serve(
    directory: &Path,
    (access_key, secret_key): (&str, &str),
    listener: TcpListener,
    origins: AllowOrigin,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StoreError> {
    let files = FileSystem::new(directory).map_err(|error| StoreError::Open(format!("{error:?}").into()))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = service.build();
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT])
        .allow_headers(AllowHeaders::any())
        .expose_headers([header::ETAG, HeaderName::from_static("x-amz-version-id")]);
    let router = Router::new().fallback(move |request| call(service.clone(), request)).layer(cors);
    Ok(tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await {
            tracing::error!(%error, "the file store ended");
        }
    }))
}

async fn call(service: S3Service, request: Request) -> http::Response<axum::body::Body> {
    match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(error) => {
            tracing::error!(?error, "the file store failed");
            let mut response = http::Response::new(axum::body::Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
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
