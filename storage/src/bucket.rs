//! The calls to S3.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, MetadataDirective, ObjectIdentifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use shared::Error;
use shared::aws::{Throttled, failed};
use shared::setup::{Setup, SetupError};

use crate::attachment::Storage;
use crate::kind::{BEGINNING, UNKNOWN};

/// How long one attempt of one call may take: joining the parts of a large upload is the longest.
const ATTEMPT: Duration = Duration::from_secs(25);

/// A bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub(crate) client: Client,
    pub(crate) name: String,
}

/// What S3 says of an object.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its size in bytes.
    pub size: u64,
    /// What changes when it does.
    pub tag: String,
}

/// How a URL shows an object.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The `Content-Type` that it is served with.
    pub kind: &'a str,
    /// The `Content-Disposition` that it is served with.
    pub disposition: &'a str,
    /// For how long the URL is good.
    pub valid: Duration,
}

/// A part of a multipart upload, as S3 has it.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its number, from 1.
    pub number: i32,
    /// Its size in bytes.
    pub size: u64,
    tag: Option<String>,
}

/// The buckets of the storage scopes; a function is given those it needs.
#[derive(Clone, Debug)]
pub struct Buckets {
    attachments: Option<Bucket>,
    recordings: Option<Bucket>,
}

impl Buckets {
    /// Those that the settings name.
    #[must_use]
    pub fn open(setup: &Setup) -> Self {
        let client = client(setup);
        let bucket = |storage: Storage| {
            let name = setup.setting(storage.bucket_setting())?.to_owned();
            Some(Bucket { client: client.clone(), name })
        };
        Self { attachments: bucket(Storage::Attachments), recordings: bucket(Storage::Recordings) }
    }

    /// The bucket of a storage scope.
    ///
    /// # Errors
    /// [`Error::internal`] where this function was not given it.
    pub fn of(&self, storage: Storage) -> Result<&Bucket, Error> {
        let bucket = match storage {
            Storage::Attachments => &self.attachments,
            Storage::Recordings => &self.recordings,
        };
        bucket.as_ref().ok_or_else(|| Error::internal().caused_by(SetupError::Missing(storage.bucket_setting())))
    }
}

fn client(setup: &Setup) -> Client {
    let aws = setup.service("S3");
    let timeouts = aws.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
    let config = Builder::from(&aws)
        .interceptor(Throttled)
        .timeout_config(timeouts.operation_attempt_timeout(ATTEMPT).build())
        // An embedded S3 has no domain of each bucket.
        .force_path_style(aws.endpoint_url().is_some())
        // Content is sent with its SHA-256, which is known anyway: another checksum would only cost time.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .build();
    Client::from_conf(config)
}

impl Bucket {
    /// Stores an object. S3 compares the digest with what arrived.
    ///
    /// # Errors
    /// The store did not take it.
    pub async fn put(&self, key: &str, kind: &str, content: Bytes, sha256: &[u8; 32]) -> Result<(), Error> {
        let put = self.client.put_object().bucket(&self.name).key(key).content_type(kind);
        let put = put.checksum_sha256(STANDARD.encode(sha256)).body(ByteStream::from(content));
        put.send().await.map_err(|error| failed("PutObject", &error))?;
        Ok(())
    }

    /// What there is under a key; none where nothing is.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn head(&self, key: &str) -> Result<Option<Found>, Error> {
        let head = self.client.head_object().bucket(&self.name).key(key).send().await;
        let head = match head {
            Ok(head) => head,
            // A HEAD has no body, and so no code: the status alone tells.
            Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => return Ok(None),
            Err(error) => return Err(failed("HeadObject", &error)),
        };
        Ok(Some(Found {
            size: head.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            tag: head.e_tag().unwrap_or_default().to_owned(),
        }))
    }

    /// The beginning of an object, enough to tell its type, if it is still the one with this tag.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn beginning(&self, key: &str, found: &Found) -> Result<Vec<u8>, Error> {
        if found.size == 0 {
            // No range is within nothing.
            return Ok(Vec::new());
        }
        let get = self.client.get_object().bucket(&self.name).key(key).if_match(&found.tag);
        let get = get.range(format!("bytes=0-{}", BEGINNING - 1));
        let answer = get.send().await.map_err(|error| failed("GetObject", &error))?;
        let bytes = answer.body.collect().await.map_err(|error| Error::unavailable().caused_by(error))?;
        Ok(bytes.to_vec())
    }

    /// The SHA-256 of a whole object, and its beginning, if it is still the one with this tag; none where it is gone. It is
    /// read in pieces and never held.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn digest(&self, key: &str, found: &Found) -> Result<Option<([u8; 32], Vec<u8>)>, Error> {
        let get = self.client.get_object().bucket(&self.name).key(key).if_match(&found.tag);
        let Some(answer) = unless_gone("GetObject", get.send().await)? else { return Ok(None) };
        let mut body = answer.body;
        let mut sha256 = Sha256::new();
        let mut beginning = Vec::new();
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| Error::unavailable().caused_by(error))?;
            sha256.update(&piece);
            beginning.extend_from_slice(&piece[..piece.len().min(BEGINNING - beginning.len())]);
        }
        Ok(Some((sha256.finalize().into(), beginning)))
    }

    /// Copies an object within the bucket, as one of type `kind`, if it is still the one with this tag; whether it was still
    /// there. S3 copies up to 5 GB in one call.
    ///
    /// # Errors
    /// The store did not do it.
    pub async fn copy(&self, from: &str, found: &Found, to: &str, kind: &str) -> Result<bool, Error> {
        // The header is a URL's path; keys hold nothing but letters, digits, `-_=%/`, of which only `%` means something.
        let source = format!("{}/{}", self.name, from.replace('%', "%25"));
        let copy = self.client.copy_object().bucket(&self.name).key(to).copy_source(source);
        let copy = copy.metadata_directive(MetadataDirective::Replace).content_type(kind);
        Ok(unless_gone("CopyObject", copy.copy_source_if_match(&found.tag).send().await)?.is_some())
    }

    /// Deletes an object. One that is gone is deleted already.
    ///
    /// # Errors
    /// The store did not do it.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let delete = self.client.delete_object().bucket(&self.name).key(key).send().await;
        delete.map(drop).map_err(|error| failed("DeleteObject", &error))
    }

    /// Deletes every object whose key begins with `prefix`.
    ///
    /// # Errors
    /// Not all could be deleted; the same again completes it.
    pub async fn delete_all(&self, prefix: &str) -> Result<usize, Error> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut deleted = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("ListObjectsV2", &error))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            let keys = keys.map(|key| ObjectIdentifier::builder().key(key).build()).collect::<Result<Vec<_>, _>>();
            let keys = keys.map_err(|error| Error::internal().caused_by(error))?;
            if keys.is_empty() {
                continue;
            }
            deleted += keys.len();
            let delete = Delete::builder().set_objects(Some(keys)).quiet(true).build();
            let delete = delete.map_err(|error| Error::internal().caused_by(error))?;
            let answer = self.client.delete_objects().bucket(&self.name).delete(delete).send().await;
            let answer = answer.map_err(|error| failed("DeleteObjects", &error))?;
            if !answer.errors().is_empty() {
                return Err(Error::unavailable().caused_by("DeleteObjects: not all were deleted"));
            }
        }
        Ok(deleted)
    }

    /// The beginnings of all keys that begin with `prefix`, up to their next `/`.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn folders(&self, prefix: &str) -> Result<BTreeSet<String>, Error> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).delimiter("/");
        let mut pages = list.into_paginator().send();
        let mut folders = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failed("ListObjectsV2", &error))?;
            folders.extend(page.common_prefixes().iter().filter_map(|folder| folder.prefix()).map(ToOwned::to_owned));
        }
        Ok(folders)
    }

    /// A URL that reads an object by GET.
    ///
    /// # Errors
    /// The URL could not be signed.
    pub async fn readable(&self, key: &str, view: &View<'_>) -> Result<String, Error> {
        let get = self.client.get_object().bucket(&self.name).key(key);
        let get = get.response_content_type(view.kind).response_content_disposition(view.disposition);
        let signed = get.presigned(expiring(view.valid)?).await.map_err(|error| failed("GetObject", &error))?;
        Ok(signed.uri().to_owned())
    }

    /// A URL that looks at an object by HEAD: a signature is good for one method.
    ///
    /// # Errors
    /// The URL could not be signed.
    pub async fn visible(&self, key: &str, view: &View<'_>) -> Result<String, Error> {
        let head = self.client.head_object().bucket(&self.name).key(key);
        let head = head.response_content_type(view.kind).response_content_disposition(view.disposition);
        let signed = head.presigned(expiring(view.valid)?).await.map_err(|error| failed("HeadObject", &error))?;
        Ok(signed.uri().to_owned())
    }

    /// The URL of the bucket itself, which forms are posted to.
    ///
    /// # Errors
    /// The URL could not be made.
    pub async fn url(&self) -> Result<String, Error> {
        // Where a bucket is, is the SDK's to know: partitions and endpoints differ.
        const KEY: &str = "key";
        let get = self.client.get_object().bucket(&self.name).key(KEY);
        let signed =
            get.presigned(expiring(Duration::from_mins(1))?).await.map_err(|error| failed("GetObject", &error))?;
        let path = signed.uri().split('?').next().unwrap_or_default();
        path.strip_suffix(KEY).map(ToOwned::to_owned).ok_or_else(Error::internal)
    }

    /// Begins a multipart upload; its id. The object is of no type: its bytes are not there yet.
    ///
    /// # Errors
    /// The store did not do it.
    pub async fn begin(&self, key: &str) -> Result<String, Error> {
        let create = self.client.create_multipart_upload().bucket(&self.name).key(key).content_type(UNKNOWN);
        let answer = create.send().await.map_err(|error| failed("CreateMultipartUpload", &error))?;
        answer.upload_id.ok_or_else(|| Error::internal().caused_by("CreateMultipartUpload gave no id"))
    }

    /// The URL that takes one part of a multipart upload, of exactly `bytes` bytes.
    ///
    /// # Errors
    /// The URL could not be signed.
    pub async fn part(
        &self,
        key: &str,
        upload: &str,
        number: i32,
        bytes: u64,
        valid: Duration,
    ) -> Result<String, Error> {
        let bytes = i64::try_from(bytes).map_err(|error| Error::internal().caused_by(error))?;
        let part = self.client.upload_part().bucket(&self.name).key(key).upload_id(upload).part_number(number);
        let part = part.content_length(bytes);
        let signed = part.presigned(expiring(valid)?).await.map_err(|error| failed("UploadPart", &error))?;
        Ok(signed.uri().to_owned())
    }

    /// The parts that have arrived; none where there is no such upload, or no more.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn parts(&self, key: &str, upload: &str) -> Result<Option<Vec<Part>>, Error> {
        let list = self.client.list_parts().bucket(&self.name).key(key).upload_id(upload);
        let mut pages = list.into_paginator().send();
        let mut parts = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if error.code() == Some("NoSuchUpload") => return Ok(None),
                // What is no id of an upload is refused in different ways.
                Err(SdkError::ServiceError(error)) if matches!(error.raw().status().as_u16(), 400 | 404) => {
                    return Ok(None);
                }
                Err(error) => return Err(failed("ListParts", &error)),
            };
            parts.extend(page.parts().iter().map(|part| Part {
                number: part.part_number().unwrap_or_default(),
                size: part.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                tag: part.e_tag().map(ToOwned::to_owned),
            }));
        }
        parts.sort_by_key(|part| part.number);
        Ok(Some(parts))
    }

    /// Joins the parts of a multipart upload. One that is over, because it was joined or aborted meanwhile, is left so: what
    /// stands under the key tells which.
    ///
    /// # Errors
    /// The store did not do it.
    pub async fn complete(&self, key: &str, upload: &str, parts: Vec<Part>) -> Result<(), Error> {
        let parts = parts
            .into_iter()
            .map(|part| CompletedPart::builder().part_number(part.number).set_e_tag(part.tag).build())
            .collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.client.complete_multipart_upload().bucket(&self.name).key(key).upload_id(upload);
        match complete.multipart_upload(parts).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            Err(error) => Err(failed("CompleteMultipartUpload", &error)),
        }
    }

    /// Aborts a multipart upload: its parts are deleted, and its URLs take no more. One that is over is left so.
    ///
    /// # Errors
    /// The store did not do it.
    pub async fn abort(&self, key: &str, upload: &str) -> Result<(), Error> {
        let abort = self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(upload).send().await;
        unless_gone("AbortMultipartUpload", abort).map(drop)
    }
}

/// The answer of a call on one object; none where that is gone. One that was replaced meanwhile may be met again.
fn unless_gone<T, E: ProvideErrorMetadata>(
    call: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 404 => Ok(None),
        Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 412 => {
            Err(Error::unavailable().caused_by("the upload was replaced while it was looked at"))
        }
        Err(error) => Err(failed(call, &error)),
    }
}

fn expiring(valid: Duration) -> Result<PresigningConfig, Error> {
    PresigningConfig::expires_in(valid).map_err(|error| Error::internal().caused_by(error))
}
