//! The built binaries under the real `cargo lambda`, against the embedded stores.

use std::collections::BTreeSet;

use local::Server;
use serde_json::{Value, json};

use crate::events::upload;
use crate::support::{functions, listed_fields, read, root, server};
use crate::watch::Watch;

async fn post(port: u16, path: &str, body: &Value) -> Value {
    let response = reqwest::Client::new().post(format!("http://127.0.0.1:{port}{path}")).json(body);
    response.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binaries_serve_the_deployed_paths() {
    let server = server().await;
    let watch = Watch::start(&server.environment.environment).await;
    let request = json!({
        "commentAnnotation": { "t": { "comments": { "7": { "commentText": "hi", "n": u64::MAX } } } },
        "metadata": { "organizationId": "acme", "documentId": "d" },
    });
    let saved = post(watch.port, "/api/velt/comments/save", &request).await;
    assert_eq!((&saved["success"], &saved["statusCode"]), (&json!(true), &json!(200)));
    let request = json!({ "organizationId": "acme", "documentIds": ["d"] });
    let through_watch = post(watch.port, "/api/velt/comments/get", &request).await["data"].clone();
    assert_eq!(through_watch["t"]["comments"]["7"], json!({ "commentText": "hi", "n": u64::MAX }));
    let through_the_server = post(server.address.port(), "/api/velt/comments/get", &request).await["data"].clone();
    assert_eq!(through_watch, through_the_server);
    let lines = watch.lines();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line["_aws"].is_null()), "no metrics where no namespace is set");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_odd_event_fails_a_binary() {
    let server = server().await;
    let watch = Watch::start(&server.environment.environment).await;
    for (pointer, value) in [
        ("/rawQueryString", "t=a b"),
        ("/rawQueryString", "t=\"x\""),
        ("/headers/x-forwarded-proto", "https,http"),
        ("/headers/host", "not a host"),
        ("/headers/user-agent", "\u{fffd}\u{0}"),
    ] {
        let mut event: Value = serde_json::from_str(&read("events/comments-get.json")).unwrap();
        *event.pointer_mut(pointer).unwrap() = json!(value);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), event.to_string()).unwrap();
        let response = watch.invoke_by_file("comments-get", file.path()).await;
        assert_eq!(response["statusCode"], 200, "{pointer} {value}: {response}");
    }
}

/// The functions, each with what it is to be answered after: those that make what others name come first.
fn in_order(server: &Server) -> Vec<String> {
    let mut names: Vec<String> = functions(server).iter().map(|function| function.name.to_owned()).collect();
    names.push("authorizer".to_owned());
    names.sort_by_key(|name| match name {
        _ if name.ends_with("-save") || name == "uploads-start" => 0,
        _ if name.ends_with("-delete") => 2,
        _ => 1,
    });
    names
}

/// The rows of the table of refused events: file, status and code.
fn refused() -> Vec<(String, u64, String)> {
    let text = read("events/README.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        (cells[1].to_owned(), cells[2].parse().unwrap(), cells[3].to_owned())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binaries_answer_every_event_and_refuse_what_is_to_be_refused() {
    let server = server().await;
    let mut environment = server.environment.environment.clone();
    let audit_key = "not-a-secret-for-development-only";
    for (name, value) in [("AUTHORIZATION", "required"), ("METRICS_NAMESPACE", "velt"), ("AUDIT_KEY", audit_key)] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    let watch = Watch::start(&environment).await;
    let mut calls = 0;
    for name in in_order(&server) {
        let response = watch.invoke(&name, &name).await;
        calls += 1;
        match name.as_str() {
            "authorizer" => assert_eq!(response["isAuthorized"], true, "{response}"),
            "files-get" => assert_eq!(response["statusCode"], 302, "{response}"),
            _ => assert_eq!(
                (&response["statusCode"], &response["body"]["success"]),
                (&json!(200), &json!(true)),
                "{name}"
            ),
        }
        if name == "uploads-start" {
            upload(&response["body"]["data"]).await;
        }
    }

    for name in ["comments-save", "comments-get", "comments-delete"] {
        let response = watch.invoke(name, &format!("backend/{name}")).await;
        calls += 1;
        assert_eq!(response["statusCode"], 200, "{name} by the app's backend: {response}");
    }

    let refused = refused();
    let files = root().join("events/refused").read_dir().unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, refused.iter().map(|(event, ..)| format!("{event}.json")).collect());
    for (event, status, code) in refused {
        let names = in_order(&server).into_iter().filter(|name| event.starts_with(name.as_str()));
        let name = names.max_by_key(String::len).unwrap();
        let response = watch.invoke(&name, &format!("refused/{event}")).await;
        calls += 1;
        // The authorizer's failure is the gateway's 401.
        if name == "authorizer" {
            assert!(response["failed"].as_str().unwrap().contains(&code), "{event}: {response}");
            continue;
        }
        assert_eq!(
            (&response["statusCode"], &response["body"]["errorCode"]),
            (&json!(status), &json!(code)),
            "{event}"
        );
    }

    let lines = watch.lines();
    assert_eq!(lines.len(), calls, "one line a request");
    let seen = lines.iter().flat_map(|line| line.as_object().unwrap().keys().cloned());
    // What only a store that fails makes, and lines that are of no request.
    let others = ["cause", "message", "throttles"].map(str::to_owned);
    assert_eq!(seen.chain(others).collect::<BTreeSet<_>>(), listed_fields());
    for line in &lines {
        let text = line.to_string();
        assert!(!CONTENT.iter().any(|content| text.contains(content)), "{text}");
    }
    let of_operations: Vec<&Value> = lines.iter().filter(|line| line["operation"] != "authorizer").collect();
    for line in &of_operations {
        assert_metrics(line);
    }
    let named =
        |field: &str| -> BTreeSet<&str> { of_operations.iter().filter_map(|line| line[field].as_str()).collect() };
    // That of which a caller was refused is logged, too.
    assert_eq!(named("organization"), BTreeSet::from(["acme", "globex"]));
    assert_eq!(named("audit"), BTreeSet::from(["write", "delete", "refused"]));
    for line in &of_operations {
        let name = line["operation"].as_str().unwrap();
        let is_refused = line["status"] == 401 || line["status"] == 403;
        let expected = match name {
            _ if is_refused => json!("refused"),
            _ if name.ends_with("-get") || name == "users-resolve" => Value::Null,
            _ if name.ends_with("-delete") => json!("delete"),
            _ => json!("write"),
        };
        assert_eq!((&line["audit"], line["forbidden"] == 1), (&expected, is_refused), "{line}");
        assert!(is_refused || line["organization"] != "globex", "{line}");
    }
    // One user, whom nobody can tell from it.
    let users = named("user");
    assert!(users.len() == 1 && users.iter().all(|user| user.len() == 32), "{users:?}");
    let of_none = of_operations.iter().filter(|line| line["status"] == 200 && line["organization"].is_null());
    assert_eq!(of_none.count(), 0, "a success is of an organization");
    assert_eq!(named("sdk_version"), BTreeSet::from(["6.0.6"]));
    assert!(named("event").contains("comment_annotation.add"));
    let cold: Vec<&&Value> = of_operations.iter().filter(|line| line["cold_starts"] == 1).collect();
    assert_eq!(cold.len(), functions(&server).len(), "each function started once");
}

/// What the sample events hold of content, persons, credentials and ids: nothing of it is logged.
const CONTENT: [&str; 11] =
    ["lause", "Bob", "Lindqvist", "\"ann\"", "@", "Bearer", "eyJ", "AWS4", "203.0.113", "Mozilla", "contract"];

/// What CloudWatch takes from a line is there: metrics are numbers, and dimensions texts.
fn assert_metrics(line: &Value) {
    let known: BTreeSet<(String, Vec<String>)> = shared::line::metrics()
        .into_iter()
        .map(|(metric, dimensions)| (metric.name.to_owned(), dimensions.iter().map(ToString::to_string).collect()))
        .collect();
    let mut seen = BTreeSet::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], "velt");
        let dimensions: Vec<String> = serde_json::from_value(directive["Dimensions"][0].clone()).unwrap();
        assert!(dimensions.iter().all(|name| line[name].is_string()), "{line}");
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(line[name].is_number(), "{name}: {line}");
            seen.insert((name.to_owned(), dimensions.clone()));
        }
    }
    assert!(line["_aws"]["Timestamp"].is_u64());
    assert!(seen.is_subset(&known), "{seen:?}");
    assert!(seen.contains(&("requests".to_owned(), Vec::new())));
    let has_failed = seen.iter().any(|(name, _)| name == "failures");
    assert_eq!(has_failed, line["status"].as_u64().unwrap() >= 400, "{line}");
}
