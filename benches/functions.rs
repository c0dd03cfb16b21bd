//! The release binaries as Lambda runs them: how large, how soon ready, how fast, how much memory.
//!
//! `cargo bench` builds them, and plays Lambda's runtime API against each, over the embedded stores. A figure is worth
//! something beside another of the same run alone.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use local::{Environment, Options, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// Starts of each function.
const STARTS: usize = 15;
/// Calls of each function, once it is warm.
const CALLS: usize = 100;
/// The largest upload that a form may bring, in bytes.
const UPLOAD: usize = 4 * 1024 * 1024;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Lambda's runtime API, for one function at a time.
struct Runtime {
    asked: mpsc::Sender<()>,
    events: Mutex<mpsc::Receiver<Bytes>>,
    answers: mpsc::Sender<Bytes>,
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    runtime.asked.send(()).await.unwrap();
    let event = runtime.events.lock().await.recv().await.unwrap_or_default();
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(29);
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event)
}

async fn answered(State(runtime): State<Arc<Runtime>>, body: Bytes) -> StatusCode {
    runtime.answers.send(body).await.unwrap();
    StatusCode::ACCEPTED
}

/// A function's process, and the ends of its runtime API.
struct Function {
    child: Child,
    asked: mpsc::Receiver<()>,
    events: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Bytes>,
}

impl Function {
    /// Starts it; how long it took until it asked for its first event.
    async fn start(binary: &Path, environment: &Environment) -> (Self, Duration) {
        let (asked_sender, asked) = mpsc::channel(1);
        let (events, event_receiver) = mpsc::channel(1);
        let (answer_sender, answers) = mpsc::channel(1);
        let runtime = Runtime { asked: asked_sender, events: Mutex::new(event_receiver), answers: answer_sender };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::new(runtime));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let mut command = Command::new(binary);
        command.envs(&environment.environment).env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        for (name, value) in [("NAME", "f"), ("VERSION", "1"), ("MEMORY_SIZE", "256")] {
            command.env(format!("AWS_LAMBDA_FUNCTION_{name}"), value);
        }
        let started = Instant::now();
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut function = Self { child, asked, events, answers };
        function.asked.recv().await.unwrap();
        (function, started.elapsed())
    }

    /// Invokes it; how long that took.
    async fn invoke(&mut self, event: &Bytes) -> Duration {
        let started = Instant::now();
        self.events.send(event.clone()).await.unwrap();
        let answer = self.answers.recv().await.unwrap();
        let took = started.elapsed();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        self.asked.recv().await.unwrap();
        took
    }

    /// Its largest resident set so far, in megabytes.
    fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes / 1024.0
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn event(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join(format!("events/{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The event of `attachments-save` with a file of this many bytes.
fn upload(bytes: usize) -> Value {
    let mut event = event("attachments-save");
    let body = STANDARD.decode(event["body"].as_str().unwrap()).unwrap();
    let end = body.windows(5).position(|window| window == b"%%EOF").unwrap();
    let large = [&body[..end], &vec![b' '; bytes.saturating_sub(1000)], &body[end..]].concat();
    event["body"] = json!(STANDARD.encode(large));
    event
}

async fn measure(name: &str, label: &str, event: &Value, environment: &Environment) -> f64 {
    let binary = root().join("target/release").join(name);
    let size = std::fs::metadata(&binary).unwrap().len();
    let mut starts = Vec::new();
    for _ in 1..STARTS {
        starts.push(Function::start(&binary, environment).await.1);
    }
    let (mut function, started) = Function::start(&binary, environment).await;
    starts.push(started);
    let ready = function.peak();
    let event = Bytes::from(event.to_string());
    let first = function.invoke(&event).await.as_secs_f64() * 1000.0;
    let mut calls = Vec::new();
    for _ in 0..CALLS {
        calls.push(function.invoke(&event).await);
    }
    let peak = function.peak();
    println!(
        "{label:<28} {:>7.2} {:>9.2} {first:>9.2} {:>9.2} {ready:>9.1} {peak:>9.1}",
        f64::from(u32::try_from(size).unwrap()) / 1_000_000.0,
        median(starts),
        median(calls),
    );
    peak
}

#[tokio::main]
async fn main() {
    let functions = ["comments-get", "comments-save", "attachments-save"];
    let mut build = Command::new("cargo");
    build.current_dir(root()).args(["build", "--release"]);
    assert!(build.args(functions.iter().flat_map(|name| ["--bin", name])).status().unwrap().success());
    let server = Server::start(Options::default()).await.unwrap();
    println!(
        "{:<28} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "MB", "start ms", "first ms", "warm ms", "ready MB", "peak MB"
    );
    let environment = &server.environment;
    let mut peaks = BTreeMap::new();
    for name in ["comments-save", "comments-get"] {
        measure(name, name, &event(name), environment).await;
    }
    for bytes in [1000, UPLOAD / 4, UPLOAD] {
        let label = format!("attachments-save {} KB", bytes / 1000);
        peaks.insert(bytes, measure("attachments-save", &label, &upload(bytes), environment).await);
    }
    let held = (peaks[&UPLOAD] - peaks[&1000]) * 1024.0 * 1024.0;
    println!(
        "an upload holds {:.1} times its file's bytes at its peak",
        held / f64::from(u32::try_from(UPLOAD).unwrap())
    );
    server.stop().await;
}
