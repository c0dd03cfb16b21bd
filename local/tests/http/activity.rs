use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::App;

fn save(records: &Value) -> Value {
    json!({ "activity": records, "event": "activity.save", "metadata": { "organizationId": "acme", "documentId": "doc" } })
}

async fn record(app: &App) -> Value {
    app.ok("activity/get", &json!({ "organizationId": "acme", "activityIds": ["a"] })).await["a"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_a_success_and_new_fields_are_added() {
    let app = App::start().await;
    let first = json!({ "id": "a", "changes": { "x": [1, { "from": "é" }] }, "nothing": null });
    app.ok("activity/save", &save(&json!({ "a": first }))).await;
    app.ok("activity/save", &save(&json!({ "a": first }))).await;
    app.ok("activity/save", &save(&json!({ "a": { "id": "a", "entityData": 0 } }))).await;
    let expected = json!({ "id": "a", "changes": { "x": [1, { "from": "é" }] }, "nothing": null, "entityData": 0 });
    assert_eq!(record(&app).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_value_written_differently_is_a_repeat() {
    let app = App::start().await;
    app.ok("activity/save", &save(&json!({ "a": { "changes": { "x": 1, "y": "é" } } }))).await;
    let request = r#"{"activity":{"a":{"changes":{ "y":"\u00e9", "x":1 }}},"organizationId":"acme"}"#;
    assert_eq!(app.post_text("activity/save", request).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_never_altered_and_a_refused_save_changes_nothing() {
    let app = App::start().await;
    let first = json!({ "id": "a", "big": 9_007_199_254_740_993_u64, "text": "x", "nothing": null });
    app.ok("activity/save", &save(&json!({ "a": first }))).await;
    for (field, value) in
        [("big", json!(9_007_199_254_740_992_u64)), ("text", json!("y")), ("text", Value::Null), ("nothing", json!(0))]
    {
        let records = json!({ "a": { field: value, "new": 1 }, "b": { "id": "b" } });
        let message = app.refused(409, "activity/save", &save(&records)).await;
        assert!(message.starts_with(&format!("a.{field}: ")), "{message}");
    }
    let all = app.ok("activity/get", &json!({ "organizationId": "acme", "documentIds": ["doc"] })).await;
    assert_eq!(all, json!({ "a": first }));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_writers_at_once_one_decides_each_field() {
    let app = App::start().await;
    let saves = (0..12).map(|n| {
        let records = json!({ "a": { "same": n % 2, format!("own{n}"): n } });
        let app = &app;
        async move { (n, app.post("activity/save", &save(&records)).await.status) }
    });
    let ended = join_all(saves).await;
    let record = record(&app).await;
    for (n, status) in ended {
        let won = record["same"] == n % 2;
        assert_eq!(status, if won { 200 } else { 409 });
        assert_eq!(record.get(format!("own{n}")).is_some(), won);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organization_may_stand_in_three_places() {
    let app = App::start().await;
    let requests = [
        json!({ "activity": { "a": { "n": 1 } }, "organizationId": "acme" }),
        json!({ "activity": { "a": { "n": 1 } }, "metadata": { "organizationId": "acme" } }),
        json!({ "activity": { "a": { "n": 1, "metadata": { "organizationId": "acme" } } } }),
    ];
    for request in requests {
        app.ok("activity/save", &request).await;
    }
    assert_eq!(app.ok("activity/get", &json!({ "metadata": { "organizationId": "acme" } })).await["a"]["n"], 1);
    let two = json!({ "activity": { "a": {} }, "organizationId": "acme", "metadata": { "organizationId": "b" } });
    assert!(app.refused(400, "activity/save", &two).await.starts_with("metadata.organizationId"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_megabytes_is_append_only_too() {
    let app = App::start().await;
    let large = json!({ "id": "a", "entityData": "x".repeat(2_000_000) });
    app.ok("activity/save", &save(&json!({ "a": large }))).await;
    app.ok("activity/save", &save(&json!({ "a": large }))).await;
    app.refused(409, "activity/save", &save(&json!({ "a": { "entityData": "y" } }))).await;
    assert_eq!(record(&app).await, large);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_from_a_newer_sdk_is_a_repeat_and_its_metadata_is_answered() {
    let app = App::start().await;
    let record_of = |version: &str, document: &str, x: u32| {
        let metadata = json!({ "organizationId": "acme", "documentId": document, "sdkVersion": version });
        json!({ "id": "a", "x": x, "metadata": metadata, "documentMetadata": { "title": version } })
    };
    app.ok("activity/save", &save(&json!({ "a": record_of("6.0.6", "doc", 1) }))).await;
    for version in ["6.1.0", "7.0.0"] {
        app.ok("activity/save", &save(&json!({ "a": record_of(version, "doc", 1) }))).await;
        assert_eq!(record(&app).await, record_of(version, "doc", 1));
    }
    for altered in [json!({ "x": 2, "metadata": { "sdkVersion": "8.0.0" } }), json!({ "x": null }), json!({ "x": "1" })]
    {
        app.refused(409, "activity/save", &save(&json!({ "a": altered }))).await;
        assert_eq!(record(&app).await, record_of("7.0.0", "doc", 1));
    }
    // It stands in one document, which is the one that it answers.
    app.ok("activity/save", &save(&json!({ "a": record_of("7.0.0", "renamed", 1) }))).await;
    for (document, count) in [("doc", 0), ("renamed", 1)] {
        let found = app.ok("activity/get", &json!({ "organizationId": "acme", "documentIds": [document] })).await;
        assert_eq!(found.as_object().unwrap().len(), count, "{document}");
    }
    assert_eq!(record(&app).await["metadata"]["documentId"], "renamed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_own_id_is_the_id_in_a_repeat_too() {
    let app = App::start().await;
    for ids in [[json!(null), json!("a")], [json!("a"), json!(null)]] {
        let activity = json!({ "organizationId": "acme", "activityIds": ["a"] });
        for id in ids {
            let save = json!({ "organizationId": "acme", "activity": { "a": { "id": id, "v": 1 } } });
            app.ok("activity/save", &save).await;
            assert_eq!(app.ok("activity/get", &activity).await["a"], json!({ "id": "a", "v": 1 }));
        }
    }
}
