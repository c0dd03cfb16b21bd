//! How an identity provider's keys are fetched: by `https` alone, without following redirects, and no more than a set of keys
//! needs.

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;

/// The largest set of keys, in bytes.
const LARGEST: usize = 1024 * 1024;
/// Some identity providers refuse requests that don't say who asks, and for what.
const USER_AGENT: &str = concat!("velt-self-hosted-", env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
const ACCEPT: &str = "application/jwk-set+json, application/json";

/// A set of keys at a URL.
#[derive(Debug)]
pub(crate) struct Jwks {
    client: Connector,
    url: String,
}

impl Jwks {
    pub(crate) fn new(url: String) -> Self {
        Self { client: Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build(), url }
    }

    /// The text of the set. Only a 200 is an answer: the client follows no redirect.
    pub(crate) async fn get(&self) -> Option<String> {
        let mut request = HttpRequest::get(self.url.as_str()).ok()?;
        request.headers_mut().insert("user-agent", USER_AGENT);
        request.headers_mut().insert("accept", ACCEPT);
        let answer = self.client.call(request).await.ok()?;
        if answer.status().as_u16() != 200 {
            return None;
        }
        let mut stream = ByteStream::new(answer.into_body());
        let mut body = Vec::new();
        while let Some(piece) = stream.next().await {
            body.extend_from_slice(&piece.ok()?);
            if body.len() > LARGEST {
                return None;
            }
        }
        String::from_utf8(body).ok()
    }
}
