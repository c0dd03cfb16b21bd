use serde_json::json;

use crate::support::App;

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_saved_read_by_its_id_and_deleted_within_its_organization() {
    let app = App::start().await;
    // `metadata` is the notification's own here: Velt gives it no meaning.
    let notification = json!({ "notificationId": "n", "displayBodyMessage": "hi", "metadata": "anything" });
    let save = json!({ "organizationId": "acme", "notifications": { "n": notification } });
    app.ok("notifications/save", &save).await;
    let get = |organization| json!({ "organizationId": organization, "notificationIds": ["n", "x"] });
    assert_eq!(app.ok("notifications/get", &get("acme")).await, json!({ "n": notification }));
    assert_eq!(app.ok("notifications/get", &get("other")).await, json!({}));
    for organization in ["other", "acme", "acme"] {
        let delete = json!({ "organizationId": organization, "notificationId": "n" });
        app.ok("notifications/delete", &delete).await;
    }
    assert_eq!(app.ok("notifications/get", &get("acme")).await, json!({}));
}
