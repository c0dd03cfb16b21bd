use serde_json::{Value, json};

use crate::support::App;

fn thread() -> Value {
    json!({ "annotationId": "t", "comments": { "1": { "commentId": 1, "commentText": "one" } } })
}

fn delete() -> Value {
    json!({ "commentAnnotationId": "t", "metadata": { "organizationId": "acme", "documentId": "doc" } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_from_every_read_and_deleting_again_is_a_success() {
    let app = App::start().await;
    app.save_thread("t", thread(), "comment_annotation.add", Value::Null).await;
    for _ in 0..3 {
        app.ok("comments/delete", &delete()).await;
    }
    assert_eq!(app.thread("t").await, Value::Null);
    for filter in [json!({ "organizationId": "acme" }), json!({ "organizationId": "acme", "documentIds": ["doc"] })] {
        assert_eq!(app.ok("comments/get", &filter).await, json!({}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_view_of_a_deleted_thread_brings_nothing_back() {
    let app = App::start().await;
    app.save_thread("t", thread(), "comment_annotation.add", Value::Null).await;
    app.ok("comments/delete", &delete()).await;
    for (event, comment) in
        [("comment.add", json!(1)), ("comment.update", json!("1")), ("comment_annotation.assign", Value::Null)]
    {
        app.save_thread("t", thread(), event, comment).await;
        assert_eq!(app.thread("t").await, Value::Null, "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_thread_can_be_made_anew() {
    let app = App::start().await;
    for event in ["comment_annotation.add", "comment_annotation.add"] {
        app.save_thread("t", thread(), event, Value::Null).await;
        assert_eq!(app.thread("t").await, thread());
        app.ok("comments/delete", &delete()).await;
    }
    let request = json!({ "commentAnnotation": { "t": thread() }, "metadata": { "organizationId": "acme" } });
    app.ok("comments/save", &request).await;
    assert_eq!(app.thread("t").await, thread());
}
