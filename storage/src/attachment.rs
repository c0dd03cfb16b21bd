//! What identifies an attachment, its record, and its object keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::Error;
use shared::contract::{Id, TextOrNumber};
use shared::records::{Authors, Feature, Filter, Reader, Record, Slot};
use shared::scope::Scope;

/// Velt's storage scopes: each has its own bucket, and its own records.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// `dataProviders.attachment`: files attached to comments.
    #[default]
    Attachments,
    /// `dataProviders.recorder.storage`: recording files.
    Recordings,
}

/// The records of files attached to comments.
const ATTACHMENTS: Feature =
    Feature { name: "attachments", crosses_organizations: false, in_documents: true, authors: Authors::Unknown };
/// The records of recording files.
const RECORDING_FILES: Feature =
    Feature { name: "recording-files", crosses_organizations: false, in_documents: true, authors: Authors::Unknown };

impl Storage {
    /// The feature whose records say which files there are.
    #[must_use]
    pub fn feature(self) -> &'static Feature {
        match self {
            Self::Attachments => &ATTACHMENTS,
            Self::Recordings => &RECORDING_FILES,
        }
    }

    /// What the keys of its objects begin with: both scopes may use one bucket.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Attachments => "attachments/",
            Self::Recordings => "recordings/",
        }
    }

    /// The setting that names the bucket.
    #[must_use]
    pub fn bucket_setting(self) -> &'static str {
        match self {
            Self::Attachments => "ATTACHMENTS_BUCKET",
            Self::Recordings => "RECORDINGS_BUCKET",
        }
    }

    /// The setting that bounds a file, in bytes.
    #[must_use]
    pub fn limit_setting(self) -> &'static str {
        match self {
            Self::Attachments => "MAX_ATTACHMENT_BYTES",
            Self::Recordings => "MAX_RECORDING_BYTES",
        }
    }
}

/// What identifies an attachment. Documents may repeat the ids of one another, so the document counts where it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its storage scope.
    pub storage: Storage,
    /// Whose it is.
    pub scope: Scope,
    /// The document it was uploaded in.
    pub document: Option<Id>,
    /// Velt's id of it, a number of six digits.
    pub id: TextOrNumber,
}

/// What stands for "no document" and before a digest: no encoded id has it.
const MARK: char = '=';
/// Longest organization id that is written out in a key, in bytes when encoded.
///
/// S3 takes keys of 1,024 bytes. The embedded store writes a key into one file name, of 255.
const LONGEST_ORGANIZATION: usize = 36;
/// As [`LONGEST_ORGANIZATION`].
const LONGEST_DOCUMENT: usize = 28;
/// As [`LONGEST_ORGANIZATION`].
const LONGEST_ATTACHMENT: usize = 12;

/// What is written as it is. Not the full stop: a path of `.` or `..` means something to many programs.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

impl Attachment {
    /// The id of its record.
    ///
    /// # Errors
    /// Never: a document and an id always have a JSON form.
    pub fn record_id(&self) -> Result<Id, Error> {
        let identity = (self.document.as_ref(), self.id.as_str());
        let text = serde_json::to_string(&identity).map_err(|error| Error::internal().caused_by(error))?;
        Id::try_from(text).map_err(|error| Error::internal().caused_by(error))
    }

    /// Its record, as far as its caller may see it.
    ///
    /// # Errors
    /// As [`Reader::find`].
    pub async fn record(&self, reader: &Reader) -> Result<Option<Record>, Error> {
        let filter = Filter { ids: Some(vec![self.record_id()?]), ..Filter::default() };
        Ok(reader.find(self.storage.feature(), &self.scope, &filter).await?.pop())
    }

    /// Refuses an attachment whose record stands where its caller's claims do not reach: nothing of it is to be touched.
    ///
    /// # Errors
    /// [`Error::forbidden`], or the store did not answer.
    pub async fn check_place(&self, reader: &Reader) -> Result<(), Error> {
        reader.check_place(self.storage.feature(), &self.scope, &self.record_id()?).await
    }

    /// Whether this content was deleted within the last 30 days: an upload that comes again is a retry that came late.
    ///
    /// # Errors
    /// As [`Attachment::check_place`], whose work this does too.
    pub async fn has_deleted(&self, reader: &Reader, content: &str) -> Result<bool, Error> {
        let slot = Slot::Field(content.to_owned());
        reader.has_deleted(self.storage.feature(), &self.scope, &self.record_id()?, &slot).await
    }

    /// What the keys of all its objects begin with. No two attachments share it.
    ///
    /// It holds no file name: names can be personal, and AWS may log keys.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{}{}/", self.folder(), part(self.id.as_str(), LONGEST_ATTACHMENT))
    }

    /// What the keys of all objects of its document begin with.
    #[must_use]
    pub fn folder(&self) -> String {
        let part = |id: Option<&str>, longest| id.map_or_else(|| MARK.to_string(), |id| part(id, longest));
        let organization = part(self.scope.organization().map(Id::as_str), LONGEST_ORGANIZATION);
        let document = part(self.document.as_ref().map(Id::as_str), LONGEST_DOCUMENT);
        format!("{}{organization}/{document}/", self.storage.prefix())
    }

    /// The key of the object with this content.
    #[must_use]
    pub fn key(&self, content: &str) -> String {
        format!("{}{content}", self.prefix())
    }
}

fn part(id: &str, longest: usize) -> String {
    let encoded = utf8_percent_encode(id, PLAIN).to_string();
    if encoded.len() <= longest { encoded } else { format!("{MARK}{}", digest(&Sha256::digest(id).into())) }
}

/// A SHA-256 as it stands in keys: its first half, which nobody finds a second text for, in 22 characters.
#[must_use]
pub fn digest(sha256: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(&sha256[..16])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::access::{Access, Gate};
    use shared::setup::Setup;

    use super::*;

    fn attachment(organization: &str, document: Option<&str>, id: &str) -> Attachment {
        let text = |text: &str| Id::try_from(text.to_owned()).unwrap();
        let settings = [
            ("AUTHORIZATION", "open"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
            ("TABLE_NAME", "velt"),
        ];
        let setup = Setup::new(settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into()).unwrap();
        let caller = Gate::open(&setup).unwrap().caller(Access::Write, &http::HeaderMap::new(), None).unwrap();
        Attachment {
            storage: Storage::Recordings,
            scope: caller.organization(Some(&text(organization)), "organizationId").unwrap(),
            document: document.map(text),
            id: serde_json::from_value(serde_json::Value::String(id.to_owned())).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn no_two_attachments_share_a_prefix(a in "[a=/.%]{1,3}", b in "[a=/.%]{1,3}", c in "[a=/.%]{1,3}", d in "[a=/.%]{1,3}") {
            let (one, other) = (attachment(&a, Some(&b), "1"), attachment(&c, Some(&d), "1"));
            prop_assert_eq!((&a, &b) == (&c, &d), one.prefix() == other.prefix());
            prop_assert!(one.prefix() != attachment(&a, None, "1").prefix());
        }

        #[test]
        fn any_id_gives_a_key_within_the_limits(organization in ".{1,300}", document in ".{1,300}", id in ".{1,300}") {
            // No id holds a NUL character.
            let [organization, document, id] = [organization, document, id].map(|id| id.replace('\0', "x"));
            let key = attachment(&organization, Some(&document), &id).key(&digest(&[255; 32]));
            // With the longest prefix, `recordings/`, what the embedded store writes into a file name of 255.
            prop_assert!(key.len() <= 124, "{}", key);
            prop_assert!(key.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
        }
    }
}
