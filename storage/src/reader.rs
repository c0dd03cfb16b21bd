//! Serving files.

use http::{HeaderValue, Response, StatusCode, header};
use lambda_http::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::Error;
use shared::operation::IntoResponse;
use shared::records::{Reader, Slot};
use shared::setup::{Setup, SetupError, Store};

use crate::bucket::Buckets;
use crate::link::Links;
use crate::writer::Content;

/// Serves files by their links.
#[derive(Debug)]
pub struct FileReader {
    buckets: Buckets,
    records: Reader,
    links: Links,
}

impl Store for FileReader {
    fn open(setup: &Setup) -> Result<Self, SetupError> {
        Ok(Self { buckets: Buckets::open(setup), records: Reader::open(setup)?, links: Links::open(setup)? })
    }
}

impl FileReader {
    /// Where the file of a link can be read for the next minutes, `token` being the link's first segment.
    ///
    /// # Errors
    /// [`Error::forbidden`] where the link was not signed here, [`Error::not_found`] where its file was deleted.
    pub async fn find(&self, token: &str) -> Result<Redirect, Error> {
        let link = self.links.verify(token).await?;
        let attachment = &link.attachment;
        let record = attachment.record(&self.records).await?;
        let stored = record.and_then(|mut record| record.slots.remove(&Slot::Field(link.content.clone())));
        let content: Content = stored.flatten().ok_or_else(Error::not_found)?.read("content")?;
        let location = self
            .buckets
            .of(attachment.storage)?
            .readable(&attachment.key(&link.content), &content.kind, &disposition(content.inline, &content.name))
            .await?;
        Ok(Redirect { location })
    }
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
    let kind = if inline { "inline" } else { "attachment" };
    let safe = |character: char| (' '..='~').contains(&character) && !"\"\\/%;".contains(character);
    let ascii: String = name.chars().map(|character| if safe(character) { character } else { '_' }).collect();
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

/// Sends a browser on to where a file is, for now.
#[derive(Debug)]
pub struct Redirect {
    location: String,
}

impl IntoResponse for Redirect {
    fn records(&self) -> usize {
        1
    }

    fn into_response(self, _gzip: bool) -> Result<Response<Body>, Error> {
        let location = HeaderValue::try_from(self.location).map_err(|error| Error::internal().caused_by(error))?;
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::FOUND;
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, location);
        // A link is valid until its file is deleted, so nobody may remember where it led.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
            "attachment; filename=\"________.html\"; filename*=UTF-8''%C3%B6%22%5C%3B%0D%0A%2F%25.html"
        );
    }
}
