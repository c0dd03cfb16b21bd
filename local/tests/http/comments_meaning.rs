//! What each event of a save changes, and what of its payload is only a view. `docs/decisions/0002-readings.md` has the table.

use serde_json::{Value, json};

use crate::support::App;

const OWN_FIELDS: [&str; 10] = [
    "status",
    "priority",
    "assignedTo",
    "resolvedByUserId",
    "visibilityConfig",
    "customList",
    "suggestion",
    "from",
    "targetTextRange",
    "metadata",
];

/// A field of the app's own.
const CUSTOM: &str = "internalTicketId";

/// What of the stored thread a save of another view changed: names of fields, and `named`, `other` and `gone` comments.
async fn changed_by(event: &Value, names_comment: bool) -> Vec<&'static str> {
    let app = App::start().await;
    let metadata = json!({ "organizationId": "acme", "documentId": "doc" });
    let thread = |word: &str| {
        let mut thread: Value = OWN_FIELDS.iter().map(|name| ((*name).to_owned(), json!({ "is": word }))).collect();
        thread["annotationId"] = json!("t");
        thread["metadata"] = json!({ "organizationId": "acme", "is": word });
        thread["resolvedByUserId"] = json!(word);
        thread[CUSTOM] = json!(word);
        let comment = |id: u32| json!({ "commentId": id, "commentText": word, "agent": { "agentId": "a" } });
        thread["comments"] = json!({ "1": comment(1), "2": comment(2), "3": comment(3) });
        thread
    };
    let save = |thread: Value, event: Value, comment: Value| json!({ "commentAnnotation": { "t": thread }, "event": event, "commentId": comment, "metadata": metadata });
    app.ok("comments/save", &save(thread("old"), json!("comment_annotation.add"), Value::Null)).await;
    app.ok("comments/save", &save(json!({}), json!("comment.delete"), json!(3))).await;
    let mut view = thread("new");
    view["comments"]["1"].as_object_mut().unwrap().remove("agent");
    view["missing"] = json!("filled");
    let comment = if names_comment { json!(1) } else { Value::Null };
    app.ok("comments/save", &save(view, event.clone(), comment)).await;

    let now = app.thread("t").await;
    assert_eq!(now["missing"], "filled", "{event}: whatever is missing is filled in");
    assert!(now["comments"].get("3").is_none(), "{event}: a deleted comment came back");
    let old = thread("old");
    let mut changed: Vec<&str> = OWN_FIELDS.into_iter().filter(|name| now[*name] != old[*name]).collect();
    if now[CUSTOM] != "old" {
        changed.push("custom");
    }
    match &now["comments"]["1"] {
        Value::Null => changed.push("gone"),
        comment if comment["commentText"] == "old" => {}
        comment if comment.get("agent").is_some() => changed.push("updated"),
        _ => changed.push("replaced"),
    }
    if now["comments"]["2"]["commentText"] != "old" {
        changed.push("others");
    }
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_a_comment_id_is_about_that_comment_or_is_a_view() {
    for (event, changed) in [
        ("comment.add", vec!["custom", "replaced"]),
        ("comment.update", vec!["custom", "updated"]),
        ("comment.delete", vec!["gone"]),
        ("", vec!["updated"]),
        ("comment.reaction_add", vec![]),
        ("comment.reaction_delete", vec![]),
        ("comment.accept", vec![]),
        ("comment.reject", vec![]),
        ("comment.something_new", vec![]),
        ("attachment.add", vec![]),
        ("attachment.delete", vec![]),
        ("reaction.add", vec![]),
        ("comment_annotation.assign", vec!["assignedTo", "custom"]),
        ("comment_annotation.something_new", vec![]),
        ("COMMENT.UPDATE", vec![]),
        ("comment.update ", vec![]),
        ("something.unknown", vec![]),
    ] {
        assert_eq!(changed_by(&json!(event), true).await, changed, "{event}");
    }
    assert_eq!(changed_by(&Value::Null, true).await, ["updated"]);
    // A new thread names its first comment.
    let all: Vec<&str> = OWN_FIELDS.into_iter().chain(["custom"]).collect();
    assert_eq!(changed_by(&json!("comment_annotation.add"), true).await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_event_changes_the_fields_that_it_is_about() {
    let all: Vec<&str> = OWN_FIELDS.into_iter().chain(["custom"]).collect();
    for (event, changed) in [
        ("comment_annotation.assign", vec!["assignedTo", "custom"]),
        ("comment_annotation.status_change", vec!["status", "resolvedByUserId", "custom"]),
        ("comment_annotation.priority_change", vec!["priority", "custom"]),
        ("comment_annotation.access_mode_change", vec!["visibilityConfig", "custom"]),
        ("comment_annotation.custom_list_change", vec!["customList", "custom"]),
        ("comment_annotation.suggestion_accept", vec!["suggestion", "custom"]),
        ("comment_annotation.suggestion_reject", vec!["suggestion", "custom"]),
        ("comment_annotation.approve", vec!["custom"]),
        ("comment_annotation.subscribe", vec!["custom"]),
        ("comment_annotation.unsubscribe", vec!["custom"]),
        ("comment_annotation.add", all.clone()),
        ("something.unknown", all.clone()),
        ("comment.accept", all.clone()),
    ] {
        assert_eq!(changed_by(&json!(event), false).await, changed, "{event}");
    }
    let everything: Vec<&str> = all.into_iter().chain(["replaced", "others"]).collect();
    for none in [Value::Null, json!("")] {
        assert_eq!(changed_by(&none, false).await, everything, "{none}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_change_from_a_stale_page_leaves_the_assignee() {
    let app = App::start().await;
    let thread = json!({ "annotationId": "t", "assignedTo": { "userId": "carol" }, "status": { "id": "OPEN" } });
    app.save_thread("t", thread, "comment_annotation.add", Value::Null).await;
    let assign = json!({ "assignedTo": { "userId": "bob" }, "status": { "id": "OPEN" } });
    app.save_thread("t", assign, "comment_annotation.assign", Value::Null).await;
    let stale =
        json!({ "assignedTo": { "userId": "carol" }, "status": { "id": "RESOLVED" }, "resolvedByUserId": "ben" });
    app.save_thread("t", stale, "comment_annotation.status_change", Value::Null).await;
    let now = app.thread("t").await;
    assert_eq!((&now["assignedTo"]["userId"], &now["status"]["id"]), (&json!("bob"), &json!("RESOLVED")));
    assert_eq!(now["resolvedByUserId"], "ben");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_clears_in_an_event_about_the_field_and_in_no_other() {
    let app = App::start().await;
    let thread = json!({ "annotationId": "t", "resolvedByUserId": "ann", "assignedTo": { "userId": "bob" } });
    app.save_thread("t", thread, "comment_annotation.add", Value::Null).await;
    let nulls = json!({ "resolvedByUserId": null, "assignedTo": null });
    app.save_thread("t", nulls.clone(), "comment.reaction_add", 1).await;
    app.save_thread("t", nulls.clone(), "comment_annotation.approve", Value::Null).await;
    assert_eq!(app.thread("t").await["resolvedByUserId"], "ann");
    app.save_thread("t", nulls.clone(), "comment_annotation.status_change", Value::Null).await;
    let now = app.thread("t").await;
    assert!(now.as_object().unwrap().contains_key("resolvedByUserId"));
    assert_eq!((&now["resolvedByUserId"], &now["assignedTo"]["userId"]), (&Value::Null, &json!("bob")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_keeps_what_it_does_not_name_and_a_null_clears() {
    let app = App::start().await;
    let comment = json!({
        "commentId": 1, "commentText": "finding", "commentHtml": "<p>finding</p>", "from": { "userId": "bot" },
        "agent": { "agentId": "a11y", "reason": { "title": "Low contrast" } }, "to": [{ "userId": "ann" }],
    });
    app.save_thread("t", json!({ "comments": { "1": comment } }), "comment.add", 1).await;
    let update = json!({ "commentId": 1, "commentText": "edited", "commentHtml": "<p>edited</p>", "to": null });
    app.save_thread("t", json!({ "comments": { "1": update } }), "comment.update", 1).await;
    let mut expected = comment.clone();
    expected["commentText"] = json!("edited");
    expected["commentHtml"] = json!("<p>edited</p>");
    expected["to"] = Value::Null;
    assert_eq!(app.thread("t").await["comments"]["1"], expected);
    // A comment that is not known here is stored as it came.
    let unknown = json!({ "commentId": 2, "commentText": "unknown here" });
    app.save_thread("t", json!({ "comments": { "2": unknown } }), "comment.update", 2).await;
    assert_eq!(app.thread("t").await["comments"]["2"], unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_a_comment_changes_that_comment_and_brings_back_no_thread() {
    let app = App::start().await;
    let thread = json!({ "annotationId": "t", "comments": { "1": { "commentText": "one" } } });
    app.save_thread("t", thread.clone(), "comment_annotation.add", Value::Null).await;
    let draft = |event: Value| {
        let comments = json!({ "1": { "commentText": "stale" }, "2": { "commentText": "draft" } });
        let metadata = json!({ "organizationId": "acme" });
        json!({ "commentAnnotation": { "t": { "comments": comments } }, "commentId": "2", "event": event, "metadata": metadata })
    };
    for event in [Value::Null, json!("")] {
        app.ok("comments/save", &draft(event.clone())).await;
        let comments = app.thread("t").await["comments"].clone();
        assert_eq!(comments, json!({ "1": { "commentText": "one" }, "2": { "commentText": "draft" } }));
        let delete = json!({ "commentAnnotationId": "t", "metadata": { "organizationId": "acme" } });
        app.ok("comments/delete", &delete).await;
        app.ok("comments/save", &draft(event)).await;
        assert_eq!(app.thread("t").await, Value::Null);
        app.save_thread("t", thread.clone(), "comment_annotation.add", Value::Null).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_comment_is_nowhere_a_field() {
    let app = App::start().await;
    let thread = json!({ "annotationId": "t", "x": 1, "targetComment": { "commentText": "secret" } });
    for event in ["comment_annotation.add", "comment_annotation.assign", "comment.add", "something.unknown"] {
        app.save_thread("t", thread.clone(), event, Value::Null).await;
        app.save_thread("t", thread.clone(), event, 1).await;
        assert_eq!(app.thread("t").await, json!({ "annotationId": "t", "x": 1 }), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_says_where_it_stands_before_the_request_does() {
    let app = App::start().await;
    let own = json!({ "organizationId": "acme", "documentId": "own" });
    let threads = json!({ "a": { "metadata": own }, "b": {} });
    let request = json!({ "commentAnnotation": threads, "organizationId": "acme", "documentId": "top" });
    app.ok("comments/save", &request).await;
    for (document, id) in [("own", "a"), ("top", "b")] {
        let found = app.ok("comments/get", &json!({ "organizationId": "acme", "documentIds": [document] })).await;
        assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), [id], "{document}");
    }
    let two = json!({ "commentAnnotation": threads, "documentId": "top", "metadata": own });
    assert!(app.refused(400, "comments/save", &two).await.starts_with("metadata.documentId: "));
}
