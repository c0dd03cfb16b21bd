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
    assert!(stored["t"].is_object() && app.ask(&link).await.status() == StatusCode::FOUND);

    app.ok("comments/delete", &request).await;
    assert_eq!(app.ask(&link).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(app.keys().await, Vec::<String>::new());
}
