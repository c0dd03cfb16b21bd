//! Files go with the records that name them.

use std::collections::HashMap;

use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::setup::Setup;

use crate::support::{App, PNG};

pub(crate) async fn a_thread_takes_its_files_with_it(app: App) {
    let mut links = Vec::new();
    for id in 1..=4 {
        links.push(app.upload("attachments/save", &app.request(id, "a.png", "image/png"), PNG).await);
    }
    let unnamed = json!({ "attachment": { "attachmentId": 5 }, "metadata": { "organizationId": app.organization } });
    links.push(app.upload("attachments/save", &unnamed, PNG).await);
    let comment = |id: u32, url: &str| json!({ "commentText": "a", "commentHtml": "a", "attachments": { id.to_string(): { "attachmentId": id, "url": url } } });
    // By their ids, and one by its link alone.
    let thread = json!({ "comments": {
        "1": comment(1, ""),
        "2": comment(2, ""),
        "3": { "commentText": "a", "commentHtml": "a", "attachments": { "x": { "url": links[2] } } },
        // Uploaded in no document: by its link.
        "4": comment(5, &links[4]),
        // A link in a text names nothing.
        "5": { "commentText": links[3], "commentHtml": "a", "attachments": {} },
    } });
    let save = json!({ "commentAnnotation": { "t": thread }, "metadata": app.metadata() });
    app.ok("comments/save", &save).await;
    app.ok("comments/delete", &json!({ "commentAnnotationId": "t", "metadata": app.metadata() })).await;
    for (index, status) in [404, 404, 404, 302, 404].into_iter().enumerate() {
        assert_eq!(app.ask(&links[index]).await.status(), status, "{index}");
    }
    assert_eq!(app.keys().await.len(), 1);
}

pub(crate) async fn a_recording_takes_its_files_with_it(app: App) {
    let mut links = Vec::new();
    for id in 1..=6 {
        links.push(app.upload("recordings/upload", &app.request(id, "a.webm", "video/webm"), PNG).await);
    }
    let of_comment = app.upload("attachments/save", &app.request(1, "a.png", "image/png"), PNG).await;
    let recording = json!({
        "attachment": { "attachmentId": 1 },
        "attachments": [{ "attachmentId": 2, "url": "" }, { "attachmentId": 3 }],
        "chunkUrls": { "0": links[3] },
        "recordingEditVersions": { "1": { "attachment": null, "attachments": [{ "attachmentId": 5 }] } },
        "transcript": "x".repeat(500_000),
    });
    let save = json!({ "recorderAnnotation": { "r": recording }, "metadata": app.metadata() });
    app.ok("recordings/save", &save).await;
    app.ok("recordings/delete", &json!({ "recorderAnnotationId": "r", "metadata": app.metadata() })).await;
    for (index, status) in [404, 404, 404, 404, 404, 302].into_iter().enumerate() {
        assert_eq!(app.ask(&links[index]).await.status(), status, "{index}");
    }
    assert_eq!(app.ask(&of_comment).await.status(), StatusCode::FOUND, "another storage scope is another file");
}

/// The file of a comment that was deleted, or that was edited out of one, goes with the thread at the latest.
pub(crate) async fn files_that_a_record_named_before_go_with_it(app: App) {
    let mut links = Vec::new();
    for id in 1..=4 {
        links.push(app.upload("attachments/save", &app.request(id, "a.png", "image/png"), PNG).await);
    }
    let unnamed = json!({ "attachment": { "attachmentId": 5 }, "metadata": { "organizationId": app.organization } });
    links.push(app.upload("attachments/save", &unnamed, PNG).await);
    let save = async |event: &str, comment: u32, value: Value| {
        app.ok(
            "comments/save",
            &json!({
                "commentAnnotation": { "t": { "comments": { comment.to_string(): value } } },
                "event": event, "commentId": comment, "metadata": app.metadata(),
            }),
        )
        .await
    };
    let with = |files: Value| json!({ "commentText": "a", "commentHtml": "a", "attachments": files });
    save("comment.add", 1, with(json!({ "1": { "attachmentId": 1 } }))).await;
    save("comment.delete", 1, json!({})).await;
    save("comment.add", 2, with(json!({ "2": { "attachmentId": 2, "url": links[1] }, "3": { "attachmentId": 3 } })))
        .await;
    save("comment.update", 2, with(json!({ "3": { "attachmentId": 3 } }))).await;
    save("comment.update", 2, with(Value::Null)).await;
    save("comment.add", 3, with(json!({ "x": { "url": links[4] } }))).await;
    save("comment.delete", 3, json!({})).await;
    let thread = app.ok("comments/get", &json!({ "organizationId": app.organization })).await;
    assert!(
        !thread.to_string().contains("token") && thread["t"]["comments"].as_object().unwrap().len() == 1,
        "{thread}"
    );
    // Until then they are there: Velt may still show them.
    assert_eq!(app.ask(&links[0]).await.status(), StatusCode::FOUND);
    app.ok("comments/delete", &json!({ "commentAnnotationId": "t", "metadata": app.metadata() })).await;
    for (index, status) in [404, 404, 404, 302, 404].into_iter().enumerate() {
        assert_eq!(app.ask(&links[index]).await.status(), status, "{index}");
    }

    let mut chunks = Vec::new();
    for id in 11..=14 {
        chunks.push(app.upload("recordings/upload", &app.request(id, "a.webm", "video/webm"), PNG).await);
    }
    let save = async |fields: Value| {
        app.ok("recordings/save", &json!({ "recorderAnnotation": { "r": fields }, "metadata": app.metadata() })).await
    };
    save(json!({ "attachment": { "attachmentId": 11 }, "chunkUrls": { "0": chunks[1], "1": chunks[2] } })).await;
    // Joined: one file stands for all.
    save(json!({ "attachment": { "attachmentId": 14 }, "chunkUrls": null })).await;
    app.ok("recordings/delete", &json!({ "recorderAnnotationId": "r", "metadata": app.metadata() })).await;
    for chunk in chunks {
        assert_eq!(app.ask(&chunk).await.status(), StatusCode::NOT_FOUND);
    }
}

/// A retry of an upload that comes after the file's delete stores nothing; another file under the same id does.
pub(crate) async fn a_deleted_file_is_not_brought_back_by_a_late_retry(app: App) {
    for (save, delete) in
        [("attachments/save", "attachments/delete"), ("recordings/upload", "recordings/upload/delete")]
    {
        let request = app.request(1, "a.png", "image/png");
        let url = app.upload(save, &request, PNG).await;
        let gone = json!({ "attachmentId": 1, "metadata": app.metadata() });
        app.ok(delete, &gone).await;
        assert_eq!(app.upload(save, &request, PNG).await, url);
        assert_eq!(app.ask(&url).await.status(), StatusCode::NOT_FOUND);
        app.ok(delete, &gone).await;
        let other = app.upload(save, &request, b"another").await;
        assert_eq!(app.upload(save, &request, PNG).await, url, "still remembered");
        assert_eq!(app.ask(&url).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.bytes(&other).await, b"another");
        app.ok(delete, &gone).await;
        for (bytes, url) in [(PNG, &url), (b"another", &other)] {
            app.upload(save, &request, bytes).await;
            assert_eq!(app.ask(url).await.status(), StatusCode::NOT_FOUND);
        }
        // By a thread's delete, and by S3 directly.
        let mut direct = app.request(2, "a.png", "image/png");
        (direct["size"], direct["storage"]) =
            (json!(PNG.len()), json!(if save.starts_with('a') { "attachments" } else { "recordings" }));
        let url = app.upload(save, &app.request(2, "a.png", "image/png"), PNG).await;
        app.ok(delete, &json!({ "attachmentId": 2, "metadata": app.metadata() })).await;
        let started = app.ok("uploads/start", &direct).await;
        assert!(crate::direct::post(&app, &started, PNG).await.is_success());
        assert_eq!(app.ok("uploads/finish", &direct).await["url"], json!(url));
        assert_eq!(app.ask(&url).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(app.keys().await, Vec::<String>::new());
}

/// Thousands of names are no way to make a thread that can't be deleted.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_names_thousands_of_files_can_be_deleted() {
    let app = App::embedded().await;
    let mut links = Vec::new();
    for id in [7, 29_999] {
        links.push(app.upload("attachments/save", &app.request(id, "a.png", "image/png"), PNG).await);
    }
    let attachments: serde_json::Map<String, Value> =
        (0..30_000).map(|id| (id.to_string(), json!({ "attachmentId": id }))).collect();
    let thread = json!({ "comments": { "1": { "commentText": "a", "attachments": attachments } } });
    app.ok("comments/save", &json!({ "commentAnnotation": { "t": thread }, "metadata": app.metadata() })).await;
    let request = json!({ "commentAnnotationId": "t", "metadata": app.metadata() });
    for _ in 0..2 {
        app.ok("comments/delete", &request).await;
    }
    for link in &links {
        assert_eq!(app.ask(link).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(app.keys().await, Vec::<String>::new());
    assert_eq!(app.ok("comments/get", &json!({ "organizationId": app.organization })).await, json!({}));
}

/// However many a thread names, and whatever its document was called when they were uploaded.
#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_document_keeps_nothing_of_a_thread_that_names_many_files() {
    let app = App::embedded().await;
    let link = app.upload("attachments/save", &app.request(7, "a.png", "image/png"), PNG).await;
    let attachments: serde_json::Map<String, Value> =
        (0..400).map(|id| (id.to_string(), json!({ "attachmentId": id }))).collect();
    let thread = json!({ "comments": { "1": { "commentText": "a", "attachments": attachments } } });
    app.ok("comments/save", &json!({ "commentAnnotation": { "t": thread }, "metadata": app.metadata() })).await;
    let rekey = json!({ "organizationId": app.organization, "documentId": "doc", "newDocumentId": "new" });
    let url = format!("{}/backend/velt/documents/rekey", app.server.url());
    assert_eq!(app.http.post(url).json(&rekey).send().await.unwrap().status(), StatusCode::OK);
    let metadata = json!({ "organizationId": app.organization, "documentId": "new" });
    app.ok("comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata })).await;
    assert_eq!(app.ask(&link).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(app.keys().await, Vec::<String>::new());
}

/// As many files as one request does not delete: each goes on from where the last one came to.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_of_many_files_makes_progress_when_it_is_repeated() {
    let app = App::embedded().await;
    let uploads = (0..310).map(|id| {
        let app = &app;
        async move { app.upload("attachments/save", &app.request(id, "a.png", "image/png"), PNG).await }
    });
    let links: Vec<String> =
        futures::StreamExt::collect(futures::StreamExt::buffered(futures::stream::iter(uploads), 8)).await;
    let attachments: serde_json::Map<String, Value> =
        (0..310).map(|id| (id.to_string(), json!({ "attachmentId": id }))).collect();
    let thread = json!({ "comments": { "1": { "commentText": "a", "attachments": attachments } } });
    app.ok("comments/save", &json!({ "commentAnnotation": { "t": thread }, "metadata": app.metadata() })).await;
    let request = json!({ "commentAnnotationId": "t", "metadata": app.metadata() });
    let post = || app.http.post(format!("{}/api/velt/comments/delete", app.server.url())).json(&request).send();
    let mut answers = vec![post().await.unwrap()];
    while answers.last().unwrap().status() == StatusCode::SERVICE_UNAVAILABLE && answers.len() < 20 {
        assert!(answers.last().unwrap().headers().contains_key("retry-after"));
        answers.push(post().await.unwrap());
    }
    assert_eq!(answers.last().unwrap().status(), StatusCode::OK);
    assert!(answers.len() > 1, "one request deletes so many");
    for link in &links {
        assert_eq!(app.ask(link).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(app.keys().await, Vec::<String>::new());
}

/// A delete whose files can't be deleted is no delete: the thread stays, and with it the names for the retry.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_fails_half_way_is_completed_by_its_retry() {
    let app = App::embedded().await;
    let link = app.upload("attachments/save", &app.request(1, "a.png", "image/png"), PNG).await;
    let thread = json!({ "comments": { "1": { "commentText": "a", "attachments": { "1": { "attachmentId": 1 } } } } });
    app.ok("comments/save", &json!({ "commentAnnotation": { "t": thread }, "metadata": app.metadata() })).await;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut settings: HashMap<String, String> = app.server.environment.environment.clone().into_iter().collect();
    settings.insert("AWS_ENDPOINT_URL_S3".to_owned(), nowhere);
    let functions = local::functions(&Setup::new(settings).unwrap()).unwrap();
    let delete = functions.iter().find(|function| function.name == "comments-delete").unwrap();
    let request = json!({ "commentAnnotationId": "t", "metadata": app.metadata() });
    let answer: Value = serde_json::from_str(
        &delete.invoke(delete.event(delete.path, &request.to_string()), "r".to_owned()).await.unwrap(),
    )
    .unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let stored = app.ok("comments/get", &json!({ "organizationId": app.organization })).await;
    assert!(stored["t"].is_object());
    assert_eq!(app.ask(&link).await.status(), StatusCode::NOT_FOUND, "the link is the first to go");

    app.ok("comments/delete", &request).await;
    assert_eq!(app.keys().await, Vec::<String>::new());
}

/// Links were stored in comments before the document was renamed; ids are of the document as it is called now.
pub(crate) async fn files_follow_a_renamed_document(app: App) {
    let mut links = Vec::new();
    for id in 1..=3 {
        links.push(app.upload("attachments/save", &app.request(id, "a.png", "image/png"), PNG).await);
    }
    let chunk = app.upload("recordings/upload", &app.request(9, "a.webm", "video/webm"), PNG).await;
    let comment = json!({ "commentText": "a", "commentHtml": "a", "attachments": { "1": { "attachmentId": 1, "url": links[0] } } });
    let thread = json!({ "comments": { "1": comment } });
    app.ok("comments/save", &json!({ "commentAnnotation": { "t": thread }, "metadata": app.metadata() })).await;
    let recording = json!({ "chunkUrls": { "0": chunk } });
    app.ok("recordings/save", &json!({ "recorderAnnotation": { "r": recording }, "metadata": app.metadata() })).await;

    for (from, to) in [("doc", "renamed"), ("renamed", "again")] {
        let rekey = json!({ "organizationId": app.organization, "documentId": from, "newDocumentId": to });
        let url = format!("{}/backend/velt/documents/rekey", app.server.url());
        let answer = app.http.post(url).json(&rekey).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["data"].get("nextToken"), None);
        assert_eq!(answer["data"]["moved"]["comments"], 1);
    }
    for link in links.iter().chain([&chunk]) {
        assert_eq!(app.ask(link).await.status(), StatusCode::FOUND);
    }
    // A retry of the upload from before lands on the same file.
    assert_eq!(app.upload("attachments/save", &app.request(3, "a.png", "image/png"), PNG).await, links[2]);

    let metadata = json!({ "organizationId": app.organization, "documentId": "again" });
    app.ok("attachments/delete", &json!({ "attachmentId": 2, "metadata": metadata })).await;
    app.ok("comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata })).await;
    app.ok("recordings/delete", &json!({ "recorderAnnotationId": "r", "metadata": metadata })).await;
    for (link, status) in links.iter().chain([&chunk]).zip([404, 404, 302, 404]) {
        assert_eq!(app.ask(link).await.status(), status, "{link}");
    }
    assert_eq!(app.keys().await.len(), 1);
}

/// An S3 that fails without saying why, as a proxy before it may, is one to be asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_store_that_fails_without_a_code_is_unavailable() {
    let app = App::embedded().await;
    app.upload("attachments/save", &app.request(1, "a.png", "image/png"), PNG).await;
    let mut start = app.request(2, "a.png", "image/png");
    start["size"] = json!(PNG.len());
    let calls = [(500, ""), (502, "<html>bad gateway</html>"), (503, "")].map(|(status, body)| {
        let (app, start) = (&app, &start);
        async move {
            let status = http::StatusCode::from_u16(status).unwrap();
            let failing = axum::Router::new().fallback(move || async move { (status, body) });
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut settings: HashMap<String, String> =
                app.server.environment.environment.clone().into_iter().collect();
            settings.insert("AWS_ENDPOINT_URL_S3".to_owned(), format!("http://{}", listener.local_addr().unwrap()));
            tokio::spawn(async move { axum::serve(listener, failing).await });
            let functions = local::functions(&Setup::new(settings).unwrap()).unwrap();
            let gone = json!({ "attachmentId": 1, "metadata": app.metadata() });
            for (name, request) in [("uploads-finish", start), ("attachments-delete", &gone)] {
                let function = functions.iter().find(|function| function.name == name).unwrap();
                let event = function.event(function.path, &request.to_string());
                let answer: Value =
                    serde_json::from_str(&function.invoke(event, "r".to_owned()).await.unwrap()).unwrap();
                assert_eq!(
                    (&answer["statusCode"], &answer["headers"]["retry-after"]),
                    (&json!(503), &json!("1")),
                    "{answer}"
                );
            }
        }
    });
    futures::future::join_all(calls).await;
}
