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

/// A save of a thread that names who began it, with more fields, and without a comment id.
fn save_thread(from: &str, fields: &Value, event: &str) -> Value {
    let mut thread = fields.clone();
    thread["from"] = json!({ "userId": from });
    json!({ "commentAnnotation": { "t": thread }, "event": event, "metadata": metadata() })
}

async fn thread(app: &App) -> Value {
    app.ok(&of("ann"), "comments/get", &json!({ "organizationId": "acme" })).await["t"].clone()
}

async fn of_ann() -> App {
    let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
    app.ok(&of("ann"), "comments/save", &save(&json!({ "1": comment("ann", "one") }), "comment_annotation.add", 1))
        .await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_reacts_to_and_decides_on_others_comments_and_changes_none() {
    let app = of_ann().await;
    let bob = of("bob");
    let before = thread(&app).await;
    for event in [
        "comment.reaction_add",
        "comment.reaction_delete",
        "comment.accept",
        "comment.reject",
        "attachment.add",
        "something.unknown",
    ] {
        app.ok(&bob, "comments/save", &save(&json!({ "1": comment("ann", "stale") }), event, 1)).await;
        assert_eq!(thread(&app).await, before, "{event}");
    }
    // The same in another order is the same.
    let reordered = r#"{"from":{"userId":"ann"},"commentHtml":"one","commentText":"one"}"#;
    for event in ["comment.add", "comment.update"] {
        let request = save(&json!({ "1": "here" }), event, 1).to_string().replace("\"here\"", reordered);
        let url = format!("{}/api/velt/comments/save", app.server.url());
        let request = app.http.post(url).bearer_auth(&bob).header("content-type", "application/json").body(request);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    assert_eq!(thread(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_be_read_is_nobody() {
    let app = of_ann().await;
    let bob = of("bob");
    for from in [
        json!("bob"),
        json!(["bob"]),
        json!({ "userId": ["bob"] }),
        json!({ "userId": 7 }),
        json!({ "userId": "" }),
        json!({ "userId": null }),
        json!({ "UserId": "bob" }),
        json!({}),
        json!([]),
        json!(true),
        json!({ "user": { "userId": "bob" } }),
    ] {
        let comment = json!({ "2": { "commentText": "a", "from": from, "user": { "userId": "bob" } } });
        for event in ["comment.add", "comment.update"] {
            app.refused(&bob, "comments/save", &save(&comment, event, 2)).await;
        }
        let mut unreadable = json!({ "from": from, "user": { "userId": "bob" } });
        for event in ["comment_annotation.add", "comment_annotation.assign"] {
            let request = json!({ "commentAnnotation": { "new": unreadable }, "event": event, "metadata": metadata() });
            app.refused(&bob, "comments/save", &request).await;
        }
        let reaction = json!({ "reactionAnnotation": { "r": unreadable }, "metadata": metadata() });
        app.refused(&bob, "reactions/save", &reaction).await;
        unreadable["actionUser"] = from;
        let activity = json!({ "activity": { "a": unreadable }, "metadata": metadata() });
        app.refused(&bob, "activity/save", &activity).await;
    }
    // Without a `from`, an old client's `user` is the author of a reaction, and of nothing else.
    for reaction in [json!({ "user": { "userId": "bob" } }), json!({ "from": null, "user": { "userId": "bob" } })] {
        app.ok(&bob, "reactions/save", &json!({ "reactionAnnotation": { "r": reaction }, "metadata": metadata() }))
            .await;
    }
    let mine = json!({ "2": { "commentText": "a", "user": { "userId": "bob" } } });
    app.refused(&bob, "comments/save", &save(&mine, "comment.add", 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_began_a_thread_is_said_once() {
    let app = of_ann().await;
    let (ann, bob) = (of("ann"), of("bob"));
    for event in ["comment_annotation.add", "something.unknown", ""] {
        app.refused(&bob, "comments/save", &save_thread("bob", &json!({}), event)).await;
        app.refused(&ann, "comments/save", &save_thread("bob", &json!({}), event)).await;
        app.ok(&bob, "comments/save", &save_thread("ann", &json!({ "x": event }), event)).await;
        let null = json!({ "commentAnnotation": { "t": { "from": null } }, "event": event, "metadata": metadata() });
        app.ok(&bob, "comments/save", &null).await;
    }
    for event in ["comment_annotation.assign", "comment_annotation.approve"] {
        app.ok(&bob, "comments/save", &save_thread("bob", &json!({}), event)).await;
    }
    assert_eq!(thread(&app).await["from"], json!({ "userId": "ann" }));
    // A thread that names nobody belongs to nobody, and is not taken over.
    let nobodys = |fields: Value, event: &str| json!({ "commentAnnotation": { "n": fields }, "event": event, "metadata": metadata() });
    app.ok(&ann, "comments/save", &nobodys(json!({ "x": 1 }), "comment_annotation.add")).await;
    for event in ["comment_annotation.add", "comment_annotation.status_change", "comment_annotation.approve", ""] {
        app.ok(&bob, "comments/save", &nobodys(json!({ "from": { "userId": "bob" } }), event)).await;
    }
    let delete = json!({ "commentAnnotationId": "n", "metadata": metadata() });
    app.refused(&ann, "comments/delete", &delete).await;
    app.refused(&bob, "comments/delete", &delete).await;
    let admin = token(&with(claims(&json!("acme")), "role", json!("admin")));
    app.ok(&admin, "comments/delete", &delete).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_a_thread_that_is_unknown_here_puts_no_name_to_it() {
    let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
    let view = json!({ "1": comment("ann", "of a stale page"), "2": comment("bob", "two") });
    app.ok(&of("bob"), "comments/save", &save(&view, "comment.add", 2)).await;
    let thread = thread(&app).await;
    assert_eq!(thread, json!({ "annotationId": "t", "comments": { "2": comment("bob", "two") } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_author_moves_a_thread_and_others_events_work_with_their_own_metadata() {
    let app = of_ann().await;
    let (ann, bob) = (of("ann"), of("bob"));
    let elsewhere = |event: &str| {
        let own = json!({ "organizationId": "acme", "documentId": "elsewhere", "folderId": "f" });
        json!({ "commentAnnotation": { "t": { "metadata": own, "seen": true } }, "event": event, "metadata": own })
    };
    let stands = async |document: &str| {
        let get = json!({ "organizationId": "acme", "documentIds": [document] });
        app.ok(&ann, "comments/get", &get).await.get("t").is_some()
    };
    for event in ["comment_annotation.add", "comment_annotation.assign", "something.unknown", ""] {
        app.ok(&bob, "comments/save", &elsewhere(event)).await;
        assert!(stands("d").await && !stands("elsewhere").await, "{event}");
    }
    assert_eq!(thread(&app).await["seen"], true);
    app.ok(&ann, "comments/save", &elsewhere("comment_annotation.add")).await;
    assert!(stands("elsewhere").await && !stands("d").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_deletes_a_comment_that_is_not_there() {
    let app = of_ann().await;
    let (ann, bob) = (of("ann"), of("bob"));
    app.ok(&bob, "comments/save", &save(&json!({}), "comment.delete", 7)).await;
    let unknown =
        json!({ "commentAnnotation": { "u": {} }, "event": "comment.delete", "commentId": 7, "metadata": metadata() });
    app.ok(&bob, "comments/save", &unknown).await;
    app.ok(&ann, "comments/save", &save(&json!({ "7": comment("ann", "seven") }), "comment.add", 7)).await;
    assert_eq!(thread(&app).await["comments"]["7"]["commentText"], "seven");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_without_a_comment_id_changes_the_senders_own_comments() {
    // Also where everybody may change everything.
    for authors_only in ["true", "false"] {
        let app = App::with(&[("AUTHORS_ONLY", authors_only)]).await;
        let (ann, bob) = (of("ann"), of("bob"));
        app.ok(&ann, "comments/save", &save(&json!({ "1": comment("ann", "one") }), "comment.add", 1)).await;
        app.ok(&bob, "comments/save", &save(&json!({ "2": comment("bob", "two") }), "comment.add", 2)).await;
        // What Bob says of Ann's is a view, even if he says that it is his own.
        let draft = json!({
            "1": comment("bob", "taken over"), "2": comment("bob", "drafted"), "3": comment("bob", "new"),
        });
        for event in [json!(null), json!("")] {
            let request =
                json!({ "commentAnnotation": { "t": { "comments": draft } }, "event": event, "metadata": metadata() });
            app.ok(&bob, "comments/save", &request).await;
        }
        let comments = thread(&app).await["comments"].clone();
        assert_eq!(comments["1"], comment("ann", "one"), "{authors_only}");
        assert_eq!(comments["2"], comment("bob", "drafted"));
        assert_eq!(comments["3"], comment("bob", "new"));
        // Nor is a comment of his own that he says to be Ann's.
        let stale = json!({ "commentAnnotation": { "t": { "comments": { "2": comment("ann", "stale") } } }, "metadata": metadata() });
        app.ok(&bob, "comments/save", &stale).await;
        assert_eq!(thread(&app).await["comments"]["2"], comment("bob", "drafted"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_is_decided_on_by_a_person_and_deleted_by_whom_rejecting_it_is_up_to() {
    let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
    let (bot, bob, eve) = (of("bot"), of("bob"), of("eve"));
    let agent = json!({ "agentSource": "external", "agentId": "a11y", "reason": { "title": "Low contrast" } });
    let finding = |id: &str, on_comment: bool| {
        let mut first = comment("bot", "Low contrast");
        let mut thread =
            json!({ "type": "suggestion", "from": { "userId": "bot" }, "suggestion": { "status": "pending" } });
        if on_comment {
            first["agent"] = agent.clone();
        } else {
            thread["agent"] = agent.clone();
        }
        thread["comments"] = json!({ "1": first });
        json!({ "commentAnnotation": { id: thread }, "event": "comment_annotation.add", "metadata": metadata() })
    };
    let decide = |id: &str, event: &str, suggestion: Value| {
        let thread = json!({ "suggestion": suggestion, "comments": { "1": comment("bot", "stale") } });
        json!({ "commentAnnotation": { id: thread }, "event": event, "metadata": metadata() })
    };
    let delete =
        |id: &str| json!({ "commentAnnotationId": id, "event": "comment_annotation.delete", "metadata": metadata() });
    for on_comment in [true, false] {
        // A thread that was deleted is made anew by administrators alone.
        let of = |id: &str| format!("{id}-{on_comment}");
        let [accepted, rejected, assigned, own] = ["accepted", "rejected", "assigned", "own"].map(of);
        for id in [&accepted, &rejected, &assigned, &own] {
            app.ok(&bot, "comments/save", &finding(id, on_comment)).await;
            app.refused(&bob, "comments/delete", &delete(id)).await;
        }
        let resolved = |status: &str| json!({ "status": status, "resolvedBy": { "userId": "bob" } });
        app.ok(&bob, "comments/save", &decide(&accepted, "comment_annotation.suggestion_accept", resolved("accepted")))
            .await;
        app.ok(&bob, "comments/save", &decide(&accepted, "comment_annotation.approve", resolved("accepted"))).await;
        app.ok(&bob, "comments/save", &decide(&rejected, "comment_annotation.suggestion_reject", resolved("rejected")))
            .await;
        let assign = json!({ "commentAnnotation": { assigned.as_str(): { "assignedTo": { "userId": "bob" } } }, "event": "comment_annotation.assign", "metadata": metadata() });
        app.ok(&bot, "comments/save", &assign).await;
        let all = app.ok(&eve, "comments/get", &json!({ "organizationId": "acme" })).await;
        assert_eq!(all[&accepted]["suggestion"]["status"], "accepted");
        assert_eq!(all[&accepted]["comments"]["1"]["commentText"], "Low contrast");
        for id in [&rejected, &assigned] {
            app.refused(&eve, "comments/delete", &delete(id)).await;
            app.ok(&bob, "comments/delete", &delete(id)).await;
        }
        app.refused(&bob, "comments/delete", &delete(&own)).await;
        app.ok(&bot, "comments/delete", &delete(&own)).await;
        app.ok(&bob, "comments/delete", &delete(&accepted)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_persons_thread_an_agents_to_delete_it() {
    let app = of_ann().await;
    let bob = of("bob");
    let agent = json!({ "agentId": "mine" });
    let fields = json!({
        "agent": agent, "sourceType": "agent", "type": "suggestion", "assignedTo": { "userId": "bob" },
        "suggestion": { "status": "rejected", "resolvedBy": { "userId": "bob" } }, "resolvedByUserId": "bob",
    });
    for event in ["comment_annotation.add", "comment_annotation.suggestion_reject", "something.unknown"] {
        app.ok(&bob, "comments/save", &save_thread("ann", &fields, event)).await;
    }
    let mut reply = comment("bob", "two");
    reply["agent"] = agent.clone();
    app.ok(&bob, "comments/save", &save(&json!({ "2": reply }), "comment.add", 2)).await;
    app.refused(&bob, "comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata() })).await;
    assert!(thread(&app).await.get("agent").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_record_names_nobody_or_whoever_acted() {
    let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
    let (ann, bob) = (of("ann"), of("bob"));
    let save = |id: &str, fields: Value| json!({ "activity": { id: fields }, "metadata": metadata() });
    let by = |user: &str, x: u32| json!({ "actionUser": { "userId": user }, "x": x, "metadata": { "documentId": "d", "sdkVersion": format!("6.0.{x}") } });
    app.refused(&bob, "activity/save", &save("a", by("ann", 1))).await;
    app.ok(&ann, "activity/save", &save("a", by("ann", 1))).await;
    let mut upgraded = by("ann", 1);
    upgraded["metadata"]["sdkVersion"] = json!("7.0.0");
    app.ok(&bob, "activity/save", &save("a", upgraded.clone())).await;
    app.refused(&bob, "activity/save", &save("a", json!({ "more": 1 }))).await;
    app.ok(&ann, "activity/save", &save("a", json!({ "more": 1 }))).await;
    // What names nobody is append-only, and nobody puts a name to it afterwards.
    app.ok(&ann, "activity/save", &save("n", json!({ "x": 1 }))).await;
    app.ok(&bob, "activity/save", &save("n", json!({ "x": 1, "y": 2 }))).await;
    for user in ["ann", "bob"] {
        app.refused(&of(user), "activity/save", &save("n", json!({ "actionUser": { "userId": user } }))).await;
    }
    let (status, _) = app.post(&bob, "activity/save", &save("n", json!({ "x": 2 }))).await;
    assert_eq!(status, 409);
    let all = app.ok(&ann, "activity/get", &json!({ "organizationId": "acme" })).await;
    assert_eq!(all["n"], json!({ "id": "n", "x": 1, "y": 2 }));
    assert_eq!((&all["a"]["more"], &all["a"]["metadata"]["sdkVersion"]), (&json!(1), &json!("6.0.1")));
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
    // A status change is not about who began it: what it says of that is a view, and ignored.
    app.ok(&bob, "comments/save", &resolve("bob")).await;
    app.refused(&bob, "comments/save", &save_thread("bob", &json!({}), "comment_annotation.add")).await;
    let thread = app.ok(&ann, "comments/get", &json!({ "organizationId": "acme" })).await["t"].clone();
    assert_eq!(thread["from"]["userId"], "ann");
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

/// Each of these was done by somebody who had no right to it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_moves_or_takes_over_what_is_anothers() {
    let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
    let (ann, bob) = (of("ann"), of("bob"));
    let get = |filter: &Value| {
        let mut request = filter.clone();
        request["organizationId"] = json!("acme");
        request
    };
    // A thread in no folder is not put into one, nor is its metadata written for it.
    app.ok(&ann, "comments/save", &save(&json!({ "1": comment("ann", "one") }), "comment_annotation.add", 1)).await;
    let elsewhere = json!({ "organizationId": "acme", "documentId": "d", "folderId": "f" });
    for event in ["comment.add", "comment_annotation.status_change", "comment_annotation.add"] {
        let planted = json!({ "metadata": { "organizationId": "acme", "documentId": "other", "folderId": "f" } });
        for thread in [json!({}), planted] {
            let request =
                json!({ "commentAnnotation": { "t": thread }, "metadata": elsewhere, "event": event, "commentId": 5 });
            app.ok(&bob, "comments/save", &request).await;
        }
    }
    let by_folder = get(&json!({ "folderId": "f" }));
    assert_eq!(app.ok(&ann, "comments/get", &by_folder).await, json!({}));
    let thread = app.ok(&ann, "comments/get", &get(&json!({ "documentIds": ["d"] }))).await["t"].clone();
    assert!(thread.get("metadata").is_none(), "{thread}");
    // Activity that names nobody stays where it is.
    app.ok(&ann, "activity/save", &json!({ "activity": { "a": { "x": 1 } }, "metadata": metadata() })).await;
    let moved = json!({ "organizationId": "acme", "documentId": "other" });
    let request = json!({ "activity": { "a": { "metadata": moved } }, "metadata": moved });
    app.ok(&bob, "activity/save", &request).await;
    assert_eq!(app.ok(&ann, "activity/get", &get(&json!({ "documentIds": ["other"] }))).await, json!({}));
    assert_eq!(
        app.ok(&ann, "activity/get", &get(&json!({ "documentIds": ["d"] }))).await["a"],
        json!({ "id": "a", "x": 1 })
    );
    // The id of a deleted thread is nobody's to have.
    app.ok(&ann, "comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata() })).await;
    let again = json!({
        "commentAnnotation": { "t": { "from": { "userId": "bob" }, "comments": { "1": comment("bob", "mine") } } },
        "metadata": metadata(),
        "event": "comment_annotation.add",
    });
    app.ok(&bob, "comments/save", &again).await;
    assert_eq!(app.ok(&bob, "comments/get", &get(&json!({}))).await, json!({}));
}
