//! The routes of the app's backend: a signature opens them and nothing else does, and it opens no other.

use local::Function;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::access::Access;

use crate::support::{App, claims, sample, token, with};

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/execute-api/aws4_request, Signature=x";

fn backend_path(function: &Function) -> Option<String> {
    Some(format!("/backend/velt/{}", function.path.strip_prefix("/api/velt/")?))
}

async fn post(app: &App, path: &str, authorization: Option<&str>, body: &Value) -> (StatusCode, Value) {
    let mut request = app.http.post(format!("{}{path}", app.server.url())).json(body);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn ok(app: &App, operation: &str, body: &Value) -> Value {
    let (status, answer) = post(app, &format!("/backend/velt/{operation}"), Some(SIGNED), body).await;
    assert_eq!(status, 200, "{operation} {body}: {answer}");
    answer["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_a_route_that_only_a_signature_opens() {
    let app = App::start().await;
    let bearer = |claims: &Value| format!("Bearer {}", token(claims));
    let admin = bearer(&with(claims(&json!("*")), "role", json!("admin")));
    let mut count = 0;
    for function in app.functions() {
        let Some(path) = backend_path(&function) else {
            assert!(function.method == http::Method::GET || function.path.starts_with("/backend/velt/"));
            continue;
        };
        count += 1;
        let sample = sample(&function);
        let send = async |authorization: Option<&str>| {
            let request = app.http.post(format!("{}{path}", app.server.url())).header("content-type", &sample.kind);
            let request =
                authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
            request.body(sample.body.clone()).send().await.unwrap().status()
        };
        for refused in
            [None, Some(""), Some("Bearer x"), Some(admin.as_str()), Some("AWS4-HMAC-SHA256"), Some("Basic x")]
        {
            assert_eq!(send(refused).await, 403, "{path} by {refused:?}");
        }
        let status = send(Some(SIGNED)).await;
        // What is missing is its own matter: `uploads/finish` has nothing to finish.
        assert!(!matches!(status.as_u16(), 401 | 403 | 500..), "{path}: {status}");
        // Another method is no route.
        let get = app.http.get(format!("{}{path}", app.server.url())).header("authorization", SIGNED);
        assert_eq!(get.send().await.unwrap().status(), 404);
    }
    assert!(count >= 24);
}

/// What a function believes of the gateway: the route that was matched, and how the caller was verified, together.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_believes_a_signature_on_a_backend_route_alone() {
    let app = App::start().await;
    let iam = || json!({ "accountId": "123456789012", "userArn": "arn:aws:sts::123456789012:assumed-role/backend/x" });
    let grant = |organizations: Value| json!({ "grant": json!({ "organizations": organizations, "readOnly": false, "admin": true }).to_string() });
    for function in app.functions() {
        let Some(backend) = backend_path(&function) else { continue };
        let path = format!("{}/../events/{}.json", env!("CARGO_MANIFEST_DIR"), function.name);
        let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let status = async |route: &Value, authorizer: &Value| {
            let mut event = event.clone();
            event["routeKey"] = route.clone();
            // Where the path claims to lead is the caller's word.
            event["rawPath"] = json!(backend);
            event["requestContext"]["http"]["path"] = json!(backend);
            event["requestContext"]["routeKey"] = route.clone();
            event["requestContext"]["authorizer"] = authorizer.clone();
            let answer = function.invoke(event.to_string(), "r".to_owned()).await.unwrap();
            serde_json::from_str::<Value>(&answer).unwrap()["statusCode"].as_u64().unwrap()
        };
        let (own, backend) = (json!(format!("POST {}", function.path)), json!(format!("POST {backend}")));
        assert_ne!(status(&backend, &json!({ "iam": iam() })).await, 403, "{}", function.name);
        for authorizer in [
            json!({}),
            json!(null),
            json!({ "lambda": grant(json!("*")) }),
            json!({ "lambda": grant(json!(["acme"])) }),
            json!({ "lambda": grant(json!(["acme"])), "iam": iam() }),
            json!({ "iam": null }),
            json!({ "iam": { "accountId": "123456789012", "userArn": "arn:aws:sts::123456789012:assumed-role/guests/x",
                "cognitoIdentity": { "amr": ["unauthenticated"], "identityId": "us-east-1:x", "identityPoolId": "us-east-1:y" } } }),
            json!({ "jwt": { "claims": { "sub": "ann" }, "scopes": null } }),
        ] {
            assert_eq!(status(&backend, &authorizer).await, 403, "{} {authorizer}", function.name);
        }
        if function.access != Access::Backend {
            for route in [
                &own,
                &json!(null),
                &json!("$default"),
                &json!("POST /api/velt/backend/velt/x"),
                &json!("POST /BACKEND/velt/x"),
                &json!("/backend/velt/x"),
            ] {
                assert_eq!(status(route, &json!({ "iam": iam() })).await, 403, "{} {route}", function.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_acts_for_any_organization_and_author() {
    let app = App::with(&[("AUTHORS_ONLY", "true"), ("AUTH_ALLOW_ALL_ORGANIZATIONS", "false")]).await;
    for organization in ["acme", "beta"] {
        let metadata = json!({ "organizationId": organization, "documentId": "d" });
        let comment = |author: &str, text: &str| json!({ "commentText": text, "from": { "userId": author } });
        let thread = json!({ "from": { "userId": "ann" }, "comments": { "1": comment("bob", "one"), "2": comment("an-agent", "two") } });
        ok(&app, "comments/save", &json!({ "commentAnnotation": { "t": thread }, "metadata": metadata })).await;
        let update = json!({ "comments": { "1": comment("bob", "edited") } });
        ok(&app, "comments/save", &json!({ "commentAnnotation": { "t": update }, "event": "comment.update", "commentId": 1, "metadata": metadata })).await;
        let seen = ok(&app, "comments/get", &json!({ "organizationId": organization })).await;
        assert_eq!(seen["t"]["comments"]["1"], comment("bob", "edited"));
        assert_eq!(seen["t"]["comments"]["2"], comment("an-agent", "two"));
        let reaction = json!({ "reactionAnnotation": { "r": { "from": { "userId": "bob" } } }, "metadata": metadata });
        ok(&app, "reactions/save", &reaction).await;
        ok(&app, "reactions/delete", &json!({ "reactionAnnotationId": "r", "metadata": metadata })).await;
        ok(&app, "comments/delete", &json!({ "commentAnnotationId": "t", "metadata": metadata })).await;
        assert_eq!(ok(&app, "comments/get", &json!({ "organizationId": organization })).await, json!({}));
    }
    // What it does not name, it does not act on.
    let (status, _) = post(&app, "/backend/velt/comments/get", Some(SIGNED), &json!({})).await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_server_has_the_routes_too() {
    let server = local::Server::start(local::Options::default()).await.unwrap();
    let app = App { server, http: reqwest::Client::new() };
    for authorization in [None, Some("Bearer x"), Some(SIGNED)] {
        let (status, answer) =
            post(&app, "/backend/velt/comments/get", authorization, &json!({ "organizationId": "acme" })).await;
        assert_eq!(status, 200, "{answer}");
    }
}
