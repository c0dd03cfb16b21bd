//! Requests that no client of ours sends, byte by byte, and events that no gateway should.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::support::App;

/// Sends a request of these first lines; the status of the answer.
fn status(app: &App, line: &[u8], headers: &[&[u8]]) -> u16 {
    let mut stream = TcpStream::connect(app.server.address).unwrap();
    let body = br#"{"organizationId":"acme"}"#;
    let mut request = line.to_vec();
    request.extend(b"\r\nconnection: close\r\ncontent-type: application/json\r\n");
    request.extend(format!("content-length: {}\r\n", body.len()).as_bytes());
    for header in headers {
        request.extend(*header);
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    request.extend(body);
    stream.write_all(&request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_line_and_no_header_fails_a_function() {
    let app = App::start().await;
    let host = &b"host: 127.0.0.1"[..];
    let line = &b"POST /api/velt/comments/get HTTP/1.1"[..];
    for query in ["t=\"x\"", "t='x'", "%", "%zz", "a=b?c=d", "&&&===", "{}|\\^`", "t=%00", "é"] {
        let line = format!("POST /api/velt/comments/get?{query} HTTP/1.1");
        let status = status(&app, line.as_bytes(), &[host]);
        assert!(status == 200 || status == 400, "{query}: {status}");
    }
    for header in [
        &b"x-forwarded-proto: https,http"[..],
        b"x-forwarded-proto: \"",
        b"x-forwarded-host: a b",
        b"x-name: caf\xe9",
        b"x-name: \xff\xfe",
        b"cookie: \xff; a=b",
        b"user-agent: \xff",
        b"referer: \xff",
        b"accept-encoding: \xff",
        b"authorization: \xff",
    ] {
        assert_eq!(status(&app, line, &[host, header]), 200, "{}", String::from_utf8_lossy(header));
    }
    assert_eq!(status(&app, line, &[host, b"content-type: \xff"]), 415);
    for path in ["/files/a%20b/c", "/files/%ff/x", "/files/a/%22", "/files/[]/{}", "/files/'/..;"] {
        let status = status(&app, format!("GET {path} HTTP/1.1").as_bytes(), &[host]);
        assert!((400..500).contains(&status), "{path}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_fails_a_function() {
    let app = App::start().await;
    let functions = local::functions(&app.server.setup()).unwrap();
    let get = functions.iter().find(|function| function.name == "comments-get").unwrap();
    let good: Value = serde_json::from_str(&get.event(get.path, r#"{"organizationId":"acme"}"#)).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = value;
        event
    };
    let mut events = vec![
        (changed("/rawQueryString", json!("t=a b")), 200),
        (changed("/rawQueryString", json!("t=\"x\"")), 200),
        (changed("/rawPath", json!("no path")), 200),
        (changed("/requestContext/domainName", json!("not a host")), 200),
        (changed("/requestContext/stage", json!("a b")), 200),
        (changed("/requestContext/http/path", json!("\u{0}")), 200),
        (changed("/isBase64Encoded", json!(true)), 400),
        (changed("/body", Value::Null), 400),
        (changed("/requestContext/http/method", json!("GET")), 405),
        (changed("/requestContext/http/method", json!("")), 400),
        (json!({}), 400),
        (json!([]), 400),
        (Value::Null, 400),
    ];
    for (name, value) in [
        ("x-forwarded-proto", "https,http"),
        ("x-forwarded-proto", "\u{0}"),
        ("host", "a b"),
        ("host", "\u{fffd}\u{fffd}"),
        ("host", "[::1"),
        ("x-name", "\u{fffd}"),
        ("x-name", "a\r\nb: c"),
        ("not a name", "a"),
    ] {
        let mut event = good.clone();
        event["headers"][name] = json!(value);
        events.push((event, 200));
    }
    for (event, status) in events {
        let answer = get.invoke(event.to_string(), "request".to_owned()).await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["statusCode"], status, "{event}: {answer}");
    }
}
