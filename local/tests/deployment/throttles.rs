//! A store that throttles is told in the line and the metrics, though the SDK's repetition succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, StatusCode};
use serde_json::json;
use shared::access::Gate;
use shared::edge;
use shared::operation::Operation as _;
use shared::records::Reader;
use shared::setup::{Setup, Store as _};
use tokio::net::TcpListener;

const THROTTLED: &str =
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#;

/// A store that throttles the first `times` calls, and then finds nothing; its URL.
async fn throttling(times: usize) -> String {
    let calls = Arc::new(AtomicUsize::new(0));
    let app = axum::Router::new().fallback(move || async move {
        let throttles = calls.fetch_add(1, Ordering::Relaxed) < times;
        let (status, body) =
            if throttles { (StatusCode::BAD_REQUEST, THROTTLED) } else { (StatusCode::OK, r#"{"Responses":{}}"#) };
        (status, [("content-type", "application/x-amz-json-1.0")], body)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_call_that_is_repeated_is_counted() {
    let url = throttling(2).await;
    let settings = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &url),
        ("TABLE_NAME", "velt"),
        ("AUTHORIZATION", "open"),
    ];
    let setup = Setup::new(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).unwrap();
    let (gate, reader) = (Gate::open(&setup).unwrap(), Reader::open(&setup).unwrap());
    let body = json!({ "organizationId": "acme", "commentAnnotationIds": ["t"] }).to_string();
    let request = Request::post(comments::Get::PATH).header("content-type", "application/json");
    let request = request.body(body.into()).unwrap();
    let (response, line) = Box::pin(edge::handle::<comments::Get>(&gate, &reader, request)).await;
    assert_eq!((response.status(), line.throttles), (StatusCode::OK, Some(2)));
}
