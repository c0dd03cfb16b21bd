//! The real `cargo lambda watch` and `invoke`.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::root;

/// `cargo lambda` in the repository, installed if need be.
fn cargo_lambda(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    let path = format!("{}:{}", root().join(".tools/bin").display(), std::env::var("PATH").unwrap());
    command.current_dir(root()).env("PATH", path).arg("lambda").args(arguments);
    command.stdin(Stdio::null());
    command
}

/// `cargo lambda watch`, on a port of its own. It starts a process for each function, so all of its group ends with it.
pub(crate) struct Watch {
    child: Child,
    pub(crate) port: u16,
    log: NamedTempFile,
}

impl Watch {
    /// Starts it, its functions having this environment.
    pub(crate) async fn start(environment: &BTreeMap<String, String>) -> Self {
        use std::os::unix::process::CommandExt as _;
        let setup = Command::new(root().join("scripts/setup")).status().unwrap();
        assert!(setup.success(), "scripts/setup");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let port_text = port.to_string();
        let arguments = ["watch", "--ignore-changes", "--invoke-address", "127.0.0.1", "--invoke-port", &port_text];
        let mut command = cargo_lambda(&arguments);
        let log = NamedTempFile::new().unwrap();
        command.envs(environment).stdout(File::create(log.path()).unwrap()).stderr(Stdio::null());
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
    pub(crate) async fn invoke(&self, function: &str, event: &str) -> Value {
        self.invoke_by_file(function, Path::new(&format!("events/{event}.json"))).await
    }

    /// Invokes a function by an event in a file; its answer, with its body read where it is JSON, or what it fails with.
    pub(crate) async fn invoke_by_file(&self, function: &str, event: &Path) -> Value {
        let event = event.to_str().unwrap();
        let port = self.port.to_string();
        let arguments =
            ["invoke", function, "--data-file", event, "--invoke-address", "127.0.0.1", "--invoke-port", &port];
        let Output { status, stdout, stderr } = output(cargo_lambda(&arguments)).await;
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
    pub(crate) fn lines(&self) -> Vec<Value> {
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
