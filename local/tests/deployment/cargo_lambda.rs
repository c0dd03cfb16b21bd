//! The built binaries under the real `cargo lambda`, against the embedded stores.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use local::Environment;
use serde_json::{Value, json};

use crate::support::{root, server};

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
}

impl Watch {
    fn start(environment: &Environment) -> Self {
        use std::os::unix::process::CommandExt as _;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let port_text = port.to_string();
        let arguments = ["watch", "--ignore-changes", "--invoke-address", "127.0.0.1", "--invoke-port", &port_text];
        let mut command = cargo_lambda(environment, &arguments);
        let child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, port }
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
async fn the_binaries_serve_the_deployed_paths_and_the_sample_events() {
    let setup = Command::new(root().join("scripts/setup")).status().unwrap();
    assert!(setup.success(), "scripts/setup");
    let server = server().await;
    let watch = Watch::start(&server.environment);
    watch.listening().await;

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

    let port = watch.port.to_string();
    for name in ["comments-save", "users-resolve", "authorizer"] {
        let event = format!("events/{name}.json");
        let arguments =
            ["invoke", name, "--data-file", &event, "--invoke-address", "127.0.0.1", "--invoke-port", &port];
        let invoked = output(cargo_lambda(&server.environment, &arguments)).await;
        let text = String::from_utf8_lossy(&invoked.stdout);
        let response: Value = serde_json::from_str(&text).unwrap_or_else(|_| {
            panic!("{name}: {text}{}", String::from_utf8_lossy(&invoked.stderr));
        });
        let succeeded = response["statusCode"] == 200 || response["isAuthorized"] == true;
        assert!(succeeded, "{name}: {response}");
    }
    let request = json!({ "organizationId": "acme", "documentIds": ["contract-7"] });
    let invoked = post(server.address.port(), "/api/velt/comments/get", &request).await;
    assert_eq!(invoked["data"].as_object().unwrap().len(), 1);
}
