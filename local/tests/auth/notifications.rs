//! Whom a notification is told to.

use serde_json::{Value, json};

use crate::support::{App, claims, token, with};

fn of(user: &str) -> String {
    token(&with(claims(&json!("acme")), "sub", json!(user)))
}

/// Saves as the app's backend does.
async fn save(app: &App, body: Value) {
    let url = format!("{}/api/velt/notifications/save", app.server.url());
    let request = app.http.post(url).header("authorization", "AWS4-HMAC-SHA256 Credential=local").json(&body);
    assert_eq!(request.send().await.unwrap().status(), 200, "{body}");
}

async fn ids(app: &App, token: &str, request: Value) -> String {
    let mut request = request;
    request["organizationId"] = json!("acme");
    let found = app.ok(token, "notifications/get", &request).await;
    found.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ids_a_caller_is_told_what_names_them() {
    for field in ["notifyUsers", "recipients"] {
        let app = App::with(&[("NOTIFICATION_USERS_FIELD", field)]).await;
        let users = [
            ("a", json!([{ "userId": "ann", "email": "ann@example.com" }, { "userId": "bob" }])),
            ("b", json!(["ann"])),
            ("c", json!({ "ann": true, "bob": false, "eve": null })),
            ("d", json!({ "x": { "userId": "ann" } })),
            ("e", json!({ "userId": "ann" })),
            ("f", json!("ann")),
            ("g", json!([{ "userId": "bob" }])),
            ("h", json!([])),
            ("i", json!(null)),
            ("j", json!([{ "name": "ann" }, [["ann"]], 7, null, true])),
            ("k", json!({ "userId": { "userId": "ann" } })),
        ];
        let notifications: Value =
            users.into_iter().map(|(id, users)| (id.to_owned(), json!({ field: users }))).collect();
        save(&app, json!({ "organizationId": "acme", "notifications": notifications })).await;
        save(&app, json!({ "organizationId": "acme", "notifications": { "z": {} } })).await;
        assert_eq!(ids(&app, &of("ann"), json!({})).await, "abcdef", "{field}");
        assert_eq!(ids(&app, &of("bob"), json!({})).await, "ag");
        assert_eq!(ids(&app, &of("7"), json!({})).await, "j");
        for nobody in ["eve", "true", "null", "x", "name", "userId"] {
            assert_eq!(ids(&app, &of(nobody), json!({})).await, "", "{nobody}");
        }
        let nobody = token(&with(claims(&json!("acme")), "sub", Value::Null));
        assert_eq!(ids(&app, &nobody, json!({})).await, "");
        let admin = token(&with(claims(&json!("acme")), "role", json!("admin")));
        assert_eq!(ids(&app, &admin, json!({})).await, "abcdefghijkz");
        // Velt asks by ids, which it knows of the caller's notifications alone.
        assert_eq!(ids(&app, &of("eve"), json!({ "notificationIds": ["g", "z", "unknown"] })).await, "gz");
        assert_eq!(ids(&app, &of("ann"), json!({ "notificationIds": [] })).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_limited_to_documents_sees_and_deletes_what_is_about_those() {
    let app = App::start().await;
    let about = |document: &str| json!({ "documentId": document });
    for body in [
        json!({ "notifications": { "a": {} }, "metadata": about("mine") }),
        json!({ "notifications": { "b": { "metadata": about("mine") } } }),
        json!({ "notifications": { "c": { "notificationSourceData": about("mine") } } }),
        json!({ "notifications": { "d": about("mine") }, "documentId": "other" }),
        json!({ "notifications": { "e": { "notificationSourceData": about("other") } }, "documentId": "mine" }),
        json!({ "notifications": { "f": { "metadata": "anything", "notificationSourceData": [7] } } }),
    ] {
        let mut body = body;
        body["organizationId"] = json!("acme");
        for notification in body["notifications"].as_object_mut().unwrap().values_mut() {
            notification["notifyUsers"] = json!(["ann"]);
        }
        save(&app, body).await;
    }
    let limited = token(&with(claims(&json!("acme")), "documents", json!(["mine"])));
    let all = json!({ "notificationIds": ["a", "b", "c", "d", "e", "f"] });
    assert_eq!(ids(&app, &limited, all.clone()).await, "abcd");
    assert_eq!(ids(&app, &limited, json!({})).await, "abcd");
    for id in ["a", "e", "f", "unknown"] {
        app.ok(&limited, "notifications/delete", &json!({ "organizationId": "acme", "notificationId": id })).await;
    }
    assert_eq!(ids(&app, &of("ann"), all).await, "bcdef");
}
