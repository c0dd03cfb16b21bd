//! What an operation is.

use std::future::Future;

use http::{HeaderMap, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::scope::Caller;
use crate::setup::Store;
use crate::{Error, json};

/// One operation of a provider: from a typed request to a typed answer, knowing neither HTTP nor Lambda.
pub trait Operation: Send + Sync + 'static {
    /// Its name, which is that of its binary, its function and its sample event: `comments-get`.
    const NAME: &'static str;
    /// The path it is served at, by `POST`.
    const PATH: &'static str;
    /// What it works on: a [`crate::records::Reader`] can't even name a write.
    type Store: Store;
    /// What is read from the HTTP request: mostly Velt's request type, as [`Json`].
    type Request: FromRequest;
    /// The answer's `data`.
    type Data: Serialize + Send;

    /// Does the work.
    ///
    /// # Errors
    /// Whatever [`Error`] says; nothing of a failed save is reported as stored.
    fn run(
        store: &Self::Store,
        caller: &Caller,
        request: Self::Request,
    ) -> impl Future<Output = Result<Answer<Self::Data>, Error>> + Send;
}

/// What an operation's request is read from: the headers and the body of an HTTP request.
pub trait FromRequest: Sized + Send {
    /// Reads it.
    ///
    /// # Errors
    /// A 4xx that names what is wrong.
    fn from_request(headers: &HeaderMap, body: &[u8]) -> impl Future<Output = Result<Self, Error>> + Send;
}

/// A request of JSON.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequest for Json<T> {
    async fn from_request(headers: &HeaderMap, body: &[u8]) -> Result<Self, Error> {
        require_json(headers)?;
        json::read_body(body).map(Self)
    }
}

/// Only JSON by name: a page of another origin can send other types without asking the gateway's CORS first.
fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    match essence {
        Some(essence) if essence.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Error::unsupported_media_type("application/json", value)),
    }
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
