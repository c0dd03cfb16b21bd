//! What came is what comes back.

use serde_json::{Value, json};

use crate::support::{App, PROVIDERS};

/// Values that a store is tempted to change, as JSON text.
const VALUES: [&str; 24] = [
    "0",
    "\"\"",
    "false",
    "null",
    "{}",
    "[]",
    "-0.0",
    "1.0",
    "1e400",
    "1E-400",
    "9007199254740993",
    "18446744073709551617",
    "123456789012345678901234567890123456789012345678901234567890",
    "0.1000000000000000055511151231257827021181583404541015625",
    "\"\\u00e9 e\\u0301 \\ud83d\\ude00 \\u2028 \\u200f\"",
    "\"😀 \u{202e}רטל\"",
    "\"  spaces  \\n\\t \"",
    "[null,[null],{\"\":null}]",
    "{\"a.b\":1,\"$x\":2,\"#\":3,\"__proto__\":4,\"PK\":5}",
    "{ \"spaced\" : [ 1 , 2 ] }",
    "\"\\\"quoted\\\" \\\\ \\/\"",
    "[0,\"\",false,null]",
    "{\"nested\":{\"falsy\":0}}",
    "\"<script>alert('x')</script>\"",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_value_comes_back_as_its_own_text() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        let fields: Vec<String> =
            VALUES.iter().enumerate().map(|(at, value)| format!("\"field{at}\":{value}")).collect();
        let request = provider.save_request("acme", "r", &json!({ "here": 1 })).to_string();
        let request = request.replace("\"here\":1", &fields.join(","));
        assert_eq!(app.post_text(&provider.operation("save"), request).await.status, 200, "{}", provider.name);
        let answer = app.post(&provider.operation("get"), &provider.get_request("acme", &["r"])).await;
        for field in fields {
            assert!(answer.text.contains(&field), "{}: {field} is not in {}", provider.name, answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_fields_are_nobodys_but_the_payloads() {
    let app = App::start().await;
    let names = ["", "PK", "SK", "id", "ttl", "revision", "generation", "deleted", "GSI1PK", "a.b", "c#1", "#", "$set"];
    let long = "n".repeat(5000);
    let fields: Value =
        names.iter().copied().chain([long.as_str()]).map(|name| (name.to_owned(), json!(name))).collect();
    for provider in PROVIDERS.iter().filter(|provider| provider.id != "id") {
        app.ok(&provider.operation("save"), &provider.save_request("acme", "r", &fields)).await;
        let data = app.ok(&provider.operation("get"), &provider.get_request("acme", &["r"])).await;
        assert_eq!(data["r"], provider.answered("r", &fields), "{}", provider.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nesting_is_kept_as_deep_as_it_came() {
    let app = App::start().await;
    for depth in [30, 100, 5000] {
        let nested = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let request = PROVIDERS[0].save_request("acme", "r", &json!({ "deep": 1 })).to_string();
        let request = request.replace("\"deep\":1", &format!("\"deep\":{nested}"));
        assert_eq!(app.post_text("comments/save", request).await.status, 200);
        let answer = app.post("comments/get", &PROVIDERS[0].get_request("acme", &["r"])).await;
        assert!(answer.text.contains(&nested), "{depth}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_kept_exactly_too() {
    let app = App::start().await;
    let comment = r#"{"commentId":12345678901234567890123,"commentText":"a","score":1.10,"x":null}"#;
    let id = "12345678901234567890123";
    let thread = format!(r#"{{"comments":{{"{id}":{comment}}}}}"#);
    let request = format!(
        r#"{{"commentAnnotation":{{"t":{thread}}},"event":"comment.add","commentId":{id},"metadata":{{"organizationId":"acme"}}}}"#
    );
    assert_eq!(app.post_text("comments/save", request).await.status, 200);
    let answer = app.post("comments/get", &json!({ "organizationId": "acme" })).await;
    assert!(answer.text.contains(comment), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_has_comments_in_the_answer_where_it_came_with_some_or_none() {
    let app = App::start().await;
    for thread in [json!({ "comments": {} }), json!({ "x": 1 }), json!({ "comments": null })] {
        let id = thread.to_string();
        app.save_thread(&id, thread.clone(), "comment_annotation.add", Value::Null).await;
        assert_eq!(app.thread(&id).await, PROVIDERS[0].answered(&id, &thread));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_ids_of_any_length_that_fits_come_back() {
    let app = App::start().await;
    let name = "n".repeat(70_000);
    let (id, document, folder) = ("i".repeat(90_000), "d".repeat(90_000), "f".repeat(90_000));
    let thread =
        json!({ name.as_str(): 1, "comments": { name.as_str(): { "commentText": "a" } }, "text": "x".repeat(200_000) });
    let metadata = json!({ "organizationId": "acme", "documentId": document, "folderId": folder });
    for _ in 0..2 {
        let save = json!({ "commentAnnotation": { id.as_str(): thread }, "metadata": metadata });
        app.ok("comments/save", &save).await;
        let found = app.ok("comments/get", &json!({ "organizationId": "acme", "documentIds": [document] })).await;
        assert_eq!(found[id.as_str()], PROVIDERS[0].answered(&id, &thread));
    }
    for too_long in [
        json!({ "organizationId": "x".repeat(100_001) }),
        json!({ "organizationId": "acme", "documentIds": ["x".repeat(100_001)] }),
    ] {
        let message = app.refused(400, "comments/get", &too_long).await;
        assert!(message.contains("more than 100000"), "{message}");
    }
}

/// Texts that are no characters, as JSON may write them.
const HALVES: [&str; 5] =
    ["\"\\u0000\"", "\"a\\ud800\"", "\"\\uDC00b\"", "\"\\udc00\\ud800\"", "{\"x\":[\"\\ud83d\",\"\\u0000\"]}"];

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_characters_is_kept_like_any_other() {
    let app = App::start().await;
    for provider in &PROVIDERS {
        for (at, value) in HALVES.iter().enumerate() {
            let id = format!("r{at}");
            let save = provider.save_request("acme", &id, &json!({ "here": 1 })).to_string();
            let save = save.replace("\"here\":1", &format!("\"text\":{value}"));
            // A repeat is one for records that only grow, too, however its escapes are written.
            for body in [save.clone(), save.replace("\\ud", "\\uD"), save] {
                let answer = app.post_text(&provider.operation("save"), body).await;
                assert_eq!(answer.status, 200, "{} {value}: {}", provider.name, answer.text);
            }
            let answer = app.post(&provider.operation("get"), &provider.get_request("acme", &[&id])).await;
            assert!(answer.text.contains(&format!("\"text\":{value}")), "{}: {}", provider.name, answer.text);
            if let Some(request) = provider.delete_request("acme", &id) {
                app.ok(&provider.operation("delete"), &request).await;
            }
        }
    }
    for value in HALVES {
        let user = format!(r#"{{"users":[{{"userId":"u","organizationId":"acme","name":{value}}}]}}"#);
        assert_eq!(app.post_text("users/save", user).await.status, 200);
        let answer = app.post("users/get", &json!({ "organizationId": "acme", "userIds": ["u"] })).await;
        assert!(answer.text.contains(&format!("\"name\":{value}")), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_with_such_text_is_no_dead_end() {
    let app = App::start().await;
    let save = async |event: &str, comment: String| {
        let body = format!(
            r#"{{"commentAnnotation":{{"t":{{"from":{{"userId":"ann","name":"\ud800"}},"comments":{{"1":{comment}}}}}}},
                "event":"{event}","commentId":1,"metadata":{{"organizationId":"acme","documentName":"\u0000\udc00"}}}}"#
        );
        let answer = app.post_text("comments/save", body).await;
        assert_eq!(answer.status, 200, "{event}: {}", answer.text);
        app.post("comments/get", &json!({ "organizationId": "acme" })).await.text
    };
    let attachments = r#""attachments":{"7":{"attachmentId":7,"name":"\ud83d.png"}}"#;
    let with = |text: &str| format!(r#"{{"commentId":1,"commentText":"{text}","x":"\udfff",{attachments}}}"#);
    assert!(save("comment.add", with("a\\ud83d")).await.contains("\"a\\ud83d\""));
    assert!(save("comment.update", with("b\\u0000")).await.contains("\"b\\u0000\""));
    // Its sender was not shown the text.
    let kept = save("comment.update", r#"{"commentId":1,"y":"\udbff"}"#.to_owned()).await;
    assert!(["b\\u0000", "\\udfff", "\\udbff"].iter().all(|text| kept.contains(text)), "{kept}");
    assert!(save("comment_annotation.assign", with("stale")).await.contains("b\\u0000"));
    assert!(!save("comment.delete", with("b")).await.contains("b\\u0000"));
    app.ok("comments/delete", &json!({ "commentAnnotationId": "t", "organizationId": "acme" })).await;
    assert_eq!(app.thread("t").await, Value::Null);
}
