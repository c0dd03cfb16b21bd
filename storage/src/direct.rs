//! Uploads from the browser to S3, for files that the gateway does not take.
//!
//! Up to [`POST_BYTES`] as a presigned POST, which S3 holds to the size. What was posted could be posted again while the
//! signature is valid, so it waits under [`PENDING`] and is copied to its place once it was looked at. Above, in parts: what
//! was joined can't be changed, so it stands in its place at once.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared::Error;
use shared::records::in_parallel;

use crate::attachment::digest;
use crate::bucket::{Bucket, Found};
use crate::kind::is_shown;
use crate::writer::{Description, FileWriter, Noted, Saved};

/// What the keys of posted files begin with until they are finished. A lifecycle rule expires them.
pub const PENDING: &str = "pending/";

/// The largest file that is posted in one piece, in bytes.
pub const POST_BYTES: u64 = 100 * 1024 * 1024;

/// How long an upload may take.
const VALID: Duration = Duration::from_hours(1);

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
    /// Parts to put, each of `part_size` bytes but the last.
    #[serde(rename = "PUT", rename_all = "camelCase")]
    Put {
        /// What `uploads/finish` is told.
        upload_id: String,
        /// In bytes.
        part_size: u64,
        /// Where each goes, in order.
        urls: Vec<String>,
        /// For how long, in seconds.
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
    /// The last part of a key for a file of which no more is known: what is the same stays the same when it is repeated.
    fn content(self, file: &Description) -> String {
        let said = json!([file.name, file.kind, self.bytes]).to_string();
        digest(&self.sha256.unwrap_or_else(|| Sha256::digest(said).into()))
    }
}

impl FileWriter {
    /// Begins an upload to S3.
    ///
    /// # Errors
    /// The file is larger than is allowed; or S3 can't be asked.
    pub async fn start(&self, file: &Description, size: Size) -> Result<Start, Error> {
        self.check_limit(file, "size", size.bytes)?;
        let bucket = self.bucket(&file.attachment)?;
        let key = file.attachment.key(&size.content(file));
        if size.bytes <= POST_BYTES {
            return self.post(bucket, format!("{PENDING}{key}"), &file.kind, size.bytes).await;
        }
        if size.sha256.is_some() {
            let why = format!(
                "can't be checked for a file above {POST_BYTES} bytes, which is uploaded in parts: leave it out"
            );
            return Err(Error::invalid("sha256", why));
        }
        let upload_id = bucket.begin(&key, &file.kind).await?;
        let part_size = PART_BYTES.max(size.bytes.div_ceil(PARTS));
        let count = i32::try_from(size.bytes.div_ceil(part_size)).map_err(|_| Error::internal())?;
        let urls = (1..=count).map(|number| bucket.part(&key, &upload_id, number, VALID)).collect();
        let urls = in_parallel(urls).await?;
        Ok(Start::Put { upload_id, part_size, urls, expires_in: VALID.as_secs() })
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

    /// Looks at what was uploaded, puts it in its place, and makes it reachable. The same again answers the same link.
    ///
    /// # Errors
    /// Nothing was uploaded, or something else than was said; or the store did not do it.
    pub async fn finish(&self, file: &Description, size: Size, upload_id: Option<&str>) -> Result<Saved, Error> {
        let bucket = self.bucket(&file.attachment)?;
        let said = size.content(file);
        if size.bytes > POST_BYTES {
            let upload_id = upload_id.ok_or_else(|| Error::invalid("uploadId", "is required for a file in parts"))?;
            return self.finish_parts(bucket, file, size, &said, upload_id).await;
        }
        let pending = format!("{PENDING}{}", file.attachment.key(&said));
        let Some(found) = bucket.head(&pending).await? else { return self.finished_before(file, &said).await };
        check(&found, file, size)?;
        let Some((sha256, beginning)) = bucket.digest(&pending, &found).await? else {
            return self.finished_before(file, &said).await;
        };
        if size.sha256.is_some_and(|said| said != sha256) {
            return Err(Error::invalid("sha256", "is not that of the file that was uploaded"));
        }
        let content = digest(&sha256);
        if !bucket.copy(&pending, &found, &file.attachment.key(&content)).await? {
            return self.finished_before(file, &said).await;
        }
        let inline = is_shown(&file.kind, &beginning);
        let saved = self.record(file, &content, Noted { size: size.bytes, inline, upload: Some(said) }).await?;
        // It is where it belongs; what is left here expires anyway.
        if let Err(error) = bucket.delete(&pending).await {
            tracing::warn!(code = error.kind().code(), "a finished upload could not be cleaned up");
        }
        Ok(saved)
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
        content: &str,
        upload_id: &str,
    ) -> Result<Saved, Error> {
        let key = file.attachment.key(content);
        if let Some(content) = self.uploaded_before(&file.attachment, upload_id).await? {
            return self.link(file, &content).await;
        }
        // None where they were joined already, by a finish that ended before it could note that.
        if let Some(parts) = bucket.parts(&key, upload_id).await? {
            let arrived: u64 = parts.iter().map(|part| part.size).sum();
            if arrived != size.bytes {
                let why = format!("is {} bytes, and {arrived} bytes were uploaded", size.bytes);
                return Err(Error::invalid("size", why));
            }
            bucket.complete(&key, upload_id, parts).await?;
        }
        let found = bucket.head(&key).await?;
        let found = found.ok_or_else(|| Error::invalid("uploadId", "nothing was uploaded under it"))?;
        check(&found, file, size)?;
        let beginning = bucket.beginning(&key, &found).await?;
        let inline = is_shown(&file.kind, &beginning);
        self.record(file, content, Noted { size: size.bytes, inline, upload: Some(upload_id.to_owned()) }).await
    }
}

fn check(found: &Found, file: &Description, size: Size) -> Result<(), Error> {
    if found.size != size.bytes {
        return Err(Error::invalid("size", format!("is {} bytes, and {} were uploaded", size.bytes, found.size)));
    }
    if found.kind != file.kind {
        return Err(Error::invalid("attachment.mimeType", "is not the type that was uploaded"));
    }
    Ok(())
}
