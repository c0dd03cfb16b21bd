//! What a web page of somebody else's finds of the servers on a developer's machine.

use serde_json::json;

use crate::program::Program;
use crate::support::{App, PROVIDERS};

/// Names that a page can have its own domain stand for, and that are not this machine's.
const HOSTS: [&str; 4] = ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example:80"];

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_table_answers_programs_and_allowed_pages_only() {
    let app = App::start().await;
    app.ok("comments/save", &PROVIDERS[0].save_request("acme", "t", &json!({ "secret": "tell-nobody" }))).await;
    let url = app.server.environment.get("AWS_ENDPOINT_URL_DYNAMODB").to_owned();
    let scan = |name: &'static str, value: String| {
        let request = app.http.post(&url).header("x-amz-target", "DynamoDB_20120810.Scan").header(name, value);
        let request = request.header("content-type", "application/x-amz-json-1.0");
        let credential = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
                          SignedHeaders=host, Signature=0";
        request
            .header("authorization", credential)
            .header("x-amz-date", "20260101T000000Z")
            .body(r#"{"TableName":"velt-local"}"#)
    };
    let answer = scan("x-nothing", String::new()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().contains("tell-nobody"), "a program reads what it may");
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", ""] {
        let answer = scan("origin", origin.to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{origin}");
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{origin}");
        assert!(!answer.text().await.unwrap().contains("tell-nobody"));
        let preflight = app.http.request(reqwest::Method::OPTIONS, &url).header("origin", origin);
        let preflight = preflight.header("access-control-request-method", "POST").send().await.unwrap();
        assert_eq!(preflight.status(), 403, "{origin}");
    }
    for host in HOSTS {
        assert_eq!(scan("host", host.to_owned()).send().await.unwrap().status(), 403, "{host}");
    }
    assert_eq!(scan("origin", "http://localhost:5173".to_owned()).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_name_for_this_machine_is_answered() {
    let app = App::start().await;
    let health = format!("{}/healthz", app.server.url());
    for host in HOSTS {
        for url in [&app.url("comments/get"), &health] {
            let request = if url == &health { app.http.get(url) } else { app.http.post(url).json(&json!({})) };
            let answer = request.header("host", host).send().await.unwrap();
            assert_eq!(answer.status(), 403, "{host} {url}");
            assert!(!answer.text().await.unwrap().contains("AWS_"), "{host}");
        }
    }
    for host in ["localhost", "LOCALHOST:3000", "[::1]:3000", "127.0.0.1"] {
        assert_eq!(app.http.get(&health).header("host", host).send().await.unwrap().status(), 200, "{host}");
    }
    for (origin, status) in [("https://evil.example", 403), ("null", 403), ("http://localhost:5173", 200)] {
        assert_eq!(app.http.get(&health).header("origin", origin).send().await.unwrap().status(), status, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_addresses_of_localhost_answer() {
    let app = App::start().await;
    let url = format!("http://[::1]:{}/healthz", app.server.address.port());
    assert_eq!(app.http.get(url).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_preflight_says_which_flag_would_allow_it() {
    let program =
        Program::start(&["--in-memory", "--allow-origin", "https://app.example.com", "--allow-header", "x-team"]);
    let preflight = async |origin: &str, method: &str, headers: &str| {
        let request =
            reqwest::Client::new().request(reqwest::Method::OPTIONS, format!("{}/api/velt/comments/get", program.url));
        let request = request.header("origin", origin).header("access-control-request-method", method);
        request.header("access-control-request-headers", headers).send().await.unwrap()
    };
    preflight("https://app.example.com", "POST", "content-type,X-Team").await;
    preflight("https://other.example.com", "POST", "content-type").await;
    preflight("https://app.example.com", "POST", "content-type, x-trace-id").await;
    preflight("https://app.example.com", "PUT", "").await;
    let log = program.interrupt();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("a browser may not call")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].contains("--allow-origin https://other.example.com"), "{log}");
    assert!(lines[1].contains("--allow-header x-trace-id"), "{log}");
    assert!(lines[2].contains("PUT"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_of_several_lines_is_one_line() {
    let program = Program::start(&["--in-memory"]);
    let organization = "acme\n    0.01s  INFO 200 comments-get forged\u{1b}[31m\u{202e}";
    let request = PROVIDERS[0].save_request(organization, "t", &json!({}));
    let response = reqwest::Client::new().post(format!("{}/api/velt/comments/save", program.url)).json(&request);
    assert_eq!(response.send().await.unwrap().status(), 200);
    let log = program.interrupt();
    assert_eq!(log.lines().filter(|line| line.contains("acme")).count(), 1, "{log}");
    assert!(log.contains("acme\\n") && !log.contains("\u{1b}[31m") && !log.contains('\u{202e}'), "{log}");
    assert!(!log.lines().any(|line| line.trim_start().starts_with("0.01s  INFO 200 comments-get forged")), "{log}");
}
