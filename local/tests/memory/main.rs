//! What a function needs of memory for an upload. A program of its own: the tests of another would be measured too.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::{Options, Server, functions};
use serde_json::{Value, json};

use crate::moto::Moto;

#[path = "../moto/mod.rs"]
mod moto;

/// The largest file of a form, in bytes.
const FILE: usize = 4_500_000;

/// What an upload may need beside the file's own bytes, in bytes.
const BESIDE: usize = 32 * 1024 * 1024;

/// A figure of this process, in bytes: `VmRSS`, or `VmHWM`, its highest.
fn memory(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// The event of a form with a file of so many bytes.
fn event(id: usize, bytes: usize) -> String {
    let mut body = format!(
        "--x\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"a\"\r\n\r\n",
        json!({ "attachment": { "attachmentId": id }, "metadata": { "organizationId": "memory" } })
    )
    .into_bytes();
    body.resize(body.len() + bytes, 7);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let mut event: Value = serde_json::from_str(include_str!("../../../events/attachments-save.json")).unwrap();
    event["headers"]["content-type"] = json!("multipart/form-data; boundary=x");
    event["body"] = json!(STANDARD.encode(body));
    event["isBase64Encoded"] = json!(true);
    event.to_string()
}

/// The variable that tells this program to measure, and which event.
const EVENT: &str = "MEMORY_TEST_EVENT";

#[test]
fn a_form_needs_its_file_and_32_mb_at_most() {
    if let Some(path) = std::env::var_os(EVENT) {
        return measure(Path::new(&path));
    }
    // In another process: what made the event is not to be measured.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), event(2, FILE)).unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    let ended = again.args(["--exact", "a_form_needs_its_file_and_32_mb_at_most"]).env(EVENT, file.path()).status();
    assert!(ended.unwrap().success());
}

#[tokio::main]
async fn measure(path: &Path) {
    // S3 is another process, so that it is not measured.
    let s3 = tokio::task::spawn_blocking(|| Moto::start("server.py")).await.unwrap();
    let server = Server::start(Options { s3_endpoint: Some(s3.ready.clone()), ..Options::default() }).await.unwrap();
    let functions = functions(&server.setup()).unwrap();
    let save = functions.iter().find(|function| function.name == "attachments-save").unwrap();
    let invoke = async |event: String| {
        let answer: Value = serde_json::from_str(&save.invoke(event, "r".to_owned()).await.unwrap()).unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
    };
    invoke(event(1, 10)).await;
    // Lambda's runtime holds the event before the function does anything, so it counts.
    let before = memory("VmRSS");
    // Forgets the highest so far.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    invoke(std::fs::read_to_string(path).unwrap()).await;
    let needed = memory("VmHWM").saturating_sub(before);
    assert!((FILE..=FILE + BESIDE).contains(&needed), "{needed} bytes for a file of {FILE}");
}
