//! Saving files.

use aws_types::SdkConfig;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::Error;
use shared::contract::Id;
use shared::json::Json;
use shared::media_type::Essence;
use shared::records::change::{Change, Move, Rule, Save};
use shared::records::{Slot, Writer};
use shared::setup::{Setup, SetupError, Store};

use crate::attachment::{Attachment, Storage, digest};
use crate::bucket::{Bucket, Buckets};
use crate::kind::shown;
use crate::link::Links;

/// The setting that puts links under the app's own domain instead of the API's.
const BASE_URL: &str = "FILES_BASE_URL";

/// What an attachment's record says of one content.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The file's name, as [`crate::name::clean`] keeps it.
    pub name: String,
    /// The type it is served as: the one that its bytes prove where it is shown, and the declared one where it is not.
    #[serde(rename = "type")]
    pub kind: String,
    /// In bytes.
    pub size: u64,
    /// Whether a browser may show it inside a page.
    pub inline: bool,
    /// What it was called while it was uploaded to S3 directly, so that a repeated finish finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
}

/// What was found out about a content.
#[derive(Debug)]
pub(crate) struct Noted {
    pub(crate) size: u64,
    pub(crate) served: Served,
    pub(crate) upload: Option<String>,
}

/// How a file is served.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) kind: String,
    pub(crate) inline: bool,
}

impl Served {
    /// As its first bytes and its declared type say.
    pub(crate) fn of(declared: &Essence, beginning: &[u8]) -> Self {
        match shown(declared, beginning) {
            Some(kind) => Self { kind: kind.to_owned(), inline: true },
            None => Self { kind: declared.to_string(), inline: false },
        }
    }
}

/// A file that is to be saved, but for its bytes.
#[derive(Clone, Debug)]
pub struct Description {
    /// What identifies it.
    pub attachment: Attachment,
    /// The folder it stands in.
    pub folder: Option<Id>,
    /// Its name.
    pub name: String,
    /// Its declared type.
    pub kind: Essence,
    /// The user that was verified: another's upload is another.
    pub uploader: Option<Id>,
    /// Where the API was called, as `https://api.example.com`: links point there, unless a setting says otherwise.
    pub called_at: String,
}

/// `SaveAttachmentResolverData`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// The link to the file.
    pub url: String,
    /// The attachment's id, where the request had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment_id: Option<u64>,
}

/// Saves files, with their records.
#[derive(Debug)]
pub struct FileWriter {
    pub(crate) buckets: Buckets,
    pub(crate) aws: SdkConfig,
    pub(crate) records: Writer,
    pub(crate) links: Links,
    base_url: Option<String>,
    limits: [u64; 2],
}

/// The largest file where nothing is set: 100 MB for attachments, 5 GB for recordings.
const LIMITS: [u64; 2] = [100 * 1024 * 1024, 5 * 1024 * 1024 * 1024];

impl Store for FileWriter {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        let limit = |storage: Storage, default| match setup.setting(storage.limit_setting()) {
            Some(text) => text
                .parse()
                .map_err(|error| SetupError::Invalid { name: storage.limit_setting(), source: Box::from(error) as _ }),
            None => Ok(default),
        };
        Ok(Self {
            buckets: Buckets::open(setup),
            aws: setup.service("S3"),
            records: Writer::open(setup)?,
            links: Links::open(setup)?,
            base_url: setup.setting(BASE_URL).map(|url| url.trim_end_matches('/').to_owned()),
            limits: [limit(Storage::Attachments, LIMITS[0])?, limit(Storage::Recordings, LIMITS[1])?],
        })
    }
}

impl FileWriter {
    /// Refuses a file that is larger than this stack takes; `field` is where its size stands.
    pub(crate) fn check_limit(&self, file: &Description, field: &str, bytes: u64) -> Result<(), Error> {
        let limit = match file.attachment.storage {
            Storage::Attachments => self.limits[0],
            Storage::Recordings => self.limits[1],
        };
        if bytes > limit {
            return Err(Error::request_too_large(field, bytes, limit, "this stack takes no larger file"));
        }
        Ok(())
    }

    /// Stores a file and its record. The same again lands on the same object and answers the same link; after a delete it
    /// stores nothing, as it is a retry that came late, and the link is that of the deleted file.
    ///
    /// The object comes first: without its record it is unreachable, so a failure in between leaves nothing to be seen.
    ///
    /// # Errors
    /// It could not be made durable.
    pub async fn save(&self, file: &Description, bytes: Bytes) -> Result<Saved, Error> {
        self.check_limit(file, "file", bytes.len() as u64)?;
        let bucket = self.bucket(&file.attachment)?;
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let content = digest(&sha256);
        if file.attachment.has_deleted(self.records.reader(), &content).await? {
            return self.link(file, &content).await;
        }
        let served = Served::of(&file.kind, &bytes);
        let size = bytes.len() as u64;
        bucket.put(&file.attachment.key(&content), &served.kind, bytes, &sha256).await?;
        self.record(file, &content, Noted { size, served, upload: None }).await
    }

    pub(crate) fn bucket(&self, attachment: &Attachment) -> Result<&Bucket, Error> {
        self.buckets.of(attachment.storage)
    }

    /// Notes that an attachment has this content, which makes it reachable.
    pub(crate) async fn record(&self, file: &Description, content: &str, noted: Noted) -> Result<Saved, Error> {
        let Description { attachment, name, .. } = file;
        let Noted { size, served: Served { kind, inline }, upload } = noted;
        let noted = Content { name: name.clone(), kind, size, inline, upload: upload.clone() };
        let to_json = |error| Error::internal().caused_by(error);
        let set = |slot, value| Change { slot, value: Some(value), rule: Rule::UnlessDeleted };
        let mut changes = vec![set(Slot::Field(content.to_owned()), Json::from_value(&noted).map_err(to_json)?)];
        // In a slot of its own: the same bytes may come by another upload, and each is to be finished again.
        if let Some(upload) = &upload {
            changes.push(set(of_upload(upload), Json::from_value(&content).map_err(to_json)?));
        }
        let save = Save {
            scope: attachment.scope.clone(),
            id: attachment.record_id()?,
            // Only the first time: a retry that comes after its document was renamed does not move it back.
            document: Move::Set(attachment.document.clone()).only_where_unknown(),
            folder: Move::Set(file.folder.clone()).only_where_unknown(),
            changes,
            holds_files: false,
            revives: true,
        };
        self.records.save(attachment.storage.feature(), &[save]).await?;
        self.link(file, content).await
    }

    /// The content of an attachment that was called `upload` while it was uploaded.
    pub(crate) async fn uploaded_before(&self, attachment: &Attachment, upload: &str) -> Result<Option<String>, Error> {
        let record = attachment.record(self.records.reader()).await?;
        if let Some(content) = record.as_ref().and_then(|record| record.slots.get(&of_upload(upload))?.as_ref()) {
            return content.read("content").map(Some);
        }
        for (content, noted) in record.into_iter().flat_map(|record| record.into_parts().1) {
            if noted.read::<Content>("content")?.upload.as_deref() == Some(upload) {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    pub(crate) async fn link(&self, file: &Description, content: &str) -> Result<Saved, Error> {
        let path = self.links.path(&file.attachment, content, &file.name).await?;
        let base = self.base_url.as_ref().unwrap_or(&file.called_at);
        Ok(Saved { url: format!("{base}{path}"), attachment_id: None })
    }
}

/// The slot of an attachment's record that says which content an upload to S3 brought, so that a repeated finish finds it.
fn of_upload(upload: &str) -> Slot {
    Slot::Files(format!("upload {upload}"))
}
