//! The sample events are requests that the functions answer with success.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{functions, read, root, server};

#[tokio::test(flavor = "multi_thread")]
async fn every_function_answers_its_event() {
    let server = server().await;
    let functions = functions(&server);
    for function in &functions {
        let event = read(&format!("events/{}.json", function.name));
        let read: Value = serde_json::from_str(&event).unwrap();
        let route = format!("POST {}", function.path);
        assert_eq!((&read["routeKey"], &read["rawPath"]), (&route.as_str().into(), &function.path.into()));
        let length = read["body"].as_str().unwrap().len().to_string();
        assert_eq!(read["headers"]["content-length"], length, "{}", function.name);
        let response = function.invoke(event, "a-request".to_owned()).await.unwrap();
        let response: Value = serde_json::from_str(&response).unwrap();
        assert_eq!(response["statusCode"], 200, "{}: {response}", function.name);
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["success"], true);
    }
    let names: BTreeSet<String> = functions.iter().map(|function| format!("{}.json", function.name)).collect();
    let files = root().join("events").read_dir().unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, names);
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
            let response = function.invoke(event, "a-request".to_owned()).await.unwrap();
            let response: Value = serde_json::from_str(&response).unwrap();
            data = serde_json::from_str::<Value>(response["body"].as_str().unwrap()).unwrap()["data"].take();
        }
        assert!(!data.as_object().unwrap().is_empty(), "{provider}");
    }
}
