//! A save that is repeated after the delete, by a retry that came late or from a page that was open meanwhile.

use serde_json::{Value, json};

use crate::support::{App, PROVIDERS};

#[tokio::test(flavor = "multi_thread")]
async fn a_late_repeat_brings_no_deleted_record_back() {
    let app = App::start().await;
    for provider in PROVIDERS.iter().filter(|provider| provider.delete_id.is_some()) {
        let operation = |operation: &str| provider.operation(operation);
        let fields = json!({ "icon": "a", "comments": { "1": { "commentText": "one" } } });
        let mut save = provider.save_request("acme", "r", &fields);
        save["event"] = json!("comment.add");
        save["commentId"] = json!(1);
        for _ in 0..2 {
            app.ok(&operation("save"), &save).await;
            app.ok(&operation("delete"), &provider.delete_request("acme", "r").unwrap()).await;
            app.ok(&operation("save"), &save).await;
            for get in [provider.get_request("acme", &["r"]), json!({ "organizationId": "acme" })] {
                assert_eq!(app.ok(&operation("get"), &get).await, json!({}), "{}", provider.name);
            }
        }
        // Beside others in one request, and in another organization, it stops nothing.
        let mut several = provider.save_request("acme", "r", &fields);
        several[provider.records]["s"] = fields.clone();
        // A thread without an event is the thread as its sender has it, and is made anew.
        several["event"] = json!("comment.add");
        several["commentId"] = json!(1);
        app.ok(&operation("save"), &several).await;
        let found = app.ok(&operation("get"), &json!({ "organizationId": "acme" })).await;
        assert_eq!(found.as_object().unwrap().keys().collect::<Vec<_>>(), ["s"], "{}", provider.name);
        app.ok(&operation("save"), &provider.save_request("other", "r", &fields)).await;
        let found = app.ok(&operation("get"), &provider.get_request("other", &["r"])).await;
        assert_ne!(found, json!({}), "{}", provider.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_comes_after_its_own_delete_is_late_too() {
    let app = App::start().await;
    for provider in PROVIDERS.iter().filter(|provider| provider.delete_id.is_some() && provider.name != "comments") {
        app.ok(&provider.operation("delete"), &provider.delete_request("acme", "r").unwrap()).await;
        app.ok(&provider.operation("save"), &provider.save_request("acme", "r", &json!({ "x": 1 }))).await;
        let found = app.ok(&provider.operation("get"), &provider.get_request("acme", &["r"])).await;
        assert_eq!(found, json!({}), "{}", provider.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_backend_makes_a_deleted_user_anew() {
    let app = App::start().await;
    let save = json!({ "organizationId": "acme", "users": [{ "userId": "u", "email": "u@example.com" }] });
    let get = json!({ "organizationId": "acme", "userIds": ["u"] });
    for _ in 0..2 {
        app.ok("users/save", &save).await;
        assert_eq!(app.ok("users/get", &get).await["u"]["email"], "u@example.com");
        app.ok("users/delete", &json!({ "organizationId": "acme", "userIds": ["u"] })).await;
        assert_eq!(app.ok("users/get", &get).await, json!({}));
        let resolve = json!({ "organizationId": "acme", "emails": ["u@example.com"] });
        assert_eq!(app.ok("users/resolve", &resolve).await, json!({}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_its_id_is_answered_with_it() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        for own in [json!({}), json!({ provider.id: Value::Null })] {
            app.ok(&provider.operation("save"), &provider.save_request("acme", "r", &own)).await;
            let expected = json!({ "r": provider.answered("r", &json!({})) });
            for get in [provider.get_request("acme", &["r"]), json!({ "organizationId": "acme" })] {
                assert_eq!(app.ok(&provider.operation("get"), &get).await, expected, "{}", provider.name);
            }
        }
    }
}
