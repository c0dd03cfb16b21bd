//! Stacks where only authors change what they wrote.

use serde_json::{Value, json};

use crate::support::{App, claims, token, with};

fn of(user: &str) -> String {
    token(&with(claims(&json!("acme")), "sub", json!(user)))
}

fn metadata() -> Value {
    json!({ "organizationId": "acme", "documentId": "d" })
}

fn comment(user: &str, text: &str) -> Value {
    json!({ "commentText": text, "commentHtml": text, "from": { "userId": user } })
}

fn save(comments: &Value, event: &str, id: u32) -> Value {
    let thread = json!({ "from": { "userId": "ann" }, "comments": comments });
    json!({ "commentAnnotation": { "t": thread }, "event": event, "commentId": id, "metadata": metadata() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_its_authors() {
    let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
    let (ann, bob) = (of("ann"), of("bob"));
    app.refused(&bob, "comments/save", &save(&json!({ "1": comment("ann", "forged") }), "comment_annotation.add", 1))
        .await;
    app.ok(&ann, "comments/save", &save(&json!({}), "comment_annotation.add", 1)).await;
    app.ok(&ann, "comments/save", &save(&json!({ "1": comment("ann", "one") }), "comment.add", 1)).await;
    let both =
        json!({ "1": comment("ann", "stale"), "2": comment("bob", "two"), "3": comment("eve", "put into her mouth") });
    app.ok(&bob, "comments/save", &save(&both, "comment.add", 2)).await;
    app.refused(&bob, "comments/save", &save(&json!({ "1": comment("ann", "forged") }), "comment.update", 1)).await;
    app.refused(&bob, "comments/save", &save(&json!({ "1": comment("bob", "taken over") }), "comment.update", 1)).await;
    app.refused(&bob, "comments/save", &save(&json!({ "4": comment("ann", "forged") }), "comment.add", 4)).await;
    app.refused(&bob, "comments/save", &save(&json!({}), "comment.delete", 1)).await;
    app.refused(&bob, "comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata() })).await;
    app.ok(&bob, "comments/save", &save(&json!({ "2": comment("bob", "edited") }), "comment.update", 2)).await;
    // Everybody may resolve a thread, nobody may take it over.
    let resolve = |from: &str| json!({ "commentAnnotation": { "t": { "resolvedByUserId": "bob", "from": { "userId": from } } }, "event": "comment_annotation.status_change", "metadata": metadata() });
    app.ok(&bob, "comments/save", &resolve("ann")).await;
    app.refused(&bob, "comments/save", &resolve("bob")).await;
    let thread = app.ok(&ann, "comments/get", &json!({ "organizationId": "acme" })).await["t"].clone();
    assert_eq!(thread["comments"], json!({ "1": comment("ann", "one"), "2": comment("bob", "edited") }));
    assert_eq!(thread["resolvedByUserId"], "bob");

    let admin = token(&with(claims(&json!("acme")), "role", json!("admin")));
    app.ok(&admin, "comments/save", &save(&json!({}), "comment.delete", 2)).await;
    app.ok(&ann, "comments/save", &save(&json!({}), "comment.delete", 1)).await;
    app.ok(&ann, "comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata() })).await;
    let gone = app.ok(&ann, "comments/get", &json!({ "organizationId": "acme" })).await;
    assert_eq!(gone, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_and_a_recording_are_their_authors() {
    let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
    let (ann, bob) = (of("ann"), of("bob"));
    for (name, records, id) in [
        ("reactions", "reactionAnnotation", "reactionAnnotationId"),
        ("recordings", "recorderAnnotation", "recorderAnnotationId"),
    ] {
        let operation = |operation: &str| format!("{name}/{operation}");
        let save = |user: &str, x: u32| json!({ records: { "r": { "from": { "userId": user }, "x": x } }, "metadata": metadata() });
        let delete = json!({ id: "r", "metadata": metadata() });
        app.refused(&bob, &operation("save"), &save("ann", 1)).await;
        app.refused(&bob, &operation("save"), &json!({ records: { "r": {} }, "metadata": metadata() })).await;
        app.ok(&ann, &operation("save"), &save("ann", 1)).await;
        app.ok(&bob, &operation("save"), &save("ann", 1)).await;
        app.refused(&bob, &operation("save"), &save("ann", 2)).await;
        app.refused(&bob, &operation("save"), &save("bob", 1)).await;
        app.refused(&bob, &operation("delete"), &delete).await;
        app.ok(&ann, &operation("save"), &save("ann", 2)).await;
        let nobody = token(&with(claims(&json!("acme")), "sub", Value::Null));
        app.refused(&nobody, &operation("delete"), &delete).await;
        app.ok(&ann, &operation("delete"), &delete).await;
        app.ok(&ann, &operation("delete"), &delete).await;
    }
}
