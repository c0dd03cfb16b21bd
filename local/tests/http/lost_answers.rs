//! A store whose answer is lost, so that a call which is made again meets its own work.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use local::functions;
use serde_json::{Value, json};
use shared::setup::Setup;
use tokio::net::TcpListener;

use crate::support::App;

struct Proxy {
    store: String,
    http: reqwest::Client,
    /// How many answers are still to be lost.
    to_lose: AtomicUsize,
}

/// Passes a call on; of a write whose answer is to be lost, the store's answer becomes a failure.
async fn pass_on(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
    let target = headers["x-amz-target"].to_str().unwrap_or_default().to_owned();
    // A record's first item: by what it names, everything else of the record is found.
    let is_first_item = String::from_utf8_lossy(&body).contains(r#""SK":{"S":"record"}"#);
    let sent = proxy.http.post(&proxy.store).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return (StatusCode::BAD_GATEWAY, HeaderMap::new(), Bytes::new()) };
    let counts = target.ends_with("PutItem") && is_first_item && answer.status().is_success();
    let next = |left: usize| left.checked_sub(1);
    let lose = counts && proxy.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).is_ok();
    if lose {
        let error = r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}"#;
        return (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), Bytes::from_static(error.as_bytes()));
    }
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("content-length");
    (status, headers, answer.bytes().await.unwrap_or_default())
}

/// The functions over a server's store, of which this many answers to writes are lost.
async fn losing(app: &App, answers: usize) -> (Arc<Proxy>, Vec<local::Function>) {
    let store = app.server.environment.get("AWS_ENDPOINT_URL_DYNAMODB").to_owned();
    let proxy = Arc::new(Proxy { store, http: reqwest::Client::new(), to_lose: AtomicUsize::new(answers) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings: HashMap<String, String> = app.server.environment.environment.clone().into_iter().collect();
    settings.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), format!("http://{}", listener.local_addr().unwrap()));
    let router = Router::new()
        .fallback(pass_on)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(Arc::clone(&proxy));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (proxy, functions(&Setup::new(settings).unwrap()).unwrap())
}

async fn post(functions: &[local::Function], name: &str, body: &Value) {
    let function = functions.iter().find(|function| function.name == name).unwrap();
    let answer = function.invoke(function.event(function.path, &body.to_string()), "r".to_owned()).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_stays_written() {
    let app = App::start().await;
    let metadata = json!({ "organizationId": "acme", "documentId": "d" });
    let save = |fields: Value| json!({ "commentAnnotation": { "t": fields }, "metadata": metadata });
    let large = |n: usize| json!({ "comments": { n.to_string(): { "commentText": "x".repeat(250_000), "n": n } } });
    let mut lost = 0;
    // From one item to many, and within many.
    for n in 0..4 {
        let (proxy, functions) = losing(&app, 1).await;
        post(&functions, "comments-save", &save(large(n))).await;
        lost += 1 - proxy.to_lose.load(Ordering::SeqCst);
        let comments = app.thread("t").await["comments"].as_object().unwrap().len();
        assert_eq!(comments, n + 1);
    }
    assert!(lost > 0, "no answer was lost");
    let (_, functions) = losing(&app, 1).await;
    post(&functions, "comments-delete", &json!({ "commentAnnotationId": "t", "metadata": metadata })).await;
    assert_eq!(app.thread("t").await, Value::Null);
}
