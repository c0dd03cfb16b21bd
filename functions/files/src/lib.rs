//! Files by their links: what an `<img>` or a `<video>` of a comment reads.

use http::Method;
use http::request::Parts;
use lambda_http::Body;
use shared::Error;
use shared::access::Access;
use shared::operation::{FromRequest, Operation};
use shared::scope::Caller;
use storage::FileReader;
use storage::link::FILES;
use storage::reader::Redirect;

/// `GET /files/…`: sends the browser on to where the file can be read for the next hours. `HEAD` leads to its headers.
///
/// Browsers send no credentials of the app with an `<img>`: the link is the credential.
#[derive(Debug)]
pub struct Get;

/// The link that was asked for.
#[derive(Debug)]
pub struct GetFileRequest {
    token: String,
    method: Method,
}

impl FromRequest for GetFileRequest {
    async fn from_request(parts: &Parts, _body: Body) -> Result<Self, Error> {
        // Searched for, as a custom domain may put a path before it.
        let token = parts.uri.path().split_once(FILES).and_then(|(_, path)| path.split('/').next());
        Ok(Self { token: token.ok_or_else(Error::not_found)?.to_owned(), method: parts.method.clone() })
    }
}

impl Operation for Get {
    const NAME: &'static str = "files-get";
    const ACCESS: Access = Access::Anybody;
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/files/{link}/{name}";
    type Store = FileReader;
    type Request = GetFileRequest;
    type Answer = Redirect;

    async fn run(files: &FileReader, _caller: &Caller, request: GetFileRequest) -> Result<Redirect, Error> {
        files.find(&request.token, &request.method).await
    }
}
