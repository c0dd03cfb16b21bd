//! `docs/field-inventory.md` lists what is stored and indexed: all of it, and nothing else.

use std::collections::BTreeSet;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{App, PROVIDERS};

const INVENTORY: &str = include_str!("../../../docs/field-inventory.md");

/// The names in the first column of the table whose header begins with `header`.
fn first_column(header: &str) -> BTreeSet<String> {
    let rows = INVENTORY.lines().skip_while(|line| !line.starts_with(&format!("| {header} |"))).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('`').nth(1).unwrap().to_owned()).collect()
}

/// Saves what makes every kind of item, and deletes some of it.
async fn fill(app: &App) {
    let metadata = json!({ "organizationId": "acme", "documentId": "d", "folderId": "f" });
    let large: Value = (0..500).map(|id| (id.to_string(), json!({ "commentText": "x".repeat(1000) }))).collect();
    for provider in &PROVIDERS {
        for (id, fields) in [("r", json!({ "metadata": metadata, "x": 1 })), ("large", json!({ "x": noise(900_000) }))]
        {
            app.ok(&provider.operation("save"), &provider.save_request("acme", id, &fields)).await;
        }
    }
    let threads = json!({ "wide": { "comments": large }, "gone": {}, "t": { "comments": { "1": {} } } });
    app.ok("comments/save", &json!({ "commentAnnotation": threads, "metadata": metadata })).await;
    app.ok("comments/delete", &json!({ "commentAnnotationId": "gone", "metadata": metadata })).await;
    let with_file = json!({ "comments": { "1": { "attachments": { "7": { "attachmentId": 7, "name": "a.pdf" } } } } });
    app.ok("comments/save", &json!({ "commentAnnotation": { "f": with_file }, "metadata": metadata })).await;
    for (operation, id) in [("attachments/save", 7), ("recordings/upload", 8)] {
        let request = json!({ "attachment": { "attachmentId": id, "name": "a.pdf" }, "metadata": metadata });
        let file = Part::bytes(b"%PDF-1.4".as_slice()).file_name("a.pdf");
        let form = Form::new().part("file", file).text("request", request.to_string());
        let answer = app.http.post(app.url(operation)).multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let delete =
        json!({ "commentAnnotation": { "t": {} }, "event": "comment.delete", "commentId": 1, "metadata": metadata });
    app.ok("comments/save", &delete).await;
    app.ok("users/save", &json!({ "users": [{ "userId": "u", "email": "ann@example.com", "name": "Ann" }] })).await;
    app.ok("users/resolve", &json!({ "organizationId": "acme", "emails": ["ann@example.com", "who@example.com"] }))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_lists_every_attribute_and_none_that_is_not_there() {
    let app = App::start().await;
    fill(&app).await;
    let client = app.server.dynamodb();
    let mut pages = client.scan().table_name(app.server.environment.get("TABLE_NAME")).into_paginator().items().send();
    let mut stored = BTreeSet::new();
    let mut features = BTreeSet::new();
    while let Some(item) = pages.next().await {
        let item = item.unwrap();
        features.insert(item["PK"].as_s().unwrap().split('#').next().unwrap().to_owned());
        stored.extend(item.keys().map(|name| match name.split_at_checked(2) {
            Some((prefix @ ("f#" | "c#" | "n#"), _)) => prefix.to_owned(),
            _ => name.clone(),
        }));
        let outside_users = !item["PK"].as_s().unwrap().starts_with("users#");
        assert!(outside_users || !format!("{:?}", item["GSI2PK"]).contains('@'), "an email is no key");
        assert!(!format!("{item:?}").contains("who@example.com"), "an email that was asked for is not stored");
    }
    assert_eq!(stored, first_column("Attribute"));
    let listed: BTreeSet<String> =
        INVENTORY.lines().filter_map(|line| line.split("| `").nth(1)?.split('`').next()).map(str::to_owned).collect();
    assert!(features.is_subset(&listed), "{features:?}");
    assert!(features.contains("attachments") && features.contains("recording-files"));
}

/// Text that does not shrink below an item when it is compressed.
fn noise(bytes: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_lists_every_index() {
    let app = App::start().await;
    let table = app
        .server
        .dynamodb()
        .describe_table()
        .table_name(app.server.environment.get("TABLE_NAME"))
        .send()
        .await
        .unwrap();
    let table = table.table.unwrap();
    for index in table.global_secondary_indexes() {
        let key = index.key_schema()[0].attribute_name();
        assert!(INVENTORY.contains(&format!("`{}`", index.index_name().unwrap())));
        let row = INVENTORY.lines().find(|line| line.starts_with(&format!("| `{key}` |"))).unwrap();
        assert!(row.ends_with(&format!("{} key |", index.index_name().unwrap())), "{row}");
    }
}
