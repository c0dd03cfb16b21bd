//! What can go wrong, said once: wording, status and stable code live together.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::limits;

/// The kinds of failure an operation can answer. Each is a 4xx or a 5xx: a failure with a success status can't be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request is not one the contract allows.
    Invalid,
    /// The caller's token is over: a new one may be let in.
    Expired,
    /// The caller may not do this. The answer is the same whether the record exists or not.
    Forbidden,
    /// There is no such thing, or no more.
    NotFound,
    /// The path exists, with another method.
    MethodNotAllowed,
    /// What is stored forbids this change (an activity record is append-only).
    Conflict,
    /// The request does not fit, or exceeds what this stack allows.
    RequestTooLarge,
    /// The answer does not fit what AWS lets a function answer.
    AnswerTooLarge,
    /// The body is not JSON by its content type.
    UnsupportedMediaType,
    /// The store is down, slow or throttling. A retry may succeed.
    Unavailable,
    /// A defect or a misconfiguration of this backend.
    Internal,
}

impl Kind {
    /// The HTTP status, which the answer repeats as `statusCode`.
    #[must_use]
    pub fn status(self) -> http::StatusCode {
        match self {
            Self::Invalid => http::StatusCode::BAD_REQUEST,
            Self::Expired => http::StatusCode::UNAUTHORIZED,
            Self::Forbidden => http::StatusCode::FORBIDDEN,
            Self::NotFound => http::StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => http::StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => http::StatusCode::CONFLICT,
            Self::RequestTooLarge | Self::AnswerTooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable => http::StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => http::StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable `errorCode`. Where Velt's own SDKs have a code for the case, it is theirs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID_INPUT",
            Self::Expired => "EXPIRED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::Conflict => "CONFLICT",
            Self::RequestTooLarge => "REQUEST_TOO_LARGE",
            Self::AnswerTooLarge => "RESPONSE_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::Unavailable => "SERVICE_UNAVAILABLE",
            Self::Internal => "INTERNAL_ERROR",
        }
    }
}

/// A failure: a [`Kind`], a message for the caller, and the cause for the log.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Most of a field's path that a message shows, in bytes: names and ids in it are the caller's, of any length.
const LONGEST_PATH: usize = 160;

/// Most of a header that a message quotes, in bytes.
const LONGEST_QUOTE: usize = 80;

/// The longest message, in bytes. Whatever a message quotes, it ends here.
const LONGEST_MESSAGE: usize = 500;

/// The path of a field as a message shows it.
fn path(field: &impl fmt::Display) -> String {
    clipped(&field.to_string(), LONGEST_PATH).into_owned()
}

/// The text, or its beginning and its end if it has more than `most` bytes.
#[must_use]
pub fn clipped(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let head = &text[..text.floor_char_boundary(most / 2)];
    let tail = &text[text.ceil_char_boundary(text.len() - most / 2)..];
    Cow::Owned(format!("{head}…{tail}"))
}

impl Error {
    fn new(kind: Kind, message: impl AsRef<str>) -> Self {
        Self { kind, message: clipped(message.as_ref(), LONGEST_MESSAGE).into_owned(), source: None }
    }

    /// `field` (a path as `metadata.organizationId`) is not what the contract allows, and `why`.
    pub fn invalid(field: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::new(Kind::Invalid, format!("{}: {why}", path(&field)))
    }

    /// The request names no organization, and the caller's credentials imply none.
    #[must_use]
    pub fn no_organization(field: &str) -> Self {
        Self::invalid(field, "is required: every record belongs to one organization")
    }

    /// Refuses `count` entries of `field` when they are more than `limit`, which is one of [`crate::limits`].
    ///
    /// # Errors
    /// [`Error::invalid`] that names the field and the limit.
    pub fn unless_within(limit: usize, field: &str, count: usize) -> Result<(), Self> {
        if count <= limit {
            return Ok(());
        }
        Err(Self::invalid(field, format!("has {count} entries, more than {limit}: send several requests")))
    }

    /// The caller's token has expired since the gateway verified it.
    #[must_use]
    pub fn expired() -> Self {
        Self::new(Kind::Expired, "the token has expired: sign in again, and repeat the request with the new token")
    }

    /// The caller may not do this.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(Kind::Forbidden, "these credentials do not allow this request")
    }

    /// What was asked for is not there.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "there is no such file")
    }

    /// `field` has `bytes` bytes, more than `limit`; `advice` says what to do.
    #[must_use]
    pub fn request_too_large(field: &str, bytes: u64, limit: u64, advice: &str) -> Self {
        Self::new(Kind::RequestTooLarge, format!("{}: has {bytes} bytes, more than {limit}: {advice}", path(&field)))
    }

    /// The path is right and the method is not.
    #[must_use]
    pub fn method_not_allowed(found: &http::Method, allowed: &http::Method) -> Self {
        let found = clipped(found.as_str(), LONGEST_QUOTE);
        Self::new(Kind::MethodNotAllowed, format!("method {found} is not allowed: this operation is a {allowed}"))
    }

    /// The body is not declared as `wanted`.
    #[must_use]
    pub fn unsupported_media_type(wanted: &str, found: Option<&str>) -> Self {
        let found = clipped(found.unwrap_or("none"), LONGEST_QUOTE);
        Self::new(Kind::UnsupportedMediaType, format!("Content-Type: must be {wanted}, is {found}"))
    }

    /// What is stored under `field` is append-only and differs.
    pub fn conflict(field: impl fmt::Display) -> Self {
        let field = path(&field);
        Self::new(Kind::Conflict, format!("{field}: is stored with another value, and this record is append-only"))
    }

    /// The answer has `bytes` bytes, which is more than `limit`.
    #[must_use]
    pub fn answer_too_large(bytes: usize, limit: usize, gzip: bool) -> Self {
        let advice = if gzip { "" } else { " or send Accept-Encoding: gzip" };
        Self::new(
            Kind::AnswerTooLarge,
            format!(
                "the answer has {bytes} bytes, more than the {limit} a function can return: \
                 ask for fewer ids or fewer documentIds at a time{advice}"
            ),
        )
    }

    /// What was asked for is more than one request may read.
    #[must_use]
    pub fn too_much_to_read() -> Self {
        Self::new(
            Kind::AnswerTooLarge,
            format!(
                "the records asked for are more than one request may read ({} calls and {} read units of DynamoDB): \
                 ask for fewer ids or fewer documentIds at a time",
                limits::CALLS,
                limits::UNITS,
            ),
        )
    }

    /// The record under `field` would have so many bytes when compressed, and so many of text: more than a get can answer.
    pub fn record_too_large(field: impl fmt::Display, bytes: usize, text: usize) -> Self {
        Self::new(
            Kind::RequestTooLarge,
            format!(
                "{field}: the record would have {text} bytes, and {bytes} when compressed, more than {} and {}, which is \
                 what a get can answer: save less in it",
                limits::RECORD_TEXT_BYTES,
                limits::RECORD_BYTES,
            ),
        )
    }

    /// A save of `field` has so many fields and comments.
    #[must_use]
    pub fn too_many_values(field: &str, count: usize) -> Self {
        let limit = limits::VALUES;
        Self::new(
            Kind::RequestTooLarge,
            format!("{field}: has {count} fields and comments, more than {limit}: save fewer at a time"),
        )
    }

    /// A save of `field` costs more than one request may.
    #[must_use]
    pub fn save_too_large(field: &str, units: f64) -> Self {
        Self::new(
            Kind::RequestTooLarge,
            format!(
                "{field}: would cost {units} write units of DynamoDB, more than {}: save fewer or smaller records at \
                 a time",
                limits::UNITS,
            ),
        )
    }

    /// A delete came as far as one request may; the same request again goes on.
    #[must_use]
    pub fn more_to_delete() -> Self {
        Self::new(
            Kind::Unavailable,
            "there is more to delete than one request may: repeat the request until it succeeds",
        )
    }

    /// The store did not do its work in time; trying again may succeed.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(Kind::Unavailable, "the store did not answer in time: try again")
    }

    /// A defect or misconfiguration on our side.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Kind::Internal, "the request could not be served because of a fault on our side")
    }

    /// The same failure, with its cause for the log.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the caller is told. It may quote the request, so it is never logged.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
