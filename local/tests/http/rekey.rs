//! A document that Velt renamed or moved is found under its new name, with everything that stands in it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Answer, App, PROVIDERS};

async fn rekey(app: &App, request: &Value) -> Answer {
    let url = format!("{}/backend/velt/documents/rekey", app.server.url());
    Answer::read(app.http.post(url).json(request).send().await.unwrap()).await
}

/// Sends the request until no token comes back; what was moved in all.
async fn whole(app: &App, request: &Value) -> (Value, usize) {
    let (mut moved, mut requests) = (serde_json::Map::new(), 0);
    let mut request = request.clone();
    loop {
        let answer = rekey(app, &request).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        requests += 1;
        for (feature, count) in answer.body["data"]["moved"].as_object().unwrap() {
            let known = moved.get(feature).and_then(Value::as_u64).unwrap_or_default();
            moved.insert(feature.clone(), json!(known + count.as_u64().unwrap()));
        }
        match answer.body["data"].get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return (Value::Object(moved), requests),
        }
    }
}

fn metadata(document: &str) -> Value {
    json!({ "organizationId": "acme", "documentId": document, "sdkVersion": "6.0.6" })
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_document_is_found_under_its_new_name() {
    let app = App::start().await;
    let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(600_000).collect();
    for provider in PROVIDERS.iter().filter(|provider| provider.name != "notifications") {
        for (id, document, fields) in [
            ("small", "old", json!({ "x": 1 })),
            ("large", "old", json!({ "x": noise })),
            ("other", "elsewhere", json!({ "x": 1 })),
        ] {
            let mut fields = fields;
            fields["metadata"] = metadata(document);
            app.ok(&provider.operation("save"), &provider.save_request("acme", id, &fields)).await;
        }
    }
    let request = json!({
        "organizationId": "acme", "documentId": "old", "newDocumentId": "new", "newFolderId": "contracts",
    });
    let (moved, _) = whole(&app, &request).await;
    assert_eq!(moved, json!({ "comments": 2, "reactions": 2, "recordings": 2, "activity": 2 }));
    for provider in PROVIDERS.iter().filter(|provider| provider.name != "notifications") {
        let by = |filter: Value| {
            let mut request = filter;
            request["organizationId"] = json!("acme");
            let app = &app;
            async move { app.ok(&provider.operation("get"), &request).await }
        };
        let found = by(json!({ "documentIds": ["new"] })).await;
        assert_eq!(found.as_object().unwrap().len(), 2, "{}", provider.name);
        assert_eq!(found["large"]["x"], noise);
        assert_eq!(found["small"]["metadata"]["documentId"], "new");
        assert_eq!(found["small"]["metadata"]["sdkVersion"], "6.0.6");
        assert_eq!(by(json!({ "documentIds": ["old"] })).await, json!({}));
        assert_eq!(by(json!({ "folderId": "contracts" })).await.as_object().unwrap().len(), 2);
        assert_eq!(by(json!({ "documentIds": ["elsewhere"] })).await.as_object().unwrap().len(), 1);
    }
    // Again, and of a document that is not there.
    assert_eq!(whole(&app, &request).await, (json!({}), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_document_takes_several_requests_and_each_is_bounded() {
    let app = App::start().await;
    for hundred in 0..3 {
        let threads: Value =
            (0..100).map(|n| (format!("t{hundred}-{n}"), json!({ "metadata": metadata("old"), "n": n }))).collect();
        app.ok("comments/save", &json!({ "commentAnnotation": threads })).await;
    }
    let request = json!({ "organizationId": "acme", "documentId": "old", "newDocumentId": "new" });
    let (moved, requests) = whole(&app, &request).await;
    assert_eq!(moved, json!({ "comments": 300 }));
    assert!(requests > 2, "{requests}");
    let found = app.ok("comments/get", &json!({ "organizationId": "acme", "documentIds": ["new"] })).await;
    assert_eq!(found.as_object().unwrap().len(), 300);
    // To a folder alone: the document stays, so what was moved already is passed over by its position.
    let request = json!({ "organizationId": "acme", "documentId": "new", "newFolderId": "f" });
    assert_eq!(whole(&app, &request).await.0, json!({ "comments": 300 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_place_is_refused() {
    let app = App::start().await;
    for (request, field) in [
        (json!({ "documentId": "d", "newDocumentId": "e" }), "organizationId"),
        (json!({ "organizationId": "acme", "newDocumentId": "e" }), "documentId"),
        (json!({ "organizationId": "acme", "documentId": "d" }), "newDocumentId"),
        (json!({ "organizationId": "acme", "documentId": "d", "newDocumentId": { "$ne": "" } }), "newDocumentId"),
        (json!({ "organizationId": "acme", "documentId": "d", "newDocumentId": "e", "nextToken": "x" }), "nextToken"),
        (json!({ "organizationId": "acme", "documentId": "d", "newDocumentId": "e", "nextToken": 7 }), "nextToken"),
        (of_position(r#"[0,""]"#), "nextToken"),
        (of_position(r#"[6,"comments#acme#t"]"#), "nextToken"),
        (of_position(r#"[0,"comments#globex#t"]"#), "nextToken"),
        (of_position("[7,null]"), "nextToken"),
        (of_position(&format!(r#"[0,"comments#acme#{}"]"#, "x".repeat(2000))), "nextToken"),
    ] {
        let message = rekey(&app, &request).await.refused(400);
        assert!(message.contains(field), "{message}");
    }
}

fn of_position(position: &str) -> Value {
    let token = URL_SAFE_NO_PAD.encode(position);
    json!({ "organizationId": "acme", "documentId": "d", "newDocumentId": "e", "nextToken": token })
}
