use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use local::Options;
use serde_json::{Value, json};

use crate::support::App;

async fn stored() -> App {
    let app = App::start().await;
    let users = json!([
        { "userId": "u1", "organizationId": "acme", "name": "Ann", "email": "Ann@Example.com", "plan": { "n": 0 } },
        { "userId": "u1", "organizationId": "other", "name": "Other Ann", "email": "ann@example.com" },
        { "userId": "u2", "name": "Bob", "email": "bob@example.com", "photoUrl": null },
        { "userId": "u3", "organizationId": "zeta", "name": "Zoe of zeta" },
        { "userId": "u3", "organizationId": "beta", "name": "Zoe of beta" },
    ]);
    app.ok("users/save", &json!({ "users": users })).await;
    app
}

async fn names(app: &App, request: Value) -> Value {
    let data = app.ok("users/get", &request).await;
    data.as_object().unwrap().iter().map(|(id, user)| (id.clone(), user["name"].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_seen_by_its_organization_and_one_of_none_by_all() {
    let app = stored().await;
    let ids = json!(["u1", "u2", "u3", "u4", "u1"]);
    for (organization, found) in [
        ("acme", json!({ "u1": "Ann", "u2": "Bob" })),
        ("other", json!({ "u1": "Other Ann", "u2": "Bob" })),
        ("nobody", json!({ "u2": "Bob" })),
    ] {
        assert_eq!(names(&app, json!({ "organizationId": organization, "userIds": ids })).await, found);
    }
    assert_eq!(names(&app, json!({ "organizationId": "acme", "userIds": [] })).await, json!({}));
    let user = app.ok("users/get", &json!({ "organizationId": "acme", "userIds": ["u1"] })).await["u1"].clone();
    let expected = json!({ "userId": "u1", "organizationId": "acme", "name": "Ann", "email": "Ann@Example.com", "plan": { "n": 0 } });
    assert_eq!(user, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_alone_mean_every_organization_while_the_stack_is_open_and_one_answer() {
    let app = stored().await;
    for _ in 0..3 {
        let found = names(&app, json!({ "userIds": ["u1", "u2", "u3"] })).await;
        assert_eq!(found, json!({ "u1": "Ann", "u2": "Bob", "u3": "Zoe of beta" }));
    }
    app.ok("users/save", &json!({ "users": [{ "userId": "u3", "name": "Zoe of all" }] })).await;
    assert_eq!(names(&app, json!({ "userIds": ["u3"] })).await, json!({ "u3": "Zoe of all" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn emails_are_resolved_whatever_their_case_and_as_they_were_asked() {
    let app = stored().await;
    let emails = json!(["ANN@example.COM", "ann@example.com", "BOB@example.com", "nobody@example.com", ""]);
    for (organization, ann) in [("acme", json!("u1")), ("nobody", Value::Null)] {
        let data = app.ok("users/resolve", &json!({ "organizationId": organization, "emails": emails })).await;
        let mut expected = json!({ "BOB@example.com": "u2" });
        if !ann.is_null() {
            expected["ANN@example.COM"] = ann.clone();
            expected["ann@example.com"] = ann;
        }
        assert_eq!(data, expected, "{organization}");
    }
    assert!(app.refused(400, "users/resolve", &json!({ "emails": ["a"] })).await.contains("organizationId"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_users_with_one_email_the_organizations_own_counts_and_then_the_first_by_id() {
    let app = App::start().await;
    let users = json!([
        { "userId": "a", "email": "x@example.com" },
        { "userId": "c", "organizationId": "acme", "email": "X@example.com" },
        { "userId": "b", "organizationId": "acme", "email": "x@EXAMPLE.com" },
    ]);
    app.ok("users/save", &json!({ "users": users })).await;
    for (organization, id) in [("acme", "b"), ("other", "a")] {
        let data =
            app.ok("users/resolve", &json!({ "organizationId": organization, "emails": ["x@example.com"] })).await;
        assert_eq!(data, json!({ "x@example.com": id }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_that_was_changed_or_cleared_is_found_no_more() {
    let app = stored().await;
    let resolve = json!({ "organizationId": "acme", "emails": ["ann@example.com", "new@example.com"] });
    app.ok("users/save", &json!({ "users": [{ "userId": "u1", "organizationId": "acme", "name": "A" }] })).await;
    assert_eq!(app.ok("users/resolve", &resolve).await, json!({ "ann@example.com": "u1" }));
    for (email, found) in [(json!("new@example.com"), json!({ "new@example.com": "u1" })), (Value::Null, json!({}))] {
        let user = json!({ "userId": "u1", "organizationId": "acme", "email": email });
        app.ok("users/save", &json!({ "users": [user] })).await;
        assert_eq!(app.ok("users/resolve", &resolve).await, found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_deleted_each_in_its_organization() {
    let app = stored().await;
    for request in [
        json!({ "users": [{ "userId": "u1", "organizationId": "acme" }] }),
        json!({ "organizationId": "zeta", "userIds": ["u3", "nobody"] }),
        json!({ "userId": "u2" }),
        json!({ "userId": "u2" }),
    ] {
        app.ok("users/delete", &request).await;
    }
    let found = names(&app, json!({ "userIds": ["u1", "u2", "u3"] })).await;
    assert_eq!(found, json!({ "u1": "Other Ann", "u3": "Zoe of beta" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_user_is_named() {
    let app = App::start().await;
    for (users, field) in [
        (json!([]), "users"),
        (json!({}), "users"),
        (json!([7]), "users[0]"),
        (json!([{ "name": "x" }]), "users[0]"),
        (json!([{ "userId": 7 }]), "users[0].userId"),
        (json!([{ "userId": "u" }, { "userId": "u" }]), "users[1].userId"),
        (json!([{ "userId": "u", "organizationId": {} }]), "users[0].organizationId"),
        (json!([{ "userId": "u", "email": ["x"] }]), "users[0].email"),
    ] {
        let message = app.refused(400, "users/save", &json!({ "users": users })).await;
        assert!(message.starts_with(field), "{users}: {message}");
    }
    for (operation, request, field) in [
        ("users/get", json!({ "organizationId": "acme" }), "userIds"),
        ("users/get", json!({ "userIds": "u" }), "userIds"),
        ("users/get", json!({ "userIds": [{}] }), "userIds[0]"),
        ("users/resolve", json!({ "organizationId": "acme", "emails": [{}] }), "emails[0]"),
        ("users/delete", json!({}), "users"),
        ("users/delete", json!({ "userIds": [1] }), "userIds[0]"),
    ] {
        assert!(app.refused(400, operation, &request).await.contains(field), "{operation} {request}");
    }
}

/// A company's own table, of another shape, beside this stack's.
async fn with_directory(directory: Value) -> App {
    let mut directory = directory;
    directory["table"] = json!("people");
    let settings = HashMap::from([("USER_DIRECTORY".to_owned(), directory.to_string())]);
    let app = App::with(Options { settings, ..Options::default() }).await;
    let client = app.server.dynamodb();
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let by_email = GlobalSecondaryIndex::builder()
        .index_name("by-email")
        .key_schema(key("emailLower", KeyType::Hash))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    let create = client.create_table().table_name("people").billing_mode(BillingMode::PayPerRequest);
    let create = create.attribute_definitions(attribute("pk")).attribute_definitions(attribute("sk"));
    let create = create.attribute_definitions(attribute("emailLower"));
    let create = create.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    create.global_secondary_indexes(by_email).send().await.unwrap();
    for (id, tenant, name, email) in [
        (7, Some("acme"), json!({ "fullName": "Ann" }), "ann@example.com"),
        (8, None, json!({ "nick": "Bobby" }), "bob@example.com"),
        (9, Some("other"), json!({ "fullName": "Eve", "nick": "E" }), "eve@example.com"),
    ] {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut put = client
            .put_item()
            .table_name("people")
            .item("pk", text(&format!("USER#{id}")))
            .item("sk", text("PROFILE"))
            .item("id", AttributeValue::N(id.to_string()))
            .item("emailLower", text(email))
            .item("contact", AttributeValue::M(HashMap::from([("email".to_owned(), text(&email.to_uppercase()))])))
            .item("score", AttributeValue::N("12345678901234567890.5".to_owned()))
            .item("secret", text("not mapped"));
        let profile = name.as_object().unwrap().iter().map(|(k, v)| (k.clone(), text(v.as_str().unwrap()))).collect();
        put = put.item("profile", AttributeValue::M(profile));
        if let Some(tenant) = tenant {
            put = put.item("tenant", text(tenant));
        }
        put.send().await.unwrap();
    }
    app
}

fn mapping() -> Value {
    json!({
        "key": { "pk": "USER#{userId}", "sk": "PROFILE" },
        "emailIndex": { "name": "by-email", "key": { "emailLower": "{email}" } },
        "fields": {
            "userId": "id",
            "name": ["profile.fullName", "profile.nick"],
            "email": "contact.email",
            "organizationId": "tenant",
            "score": "score",
            "missing": "no.such.path",
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_from_the_companys_own_table() {
    let app = with_directory(mapping()).await;
    let answer = app.post("users/get", &json!({ "organizationId": "acme", "userIds": ["7", "8", "9", "10"] })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let users = answer.body["data"].as_object().unwrap();
    assert_eq!(users.keys().collect::<Vec<_>>(), ["7", "8"], "another organization's user is not seen");
    let seven = &users["7"];
    assert_eq!(
        (&seven["userId"], &seven["name"], &seven["email"]),
        (&json!("7"), &json!("Ann"), &json!("ANN@EXAMPLE.COM"))
    );
    assert_eq!(users["8"]["name"], "Bobby");
    assert!(answer.text.contains("\"score\":12345678901234567890.5"));
    assert!(!answer.text.contains("not mapped") && seven.get("missing").is_none());

    let found = names(&app, json!({ "userIds": ["7", "8", "9"] })).await;
    assert_eq!(found, json!({ "7": "Ann", "8": "Bobby", "9": "Eve" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn emails_are_resolved_from_the_companys_own_table() {
    let app = with_directory(mapping()).await;
    let emails = json!(["Ann@example.com", "BOB@example.com", "eve@example.com", "x@example.com"]);
    // What is no key of the table is nobody, and spoils nothing.
    let long = "x".repeat(3000);
    let request = json!({ "organizationId": "acme", "emails": ["", " ", long] });
    assert_eq!(app.ok("users/resolve", &request).await, json!({}));
    assert_eq!(app.ok("users/get", &json!({ "organizationId": "acme", "userIds": [long] })).await, json!({}));
    let data = app.ok("users/resolve", &json!({ "organizationId": "acme", "emails": emails })).await;
    assert_eq!(data, json!({ "Ann@example.com": "7", "BOB@example.com": "8" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_without_an_index_resolves_nobody_and_a_key_may_need_the_organization() {
    let mut directory = mapping();
    directory.as_object_mut().unwrap().remove("emailIndex");
    directory["key"] = json!({ "pk": "USER#{userId}", "sk": "{organizationId}" });
    let app = with_directory(directory).await;
    let request = json!({ "organizationId": "PROFILE", "emails": ["bob@example.com"] });
    assert_eq!(app.ok("users/resolve", &request).await, json!({}));
    assert_eq!(names(&app, json!({ "organizationId": "PROFILE", "userIds": ["8"] })).await, json!({ "8": "Bobby" }));
    assert!(app.refused(400, "users/get", &json!({ "userIds": ["8"] })).await.contains("organizationId"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_set_up_wrongly_does_not_start() {
    for setting in ["nonsense", "{}", r#"{"table":"t","key":{},"feilds":{}}"#] {
        let settings = HashMap::from([("USER_DIRECTORY".to_owned(), setting.to_owned())]);
        let started = local::Server::start(Options { settings, ..Options::default() }).await;
        assert!(started.is_err(), "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_organization_is_that_of_its_users() {
    let app = App::start().await;
    let user = json!({ "userId": "u", "email": "u@example.com" });
    app.ok("users/save", &json!({ "organizationId": "acme", "users": [user] })).await;
    for (organization, found) in [("acme", json!({ "u@example.com": "u" })), ("other", json!({}))] {
        let request = json!({ "organizationId": organization, "emails": ["u@example.com"] });
        assert_eq!(app.ok("users/resolve", &request).await, found);
    }
    let two = json!({ "organizationId": "acme", "users": [{ "userId": "u", "organizationId": "other" }] });
    for operation in ["users/save", "users/delete"] {
        let message = app.refused(400, operation, &two).await;
        assert!(message.starts_with("users[0].organizationId: "), "{message}");
    }
    app.ok("users/delete", &json!({ "organizationId": "acme", "users": [{ "userId": "u" }] })).await;
    assert_eq!(app.ok("users/get", &json!({ "organizationId": "acme", "userIds": ["u"] })).await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_email_is_nobodys() {
    let app = App::start().await;
    app.ok("users/save", &json!({ "users": [{ "userId": "u", "email": "" }, { "userId": "v", "email": " " }] })).await;
    let request = json!({ "organizationId": "acme", "emails": ["", " "] });
    assert_eq!(app.ok("users/resolve", &request).await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_that_asks_for_users_is_noted() {
    let meter = crate::cost::Meter::start().await;
    let metadata = json!({ "organizationId": "acme", "sdkVersion": "6.0.6" });
    let noted = [
        meter.noted::<users::Save>(json!({ "users": [{ "userId": "u" }], "metadata": metadata })).await.1,
        meter.noted::<users::Get>(json!({ "userIds": ["u"], "metadata": metadata })).await.1,
        meter.noted::<users::Resolve>(json!({ "emails": ["a@example.com"], "metadata": metadata })).await.1,
        meter.noted::<users::Delete>(json!({ "userIds": ["u"], "metadata": metadata })).await.1,
    ];
    for notes in noted {
        assert_eq!(notes.sdk_version.as_deref(), Some("6.0.6"));
    }
}
