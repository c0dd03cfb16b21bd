//! Uploads from the browser to S3.

use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{App, PNG};

/// The request of `uploads/start` and `uploads/finish`.
fn request(app: &App, id: u32, kind: &str, size: usize) -> Value {
    let mut request = app.request(id, "a b.png", kind);
    request["size"] = json!(size);
    request["storage"] = json!("recordings");
    request
}

/// Posts to S3 as a browser does.
pub(crate) async fn post(app: &App, started: &Value, bytes: &[u8]) -> StatusCode {
    let mut form = Form::new();
    for (name, value) in started["fields"].as_object().unwrap() {
        form = form.text(name.clone(), value.as_str().unwrap().to_owned());
    }
    let form = form.part("file", Part::bytes(bytes.to_vec()).file_name("blob"));
    app.http.post(started["url"].as_str().unwrap()).multipart(form).send().await.unwrap().status()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

pub(crate) async fn a_posted_file_is_reachable_once_it_is_finished(app: App) {
    let bytes: Vec<u8> = PNG.iter().copied().chain((0..9_000_000_u32).map(|n| n.to_le_bytes()[0])).collect();
    let request = request(&app, 1, "image/png", bytes.len());
    let started = app.ok("uploads/start", &request).await;
    assert_eq!(started["method"], "POST");
    assert!(post(&app, &started, &bytes).await.is_success());
    let finished = app.ok("uploads/finish", &request).await;
    let url = finished["url"].as_str().unwrap();
    let file = app.open(url).await;
    assert_eq!(file.headers()["content-type"], "image/png");
    assert!(file.headers()["content-disposition"].to_str().unwrap().starts_with("inline;"));
    assert_eq!(file.bytes().await.unwrap(), bytes);
    assert_eq!(app.keys().await.len(), 1, "what waited is gone");
    app.ok("recordings/upload/delete", &json!({ "attachmentId": 1, "metadata": app.metadata() })).await;
    assert_eq!(app.keys().await, Vec::<String>::new());
}

pub(crate) async fn a_finish_can_be_repeated_and_finds_the_same_object_as_a_form(app: App) {
    let mut request = request(&app, 1, "image/png", PNG.len());
    for sha256 in [None, Some(hex(PNG))] {
        request["sha256"] = json!(sha256);
        let started = app.ok("uploads/start", &request).await;
        assert!(post(&app, &started, PNG).await.is_success());
        let first = app.ok("uploads/finish", &request).await;
        assert_eq!(app.ok("uploads/finish", &request).await, first);
        let by_form = app.upload("recordings/upload", &app.request(1, "a b.png", "image/png"), PNG).await;
        assert_eq!(first["url"], by_form);
    }
    assert_eq!(app.keys().await.len(), 1);
}

pub(crate) async fn what_was_not_uploaded_as_said_is_refused(app: App) {
    let refused = |answer: (StatusCode, Value), status: u16, field: &str| {
        assert_eq!(answer.0.as_u16(), status, "{}", answer.1);
        assert!(answer.1["message"].as_str().unwrap().starts_with(field), "{}", answer.1);
    };
    let said = request(&app, 1, "image/png", PNG.len());
    refused(app.post("uploads/finish", &said).await, 400, "attachment: ");
    let started = app.ok("uploads/start", &said).await;
    let longer = [PNG, b"more"].concat();
    let posted = post(&app, &started, &longer).await;
    if app.is_strict {
        assert!(posted.is_client_error(), "S3 takes no other size than the one that was signed: {posted}");
    } else {
        refused(app.post("uploads/finish", &said).await, 400, "size: ");
    }
    let mut sha256 = said.clone();
    sha256["sha256"] = json!(hex(b"another"));
    let started = app.ok("uploads/start", &sha256).await;
    assert!(post(&app, &started, PNG).await.is_success());
    refused(app.post("uploads/finish", &sha256).await, 400, "sha256: ");
    let with = |name: &str, value: Value| {
        let mut request = said.clone();
        request[name] = value;
        request
    };
    for (request, status, field) in [
        (with("size", json!("1")), 400, "size: "),
        (with("size", json!(-1)), 400, "size: "),
        (with("size", json!(6_000_000_000_u64)), 413, "size: "),
        (with("sha256", json!("abc")), 400, "sha256: "),
        (with("storage", json!("elsewhere")), 400, "storage: "),
        (with("metadata", json!([])), 400, "metadata: "),
        (with("attachment", json!({})), 400, "attachment.attachmentId: "),
        (with("metadata", json!({})), 400, "metadata.organizationId: "),
    ] {
        refused(app.post("uploads/start", &request).await, status, field);
    }
}

pub(crate) async fn what_is_posted_again_after_the_finish_changes_nothing(app: App) {
    let request = request(&app, 1, "image/png", PNG.len());
    let started = app.ok("uploads/start", &request).await;
    assert!(post(&app, &started, PNG).await.is_success());
    let url = app.ok("uploads/finish", &request).await["url"].as_str().unwrap().to_owned();
    let mut html = b"<!DOCTYPE html><script>".to_vec();
    html.resize(PNG.len(), b' ');
    assert!(post(&app, &started, &html).await.is_success(), "what was signed is still valid");
    assert_eq!(app.bytes(&url).await, PNG);
    // Finished again, it is another content, and one that is not shown.
    let other = app.ok("uploads/finish", &request).await["url"].as_str().unwrap().to_owned();
    assert!(app.open(&other).await.headers()["content-disposition"].to_str().unwrap().starts_with("attachment;"));
    assert_eq!(app.bytes(&url).await, PNG);
}
