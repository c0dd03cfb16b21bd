//! The authorizer's own answers: why it refuses, and how it starts.

use std::collections::HashMap;

use authorizer::{Authorizer, Refusal};
use jsonwebtoken::{Algorithm, EncodingKey, get_current_timestamp};
use serde_json::{Value, json};
use shared::setup::Setup;

use crate::support::{claims, provider, sign, stranger, token, with};

fn setup(settings: &[(&str, &str)]) -> Setup {
    let environment = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1"),
        ("TABLE_NAME", "velt"),
        ("AUTH_ORGANIZATIONS", "organizations"),
    ];
    let all = environment.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Setup::new(all.collect::<HashMap<_, _>>()).unwrap()
}

async fn refusal(authorizer: &Authorizer, token: Option<&str>) -> Option<Refusal> {
    let source: Vec<String> = token.into_iter().map(|token| format!("Bearer {token}")).collect();
    let request = json!({ "version": "2.0", "headers": {}, "identitySource": source, "requestContext": { "http": {
        "method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "",
    } } });
    authorizer.verify(&serde_json::from_value(request).unwrap()).await.err()
}

#[tokio::test]
async fn a_refusal_says_why_to_the_log() {
    let keys = &provider().jwks;
    let authorizer =
        Authorizer::open(&setup(&[("AUTH_JWKS", keys), ("AUTH_ISSUER", "i"), ("AUTH_LEEWAY", "0")])).unwrap();
    let good = || with(claims(&json!("acme")), "iss", json!("i"));
    let now = get_current_timestamp();
    let unknown_key = {
        let header = jsonwebtoken::Header { kid: Some("k2".to_owned()), ..jsonwebtoken::Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &good(), &provider().private).unwrap()
    };
    let secret = EncodingKey::from_secret(keys.as_bytes());
    for (token, expected) in [
        (Some(token(&good())), None),
        (None, Some(Refusal::MissingToken)),
        (Some("a.b".to_owned()), Some(Refusal::VerificationFailed)),
        (Some(token(&with(good(), "exp", json!(now - 5)))), Some(Refusal::Expired)),
        (Some(token(&with(good(), "exp", Value::Null))), Some(Refusal::ClaimMismatch)),
        (Some(token(&with(good(), "nbf", json!(now + 60)))), Some(Refusal::ClaimMismatch)),
        (Some(token(&with(good(), "iss", json!("other")))), Some(Refusal::ClaimMismatch)),
        (Some(token(&with(good(), "organizations", Value::Null))), Some(Refusal::ClaimMismatch)),
        (Some(sign(&good(), Algorithm::RS256, &stranger().private)), Some(Refusal::InvalidSignature)),
        (Some(sign(&good(), Algorithm::PS256, &provider().private)), Some(Refusal::AlgorithmNotAllowed)),
        (Some(sign(&good(), Algorithm::HS256, &secret)), Some(Refusal::AlgorithmNotAllowed)),
        (Some(unknown_key), Some(Refusal::KeyResolutionFailed)),
    ] {
        assert_eq!(refusal(&authorizer, token.as_deref()).await, expected);
    }
    assert_eq!(refusal(&Authorizer::closed(), Some(&token(&good()))).await, Some(Refusal::NotConfigured));
}

#[tokio::test]
async fn a_shared_secret_verifies_hs256_alone() {
    let secret = "0123456789abcdef0123456789abcdef";
    let authorizer = Authorizer::open(&setup(&[("AUTH_SECRET_TEXT", secret)])).unwrap();
    let key = EncodingKey::from_secret(secret.as_bytes());
    let claims = claims(&json!("acme"));
    assert_eq!(refusal(&authorizer, Some(&sign(&claims, Algorithm::HS256, &key))).await, None);
    assert_eq!(
        refusal(&authorizer, Some(&sign(&claims, Algorithm::HS512, &key))).await,
        Some(Refusal::AlgorithmNotAllowed)
    );
    assert_eq!(refusal(&authorizer, Some(&token(&claims))).await, Some(Refusal::AlgorithmNotAllowed));
    let other = EncodingKey::from_secret(b"another secret of as many bytes.");
    assert_eq!(
        refusal(&authorizer, Some(&sign(&claims, Algorithm::HS256, &other))).await,
        Some(Refusal::InvalidSignature)
    );
    // A secret that can't be read lets nobody in.
    let unreachable = Authorizer::open(&setup(&[("AUTH_SECRET", "arn")])).unwrap();
    let refused = refusal(&unreachable, Some(&sign(&claims, Algorithm::HS256, &key))).await;
    assert_eq!(refused, Some(Refusal::KeyResolutionFailed));
}

#[test]
fn what_would_open_a_door_is_no_setting() {
    let url = ("AUTH_JWKS_URL", "https://id.example.com/jwks.json");
    let secret = ("AUTH_SECRET", "arn");
    for refused in [
        vec![],
        vec![url, secret],
        vec![("AUTH_JWKS_URL", "http://id.example.com/jwks.json")],
        vec![url, ("AUTH_ALGORITHMS", "HS256")],
        vec![url, ("AUTH_ALGORITHMS", "RS256,HS256")],
        vec![url, ("AUTH_ALGORITHMS", "none")],
        vec![secret, ("AUTH_ALGORITHMS", "RS256")],
        vec![url, ("AUTH_LEEWAY", "86400")],
    ] {
        assert!(Authorizer::open(&setup(&refused)).is_err(), "{refused:?}");
    }
    assert!(Authorizer::open(&setup(&[url, ("AUTH_ALGORITHMS", "RS256, ES256,EdDSA")])).is_ok());
}
