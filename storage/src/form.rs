//! Uploads as `multipart/form-data`: what Velt's SDK sends to the `saveConfig` of a storage provider.

use bytes::Bytes;
use futures::stream;
use http::header;
use http::request::Parts;
use lambda_http::Body;
use multer::{Field, Multipart, parse_boundary};
use serde::Deserialize;
use shared::Error;
use shared::contract::{Id, Metadata, Object, TextOrNumber, optional_id, version};
use shared::json::{optional_text, read_part};
use shared::media_type::Essence;
use shared::notes;
use shared::operation::FromRequest;
use shared::records::Place;
use shared::scope::Caller;

use crate::attachment::{Attachment, Storage};
use crate::writer::Description;

/// The largest file that is taken in a request, in bytes: with the rest of a form and encoded as the gateway does, it is
/// just within what Lambda takes.
pub const FORM_FILE_BYTES: u64 = 4_500_000;

/// What a file is called and declared as where nothing is said.
const UNNAMED: &str = "file";
const UNKNOWN: &str = "application/octet-stream";

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

impl SaveAttachmentResolverRequest {
    /// What is to be saved where, `prefix` being what the paths of its fields begin with.
    ///
    /// # Errors
    /// [`Error::invalid`] where no organization or no attachment id is given, or two.
    pub fn describe(
        self,
        caller: &Caller,
        storage: Storage,
        prefix: &str,
        called_at: String,
    ) -> Result<Description, Error> {
        notes::event(self.event.as_deref());
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
                return Err(Error::invalid(format!("{prefix}attachment.attachmentId"), "is required"));
            }
        };
        let field = format!("{prefix}metadata.organizationId");
        let scope = caller.scope(&metadata, &field)?;
        scope.check(&place(&metadata))?;
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Ok(Description {
            attachment: Attachment { storage, scope, document: metadata.document_id, id },
            folder: metadata.folder_id,
            name: given(attachment.name).or(given(own.name)).unwrap_or_default(),
            kind: given(attachment.mime_type).or(given(own.mime_type)).unwrap_or_default(),
            called_at,
        })
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
    /// What the paths of the request's fields begin with.
    prefix: &'static str,
    name: Option<String>,
    kind: Option<String>,
    bytes: Bytes,
    called_at: String,
}

impl Upload {
    /// What is to be saved where, and its bytes.
    ///
    /// # Errors
    /// As [`SaveAttachmentResolverRequest::describe`].
    pub fn open(self, caller: &Caller, storage: Storage) -> Result<(Description, Bytes), Error> {
        let mut file = self.request.describe(caller, storage, self.prefix, self.called_at)?;
        complete(&mut file, self.name, self.kind)?;
        Ok((file, self.bytes))
    }
}

/// Fills in what the request did not say, and checks what it said.
///
/// # Errors
/// [`Error::invalid`] where the declared type is not one that a header can carry.
pub fn complete(file: &mut Description, name: Option<String>, kind: Option<String>) -> Result<(), Error> {
    let or = |said: &mut String, part: Option<String>, otherwise: &str| {
        if said.is_empty() {
            *said = part.filter(|part| !part.is_empty()).unwrap_or_else(|| otherwise.to_owned());
        }
    };
    or(&mut file.name, name, UNNAMED);
    or(&mut file.kind, kind, UNKNOWN);
    if file.kind.len() > 255 || !file.kind.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || !file.kind.contains('/')
    {
        return Err(Error::invalid("attachment.mimeType", "must be a media type, as image/png"));
    }
    Ok(())
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
    file: Option<(Option<String>, Option<String>, Bytes)>,
}

impl FormParts {
    async fn take(&mut self, field: Field<'_>) -> Result<(), Error> {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "file" if self.file.is_none() => {
                let file_name = field.file_name().map(ToOwned::to_owned);
                let kind = field.content_type().map(ToString::to_string);
                if file_name.is_none() && kind.is_none() {
                    return Err(Error::invalid(
                        "file",
                        "is a text: a part with a filename or a Content-Type is required",
                    ));
                }
                self.file = Some((file_name, kind, whole(field).await?));
            }
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
        let Some((name, kind, bytes)) = self.file else {
            return Err(Error::invalid("file", "is required: the part with the file's bytes"));
        };
        if bytes.len() as u64 > FORM_FILE_BYTES {
            let advice = "upload it to S3 directly, by uploads/start";
            return Err(Error::request_too_large("file", bytes.len() as u64, FORM_FILE_BYTES, advice));
        }
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
        Ok(Upload { request, prefix, name, kind, bytes, called_at })
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
