//! Starting, stopping, and finding everything again: the built program itself.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::program::Program;
use crate::support::App;

async fn post(url: &str, body: &Value) -> Value {
    let response = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    response.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--data-dir", directory.path().to_str().unwrap()];
    let request = json!({ "commentAnnotation": { "t": { "annotationId": "t", "x": 1 } }, "metadata": { "organizationId": "acme" } });
    let program = Program::start(&arguments);
    assert_eq!(post(&format!("{}/api/velt/comments/save", program.url), &request).await["success"], true);
    program.interrupt();

    let program = Program::start(&arguments);
    let request = json!({ "organizationId": "acme" });
    let answer = post(&format!("{}/api/velt/comments/get", program.url), &request).await;
    assert_eq!(answer["data"], json!({ "t": { "annotationId": "t", "x": 1 } }));
    program.interrupt();
    assert!(directory.path().join("dynamodb.sqlite").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_greeting_has_a_curl_line_that_works_and_its_environment_is_that_of_the_stores() {
    let program = Program::start(&["--in-memory"]);
    let curl = program.greeting.lines().find(|line| line.trim_start().starts_with("curl")).unwrap();
    let output = Command::new("sh").args(["-c", curl]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["success"], &answer["data"]), (&json!(true), &json!({})));

    let output = Command::new(env!("CARGO_BIN_EXE_local")).args(["env", "--port", program.port()]).output().unwrap();
    let environment = String::from_utf8(output.stdout).unwrap();
    for name in
        ["AWS_ENDPOINT_URL_DYNAMODB='http://127.0.0.1:", "AWS_REGION=", "AWS_ACCESS_KEY_ID='local'", "TABLE_NAME="]
    {
        assert!(environment.contains(&format!("export {name}")), "{environment}");
    }
    assert!(!Path::new(".local").exists(), "a server in memory leaves no file");
}

#[test]
fn the_environment_of_nothing_is_a_failure() {
    let output = Command::new(env!("CARGO_BIN_EXE_local")).args(["env", "--port", "1"]).output().unwrap();
    assert!(!output.status.success());
    let mut message = String::new();
    output.stderr.as_slice().read_to_string(&mut message).unwrap();
    assert!(message.contains("cargo run"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_verified_where_that_is_asked_for() {
    let token = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_local")).arg("token").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let development = token(&["--org", "acme", "--org", "other", "--user", "u1"]);
    let secret = "another-dummy-of-thirty-two-bytes";
    let own = token(&["--org", "acme", "--user", "u1", "--secret", secret]);
    for (arguments, accepted, refused) in
        [(vec!["--auth"], &development, &own), (vec!["--auth-secret", secret], &own, &development)]
    {
        let program = Program::start(&[&["--in-memory"], arguments.as_slice()].concat());
        assert!(program.greeting.contains("callers are verified") && !program.greeting.contains(secret));
        let url = format!("{}/api/velt/comments/get", program.url);
        let http = reqwest::Client::new();
        for (token, organization, status) in [(accepted, "acme", 200), (accepted, "third", 403), (refused, "acme", 401)]
        {
            let request = http.post(&url).bearer_auth(token).json(&json!({ "organizationId": organization }));
            assert_eq!(request.send().await.unwrap().status(), status);
        }
        let log = program.interrupt();
        assert!(!log.contains(accepted.as_str()) && log.contains("INVALID_SIGNATURE"), "{log}");
    }
    let program = Program::start(&["--in-memory"]);
    assert!(program.greeting.contains("open: anybody on this machine"));
    assert!(
        program.greeting.contains("backend only, by IAM when deployed: notifications/save, users/save, users/delete")
    );
    program.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn its_curl_line_works_where_callers_are_verified() {
    let program = Program::start(&["--in-memory", "--auth"]);
    let curl = program.greeting.lines().find(|line| line.trim_start().starts_with("curl")).unwrap();
    let output = Command::new("sh").args(["-c", curl]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["success"], &answer["data"]), (&json!(true), &json!({})));
    program.interrupt();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_a_file_verify_callers() {
    // The example of RFC 8037, whose private key everybody knows.
    let jwks =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("jwks.json");
    std::fs::write(&file, jwks).unwrap();
    let program = Program::start(&["--in-memory", "--auth-jwks", file.to_str().unwrap()]);
    assert!(program.greeting.contains("verified by the keys of your identity provider"));
    let claims = json!({ "sub": "ann", "organizationId": "acme", "exp": 4_102_444_800_u64 });
    let private = STANDARD.decode("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g").unwrap();
    let header = jsonwebtoken::Header { kid: Some("k".to_owned()), ..jsonwebtoken::Header::new(Algorithm::EdDSA) };
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&private)).unwrap();
    let url = format!("{}/api/velt/comments/get", program.url);
    for (organization, status) in [("acme", 200), ("other", 403)] {
        let request = reqwest::Client::new().post(&url).bearer_auth(&token);
        assert_eq!(request.json(&json!({ "organizationId": organization })).send().await.unwrap().status(), status);
    }
    program.interrupt();
}

/// Revisions were texts under another name once.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_an_older_version_is_read_changed_and_deleted() {
    let app = App::start().await;
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let put = app.server.dynamodb().put_item().table_name(app.server.environment.get("TABLE_NAME"));
    let put = put.item("PK", text("comments#acme#t")).item("SK", text("record")).item("id", text("t"));
    let put = put.item("revision", text("5f0c")).item("c#1", text(r#"{"commentText":"old","agent":{}}"#));
    put.send().await.unwrap();
    assert_eq!(app.thread("t").await["comments"]["1"]["commentText"], "old");
    // The first is read and put, the second an update.
    app.save_thread("t", json!({ "comments": { "1": { "commentText": "new" } } }), "comment.update", 1).await;
    app.save_thread("t", json!({ "comments": { "2": { "commentText": "two" } } }), "comment.add", 2).await;
    let comments = json!({ "1": { "commentText": "new", "agent": {} }, "2": { "commentText": "two" } });
    assert_eq!(app.thread("t").await["comments"], comments);
    let delete = json!({ "commentAnnotationId": "t", "metadata": { "organizationId": "acme" } });
    app.ok("comments/delete", &delete).await;
    assert!(app.thread("t").await.is_null());
}
