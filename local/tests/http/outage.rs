//! A store that is down or slow is an honest 503 within the request's time.

use std::time::{Duration, Instant};

use local::functions;
use serde_json::{Value, json};
use shared::setup::Setup;
use tokio::net::TcpListener;

use crate::support::PROVIDERS;

fn setup(endpoint: &str) -> Setup {
    let settings = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
        ("TABLE_NAME", "velt"),
        ("AUTHORIZATION", "open"),
        ("LINK_KEYS", r#"{"current":"1","1":"not-a-secret-for-tests"}"#),
    ];
    Setup::new(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).unwrap()
}

async fn answers(endpoint: String) -> Vec<(&'static str, Value)> {
    let setup = setup(&endpoint);
    let functions = functions(&setup).unwrap();
    let mut calls = Vec::new();
    for provider in &PROVIDERS {
        for (operation, request) in [
            ("get", Some(provider.get_request("acme", &["r"]))),
            ("save", Some(provider.save_request("acme", "r", &json!({})))),
            ("delete", provider.delete_request("acme", "r")),
        ] {
            let name = format!("{}-{operation}", provider.name);
            let (Some(function), Some(request)) = (functions.iter().find(|f| f.name == name), request) else {
                continue;
            };
            let event = function.event(function.path, &request.to_string());
            calls.push(async move {
                let response = function.invoke(event, "request".to_owned()).await.unwrap();
                (function.name, serde_json::from_str(&response).unwrap())
            });
        }
    }
    futures::future::join_all(calls).await
}

fn assert_unavailable(answers: Vec<(&'static str, Value)>) {
    assert!(!answers.is_empty());
    for (name, answer) in answers {
        assert_eq!(answer["statusCode"], 503, "{name}: {answer}");
        assert_eq!(answer["headers"]["retry-after"], "1", "{name}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["success"], &body["errorCode"]), (&json!(false), &json!("SERVICE_UNAVAILABLE")), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_unavailable(answers(endpoint).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_throttles() {
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#;
    let app = axum::Router::new().fallback(move || async move {
        (http::StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], body)
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert_unavailable(answers(endpoint).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_never_answers_is_given_up_within_the_functions_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let started = Instant::now();
    let setup = setup(&endpoint);
    let functions = functions(&setup).unwrap();
    let event = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../events/comments-get.json")).unwrap();
    let get = functions.iter().find(|function| function.name == "comments-get").unwrap();
    let response: Value = serde_json::from_str(&get.invoke(event, "request".to_owned()).await.unwrap()).unwrap();
    assert_eq!(response["statusCode"], 503);
    assert!(started.elapsed() < Duration::from_secs(29));
    drop(listener);
}
