use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::App;

/// A thread with comments 1 and 2, a field and an author.
async fn stored() -> App {
    let app = App::start().await;
    let thread = json!({
        "annotationId": "t",
        "from": { "userId": "u1" },
        "priority": "high",
        "comments": { "1": comment(1, "one"), "2": comment(2, "two") },
    });
    app.save_thread("t", thread, "comment_annotation.add", Value::Null).await;
    app
}

fn comment(id: u32, text: &str) -> Value {
    json!({ "commentId": id, "commentText": text, "commentHtml": format!("<p>{text}</p>") })
}

async fn texts(app: &App) -> Value {
    let thread = app.thread("t").await;
    thread["comments"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, comment)| (id.clone(), comment["commentText"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_event_changes_that_comment_only() {
    let app = stored().await;
    let view = json!({ "priority": "low", "comments": { "1": comment(1, "stale"), "2": comment(2, "new") } });
    app.save_thread("t", view, "comment.update", 2).await;
    assert_eq!(texts(&app).await, json!({ "1": "one", "2": "new" }));
    assert_eq!(app.thread("t").await["priority"], "high");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_event_fills_in_what_is_missing_here() {
    let app = stored().await;
    let view = json!({ "extra": 0, "comments": { "3": comment(3, "three"), "4": comment(4, "four") } });
    app.save_thread("t", view, "comment.add", "4").await;
    assert_eq!(texts(&app).await, json!({ "1": "one", "2": "two", "3": "three", "4": "four" }));
    assert_eq!(app.thread("t").await["extra"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_event_on_a_thread_unknown_here_makes_it() {
    let app = App::start().await;
    let view = json!({ "comments": { "1": comment(1, "one"), "2": comment(2, "two") } });
    app.save_thread("t", view, "comment.add", 2).await;
    assert_eq!(texts(&app).await, json!({ "1": "one", "2": "two" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn annotation_events_change_fields_and_no_comment_that_is_here() {
    for event in
        ["comment_annotation.assign", "comment_annotation.status_change", "something.unknown", "comment.update"]
    {
        let app = stored().await;
        let view = json!({ "custom": "low", "comments": { "1": comment(1, "stale"), "3": comment(3, "three") } });
        // `comment.update` names no comment here, so it can only be about the thread.
        app.save_thread("t", view, event, Value::Null).await;
        assert_eq!(texts(&app).await, json!({ "1": "one", "2": "two", "3": "three" }), "{event}");
        assert_eq!(app.thread("t").await["custom"], "low", "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_event_the_payload_is_the_thread() {
    let app = stored().await;
    let thread = json!({ "priority": "low", "comments": { "1": comment(1, "new"), "3": comment(3, "three") } });
    let request = json!({ "commentAnnotation": { "t": thread }, "metadata": { "organizationId": "acme" } });
    app.ok("comments/save", &request).await;
    assert_eq!(texts(&app).await, json!({ "1": "new", "2": "two", "3": "three" }));
    assert_eq!(app.thread("t").await["priority"], "low");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_comment_stays_deleted_whoever_still_sees_it() {
    let app = stored().await;
    app.save_thread("t", json!({ "comments": { "2": comment(2, "two") } }), "comment.delete", 1).await;
    let view = json!({ "comments": { "1": comment(1, "stale"), "2": comment(2, "two"), "3": comment(3, "three") } });
    for (event, id) in [
        (json!("comment.add"), json!(3)),
        (json!("comment.update"), json!(1)),
        (json!("comment.add"), json!(1)),
        (json!("comment_annotation.assign"), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let metadata = json!({ "organizationId": "acme" });
        let request =
            json!({ "commentAnnotation": { "t": view }, "event": event, "commentId": id, "metadata": metadata });
        app.ok("comments/save", &request).await;
        assert_eq!(texts(&app).await.get("1"), None, "{event}");
    }
    assert_eq!(texts(&app).await, json!({ "2": "two", "3": "three" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_without_its_text_erases_none() {
    for event in [json!("comment.update"), Value::Null] {
        let app = stored().await;
        let degraded = json!({ "comments": { "1": { "commentId": 1, "to": [{ "userId": "u2" }] } } });
        let metadata = json!({ "organizationId": "acme" });
        let request =
            json!({ "commentAnnotation": { "t": degraded }, "event": event, "commentId": 1, "metadata": metadata });
        app.ok("comments/save", &request).await;
        let comment = app.thread("t").await["comments"]["1"].clone();
        assert_eq!(comment["commentText"], "one");
        assert_eq!(comment["commentHtml"], "<p>one</p>");
        assert_eq!(comment["to"], json!([{ "userId": "u2" }]), "what it did bring is kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_may_be_emptied_by_its_author() {
    let app = stored().await;
    let empty = json!({ "commentId": 1, "commentText": "", "commentHtml": "", "attachments": {} });
    app.save_thread("t", json!({ "comments": { "1": empty } }), "comment.update", 1).await;
    let stored = app.thread("t").await["comments"]["1"].clone();
    for (name, value) in empty.as_object().unwrap() {
        assert_eq!(stored[name], *value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_field_stays_and_a_null_clears() {
    let app = stored().await;
    for resolved in [json!("u1"), Value::Null] {
        let thread = json!({ "resolvedByUserId": resolved });
        app.save_thread("t", thread, "comment_annotation.status_change", Value::Null).await;
        let thread = app.thread("t").await;
        assert_eq!(thread["resolvedByUserId"], resolved);
        assert!(thread.as_object().unwrap().contains_key("resolvedByUserId"));
        assert_eq!(thread["priority"], "high");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_comment_is_context_and_not_stored() {
    let app = stored().await;
    let request = json!({
        "commentAnnotation": { "t": { "comments": { "1": comment(1, "new") } } },
        "targetComment": comment(1, "other"),
        "event": "comment.update",
        "commentId": "1",
        "metadata": { "organizationId": "acme" },
    });
    app.ok("comments/save", &request).await;
    let thread = app.thread("t").await;
    assert_eq!(thread["comments"]["1"]["commentText"], "new");
    assert!(thread.get("targetComment").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_add_at_once_with_stale_views_lose_nothing() {
    let app = stored().await;
    let saves = (10..30).map(|id| {
        let view = json!({ "comments": { "1": comment(1, "stale"), id.to_string(): comment(id, "added") } });
        app.save_thread("t", view, "comment.add", id)
    });
    join_all(saves).await;
    let texts = texts(&app).await;
    assert_eq!(texts["1"], "one");
    assert!((10..30).all(|id| texts[id.to_string()] == "added"), "{texts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_hundreds_of_comments_is_saved_whole() {
    let app = stored().await;
    let mut view: serde_json::Map<String, Value> = (3..700).map(|id| (id.to_string(), comment(id, "seen"))).collect();
    view.insert("1".to_owned(), comment(1, "stale"));
    app.save_thread("t", json!({ "comments": view }), "comment.add", 699).await;
    let texts = texts(&app).await;
    assert_eq!(texts.as_object().unwrap().len(), 699);
    assert_eq!(texts["1"], "one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_save_of_several_threads_stores_none() {
    let app = App::start().await;
    let threads = json!({ "a": { "comments": {} }, "b": { "comments": [] } });
    let request = json!({ "commentAnnotation": threads, "metadata": { "organizationId": "acme" } });
    let message = app.refused(400, "comments/save", &request).await;
    assert!(message.starts_with("commentAnnotation.b.comments: "), "{message}");
    assert_eq!(app.thread("a").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_threads_are_merged_each_by_its_own_rules() {
    let app = stored().await;
    let threads: serde_json::Map<String, Value> = (0..150)
        .map(|n| (format!("n{n}"), json!({ "comments": { "1": comment(1, "one") } })))
        .chain([("t".to_owned(), json!({ "comments": { "2": { "commentId": 2 } } }))])
        .collect();
    let request = json!({ "commentAnnotation": threads, "metadata": { "organizationId": "acme" } });
    app.ok("comments/save", &request).await;
    assert_eq!(texts(&app).await, json!({ "1": "one", "2": "two" }));
    let all = app.ok("comments/get", &json!({ "organizationId": "acme" })).await;
    assert_eq!(all.as_object().unwrap().len(), 151);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_from_a_degraded_reader_erases_nothing_it_does_not_know() {
    let app = App::start().await;
    let whole = json!({
        "commentId": 1, "commentText": "a", "commentHtml": "<p>a</p>", "attachments": { "7": { "url": "u" } }, "n": 1,
    });
    app.save_thread("t", json!({ "comments": { "1": whole } }), "comment.add", 1).await;
    for degraded in [json!({ "commentId": 1, "n": 2 }), json!({ "commentText": null, "commentHtml": null, "n": 2 })] {
        app.save_thread("t", json!({ "comments": { "1": degraded } }), "comment.update", 1).await;
        let mut expected = whole.clone();
        expected["n"] = json!(2);
        assert_eq!(app.thread("t").await["comments"]["1"], expected);
    }
}
