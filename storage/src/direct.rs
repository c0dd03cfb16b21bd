//! Uploads from the browser to S3, for files that the gateway does not take.
//!
//! Nothing that a browser uploads is reachable until `uploads/finish` has looked at it and noted it in the attachment's record;
//! and what was noted never changes. Up to [`POST_BYTES`] a file comes as a presigned POST, which S3 holds to the size. The
//! form can be posted again while its signature lives, so what it writes waits under [`PENDING`], and is copied to the name
//! of its own digest. Above, it comes in parts, each held to its size. They are joined under a random name that is made for
//! this one upload; a joined upload takes no more parts, and one that is refused is aborted, which deletes them.
//!
//! An upload is one uploader's: the name under which a form's file waits has the verified user in it, and the id of an upload
//! in parts is signed with all that was said of the file.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared::Error;
use shared::error::Kind;
use shared::records::in_parallel;

use crate::attachment::digest;
use crate::bucket::{Bucket, Found, Part};
use crate::writer::{Description, FileWriter, Noted, Saved, Served};

/// What the keys of posted files begin with until they are finished. A lifecycle rule expires them.
pub const PENDING: &str = "pending/";

/// The largest file that is posted in one piece, in bytes.
pub const POST_BYTES: u64 = 100 * 1024 * 1024;

/// How long the form and the URLs of an upload are good. Those of an upload in parts can be had anew.
const VALID: Duration = Duration::from_hours(1);

/// How long an upload in parts may take. A lifecycle rule aborts those that nobody finishes.
const LONGEST_UPLOAD: Duration = Duration::from_hours(24);

/// A part is at least this large, in bytes; all but the last are equal.
const PART_BYTES: u64 = 32 * 1024 * 1024;
/// Parts of one upload: their URLs are one answer.
const PARTS: u64 = 1000;

/// What a browser uploads with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "method")]
pub enum Start {
    /// A form to post, with these fields and then the file, as `file`.
    #[serde(rename = "POST", rename_all = "camelCase")]
    Post {
        /// Where to.
        url: String,
        /// The form's fields.
        fields: BTreeMap<&'static str, String>,
        /// For how long, in seconds.
        expires_in: u64,
    },
    /// Parts to put, in any order and side by side, each of `part_size` bytes but the last.
    #[serde(rename = "PUT", rename_all = "camelCase")]
    Put {
        /// What `uploads/finish` is told, and `uploads/start` for fresh URLs of the same upload.
        upload_id: String,
        /// In bytes.
        part_size: u64,
        /// Where each goes, in order.
        urls: Vec<String>,
        /// The numbers of the parts that have arrived, from 1.
        uploaded: Vec<i32>,
        /// For how long the URLs are good, in seconds.
        expires_in: u64,
    },
}

/// What the uploader says of the file's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Option<[u8; 32]>,
}

impl Size {
    /// All that was said of an upload, and by whom, in a digest: what is the same is the same upload when it is repeated.
    fn said(self, file: &Description) -> String {
        let sha256 = self.sha256.map(|sha256| digest(&sha256));
        let place = (file.attachment.prefix(), &file.folder);
        let said = json!([place, file.name, file.kind.as_str(), self.bytes, sha256, file.uploader]).to_string();
        digest(&Sha256::digest(said).into())
    }

    /// The size of a part of an upload in parts; that of the last is what is left.
    fn part(self) -> u64 {
        PART_BYTES.max(self.bytes.div_ceil(PARTS))
    }

    /// The number of each part, and its size.
    fn parts(self) -> impl Iterator<Item = (i32, u64)> {
        let (bytes, part) = (self.bytes, self.part());
        (1..).zip((0..bytes.div_ceil(part)).map(move |index| part.min(bytes - index * part)))
    }
}

/// An upload in parts, as its id has it.
#[derive(Debug, Deserialize, Serialize)]
struct Parts {
    /// What tells it from a link, which the same keys sign.
    purpose: Purpose,
    /// The last part of its object's key: random, so that no other upload ends under it.
    content: String,
    /// What S3 calls it.
    upload: String,
    /// [`Size::said`].
    said: String,
    /// When it is over, in seconds since 1970.
    expires: u64,
}

#[derive(Debug, Deserialize, Serialize)]
enum Purpose {
    #[serde(rename = "upload")]
    Upload,
}

/// The id of an upload in parts, what it says, and the parts that have arrived.
type Begun = (String, Parts, Vec<Part>);

impl Parts {
    fn is_over(&self) -> bool {
        self.expires <= seconds(SystemTime::now())
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl FileWriter {
    /// Begins an upload to S3; or gives fresh URLs for the upload in parts that `upload_id` names.
    ///
    /// # Errors
    /// The file is larger than is allowed, or its attachment is not the caller's; or S3 can't be asked.
    pub async fn start(&self, file: &Description, size: Size, upload_id: Option<&str>) -> Result<Start, Error> {
        self.check_limit(file, "size", size.bytes)?;
        let bucket = self.bucket(&file.attachment)?;
        file.attachment.check_place(self.records.reader()).await?;
        if size.bytes <= POST_BYTES {
            let key = format!("{PENDING}{}", file.attachment.key(&size.said(file)));
            return self.post(bucket, key, file.kind.as_str(), size.bytes).await;
        }
        if size.sha256.is_some() {
            let why = format!(
                "can't be checked for a file above {POST_BYTES} bytes, which is uploaded in parts: leave it out"
            );
            return Err(Error::invalid("sha256", why));
        }
        let (upload_id, parts, arrived) = match upload_id {
            None => self.begin(bucket, file, size).await?,
            Some(upload_id) => self.resume(bucket, file, size, upload_id).await?,
        };
        let key = file.attachment.key(&parts.content);
        let urls = size.parts().map(|(number, bytes)| bucket.part(&key, &parts.upload, number, bytes, VALID));
        let urls = in_parallel(urls.collect()).await?;
        let is_whole = |part: &&Part| size.parts().any(|expected| expected == (part.number, part.size));
        let uploaded = arrived.iter().filter(is_whole).map(|part| part.number).collect();
        Ok(Start::Put { upload_id, part_size: size.part(), urls, uploaded, expires_in: VALID.as_secs() })
    }

    async fn begin(&self, bucket: &Bucket, file: &Description, size: Size) -> Result<Begun, Error> {
        let content = random();
        let upload = bucket.begin(&file.attachment.key(&content)).await?;
        let expires = seconds(SystemTime::now() + LONGEST_UPLOAD);
        let parts = Parts { purpose: Purpose::Upload, content, upload, said: size.said(file), expires };
        Ok((self.links.sign(&file.attachment.scope, &parts).await?, parts, Vec::new()))
    }

    async fn resume(&self, bucket: &Bucket, file: &Description, size: Size, id: &str) -> Result<Begun, Error> {
        let parts = self.opened(file, size, id).await?;
        if parts.is_over() {
            self.give_up(bucket, file, &parts).await;
            return Err(over());
        }
        let arrived = bucket.parts(&file.attachment.key(&parts.content), &parts.upload).await?.ok_or_else(over)?;
        Ok((id.to_owned(), parts, arrived))
    }

    /// The upload in parts that an id names, if it is of this file and this uploader.
    async fn opened(&self, file: &Description, size: Size, upload_id: &str) -> Result<Parts, Error> {
        let refused = |error: Error| match error.kind() {
            Kind::Forbidden => Error::invalid("uploadId", "is not one that uploads/start answered"),
            _ => error,
        };
        let (scope, parts) = self.links.read::<Parts>(upload_id).await.map_err(refused)?;
        let is_theirs = scope.organization() == file.attachment.scope.organization() && parts.said == size.said(file);
        if is_theirs { Ok(parts) } else { Err(Error::forbidden()) }
    }

    /// A form that S3 takes: the SDK signs every call but this one, whose policy is defined in "Creating a POST Policy" of
    /// Amazon S3's API reference.
    async fn post(&self, bucket: &Bucket, key: String, kind: &str, bytes: u64) -> Result<Start, Error> {
        let provider = self.aws.credentials_provider().ok_or_else(Error::internal)?;
        let credentials = provider.provide_credentials().await.map_err(|error| Error::internal().caused_by(error))?;
        let region = self.aws.region().ok_or_else(Error::internal)?.as_ref();
        let now = SystemTime::now();
        let written = |time: SystemTime| DateTime::from(time).fmt(DateTimeFormat::DateTime);
        let failed = |error| Error::internal().caused_by(error);
        let date: String = written(now).map_err(failed)?.split('.').next().unwrap_or_default().replace(['-', ':'], "");
        let date = format!("{}Z", date.trim_end_matches('Z'));
        let day = &date[..8];
        let mut fields = BTreeMap::from([
            ("key", key),
            ("Content-Type", kind.to_owned()),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("x-amz-credential", format!("{}/{day}/{region}/s3/aws4_request", credentials.access_key_id())),
            ("x-amz-date", date.clone()),
        ]);
        if let Some(token) = credentials.session_token() {
            fields.insert("x-amz-security-token", token.to_owned());
        }
        let mut conditions = vec![json!({ "bucket": bucket.name }), json!(["content-length-range", bytes, bytes])];
        conditions.extend(fields.iter().map(|(name, value)| json!({ *name: value })));
        let expiration = written(now + VALID).map_err(failed)?;
        let policy = json!({ "expiration": expiration, "conditions": conditions }).to_string();
        let policy = STANDARD.encode(policy);
        let signing_key = generate_signing_key(credentials.secret_access_key(), now, region, "s3");
        fields.insert("x-amz-signature", calculate_signature(signing_key, policy.as_bytes()));
        fields.insert("policy", policy);
        Ok(Start::Post { url: bucket.url().await?, fields, expires_in: VALID.as_secs() })
    }

    /// Looks at what was uploaded, puts it in its place, and makes it reachable. The same again answers the same link. What is
    /// refused is deleted.
    ///
    /// # Errors
    /// Nothing was uploaded, or something else than was said; or the store did not do it.
    pub async fn finish(&self, file: &Description, size: Size, upload_id: Option<&str>) -> Result<Saved, Error> {
        self.check_limit(file, "size", size.bytes)?;
        let bucket = self.bucket(&file.attachment)?;
        if size.bytes > POST_BYTES {
            let upload_id = upload_id.ok_or_else(|| Error::invalid("uploadId", "is required for a file in parts"))?;
            let parts = self.opened(file, size, upload_id).await?;
            let finished = self.finish_parts(bucket, file, size, &parts).await;
            if finished.as_ref().is_err_and(|error| error.kind().status().is_client_error()) {
                self.give_up(bucket, file, &parts).await;
            }
            return finished;
        }
        file.attachment.check_place(self.records.reader()).await?;
        let said = size.said(file);
        let pending = format!("{PENDING}{}", file.attachment.key(&said));
        let Some(found) = bucket.head(&pending).await? else { return self.finished_before(file, &said).await };
        let finished = self.finish_posted(bucket, file, size, (&pending, &found), said).await;
        if finished.as_ref().map_or_else(|error| error.kind().status().is_client_error(), |_| true) {
            // It is where it belongs, or nowhere; what is left here expires anyway.
            left_behind(bucket.delete(&pending).await);
        }
        finished
    }

    async fn finish_posted(
        &self,
        bucket: &Bucket,
        file: &Description,
        size: Size,
        (pending, found): (&str, &Found),
        said: String,
    ) -> Result<Saved, Error> {
        check_size(found, size)?;
        let Some((sha256, beginning)) = bucket.digest(pending, found).await? else {
            return self.finished_before(file, &said).await;
        };
        if size.sha256.is_some_and(|said| said != sha256) {
            return Err(Error::invalid("sha256", "is not that of the file that was uploaded"));
        }
        let content = digest(&sha256);
        if file.attachment.has_deleted(self.records.reader(), &content).await? {
            return self.link(file, &content).await;
        }
        let served = Served::of(&file.kind, &beginning);
        if !bucket.copy(pending, found, &file.attachment.key(&content), &served.kind).await? {
            return self.finished_before(file, &said).await;
        }
        self.record(file, &content, Noted { size: size.bytes, served, upload: Some(said) }).await
    }

    /// The answer of a finish that is repeated, because its first was lost or is under way.
    async fn finished_before(&self, file: &Description, upload: &str) -> Result<Saved, Error> {
        let content = self.uploaded_before(&file.attachment, upload).await?;
        let content =
            content.ok_or_else(|| Error::invalid("attachment", "nothing was uploaded for it since uploads/start"))?;
        self.link(file, &content).await
    }

    async fn finish_parts(
        &self,
        bucket: &Bucket,
        file: &Description,
        size: Size,
        parts: &Parts,
    ) -> Result<Saved, Error> {
        file.attachment.check_place(self.records.reader()).await?;
        if let Some(content) = self.uploaded_before(&file.attachment, &parts.content).await? {
            return self.link(file, &content).await;
        }
        if parts.is_over() {
            return Err(over());
        }
        let key = file.attachment.key(&parts.content);
        // None where they were joined already, by a finish that ended before it could note that.
        let arrived = bucket.parts(&key, &parts.upload).await?.filter(|arrived| !arrived.is_empty());
        if let Some(arrived) = arrived {
            if !arrived.iter().map(|part| (part.number, part.size)).eq(size.parts()) {
                let bytes: u64 = arrived.iter().map(|part| part.size).sum();
                let why = format!("is {} bytes, and {bytes} bytes were uploaded, or in other parts", size.bytes);
                return Err(Error::invalid("size", why));
            }
            // Refused, it may have been joined by a finish that ran beside this one: stores say that in different ways.
            if let Err(error) = bucket.complete(&key, &parts.upload, arrived).await
                && bucket.head(&key).await?.is_none()
            {
                return Err(error);
            }
        }
        let found = bucket.head(&key).await?;
        let found = found.ok_or_else(|| Error::invalid("uploadId", "nothing was uploaded under it"))?;
        check_size(&found, size)?;
        let served = Served::of(&file.kind, &bucket.beginning(&key, &found).await?);
        let noted = Noted { size: size.bytes, served, upload: Some(parts.content.clone()) };
        self.record(file, &parts.content, noted).await
    }

    /// Ends an upload in parts that was refused: its URLs take nothing more, and what it brought is deleted.
    async fn give_up(&self, bucket: &Bucket, file: &Description, parts: &Parts) {
        let key = file.attachment.key(&parts.content);
        left_behind(bucket.abort(&key, &parts.upload).await);
        // Not what a finish made reachable that ran beside the refused one.
        if matches!(self.uploaded_before(&file.attachment, &parts.content).await, Ok(None)) {
            left_behind(bucket.delete(&key).await);
        }
    }
}

/// Tells of what could not be cleaned up: it is unreachable, and expires.
fn left_behind(cleaned: Result<(), Error>) {
    if let Err(error) = cleaned {
        tracing::warn!(code = error.kind().code(), "an upload could not be cleaned up");
    }
}

/// A random name, as short as that of a digest.
fn random() -> String {
    URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes())
}

fn over() -> Error {
    Error::invalid("uploadId", "is that of an upload which is over: begin again without it")
}

fn check_size(found: &Found, size: Size) -> Result<(), Error> {
    if found.size != size.bytes {
        return Err(Error::invalid("size", format!("is {} bytes, and {} were uploaded", size.bytes, found.size)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole_file_and_within_what_s3_takes() {
        for bytes in [POST_BYTES + 1, 5 << 30, 32_000_000_000, 5_000_000_000_000] {
            let parts: Vec<_> = Size { bytes, sha256: None }.parts().collect();
            assert_eq!(parts.iter().map(|(_, bytes)| bytes).sum::<u64>(), bytes);
            assert!(parts.len() as u64 <= PARTS && parts.iter().all(|(_, bytes)| (1..=5 << 30).contains(bytes)));
            assert!(parts.iter().map(|(number, _)| *number).eq(1..=i32::try_from(parts.len()).unwrap()));
        }
    }
}
