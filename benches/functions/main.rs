//! The release binaries as Lambda runs them: how large, how soon ready, how fast, how much processor time and memory.
//!
//! `cargo bench -p local` builds them, and plays Lambda's runtime API against each, over the embedded stores behind TLS, as
//! AWS's are. `cargo bench -p local -- NAME=DIRECTORY…` compares builds that are there already, one after the other in
//! each round, so that a busy machine is unfair to all alike. A figure is worth something beside another of the same run
//! alone.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and ends where it fails")]

mod runtime;
mod tls;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use local::{Options, Server};
use runtime::Function;
use serde_json::{Value, json};
use tls::Tls;

/// Starts of each function.
const STARTS: u32 = 20;
/// Calls of each function, once it is warm.
const CALLS: u32 = 300;
/// The largest upload that a form may bring, in bytes.
const UPLOAD: usize = 4 * 1024 * 1024;

#[derive(Parser)]
struct Arguments {
    /// Builds to compare.
    #[arg(value_name = "NAME=DIRECTORY", value_parser = build)]
    builds: Vec<(String, PathBuf)>,
    /// What cargo says to a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn build(text: &str) -> Result<(String, PathBuf), String> {
    let (name, directory) = text.split_once('=').ok_or("is not NAME=DIRECTORY")?;
    Ok((name.to_owned(), PathBuf::from(directory)))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
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

/// The event of an operation with another body.
fn event_of(name: &str, body: &Value) -> Value {
    let mut event = event(name);
    event["body"] = json!(body.to_string());
    event
}

/// A comment of a few hundred bytes, as Velt sends it.
fn comment(id: usize) -> Value {
    let text = "Is clause 4 final? ".repeat(10);
    json!({ "commentId": id, "commentText": text, "commentHtml": format!("<p>{text}</p>"), "from": { "userId": "ann" } })
}

/// A thread of so many comments.
fn thread(comments: usize) -> Value {
    let comments: Value = (0..comments).map(|id| (id.to_string(), comment(id))).collect();
    json!({ "from": { "userId": "ann" }, "comments": comments })
}

/// Stores a document of 50 threads, and a thread of 600 KB.
async fn fill(server: &Server) {
    let threads: Value = (0..50).map(|id| (format!("thread-{id}"), thread(2))).collect();
    for (document, threads) in [("of-50-threads", threads), ("of-a-large-thread", json!({ "large": thread(1200) }))] {
        let metadata = json!({ "organizationId": "acme", "documentId": document });
        let save = json!({ "commentAnnotation": threads, "metadata": metadata });
        let url = format!("{}/api/velt/comments/save", server.url());
        let answer = reqwest::Client::new().post(url).json(&save).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

/// What one build of one function took.
#[derive(Default)]
struct Measured {
    starts: Vec<Duration>,
    ready: f64,
    first: Duration,
    calls: Vec<Duration>,
    call_processor: Duration,
    peak: f64,
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    milliseconds(times[times.len() / 2])
}

/// Measures one function of each build with the same event.
async fn measure(
    builds: &[(String, PathBuf)],
    function: &str,
    event: &Value,
    environment: &[(String, String)],
) -> Vec<Measured> {
    let event = Bytes::from(event.to_string());
    let mut measured: Vec<Measured> = builds.iter().map(|_| Measured::default()).collect();
    let mut running = Vec::new();
    for round in 0..STARTS {
        for ((_, directory), measured) in builds.iter().zip(&mut measured) {
            let (started, took) = Function::start(&directory.join(function), environment).await;
            measured.starts.push(took);
            if round + 1 == STARTS {
                measured.ready = started.peak();
                running.push(started);
            }
        }
    }
    for (function, measured) in running.iter_mut().zip(&mut measured) {
        measured.first = function.invoke(&event).await;
        measured.call_processor = function.processor_time();
    }
    for _ in 0..CALLS {
        for (function, measured) in running.iter_mut().zip(&mut measured) {
            measured.calls.push(function.invoke(&event).await);
        }
    }
    for (function, measured) in running.iter().zip(&mut measured) {
        measured.call_processor = function.processor_time().saturating_sub(measured.call_processor);
        measured.peak = function.peak();
    }
    measured
}

fn print(label: &str, binary: &Path, measured: &mut Measured) {
    let size = std::fs::metadata(binary).unwrap().len();
    println!(
        "{label:<28} {:>6.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.1} {:>8.1}",
        f64::from(u32::try_from(size).unwrap()) / 1_000_000.0,
        median(&mut measured.starts),
        milliseconds(measured.first),
        median(&mut measured.calls),
        milliseconds(measured.call_processor / CALLS),
        measured.ready,
        measured.peak,
    );
}

/// Builds what is deployed, as `cargo lambda build` selects it: the development server's features stay out.
fn build_here(functions: &[&str]) -> Vec<(String, PathBuf)> {
    let mut build = Command::new("cargo");
    build.current_dir(root()).args(["build", "--release", "--workspace", "--exclude", "local"]);
    assert!(build.args(functions.iter().flat_map(|name| ["--bin", name])).status().unwrap().success());
    vec![(String::new(), root().join("target/release"))]
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let is_comparison = !arguments.builds.is_empty();
    let builds = if is_comparison {
        arguments.builds
    } else {
        build_here(&["comments-get", "comments-save", "attachments-save"])
    };
    let server = Server::start(Options::default()).await.unwrap();
    let tls = Tls::new();
    let mut environment: Vec<(String, String)> = server.environment.environment.clone().into_iter().collect();
    for (_, value) in environment.iter_mut().filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL_")) {
        *value = tls.before(value).await;
    }
    environment.push(("SSL_CERT_FILE".to_owned(), tls.authorities.path().display().to_string()));
    println!(
        "{:<28} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "milliseconds; megabytes", "MB", "start", "first", "warm", "of CPU", "ready MB", "peak MB"
    );
    fill(&server).await;
    let metadata = json!({ "organizationId": "acme", "documentId": "of-a-large-thread" });
    let reply = json!({ "commentAnnotation": { "large": { "comments": { "7": comment(7) } } }, "metadata": metadata,
        "event": "comment.update", "commentId": 7 });
    let document = json!({ "organizationId": "acme", "documentIds": ["of-50-threads"] });
    let small = ["comments-save", "comments-get"].map(|name| (name, name.to_owned(), event(name)));
    let large = [
        ("comments-get", "comments-get 50 threads".to_owned(), event_of("comments-get", &document)),
        ("comments-save", "comments-save to 600 KB".to_owned(), event_of("comments-save", &reply)),
    ];
    let uploads = [1000, UPLOAD / 4, UPLOAD];
    let uploads =
        uploads.map(|bytes| ("attachments-save", format!("attachments-save {} KB", bytes / 1000), upload(bytes)));
    let mut upload_peaks = Vec::new();
    for (function, label, event) in small.into_iter().chain(large).chain(uploads) {
        if !builds.iter().all(|(_, directory)| directory.join(function).exists()) {
            continue;
        }
        for ((name, directory), mut measured) in
            builds.iter().zip(measure(&builds, function, &event, &environment).await)
        {
            print(if is_comparison { name } else { &label }, &directory.join(function), &mut measured);
            if function == "attachments-save" {
                upload_peaks.push(measured.peak);
            }
        }
        if is_comparison {
            println!("^ {label}\n");
        }
    }
    if !is_comparison && let (Some(small), Some(large)) = (upload_peaks.first(), upload_peaks.last()) {
        let held = (large - small) * 1024.0 * 1024.0 / f64::from(u32::try_from(UPLOAD).unwrap());
        println!("an upload holds {held:.1} times its file's bytes at its peak");
    }
    server.stop().await;
}
