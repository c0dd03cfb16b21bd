//! JSON kept as the text it came as, so that it goes back exactly: numbers of any size, nesting of any depth.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Error;
use crate::error::clipped;

mod lexer;
mod meaning;
mod repeated;

use lexer::{Lexer, NotJson, Token};
use meaning::meaning;
use repeated::repeated_name;

/// One JSON value, as its text.
///
/// Equality is that of the text: `1.0` and `1` differ.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes text that is one JSON value.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn from_text(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// `value` has no JSON form (a map whose keys are not text).
    pub fn from_value(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// Whether this is an object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.text().starts_with('{')
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.text() == "null"
    }

    /// Whether both are the same value: the order of an object's fields, white space and how text is escaped don't count.
    /// Numbers are compared as they are written, which tells apart what floats can't.
    #[must_use]
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        self == other || matches!((meaning(self.text()), meaning(other.text())), (Ok(a), Ok(b)) if a == b)
    }

    /// Reads the value as `T`; `path` is where it stands in the request, for the message.
    ///
    /// # Errors
    /// [`Error::invalid`] naming the field below `path` that is not as `T` wants it.
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        read_at(path, self.text())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

/// An object whose fields are kept as they came.
pub type Fields = BTreeMap<String, Json>;

/// Reads a request body.
///
/// # Errors
/// [`Error::invalid`] that names the field: not UTF-8, not JSON, another type than `T` wants, or an object that names a
/// field twice, at whatever depth.
pub fn read_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    read_object("body", "", body)
}

/// Reads the part `name` of a form, as [`read_body`] reads a body.
///
/// # Errors
/// As [`read_body`], with paths that begin with `name`.
pub fn read_part<T: DeserializeOwned>(name: &str, part: &[u8]) -> Result<T, Error> {
    read_object(name, name, part)
}

/// `whole` is what the text is called, and `prefix` what the paths of its fields begin with.
fn read_object<T: DeserializeOwned>(whole: &str, prefix: &str, bytes: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| Error::invalid(whole, format!("is not UTF-8: {error}")))?;
    if text.trim().is_empty() {
        return Err(Error::invalid(whole, "is empty: a JSON object is required"));
    }
    match repeated_name(text) {
        Ok(None) => {}
        Ok(Some(path)) => {
            return Err(Error::invalid(joined(prefix, &path), "stands in its object more than once: name it once"));
        }
        Err(NotJson) => {
            // The parser says where and why.
            let why = serde_json::from_str::<IgnoredAny>(text).err();
            return Err(Error::invalid(whole, why.map_or_else(|| "is not JSON".to_owned(), |why| why.to_string())));
        }
    }
    if !text.trim_start().starts_with('{') {
        return Err(Error::invalid(whole, "must be a JSON object"));
    }
    read_at(prefix, text)
}

/// A path below a prefix, either of which may be empty.
fn joined(prefix: &str, path: &str) -> String {
    match (prefix, path) {
        ("", "") => "body".to_owned(),
        ("", path) => path.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, path) => format!("{prefix}.{path}"),
    }
}

/// Reads text that is known to be JSON.
fn read_at<T: DeserializeOwned>(prefix: &str, text: &str) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = joined(prefix, if path == "." { "" } else { &path });
        Error::invalid(path, why(&error.into_inner()))
    })?;
    deserializer.end().map_err(|error| Error::invalid("body", error))?;
    Ok(value)
}

/// Why a value that is known to be JSON could not be read.
pub(crate) fn why(error: &serde_json::Error) -> String {
    if error.is_syntax() {
        // The one part of the syntax that the parser reads only where a text is used.
        return "holds half of a surrogate pair, which is not text: send whole characters".to_owned();
    }
    // It quotes a value of the wrong type whole.
    clipped(&error.to_string(), LONGEST_WHY).into_owned()
}

/// Most of a parser's message that a caller is shown, in bytes.
const LONGEST_WHY: usize = 160;

/// Reads a text that may be left out or `null`. Half of a surrogate pair becomes U+FFFD: what is read so is used as text
/// (in a header, say), which such a half is not.
///
/// # Errors
/// The value is of another type.
pub fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let json = Json::deserialize(deserializer)?;
    match Lexer::new(json.text()).token() {
        Ok(Some(Token::Text(text))) => Ok(Some(String::from_utf8_lossy(&text.decoded()).into_owned())),
        // Another type: the message is the parser's.
        _ => serde_json::from_str(json.text()).map_err(|error| D::Error::custom(why(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_it_reads() {
        let body = r#"{"a":1e400,"b":12345678901234567890123,"c":[-0.0,1.0],"d":"\u00e9\ud83d\ude00\\u0000"}"#;
        let fields: Fields = read_body(body.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), body);
    }

    #[test]
    fn any_text_is_kept_as_it_is_written() {
        for value in [r#""\u0000""#, r#""\ud800""#, r#"["\udc00\ud800",{"\ud83d":"\u0000"}]"#] {
            let body = format!("{{\"a\":{value}}}");
            let fields: Fields = read_body(body.as_bytes()).unwrap();
            assert_eq!(serde_json::to_string(&fields).unwrap(), body);
        }
        // A control character that is not escaped is not JSON.
        for body in ["{\"a\":\"\0\"}", "{\"a\":\"\u{1f}\"}", "{\"a\n\":1}"] {
            assert!(read_body::<Fields>(body.as_bytes()).unwrap_err().message().starts_with("body: "), "{body:?}");
        }
    }

    #[test]
    fn a_field_that_stands_twice_is_refused_by_its_path() {
        let refused = |body: &str| read_body::<Fields>(body.as_bytes()).unwrap_err();
        assert!(refused(r#"{"a":{"b":[{"c":1,"\u0063":2}]}}"#).message().starts_with("a.b[0].c: stands"));
        let part = read_part::<Fields>("request", br#"{"a":1,"a":1}"#).unwrap_err();
        assert!(part.message().starts_with("request.a: stands"));
        let long = "n".repeat(500_000);
        let message = refused(&format!(r#"{{"{long}":{{"{long}":1,"{long}":2}}}}"#)).message().to_owned();
        assert!(message.len() < 400 && message.starts_with("nnnn"), "{message}");
    }

    #[test]
    fn a_message_quotes_little_of_what_was_sent() {
        let long = "x".repeat(500_000);
        for body in [format!(r#"{{"a":"{long}"}}"#), format!(r#"{{"{long}":1}}"#), format!(r#"{{"a":{{"{long}":1}}}}"#)]
        {
            let error = read_body::<BTreeMap<String, BTreeMap<String, bool>>>(body.as_bytes()).unwrap_err();
            assert!(error.message().len() < 400, "{}", error.message());
            assert!(error.message().contains("expected"), "{}", error.message());
        }
    }

    #[test]
    fn text_that_is_used_has_no_halves() {
        #[derive(Deserialize)]
        struct Named {
            #[serde(default, deserialize_with = "optional_text")]
            name: Option<String>,
        }
        let name = |text: &str| read_body::<Named>(text.as_bytes()).map(|named| named.name.unwrap_or_default());
        assert_eq!(name(r#"{"name":"a\u0062\ud83d\ude00"}"#).unwrap(), "ab😀");
        assert!(name(r#"{"name":"a\ud83d.png"}"#).unwrap().ends_with("\u{fffd}.png"));
        assert_eq!(name(r#"{"name":null}"#).unwrap(), "");
        assert_eq!(name("{}").unwrap(), "");
        assert!(name(r#"{"name":1}"#).unwrap_err().message().starts_with("name: "));
    }

    #[test]
    fn refuses_what_is_not_an_object() {
        for body in ["", "  ", "[]", "1", "null", "{", "{}x", "\"a\"", "{\"a\":}"] {
            assert!(read_body::<Fields>(body.as_bytes()).is_err(), "{body}");
        }
        assert!(read_body::<Fields>(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn the_same_value_may_be_written_differently() {
        let json = |text: &str| Json::from_text(text.to_owned()).unwrap();
        let value = json(r#"{"a":[1,{"b":"\u00e9"}],"c":null}"#);
        assert!(value.means_the_same_as(&json(r#"{ "c": null, "a": [1, {"b": "é"}] }"#)));
        for other in [r#"{"a":[1,{"b":"e"}],"c":null}"#, r#"{"a":[1,{"b":"é"}]}"#, r#"{"a":[1.5],"c":null}"#, "null"] {
            assert!(!value.means_the_same_as(&json(other)), "{other}");
        }
        let halves = json(r#"{"a":"\ud800","\udc00":["\u0000"]}"#);
        assert!(halves.means_the_same_as(&json(r#"{ "\uDC00" : [ "\u0000" ], "a" : "\uD800" }"#)));
        assert!(!halves.means_the_same_as(&json(r#"{"a":"\ud801","\udc00":["\u0000"]}"#)));
        for (a, b) in [("[]", "{}"), ("[[],[]]", "[[[]]]"), (r#"["a"]"#, r#""a""#), (r#""1""#, "1"), ("1.0", "1")] {
            assert!(!json(a).means_the_same_as(&json(b)), "{a} {b}");
        }
        let deep = |inner: &str| json(&format!("{}{inner}{}", "[".repeat(100_000), "]".repeat(100_000)));
        assert!(deep("1").means_the_same_as(&deep(" 1")) && !deep("1").means_the_same_as(&deep("2")));
        assert!(!json("18446744073709551617").means_the_same_as(&json("18446744073709551618")));
    }

    #[test]
    fn nesting_has_no_limit() {
        let body = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let fields: Fields = read_body(body.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), body);
    }
}
