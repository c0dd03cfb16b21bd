use serde_json::{Value, json};

use crate::support::App;

async fn stored() -> App {
    let app = App::start().await;
    for (id, document, folder) in
        [("a", "d1", Some("f1")), ("b", "d1", None), ("c", "d2", Some("f1")), ("d", "d3", Some("f2"))]
    {
        let mut metadata = json!({ "organizationId": "acme", "documentId": document });
        if let Some(folder) = folder {
            metadata["folderId"] = json!(folder);
        }
        let thread = json!({ "annotationId": id, "metadata": metadata, "comments": {} });
        app.ok("comments/save", &json!({ "commentAnnotation": { id: thread } })).await;
    }
    app
}

async fn ids(app: &App, mut request: Value) -> String {
    request["organizationId"] = json!("acme");
    let data = app.ok("comments/get", &request).await;
    let mut ids: Vec<&String> = data.as_object().unwrap().keys().collect();
    ids.sort();
    ids.into_iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_chooses_and_all_are_anded() {
    let app = stored().await;
    for (request, found) in [
        (json!({ "commentAnnotationIds": ["a", "d", "x"] }), "ad"),
        (json!({ "commentAnnotationIds": ["a", "a"] }), "a"),
        (json!({ "documentIds": ["d1"] }), "ab"),
        (json!({ "documentIds": ["d1", "d3", "d1", "x"] }), "abd"),
        (json!({ "folderId": "f1", "allDocuments": true }), "ac"),
        (json!({ "folderId": "f1" }), "ac"),
        (json!({}), "abcd"),
        (json!({ "allDocuments": true }), "abcd"),
        (json!({ "documentIds": ["d1"], "folderId": "f1" }), "a"),
        (json!({ "commentAnnotationIds": ["a", "c", "d"], "documentIds": ["d1", "d2"] }), "ac"),
        (json!({ "commentAnnotationIds": ["a", "c", "d"], "folderId": "f2" }), "d"),
        (json!({ "commentAnnotationIds": ["b"], "documentIds": ["d1"], "folderId": "f1" }), ""),
        (json!({ "commentAnnotationIds": [] }), ""),
        (json!({ "documentIds": [] }), ""),
        (json!({ "commentAnnotationIds": ["a"], "documentIds": [] }), ""),
        (json!({ "commentAnnotationIds": null, "documentIds": null, "folderId": null }), "abcd"),
    ] {
        assert_eq!(ids(&app, request.clone()).await, found, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_found_where_it_last_stood() {
    let app = stored().await;
    let moved = json!({ "annotationId": "a", "metadata": { "organizationId": "acme", "documentId": "d9" } });
    let request = json!({ "commentAnnotation": { "a": moved }, "event": "comment_annotation.assign" });
    app.ok("comments/save", &request).await;
    assert_eq!(ids(&app, json!({ "documentIds": ["d1"] })).await, "b");
    assert_eq!(ids(&app, json!({ "documentIds": ["d9"] })).await, "a");
    // Its metadata, as it now is, names no folder.
    assert_eq!(ids(&app, json!({ "folderId": "f1" })).await, "c");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_does_not_say_where_leaves_it_where_it_was() {
    let app = stored().await;
    let request = json!({ "commentAnnotation": { "a": { "x": 1 } }, "metadata": { "organizationId": "acme" } });
    app.ok("comments/save", &request).await;
    assert_eq!(ids(&app, json!({ "documentIds": ["d1"], "folderId": "f1" })).await, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_2000_threads_and_150_ids_are_answered_whole() {
    let app = App::start().await;
    for hundred in 0..20 {
        let threads: serde_json::Map<String, Value> = (0..100)
            .map(|n| (format!("t{hundred}-{n}"), json!({ "comments": { "1": { "commentText": "x".repeat(700) } } })))
            .collect();
        let metadata = json!({ "organizationId": "acme", "documentId": "doc" });
        app.ok("comments/save", &json!({ "commentAnnotation": threads, "metadata": metadata })).await;
    }
    let by_document = json!({ "organizationId": "acme", "documentIds": ["doc"] });
    assert_eq!(app.ok("comments/get", &by_document).await.as_object().unwrap().len(), 2000);
    assert_eq!(app.ok("comments/get", &json!({ "organizationId": "acme" })).await.as_object().unwrap().len(), 2000);
    let ids: Vec<String> = (0..150).map(|n| format!("t{}-{}", n % 20, n / 20)).collect();
    let by_ids = json!({ "organizationId": "acme", "commentAnnotationIds": ids });
    assert_eq!(app.ok("comments/get", &by_ids).await.as_object().unwrap().len(), 150);
}
