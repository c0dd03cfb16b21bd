//! What the program says when it can't start, and how fast it stops.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::program::Program;

/// What the program prints on the error stream when it does not start.
fn refused(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_local"));
    let output = program.args(arguments).envs(settings.iter().copied()).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    for debug in ["Error {", "Os {", "Some(", "source:", "panicked"] {
        assert!(!text.contains(debug), "{arguments:?}: {text}");
    }
    text
}

#[test]
fn a_start_that_fails_says_what_to_do() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let text = refused(&["--in-memory", "--port", &port], &[]);
    assert!(text.contains(&format!("port {port}")) && text.contains("--port"), "{text}");

    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let text = refused(&["--in-memory", "--auth-jwks", &path("none.json")], &[]);
    assert!(text.contains("none.json") && text.contains("--auth-jwks"), "{text}");
    for (content, why) in [("no json", "is not JSON"), ("{}", "has no keys"), (r#"{"keys":[]}"#, "has no keys")] {
        std::fs::write(path("keys.json"), content).unwrap();
        let text = refused(&["--in-memory", "--auth-jwks", &path("keys.json")], &[]);
        assert!(text.contains("keys.json") && text.contains(why), "{text}");
    }
    let text = refused(&["--in-memory", "--auth-secret", "too-short"], &[]);
    assert!(text.contains("--auth-secret") && text.contains("32") && !text.contains("too-short"), "{text}");

    std::fs::write(path("file"), "").unwrap();
    let text = refused(&["--port", "0", "--data-dir", &path("file")], &[]);
    assert!(text.contains("file") && text.contains("--data-dir"), "{text}");
    std::fs::create_dir(path("foreign")).unwrap();
    std::fs::write(path("foreign/dynamodb.sqlite"), "this is no database, but a text of some length").unwrap();
    let text = refused(&["--port", "0", "--data-dir", &path("foreign")], &[]);
    assert!(text.contains("dynamodb.sqlite") && text.contains("--data-dir"), "{text}");

    let text = refused(&["--in-memory", "--port", "0"], &[("AUTHORS_ONLY", "perhaps")]);
    assert!(text.contains("AUTHORS_ONLY") && text.contains("true or false"), "{text}");
}

#[test]
fn an_origin_is_named_as_the_template_takes_it() {
    for bad in ["*", "https://*.example.com", "app.example.com", "https://app.example.com/", "https://", "null", ""] {
        let text = refused(&["--in-memory", "--port", "0", "--allow-origin", bad], &[]);
        assert!(text.contains("--allow-origin") && text.contains("https://app.example.com"), "{bad}: {text}");
    }
}

#[test]
fn it_stops_within_a_second_with_a_request_under_way() {
    let program = Program::start(&["--in-memory"]);
    let mut half = TcpStream::connect(program.url.strip_prefix("http://").unwrap()).unwrap();
    half.write_all(b"POST /api/velt/comments/get HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    let log = program.interrupt();
    assert!(started.elapsed() < Duration::from_millis(1_500), "{:?}", started.elapsed());
    assert!(log.contains("requests under way"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_is_not_let_in_is_told_why_on_this_machine() {
    let program = Program::start(&["--in-memory", "--auth"]);
    let why = async |operation: &str, token: Option<&str>| {
        let request = reqwest::Client::new().post(format!("{}/api/velt/{operation}", program.url)).body("{}");
        let request = request.header("content-type", "application/json");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.unwrap();
        let reason = response.headers().get("x-local-reason").unwrap().to_str().unwrap().to_owned();
        (response.status().as_u16(), reason)
    };
    let (status, reason) = why("comments/get", None).await;
    assert!(status == 401 && reason.contains("authorization"), "{reason}");
    assert_eq!(why("comments/get", Some("a.b.c")).await, (401, "VERIFICATION_FAILED".to_owned()));
    let (status, reason) = why("users/save", Some("a.b.c")).await;
    assert!(status == 403 && reason.contains("sign with IAM"), "{reason}");
    let log = program.interrupt();
    assert!(log.contains("VERIFICATION_FAILED") && log.contains("sign with IAM"), "{log}");
}
