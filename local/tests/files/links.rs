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
    assert_eq!(header(&answer, "cache-control"), "private, max-age=900");
    assert_eq!(header(&answer, "vary").split(", ").next(), Some("Origin"), "the answer to a script is another");
    assert_eq!(header(&answer, "cross-origin-resource-policy"), "cross-origin");
    assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(&answer, "referrer-policy"), "no-referrer");
    let location = header(&answer, "location").to_owned();
    assert!(location.contains("X-Amz-Expires=21600"), "a viewing lasts for hours: {location}");
    let file = app.http.get(&location).send().await.unwrap();
    assert_eq!(header(&file, "content-type"), "image/png");
    assert!(header(&file, "content-disposition").starts_with("inline; "));
    assert_eq!(file.bytes().await.unwrap(), PNG);
    let part = app.http.get(&location).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), &PNG[1..4]);
    let head = app.http.head(&url).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::FOUND);
    let head = app.http.head(header(&head, "location")).send().await.unwrap();
    assert_eq!((head.status(), header(&head, "content-length")), (StatusCode::OK, &*PNG.len().to_string()));
    assert_eq!(header(&head, "content-type"), "image/png");
    let gone = app.http.head(format!("{}/files/x/y", app.server.url())).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::FORBIDDEN);
    assert_eq!(app.http.post(&url).send().await.unwrap().status(), StatusCode::NOT_FOUND);
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
        let again = app.upload(save, &app.request(1, "a.png", "image/png"), b"another").await;
        assert_eq!(app.bytes(&again).await, b"another");
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

/// A PNG under a strange type is no HTML: what is shown is the type that the bytes prove, and what is no type is refused.
pub(crate) async fn no_declared_type_is_served_inside_a_page(app: App) {
    let long = format!("image/png; x={}", "y".repeat(300));
    for (id, kind) in (1..).zip([
        "image/png;, text/html",
        "image/png; charset=\"text/html\"",
        "image/png;text/html",
        "IMAGE/PNG;\u{e9}",
        "image/png ;",
        &long,
    ]) {
        let url = app.upload("attachments/save", &app.request(id, "a", kind), PNG).await;
        let file = app.open(&url).await;
        assert_eq!(
            (header(&file, "content-type"), &header(&file, "content-disposition")[..7]),
            ("image/png", "inline;")
        );
    }
    for kind in
        ["image/png, text/html", "image/png,text/html;", "image", "image/", "im\u{e9}ge/png", "image/png/html", "a b/c"]
    {
        for request in [
            app.request(50, "a", kind),
            json!({ "attachment": { "attachmentId": 50 }, "metadata": {
            "organizationId": app.organization, "mimeType": kind,
        } }),
        ] {
            let form = reqwest::multipart::Form::new();
            let form = form.part("file", reqwest::multipart::Part::bytes(PNG).file_name("a"));
            let (status, answer) = app.post_form("attachments/save", form.text("request", request.to_string())).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{kind}");
            assert!(answer["message"].as_str().unwrap().contains(".mimeType: "), "{answer}");
            let mut start = request;
            start["size"] = json!(PNG.len());
            assert_eq!(app.post("uploads/start", &start).await.0, StatusCode::BAD_REQUEST, "{kind}");
        }
    }
}

/// Files made by ffmpeg, as declared by browsers.
pub(crate) async fn what_browsers_can_play_is_inside_the_page(app: App) {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/samples");
    let files = [
        ("adts.aac", "audio/aac", "audio/aac"),
        ("cmaf.mp4", "video/mp4; codecs=\"avc1.42E01E, mp4a.40.2\"", "video/mp4"),
        ("h264.mkv", "video/x-matroska;codecs=avc1,opus", "video/x-matroska"),
        ("index-last.mp4", "video/mp4", "video/mp4"),
        ("lossless.flac", "audio/flac", "audio/flac"),
        ("moving.apng", "image/apng", "image/png"),
        ("mpeg25.mp3", "audio/mpeg", "audio/mpeg"),
        ("opus.ogg", "audio/ogg; codecs=opus", "audio/ogg"),
        ("opus.webm", "audio/webm;codecs=opus", "audio/webm"),
        ("phone.3gp", "video/3gpp", "video/3gpp"),
        ("picture.mp4", "video/mp4", "video/mp4"),
        ("quick.mov", "video/quicktime", "video/quicktime"),
        ("sound.m4a", "audio/mp4", "audio/mp4"),
        ("sound.m4a", "audio/x-m4a", "audio/mp4"),
        ("still.avif", "image/avif", "image/avif"),
        ("tagged.mp3", "audio/mp3", "audio/mpeg"),
        ("theora.ogv", "video/ogg", "video/ogg"),
        ("vorbis.ogg", "application/ogg", "audio/ogg"),
        ("vp8.webm", "video/webm;codecs=vp8,opus", "video/webm"),
        ("wave.wav", "audio/vnd.wave", "audio/wav"),
    ];
    for (id, (name, kind, served)) in (1..).zip(files) {
        let bytes = std::fs::read(samples.join(name)).unwrap();
        let url = app.upload("recordings/upload", &app.request(id, name, kind), &bytes).await;
        let file = app.open(&url).await;
        assert_eq!(header(&file, "content-type"), served, "{name}");
        assert!(header(&file, "content-disposition").starts_with("inline;"), "{name}");
        assert_eq!(file.bytes().await.unwrap(), bytes, "{name}");
        // Another's bytes under the same name are a download.
        let url = app.upload("recordings/upload", &app.request(id, name, kind), b"<!DOCTYPE html><script>").await;
        assert!(header(&app.open(&url).await, "content-disposition").starts_with("attachment;"), "{name}");
    }
}
