//! The built binaries under the real `cargo lambda`, against the embedded stores.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use local::{Environment, Server};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::events::upload;
use crate::support::{functions, listed_fields, read, root, server};

/// `cargo lambda` in the repository, installed if need be, with the environment that `cargo run -- env` prints.
fn cargo_lambda(environment: &Environment, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    let path = format!("{}:{}", root().join(".tools/bin").display(), std::env::var("PATH").unwrap());
    command.current_dir(root()).env("PATH", path).arg("lambda").args(arguments);
    command.envs(&environment.environment).stdin(Stdio::null());
    command
}

/// `cargo lambda watch`, on a port of its own. It starts a process for each function, so all of its group ends with it.
struct Watch {
    child: Child,
    port: u16,
    log: NamedTempFile,
}

impl Watch {
    async fn start(environment: &Environment, settings: &[(&str, &str)]) -> Self {
        use std::os::unix::process::CommandExt as _;
        let setup = Command::new(root().join("scripts/setup")).status().unwrap();
        assert!(setup.success(), "scripts/setup");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let port_text = port.to_string();
        let arguments = ["watch", "--ignore-changes", "--invoke-address", "127.0.0.1", "--invoke-port", &port_text];
        let mut command = cargo_lambda(environment, &arguments);
        let log = NamedTempFile::new().unwrap();
        command.envs(settings.iter().copied()).stdout(File::create(log.path()).unwrap()).stderr(Stdio::null());
        let watch = Self { child: command.process_group(0).spawn().unwrap(), port, log };
        watch.listening().await;
        watch
    }

    async fn listening(&self) {
        for _ in 0..600 {
            if tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("cargo lambda watch does not listen");
    }

    /// Invokes a function by an event under `events/`; its answer, or what it fails with.
    async fn invoke(&self, environment: &Environment, function: &str, event: &str) -> Value {
        let event = format!("events/{event}.json");
        let port = self.port.to_string();
        let arguments =
            ["invoke", function, "--data-file", &event, "--invoke-address", "127.0.0.1", "--invoke-port", &port];
        let Output { status, stdout, stderr } = output(cargo_lambda(environment, &arguments)).await;
        if !status.success() {
            return json!({ "failed": String::from_utf8_lossy(&stderr) });
        }
        let mut response: Value = serde_json::from_slice(&stdout)
            .unwrap_or_else(|error| panic!("{event}: {error}: {}", String::from_utf8_lossy(&stdout)));
        if let Some(body) = response["body"].as_str().and_then(|body| serde_json::from_str(body).ok()) {
            response["body"] = body;
        }
        response
    }

    /// The lines of requests, which the functions wrote to standard output.
    fn lines(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.log.path()).unwrap();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| !line["operation"].is_null()).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // Nothing is left to do about a group that is gone.
        let _ = Command::new("kill").args(["-TERM", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

/// Runs to its end without holding up the server that it calls.
async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn post(port: u16, path: &str, body: &Value) -> Value {
    let response = reqwest::Client::new().post(format!("http://127.0.0.1:{port}{path}")).json(body);
    response.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binaries_serve_the_deployed_paths() {
    let server = server().await;
    let watch = Watch::start(&server.environment, &[]).await;
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
    let environment = &server.environment;
    let settings = [("AUTHORIZATION", "required"), ("METRICS_NAMESPACE", "velt")];
    let watch = Watch::start(environment, &settings).await;
    let mut calls = 0;
    for name in in_order(&server) {
        let response = watch.invoke(environment, &name, &name).await;
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

    let refused = refused();
    let files = root().join("events/refused").read_dir().unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, refused.iter().map(|(event, ..)| format!("{event}.json")).collect());
    for (event, status, code) in refused {
        let names = in_order(&server).into_iter().filter(|name| event.starts_with(name.as_str()));
        let name = names.max_by_key(String::len).unwrap();
        let response = watch.invoke(environment, &name, &format!("refused/{event}")).await;
        calls += 1;
        if status == 401 {
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
    let fields: BTreeSet<String> = lines.iter().flat_map(|line| line.as_object().unwrap().keys().cloned()).collect();
    assert!(fields.is_subset(&listed_fields()), "{fields:?}");
    let of_operations: Vec<&Value> = lines.iter().filter(|line| line["operation"] != "authorizer").collect();
    for line in &of_operations {
        assert_metrics(line);
    }
    let named =
        |field: &str| -> BTreeSet<&str> { of_operations.iter().filter_map(|line| line[field].as_str()).collect() };
    assert_eq!(named("organization"), BTreeSet::from(["acme"]));
    assert_eq!(named("sdk_version"), BTreeSet::from(["6.0.6"]));
    assert!(named("event").contains("comment_annotation.add"));
    let cold: Vec<&&Value> = of_operations.iter().filter(|line| line["cold_starts"] == 1).collect();
    assert_eq!(cold.len(), functions(&server).len(), "each function started once");
}

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
