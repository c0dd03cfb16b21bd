//! Serving files.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use lambda_http::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::Error;
use shared::media_type::Essence;
use shared::operation::IntoResponse;
use shared::records::{Reader, Slot};
use shared::setup::{Setup, SetupError, Store};

use crate::bucket::{Buckets, View};
use crate::kind::{UNKNOWN, is_shown};
use crate::link::Links;
use crate::name;
use crate::writer::{Content, Served};

/// The setting that says for how many seconds the redirect of a link is good.
const URL_SECONDS: &str = "FILE_URL_SECONDS";

/// For how long the redirect of a link is good where nothing is set. A player asks the redirected URL again with each seek,
/// and never the link: the URL must outlive a viewing.
const VALID: Duration = Duration::from_hours(6);

/// For how long a browser may remember a redirect at most, so that a page that shows an image twice asks once.
const REMEMBERED: Duration = Duration::from_mins(15);

/// Serves files by their links.
#[derive(Debug)]
pub struct FileReader {
    buckets: Buckets,
    records: Reader,
    links: Links,
    valid: Duration,
}

impl Store for FileReader {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        let valid = match setup.setting(URL_SECONDS) {
            Some(text) => Duration::from_secs(
                text.parse()
                    .map_err(|error| SetupError::Invalid { name: URL_SECONDS, source: Box::from(error) as _ })?,
            ),
            None => VALID,
        };
        Ok(Self { buckets: Buckets::open(setup), records: Reader::open(setup)?, links: Links::open(setup)?, valid })
    }
}

impl FileReader {
    /// Where the file of a link can be read for the next hours, `token` being the link's first segment and `method` how it
    /// was asked for: GET, or HEAD.
    ///
    /// # Errors
    /// [`Error::forbidden`] where the link was not signed here, [`Error::not_found`] where its file was deleted.
    pub async fn find(&self, token: &str, method: &Method) -> Result<Redirect, Error> {
        let link = self.links.verify(token).await?;
        let attachment = &link.attachment;
        let record = attachment.record(&self.records).await?;
        let stored = record.and_then(|mut record| record.slots.remove(&Slot::Field(link.content.clone())));
        let content: Content = stored.flatten().ok_or_else(Error::not_found)?.read("content")?;
        let served = believed(&content);
        let disposition = disposition(served.inline, &content.name);
        let view = View { kind: &served.kind, disposition: &disposition, valid: self.valid };
        let (bucket, key) = (self.buckets.of(attachment.storage)?, attachment.key(&link.content));
        let location = if method == Method::HEAD {
            bucket.visible(&key, &view).await?
        } else {
            bucket.readable(&key, &view).await?
        };
        // What was remembered at the last moment is still good for most of a viewing.
        Ok(Redirect { location, remembered: REMEMBERED.min(self.valid / 4) })
    }
}

/// How a content is served. A type that nothing here would have noted is not believed.
fn believed(content: &Content) -> Served {
    if content.inline && is_shown(&content.kind) {
        return Served { kind: content.kind.clone(), inline: true };
    }
    let kind = Essence::of(&content.kind).map_or_else(|| UNKNOWN.to_owned(), |kind| kind.to_string());
    Served { kind, inline: false }
}

/// What neither ends nor escapes a quoted text or an extended parameter: RFC 8187's `attr-char`.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `Content-Disposition` (RFC 6266), with the name for old browsers and for those that know UTF-8.
fn disposition(inline: bool, name: &str) -> String {
    let name = &name::clean(name);
    let kind = if inline { "inline" } else { "attachment" };
    let safe = |character: char| (' '..='~').contains(&character) && !"\"\\/%;".contains(character);
    let ascii: String = name.chars().map(|character| if safe(character) { character } else { '_' }).collect();
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

/// Sends a browser on to where a file is, for now.
#[derive(Debug)]
pub struct Redirect {
    location: String,
    remembered: Duration,
}

impl IntoResponse for Redirect {
    fn records(&self) -> usize {
        1
    }

    fn into_response(self, _gzip: bool) -> Result<Response<Body>, Error> {
        const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
        let value = |text: String| HeaderValue::try_from(text).map_err(|error| Error::internal().caused_by(error));
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::FOUND;
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, value(self.location)?);
        // A deleted file is gone at once all the same: what the redirect leads to is deleted.
        let remembered = format!("private, max-age={}", self.remembered.as_secs());
        headers.insert(header::CACHE_CONTROL, value(remembered)?);
        // The gateway's answer to a script names the script's origin; an <img> must not be answered from it, or the reverse.
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_and_ends_nothing() {
        assert_eq!(disposition(true, "a b.png"), "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png");
        assert_eq!(
            disposition(false, "ö\"\\;\r\n/%.html"),
            "attachment; filename=\"______.html\"; filename*=UTF-8''%C3%B6%22%5C%3B%2F%25.html"
        );
    }

    #[test]
    fn only_a_type_of_the_table_is_believed_to_be_safe() {
        let content =
            |kind: &str, inline| Content { name: "a".to_owned(), kind: kind.to_owned(), size: 1, inline, upload: None };
        for (kind, inline, served) in [
            ("image/png", true, ("image/png", true)),
            ("image/png;, text/html", true, ("image/png", false)),
            ("text/html", true, ("text/html", false)),
            ("image/png", false, ("image/png", false)),
            ("a, b", false, (UNKNOWN, false)),
        ] {
            let found = believed(&content(kind, inline));
            assert_eq!((found.kind.as_str(), found.inline), served, "{kind}");
        }
    }
}
