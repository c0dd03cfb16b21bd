//! Uploads from the browser to S3, for files that the gateway does not take: one Lambda function an operation; see
//! `src/bin`.

use http::request::Parts;
use lambda_http::Body;
use serde::Deserialize;
use shared::Error;
use shared::access::Access;
use shared::json::read_body;
use shared::operation::{Answer, FromRequest, Operation, require_json};
use shared::scope::Caller;
use storage::direct::{Size, Start as Started};
use storage::form::{self, SaveAttachmentResolverRequest, called_at};
use storage::writer::{Description, Saved};
use storage::{FileWriter, Storage};

/// `uploads/start`: says how a browser uploads a file to S3 itself.
#[derive(Debug)]
pub struct Start;

/// `uploads/finish`: looks at what was uploaded, makes it reachable, and answers its link.
#[derive(Debug)]
pub struct Finish;

/// What stands in the request beside Velt's own of an attachment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Beside {
    /// The storage scope: `attachments`, or `recordings`.
    #[serde(default)]
    storage: Storage,
    /// In bytes.
    size: u64,
    /// The file's type, where `attachment.mimeType` does not say it.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// In hexadecimal.
    #[serde(default)]
    sha256: Option<String>,
    /// Of a file in parts, what `uploads/start` answered. A start with it gives fresh URLs of the same upload.
    #[serde(default)]
    upload_id: Option<String>,
}

/// Velt's request of an attachment without the file, what there is to know of that, and where the API was called.
#[derive(Debug)]
pub struct UploadRequest {
    request: SaveAttachmentResolverRequest,
    beside: Beside,
    called_at: String,
}

impl FromRequest for UploadRequest {
    async fn from_request(parts: &Parts, body: Body) -> Result<Self, Error> {
        require_json(&parts.headers)?;
        // Read one after the other, as a flattened struct can't say which of its fields is wrong.
        Ok(Self { request: read_body(&body)?, beside: read_body(&body)?, called_at: called_at(parts) })
    }
}

impl UploadRequest {
    fn open(self, caller: &Caller) -> Result<(Description, Size, Option<String>), Error> {
        let Self { request, beside, called_at } = self;
        let declared = beside.kind.map(|kind| ("type", kind));
        let known = form::Beside { called_at, kind: declared, ..Default::default() };
        let file = request.describe(caller, beside.storage, known)?;
        let sha256 = beside.sha256.as_deref().map(sha256).transpose()?;
        Ok((file, Size { bytes: beside.size, sha256 }, beside.upload_id))
    }
}

fn sha256(text: &str) -> Result<[u8; 32], Error> {
    let refused = || Error::invalid("sha256", "must be a SHA-256 in hexadecimal, 64 digits");
    let digits: Option<Vec<u8>> = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    let digits = digits.filter(|digits| digits.len() == 64).ok_or_else(refused)?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Ok(bytes)
}

impl Operation for Start {
    const NAME: &'static str = "uploads-start";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/uploads/start";
    type Store = FileWriter;
    type Request = UploadRequest;
    type Answer = Answer<Started>;

    async fn run(files: &FileWriter, caller: &Caller, request: UploadRequest) -> Result<Self::Answer, Error> {
        let (file, size, upload_id) = request.open(caller)?;
        Ok(Answer::with(files.start(&file, size, upload_id.as_deref()).await?, 1))
    }
}

impl Operation for Finish {
    const NAME: &'static str = "uploads-finish";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/uploads/finish";
    type Store = FileWriter;
    type Request = UploadRequest;
    type Answer = Answer<Saved>;

    async fn run(files: &FileWriter, caller: &Caller, request: UploadRequest) -> Result<Self::Answer, Error> {
        let (file, size, upload_id) = request.open(caller)?;
        Ok(Answer::with(files.finish(&file, size, upload_id.as_deref()).await?, 1))
    }
}
