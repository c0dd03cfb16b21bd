//! The events of API Gateway's HTTP API, in payload format 2.0, and what a function answers to them.
//!
//! `lambda_http` has this conversion, too, but it panics if the parts of an event don't make a URL: a space or a quotation
//! mark in the query string, a forwarded protocol that was joined from two headers, or a `Host` that is none. What a
//! caller sends must not fail a function, so here every event makes a request, or a 400.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri, header};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Error;

/// What is read of an event. Everything may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    is_base64_encoded: bool,
    request_context: Option<Box<RawValue>>,
}

/// The method, which stands in the event's context.
#[derive(Deserialize)]
struct Context {
    http: ContextHttp,
}

#[derive(Deserialize)]
struct ContextHttp {
    method: String,
}

/// What can't stand in a path or a query as it is. `%` can: it begins what is encoded already.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Makes the HTTP request of an event's JSON.
///
/// The request context, which has what the gateway verified of the caller, is an extension of the request. One that can't
/// be read is none, so the caller is not known.
///
/// # Errors
/// [`Error::invalid`]: this is not such an event, its method is none, or its body is not what it says.
pub fn request(event: &str) -> Result<Request, Error> {
    let not_an_event = |error: serde_json::Error| {
        Error::invalid("request", "is not an event of an HTTP API in payload format 2.0").caused_by(error)
    };
    let event: Event = serde_json::from_str(event).map_err(not_an_event)?;
    let context = event.request_context.as_deref().map_or("{}", RawValue::get);
    let Context { http: ContextHttp { method } } = serde_json::from_str(context).map_err(not_an_event)?;
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| Error::invalid("request", "has a method that is none"))?;
    let body = match event.body {
        None => Body::Empty,
        Some(text) if event.is_base64_encoded => {
            Body::Binary(STANDARD.decode(text).map_err(|_| Error::invalid("body", "is not base64, as its event says"))?)
        }
        Some(text) => Body::Text(text),
    };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri(&event.raw_path.unwrap_or_default(), &event.raw_query_string.unwrap_or_default());
    *request.headers_mut() = headers(&event.headers.unwrap_or_default(), &event.cookies.unwrap_or_default());
    if let Ok(context) = serde_json::from_str(context) {
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
    }
    Ok(request)
}

/// The path and the query, encoded where they need it; `/` where they are too long for a URI.
fn uri(path: &str, query: &str) -> Uri {
    let mut text = utf8_percent_encode(path, ENCODED).to_string().replace('?', "%3F");
    if !text.starts_with('/') {
        text.insert(0, '/');
    }
    if !query.is_empty() {
        text.push('?');
        text.extend(utf8_percent_encode(query, ENCODED));
    }
    PathAndQuery::try_from(text).map_or_else(|_| Uri::from_static("/"), Uri::from)
}

/// The headers. The gateway gives cookies apart from them.
fn headers(given: &BTreeMap<String, String>, cookies: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(given.len() + 1);
    for (name, value) in given {
        // A name that is none is nobody's whom we ask for.
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            headers.append(name, header_value(value));
        }
    }
    if !cookies.is_empty() {
        headers.insert(header::COOKIE, header_value(&cookies.join("; ")));
    }
    headers
}

/// A header's value. What can't stand in one is replaced and not left out: a header that is there decides otherwise than
/// one that is not.
fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| {
        let clean = value.replace(|character: char| character.is_control(), "?");
        HeaderValue::from_str(&clean).unwrap_or_else(|_| HeaderValue::from_static("?"))
    })
}

/// Makes the answer that a function returns of an HTTP response.
///
/// A header that stands there more than once becomes one value with commas, and one that is not text is left out:
/// the gateway takes neither.
#[must_use]
pub fn answer(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = i64::from(parts.status.as_u16());
    answer.is_base64_encoded = matches!(body, Body::Binary(_));
    answer.body = Some(body).filter(|body| !matches!(body, Body::Empty));
    for name in parts.headers.keys() {
        let values: Vec<&str> =
            parts.headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok()).collect();
        if name == header::SET_COOKIE {
            answer.cookies = values.into_iter().map(ToOwned::to_owned).collect();
        } else if let Ok(value) = HeaderValue::from_str(&values.join(", "))
            && !values.is_empty()
        {
            answer.headers.insert(name, value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use lambda_http::RequestExt as _;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(change: impl FnOnce(&mut Value)) -> String {
        let http = json!({ "method": "POST", "path": "/a", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1" });
        let mut event = json!({
            "version": "2.0",
            "rawPath": "/a",
            "headers": { "host": "api.example.com", "content-type": "application/json" },
            "requestContext": { "http": http, "stage": "$default", "domainName": "api.example.com" },
            "body": "{}",
            "isBase64Encoded": false,
        });
        change(&mut event);
        event.to_string()
    }

    #[test]
    fn an_event_is_a_request() {
        let text = event(|event| {
            event["rawQueryString"] = json!("a=b&c=%20");
            event["cookies"] = json!(["a=1", "b=2"]);
        });
        let read = request(&text).unwrap();
        assert_eq!((read.method(), read.uri().to_string()), (&Method::POST, "/a?a=b&c=%20".to_owned()));
        assert_eq!(read.headers()[header::COOKIE], "a=1; b=2");
        assert_eq!(read.headers()[header::HOST], "api.example.com");
        assert_eq!(read.body(), &Body::Text("{}".to_owned()));
        assert!(matches!(read.request_context_ref(), Some(RequestContext::ApiGatewayV2(_))));
        let binary = event(|event| {
            event["body"] = json!("/wA=");
            event["isBase64Encoded"] = json!(true);
        });
        assert_eq!(request(&binary).unwrap().body(), &Body::Binary(vec![0xFF, 0]));
    }

    #[test]
    fn no_part_of_an_event_fails_the_function() {
        for (path, query) in [
            ("", ""),
            ("/a b", "t=a b"),
            ("a", "t=\"x\""),
            ("//", "?#"),
            ("/%", "%zz"),
            ("/é\n", "\u{0}"),
            ("*", "[]{}|\\^`<>"),
        ] {
            let text = event(|event| {
                event["rawPath"] = json!(path);
                event["rawQueryString"] = json!(query);
            });
            assert!(request(&text).unwrap().uri().path().starts_with('/'), "{path} {query}");
        }
        let long = event(|event| event["rawPath"] = json!(format!("/{}", "a".repeat(70_000))));
        assert_eq!(request(&long).unwrap().uri().path(), "/");
        for (name, value) in [
            ("x-forwarded-proto", "https,http"),
            ("host", "a b"),
            ("host", "[::1"),
            ("host", "\u{fffd}"),
            ("origin", "a\nb"),
            ("x y", "a"),
            ("", ""),
        ] {
            let text = event(|event| event["headers"][name] = json!(value));
            assert!(request(&text).is_ok(), "{name}: {value:?}");
        }
        let text = event(|event| event["headers"]["origin"] = json!("a\nb"));
        assert_eq!(request(&text).unwrap().headers()[header::ORIGIN], "a?b");
        for (name, value) in [
            ("headers", json!(null)),
            ("cookies", json!(null)),
            ("rawPath", json!(null)),
            ("rawQueryString", json!(null)),
            ("body", json!(null)),
        ] {
            assert!(request(&event(|event| event[name] = value.clone())).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_no_event_is_a_400() {
        for text in [
            "{}".to_owned(),
            "[]".to_owned(),
            "null".to_owned(),
            event(|event| event["body"] = json!({})),
            event(|event| event["headers"] = json!([])),
            event(|event| event["requestContext"] = json!({})),
            event(|event| event["requestContext"]["http"]["method"] = json!("P T")),
            event(|event| {
                event["body"] = json!("no base64");
                event["isBase64Encoded"] = json!(true);
            }),
        ] {
            assert_eq!(request(&text).unwrap_err().kind().status(), 400, "{text}");
        }
        // The gateway's own part of the event: without it nobody is let in.
        let context = event(|event| event["requestContext"]["authorizer"] = json!(7));
        assert!(request(&context).unwrap().request_context_ref().is_none());
    }

    #[test]
    fn a_response_is_what_the_gateway_takes() {
        let response = Response::builder().status(302).header("location", "https://a").header("vary", "a");
        let response = response.header("vary", "b").header("set-cookie", "a=1").header("set-cookie", "b=2");
        let response = response.header("x-bad", HeaderValue::from_bytes(b"\xff").unwrap());
        let answer = serde_json::to_value(answer(response.body(Body::Empty).unwrap())).unwrap();
        assert_eq!((&answer["statusCode"], &answer["cookies"]), (&json!(302), &json!(["a=1", "b=2"])));
        assert_eq!(answer["headers"], json!({ "location": "https://a", "vary": "a, b" }));
    }

    proptest! {
        #[test]
        fn any_event_is_a_request_or_a_400(
            path in "\\PC{0,20}",
            query in any::<String>(),
            name in "[a-z-]{1,9}|\\PC{0,9}",
            value in any::<String>(),
            cookie in any::<String>(),
            body in any::<String>(),
            is_base64_encoded in any::<bool>(),
            host in "[\\[\\]:/a-z0-9 .@\u{e9}]{0,12}",
        ) {
            let text = event(|event| {
                event["rawPath"] = json!(path);
                event["rawQueryString"] = json!(query);
                event["headers"] = json!({ name.as_str(): value, "host": host, "x-forwarded-proto": value });
                event["cookies"] = json!([cookie]);
                event["body"] = json!(body);
                event["isBase64Encoded"] = json!(is_base64_encoded);
            });
            match request(&text) {
                Ok(request) => prop_assert_eq!(request.method(), Method::POST),
                Err(error) => prop_assert_eq!(error.kind().status(), 400),
            }
        }
    }
}
