//! The shapes of requests that real clients send, beside Velt's own.

use serde_json::{Value, json};

use crate::support::{App, PROVIDERS};

#[tokio::test(flavor = "multi_thread")]
async fn records_come_as_a_map_a_list_or_one_alone() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let (save, get) = (provider.operation("save"), provider.operation("get"));
        let shapes = [
            json!({ "r": { "x": 1 } }),
            json!({ "r": { "x": 1, provider.id: "r" } }),
            json!([{ "x": 1, provider.id: "r" }]),
            json!({ "x": 1, provider.id: "r" }),
            json!([{ "x": 1, "id": "r" }]),
            json!({ "x": 1, "id": "r" }),
        ];
        for (index, shape) in shapes.into_iter().enumerate() {
            let organization = format!("acme{index}");
            let mut request = provider.save_request(&organization, "unused", &json!({}));
            request[provider.records] = shape.clone();
            app.ok(&save, &request).await;
            let found = app.ok(&get, &provider.get_request(&organization, &["r"])).await;
            assert_eq!((&found["r"]["x"], &found["r"][provider.id]), (&json!(1), &json!("r")), "{shape}");
        }
        for (shape, field) in [
            (json!([{ "x": 1 }]), format!("[0].{}", provider.id)),
            (json!([{ provider.id: "r" }, { provider.id: "r" }]), format!("[1].{}", provider.id)),
            (json!([{ provider.id: 7 }]), format!("[0].{}", provider.id)),
            (json!([null]), "[0]".to_owned()),
            (json!(["r"]), "[0]".to_owned()),
            (json!([]), String::new()),
            (json!({}), String::new()),
            (json!(null), String::new()),
            (json!("r"), String::new()),
            (json!({ provider.id: "" }), format!(".{}", provider.id)),
        ] {
            let mut request = provider.save_request("acme", "unused", &json!({}));
            request[provider.records] = shape.clone();
            let message = app.refused(400, &save, &request).await;
            assert!(message.starts_with(&format!("{}{field}", provider.records)), "{shape}: {message}");
        }
        assert_eq!(app.ok(&get, &json!({ "organizationId": "acme" })).await, json!({}), "{}", provider.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn organization_and_document_may_stand_on_top_of_any_save() {
    let app = App::start().await;
    for provider in PROVIDERS.iter().filter(|provider| provider.name != "notifications") {
        let request = json!({ provider.records: { "r": { "x": 1 } }, "organizationId": "acme", "documentId": "doc" });
        app.ok(&provider.operation("save"), &request).await;
        let get = json!({ "organizationId": "acme", "documentIds": ["doc"] });
        let found = app.ok(&provider.operation("get"), &get).await;
        assert_eq!(found["r"]["x"], 1, "{}", provider.name);
        let mut two = request;
        two["metadata"] = json!({ "organizationId": "acme", "documentId": "other" });
        let message = app.refused(400, &provider.operation("save"), &two).await;
        assert!(message.starts_with("metadata.documentId: "), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_lists_and_folders_are_read_alike_by_every_get() {
    let app = App::start().await;
    for provider in PROVIDERS.iter().filter(|provider| provider.name != "notifications") {
        for (id, document, folder) in [("a", "d1", "f1"), ("b", "d1", "f2"), ("c", "d2", "f1")] {
            let metadata = json!({ "organizationId": "acme", "documentId": document, "folderId": folder });
            let request = json!({ provider.records: { id: {} }, "metadata": metadata });
            app.ok(&provider.operation("save"), &request).await;
        }
        for (request, expected) in [
            (json!({ provider.ids: [], "documentIds": ["d1"] }), "ab"),
            (json!({ provider.ids: ["a", "c"], "documentIds": [] }), "ac"),
            (json!({ provider.ids: ["a", "c"], "documentIds": ["d1"] }), "a"),
            (json!({ provider.ids: [], "documentIds": [] }), ""),
            (json!({ provider.ids: [] }), ""),
            (json!({ "documentIds": [] }), ""),
            (json!({ "documentIds": [], "folderId": "f1" }), "ac"),
            (json!({ "documentIds": ["d1"], "folderId": "f1" }), "ab"),
            (json!({ "documentIds": ["d1"], "folderId": "gone" }), "ab"),
            (json!({ provider.ids: ["b"], "folderId": "f1" }), "b"),
            (json!({ "documentIds": ["d2"], "folderId": "f2", "allDocuments": true }), "b"),
            (json!({ "folderId": "f1", "allDocuments": false }), "ac"),
            (json!({}), "abc"),
        ] {
            let mut get = request.clone();
            get["organizationId"] = json!("acme");
            let found = app.ok(&provider.operation("get"), &get).await;
            let ids: String = found.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(ids, expected, "{} {request}", provider.name);
        }
    }
}

/// The requests of Velt's docs (`self-host-data`, `backend-sdks`) as they are printed there.
#[tokio::test(flavor = "multi_thread")]
async fn the_docs_own_requests_are_answered() {
    let app = App::start().await;
    let metadata = json!({ "apiKey": "API_KEY", "documentId": "doc-1", "organizationId": "org-123" });
    let thread = json!({
        "annotationId": "ANNOTATION_ID",
        "metadata": metadata,
        "comments": {
            "184639": {
                "commentId": 184_639,
                "commentHtml": "<p>Hey @Jane, can you review this?</p>",
                "commentText": "Hey @Jane, can you review this?",
                "from": { "userId": "USER_ID" },
                "to": [{ "userId": "JANE_USER_ID" }],
                "taggedUserContacts": [{ "userId": "JANE_USER_ID", "contact": { "userId": "JANE_USER_ID" }, "text": "@Jane" }],
            },
            "743772": { "commentId": 743_772, "attachments": { "758336": { "url": "u", "name": "image.png", "attachmentId": 758_336 } }, "from": { "userId": "USER_ID" } },
        },
    });
    let save = json!({ "commentAnnotation": { "ANNOTATION_ID": thread }, "event": "comment_annotation.add", "metadata": metadata });
    app.ok("comments/save", &save).await;
    let recorder = json!({ "metadata": metadata, "recorderAnnotation": { "annotationId": "rec-1", "metadata": {} } });
    app.ok("recordings/save", &recorder).await;
    let notifications = json!({
        "metadata": metadata,
        "notifications": [{ "id": "n-1", "actionUser": { "userId": "user-1" }, "displayBodyMessage": "Hello" }],
    });
    app.ok("notifications/save", &notifications).await;
    let activities = json!({
        "metadata": metadata,
        "activities": [{ "id": "activity-1", "featureType": "comment", "actionType": "comment.add" }],
    });
    app.ok("activity/save", &activities).await;
    let get = |ids: &str, id: &str| json!({ "organizationId": "org-123", ids: [id], "documentIds": [], "folderId": "", "allDocuments": false });
    let found = app.ok("comments/get", &get("commentAnnotationIds", "ANNOTATION_ID")).await;
    assert_eq!(found["ANNOTATION_ID"], thread);
    let found = app.ok("recordings/get", &get("recorderAnnotationIds", "rec-1")).await;
    assert_eq!(found["rec-1"], json!({ "annotationId": "rec-1", "metadata": {} }));
    let found = app.ok("notifications/get", &get("notificationIds", "n-1")).await;
    assert_eq!(found["n-1"]["displayBodyMessage"], "Hello");
    assert_eq!((&found["n-1"]["notificationId"], &found["n-1"]["id"]), (&json!("n-1"), &json!("n-1")));
    let found = app.ok("activity/get", &get("activityIds", "activity-1")).await;
    assert_eq!(found["activity-1"]["actionType"], "comment.add");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_as_a_list_a_map_or_one_alone() {
    let app = App::start().await;
    let ann = json!({ "userId": "ann", "name": "Ann" });
    for (index, body) in [
        json!({ "users": [ann] }),
        json!({ "user": ann }),
        json!({ "users": { "ann": { "name": "Ann" } } }),
        json!({ "users": { "ann": ann } }),
        json!({ "users": { "ann": { "userId": null, "name": "Ann" } } }),
        json!({ "users": ann }),
        json!({ "users": [], "user": ann }),
        json!({ "users": null, "user": ann }),
    ]
    .into_iter()
    .enumerate()
    {
        let mut request = body.clone();
        request["organizationId"] = json!(format!("acme{index}"));
        app.ok("users/save", &request).await;
        let get = json!({ "organizationId": format!("acme{index}"), "userIds": ["ann"] });
        assert_eq!(app.ok("users/get", &get).await, json!({ "ann": ann }), "{body}");
        app.ok("users/delete", &request).await;
        assert_eq!(app.ok("users/get", &get).await, json!({}), "{body}");
    }
    for (body, field) in [
        (json!({ "users": { "ann": { "userId": "bob" } } }), "users.ann.userId"),
        (json!({ "users": { "ann": 7 } }), "users.ann"),
        (json!({ "users": { "ann": null } }), "users.ann"),
        (json!({ "users": {} }), "users"),
        (json!({ "users": { "": {} } }), "users."),
        (json!({ "users": { " ": {} } }), "users. .userId"),
        (json!({ "user": {} }), "user"),
        (json!({ "user": [ann] }), "user"),
        (json!({ "users": [ann], "user": ann }), "user.userId"),
        (json!({ "users": 7 }), "users"),
        (json!({}), "users"),
    ] {
        let message = app.refused(400, "users/save", &body).await;
        assert!(message.starts_with(field), "{body}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn null_blank_and_repeated_users_and_emails_are_left_out() {
    let app = App::start().await;
    let users = json!([
        { "userId": "u1", "email": "jos\u{e9}@example.com" },
        { "userId": "u2", "email": "BOB@Example.com" },
    ]);
    app.ok("users/save", &json!({ "organizationId": "acme", "users": users })).await;
    let ids = json!([null, "", "  ", "u1", "u1", null, "\t", "u2", "nobody"]);
    for request in [json!({ "organizationId": "acme", "userIds": ids }), json!({ "userIds": ids })] {
        let found = app.ok("users/get", &request).await;
        assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), ["u1", "u2"]);
    }
    let only_blank = json!({ "organizationId": "acme", "userIds": [null, " "] });
    assert_eq!(app.ok("users/get", &only_blank).await, json!({}));
    // One address in two forms of Unicode, in any case.
    let emails =
        json!([null, "", " ", "jose\u{301}@EXAMPLE.com", "bob@example.com", "bob@example.com", " bob@example.com"]);
    let found = app.ok("users/resolve", &json!({ "organizationId": "acme", "emails": emails })).await;
    let expected = json!({ "jose\u{301}@EXAMPLE.com": "u1", "bob@example.com": "u2", " bob@example.com": "u2" });
    assert_eq!(found, expected);
    // Repetitions don't count towards the limit.
    let many: Vec<Value> = (0..2000).map(|n| if n % 2 == 0 { json!("bob@example.com") } else { Value::Null }).collect();
    let found = app.ok("users/resolve", &json!({ "organizationId": "acme", "emails": many })).await;
    assert_eq!(found, json!({ "bob@example.com": "u2" }));
    app.ok("users/delete", &json!({ "organizationId": "acme", "userIds": [null, "u1", " ", "u1"] })).await;
    let found = app.ok("users/get", &json!({ "organizationId": "acme", "userIds": ids })).await;
    assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), ["u2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_users_than_one_request_may_name_are_refused() {
    let app = App::start().await;
    let ids = |count: usize| (0..count).map(|n| format!("u{n}")).collect::<Vec<_>>();
    let users = |count: usize| ids(count).into_iter().map(|id| json!({ "userId": id })).collect::<Vec<_>>();
    for (operation, request, field) in [
        ("users/get", json!({ "organizationId": "acme", "userIds": ids(1001) }), "userIds"),
        ("users/get", json!({ "userIds": ids(101) }), "userIds"),
        ("users/resolve", json!({ "organizationId": "acme", "emails": ids(51) }), "emails"),
        ("users/save", json!({ "users": users(501) }), "users"),
        ("users/delete", json!({ "userIds": ids(51) }), "users"),
    ] {
        let message = app.refused(400, operation, &request).await;
        assert!(message.starts_with(field) && message.contains("more than"), "{operation}: {message}");
    }
}
