//! Callers who are limited to documents.

use serde_json::{Value, json};

use crate::support::{App, claims, token, with};

/// The providers whose records stand in documents: their names, and those of their records and ids.
const PROVIDERS: [(&str, &str, &str, Option<&str>); 4] = [
    ("comments", "commentAnnotation", "commentAnnotationIds", Some("commentAnnotationId")),
    ("reactions", "reactionAnnotation", "reactionAnnotationIds", Some("reactionAnnotationId")),
    ("recordings", "recorderAnnotation", "recorderAnnotationIds", Some("recorderAnnotationId")),
    ("activity", "activity", "activityIds", None),
];

fn save(records: &str, id: &str, document: &Value) -> Value {
    json!({ records: { id: { "x": id } }, "metadata": { "organizationId": "acme", "documentId": document } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_elsewhere_is_not_there_for_them() {
    let app = App::start().await;
    let all = token(&claims(&json!("acme")));
    let limited = token(&with(claims(&json!("acme")), "documents", json!(["mine"])));
    for (name, records, ids, delete_id) in PROVIDERS {
        let operation = |operation: &str| format!("{name}/{operation}");
        for (id, document) in [("m", json!("mine")), ("o", json!("other")), ("n", json!(null))] {
            app.ok(&all, &operation("save"), &save(records, id, &document)).await;
        }
        let everything = app.ok(&all, &operation("get"), &json!({ "organizationId": "acme" })).await;
        assert_eq!(everything.as_object().unwrap().len(), 3);

        for request in [
            json!({ "organizationId": "acme", ids: ["m", "o", "n", "unknown"] }),
            json!({ "organizationId": "acme", "documentIds": ["mine"] }),
            json!({ "organizationId": "acme" }),
        ] {
            let seen = app.ok(&limited, &operation("get"), &request).await;
            assert_eq!(seen, json!({ "m": { "x": "m" } }), "{name} {request}");
        }
        let asked = json!({ "organizationId": "acme", "documentIds": ["mine", "other"] });
        app.refused(&limited, &operation("get"), &asked).await;

        // Neither into another document, nor onto what stands there, whatever the request says.
        for (id, document) in [
            ("new", json!("other")),
            ("new", json!(null)),
            ("o", json!("mine")),
            ("n", json!("mine")),
            ("m", json!("other")),
        ] {
            app.refused(&limited, &operation("save"), &save(records, id, &document)).await;
        }
        app.ok(&limited, &operation("save"), &save(records, "m2", &json!("mine"))).await;
        let Some(delete_id) = delete_id else { continue };
        let delete = |id: &str, document: &str| json!({ delete_id: id, "metadata": { "organizationId": "acme", "documentId": document } });
        app.refused(&limited, &operation("delete"), &delete("o", "other")).await;
        app.refused(&limited, &operation("delete"), &delete("unknown", "other")).await;
        // As if it did not exist.
        app.ok(&limited, &operation("delete"), &delete("o", "mine")).await;
        app.ok(&limited, &operation("delete"), &delete("unknown", "mine")).await;
        app.ok(&limited, &operation("delete"), &delete("m2", "mine")).await;
        let after = app.ok(&all, &operation("get"), &json!({ "organizationId": "acme" })).await;
        assert_eq!(after, everything, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_limit_as_documents_do() {
    let app = App::with(&[("AUTH_FOLDERS", "folders")]).await;
    let folders = |folders: Value| token(&with(claims(&json!("acme")), "folders", folders));
    let (all, limited) = (folders(json!("*")), folders(json!(["f"])));
    for (id, folder) in [("m", "f"), ("o", "g")] {
        let metadata = json!({ "organizationId": "acme", "documentId": "d", "folderId": folder });
        app.ok(&all, "comments/save", &json!({ "commentAnnotation": { id: { "x": id } }, "metadata": metadata })).await;
    }
    let seen = app.ok(&limited, "comments/get", &json!({ "organizationId": "acme", "documentIds": ["d"] })).await;
    assert_eq!(seen, json!({ "m": { "x": "m" } }));
    app.refused(&limited, "comments/get", &json!({ "organizationId": "acme", "folderId": "g" })).await;
    // A token that says nothing of folders is limited to none.
    let forgotten = token(&claims(&json!("acme")));
    let seen = app.ok(&forgotten, "comments/get", &json!({ "organizationId": "acme" })).await;
    assert_eq!(seen, json!({}));
}
