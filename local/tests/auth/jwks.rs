//! The keys of an identity provider, fetched over real TLS.
//!
//! The machine's certificate authorities are read from `SSL_CERT_FILE`, which belongs to a whole process. So the first test
//! makes a certificate and runs the others in a process of their own.

use std::io::Write as _;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use authorizer::{Authorizer, Refusal};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::authorizer::{open, refusal};
use crate::support::{AUDIENCE, claims, provider, token};

/// Where the process of the tests below finds its server's key.
const SERVER_KEY: &str = "TEST_SERVER_KEY";

#[test]
fn keys_are_fetched_over_tls() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |bytes: &[u8]| {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    };
    let (certificate, key) = (file(made.cert.pem().as_bytes()), file(&made.signing_key.serialize_der()));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--test-threads=4", "jwks::"])
        .env("SSL_CERT_FILE", certificate.path())
        .env(SERVER_KEY, key.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("test result: ok. 6 passed"), "{said}");
}

/// What a server does with its next connection.
#[derive(Clone, Debug)]
enum Answer {
    /// These bytes.
    Bytes(String),
    /// Nothing, not even its part of the TLS handshake.
    Silence,
    /// A response that goes on, byte by byte.
    Drip,
}

/// A response with this status and body.
fn response(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"))
}

fn keys() -> Answer {
    response("200 OK", "content-type: application/json\r\n", &provider().jwks)
}

/// A key server: it answers one after the other, and then with the last answer again.
struct KeyServer {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(answers: &[Answer]) -> Self {
        let certificate = std::fs::read(std::env::var("SSL_CERT_FILE").unwrap()).unwrap();
        Self::with(answers, &certificate, std::fs::read(std::env::var(SERVER_KEY).unwrap()).unwrap()).await
    }

    async fn with(answers: &[Answer], certificate_pem: &[u8], key: Vec<u8>) -> Self {
        use tokio_rustls::rustls::pki_types::pem::PemObject as _;
        use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
        let certificate = CertificateDer::from_pem_slice(certificate_pem).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key).into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (seen, count, answers) = (Arc::clone(&requests), Arc::clone(&connections), answers.to_vec());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let answer = answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)].clone();
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    if let Answer::Silence = answer {
                        tokio::time::sleep(Duration::from_mins(1)).await;
                        return;
                    }
                    // A client that does not trust this server goes away here.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = client.read_u8().await else { return };
                        request.push(byte);
                    }
                    seen.lock().unwrap().push(String::from_utf8(request).unwrap());
                    let text = match answer {
                        Answer::Bytes(ref text) => text.clone(),
                        _ => "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[".to_owned(),
                    };
                    // It may hang up before it has read a body that is too long.
                    let _ = client.write_all(text.as_bytes()).await;
                    while let Answer::Drip = answer {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        if client.write_all(b" ").await.is_err() || client.flush().await.is_err() {
                            return;
                        }
                    }
                    let _ = client.shutdown().await;
                });
            }
        });
        Self { url, requests, connections }
    }

    fn authorizer(&self) -> Authorizer {
        open(&[("AUTH_JWKS_URL", &self.url), ("AUTH_AUDIENCE", AUDIENCE)])
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Why a good token is refused.
async fn refused(authorizer: &Authorizer) -> Option<Refusal> {
    refusal(authorizer, Some(&token(&claims(&json!("acme"))))).await
}

const UNREACHABLE: Option<Refusal> = Some(Refusal::KeyResolutionFailed);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "keys_are_fetched_over_tls runs it"]
async fn a_request_says_who_asks_and_for_what() {
    let server = KeyServer::start(&[keys()]).await;
    let authorizer = server.authorizer();
    for _ in 0..3 {
        assert_eq!(refused(&authorizer).await, None);
    }
    let requests = server.requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 1, "keys are kept");
    let request = requests[0].to_lowercase();
    assert!(request.starts_with("get /keys http/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nuser-agent: velt-self-hosted-authorizer/"), "{request}");
    assert!(request.contains("\r\naccept: application/jwk-set+json, application/json\r\n"), "{request}");
    assert!(!request.contains("authorization") && !request.contains("cookie"), "{request}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "keys_are_fetched_over_tls runs it"]
async fn a_server_that_fails_once_costs_no_request() {
    let bad = response("502 Bad Gateway", "", "");
    let server = KeyServer::start(&[bad.clone(), keys()]).await;
    assert_eq!(refused(&server.authorizer()).await, None);

    // One that fails for longer is asked again soon, not after the cooldown of keys that are held.
    let server = KeyServer::start(&[bad.clone(), bad.clone(), bad, keys()]).await;
    let authorizer = server.authorizer();
    assert_eq!(refused(&authorizer).await, UNREACHABLE);
    assert_eq!(refused(&authorizer).await, UNREACHABLE);
    assert_eq!(server.connections(), 2, "nor at once: it has enough to do");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(refused(&authorizer).await, None);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "keys_are_fetched_over_tls runs it"]
async fn only_a_200_with_keys_is_an_answer_and_no_redirect_is_followed() {
    let other = KeyServer::start(&[keys()]).await;
    let set = &provider().jwks;
    let location = format!("location: {}\r\n", other.url);
    let plain = format!("location: {}\r\n", other.url.replace("https", "http"));
    for answer in [
        response("301 Moved Permanently", &location, set),
        response("302 Found", &location, set),
        response("303 See Other", &location, set),
        response("307 Temporary Redirect", &plain, set),
        response("308 Permanent Redirect", &location, ""),
        response("201 Created", "", set),
        response("204 No Content", "", ""),
        response("206 Partial Content", "", set),
        response("401 Unauthorized", "", set),
        response("404 Not Found", "", set),
        response("500 Internal Server Error", "", set),
        response("200 OK", &location, ""),
        response("200 OK", "", "{}"),
        response("200 OK", "", "[]"),
        response("200 OK", "", "{\"keys\":{}}"),
        response("200 OK", "", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"k1\"}]}"),
        response("200 OK", "", &format!("\u{feff}{set}")),
        response("200 OK", "", &set[..set.len() - 1]),
        Answer::Bytes("not HTTP at all\r\n\r\n".to_owned()),
        Answer::Bytes(String::new()),
    ] {
        let server = KeyServer::start(std::slice::from_ref(&answer)).await;
        assert_eq!(refused(&server.authorizer()).await, UNREACHABLE, "{answer:?}");
        assert!(server.connections() > 0, "{answer:?}");
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "keys_are_fetched_over_tls runs it"]
async fn a_set_is_not_longer_than_a_megabyte() {
    const MEGABYTE: usize = 1024 * 1024;
    let padded = |length: usize| format!("{}{}", provider().jwks, " ".repeat(length - provider().jwks.len()));
    let server = KeyServer::start(&[response("200 OK", "", &padded(MEGABYTE))]).await;
    assert_eq!(refused(&server.authorizer()).await, None);
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", padded(20 * MEGABYTE));
    for answer in [response("200 OK", "", &padded(MEGABYTE + 1)), Answer::Bytes(endless)] {
        let server = KeyServer::start(&[answer]).await;
        assert_eq!(refused(&server.authorizer()).await, UNREACHABLE);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "keys_are_fetched_over_tls runs it"]
async fn a_server_that_hangs_is_given_up_after_five_seconds() {
    let times = [Answer::Silence, Answer::Drip].map(|answer| async move {
        let server = KeyServer::start(&[answer]).await;
        let (authorizer, began) = (server.authorizer(), Instant::now());
        assert_eq!(refused(&authorizer).await, UNREACHABLE);
        (began.elapsed(), server.connections())
    });
    let [silence, drip] = times;
    let (silence, drip) = tokio::join!(silence, drip);
    for (took, connections) in [silence, drip] {
        assert!((4_500..7_000).contains(&took.as_millis()), "{took:?}");
        assert_eq!(connections, 1, "the function's own time is over before a second attempt");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "keys_are_fetched_over_tls runs it"]
async fn a_server_is_who_it_says_it_is() {
    // Of the same name, by an authority that nobody knows.
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let stranger = KeyServer::with(&[keys()], made.cert.pem().as_bytes(), made.signing_key.serialize_der()).await;
    assert_eq!(refused(&stranger.authorizer()).await, UNREACHABLE);
    assert!(stranger.connections() > 0 && stranger.requests.lock().unwrap().is_empty());
    // Of the known authority, by another name.
    let server = KeyServer::start(&[keys()]).await;
    let by_address = server.url.replace("localhost", "127.0.0.1");
    let authorizer = open(&[("AUTH_JWKS_URL", &by_address), ("AUTH_AUDIENCE", AUDIENCE)]);
    assert_eq!(refused(&authorizer).await, UNREACHABLE);
    assert!(server.connections() > 0 && server.requests.lock().unwrap().is_empty());
    // What speaks no TLS.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", plain.local_addr().unwrap().port());
    tokio::spawn(async move {
        let Answer::Bytes(text) = keys() else { return };
        while let Ok((mut client, _)) = plain.accept().await {
            let _ = client.write_all(text.as_bytes()).await;
        }
    });
    let authorizer = open(&[("AUTH_JWKS_URL", &url), ("AUTH_AUDIENCE", AUDIENCE)]);
    assert_eq!(refused(&authorizer).await, UNREACHABLE);
}
