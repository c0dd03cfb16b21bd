//! The authorizer's own answers: why it refuses, and how it starts.

use std::collections::HashMap;

use authorizer::{Authorizer, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto, get_current_timestamp};
use rcgen::PublicKeyData as _;
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use shared::access::{Grant, Organizations};
use shared::setup::Setup;

use crate::support::{claims, provider, sign, stranger, token, with};

const ISSUER: (&str, &str) = ("AUTH_ISSUER", "i");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn setup(settings: &[(&str, &str)]) -> Setup {
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

pub(crate) fn open(settings: &[(&str, &str)]) -> Authorizer {
    Authorizer::open(&setup(settings)).unwrap_or_else(|error| panic!("{settings:?}: {error:?}"))
}

/// What the authorizer makes of a request with this value of its identity source.
pub(crate) async fn verify(authorizer: &Authorizer, source: Option<&str>) -> Result<Grant, Refusal> {
    let source: Vec<&str> = source.into_iter().collect();
    let request = json!({ "version": "2.0", "headers": {}, "identitySource": source, "requestContext": { "http": {
        "method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "",
    } } });
    authorizer.verify(&serde_json::from_value(request).unwrap()).await
}

pub(crate) async fn refusal(authorizer: &Authorizer, token: Option<&str>) -> Option<Refusal> {
    verify(authorizer, token.map(|token| format!("Bearer {token}")).as_deref()).await.err()
}

/// A token of these very texts, signed by the provider's key as it would sign any.
fn raw(header: &str, claims: &str) -> String {
    signed(&[header, claims], &provider().private, Algorithm::RS256)
}

fn signed(parts: &[&str], key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect::<Vec<_>>().join(".");
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

const HEADER: &str = r#"{"alg":"RS256","kid":"k1"}"#;

fn good() -> Value {
    with(claims(&json!("acme")), "iss", json!("i"))
}

#[tokio::test]
async fn a_refusal_says_why_to_the_log() {
    let authorizer = open(&[("AUTH_JWKS", &provider().jwks), ISSUER, ("AUTH_LEEWAY", "0")]);
    let now = get_current_timestamp();
    let unknown_key = raw(r#"{"alg":"RS256","kid":"k2"}"#, &good().to_string());
    let secret = EncodingKey::from_secret(provider().jwks.as_bytes());
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
async fn a_header_is_what_it_should_be_or_the_token_is_refused() {
    let authorizer = open(&[("AUTH_JWKS", &provider().jwks), ISSUER]);
    let claims = good().to_string();
    for fine in [
        HEADER,
        r#"{ "typ": "at+jwt", "alg": "RS256", "kid": "k1", "x": [1] }"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"RS256","kid":null}"#,
        // Where a token says its key is to be had from is never asked.
        r#"{"alg":"RS256","kid":"k1","jku":"http://127.0.0.1:1/","x5u":"http://127.0.0.1:1/","x5c":["AA"],"jwk":{"kty":"oct","k":"AA"}}"#,
    ] {
        assert_eq!(refusal(&authorizer, Some(&raw(fine, &claims))).await, None, "{fine}");
    }
    for odd in [
        r#"{"alg":"RS256","kid":"k1","crit":["exp"]}"#,
        r#"{"alg":"RS256","kid":"k1","crit":["b64"],"b64":false}"#,
        r#"{"alg":"RS256","kid":"k1","crit":[]}"#,
        r#"{"alg":"RS256","kid":"k1","crit":null}"#,
        r#"{"alg":"RS256","kid":"k1","crit":"exp"}"#,
        r#"{"alg":"rs256","kid":"k1"}"#,
        r#"{"alg":" RS256","kid":"k1"}"#,
        r#"{"alg":"none","kid":"k1"}"#,
        r#"{"alg":["RS256"],"kid":"k1"}"#,
        r#"{"alg":null,"kid":"k1"}"#,
        r#"{"kid":"k1"}"#,
        r#"{"alg":"RS256","kid":1}"#,
        r#"{"alg":"RS256","kid":["k1"]}"#,
        r#"{"alg":"RS256","kid":{"k1":true}}"#,
        r#"{"alg":"RS256","kid":""}"#,
        r#"{"alg":"RS256","kid":"K1"}"#,
        r#"{"alg":"RS256","alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"none","alg":"RS256","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k2","kid":"k1"}"#,
        r#"{"alg":"RS256","kid":"k1","x":{"y":1,"y":2}}"#,
        r#"["RS256"]"#,
        "null",
        "",
        "{",
    ] {
        let refused = refusal(&authorizer, Some(&raw(odd, &claims))).await;
        assert!(refused.is_some(), "{odd}");
    }
}

#[tokio::test]
async fn a_token_is_three_parts_and_not_longer_than_a_header() {
    let authorizer = open(&[("AUTH_JWKS", &provider().jwks), ISSUER]);
    let (claims, key) = (good().to_string(), &provider().private);
    let whole = raw(HEADER, &claims);
    let (header, rest) = whole.split_once('.').unwrap();
    for odd in [
        signed(&[HEADER], key, Algorithm::RS256),
        signed(&[HEADER, &claims, "x"], key, Algorithm::RS256),
        signed(&[HEADER, "", &claims], key, Algorithm::RS256),
        format!("{whole}."),
        format!(".{whole}"),
        format!("{header}.\n{rest}"),
        format!("{header} .{rest}"),
        format!("{header}=.{rest}"),
        whole.replace('.', ".."),
        String::from("..."),
        raw(HEADER, &with(good(), "x", json!("x".repeat(10_240))).to_string()),
        "x".repeat(10_000_000),
        raw(HEADER, &format!("{}{}", "[".repeat(3_000), "]".repeat(3_000))),
    ] {
        let start: String = odd.chars().take(40).collect();
        assert!(refusal(&authorizer, Some(&odd)).await.is_some(), "{start}");
    }
    assert_eq!(verify(&authorizer, Some(&format!("bEaReR   {whole} "))).await.err(), None);
    for source in [&whole, &format!("Bearer\t{whole}"), &format!("Basic {whole}"), "Bearer", "Bearer ", ""] {
        assert_eq!(verify(&authorizer, Some(source)).await.err(), Some(Refusal::MissingToken), "{source}");
    }
}

#[tokio::test]
async fn a_claim_named_twice_refuses_the_token() {
    let authorizer = open(&[("AUTH_JWKS", &provider().jwks), ISSUER, ("AUTH_AUDIENCE", "velt-data")]);
    let exp = get_current_timestamp() + 600;
    let of = |more: &str| {
        raw(HEADER, &format!(r#"{{"iss":"i","aud":"velt-data","exp":{exp},"organizations":["acme"]{more}}}"#))
    };
    assert_eq!(refusal(&authorizer, Some(&of(""))).await, None);
    for more in [
        r#","organizations":["beta"]"#,
        r#","organizations":["acme"]"#,
        r#","\u006frganizations":["beta"]"#,
        r#","exp":99999999999"#,
        r#","iss":"i""#,
        r#","aud":"other""#,
        r#","sub":"ann","sub":"bob""#,
        r#","role":{"admin":false,"admin":true}"#,
        r#","x":[{"y":1,"y":1}]"#,
    ] {
        assert_eq!(refusal(&authorizer, Some(&of(more))).await, Some(Refusal::VerificationFailed), "{more}");
    }
}

#[tokio::test]
async fn times_are_seconds_within_the_leeway() {
    let authorizer = open(&[("AUTH_JWKS", &provider().jwks), ISSUER, ("AUTH_LEEWAY", "10")]);
    let now = get_current_timestamp();
    for (name, value, expected) in [
        ("exp", json!(now + 1), None),
        ("exp", json!(now - 5), None),
        ("exp", json!(now - 10), Some(Refusal::Expired)),
        ("exp", json!(0), Some(Refusal::Expired)),
        ("exp", serde_json::from_str(&format!("{}.75", now + 60)).unwrap(), None),
        ("exp", json!(now * 1000), Some(Refusal::ClaimMismatch)),
        ("exp", json!(u64::MAX), Some(Refusal::ClaimMismatch)),
        ("exp", json!(1e300), Some(Refusal::ClaimMismatch)),
        ("exp", json!(-1), Some(Refusal::ClaimMismatch)),
        ("exp", json!((now + 60).to_string()), Some(Refusal::ClaimMismatch)),
        ("exp", json!([now + 60]), Some(Refusal::ClaimMismatch)),
        ("exp", json!({ "at": now + 60 }), Some(Refusal::ClaimMismatch)),
        ("exp", json!(true), Some(Refusal::ClaimMismatch)),
        ("nbf", json!(now + 5), None),
        ("nbf", json!(now + 60), Some(Refusal::ClaimMismatch)),
        ("nbf", json!(0.5), None),
        ("nbf", json!("0"), Some(Refusal::ClaimMismatch)),
        ("nbf", json!(-1), Some(Refusal::ClaimMismatch)),
        ("nbf", json!(1e300), Some(Refusal::ClaimMismatch)),
    ] {
        let claims = with(good(), name, value.clone()).to_string();
        assert_eq!(refusal(&authorizer, Some(&raw(HEADER, &claims))).await, expected, "{name} {value}");
    }
    for absent in ["exp", "nbf"] {
        let text = good().to_string().replace("\"exp\":", "\"was\":");
        let claims = if absent == "exp" {
            text.replace('{', "{\"exp\":null,")
        } else {
            good().to_string().replace('{', "{\"nbf\":null,")
        };
        let expected = (absent == "exp").then_some(Refusal::ClaimMismatch);
        assert_eq!(refusal(&authorizer, Some(&raw(HEADER, &claims))).await, expected, "{absent}");
    }
    // The grant ends when the token does, so that no cache outlives it.
    let grant = verify(&authorizer, Some(&format!("Bearer {}", token(&with(good(), "exp", json!(now + 60)))))).await;
    assert_eq!(grant.unwrap().exp, Some(now + 70));
}

#[tokio::test]
async fn a_token_is_for_one_of_the_audiences_and_of_one_of_the_issuers() {
    let lists = [("AUTH_ISSUER", "https://a.example/, https://b.example/"), ("AUTH_AUDIENCE", "one,two ,")];
    let authorizer = open(&[("AUTH_JWKS", &provider().jwks), lists[0], lists[1]]);
    for (iss, aud, client, expected) in [
        (json!("https://a.example/"), json!("one"), json!(null), None),
        (json!("https://b.example/"), json!(["x", "two"]), json!(null), None),
        // An access token of Cognito's.
        (json!("https://b.example/"), json!(null), json!("two"), None),
        (json!("https://b.example/"), json!(null), json!("three"), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!(null), json!(["two"]), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!(null), json!(null), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!("x"), json!("two"), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!(""), json!("two"), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!([]), json!("two"), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!({ "two": true }), json!("two"), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!([["two"]]), json!("two"), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!("one,two"), json!(null), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example/"), json!("ONE"), json!(null), Some(Refusal::ClaimMismatch)),
        (json!("https://b.example"), json!("one"), json!(null), Some(Refusal::ClaimMismatch)),
        (json!(["https://b.example/"]), json!("one"), json!(null), Some(Refusal::ClaimMismatch)),
        (json!({}), json!("one"), json!(null), Some(Refusal::ClaimMismatch)),
        (json!(null), json!("one"), json!(null), Some(Refusal::ClaimMismatch)),
    ] {
        let mut claims = good();
        for (name, value) in [("iss", &iss), ("aud", &aud), ("client_id", &client)] {
            claims[name] = value.clone();
        }
        assert_eq!(refusal(&authorizer, Some(&raw(HEADER, &claims.to_string()))).await, expected, "{claims}");
    }
}

#[tokio::test]
async fn a_shared_secret_verifies_hmac_alone() {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let claims = claims(&json!("acme"));
    let secret = ("AUTH_SECRET_TEXT", SECRET);
    let authorizer = open(&[secret]);
    assert_eq!(refusal(&authorizer, Some(&sign(&claims, Algorithm::HS256, &key))).await, None);
    let other = sign(&claims, Algorithm::HS512, &key);
    assert_eq!(refusal(&authorizer, Some(&other)).await, Some(Refusal::AlgorithmNotAllowed));
    assert_eq!(refusal(&authorizer, Some(&token(&claims))).await, Some(Refusal::AlgorithmNotAllowed));
    let others = EncodingKey::from_secret(b"another secret of as many bytes.");
    let forged = sign(&claims, Algorithm::HS256, &others);
    assert_eq!(refusal(&authorizer, Some(&forged)).await, Some(Refusal::InvalidSignature));

    let authorizer = open(&[secret, ("AUTH_ALGORITHMS", "HS384, HS512")]);
    for (algorithm, expected) in
        [(Algorithm::HS256, Some(Refusal::AlgorithmNotAllowed)), (Algorithm::HS384, None), (Algorithm::HS512, None)]
    {
        assert_eq!(refusal(&authorizer, Some(&sign(&claims, algorithm, &key))).await, expected, "{algorithm:?}");
    }
    // A secret that can't be read lets nobody in.
    let unreachable = open(&[("AUTH_SECRET", "arn")]);
    let refused = refusal(&unreachable, Some(&sign(&claims, Algorithm::HS256, &key))).await;
    assert_eq!(refused, Some(Refusal::KeyResolutionFailed));
}

/// An EC key pair or one of Ed25519, made by `rcgen`: what signs, the public key as PEM, and its bytes.
fn pair(algorithm: &'static rcgen::SignatureAlgorithm) -> (EncodingKey, String, Vec<u8>) {
    let pair = rcgen::KeyPair::generate_for(algorithm).unwrap();
    let pem = pair.serialize_pem();
    let is_ed = algorithm == &rcgen::PKCS_ED25519;
    let signer =
        if is_ed { EncodingKey::from_ed_pem(pem.as_bytes()) } else { EncodingKey::from_ec_pem(pem.as_bytes()) };
    (signer.unwrap(), pair.public_key_pem(), pair.der_bytes().to_vec())
}

fn rsa_public() -> rsa::RsaPublicKey {
    let modulus = URL_SAFE_NO_PAD.decode(&provider().modulus).unwrap();
    rsa::RsaPublicKey::new(rsa::BigUint::from_bytes_be(&modulus), 65_537_u32.into()).unwrap()
}

#[tokio::test]
async fn one_public_key_may_be_given_as_pem_in_any_layout() {
    let pem = rsa_public().to_public_key_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    let pkcs1 = rsa_public().to_pkcs1_pem(rsa::pkcs8::LineEnding::CRLF).unwrap();
    let jwk = serde_json::from_str::<Value>(&provider().jwks).unwrap()["keys"][0].to_string();
    let one_line = pem.replace('\n', " ");
    for key in [&pem, &pem.replace('\n', "\r\n"), &pem.replace('\n', "\\n"), &one_line, &pkcs1, &jwk, &provider().jwks]
    {
        let authorizer = open(&[("AUTH_PUBLIC_KEY", key)]);
        assert_eq!(refusal(&authorizer, Some(&token(&good()))).await, None, "{key}");
        assert_eq!(
            refusal(&authorizer, Some(&sign(&good(), Algorithm::RS256, &stranger().private))).await,
            Some(Refusal::InvalidSignature)
        );
        // The public key is no secret, whatever it is taken for.
        for text in [key.as_str(), pem.as_str()] {
            let confused = sign(&good(), Algorithm::HS256, &EncodingKey::from_secret(text.as_bytes()));
            assert_eq!(refusal(&authorizer, Some(&confused)).await, Some(Refusal::AlgorithmNotAllowed));
        }
    }
    for (kind, algorithm) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Algorithm::ES384),
        (&rcgen::PKCS_ED25519, Algorithm::EdDSA),
    ] {
        let (signer, pem, _) = pair(kind);
        let authorizer = open(&[("AUTH_PUBLIC_KEY", &pem)]);
        assert_eq!(refusal(&authorizer, Some(&sign(&good(), algorithm, &signer))).await, None, "{algorithm:?}");
        assert_eq!(refusal(&authorizer, Some(&token(&good()))).await, Some(Refusal::AlgorithmNotAllowed));
    }
}

#[tokio::test]
async fn a_certificate_is_a_public_key_too() {
    let made = rcgen::generate_simple_self_signed(["id.example.com".to_owned()]).unwrap();
    let signer = EncodingKey::from_ec_pem(made.signing_key.serialize_pem().as_bytes()).unwrap();
    let authorizer = open(&[("AUTH_PUBLIC_KEY", &made.cert.pem())]);
    assert_eq!(refusal(&authorizer, Some(&sign(&good(), Algorithm::ES256, &signer))).await, None);
}

#[tokio::test]
async fn keys_are_chosen_by_id_then_by_type_and_algorithm() {
    let (ec, _, point) = pair(&rcgen::PKCS_ECDSA_P256_SHA256);
    let (ed, _, bytes) = pair(&rcgen::PKCS_ED25519);
    let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let rsa = |more: Value| {
        let mut key = json!({ "kty": "RSA", "kid": "k1", "n": provider().modulus, "e": "AQAB" });
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    };
    let others = || json!({ "kty": "RSA", "kid": "k1", "n": stranger().modulus, "e": "AQAB" });
    let elliptic =
        json!({ "kty": "EC", "kid": "k1", "crv": "P-256", "x": base64(&point[1..33]), "y": base64(&point[33..]) });
    let edwards =
        json!({ "kty": "OKP", "kid": "k1", "crv": "Ed25519", "x": base64(&bytes), "alg": "Ed25519", "use": "sig" });
    let allowed = ("AUTH_ALGORITHMS", "RS256,PS256,ES256,EdDSA");
    let of = |keys: &[&Value]| open(&[("AUTH_JWKS", &json!({ "keys": keys }).to_string()), allowed]);
    let by_rsa = || sign(&good(), Algorithm::RS256, &provider().private);
    let by_pss = || sign(&good(), Algorithm::PS256, &provider().private);

    let all = of(&[&elliptic, &rsa(json!({})), &edwards]);
    let newer_name = signed(&[r#"{"alg":"Ed25519","kid":"k1"}"#, &good().to_string()], &ed, Algorithm::EdDSA);
    for token in
        [by_rsa(), by_pss(), sign(&good(), Algorithm::ES256, &ec), sign(&good(), Algorithm::EdDSA, &ed), newer_name]
    {
        assert_eq!(refusal(&all, Some(&token)).await, None);
    }
    // Without an id, it is of the only key for its algorithm.
    let without_id = signed(&[r#"{"alg":"ES256"}"#, &good().to_string()], &ec, Algorithm::ES256);
    assert_eq!(refusal(&all, Some(&without_id)).await, None);

    let two = of(&[&others(), &rsa(json!({}))]);
    assert_eq!(refusal(&two, Some(&by_rsa())).await, None, "two keys of one id are both tried");
    let without_id = raw(r#"{"alg":"RS256"}"#, &good().to_string());
    assert_eq!(refusal(&two, Some(&without_id)).await, Some(Refusal::KeyResolutionFailed), "which of the two?");
    // Many of one id are no key set, but work for whoever verifies.
    let many: Vec<Value> = std::iter::repeat_with(others).take(500).collect();
    let many = of(&many.iter().collect::<Vec<_>>());
    assert_eq!(refusal(&many, Some(&by_rsa())).await, Some(Refusal::KeyResolutionFailed));

    for fine in [
        json!({ "use": "sig" }),
        json!({ "key_ops": ["verify"] }),
        json!({ "key_ops": ["sign", "verify"] }),
        json!({ "alg": "RS256" }),
        json!({ "use": null, "alg": null, "key_ops": null }),
        json!({ "x5c": ["AA"], "x5t": 7, "issuer": "https://login.example/" }),
    ] {
        assert_eq!(refusal(&of(&[&rsa(fine.clone())]), Some(&by_rsa())).await, None, "{fine}");
    }
    for other in [
        json!({ "use": "enc" }),
        json!({ "use": "SIG" }),
        json!({ "use": ["sig"] }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "key_ops": [] }),
        json!({ "key_ops": "verify" }),
        json!({ "alg": "PS256" }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "alg": "rs256" }),
        json!({ "alg": ["RS256"] }),
        json!({ "kid": 1 }),
        json!({ "kid": null }),
        json!({ "kty": "rsa" }),
        json!({ "kty": "oct", "k": SECRET }),
        json!({ "n": "AQAB" }),
        json!({ "n": format!("{}=", provider().modulus) }),
        json!({ "e": null }),
    ] {
        let beside = of(&[&rsa(other.clone()), &elliptic]);
        assert_eq!(refusal(&beside, Some(&by_rsa())).await, Some(Refusal::KeyResolutionFailed), "{other}");
    }
    let weak = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    let weak = rsa::traits::PublicKeyParts::n(&weak).to_bytes_be();
    assert!(
        Authorizer::open(&setup(&[(
            "AUTH_JWKS",
            &json!({ "keys": [rsa(json!({ "n": base64(&weak) }))] }).to_string()
        )]))
        .is_err()
    );
}

#[tokio::test]
async fn a_company_chooses_the_scheme() {
    let keys = ("AUTH_JWKS", provider().jwks.as_str());
    let token = token(&good());
    for (scheme, source, is_let_in) in [
        ("Token", format!("Token {token}"), true),
        ("Token", format!("token {token}"), true),
        ("Token", format!("Bearer {token}"), false),
        ("Token", token.clone(), false),
        ("none", token.clone(), true),
        ("none", format!(" {token} "), true),
        ("none", format!("Bearer {token}"), false),
    ] {
        let authorizer = open(&[keys, ("AUTH_SCHEME", scheme)]);
        assert_eq!(verify(&authorizer, Some(&source)).await.is_ok(), is_let_in, "{scheme}: {source:.20}");
    }
}

#[tokio::test]
async fn ids_may_be_numbers_and_null_is_absent() {
    let authorizer = open(&[("AUTH_JWKS", &provider().jwks), ("AUTH_ADMIN", "admin"), ("AUTH_READ_ONLY", "readOnly")]);
    let mut claims = good();
    for (name, value) in
        [("organizations", json!([7, null])), ("sub", json!(12)), ("admin", json!(null)), ("readOnly", json!(false))]
    {
        claims[name] = value;
    }
    let grant = verify(&authorizer, Some(&format!("Bearer {}", token(&claims)))).await.unwrap();
    assert_eq!(grant.user.unwrap().as_str(), "12");
    assert!(!grant.admin && !grant.read_only);
    let Organizations::Only(organizations) = grant.organizations else { panic!("all of them") };
    assert_eq!(organizations.iter().map(shared::contract::Id::as_str).collect::<Vec<_>>(), ["7"]);
}

#[test]
fn what_would_open_a_door_is_no_setting() {
    let url = ("AUTH_JWKS_URL", "https://id.example.com/jwks.json");
    let audience = ("AUTH_AUDIENCE", "velt-data");
    let secret = ("AUTH_SECRET", "arn");
    let pem = rsa_public().to_public_key_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    let private = pem.replace("PUBLIC", "PRIVATE");
    let short = "x".repeat(31);
    for refused in [
        vec![],
        vec![url, audience, secret],
        vec![url, audience, ("AUTH_PUBLIC_KEY", &pem)],
        vec![secret, ("AUTH_PUBLIC_KEY", &pem)],
        vec![("AUTH_JWKS_URL", "http://id.example.com/jwks.json"), audience],
        vec![("AUTH_JWKS_URL", "HTTPS//id.example.com"), audience],
        // Whose token is it?
        vec![url],
        vec![url, ("AUTH_AUDIENCE", " , ")],
        vec![url, ("AUTH_ISSUER", ",")],
        vec![url, audience, ("AUTH_ALGORITHMS", "HS256")],
        vec![url, audience, ("AUTH_ALGORITHMS", "RS256,HS256")],
        vec![url, audience, ("AUTH_ALGORITHMS", "none")],
        vec![url, audience, ("AUTH_ALGORITHMS", "rs256")],
        vec![url, audience, ("AUTH_ALGORITHMS", ",")],
        vec![secret, ("AUTH_ALGORITHMS", "RS256")],
        vec![secret, ("AUTH_ALGORITHMS", "HS256,RS256")],
        vec![url, audience, ("AUTH_LEEWAY", "86400")],
        vec![url, audience, ("AUTH_SCHEME", "Bearer ")],
        vec![url, audience, ("AUTH_ORGANIZATIONS", "a..b")],
        vec![url, audience, ("AUTH_READ_ONLY", "role=")],
        vec![url, audience, ("AUTH_ALLOW_ALL_ORGANIZATIONS", "yes")],
        vec![("AUTH_PUBLIC_KEY", "MIIB")],
        vec![("AUTH_PUBLIC_KEY", &private)],
        vec![("AUTH_PUBLIC_KEY", "{\"keys\":[]}")],
        vec![("AUTH_SECRET_TEXT", &short)],
        vec![("AUTH_SECRET_TEXT", &pem)],
    ] {
        assert!(Authorizer::open(&setup(&refused)).is_err(), "{refused:?}");
    }
    assert!(Authorizer::open(&setup(&[url, audience, ("AUTH_ALGORITHMS", "RS256, ES256,EdDSA")])).is_ok());
    assert!(Authorizer::open(&setup(&[url, ("AUTH_ISSUER", "https://id.example.com/")])).is_ok());
}
