//! What a page of another site can make its visitor's browser send.

use local::Options;
use serde_json::json;

use crate::support::{Answer, App, PROVIDERS};

/// Media types that a browser sends without a preflight, or that only some readers take for JSON.
const KINDS: [&str; 15] = [
    "multipart/form-data; boundary=x",
    "Multipart/form-data; boundary=x",
    "MULTIPART/FORM-DATA;BOUNDARY=x",
    " multipart/form-data ; boundary=x",
    "multipart/mixed; boundary=x",
    "application/x-www-form-urlencoded",
    "text/plain",
    "text/plain;application/json",
    "text/plain, application/json",
    "application/json, text/plain",
    "application/json, multipart/form-data; boundary=x",
    "application/jsonp",
    "application /json",
    "application/json,",
    "",
];

fn form(organization: &str) -> String {
    let request = json!({ "attachment": { "attachmentId": 7, "name": "a.txt" }, "organizationId": organization });
    format!(
        "--x\r\ncontent-disposition: form-data; name=\"request\"\r\n\r\n{request}\r\n\
         --x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\ncontent-type: text/plain\r\n\r\nhi\r\n--x--\r\n"
    )
}

async fn send(app: &App, operation: &str, headers: &[(&str, &str)], body: String) -> Answer {
    let mut request = app.http.post(app.url(operation)).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_preflight_is_refused_from_unknown_pages() {
    let named = Options { origins: vec!["https://app.example.com".parse().unwrap()], ..Options::default() };
    for (options, known) in [(Options::default(), "http://localhost:5173"), (named, "https://app.example.com")] {
        let app = App::with(options).await;
        let save = PROVIDERS[0].save_request("acme", "t", &json!({})).to_string();
        for kind in KINDS {
            for operation in ["attachments/save", "recordings/upload", "comments/save", "comments/get", "users/save"] {
                let takes_form = ["attachments/save", "recordings/upload"].contains(&operation);
                let body = if takes_form { form("acme") } else { save.clone() };
                for origin in ["https://evil.example", "null", "", "https://app.example.com.evil.example", "file://"] {
                    let answer =
                        send(&app, operation, &[("content-type", kind), ("origin", origin)], body.clone()).await;
                    answer.refused(403);
                }
                let answer = send(&app, operation, &[("content-type", kind), ("origin", known)], body.clone()).await;
                assert_ne!(answer.status, 403, "{operation} {kind:?}: {}", answer.text);
                let without = send(&app, operation, &[("content-type", kind)], body).await;
                assert_eq!(without.status, answer.status, "{operation} {kind:?}: programs send no origin");
            }
        }
        // No content type at all.
        let message =
            send(&app, "comments/save", &[("origin", "https://evil.example")], save.clone()).await.refused(403);
        assert!(!message.contains("evil"), "{message}");
        assert_eq!(app.thread("t").await, serde_json::Value::Null, "nothing was stored");
        let both = [("content-type", "Multipart/Form-Data; boundary=x"), ("origin", known)];
        assert_eq!(send(&app, "attachments/save", &both, form("acme")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_type_that_came_twice_is_one() {
    let app = App::start().await;
    let save = PROVIDERS[0].save_request("acme", "t", &json!({})).to_string();
    for kind in [
        "application/json, application/json",
        "application/json,application/json; charset=utf-8",
        "Application/JSON ; charset=\"utf-8\"",
    ] {
        assert_eq!(send(&app, "comments/save", &[("content-type", kind)], save.clone()).await.status, 200, "{kind}");
    }
    let twice = [("content-type", "application/json"), ("content-type", "application/json")];
    assert_eq!(send(&app, "comments/save", &twice, save.clone()).await.status, 200);
    let two = [("content-type", "application/json"), ("content-type", "text/plain")];
    send(&app, "comments/save", &two, save).await.refused(415);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_json_and_nothing_else_to_a_browser() {
    let app = App::start().await;
    for (operation, body) in [
        ("comments/get", json!({ "organizationId": "acme" })),
        ("comments/get", json!({})),
        ("comments/nothing", json!({})),
    ] {
        let response = app.http.post(app.url(operation)).json(&body).send().await.unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{operation}");
        assert_eq!(response.headers()["content-type"], "application/json", "{operation}");
    }
}
