//! Threads that no item of DynamoDB can hold.

use serde_json::{Value, json};

use crate::support::{Answer, App};

fn text(id: usize) -> String {
    format!("{id}-").repeat(1000 / format!("{id}-").len())
}

fn comments(ids: std::ops::Range<usize>) -> Value {
    ids.map(|id| (id.to_string(), json!({ "commentId": id, "commentText": text(id) }))).collect()
}

async fn save(app: &App, thread: &Value) {
    let request =
        json!({ "commentAnnotation": { "t": thread }, "metadata": { "organizationId": "acme", "documentId": "doc" } });
    app.ok("comments/save", &request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_larger_than_an_item_come_back_whole_and_go_on() {
    let app = App::start().await;
    for count in [600, 3500] {
        let thread = json!({ "annotationId": "t", "comments": comments(0..count) });
        save(&app, &thread).await;
        assert_eq!(app.thread("t").await, thread);

        let new = json!({ "comments": { "0": { "commentText": "stale" }, "9999": { "commentText": "new" } } });
        app.save_thread("t", new, "comment.add", 9999).await;
        app.save_thread("t", json!({}), "comment.delete", 1).await;
        app.save_thread("t", json!({ "comments": comments(1..2) }), "comment.update", 1).await;
        let after = app.thread("t").await;
        assert_eq!(after["comments"].as_object().unwrap().len(), count, "one more and one less");
        assert_eq!(after["comments"]["0"], thread["comments"]["0"]);
        assert_eq!(after["comments"]["9999"]["commentText"], "new");

        let by_document = json!({ "organizationId": "acme", "documentIds": ["doc"] });
        assert_eq!(app.ok("comments/get", &by_document).await["t"], after);

        let delete = json!({ "commentAnnotationId": "t", "metadata": { "organizationId": "acme" } });
        app.ok("comments/delete", &delete).await;
        app.ok("comments/delete", &delete).await;
        assert_eq!(app.thread("t").await, Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_grows_beyond_an_item_reply_by_reply() {
    let app = App::start().await;
    for id in 0..12 {
        let comment = json!({ "commentId": id, "commentText": id.to_string().repeat(50_000) });
        app.save_thread("t", json!({ "comments": { id.to_string(): comment } }), "comment.add", id).await;
    }
    let thread = app.thread("t").await;
    for id in 0..12_usize {
        assert_eq!(thread["comments"][id.to_string()]["commentText"], id.to_string().repeat(50_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_comment_and_one_field_may_each_exceed_an_item() {
    let app = App::start().await;
    let thread = json!({
        "annotationId": "t",
        "custom": "é".repeat(1_000_000),
        "comments": { "1": { "commentText": "ü".repeat(700_000) }, "2": { "commentText": "small" } },
    });
    save(&app, &thread).await;
    assert_eq!(app.thread("t").await, thread);

    let changed = json!({ "comments": { "1": { "commentText": "short" } } });
    app.save_thread("t", changed, "comment.update", 1).await;
    let cleared = json!({ "custom": null });
    app.save_thread("t", cleared, "comment_annotation.assign", Value::Null).await;
    let expected = json!({
        "annotationId": "t",
        "custom": null,
        "comments": { "1": { "commentText": "short" }, "2": { "commentText": "small" } },
    });
    assert_eq!(app.thread("t").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_at_once_to_a_large_thread_lose_nothing() {
    let app = App::start().await;
    save(&app, &json!({ "comments": comments(0..600) })).await;
    let replies = (1000..1008).map(|id| {
        let reply = json!({ "comments": { id.to_string(): { "commentText": "reply" } } });
        app.save_thread("t", reply, "comment.add", id)
    });
    futures::future::join_all(replies).await;
    let thread = app.thread("t").await;
    assert_eq!(thread["comments"].as_object().unwrap().len(), 608);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_large_for_lambda_says_how_to_narrow() {
    let app = App::start().await;
    for id in 0..8 {
        let thread = json!({ "comments": comments(0..1000) });
        app.save_thread(&format!("t{id}"), thread, "comment_annotation.add", Value::Null).await;
    }
    let request = json!({ "organizationId": "acme", "documentIds": ["doc"] }).to_string();
    let post = |gzip: bool| {
        let client = reqwest::Client::builder().gzip(gzip).build().unwrap();
        client.post(app.url("comments/get")).header("content-type", "application/json").body(request.clone()).send()
    };
    let message = Answer::read(post(false).await.unwrap()).await.refused(413);
    assert!(message.contains("documentIds") && message.contains("gzip"), "{message}");
    let answer = Answer::read(post(true).await.unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["data"].as_object().unwrap().len(), 8);
}
