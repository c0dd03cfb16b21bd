//! A store behind a proxy that fails on purpose: before a call takes effect, or after it did.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use http::{HeaderMap, StatusCode};
use local::{Function, functions};
use serde_json::Value;
use shared::setup::Setup;
use tokio::net::TcpListener;

use crate::support::App;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is made and answered.
    Pass,
    /// It takes effect, and the answer is lost.
    LoseAnswer,
    /// It takes no effect, and this is answered.
    Refuse(u16, &'static str),
}

/// What a throttled call is answered.
pub(crate) const THROTTLED: Fate =
    Fate::Refuse(400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}"#);

/// A call of DynamoDB.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// As `PutItem`.
    pub(crate) name: &'a str,
    pub(crate) body: &'a str,
}

impl Call<'_> {
    /// Whether it writes the first item of a record: by what that names, everything else of the record is found.
    pub(crate) fn writes_first_item(&self) -> bool {
        matches!(self.name, "PutItem" | "UpdateItem" | "TransactWriteItems")
            && self.body.contains(r#""SK":{"S":"record"}"#)
    }
}

type Decide = dyn Fn(&Call<'_>) -> Fate + Send + Sync;

struct Proxy {
    store: String,
    http: reqwest::Client,
    decide: Box<Decide>,
}

async fn pass_on(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap, Bytes) {
    let target = headers["x-amz-target"].to_str().unwrap_or_default().to_owned();
    let text = String::from_utf8_lossy(&body).into_owned();
    let call = Call { name: target.rsplit('.').next().unwrap_or_default(), body: &text };
    let fate = (proxy.decide)(&call);
    if let Fate::Refuse(status, answer) = fate {
        return (StatusCode::from_u16(status).unwrap(), HeaderMap::new(), Bytes::from_static(answer.as_bytes()));
    }
    let sent = proxy.http.post(&proxy.store).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return (StatusCode::BAD_GATEWAY, HeaderMap::new(), Bytes::new()) };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("content-length");
    let answer = answer.bytes().await.unwrap_or_default();
    if fate == Fate::LoseAnswer {
        let error = r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}"#;
        return (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), Bytes::from_static(error.as_bytes()));
    }
    (status, headers, answer)
}

/// The functions over a server's store, with `decide` between.
pub(crate) async fn functions_over(
    app: &App,
    decide: impl Fn(&Call<'_>) -> Fate + Send + Sync + 'static,
) -> Vec<Function> {
    let store = app.server.environment.get("AWS_ENDPOINT_URL_DYNAMODB").to_owned();
    let proxy = Arc::new(Proxy { store, http: reqwest::Client::new(), decide: Box::new(decide) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings: HashMap<String, String> = app.server.environment.environment.clone().into_iter().collect();
    settings.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), format!("http://{}", listener.local_addr().unwrap()));
    let router = Router::new().fallback(pass_on).layer(DefaultBodyLimit::disable()).with_state(proxy);
    tokio::spawn(async move { axum::serve(listener, router).await });
    functions(&Setup::new(settings).unwrap()).unwrap()
}

/// Invokes a function with a request; the answer's status, headers and body.
pub(crate) async fn invoke(functions: &[Function], name: &str, body: &Value) -> Value {
    let function = functions.iter().find(|function| function.name == name).unwrap();
    let answer = function.invoke(function.event(function.path, &body.to_string()), "r".to_owned()).await.unwrap();
    serde_json::from_str(&answer).unwrap()
}
