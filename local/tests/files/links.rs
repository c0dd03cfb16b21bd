//! Links: what they answer, and what they don't.

use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::support::{App, PNG};

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

pub(crate) async fn a_file_is_read_by_its_link_whole_and_in_ranges(app: App) {
    let url = app.upload("attachments/save", &app.request(1, "a.png", "image/png"), PNG).await;
    let answer = app.ask(&url).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    let location = header(&answer, "location").to_owned();
    assert!(location.contains("X-Amz-Expires=300"), "{location}");
    let file = app.http.get(&location).send().await.unwrap();
    assert_eq!(header(&file, "content-type"), "image/png");
    assert!(header(&file, "content-disposition").starts_with("inline; "));
    assert_eq!(file.bytes().await.unwrap(), PNG);
    let part = app.http.get(&location).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), &PNG[1..4]);
    if app.is_strict {
        let (plain, _) = location.split_once('?').unwrap();
        assert_eq!(app.http.get(plain).send().await.unwrap().status(), StatusCode::FORBIDDEN, "the bucket is private");
    }
}

pub(crate) async fn what_is_not_proven_safe_is_downloaded(app: App) {
    let html = b"<!DOCTYPE html><script>alert(1)</script>".as_slice();
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".as_slice();
    let files = [
        ("image/png", PNG, "inline"),
        ("image/png", html, "attachment"),
        ("text/html", html, "attachment"),
        ("text/html", PNG, "attachment"),
        ("image/svg+xml", svg, "attachment"),
        ("image/png", svg, "attachment"),
        ("application/pdf", b"%PDF-1.7\n".as_slice(), "inline"),
        ("application/octet-stream", PNG, "attachment"),
    ];
    for (id, (kind, bytes, disposition)) in (1..).zip(files) {
        let url = app.upload("attachments/save", &app.request(id, "a", kind), bytes).await;
        let file = app.open(&url).await;
        assert!(header(&file, "content-disposition").starts_with(&format!("{disposition};")), "{kind}");
        assert_eq!(header(&file, "content-type"), kind);
    }
}

pub(crate) async fn a_deleted_file_is_gone_and_its_delete_can_be_repeated(app: App) {
    for (save, delete) in
        [("attachments/save", "attachments/delete"), ("recordings/upload", "recordings/upload/delete")]
    {
        let url = app.upload(save, &app.request(1, "a.png", "image/png"), PNG).await;
        let location = header(&app.ask(&url).await, "location").to_owned();
        let request = json!({ "attachmentId": 1, "metadata": app.metadata(), "event": "attachment.delete" });
        for _ in 0..2 {
            app.ok(delete, &request).await;
            assert_eq!(app.ask(&url).await.status(), StatusCode::NOT_FOUND);
        }
        assert!(app.http.get(location).send().await.unwrap().status().is_client_error());
        let again = app.upload(save, &app.request(1, "a.png", "image/png"), PNG).await;
        assert_eq!(app.bytes(&again).await, PNG);
        app.ok(delete, &request).await;
    }
    assert_eq!(app.keys().await, Vec::<String>::new());
    for bad in
        [json!({}), json!({ "attachmentId": { "$ne": 0 }, "metadata": app.metadata() }), json!({ "attachmentId": 1 })]
    {
        assert_eq!(app.post("attachments/delete", &bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

pub(crate) async fn a_changed_link_is_refused(app: App) {
    let url = app.upload("attachments/save", &app.request(1, "a.png", "image/png"), PNG).await;
    let (start, name) = url.rsplit_once('/').unwrap();
    let (base, token) = start.rsplit_once('/').unwrap();
    let mut parts = token.split('.');
    let (key, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let other = app.upload("attachments/save", &app.request(2, "a.png", "image/png"), PNG).await;
    let other_payload = other.rsplit_once('/').unwrap().0.rsplit_once('/').unwrap().1.split('.').nth(1).unwrap();
    for changed in [
        format!("{key}.{other_payload}.{signature}"),
        format!("{key}.{payload}."),
        format!("{key}.{payload}.{}", &signature[1..]),
        format!("current.{payload}.{signature}"),
        format!("unknown.{payload}.{signature}"),
        "x".to_owned(),
    ] {
        assert_eq!(app.ask(&format!("{base}/{changed}/{name}")).await.status(), StatusCode::FORBIDDEN, "{changed}");
    }
    // The name only makes a link readable.
    assert_eq!(app.ask(&format!("{start}/another.png")).await.status(), StatusCode::FOUND);
    assert_eq!(app.ask(&format!("{base}/x")).await.status(), StatusCode::NOT_FOUND);
}
