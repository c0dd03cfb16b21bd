//! What an operation is.

use std::future::Future;

use http::request::Parts;
use http::{HeaderMap, Method, Response, header};
use lambda_http::Body;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::Access;
use crate::media_type::Essence;
use crate::scope::Caller;
use crate::setup::Store;
use crate::{Error, envelope, json};

/// One operation of a provider: from a typed request to a typed answer, knowing neither HTTP nor Lambda.
pub trait Operation: Send + Sync + 'static {
    /// Its name, which is that of its binary, its function and its sample event: `comments-get`.
    const NAME: &'static str;
    /// The method it is served by.
    const METHOD: Method = Method::POST;
    /// The path it is served at, as the gateway's routes have it: `{name}` stands for one segment.
    const PATH: &'static str;
    /// Who may call it.
    const ACCESS: Access;
    /// What it works on: a [`crate::records::Reader`] can't even name a write.
    type Store: Store;
    /// What is read from the HTTP request: mostly Velt's request type, as [`Json`].
    type Request: FromRequest;
    /// The answer: mostly Velt's `ResolverResponse`, as [`Answer`].
    type Answer: IntoResponse;

    /// Does the work.
    ///
    /// # Errors
    /// Whatever [`Error`] says; nothing of a failed save is reported as stored.
    fn run(
        store: &Self::Store,
        caller: &Caller,
        request: Self::Request,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// What can be read from an HTTP request.
pub trait FromRequest: Sized + Send {
    /// Reads it. The body is given away, so that a large one need not be held twice.
    ///
    /// # Errors
    /// A 4xx that names what is wrong.
    fn from_request(parts: &Parts, body: Body) -> impl Future<Output = Result<Self, Error>> + Send;
}

/// What an HTTP response can be made of.
pub trait IntoResponse: Send {
    /// How many records were read or written, for the log.
    fn records(&self) -> usize;

    /// Makes it; `gzip` says whether the caller accepts that.
    ///
    /// # Errors
    /// It does not fit what a function can return.
    fn into_response(self, gzip: bool) -> Result<Response<Body>, Error>;
}

/// A request of JSON.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequest for Json<T> {
    async fn from_request(parts: &Parts, body: Body) -> Result<Self, Error> {
        require_json(&parts.headers)?;
        json::read_body(&body).map(Self)
    }
}

/// The media type of JSON.
const JSON: &str = "application/json";

/// Whether a request's body is declared as JSON and as nothing else.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    Essence::of_request(headers).is_some_and(|essence| essence.as_str() == JSON)
}

/// Only JSON by name: a page of another origin can send other types without asking the gateway's CORS first.
///
/// # Errors
/// [`Error::unsupported_media_type`] for any other.
pub fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    if is_json(headers) {
        return Ok(());
    }
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Err(Error::unsupported_media_type(JSON, declared))
}

/// A success.
#[derive(Debug)]
pub struct Answer<T> {
    /// The answer's `data`, left out when there is none.
    pub data: Option<T>,
    /// How many records were read or written, for the log.
    pub records: usize,
}

impl Answer<()> {
    /// A success without data, over `records` records.
    #[must_use]
    pub fn done(records: usize) -> Self {
        Self { data: None, records }
    }
}

impl<T> Answer<T> {
    /// A success with data, over `records` records.
    pub fn with(data: T, records: usize) -> Self {
        Self { data: Some(data), records }
    }
}

impl<T: Serialize + Send> IntoResponse for Answer<T> {
    fn records(&self) -> usize {
        self.records
    }

    fn into_response(self, gzip: bool) -> Result<Response<Body>, Error> {
        envelope::success(self.data.as_ref(), gzip)
    }
}
