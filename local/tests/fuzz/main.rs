//! Fuzz targets, on stable Rust: what strangers send never fails the code that reads it.
//!
//! Each target runs for [`SECONDS`], or for as many seconds as the environment variable `FUZZ_SECONDS` says. All of them run
//! side by side, so together they take as long as one. `.ci/run` gives them a minute:
//!
//! ```sh
//! FUZZ_SECONDS=3600 cargo test -p local --test fuzz
//! ```
//!
//! A failure prints the smallest input that was found for it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here says where")]

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use authorizer::Authorizer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use jsonwebtoken::{EncodingKey, Header, encode};
use local::{Options, Server};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use shared::json::{Fields, Json, read_body};
use shared::media_type::Essence;
use shared::setup::Setup;
use shared::signed::Keys;
use tokio::runtime::Runtime;

/// How long each target runs where the environment says nothing, in seconds.
const SECONDS: u64 = 5;

/// Secrets and keys that everybody knows.
const SECRET: &str = "not-a-secret-for-development-only";

fn end() -> Instant {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS))
}

/// Runs a target over and over until the time is over.
fn fuzz<S: Strategy>(strategy: &S, target: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let end = end();
    while Instant::now() < end {
        let config = Config { cases: 50, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
        if let Err(failure) = TestRunner::new(config).run(strategy, &target) {
            panic!("{failure}");
        }
    }
}

/// A file of the repository.
fn sample(path: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    serde_json::from_str(&std::fs::read_to_string(root.join(path)).unwrap()).unwrap()
}

/// Pieces that readers of JSON, of headers and of forms stumble over.
const PIECES: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\\",
    "\\u0000",
    "\\ud83d",
    "\\udc00",
    "\\u0061",
    "null",
    "true",
    "1e400",
    "-0",
    "99999999999999999999999999",
    "\"a\":1,",
    "{\"$ne\":\"\"}",
    "[[[[[[",
    "\0",
    "\u{1f}",
    "é",
    "\u{202e}",
    "\r\n",
    "--x",
    "--",
    ";",
    "=",
    "*",
    "%00",
    "../",
    "filename*=UTF-8''%",
    "application/json",
];

/// Texts of `corpus` with some pieces put in, some left out, and some ends cut off.
fn mutated(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..8_usize, prop::sample::select(PIECES.to_vec()), any::<bool>());
    (prop::sample::select(corpus), prop::collection::vec(edit, 0..6)).prop_map(|(mut text, edits)| {
        for (place, left_out, piece, is_put_in) in edits {
            let at = place.index(text.len() + 1);
            let end = (at + left_out).min(text.len());
            let put_in = if is_put_in { piece.as_bytes() } else { b"" };
            text.splice(at..end, put_in.iter().copied());
        }
        text
    })
}

/// Any JSON, of claims and of keys.
fn any_json() -> impl Strategy<Value = Value> {
    let names =
        ["sub", "organizationId", "role", "a", "*", "admin", "kty", "kid", "alg", "n", "e", "x", "crv", "keys", "use"];
    let texts =
        ["acme", "*", "", "admin", "true", "RSA", "EC", "oct", "RS256", "AQAB", "P-256", "sig", "none", "\0", "é"];
    let name = prop::sample::select(names.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(ToOwned::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Bodies as JSON: what is read is written back as it came, and means the same as itself.
fn bodies() {
    let corpus: Vec<Vec<u8>> = ["comments-save", "activity-save", "users-save", "notifications-save", "comments-get"]
        .iter()
        .map(|name| sample(&format!("events/{name}.json"))["body"].as_str().unwrap().as_bytes().to_vec())
        .collect();
    fuzz(&mutated(corpus), |body| {
        match read_body::<Fields>(&body) {
            Ok(fields) => {
                let again = Json::from_value(&fields).unwrap();
                let whole = Json::from_text(String::from_utf8(body).unwrap().trim().to_owned()).unwrap();
                prop_assert!(again.means_the_same_as(&whole), "{}", whole.text());
            }
            Err(error) => {
                prop_assert_eq!(error.kind().status(), 400);
                prop_assert!(error.message().len() <= 600, "{}", error.message());
            }
        }
        Ok(())
    });
}

/// Every operation, by events whose bodies are nearly right: an answer that is no 5xx.
fn requests() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(Options::default())).unwrap();
    let functions = local::functions(&server.setup()).unwrap();
    let events: Vec<(usize, Value, Vec<u8>)> = functions
        .iter()
        .enumerate()
        .filter_map(|(at, function)| {
            let path = format!("events/{}.json", function.name);
            // Operations of a backend alone may have no sample.
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
            let event = root.join(&path).exists().then(|| sample(&path))?;
            let body = event["body"].as_str().unwrap_or_default().as_bytes();
            let body = if event["isBase64Encoded"] == true { STANDARD.decode(body).unwrap() } else { body.to_vec() };
            Some((at, event, body))
        })
        .collect();
    assert!(events.len() >= 25);
    let corpus: Vec<Vec<u8>> = events.iter().map(|(_, _, body)| body.clone()).collect();
    let places = 0..events.len();
    let own = places.prop_flat_map(move |at| (Just(at), mutated(vec![corpus[at].clone()]), "\\PC{0,9}"));
    fuzz(&own, |(at, body, query)| {
        let (function, event, _) = &events[at];
        let mut event = event.clone();
        event["body"] = json!(STANDARD.encode(&body));
        event["isBase64Encoded"] = json!(true);
        event["rawQueryString"] = json!(query);
        let answer = runtime.block_on(functions[*function].invoke(event.to_string(), "request".to_owned())).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let status = answer["statusCode"].as_u64().unwrap();
        prop_assert!(status < 500, "{}: {}", functions[*function].name, answer);
        prop_assert!(status == 200 || answer["body"].as_str().unwrap_or_default().len() < 2_000, "{}", answer);
        Ok(())
    });
    runtime.block_on(server.stop());
}

fn setup(settings: &[(&str, &str)]) -> Setup {
    let always = [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")];
    let all = always.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Setup::new(all.collect::<HashMap<_, _>>()).unwrap()
}

/// Whether the authorizer lets a caller in by what stands in the header.
fn is_let_in(runtime: &Runtime, authorizer: &Authorizer, header: &str) -> bool {
    let mut event = sample("events/authorizer.json");
    event["identitySource"] = json!([header]);
    event["headers"]["authorization"] = json!(header);
    let Ok(event) = serde_json::from_value(event) else { return false };
    runtime.block_on(authorizer.answer(event, "request".to_owned())).is_ok_and(|answer| answer.is_authorized)
}

/// Claims of a token that is signed as it must be, and tokens that are none.
fn claims() {
    let runtime = Runtime::new().unwrap();
    let authorizer = Authorizer::open(&setup(&[
        ("AUTH_SECRET_TEXT", SECRET),
        ("CLAIM_ORGANIZATIONS", "organizationId"),
        ("CLAIM_USER", "sub"),
        ("CLAIM_ADMIN", "role=admin"),
        ("CLAIM_READ_ONLY", "a"),
    ]))
    .unwrap();
    fuzz(&(any_json(), any::<bool>(), ".{0,40}"), |(claims, has_end, garbage)| {
        let mut claims = claims;
        if let (true, Some(claims)) = (has_end, claims.as_object_mut()) {
            claims.insert("exp".to_owned(), json!(4_102_444_800_u64));
        }
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        let names = claims.get("organizationId").is_some_and(|named| !named.is_null() && *named != json!(false));
        let header = format!("Bearer {token}");
        prop_assert!(!is_let_in(&runtime, &authorizer, &header) || (names && has_end), "{}", claims);
        prop_assert!(!is_let_in(&runtime, &authorizer, &garbage));
        let changed = format!("Bearer {token}{garbage}x");
        prop_assert!(!is_let_in(&runtime, &authorizer, &changed));
        Ok(())
    });
}

/// Key sets of an identity provider: whatever they hold, a token of somebody else's is not let in.
fn keys() {
    let runtime = Runtime::new().unwrap();
    let claims = json!({ "sub": "ann", "organizationId": "acme", "exp": 4_102_444_800_u64 });
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
    fuzz(&(any_json(), prop::collection::vec(any_json(), 0..4), any::<bool>()), |(whole, keys, is_set)| {
        let text = if is_set { json!({ "keys": keys }).to_string() } else { whole.to_string() };
        if let Ok(authorizer) = Authorizer::open(&setup(&[("AUTH_JWKS", &text)])) {
            let header = format!("Bearer {token}");
            prop_assert!(!is_let_in(&runtime, &authorizer, &header), "{}", text);
        }
        let _ = Keys::parse(&text);
        Ok(())
    });
}

/// Links to files: none is believed but those that were signed.
fn links() {
    let keys = Keys::parse(&json!({ "current": "k", "k": SECRET }).to_string()).unwrap();
    let corpus = vec![b"k.eyJhIjoxfQ.c2lnbmF0dXJl".to_vec(), b"..".to_vec(), b"k.".to_vec()];
    fuzz(&mutated(corpus), |token| {
        let token = String::from_utf8_lossy(&token);
        let _ = keys.know(&token);
        prop_assert!(keys.verify::<Value>(&token).is_err(), "{}", token);
        Ok(())
    });
}

/// Media types: an essence is what it says, and what is shown inline is one of a few.
fn media_types() {
    let corpus =
        ["image/png", "video/webm;codecs=vp8,opus", "application/json; charset=utf-8, application/json", "text/html"];
    let corpus = corpus.iter().map(|kind| kind.as_bytes().to_vec()).collect();
    fuzz(&(mutated(corpus), prop::collection::vec(any::<u8>(), 0..64)), |(declared, bytes)| {
        let text = String::from_utf8_lossy(&declared);
        for essence in [Essence::of(&text), Essence::of_header(&text)].into_iter().flatten() {
            prop_assert_eq!(Essence::of(essence.as_str()), Some(essence.clone()));
            prop_assert!(HeaderValue::from_str(essence.as_str()).is_ok());
            if let Some(shown) = storage::kind::shown(&essence, &bytes) {
                prop_assert!(!shown.contains("html") && !shown.contains("svg"), "{}", shown);
            }
        }
        Ok(())
    });
}

#[test]
fn nothing_that_is_sent_fails_what_reads_it() {
    let targets: [(&str, fn()); 6] = [
        ("bodies", bodies),
        ("requests and forms", requests),
        ("claims", claims),
        ("keys", keys),
        ("links", links),
        ("media types", media_types),
    ];
    let running = targets.map(|(name, target)| (name, thread::spawn(target)));
    let failed: Vec<&str> =
        running.into_iter().filter_map(|(name, target)| target.join().is_err().then_some(name)).collect();
    assert!(failed.is_empty(), "{failed:?}");
}
