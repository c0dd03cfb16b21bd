//! The development server stands between page and function as the template's gateway does.

use regex_lite::Regex;
use yaml_serde::Value;

use crate::support::server;
use crate::template::{Template, argument, at, texts};

#[tokio::test(flavor = "multi_thread")]
async fn preflights_are_answered_as_deployed() {
    let server = server().await;
    let answer = reqwest::Client::new()
        .request(reqwest::Method::OPTIONS, format!("{}/api/velt/comments/get", server.url()))
        .header("origin", "http://localhost:5173")
        .header("access-control-request-method", "POST")
        .send()
        .await
        .unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();

    let template = Template::read();
    let cors = template.at("Resources.Api.Properties.CorsConfiguration");
    assert_eq!(cors["AllowCredentials"].as_bool().unwrap().to_string(), header("access-control-allow-credentials"));
    assert_eq!(cors["MaxAge"].as_u64().unwrap().to_string(), header("access-control-max-age"));
    assert_eq!(texts(&cors["AllowMethods"]).join(","), header("access-control-allow-methods"));
    let without_extra = &argument(&cors["AllowHeaders"], "If")[2];
    assert_eq!(texts(without_extra).join(","), header("access-control-allow-headers"));
}

#[test]
fn a_function_has_the_time_it_has_deployed() {
    let template = Template::read();
    assert_eq!(template.at("Globals.Function.Timeout").as_u64(), Some(local::TIMEOUT.as_secs()));
}

#[test]
fn an_origin_is_exact() {
    let template = Template::read();
    let pattern = at(template.at("Parameters"), "AllowedOrigins.AllowedPattern").as_str().unwrap();
    let pattern = Regex::new(pattern).unwrap();
    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("http://localhost:5173", true),
        ("*", false),
        ("https://*.example.com", false),
        ("https://app.example.com/", false),
        ("app.example.com", false),
        ("", false),
    ] {
        assert_eq!(pattern.is_match(origin), allowed, "{origin}");
    }
}

/// What a function may do: its actions by name, and on which keys.
#[test]
fn a_function_may_do_what_its_operation_does_to_its_own_feature() {
    let template = Template::read();
    let reads = ["dynamodb:BatchGetItem", "dynamodb:Query"];
    assert_eq!(texts(template.at("Mappings.Calls.Get.Actions")), reads);
    for (id, properties) in template.resources("AWS::Serverless::Function") {
        let name = properties["CodeUri"].as_str().unwrap().strip_prefix("target/lambda/").unwrap();
        let (feature, operation) = name.split_once('-').unwrap();
        let calls = match (feature, operation) {
            (_, "get" | "resolve") => "Get",
            (_, "save") => "Save",
            // A thread leaves a marker.
            ("comments", "delete") => "Mark",
            (_, "delete") => "Delete",
            _ => panic!("{id}: what may it do?"),
        };
        for statement in statements(properties) {
            let action = argument(&statement["Action"], "FindInMap");
            assert_eq!(texts(action), ["Calls", calls, "Actions"], "{id}");
            let keys = at(statement, "Condition.ForAllValues:StringLike.dynamodb:LeadingKeys");
            assert_eq!(keys, &Value::from(format!("{feature}#*")), "{id}");
        }
    }
}

/// The statements on the bundle's own table.
fn statements(properties: &Value) -> Vec<&Value> {
    let policies = properties["Policies"].as_sequence().unwrap().iter();
    let statements = policies.filter_map(|policy| policy.get("Statement")).flat_map(|list| list.as_sequence().unwrap());
    statements
        .map(|statement| match statement {
            // Reading a company's own table instead; the last is for this one.
            Value::Tagged(tagged) => tagged.value.as_sequence().unwrap().last().unwrap(),
            statement => statement,
        })
        .collect()
}
