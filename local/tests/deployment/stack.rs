//! The template, transformed as a deployment does it, and its stack in moto's CloudFormation: the operations work on the
//! table and the buckets that it makes.

use std::collections::BTreeMap;

use local::Function;
use serde_json::{Value, json};
use shared::access::Access;
use shared::setup::Setup;

use crate::events::invoke;
use crate::moto::Moto;
use crate::support::{functions, read, server};

fn function<'a>(functions: &'a [Function], name: &str) -> &'a Function {
    functions.iter().find(|function| function.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operations_work_on_what_the_template_makes() {
    let moto = tokio::task::spawn_blocking(|| Moto::start("stack.py")).await.unwrap();
    let stack: Value = serde_json::from_str(&moto.ready).unwrap();

    let routes: BTreeMap<String, Vec<String>> = serde_json::from_value(stack["routes"].clone()).unwrap();
    let server = server().await;
    let expected = functions(&server).into_iter().map(|function| {
        let security = match function.access {
            Access::Read | Access::Write => "Tokens",
            Access::Backend => "AWS_IAM",
            Access::Anybody => "NONE",
        };
        (format!("{} {}", function.method, function.path), vec![security.to_owned()])
    });
    assert_eq!(routes, expected.collect());

    let resource = |name: &str| stack["resources"][name].as_str().unwrap().to_owned();
    let url = stack["url"].as_str().unwrap();
    let settings = [
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", url.to_owned()),
        ("AWS_ENDPOINT_URL_S3", url.to_owned()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url.to_owned()),
        // The grant of a caller is not what is tested here.
        ("AUTHORIZATION", "open".to_owned()),
        ("TABLE_NAME", resource("Table")),
        ("ATTACHMENTS_BUCKET", resource("AttachmentsBucket")),
        ("RECORDINGS_BUCKET", resource("RecordingsBucket")),
        ("LINK_KEYS_SECRET", resource("LinkKeys")),
    ];
    let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value));
    let functions = local::functions(&Setup::new(settings.collect()).unwrap()).unwrap();
    for operation in ["save", "get"] {
        for feature in ["comments", "reactions", "recordings", "activity", "notifications", "users"] {
            let name = format!("{feature}-{operation}");
            let answer = invoke(function(&functions, &name), read(&format!("events/{name}.json"))).await;
            assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
            assert!(operation == "save" || !answer["body"]["data"].as_object().unwrap().is_empty(), "{name}: {answer}");
        }
    }
    for name in ["attachments-save", "recordings-upload"] {
        let answer = invoke(function(&functions, name), read(&format!("events/{name}.json"))).await;
        let link = answer["body"]["data"]["url"].as_str().unwrap();
        let (_, path) = link.split_once(".com").unwrap();
        let mut event: Value = serde_json::from_str(&read("events/files-get.json")).unwrap();
        event["rawPath"] = json!(path);
        event["requestContext"]["http"]["path"] = json!(path);
        let answer = invoke(function(&functions, "files-get"), event.to_string()).await;
        assert_eq!(answer["statusCode"], 302, "{name}: {answer}");
        let location = answer["headers"]["location"].as_str().unwrap();
        assert!(reqwest::get(location).await.unwrap().status().is_success());
    }
    for feature in ["comments", "reactions", "recordings", "notifications", "users"] {
        let name = format!("{feature}-delete");
        let answer = invoke(function(&functions, &name), read(&format!("events/{name}.json"))).await;
        assert_eq!(answer["statusCode"], 200, "{name}: {answer}");
    }
}
