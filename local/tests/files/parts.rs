//! Uploads in parts, against the embedded S3 alone: moto answers `ListParts` with a root element that is not S3's, which the
//! SDK refuses.

use local::{Auth, Options};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{App, PNG};

/// A little more than what a form takes.
const SIZE: usize = 100 * 1024 * 1024 + 12_345;

fn bytes() -> Vec<u8> {
    PNG.iter().copied().chain((0..u32::MAX).map(|n| n.to_le_bytes()[0])).take(SIZE).collect()
}

fn request(app: &App, id: u32) -> Value {
    let mut request = app.request(id, "a b.png", "image/png");
    request["size"] = json!(SIZE);
    request["storage"] = json!("recordings");
    request
}

async fn put(app: &App, url: &Value, bytes: &[u8]) -> StatusCode {
    app.http.put(url.as_str().unwrap()).body(bytes.to_vec()).send().await.unwrap().status()
}

fn part_size(started: &Value) -> usize {
    usize::try_from(started["partSize"].as_u64().unwrap()).unwrap()
}

async fn put_all(app: &App, started: &Value, bytes: &[u8]) {
    for (url, part) in started["urls"].as_array().unwrap().iter().zip(bytes.chunks(part_size(started))) {
        assert!(put(app, url, part).await.is_success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_parts_is_joined_and_never_changes() {
    let app = App::embedded().await;
    let bytes = bytes();
    let mut request = request(&app, 1);
    let started = app.ok("uploads/start", &request).await;
    assert_eq!((&started["method"], &started["uploaded"]), (&json!("PUT"), &json!([])));
    let urls = started["urls"].as_array().unwrap();
    assert_eq!(urls.len(), SIZE.div_ceil(part_size(&started)));
    request["uploadId"] = started["uploadId"].clone();
    // The last part first, and the rest by the URLs of a page that was loaded again.
    let last = bytes.chunks(part_size(&started)).next_back().unwrap();
    assert!(put(&app, &urls[urls.len() - 1], last).await.is_success());
    let resumed = app.ok("uploads/start", &request).await;
    assert_eq!(resumed["uploadId"], started["uploadId"]);
    assert_eq!(resumed["uploaded"], json!([urls.len()]));
    put_all(&app, &resumed, &bytes).await;
    let finished = app.ok("uploads/finish", &request).await;
    assert_eq!(app.ok("uploads/finish", &request).await, finished);
    let url = finished["url"].as_str().unwrap();
    let file = app.open(url).await;
    assert_eq!(file.headers()["content-type"], "image/png");
    assert!(file.headers()["content-disposition"].to_str().unwrap().starts_with("inline;"));
    assert_eq!(file.bytes().await.unwrap(), bytes);
    assert_eq!(app.keys().await.len(), 1);
    assert!(
        put(&app, &urls[0], &bytes[..part_size(&started)]).await.is_client_error(),
        "what was joined takes no more"
    );

    // The same description again is another upload, with another name.
    let mut again = request.clone();
    again.as_object_mut().unwrap().remove("uploadId");
    let second = app.ok("uploads/start", &again).await;
    assert_ne!(second["uploadId"], started["uploadId"]);
    put_all(&app, &second, &vec![b'<'; SIZE]).await;
    again["uploadId"] = second["uploadId"].clone();
    let other = app.ok("uploads/finish", &again).await;
    assert_ne!(other["url"], finished["url"]);
    assert_eq!(app.bytes(url).await, bytes);
    let html = app.open(other["url"].as_str().unwrap()).await;
    assert!(html.headers()["content-disposition"].to_str().unwrap().starts_with("attachment;"));
    again["sha256"] = json!("0".repeat(64));
    assert_eq!(app.post("uploads/start", &again).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_has_its_size_and_a_refused_upload_is_over() {
    let app = App::embedded().await;
    let bytes = bytes();
    let mut request = request(&app, 1);
    let started = app.ok("uploads/start", &request).await;
    let (urls, part) = (started["urls"].as_array().unwrap(), part_size(&started));
    for wrong in [&bytes[..part - 1], &bytes[..=part], &bytes[..2 * part], &[]] {
        assert!(put(&app, &urls[0], wrong).await.is_client_error(), "{} bytes are signed, not {}", part, wrong.len());
    }
    assert!(put(&app, &urls[0], &bytes[..part]).await.is_success());
    request["uploadId"] = started["uploadId"].clone();
    let (status, answer) = app.post("uploads/finish", &request).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "parts are missing");
    assert!(answer["message"].as_str().unwrap().starts_with("size: "), "{answer}");
    assert!(put(&app, &urls[1], &bytes[part..2 * part]).await.is_client_error(), "its URLs are dead");
    assert_eq!(app.post("uploads/finish", &request).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(app.keys().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_of_one_file_and_one_user() {
    const SECRET: &str = "a-secret-of-32-characters-at-least";
    let options = || Options { auth: Some(Auth::Secret(SECRET.to_owned())), ..Options::default() };
    let app = App::with(options()).await;
    let of = |user: &str| local::auth::token(std::slice::from_ref(&app.organization), user, SECRET).unwrap();
    let post = async |operation: &str, user: &str, body: &Value| {
        let post = app.http.post(format!("{}/api/velt/{operation}", app.server.url())).bearer_auth(of(user)).json(body);
        let answer = post.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap()["data"].clone())
    };
    let bytes = bytes();
    let mut request = request(&app, 1);
    let (_, started) = post("uploads/start", "ann", &request).await;
    request["uploadId"] = started["uploadId"].clone();
    let with = |path: &str, value: Value| {
        let mut other = request.clone();
        *other.pointer_mut(path).unwrap() = value;
        other
    };
    for (user, body, status) in [
        ("bob", request.clone(), 403),
        ("ann", with("/attachment/attachmentId", json!(2)), 403),
        ("ann", with("/attachment/name", json!("b.png")), 403),
        ("ann", with("/metadata/documentId", json!("other")), 403),
        ("ann", with("/size", json!(SIZE + 1)), 403),
        ("ann", with("/uploadId", json!("x")), 400),
        ("ann", with("/uploadId", json!(format!("{}x", started["uploadId"].as_str().unwrap()))), 400),
    ] {
        for operation in ["uploads/finish", "uploads/start"] {
            assert_eq!(post(operation, user, &body).await.0, status, "{operation} {body}");
        }
    }
    // None of these ended it.
    put_all(&app, &started, &bytes).await;
    let (status, finished) = post("uploads/finish", "ann", &request).await;
    assert_eq!(status, 200);
    // Nor is the id of an upload a link, or the reverse.
    let id = started["uploadId"].as_str().unwrap();
    assert_eq!(app.ask(&format!("{}/files/{id}/x", app.server.url())).await.status(), 403);
    let token = finished["url"].as_str().unwrap().split('/').nth_back(1).unwrap().to_owned();
    assert_eq!(post("uploads/finish", "ann", &with("/uploadId", json!(token))).await.0, 400);
    // A form's file waits under a name of its own user's.
    let mut small = app.request(9, "a.png", "image/png");
    small["size"] = json!(PNG.len());
    let (ann, bob) = (post("uploads/start", "ann", &small).await.1, post("uploads/start", "bob", &small).await.1);
    assert_ne!(ann["fields"]["key"], bob["fields"]["key"]);
    assert_eq!(post("uploads/start", "ann", &small).await.1["fields"]["key"], ann["fields"]["key"]);
}
