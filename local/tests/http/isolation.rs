//! Nobody reads or changes what is another organization's.

use serde_json::{Value, json};

use crate::support::{App, PROVIDERS};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_in_two_organizations_is_two_records() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        for organization in ["a", "b"] {
            let fields = json!({ "of": organization });
            app.ok(&provider.operation("save"), &provider.save_request(organization, "r", &fields)).await;
        }
        for organization in ["a", "b"] {
            let data = app.ok(&provider.operation("get"), &provider.get_request(organization, &["r"])).await;
            let record = provider.answered("r", &json!({ "of": organization }));
            assert_eq!(data, json!({ "r": record }), "{}", provider.name);
            let data = app.ok(&provider.operation("get"), &json!({ "organizationId": organization })).await;
            assert_eq!(data, json!({ "r": record }), "{}", provider.name);
        }
        let data = app.ok(&provider.operation("get"), &provider.get_request("c", &["r"])).await;
        assert_eq!(data, json!({}), "{}", provider.name);
        if let Some(delete) = provider.delete_request("c", "r") {
            app.ok(&provider.operation("delete"), &delete).await;
            app.ok(&provider.operation("delete"), &provider.delete_request("a", "r").unwrap()).await;
            let data = app.ok(&provider.operation("get"), &provider.get_request("b", &["r"])).await;
            let record = provider.answered("r", &json!({ "of": "b" }));
            assert_eq!(data, json!({ "r": record }), "{}", provider.name);
        }
    }
}

/// Ids that keys are tempted to run together, or to fold.
fn strange_ids() -> Vec<String> {
    let long = "x".repeat(4000);
    let mut ids: Vec<String> = [
        "#",
        "a#b",
        "a",
        "b",
        "a#",
        "#a",
        "%23",
        "%",
        "%25",
        "a/b",
        "../a",
        "\\",
        "\"",
        "'",
        " ",
        " a",
        "a ",
        "A",
        "é",
        "e\u{301}",
        "😀",
        "\u{202e}a",
        "a\nb",
        "a.b",
        "$ne",
        "__proto__",
        "record",
        "0",
        "null",
    ]
    .map(str::to_owned)
    .to_vec();
    ids.extend([long.clone(), format!("{long}y"), format!("%sha256:{}", shared::digest::sha256(&long))]);
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_any_characters_is_itself_and_no_other() {
    let app = App::start().await;
    let ids = strange_ids();
    for provider in &PROVIDERS {
        let records: Value = ids.iter().map(|id| (id.clone(), json!({ "is": id, provider.id: id }))).collect();
        let mut request = provider.save_request("acme", "r", &json!({}));
        request[provider.records] = records.clone();
        app.ok(&provider.operation("save"), &request).await;
        let request = json!({ "organizationId": "acme", provider.ids: ids });
        assert_eq!(app.ok(&provider.operation("get"), &request).await, records, "{}", provider.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_document_or_folder_of_any_characters_is_itself_and_no_other() {
    let app = App::start().await;
    for id in strange_ids() {
        let metadata = json!({ "organizationId": id, "documentId": id, "folderId": id });
        app.ok(
            "comments/save",
            &json!({ "commentAnnotation": { "t": { "annotationId": "t", "is": id } }, "metadata": metadata }),
        )
        .await;
    }
    for id in strange_ids() {
        for filter in [
            json!({}),
            json!({ "documentIds": [id] }),
            json!({ "folderId": id }),
            json!({ "commentAnnotationIds": ["t"] }),
        ] {
            let mut request = filter;
            request["organizationId"] = json!(id);
            assert_eq!(
                app.ok("comments/get", &request).await,
                json!({ "t": { "annotationId": "t", "is": id } }),
                "{request}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_features_ids_are_not_anothers() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let fields = json!({ "of": provider.name });
        app.ok(&provider.operation("save"), &provider.save_request("acme", "r", &fields)).await;
    }
    for provider in &PROVIDERS {
        let data = app.ok(&provider.operation("get"), &json!({ "organizationId": "acme" })).await;
        assert_eq!(data, json!({ "r": provider.answered("r", &json!({ "of": provider.name })) }));
    }
}
