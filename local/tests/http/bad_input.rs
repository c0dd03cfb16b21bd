//! Whatever a client gets wrong is its own 4xx, names the field, and leaves nothing behind.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, App, PROVIDERS, Provider};

/// What is not an id, by its JSON.
fn not_ids() -> [Value; 6] {
    [json!({ "$ne": "" }), json!({}), json!([]), json!(["a"]), json!(7), json!(true)]
}

async fn refuses(app: &App, operation: &str, request: Value, field: &str) {
    let message = app.refused(400, operation, &request).await;
    assert!(message.starts_with(field), "{operation} {request} answered: {message}");
}

async fn nothing_is_stored(app: &App, provider: &Provider) {
    let request = json!({ "organizationId": "acme" });
    assert_eq!(app.ok(&provider.operation("get"), &request).await, json!({}), "{}", provider.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_text() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let [get, save, delete] = ["get", "save", "delete"].map(|operation| provider.operation(operation));
        for bad in not_ids() {
            refuses(&app, &get, json!({ "organizationId": bad }), "organizationId").await;
            if bad != json!([]) && bad != json!(["a"]) {
                refuses(&app, &get, json!({ "organizationId": "acme", provider.ids: bad }), provider.ids).await;
            }
            let first = format!("{}[0]", provider.ids);
            refuses(&app, &get, json!({ "organizationId": "acme", provider.ids: [bad] }), &first).await;
            if let Some(id) = provider.delete_id {
                let mut request = provider.delete_request("acme", "x").unwrap();
                request[id] = bad.clone();
                refuses(&app, &delete, request, id).await;
            }
            let own_id = provider.save_request("acme", "r", &json!({ provider.id: bad }));
            refuses(&app, &save, own_id, &format!("{}.r.{}", provider.records, provider.id)).await;
            if provider.organization_on_top {
                let request = json!({ provider.records: { "r": {} }, "organizationId": bad });
                refuses(&app, &save, request, "organizationId").await;
            } else {
                let request = json!({ provider.records: { "r": {} }, "metadata": { "organizationId": bad } });
                refuses(&app, &save, request, "metadata.organizationId").await;
                let metadata = json!({ "organizationId": "acme", "documentId": bad });
                let request = json!({ provider.records: { "r": { "metadata": metadata } } });
                refuses(&app, &save, request, &format!("{}.r.metadata.documentId", provider.records)).await;
            }
        }
        let other = provider.save_request("acme", "r", &json!({ provider.id: "other" }));
        refuses(&app, &save, other, &format!("{}.r.{}", provider.records, provider.id)).await;
        nothing_is_stored(&app, provider).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_a_map_of_objects() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let save = provider.operation("save");
        for bad in [json!(null), json!([]), json!("x"), json!(1), json!({})] {
            let mut request = provider.save_request("acme", "r", &json!({}));
            request[provider.records] = bad;
            refuses(&app, &save, request, provider.records).await;
        }
        for bad in [json!(null), json!([]), json!("x"), json!(1)] {
            let request = provider.save_request("acme", "r", &bad);
            refuses(&app, &save, request, &format!("{}.r", provider.records)).await;
        }
        refuses(&app, &save, provider.save_request("acme", "", &json!({})), provider.records).await;
        let mut without = provider.save_request("acme", "r", &json!({}));
        without.as_object_mut().unwrap().remove(provider.records);
        assert!(app.refused(400, &save, &without).await.contains(provider.records));
        nothing_is_stored(&app, provider).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_has_an_organization_and_only_one() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let [get, save, delete] = ["get", "save", "delete"].map(|operation| provider.operation(operation));
        for organization in [json!({}), json!({ "organizationId": null }), json!({ "organizationId": "" })] {
            assert!(app.refused(400, &get, &organization).await.contains("organizationId"));
            let mut request = json!({ provider.records: { "r": {} } });
            if provider.organization_on_top {
                request.as_object_mut().unwrap().extend(organization.as_object().unwrap().clone());
            } else {
                request["metadata"] = organization.clone();
            }
            assert!(app.refused(400, &save, &request).await.contains("organizationId"));
            if let Some(id) = provider.delete_id {
                assert!(app.refused(400, &delete, &json!({ id: "r" })).await.contains("organizationId"));
            }
        }
        if provider.name != "notifications" {
            let record = json!({ "metadata": { "organizationId": "other" } });
            let field = format!("{}.r.metadata.organizationId", provider.records);
            refuses(&app, &save, provider.save_request("acme", "r", &record), &field).await;
        }
        nothing_is_stored(&app, provider).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organization_may_stand_on_top_or_in_the_metadata_of_every_request() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let metadata = json!({ "organizationId": "acme" });
        let mut two = json!({ provider.records: { "r": {} }, "metadata": metadata, "organizationId": "acme" });
        app.ok(&provider.operation("save"), &two).await;
        let found = app.ok(&provider.operation("get"), &json!({ "metadata": metadata })).await;
        assert_eq!(found, json!({ "r": provider.answered("r", &json!({})) }));
        two["organizationId"] = json!("other");
        for operation in ["save", "get"] {
            refuses(&app, &provider.operation(operation), two.clone(), "metadata.organizationId").await;
        }
        if let Some(id) = provider.delete_id {
            app.ok(&provider.operation("delete"), &json!({ id: "r", "organizationId": "acme" })).await;
            nothing_is_stored(&app, provider).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_a_comment_save_has_types_too() {
    let app = App::start().await;
    let with = |field: &str, value: Value| {
        let mut request = PROVIDERS[0].save_request("acme", "r", &json!({ "comments": {} }));
        request[field] = value;
        request
    };
    for bad in [json!({}), json!([]), json!(true), json!("")] {
        refuses(&app, "comments/save", with("commentId", bad), "commentId").await;
    }
    for bad in [json!({}), json!([]), json!(true), json!(1)] {
        refuses(&app, "comments/save", with("event", bad), "event").await;
    }
    for bad in [json!([]), json!("x"), json!(1)] {
        refuses(&app, "comments/save", with("metadata", bad), "metadata").await;
    }
    for bad in
        [json!([]), json!("x"), json!({ "1": null }), json!({ "1": "text" }), json!({ "1": [] }), json!({ "": {} })]
    {
        let request = PROVIDERS[0].save_request("acme", "r", &json!({ "comments": bad }));
        refuses(&app, "comments/save", request, "commentAnnotation.r.comments").await;
    }
    for (field, bad) in [
        ("documentIds", json!("d")),
        ("documentIds", json!([1])),
        ("folderId", json!(["f"])),
        ("allDocuments", json!("yes")),
    ] {
        refuses(&app, "comments/get", json!({ "organizationId": "acme", field: bad }), field).await;
    }
    nothing_is_stored(&app, &PROVIDERS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_json() {
    let app = App::start().await;
    let mut operations = app.server.operations();
    // These take a form.
    operations.retain(|operation| !["attachments/save", "recordings/upload"].contains(&operation.as_str()));
    assert!(operations.len() >= 22, "{operations:?}");
    for operation in operations {
        for body in ["", " ", "nonsense", "{", "{\"a\":}", "{}{}", "[]", "null", "7", "\"text\"", "{\"a\":\"\u{1}\"}"] {
            let message = app.post_text(&operation, body).await.refused(400);
            assert!(message.starts_with("body: "), "{operation} {body:?}: {message}");
        }
        let answer = app.post_text(&operation, b"{\"organizationId\":\"\xff\"}".to_vec()).await;
        assert!(answer.status == 400 || answer.status == 415, "{operation}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_ids_that_are_no_text_are_refused_where_they_stand() {
    let app = App::start().await;
    for (bad, why) in [
        ("\\u0000", "NUL"),
        ("\\ud800", "surrogate"),
        ("a\\udc00", "surrogate"),
        ("\\ud800\\ud800", "surrogate"),
        ("\\ud83d\\u0041", "surrogate"),
    ] {
        for (place, field) in [
            (r#"{"commentAnnotation":{"t":{}},"metadata":{"organizationId":"BAD"}}"#, "metadata.organizationId: "),
            (r#"{"commentAnnotation":{"t":{}},"metadata":{"organizationId":"a","documentId":"BAD"}}"#, "metadata.doc"),
            (r#"{"commentAnnotation":{"BAD":{}},"metadata":{"organizationId":"acme"}}"#, "commentAnnotation"),
            (r#"{"commentAnnotation":{"t":{"BAD":1}},"metadata":{"organizationId":"acme"}}"#, "commentAnnotation.t"),
            (r#"{"commentAnnotation":{"t":{"annotationId":"BAD"}},"organizationId":"a"}"#, "commentAnnotation.t.ann"),
            (r#"{"commentAnnotation":{"t":{"comments":{"BAD":{}}}},"organizationId":"a"}"#, "commentAnnotation.t.com"),
            (
                r#"{"commentAnnotation":{"t":{"comments":{"1":{"commentId":"BAD"}}}},"organizationId":"a"}"#,
                "commentAnnotation.t.comments.1.commentId: ",
            ),
            (r#"{"commentAnnotation":{"t":{}},"organizationId":"a","commentId":"BAD"}"#, "commentId: "),
        ] {
            let message = app.post_text("comments/save", place.replace("BAD", bad)).await.refused(400);
            assert!(message.starts_with(field) && message.contains(why), "{place} {bad}: {message}");
        }
        let ids = format!(r#"{{"organizationId":"acme","commentAnnotationIds":["a","{bad}"]}}"#);
        let message = app.post_text("comments/get", ids).await.refused(400);
        assert!(message.starts_with("commentAnnotationIds[1]: "), "{message}");
        let delete = format!(r#"{{"organizationId":"acme","commentAnnotationId":"{bad}"}}"#);
        let message = app.post_text("comments/delete", delete).await.refused(400);
        assert!(message.starts_with("commentAnnotationId: "), "{message}");
        let user = format!(r#"{{"users":[{{"userId":"u","{bad}":1}}]}}"#);
        assert!(app.post_text("users/save", user).await.refused(400).starts_with("users[0]"));
    }
    nothing_is_stored(&app, &PROVIDERS[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_stands_twice_in_its_object_is_refused_everywhere() {
    let app = App::start().await;
    let comment = r#""comments":{"1":{"commentText":"a","from":{"userId":"bob","userId":"ann"}}}"#;
    for (body, field) in [
        (format!(r#"{{"commentAnnotation":{{"t":{{{comment}}}}}}}"#), "commentAnnotation.t.comments.1.from.userId: "),
        (r#"{"commentAnnotation":{"t":{"from":1,"from":2}}}"#.to_owned(), "commentAnnotation.t.from: "),
        (r#"{"commentAnnotation":{"t":{"a":1,"\u0061":2}}}"#.to_owned(), "commentAnnotation.t.a: "),
        (r#"{"commentAnnotation":{"t":{}},"commentAnnotation":{"u":{}}}"#.to_owned(), "commentAnnotation: "),
        (r#"{"commentAnnotation":{"t":{},"t":{}}}"#.to_owned(), "commentAnnotation.t: "),
        (r#"{"commentAnnotation":{"t":{}},"x":[{"é":1},{"é":1,"\u00e9":1}]}"#.to_owned(), "x[1].é: "),
        (r#"{"commentAnnotation":{"t":{"x":[[{"y":{"":1,"":1}}]]}}}"#.to_owned(), "commentAnnotation.t.x[0][0].y"),
        (r#"{"commentAnnotation":{"t":{"x":{"\ud800":1,"\uD800":1}}}}"#.to_owned(), "commentAnnotation.t.x."),
        (r#"{"commentAnnotation":{"t":{}},"metadata":{"organizationId":"a"},"event":"a","event":"b"}"#.into(), "event"),
    ] {
        let message = app.post_text("comments/save", body.clone()).await.refused(400);
        assert!(message.starts_with(field) && message.contains("more than once"), "{body}: {message}");
    }
    nothing_is_stored(&app, &PROVIDERS[0]).await;
    let mut operations = app.server.operations();
    operations.retain(|operation| !["attachments/save", "recordings/upload"].contains(&operation.as_str()));
    for operation in operations {
        for body in [r#"{"organizationId":"acme","organizationId":"other"}"#, r#"{"x":{"__proto__":1,"__proto__":2}}"#]
        {
            let message = app.post_text(&operation, body).await.refused(400);
            assert!(message.contains("more than once"), "{operation}: {message}");
        }
    }
}

/// Deep, wide and long: each takes time and memory in proportion to its bytes.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_body_holds_takes_the_server_down() {
    let app = App::start().await;
    let names: Vec<String> = (0..300_000).map(|n| format!("\"{n}\":0")).collect();
    for (what, value, status) in [
        ("lists", format!("{}{}", "[".repeat(1_500_000), "]".repeat(1_500_000)), 413),
        ("lists", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), 200),
        ("objects", format!("{}1{}", r#"{"a":"#.repeat(50_000), "}".repeat(50_000)), 200),
        ("repeated", format!("{}1,\"a\":2{}", r#"{"a":"#.repeat(50_000), "}".repeat(50_000)), 400),
        ("names", format!("{{{}}}", names.join(",")), 200),
        ("a repeated name among many", format!("{{{},\"7\":1}}", names.join(",")), 400),
    ] {
        let body = format!(r#"{{"commentAnnotation":{{"t":{{"x":{value}}}}},"metadata":{{"organizationId":"acme"}}}}"#);
        let answer = app.post_text("comments/save", body).await;
        assert!(answer.status == status || (status == 413 && answer.status < 500), "{what}: {}", answer.status);
        assert!(answer.text.len() < 1_000, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_quotes_much_of_a_request() {
    let app = App::start().await;
    let long = "7".repeat(500_000);
    let mut operations = app.server.operations();
    operations.retain(|operation| !["attachments/save", "recordings/upload"].contains(&operation.as_str()));
    for operation in operations {
        for body in [
            format!(r#"{{"organizationId":"{long}"}}"#),
            format!(r#"{{"organizationId":{long}}}"#),
            format!(r#"{{"organizationId":{{"{long}":1}}}}"#),
            format!(r#"{{"metadata":{{"organizationId":"{long}"}}}}"#),
            format!(r#"{{"metadata":"{long}"}}"#),
            format!(r#"{{"attachmentId":{long},"organizationId":"acme"}}"#),
            format!(r#"{{"attachment":{{"attachmentId":{long}}},"organizationId":"acme"}}"#),
            format!(r#"{{"commentId":{long},"commentAnnotation":{{"t":{{}}}},"organizationId":"acme"}}"#),
            format!(r#"{{"{long}":1,"{long}":2}}"#),
            format!(r#"{{"{long}"#),
            long.clone(),
        ] {
            let answer = app.post_text(&operation, body).await;
            assert!(answer.status < 500, "{operation}: {} {:.200}", answer.status, answer.text);
            assert!(answer.text.len() < 1_500, "{operation}: {}", answer.text.len());
        }
    }
    for provider in &PROVIDERS {
        let save = provider.operation("save");
        let records = [
            json!({ long.as_str(): {} }),
            json!({ "r": { long.as_str(): 1 } }),
            json!({ "r": { provider.id: long } }),
            json!({ "r": { "comments": { long.as_str(): {} } } }),
            json!({ "r": { "comments": { "1": { "commentId": long } } } }),
        ];
        for (at, records) in records.iter().enumerate() {
            if at > 2 && provider.name != "comments" {
                continue;
            }
            let mut request = provider.save_request("acme", "r", &json!({}));
            request[provider.records] = records.clone();
            let answer = app.post(&save, &request).await;
            assert_eq!(answer.status, 400, "{save} {at}: {:.200}", answer.text);
            assert!(
                answer.text.len() < 1_500 && answer.text.contains(provider.records),
                "{save} {at}: {}",
                answer.text
            );
        }
    }
    let message = app.refused(400, "users/save", &json!({ "users": [{ "userId": "u", long.as_str(): 1 }] })).await;
    assert!(message.starts_with("users[0].7777") && message.len() < 400, "{message}");
    for (name, value) in [("content-type", "x".repeat(5_000)), ("content-type", "é".repeat(2_000))] {
        let request = app.http.post(app.url("comments/get")).header(name, value.as_bytes()).body("{}");
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert!(answer.status == 415 && answer.text.len() < 1_000, "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_json_by_its_content_type() {
    let app = App::start().await;
    let body = PROVIDERS[0].save_request("acme", "t", &json!({})).to_string();
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"]
    {
        let request = app.http.post(app.url("comments/save")).header("content-type", kind).body(body.clone());
        let message = Answer::read(request.send().await.unwrap()).await.refused(415);
        assert!(message.starts_with("Content-Type"), "{message}");
    }
    let request = app.http.post(app.url("comments/save")).body(body.clone());
    Answer::read(request.send().await.unwrap()).await.refused(415);
    nothing_is_stored(&app, &PROVIDERS[0]).await;

    let request = app.http.post(app.url("comments/save")).header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(request.body(body).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_no_list_of_its_values() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let save = provider.operation("save");
        let request = json!({ provider.records: { "r": {} }, "metadata": ["acme", "d", "f"] });
        refuses(&app, &save, request, "metadata: ").await;
        if !provider.organization_on_top || provider.name == "activity" {
            let own = provider.save_request("acme", "r", &json!({ "metadata": ["acme"] }));
            refuses(&app, &save, own, &format!("{}.r.metadata: ", provider.records)).await;
        }
        if let Some(mut request) = provider.delete_request("acme", "r") {
            request["metadata"] = json!(["acme"]);
            refuses(&app, &provider.operation("delete"), request, "metadata: ").await;
        }
        nothing_is_stored(&app, provider).await;
    }
    refuses(&app, "users/save", json!({ "users": [["u"]] }), "users[0]: ").await;
    refuses(&app, "users/delete", json!({ "users": [["u"]] }), "users[0]: ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_its_own_organization_or_that_of_the_request_and_not_a_neighbours() {
    let app = App::start().await;
    for provider in PROVIDERS.iter().filter(|provider| provider.name != "notifications") {
        let records = json!({ "a": { "metadata": { "organizationId": "acme" } }, "b": {} });
        let field = format!("{}.b.metadata.organizationId: ", provider.records);
        refuses(&app, &provider.operation("save"), json!({ provider.records: records }), &field).await;
        nothing_is_stored(&app, provider).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_has_no_other_id_than_its_own() {
    let app = App::start().await;
    let comments = json!({ "1": { "commentId": 1 }, "2": { "commentId": 3 } });
    let request =
        json!({ "commentAnnotation": { "t": { "comments": comments } }, "metadata": { "organizationId": "acme" } });
    refuses(&app, "comments/save", request, "commentAnnotation.t.comments.2.commentId: ").await;
    assert_eq!(app.thread("t").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_answered_in_time_is_refused_with_advice() {
    let app = App::start().await;
    let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
    for provider in &PROVIDERS {
        if provider.name != "notifications" {
            let request = json!({ "organizationId": "acme", "documentIds": many });
            refuses(&app, &provider.operation("get"), request, "documentIds: ").await;
        }
    }
    refuses(&app, "users/resolve", json!({ "organizationId": "acme", "emails": many }), "emails: ").await;
    refuses(&app, "users/get", json!({ "userIds": many }), "userIds: ").await;
}
