//! What an operation is.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::scope::Caller;
use crate::setup::Store;

/// One operation of a provider: from a typed request to a typed answer, knowing neither HTTP nor Lambda.
pub trait Operation: Send + Sync + 'static {
    /// Its name, which is that of its binary, its function and its sample event: `comments-get`.
    const NAME: &'static str;
    /// The path it is served at, by `POST`.
    const PATH: &'static str;
    /// What it works on: a [`crate::records::Reader`] can't even name a write.
    type Store: Store;
    /// Velt's request type.
    type Request: DeserializeOwned + Send;
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
