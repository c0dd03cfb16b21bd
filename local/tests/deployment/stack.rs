//! The template, transformed as a deployment does it, and its stack in moto's CloudFormation: the binaries work on the table
//! and the buckets that it makes, with the environment that it gives them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::access::Access;
use tempfile::NamedTempFile;

use crate::moto::Moto;
use crate::support::{functions, read, server};
use crate::watch::Watch;

#[tokio::test(flavor = "multi_thread")]
async fn the_binaries_work_on_what_the_template_makes() {
    let moto = tokio::task::spawn_blocking(|| Moto::start("stack.py")).await.unwrap();
    let stack: Value = serde_json::from_str(&moto.ready).unwrap();

    let routes: BTreeMap<String, Vec<String>> = serde_json::from_value(stack["routes"].clone()).unwrap();
    let server = server().await;
    let expected = functions(&server).into_iter().flat_map(|function| function.routes()).map(|route| {
        let security = match route.access {
            Access::Read | Access::Write => "Tokens",
            Access::Backend => "AWS_IAM",
            Access::Anybody => "NONE",
        };
        (route.to_string(), vec![security.to_owned()])
    });
    assert_eq!(routes, expected.collect());

    let dashboard: Value = serde_json::from_str(stack["dashboard"].as_str().unwrap()).unwrap();
    assert_eq!(dashboard["widgets"][0]["properties"]["region"], "us-east-1");

    // As CloudFormation resolved it for the functions; where AWS is, only a test says.
    let mut environment: BTreeMap<String, String> = serde_json::from_value(stack["environment"].clone()).unwrap();
    let url = stack["url"].as_str().unwrap();
    for (name, value) in [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", url),
        ("AWS_ENDPOINT_URL_S3", url),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url),
    ] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    let watch = Watch::start(&environment).await;
    for operation in ["save", "get"] {
        for feature in ["comments", "reactions", "recordings", "activity", "notifications", "users"] {
            let name = format!("{feature}-{operation}");
            let answer = watch.invoke(&name, &name).await;
            assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
            assert!(operation == "save" || !answer["body"]["data"].as_object().unwrap().is_empty(), "{name}: {answer}");
        }
    }
    for name in ["attachments-save", "recordings-upload"] {
        let answer = watch.invoke(name, name).await;
        let link = answer["body"]["data"]["url"].as_str().unwrap();
        let (_, path) = link.split_once(".com").unwrap();
        let mut event: Value = serde_json::from_str(&read("events/files-get.json")).unwrap();
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), event.to_string()).unwrap();
        let answer = watch.invoke_by_file("files-get", file.path()).await;
        assert_eq!(answer["statusCode"], 302, "{name}: {answer}");
        let location = answer["headers"]["location"].as_str().unwrap();
        assert!(reqwest::get(location).await.unwrap().status().is_success());
    }
    for feature in ["comments", "reactions", "recordings", "notifications", "users"] {
        let name = format!("{feature}-delete");
        let answer = watch.invoke(&name, &name).await;
        assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
    }
    let lines = watch.lines();
    assert!(lines.iter().all(|line| line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "velt"));
}
