//! What API Gateway and Lambda do around the operations, on the desk.

use std::io::Write as _;

use local::Options;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, App};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_route_is_a_404() {
    let app = App::start().await;
    for path in [
        "/",
        "/api/velt",
        "/api/velt/comments",
        "/api/velt/comments/get/",
        "/api/velt/nothing/get",
        "/API/velt/comments/get",
    ] {
        let request = app.http.post(format!("{}{path}", app.server.url())).json(&json!({}));
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert_eq!((answer.status, &answer.body["success"]), (404, &json!(false)), "{path}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = Answer::read(app.http.request(method, app.url("comments/get")).send().await.unwrap()).await;
        assert_eq!((answer.status, &answer.body["statusCode"]), (404, &json!(404)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn healthz_tells_where_the_stores_are() {
    let app = App::start().await;
    let health: Value =
        app.http.get(format!("{}/healthz", app.server.url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(
        health["environment"]["AWS_ENDPOINT_URL_DYNAMODB"],
        app.server.environment.get("AWS_ENDPOINT_URL_DYNAMODB")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_as_large_as_aws_takes_them() {
    let app = App::start().await;
    // API Gateway ends at 10 MB, and before that Lambda at 6 MB.
    for megabytes in [7, 11, 30] {
        let thread = json!({ "text": "x".repeat(megabytes * 1024 * 1024) });
        let request = json!({ "commentAnnotation": { "t": thread }, "metadata": { "organizationId": "acme" } });
        let answer = app.post("comments/save", &request).await;
        assert_eq!((answer.status, &answer.body["statusCode"]), (413, &json!(413)), "{megabytes} MB");
    }
    assert_eq!(app.thread("t").await, Value::Null);
    let thread = json!({ "annotationId": "t", "text": "x".repeat(5 * 1024 * 1024) });
    app.save_thread("t", thread.clone(), "comment_annotation.add", Value::Null).await;
    assert_eq!(app.thread("t").await, thread);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_for_those_who_accept_it() {
    let app = App::start().await;
    app.save_thread("t", json!({ "text": "x".repeat(200_000) }), "comment_annotation.add", Value::Null).await;
    let request = json!({ "organizationId": "acme" }).to_string();
    for (accepts, coding) in [("gzip, br", Some("gzip")), ("br", None), ("gzip;q=0", None)] {
        let plain = reqwest::Client::builder().gzip(false).build().unwrap();
        let response = plain
            .post(app.url("comments/get"))
            .header("content-type", "application/json")
            .header("accept-encoding", accepts)
            .body(request.clone())
            .send()
            .await
            .unwrap();
        let used = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(used.as_deref(), coding, "{accepts}");
        let body = response.bytes().await.unwrap();
        let text = if coding.is_some() { unzip(&body) } else { body.to_vec() };
        let body: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(body["data"]["t"]["text"], "x".repeat(200_000));
    }
}

fn unzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    decoder.write_all(bytes).unwrap();
    decoder.finish().unwrap()
}

async fn preflight(app: &App, origin: &str, method: &str, headers: &str) -> reqwest::Response {
    app.http
        .request(Method::OPTIONS, app.url("comments/save"))
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
        .send()
        .await
        .unwrap()
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_named_origins_may_call_with_credentials_and_others_may_not() {
    let origins = vec!["https://app.example.com".parse().unwrap(), "https://b.example.com".parse().unwrap()];
    let app = App::with(Options { origins, ..Options::default() }).await;
    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("https://b.example.com", true),
        ("https://evil.example.com", false),
        ("https://app.example.com.evil.example", false),
        ("http://localhost:3000", false),
        ("null", false),
    ] {
        let response = preflight(&app, origin, "POST", "content-type,authorization").await;
        assert_eq!(response.status(), 204);
        assert_eq!(header(&response, "access-control-allow-origin"), allowed.then_some(origin), "{origin}");
        if allowed {
            assert_eq!(header(&response, "access-control-allow-credentials"), Some("true"));
            assert_eq!(header(&response, "access-control-allow-methods"), Some("GET,HEAD,POST"));
            assert_eq!(header(&response, "access-control-allow-headers"), Some("authorization,content-type"));
            assert_eq!(header(&response, "access-control-max-age"), Some("7200"));
        }
        let post = app.http.post(app.url("comments/get")).header("origin", origin);
        let response = post.json(&json!({ "organizationId": "acme" })).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "access-control-allow-origin"), allowed.then_some(origin), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_named_origins_pages_of_this_machine_may_call() {
    let app = App::start().await;
    for (origin, allowed) in
        [("http://localhost:5173", true), ("http://127.0.0.1:8080", true), ("https://evil.example.com", false)]
    {
        let response = preflight(&app, origin, "POST", "content-type").await;
        assert_eq!(header(&response, "access-control-allow-origin"), allowed.then_some(origin), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_readable_for_pages_too() {
    let app = App::start().await;
    let post = app.http.post(app.url("comments/get")).header("origin", "http://localhost:5173");
    let response = post.json(&json!({})).send().await.unwrap();
    assert_eq!(header(&response, "access-control-allow-origin"), Some("http://localhost:5173"));
    Answer::read(response).await.refused(400);
}
