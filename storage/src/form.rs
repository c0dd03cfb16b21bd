//! Uploads as `multipart/form-data`: what Velt's SDK sends to the `saveConfig` of a storage provider.

use bytes::Bytes;
use futures::stream;
use http::header;
use http::request::Parts;
use lambda_http::Body;
use multer::{Field, Multipart, parse_boundary};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shared::Error;
use shared::contract::{Id, Metadata, Object, TextOrNumber, optional_id, version};
use shared::json::{optional_text, read_part};
use shared::media_type::Essence;
use shared::notes;
use shared::operation::FromRequest;
use shared::records::Place;
use shared::scope::Caller;

use crate::attachment::{Attachment, Storage};
use crate::kind::UNKNOWN;
use crate::name;
use crate::writer::{Description, FileWriter, Saved};

/// The largest file that is taken in a request, in bytes: with the rest of a form and encoded as the gateway does, it is
/// just within what Lambda takes.
pub const FORM_FILE_BYTES: u64 = 4_500_000;

/// The most bytes that the ids of an attachment take together, as JSON: they stand in its link, and API Gateway ends a request
/// line with its headers at 10 KB.
const LINKED_BYTES: usize = 4_500;

/// `SaveAttachmentResolverRequest` without the file: the form's part `request`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SaveAttachmentResolverRequest {
    attachment: Option<Object<ResolverAttachment>>,
    metadata: Option<Object<AttachmentMetadata>>,
    #[serde(deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    /// Told in the log alone.
    event: Option<String>,
}

/// `ResolverAttachment` without the file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResolverAttachment {
    attachment_id: Option<TextOrNumber>,
    #[serde(deserialize_with = "optional_text")]
    name: Option<String>,
    mime_type: Option<String>,
    metadata: Option<Object<AttachmentMetadata>>,
}

/// `AttachmentResolverMetadata`: [`Metadata`], and the attachment's id where the request is in the function style.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AttachmentMetadata {
    attachment_id: Option<TextOrNumber>,
    #[serde(deserialize_with = "optional_text")]
    name: Option<String>,
    mime_type: Option<String>,
    #[serde(deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(deserialize_with = "optional_id")]
    document_id: Option<Id>,
    #[serde(deserialize_with = "optional_id")]
    folder_id: Option<Id>,
    api_key: Option<String>,
    #[serde(deserialize_with = "version")]
    sdk_version: Option<String>,
}

/// Where a file stands, by its own request: its record has no other place.
fn place(metadata: &Metadata) -> Place {
    Place { document: metadata.document_id.clone(), folder: metadata.folder_id.clone() }
}

/// What is known of a file beside the request that describes it.
#[derive(Debug, Default)]
pub struct Beside {
    /// What the paths of the request's fields begin with.
    pub prefix: &'static str,
    /// Where the API was called.
    pub called_at: String,
    /// What the file is called where the request does not say it.
    pub name: Option<String>,
    /// What it is declared as where the request does not say it, and the field that this stands in.
    pub kind: Option<(&'static str, String)>,
    /// The attachment's id where the request has none.
    pub id: Option<TextOrNumber>,
}

impl SaveAttachmentResolverRequest {
    /// Whether an attachment id is in either of the places where Velt's type has it.
    fn has_id(&self) -> bool {
        let (attachment, own) = (self.attachment.as_ref(), self.metadata.as_ref());
        attachment.is_some_and(|Object(attachment)| attachment.attachment_id.is_some())
            || own.is_some_and(|Object(own)| own.attachment_id.is_some())
    }

    /// What is to be saved where.
    ///
    /// # Errors
    /// [`Error::invalid`] where no organization or no attachment id is given, or two; where the ids are too long for a link;
    /// or where the declared type is none. [`Error::forbidden`] where the place is not the caller's.
    pub fn describe(self, caller: &Caller, storage: Storage, beside: Beside) -> Result<Description, Error> {
        notes::event(self.event.as_deref());
        let Beside { prefix, called_at, .. } = beside;
        let Object(attachment) = self.attachment.unwrap_or_default();
        // Velt's type has it in either place.
        let Object(own) = self.metadata.or(attachment.metadata).unwrap_or_default();
        let metadata = Metadata {
            organization_id: own.organization_id,
            document_id: own.document_id,
            folder_id: own.folder_id,
            api_key: own.api_key,
            sdk_version: own.sdk_version,
        };
        let metadata = Metadata::of(Some(Object(metadata)), self.organization_id)?;
        let id = match (attachment.attachment_id, own.attachment_id) {
            (Some(one), Some(other)) if one != other => {
                let field = format!("{prefix}metadata.attachmentId");
                return Err(Error::invalid(field, "is another than attachment.attachmentId"));
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => {
                beside.id.ok_or_else(|| Error::invalid(format!("{prefix}attachment.attachmentId"), "is required"))?
            }
        };
        let field = format!("{prefix}metadata.organizationId");
        let scope = caller.scope(&metadata, &field)?;
        scope.check(&place(&metadata))?;
        check_linked(prefix, &metadata, &id)?;
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let name = given(attachment.name).or(given(own.name)).or(beside.name);
        let kind = [("attachment.mimeType", attachment.mime_type), ("metadata.mimeType", own.mime_type)];
        let kind = kind.into_iter().find_map(|(field, kind)| Some((field, given(kind)?)));
        let kind = kind.or(beside.kind.filter(|(_, kind)| !kind.trim().is_empty()));
        let (field, kind) = kind.unwrap_or(("attachment.mimeType", UNKNOWN.to_owned()));
        let kind = Essence::of(&kind).ok_or_else(|| Error::invalid(field, "must be a media type, as image/png"))?;
        Ok(Description {
            attachment: Attachment { storage, scope, document: metadata.document_id, id },
            folder: metadata.folder_id,
            name: name::clean(&name.unwrap_or_default()),
            kind,
            uploader: caller.user().cloned(),
            called_at,
        })
    }
}

/// Refuses ids whose link would be longer than the gateway takes.
fn check_linked(prefix: &str, metadata: &Metadata, id: &TextOrNumber) -> Result<(), Error> {
    let bytes = |id: &str| serde_json::to_string(id).map_or(usize::MAX, |json| json.len());
    let ids = [
        ("metadata.organizationId", metadata.organization_id.as_ref().map_or(0, |id| bytes(id.as_str()))),
        ("metadata.documentId", metadata.document_id.as_ref().map_or(0, |id| bytes(id.as_str()))),
        ("attachment.attachmentId", bytes(id.as_str())),
    ];
    let together: usize = ids.iter().map(|(_, bytes)| bytes).sum();
    match ids.iter().max_by_key(|(_, bytes)| *bytes) {
        Some((field, bytes)) if together > LINKED_BYTES => {
            let why = format!(
                "has {bytes} bytes: the ids of a file stand in its link, and may have {LINKED_BYTES} bytes together"
            );
            Err(Error::invalid(format!("{prefix}{field}"), why))
        }
        _ => Ok(()),
    }
}

/// `DeleteAttachmentResolverRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteAttachmentResolverRequest {
    attachment_id: TextOrNumber,
    #[serde(default, deserialize_with = "optional_id")]
    organization_id: Option<Id>,
    #[serde(default)]
    metadata: Option<Object<Metadata>>,
    /// Told in the log alone.
    #[serde(default)]
    event: Option<String>,
}

impl DeleteAttachmentResolverRequest {
    /// Which attachment is to be deleted.
    ///
    /// # Errors
    /// [`Error::invalid`] where no organization is given, or two.
    pub fn open(self, caller: &Caller, storage: Storage) -> Result<Attachment, Error> {
        notes::event(self.event.as_deref());
        let metadata = Metadata::of(self.metadata, self.organization_id)?;
        let scope = caller.scope(&metadata, "metadata.organizationId")?;
        scope.check(&place(&metadata))?;
        Ok(Attachment { storage, scope, document: metadata.document_id, id: self.attachment_id })
    }
}

/// An upload in a form.
#[derive(Debug)]
pub struct Upload {
    request: SaveAttachmentResolverRequest,
    beside: Beside,
    /// Whether the request came in the function style, in which an attachment need not have an id.
    is_function_style: bool,
    bytes: Bytes,
}

impl Upload {
    /// Saves the file.
    ///
    /// # Errors
    /// As [`SaveAttachmentResolverRequest::describe`] and [`FileWriter::save`].
    pub async fn save(self, files: &FileWriter, caller: &Caller, storage: Storage) -> Result<Saved, Error> {
        let Self { request, mut beside, is_function_style, bytes } = self;
        let made = (is_function_style && !request.has_id()).then(|| made_id(beside.name.as_deref(), &bytes));
        beside.id = made.and_then(|id| Id::try_from(id.to_string()).ok()).map(TextOrNumber::from);
        let file = request.describe(caller, storage, beside)?;
        let saved = files.save(&file, bytes).await?;
        Ok(Saved { attachment_id: made, ..saved })
    }
}

/// The id of an attachment that came without one: a number of 15 digits, which JSON's readers keep exact. The same file under
/// the same name has the same one, so that an upload can be repeated.
fn made_id(name: Option<&str>, bytes: &[u8]) -> u64 {
    const FIRST: u64 = 100_000_000_000_000;
    let mut sha256 = Sha256::new();
    sha256.update(name.unwrap_or_default());
    sha256.update([0]);
    sha256.update(bytes);
    let digest = sha256.finalize();
    let number = digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    FIRST + number % (9 * FIRST)
}

impl FromRequest for Upload {
    async fn from_request(parts: &Parts, body: Body) -> Result<Self, Error> {
        const FORM: &str = "multipart/form-data";
        let declared = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if Essence::of_request(&parts.headers).is_none_or(|essence| essence.as_str() != FORM) {
            return Err(Error::unsupported_media_type(FORM, declared));
        }
        let kind = declared.unwrap_or_default();
        let boundary = parse_boundary(kind).map_err(|_| Error::invalid("Content-Type", "has no boundary"))?;
        let body = match body {
            Body::Binary(bytes) => Bytes::from(bytes),
            Body::Text(text) => Bytes::from(text),
            _ => Bytes::new(),
        };
        // Given in one piece, the body is taken over in one buffer, and each part is a slice of that.
        let body = stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(body)));
        let mut form = Multipart::new(body, boundary);
        let mut read = FormParts::default();
        while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
            read.take(field).await?;
        }
        let called_at = called_at(parts);
        read.into_upload(called_at)
    }
}

/// Where the API was called.
#[must_use]
pub fn called_at(parts: &Parts) -> String {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("https://{host}")
}

#[derive(Default)]
struct FormParts {
    request: Option<SaveAttachmentResolverRequest>,
    metadata: Option<Object<AttachmentMetadata>>,
    file: Option<FilePart>,
}

/// The part with the file.
struct FilePart {
    name: Option<String>,
    kind: Option<String>,
    bytes: Bytes,
}

impl FilePart {
    /// Reads it. Its headers are read here and not by the form's parser, which knows no extended names, and no types as
    /// recorders write them (`codecs=vp8,opus`).
    async fn read(field: Field<'_>) -> Result<Self, Error> {
        let header =
            |name| field.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let disposition = header(header::CONTENT_DISPOSITION).unwrap_or_default();
        let kind = header(header::CONTENT_TYPE);
        if !name::is_given(&disposition) && kind.is_none() {
            return Err(Error::invalid("file", "is a text: a part with a filename or a Content-Type is required"));
        }
        let name = name::extended(&disposition).or_else(|| field.file_name().map(ToOwned::to_owned));
        Ok(Self { name: name.filter(|name| !name.is_empty()), kind, bytes: whole(field).await? })
    }
}

impl FormParts {
    async fn take(&mut self, field: Field<'_>) -> Result<(), Error> {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if self.file.is_none() => self.file = Some(FilePart::read(field).await?),
            "request" if self.request.is_none() => self.request = Some(read_part("request", &whole(field).await?)?),
            "metadata" if self.metadata.is_none() => {
                self.metadata = Some(read_part("metadata", &whole(field).await?)?);
            }
            "file" | "request" | "metadata" => return Err(Error::invalid(name, "is there twice")),
            // An app may send parts of its own.
            _ => {}
        }
        Ok(())
    }

    fn into_upload(self, called_at: String) -> Result<Upload, Error> {
        let Some(FilePart { name, kind, bytes }) = self.file else {
            return Err(Error::invalid("file", "is required: the part with the file's bytes"));
        };
        if bytes.len() as u64 > FORM_FILE_BYTES {
            let advice = "upload it to S3 directly, by uploads/start";
            return Err(Error::request_too_large("file", bytes.len() as u64, FORM_FILE_BYTES, advice));
        }
        let is_function_style = self.request.is_none();
        let (request, prefix) = match (self.request, self.metadata) {
            (Some(mut request), metadata) => {
                request.metadata = request.metadata.or(metadata);
                (request, "request.")
            }
            (None, Some(metadata)) => {
                (SaveAttachmentResolverRequest { metadata: Some(metadata), ..Default::default() }, "")
            }
            (None, None) => {
                return Err(Error::invalid("request", "is required: a part with JSON, or one that is called metadata"));
            }
        };
        let kind = kind.map(|kind| ("file", kind));
        let beside = Beside { prefix, called_at, name, kind, id: None };
        Ok(Upload { request, beside, is_function_style, bytes })
    }
}

/// A part's bytes, which are one piece where the body was.
async fn whole(mut field: Field<'_>) -> Result<Bytes, Error> {
    let Some(first) = field.chunk().await.map_err(|error| broken(&error))? else { return Ok(Bytes::new()) };
    let mut rest = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| broken(&error))? {
        rest.push(piece);
    }
    if rest.is_empty() {
        return Ok(first);
    }
    Ok(std::iter::once(first).chain(rest).flatten().collect())
}

fn broken(error: &multer::Error) -> Error {
    Error::invalid("body", format!("is not a whole multipart/form-data: {error}"))
}
