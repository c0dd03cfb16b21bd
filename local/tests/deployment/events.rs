//! The sample events are requests that the functions answer with success.

use std::collections::BTreeSet;

use authorizer::Authorizer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::Function;
use serde_json::{Value, json};

use crate::support::{functions, read, root, server};

/// What an event's function answers, with its body read where it is JSON.
async fn invoke(function: &Function, event: String) -> Value {
    let response = function.invoke(event, "a-request".to_owned()).await.unwrap();
    let mut response: Value = serde_json::from_str(&response).unwrap();
    let body = response["body"].as_str().unwrap_or_default();
    response["body"] = serde_json::from_str(body).unwrap_or(Value::Null);
    response
}

/// Posts what the event of `uploads-finish` says was posted, where that of `uploads-start` was told to.
pub(crate) async fn upload(started: &Value) {
    let mut form = reqwest::multipart::Form::new();
    for (name, value) in started["fields"].as_object().unwrap() {
        form = form.text(name.clone(), value.as_str().unwrap().to_owned());
    }
    let form = form.part("file", reqwest::multipart::Part::bytes(b"hello, world".as_slice()));
    let posted = reqwest::Client::new().post(started["url"].as_str().unwrap()).multipart(form).send().await.unwrap();
    assert!(posted.status().is_success(), "{}", posted.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_answers_its_event() {
    let server = server().await;
    let functions = functions(&server);
    for function in &functions {
        let event = read(&format!("events/{}.json", function.name));
        let read: Value = serde_json::from_str(&event).unwrap();
        let route = format!("{} {}", function.method, function.path);
        assert_eq!(read["routeKey"], route);
        let mut body = read["body"].as_str().unwrap_or_default().as_bytes().to_vec();
        if read["isBase64Encoded"] == true {
            body = STANDARD.decode(body).unwrap();
        }
        let length = read["headers"]["content-length"].as_str().unwrap_or("0");
        assert_eq!(length, body.len().to_string(), "{}", function.name);
        let response = invoke(function, event).await;
        if function.method == http::Method::GET {
            assert_eq!(response["statusCode"], 302, "{}: {response}", function.name);
            continue;
        }
        assert_eq!(read["rawPath"], function.path);
        assert_eq!(response["statusCode"], 200, "{}: {response}", function.name);
        assert_eq!(response["body"]["success"], true);
        if function.name == "uploads-start" {
            upload(&response["body"]["data"]).await;
        }
    }
    let names = functions.iter().map(|function| function.name).chain(["authorizer"]);
    let names: BTreeSet<String> = names.map(|name| format!("{name}.json")).collect();
    let files = root().join("events").read_dir().unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let beside = ["README.md", "backend", "refused"].map(str::to_owned);
    assert_eq!(files, names.into_iter().chain(beside).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_answer_the_backends_events_on_its_routes() {
    let server = server().await;
    let mut settings: std::collections::HashMap<String, String> =
        server.environment.environment.clone().into_iter().collect();
    settings.insert("AUTHORIZATION".to_owned(), "required".to_owned());
    let functions = local::functions(&shared::setup::Setup::new(settings).unwrap()).unwrap();
    let mut answers = Vec::new();
    for name in ["comments-save", "comments-get", "comments-delete", "comments-get"] {
        let function = functions.iter().find(|function| function.name == name).unwrap();
        let event = read(&format!("events/backend/{name}.json"));
        let read: Value = serde_json::from_str(&event).unwrap();
        let route = function.routes().into_iter().find(|route| route.path.starts_with("/backend/")).unwrap();
        assert_eq!((&read["routeKey"], &read["rawPath"]), (&json!(route.to_string()), &json!(route.path)));
        let length = read["headers"]["content-length"].as_str().unwrap();
        assert_eq!(length, read["body"].as_str().unwrap().len().to_string(), "{name}");
        let response = invoke(function, event).await;
        assert_eq!(response["statusCode"], 200, "{name}: {response}");
        answers.push(response["body"]["data"].clone());
    }
    assert_eq!(answers[1].as_object().unwrap().len(), 1, "what was saved is read");
    assert_eq!(answers[3], json!({}), "and then deleted");
    assert_eq!(root().join("events/backend").read_dir().unwrap().count(), 3);
}

/// An event that asks for what another event saves finds it.
#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_provider_belong_together() {
    let server = server().await;
    for provider in ["comments", "reactions", "recordings", "activity", "notifications", "users"] {
        let mut data = Value::Null;
        for operation in ["save", "get"] {
            let name = format!("{provider}-{operation}");
            let function = functions(&server).into_iter().find(|function| function.name == name).unwrap();
            let event = read(&format!("events/{name}.json"));
            data = invoke(&function, event).await["body"]["data"].take();
        }
        assert!(!data.as_object().unwrap().is_empty(), "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_lets_its_event_in() {
    let server = server().await;
    let authorizer = Authorizer::open(&server.setup()).unwrap();
    let event = serde_json::from_str(&read("events/authorizer.json")).unwrap();
    let answer = serde_json::to_value(authorizer.answer(event, "a-request".to_owned()).await.unwrap()).unwrap();
    assert_eq!(answer["isAuthorized"], true);
    let grant: Value = serde_json::from_str(answer["context"]["grant"].as_str().unwrap()).unwrap();
    assert_eq!((&grant["organizations"], &grant["user"]), (&json!(["acme"]), &json!("ann")));
}
