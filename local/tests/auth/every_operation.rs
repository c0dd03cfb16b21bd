//! The table: every operation, by its sample event, against every kind of caller.

use jsonwebtoken::{Algorithm, EncodingKey, get_current_timestamp};
use local::Function;
use reqwest::StatusCode;
use serde_json::json;
use shared::access::Access;

use crate::support::{App, Sample, claims, provider, sample, sign, stranger, token, with};

/// What an operation answers to a caller.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// The gateway knows nobody.
    Unauthorized,
    /// Somebody, but not for this.
    Forbidden,
    /// What it answers is the operation's own.
    LetIn,
}

struct Case {
    name: &'static str,
    /// The value of `Authorization`.
    authorization: Option<String>,
    /// What reading, writing, and naming a document are answered.
    read: Expected,
    write: Expected,
    of_document: Option<Expected>,
}

fn cases() -> Vec<Case> {
    use Expected::{Forbidden, LetIn, Unauthorized};
    let of_acme = || claims(&json!(["acme", "other"]));
    let now = get_current_timestamp();
    let (good, key) = (token(&of_acme()), &provider().private);
    let case = |name, token: String, read, write| Case {
        name,
        authorization: Some(format!("Bearer {token}")),
        read,
        write,
        of_document: None,
    };
    let unknown = |name, token| case(name, token, Unauthorized, Unauthorized);
    let secret = |text: &str| EncodingKey::from_secret(text.as_bytes());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let forged = token(&claims(&json!("*")));
    let forged_payload = forged.split('.').nth(1).unwrap();
    let unsigned = format!("{}.{forged_payload}.", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0");
    let mut other_document =
        case("other document", token(&with(of_acme(), "documents", json!(["another"]))), LetIn, LetIn);
    other_document.of_document = Some(Forbidden);
    vec![
        Case { name: "no token", authorization: None, read: Unauthorized, write: Unauthorized, of_document: None },
        unknown("empty", String::new()),
        unknown("nonsense", "nonsense".to_owned()),
        unknown("expired", token(&with(of_acme(), "exp", json!(now - 5)))),
        unknown("without an end", token(&with(of_acme(), "exp", json!(null)))),
        unknown("not yet valid", token(&with(of_acme(), "nbf", json!(now + 60)))),
        unknown("wrong issuer", token(&with(of_acme(), "iss", json!("https://evil.example/")))),
        unknown("without an issuer", token(&with(of_acme(), "iss", json!(null)))),
        unknown("wrong audience", token(&with(of_acme(), "aud", json!("another-api")))),
        unknown("without an audience", token(&with(of_acme(), "aud", json!(null)))),
        unknown("wrong algorithm", sign(&of_acme(), Algorithm::RS384, key)),
        unknown("HS256 by the public key", sign(&of_acme(), Algorithm::HS256, &secret(&provider().modulus))),
        unknown("HS256 by the key set", sign(&of_acme(), Algorithm::HS256, &secret(&provider().jwks))),
        unknown("no algorithm", unsigned),
        unknown("somebody else's key", sign(&of_acme(), Algorithm::RS256, &stranger().private)),
        unknown("tampered claims", format!("{header}.{forged_payload}.{signature}")),
        unknown("tampered signature", format!("{head}.{}A", &signature[..signature.len() - 2])),
        unknown("no signature", format!("{head}.")),
        unknown("no organization", token(&claims(&json!([])))),
        case("right", good, LetIn, LetIn),
        case("every organization", token(&claims(&json!("*"))), LetIn, LetIn),
        case("other tenant", token(&claims(&json!(["other"]))), Forbidden, Forbidden),
        case("read-only", token(&with(of_acme(), "role", json!("viewer"))), LetIn, Forbidden),
        other_document,
    ]
}

async fn send(app: &App, function: &Function, sample: &Sample, authorization: Option<&str>) -> StatusCode {
    let path = function.path.replace("{link}", "local.x.y").replace("{name}", "a.png");
    let request = app.http.request(function.method.clone(), format!("{}{path}", app.server.url()));
    let mut request = request.header("content-type", &sample.kind).body(sample.body.clone());
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    if status == StatusCode::UNAUTHORIZED {
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["message"], "Unauthorized", "and no detail");
    }
    status
}

fn assert_is(expected: Expected, status: StatusCode, what: &str) {
    let found = match status {
        StatusCode::UNAUTHORIZED => Expected::Unauthorized,
        StatusCode::FORBIDDEN => Expected::Forbidden,
        _ => Expected::LetIn,
    };
    assert_eq!(found, expected, "{what}: {status}");
    assert!(!status.is_server_error(), "{what}: {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_answered_as_its_caller_may() {
    let app = App::start().await;
    for function in app.functions() {
        let sample = sample(&function);
        for case in cases() {
            let status = send(&app, &function, &sample, case.authorization.as_deref()).await;
            let expected = match function.access {
                Access::Read | Access::Write if case.of_document.is_some() && sample.names_document => {
                    case.of_document.unwrap()
                }
                Access::Read => case.read,
                Access::Write => case.write,
                // Browsers' tokens are not for the app's backend, and a link proves itself.
                Access::Backend | Access::Anybody => Expected::Forbidden,
            };
            assert_is(expected, status, &format!("{} by {}", function.name, case.name));
        }
        let signed = "AWS4-HMAC-SHA256 Credential=local/20261121/us-east-1/execute-api/aws4_request, Signature=x";
        let status = send(&app, &function, &sample, Some(signed)).await;
        let expected = match function.access {
            Access::Read | Access::Write => Expected::Unauthorized,
            Access::Backend => Expected::LetIn,
            Access::Anybody => Expected::Forbidden,
        };
        assert_is(expected, status, &format!("{} by IAM", function.name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_be_in_a_cookie_and_then_nowhere_else() {
    let app = App::with(&[("AUTH_COOKIE", "session")]).await;
    let good = token(&claims(&json!("acme")));
    for (cookie, status) in [
        (format!("session={good}"), 200),
        (format!("a=b; session={good}; c=d"), 200),
        (format!("other={good}"), 401),
        (format!("session={good}; session={good}"), 401),
        ("session=".to_owned(), 401),
    ] {
        let url = format!("{}/api/velt/comments/get", app.server.url());
        let request = app.http.post(url).header("cookie", cookie).json(&json!({ "organizationId": "acme" }));
        assert_eq!(request.send().await.unwrap().status(), status);
        // The gateway remembers by the cookie: a token beside it must not count for it.
        let url = format!("{}/api/velt/comments/get", app.server.url());
        let beside = app.http.post(url).header("cookie", "consent=1").bearer_auth(&good);
        assert_eq!(beside.json(&json!({ "organizationId": "acme" })).send().await.unwrap().status(), 401);
    }
    let app = App::start().await;
    let url = format!("{}/api/velt/comments/get", app.server.url());
    let request = app.http.post(url).header("cookie", format!("session={good}")).header("authorization", "Basic x");
    assert_eq!(request.json(&json!({ "organizationId": "acme" })).send().await.unwrap().status(), 401);
}

/// The sample with this API key in its metadata.
fn with_key(sample: &Sample, key: &str) -> Vec<u8> {
    if let Ok(mut request) = serde_json::from_slice::<serde_json::Value>(&sample.body) {
        request["metadata"]["apiKey"] = json!(key);
        return request.to_string().into_bytes();
    }
    let text: Vec<u8> = sample.body.clone();
    let (known, own) = (b"\"apiKey\":\"local\"".as_slice(), format!("\"apiKey\":\"{key}\"").into_bytes());
    let at = text.windows(known.len()).position(|window| window == known).unwrap();
    [&text[..at], &own, &text[at + known.len()..]].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_apps_key_is_refused() {
    let app = App::with(&[("VELT_API_KEY", "local")]).await;
    let token = token(&claims(&json!("acme")));
    for function in app.functions() {
        let authorization = match function.access {
            Access::Read | Access::Write => format!("Bearer {token}"),
            Access::Backend => "AWS4-HMAC-SHA256 Credential=local".to_owned(),
            Access::Anybody => continue,
        };
        let sample = sample(&function);
        for (key, expected) in [("another", Expected::Forbidden), ("local", Expected::LetIn)] {
            let sample = Sample { body: with_key(&sample, key), kind: sample.kind.clone(), ..sample };
            let status = send(&app, &function, &sample, Some(&authorization)).await;
            assert_is(expected, status, &format!("{} with the key {key}", function.name));
        }
    }
    let own = json!({ "organizationId": "acme", "apiKey": "another" });
    app.refused(&token, "comments/save", &json!({ "commentAnnotation": { "u": { "metadata": own } } })).await;
}

/// The gateway remembers the authorizer's answer for minutes, which may be longer than the token was good.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_ends_with_its_token() {
    let app = App::start().await;
    let now = get_current_timestamp();
    for function in app.functions() {
        let path = format!("{}/../events/{}.json", env!("CARGO_MANIFEST_DIR"), function.name);
        let mut event: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for (exp, has_ended) in [
            (json!(now + 60), false),
            (json!(now), true),
            (json!(now - 1), true),
            (json!(0), true),
            (json!(null), false),
        ] {
            let grant =
                json!({ "organizations": ["acme"], "readOnly": false, "user": "ann", "admin": false, "exp": exp });
            let by_token = matches!(function.access, Access::Read | Access::Write);
            if by_token {
                event["requestContext"]["authorizer"] = json!({ "lambda": { "grant": grant.to_string() } });
            }
            let answer = function.invoke(event.to_string(), "r".to_owned()).await.unwrap();
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            let refused = answer["statusCode"] == 401;
            assert_eq!(refused, has_ended && by_token, "{} {exp}: {answer}", function.name);
            if refused {
                let body: serde_json::Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
                assert_eq!((&body["errorCode"], &body["success"]), (&json!("EXPIRED"), &json!(false)));
                assert!(body["message"].as_str().unwrap().contains("sign in again"));
            }
        }
        // What is no time is no grant.
        for odd in [json!("x"), json!(-1), json!(1.5), json!([now + 60])] {
            let grant = json!({ "organizations": ["acme"], "readOnly": false, "admin": true, "exp": odd });
            event["requestContext"]["authorizer"] = json!({ "lambda": { "grant": grant.to_string() } });
            let answer = function.invoke(event.to_string(), "r".to_owned()).await.unwrap();
            let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
            assert!(function.access == Access::Anybody || answer["statusCode"] == 403, "{} {odd}", function.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_star_opens_every_organization_only_where_the_stack_says_so() {
    let get = json!({ "organizationId": "acme" });
    for (allowed, whole) in [("true", 200), ("false", 401), ("", 401)] {
        let app = App::with(&[("AUTH_ALLOW_ALL_ORGANIZATIONS", allowed)]).await;
        for (organizations, status) in [
            (json!("*"), whole),
            (json!(["*"]), 401),
            (json!({ "*": true }), 401),
            (json!({ "*": false }), 401),
            (json!(["beta", "*"]), 403),
            (json!({ "acme": false }), 401),
            (json!({ "acme": false, "beta": true }), 403),
            (json!({ "acme": true }), 200),
        ] {
            let (found, answer) = app.post(&token(&claims(&organizations)), "comments/get", &get).await;
            assert_eq!(found, status, "{organizations} where {allowed:?}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_roles_fail_closed() {
    let app = App::start().await;
    let of = |name: &str, value: serde_json::Value| {
        let mut claims = claims(&json!("acme"));
        claims[name] = value;
        token(&claims)
    };
    let save = json!({ "commentAnnotation": { "t": {} }, "metadata": { "organizationId": "acme", "documentId": "d" } });
    for role in [
        json!(null),
        json!("Viewer"),
        json!("VIEWER"),
        json!([]),
        json!({}),
        json!(""),
        json!(false),
        json!({ "editor": false }),
    ] {
        app.refused(&of("role", role), "comments/save", &save).await;
    }
    app.refused(&token(&with(claims(&json!("acme")), "role", json!(null))), "comments/save", &save).await;
    for documents in [json!(null), json!(["*"]), json!({ "d": false }), json!(true), json!([["d"]])] {
        app.refused(&of("documents", documents), "comments/save", &save).await;
    }
    for role in [json!("editor"), json!(["editor"]), json!({ "editor": true, "viewer": false })] {
        app.ok(&of("role", role), "comments/save", &save).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_in_a_header_of_the_companys_choice() {
    let app = App::with(&[("AUTH_HEADER", "X-Velt-Token"), ("AUTH_SCHEME", "none")]).await;
    let good = token(&claims(&json!("acme")));
    let url = format!("{}/api/velt/comments/get", app.server.url());
    for (name, value, status) in [
        ("x-velt-token", good.clone(), 200),
        ("x-velt-token", format!("Bearer {good}"), 401),
        ("authorization", format!("Bearer {good}"), 401),
    ] {
        let request = app.http.post(&url).header(name, value).json(&json!({ "organizationId": "acme" }));
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_an_unknown_page_is_refused() {
    let app = App::start().await;
    let mut settings: std::collections::HashMap<String, String> =
        app.server.environment.environment.clone().into_iter().collect();
    settings.insert("ALLOWED_ORIGINS".to_owned(), "https://app.example.com,https://b.example.com".to_owned());
    let functions = local::functions(&shared::setup::Setup::new(settings).unwrap()).unwrap();
    let save = functions.iter().find(|function| function.name == "attachments-save").unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/attachments-save.json");
    let mut event: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for (origin, status) in [("https://b.example.com", 200), ("https://evil.example", 403), ("null", 403)] {
        event["headers"]["origin"] = json!(origin);
        let answer = save.invoke(event.to_string(), "r".to_owned()).await.unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["statusCode"], status, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_id_alone_means_the_same_user_to_every_caller() {
    let app = App::start().await;
    let users = json!({ "users": [
        { "userId": "u", "organizationId": "acme", "name": "of acme" }, { "userId": "u", "name": "of all" },
        { "userId": "v", "organizationId": "acme", "name": "of acme" }, { "userId": "v", "organizationId": "beta", "name": "of beta" },
        { "userId": "w", "organizationId": "zeta", "name": "of zeta" },
    ] });
    let url = format!("{}/api/velt/users/save", app.server.url());
    let by_backend = app.http.post(url).header("authorization", "AWS4-HMAC-SHA256 Credential=local");
    assert_eq!(by_backend.json(&users).send().await.unwrap().status(), 200);
    for (organizations, found) in [
        (json!("*"), json!({ "u": "of all", "v": "of acme", "w": "of zeta" })),
        (json!(["beta", "acme"]), json!({ "u": "of all", "v": "of acme" })),
        (json!(["beta"]), json!({ "u": "of all", "v": "of beta" })),
    ] {
        let users = app.ok(&token(&claims(&organizations)), "users/get", &json!({ "userIds": ["u", "v", "w"] })).await;
        let names: serde_json::Value =
            users.as_object().unwrap().iter().map(|(id, user)| (id.clone(), user["name"].clone())).collect();
        assert_eq!(names, found, "{organizations}");
    }
}
