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
        // A folder narrows only what nothing else does: it is out of date when Velt has moved the document since.
        (json!({ "documentIds": ["d1"], "folderId": "f1" }), "ab"),
        (json!({ "documentIds": ["d1"], "folderId": "f1", "allDocuments": true }), "ac"),
        (json!({ "documentIds": [], "folderId": "f1", "allDocuments": true }), "ac"),
        (json!({ "commentAnnotationIds": ["a", "c", "d"], "documentIds": ["d1", "d2"] }), "ac"),
        (json!({ "commentAnnotationIds": ["a", "c", "d"], "folderId": "f2" }), "acd"),
        (json!({ "commentAnnotationIds": ["b"], "documentIds": ["d1"], "folderId": "f1" }), "b"),
        (json!({ "commentAnnotationIds": ["c"], "documentIds": ["d1"] }), ""),
        (json!({ "commentAnnotationIds": [] }), ""),
        (json!({ "documentIds": [] }), ""),
        // An empty list beside one that is not empty counts as absent.
        (json!({ "commentAnnotationIds": ["a"], "documentIds": [] }), "a"),
        (json!({ "commentAnnotationIds": [], "documentIds": ["d1"] }), "ab"),
        (json!({ "commentAnnotationIds": [], "documentIds": [] }), ""),
        (json!({ "commentAnnotationIds": [], "documentIds": [], "folderId": "f1" }), "ac"),
        (json!({ "commentAnnotationIds": [], "documentIds": null, "allDocuments": true }), ""),
        (json!({ "commentAnnotationIds": null, "documentIds": null, "folderId": null }), "abcd"),
    ] {
        assert_eq!(ids(&app, request.clone()).await, found, "{request}");
    }
}

/// Saves the thread `a` with this metadata of its own, and an event.
async fn say_where(app: &App, metadata: Value, event: Value, comment: Value) {
    let mut metadata = metadata;
    metadata["organizationId"] = json!("acme");
    let thread = json!({ "annotationId": "a", "metadata": metadata });
    let request = json!({ "commentAnnotation": { "a": thread }, "event": event, "commentId": comment });
    app.ok("comments/save", &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_is_found_where_an_event_that_is_about_its_metadata_last_put_it() {
    let app = stored().await;
    for (event, comment, document) in [
        (json!("comment_annotation.add"), Value::Null, "d9"),
        (Value::Null, Value::Null, "d8"),
        (json!(""), Value::Null, "d7"),
        (json!("something.unknown"), Value::Null, "d6"),
    ] {
        // What metadata leaves out stays: the folder is still known.
        say_where(&app, json!({ "documentId": document, "folderId": null }), event, comment).await;
        assert_eq!(ids(&app, json!({ "documentIds": ["d1"] })).await, "b");
        assert_eq!(ids(&app, json!({ "documentIds": [document] })).await, "a");
        assert_eq!(ids(&app, json!({ "folderId": "f1" })).await, "ac");
    }
    // A view of another place, or of none, moves nothing.
    for (event, comment) in [
        (json!("comment_annotation.assign"), Value::Null),
        (json!("comment_annotation.approve"), Value::Null),
        (json!("comment.add"), json!(1)),
        (json!("comment.delete"), json!(1)),
        (json!("comment.reaction_add"), json!(1)),
        (Value::Null, json!(1)),
    ] {
        say_where(&app, json!({ "documentId": "d2", "folderId": "f2" }), event, comment).await;
        say_where(&app, json!({}), json!("comment_annotation.add"), Value::Null).await;
        assert_eq!(ids(&app, json!({ "documentIds": ["d6"] })).await, "a");
        assert_eq!(ids(&app, json!({ "documentIds": ["d2"] })).await, "c");
        assert_eq!(ids(&app, json!({ "folderId": "f1" })).await, "ac");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_does_not_say_where_leaves_it_where_it_was() {
    let app = stored().await;
    let request = json!({ "commentAnnotation": { "a": { "x": 1 } }, "metadata": { "organizationId": "acme" } });
    app.ok("comments/save", &request).await;
    assert_eq!(ids(&app, json!({ "documentIds": ["d1"] })).await, "ab");
    assert_eq!(ids(&app, json!({ "folderId": "f1" })).await, "ac");
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
