//! Media types, read in one place: the type and subtype before any parameter.

use std::fmt;

use http::{HeaderMap, header};

/// The longest essence, in bytes: RFC 6838 ends each of its two names at 127.
const LONGEST: usize = 255;

/// The type and subtype of a media type in lower case, as `image/png`, by the grammar of RFC 9110 section 8.3.1.
///
/// Parameters are never kept: browsers write some that the grammar does not allow (`codecs=vp8,opus`), and readers
/// disagree on what such a parameter ends. What decides is the essence alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Essence(String);

impl Essence {
    /// Reads the essence of a declared type, which ends at the first `;`.
    ///
    /// `None` when the text before it is not a type and a subtype: a comma, white space inside, a second slash, or a
    /// character that is not ASCII makes it none.
    #[must_use]
    pub fn of(declared: &str) -> Option<Self> {
        let essence = declared.split(';').next()?.trim_matches([' ', '\t']);
        let (kind, subtype) = essence.split_once('/')?;
        let is_whole = is_token(kind) && is_token(subtype) && essence.len() <= LONGEST;
        is_whole.then(|| Self(essence.to_ascii_lowercase()))
    }

    /// Reads the essence of a `Content-Type` header.
    ///
    /// A gateway joins a header that came twice with a comma, so the same media type may stand there more than once.
    /// `None` when any of them is another: two readers would then see two types.
    #[must_use]
    pub fn of_header(value: &str) -> Option<Self> {
        let mut members = members(value).into_iter().map(Self::of);
        let first = members.next()??;
        members.all(|member| member.as_ref() == Some(&first)).then_some(first)
    }

    /// Reads the essence of all the `Content-Type` headers of a request, as [`Essence::of_header`] reads one.
    #[must_use]
    pub fn of_request(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::CONTENT_TYPE).iter();
        let mut read = || values.next().map(|value| value.to_str().ok().and_then(Self::of_header));
        let first = read()??;
        while let Some(other) = read() {
            if other.as_ref() != Some(&first) {
                return None;
            }
        }
        Some(first)
    }

    /// The essence as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the type, the part before the slash, is `kind`.
    #[must_use]
    pub fn is_of(&self, kind: &str) -> bool {
        self.0.split_once('/').is_some_and(|(own, _)| own == kind)
    }
}

impl fmt::Display for Essence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `token` of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The members of a list-based header: cut at commas that do not stand in a quoted text.
fn members(value: &str) -> Vec<&str> {
    let (mut members, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, character) in value.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                members.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(&value[start..]);
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_type_and_subtype_count() {
        let of = |declared: &str| Essence::of(declared).map(|essence| essence.as_str().to_owned());
        for (declared, essence) in [
            ("image/png", "image/png"),
            (" Image/PNG ; x=y", "image/png"),
            ("image/png;, text/html", "image/png"),
            ("video/webm;codecs=vp8,opus", "video/webm"),
            ("image/svg+xml", "image/svg+xml"),
        ] {
            assert_eq!(of(declared).as_deref(), Some(essence), "{declared}");
        }
        for none in [
            "",
            "image",
            "/",
            "image/",
            "/png",
            "image/png, text/html",
            "image/png text/html",
            "image/pn\u{e9}",
            "image//png",
            "image/png/x",
            "image /png",
            "image/png\r\n",
            ";image/png",
            "\"image/png\"",
        ] {
            assert_eq!(of(none), None, "{none:?}");
        }
        assert_eq!(of(&format!("image/{}", "x".repeat(300))), None);
    }

    #[test]
    fn a_header_that_came_twice_is_read_once() {
        let of = |value: &str| Essence::of_header(value).map(|essence| essence.as_str().to_owned());
        let json = Some("application/json".to_owned());
        assert_eq!(of("application/json"), json);
        assert_eq!(of("application/json, application/json"), json);
        assert_eq!(of("application/json; charset=utf-8,APPLICATION/JSON"), json);
        assert_eq!(of("application/json; a=\"x, y\""), json);
        assert_eq!(of("application/json, multipart/form-data"), None);
        assert_eq!(of("application/json,"), None);
        assert_eq!(of("application/json; a=b,c"), None);
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_TYPE, value.parse().unwrap());
            }
            Essence::of_request(&headers).map(|essence| essence.as_str().to_owned())
        };
        assert_eq!(of(&["application/json", "Application/Json;a=b"]), json);
        for none in [&[][..], &["application/json", "text/plain"], &["text/plain", "é"], &["é"]] {
            assert!(of(none).is_none(), "{none:?}");
        }
    }
}
