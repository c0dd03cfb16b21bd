//! The agents of `examples/agent`, run as they are: against this server, behind a gateway that verifies their signatures, and
//! a stub of Velt's REST API.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::post;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::support::{App, claims, token, with};

/// The credentials of the agent's role: obvious dummies.
const KEY: (&str, &str, &str) = ("AKIDEXAMPLE", "not-a-secret", "not-a-session-token");

/// What the two servers that the agent calls see, in order.
#[derive(Debug)]
struct Seen {
    app_url: String,
    calls: Vec<(String, HeaderMap, Value)>,
    /// What Velt answers next; a success where nothing is left.
    answers: Vec<(u16, Value)>,
}

type Shared = Arc<Mutex<Seen>>;

/// Whether the signature of a request is the one that its headers and its body have with the agent's key.
fn is_signed(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: &str| headers[name].to_str().unwrap();
    let date = text("x-amz-date");
    let seconds = time_of(date);
    let identity = Credentials::new(KEY.0, KEY.1, Some(KEY.2.to_owned()), None, "test").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-central-1")
        .name("execute-api")
        .time(seconds)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let signed = [("host", text("host")), ("content-type", text("content-type"))];
    let url = format!("http://{}{uri}", text("host"));
    let request = SignableRequest::new("POST", url, signed.into_iter(), SignableBody::Bytes(body)).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let (headers, _) = instructions.into_parts();
    let expected = headers.iter().find(|header| header.name() == "authorization").unwrap().value().to_owned();
    assert_eq!(text("authorization"), expected);
    true
}

/// The time of `20261125T082800Z`.
fn time_of(text: &str) -> SystemTime {
    let now = SystemTime::now();
    let (date, time) = text.split_once('T').unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let (year, month, day) = (number(&date[..4]), number(&date[4..6]), number(&date[6..]));
    // Days since 1970, by the civil calendar.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(&time[..2]) * 3_600 + number(&time[2..4]) * 60 + number(&time[4..6]);
    let found = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    let apart = now.duration_since(found).unwrap_or_default();
    assert!(apart.as_secs() < 60, "a signature is of now: {text}");
    found
}

/// API Gateway with its IAM authorizer, before the development server.
async fn gateway(State(seen): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    if !is_signed(&uri, &headers, &body) {
        return (StatusCode::FORBIDDEN, "{}".to_owned());
    }
    let url = format!("{}{uri}", seen.lock().unwrap().app_url);
    let request = reqwest::Client::new().post(url).header("content-type", "application/json");
    let request = request.header("authorization", headers["authorization"].clone());
    let answer = request.body(body.clone()).send().await.unwrap();
    let status = answer.status();
    seen.lock().unwrap().calls.push((uri.path().to_owned(), headers, serde_json::from_slice(&body).unwrap()));
    (status, answer.text().await.unwrap())
}

/// Velt's REST API.
async fn velt(State(seen): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let mut seen = seen.lock().unwrap();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let annotation = request["data"]["commentAnnotations"][0].clone();
    let id = annotation["annotationId"].as_str().unwrap().to_owned();
    seen.calls.push((uri.path().to_owned(), headers, request));
    let success = json!({ "result": { "status": "success", "message": "Comment Annotation(s) added successfully.", "data": {
        id.clone(): { "success": true, "annotationId": id, "commentIds": [annotation["commentData"][0]["commentId"]] },
    } } });
    let (status, answer) = if seen.answers.is_empty() { (200, success) } else { seen.answers.remove(0) };
    (StatusCode::from_u16(status).unwrap(), answer.to_string())
}

struct Agents {
    app: App,
    seen: Shared,
    gateway_url: String,
    velt_url: String,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

impl Agents {
    async fn start() -> Self {
        let app = App::with(&[("AUTHORS_ONLY", "true")]).await;
        let seen = Seen { app_url: app.server.url(), calls: Vec::new(), answers: Vec::new() };
        let seen = Arc::new(Mutex::new(seen));
        let gateway = Router::new().route("/backend/velt/{*operation}", post(gateway)).with_state(Arc::clone(&seen));
        let velt = Router::new().route("/v2/commentannotations/add", post(velt)).with_state(Arc::clone(&seen));
        Self { app, seen, gateway_url: serve(gateway).await, velt_url: serve(velt).await }
    }

    /// Runs an agent on a finding; what it prints, or what it fails with.
    async fn run(&self, program: &[&str], finding: &Value) -> Result<Value, String> {
        let environment = HashMap::from([
            ("BASE_URL", self.gateway_url.as_str()),
            ("VELT_API_URL", &self.velt_url),
            ("VELT_API_KEY", "an-api-key"),
            ("VELT_AUTH_TOKEN", "an-auth-token"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", KEY.0),
            ("AWS_SECRET_ACCESS_KEY", KEY.1),
            ("AWS_SESSION_TOKEN", KEY.2),
        ]);
        let mut command = tokio::process::Command::new(program[0]);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/agent/").to_owned() + program[1]);
        command.envs(environment).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program[0]));
        child.stdin.take().unwrap().write_all(finding.to_string().as_bytes()).await.unwrap();
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(serde_json::from_slice(&output.stdout).unwrap()) } else { Err(said) }
    }

    fn calls(&self) -> Vec<(String, HeaderMap, Value)> {
        std::mem::take(&mut self.seen.lock().unwrap().calls)
    }

    fn velt_answers(&self, answers: &[(u16, Value)]) {
        self.seen.lock().unwrap().answers = answers.to_vec();
    }

    async fn threads(&self) -> Value {
        self.app.ok(&of("bob"), "comments/get", &json!({ "organizationId": "acme" })).await
    }
}

fn of(user: &str) -> String {
    token(&with(claims(&json!("acme")), "sub", json!(user)))
}

fn finding() -> Value {
    serde_json::from_str(include_str!("../../../examples/agent/finding.json")).unwrap()
}

const AGENTS: [&[&str]; 2] = [&["node", "agent.mjs"], &["python3", "agent.py"]];

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_writes_the_text_here_and_then_the_comment_without_it_at_velt() {
    let mut all = Vec::new();
    for program in AGENTS {
        let agents = Agents::start().await;
        let ids = agents.run(program, &finding()).await.unwrap();
        let calls = agents.calls();
        let paths: Vec<&str> = calls.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths, ["/backend/velt/comments/save", "/v2/commentannotations/add"], "in this order");

        let (_, headers, at_velt) = &calls[1];
        assert_eq!(
            (&headers["x-velt-api-key"], &headers["x-velt-auth-token"]),
            (&"an-api-key".parse().unwrap(), &"an-auth-token".parse().unwrap())
        );
        assert!(!headers.contains_key("authorization"));
        let annotation = &at_velt["data"]["commentAnnotations"][0];
        let comment = &annotation["commentData"][0];
        assert_eq!((&annotation["annotationId"], &comment["commentId"]), (&ids["annotationId"], &ids["commentId"]));
        assert_eq!(
            (&comment["isCommentResolverUsed"], &comment["isCommentTextAvailable"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(comment["from"], json!({ "userId": "a11y-bot" }));
        let text = at_velt.to_string();
        for content in ["contrast", "WCAG", "commentText", "commentHtml", "button"] {
            assert!(!text.contains(content), "{content} is at Velt: {text}");
        }

        let threads = agents.threads().await;
        let id = ids["annotationId"].as_str().unwrap();
        let stored = &threads[id]["comments"][ids["commentId"].to_string()];
        assert_eq!(stored["commentText"], finding()["text"]);
        assert_eq!(stored["agent"]["reason"], finding()["agent"]["reason"]);
        assert_eq!(threads[id]["from"]["userId"], "a11y-bot");

        // Again, as a job does that is not sure: the same comment.
        assert_eq!(agents.run(program, &finding()).await.unwrap(), ids);
        assert_eq!(agents.threads().await, threads);
        all.push(ids);
    }
    assert_eq!(all[0], all[1], "both languages name it the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_repeats_what_may_pass_and_takes_back_what_velt_refuses() {
    for program in AGENTS {
        let agents = Agents::start().await;
        agents.velt_answers(&[(503, json!({})), (429, json!({}))]);
        agents.run(program, &finding()).await.unwrap();
        assert_eq!(agents.calls().len(), 4);

        let mut other = finding();
        other["findingId"] = json!("another");
        let refusal = json!({ "error": { "message": "no such document", "status": "INVALID_ARGUMENT" } });
        agents.velt_answers(&[(400, refusal)]);
        let failed = agents.run(program, &other).await.unwrap_err();
        assert!(failed.contains("no such document"), "{failed}");
        let paths: Vec<String> = agents.calls().into_iter().map(|(path, ..)| path).collect();
        assert_eq!(paths.last().unwrap(), "/backend/velt/comments/delete");
        assert_eq!(agents.threads().await.as_object().unwrap().len(), 1);

        // Whether it took effect is not known, so the text stays for the next run.
        other["findingId"] = json!("a third");
        agents.velt_answers(&[(500, json!({})), (500, json!({})), (500, json!({})), (500, json!({}))]);
        agents.run(program, &other).await.unwrap_err();
        assert_eq!(agents.threads().await.as_object().unwrap().len(), 2);
        agents.run(program, &other).await.unwrap();
        assert_eq!(agents.threads().await.as_object().unwrap().len(), 2);
    }
}

/// What the page of a person sends who accepts a finding, and of one who rejects it: `docs/agents.md` has these requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_on_an_agents_finding() {
    let agents = Agents::start().await;
    let bob = of("bob");
    let metadata = json!({ "organizationId": "acme", "documentId": "contract-7" });
    for (decision, status) in [("suggestion_accept", "accepted"), ("suggestion_reject", "rejected")] {
        let mut finding = finding();
        finding["findingId"] = json!(decision);
        let ids = agents.run(AGENTS[1], &finding).await.unwrap();
        let id = ids["annotationId"].as_str().unwrap();
        let thread =
            json!({ "suggestion": { "status": status, "resolvedBy": { "userId": "bob" } }, "resolvedByUserId": "bob" });
        let save = json!({ "commentAnnotation": { id: thread }, "event": format!("comment_annotation.{decision}"), "metadata": metadata });
        agents.app.ok(&bob, "comments/save", &save).await;
        let thread = agents.threads().await[id].clone();
        assert_eq!(thread["suggestion"]["status"], status);
        assert_eq!(thread["comments"][ids["commentId"].to_string()]["commentText"], finding["text"], "the text stays");
        let reply = json!({ "commentAnnotation": { id: { "comments": { "7": { "commentId": 7, "commentText": "Done", "from": { "userId": "bob" } } } } }, "event": "comment.add", "commentId": 7, "metadata": metadata });
        agents.app.ok(&bob, "comments/save", &reply).await;
        if status == "rejected" {
            agents.app.ok(&bob, "comments/delete", &json!({ "commentAnnotationId": id, "metadata": metadata })).await;
            assert_eq!(agents.threads().await[id], json!(null));
        }
    }
}
