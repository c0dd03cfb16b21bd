//! The embedded S3: it takes every file, and nothing from pages or hosts that are not allowed.

use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::App;

const MEGABYTE: usize = 1024 * 1024;

/// How often each file is posted: what failed, failed by chance.
const TIMES: usize = 10;

fn random(size: usize) -> Vec<u8> {
    let mut block = vec![0; MEGABYTE + 1];
    fastrand::fill(&mut block);
    block.into_iter().cycle().take(size).collect()
}

async fn start(app: &App, size: usize) -> Value {
    let mut request = app.request(1, "a.bin", "application/octet-stream");
    request["size"] = json!(size);
    app.ok("uploads/start", &request).await
}

fn form(started: &Value, bytes: Vec<u8>) -> Form {
    let fields = started["fields"].as_object().unwrap().iter();
    let form =
        fields.fold(Form::new(), |form, (name, value)| form.text(name.clone(), value.as_str().unwrap().to_owned()));
    form.part("file", Part::bytes(bytes).file_name("blob"))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_any_bytes_are_taken() {
    let app = App::embedded().await;
    let crlf = |size: usize| b"\r\n".iter().copied().cycle().take(size).collect::<Vec<u8>>();
    let almost = |size: usize| b"\r\n--".iter().copied().cycle().take(size).collect::<Vec<u8>>();
    // The largest take long, and what failed by chance did so in the smaller ones too.
    for (megabytes, times) in [(1, TIMES), (7, TIMES), (100, 1)] {
        let size = megabytes * MEGABYTE - 1;
        let started = start(&app, size).await;
        for time in 0..times {
            for (name, bytes) in [("random", random(size)), ("CRLF", crlf(size)), ("boundaries", almost(size))] {
                let posted = app.http.post(started["url"].as_str().unwrap()).multipart(form(&started, bytes));
                let answer = posted.send().await.unwrap();
                assert_eq!(answer.status(), 204, "{megabytes} MB of {name}, the {time}th time");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_hosts_that_are_not_allowed_are_refused() {
    let app = App::embedded().await;
    let url = app.upload("attachments/save", &app.request(1, "a.bin", ""), b"bytes").await;
    let location = app.ask(&url).await.headers()["location"].to_str().unwrap().to_owned();
    let get = |headers: &[(&'static str, &'static str)]| {
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let get = app.http.get(&location).headers(headers).send();
        async { get.await.unwrap().status().as_u16() }
    };
    assert_eq!(get(&[]).await, 200);
    assert_eq!(get(&[("origin", "http://localhost:5173")]).await, 200);
    assert_eq!(get(&[("origin", "null")]).await, 200, "what a browser says after the redirect of a link");
    for origin in ["https://evil.example", "http://localhost.evil.example", "file://", ""] {
        assert_eq!(get(&[("origin", origin)]).await, 403, "{origin}");
    }
    assert_eq!(get(&[("host", "evil.example")]).await, 403);

    let started = start(&app, 5).await;
    for origin in ["null", "https://evil.example"] {
        let post = app.http.post(started["url"].as_str().unwrap()).header("origin", origin);
        let answer = post.multipart(form(&started, b"bytes".to_vec())).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{origin}");
        assert!(answer.headers().get("access-control-allow-origin").is_none());
    }
}
