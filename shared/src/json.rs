//! JSON kept as the text it came as, so that it goes back exactly: numbers of any size, nesting of any depth.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Error;

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
    ///
    /// Below [`COMPARED_DEPTH`] levels only the text is compared.
    #[must_use]
    pub fn means_the_same_as(&self, other: &Self) -> bool {
        same(self, other, COMPARED_DEPTH)
    }

    /// Reads the value as `T`; `path` is where it stands in the request, for the message.
    ///
    /// # Errors
    /// [`Error::invalid`] naming the field below `path` that is not as `T` wants it.
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        read_at(path, self.text())
    }
}

/// How many levels of nesting [`Json::means_the_same_as`] looks into: each takes stack.
pub const COMPARED_DEPTH: usize = 100;

fn same(a: &Json, b: &Json, depth: usize) -> bool {
    if a == b || depth == 0 {
        return a == b;
    }
    let kind = |json: &Json| json.text().as_bytes().first().copied();
    match (kind(a), kind(b)) {
        (Some(b'{'), Some(b'{')) => match (a.read::<Fields>(""), b.read::<Fields>("")) {
            (Ok(a), Ok(b)) => {
                a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b, depth - 1)))
            }
            _ => false,
        },
        (Some(b'['), Some(b'[')) => match (a.read::<Vec<Json>>(""), b.read::<Vec<Json>>("")) {
            (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same(a, b, depth - 1)),
            _ => false,
        },
        (Some(b'"'), Some(b'"')) => match (a.read::<String>(""), b.read::<String>("")) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        },
        _ => false,
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Json {}

/// An object whose fields are kept as they came. Of fields given twice, the last counts, as for `JSON.parse`.
pub type Fields = BTreeMap<String, Json>;

/// Reads a request body.
///
/// # Errors
/// [`Error::invalid`] that names the field: not UTF-8, not JSON, another type than `T` wants, or text that can't be kept
/// (a NUL character or half of a surrogate pair).
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
    if let Err(why) = check_text(text) {
        return Err(Error::invalid(joined(prefix, &path_of_bad_text(text)), why));
    }
    if !text.trim_start().starts_with('{') {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| Error::invalid(whole, error))?;
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

fn read_at<T: DeserializeOwned>(prefix: &str, text: &str) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // Text that is no JSON has no fields to name.
        let path = if error.inner().is_data() && path != "." { path } else { String::new() };
        let path = joined(prefix, &path);
        Error::invalid(path, error.into_inner())
    })?;
    deserializer.end().map_err(|error| Error::invalid("body", error))?;
    Ok(value)
}

/// Refuses escapes that stand for no text that can be kept everywhere: NUL, and surrogates without their other half.
///
/// A backslash stands only inside strings of JSON, so looking at escapes alone is enough, and almost free.
fn check_text(text: &str) -> Result<(), &'static str> {
    const NUL: &str = "holds a NUL character";
    const SURROGATE: &str = "holds half of a surrogate pair, which is not text";
    let bytes = text.as_bytes();
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6).filter(|escape| escape.starts_with(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(&digits[2..]).ok()?, 16).ok()
    };
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\\' || *byte == 0) {
        at += found;
        if bytes[at] == 0 {
            return Err(NUL);
        }
        at += match unit(at) {
            Some(0) => return Err(NUL),
            Some(0xD800..=0xDBFF) => match unit(at + 6) {
                Some(0xDC00..=0xDFFF) => 12,
                _ => return Err(SURROGATE),
            },
            Some(0xDC00..=0xDFFF) => return Err(SURROGATE),
            Some(_) => 6,
            // An escape of one character; a cut one is the parser's to refuse.
            None => 2.min(bytes.len() - at),
        };
    }
    Ok(())
}

/// Where in the JSON the first text stands that [`check_text`] refuses. Reads everything again: only for the message.
fn path_of_bad_text(text: &str) -> String {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, StrictText>(&mut deserializer) {
        Err(error) if error.path().iter().next().is_some() => error.path().to_string(),
        _ => String::new(),
    }
}

/// Any JSON whose strings and names are all text without NUL. The parser itself refuses lone surrogates.
struct StrictText;

impl<'de> Deserialize<'de> for StrictText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictTextVisitor)
    }
}

struct StrictTextVisitor;

impl<'de> Visitor<'de> for StrictTextVisitor {
    type Value = StrictText;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<StrictText, E> {
        Ok(StrictText)
    }

    fn visit_i64<E>(self, _: i64) -> Result<StrictText, E> {
        Ok(StrictText)
    }

    fn visit_u64<E>(self, _: u64) -> Result<StrictText, E> {
        Ok(StrictText)
    }

    fn visit_f64<E>(self, _: f64) -> Result<StrictText, E> {
        Ok(StrictText)
    }

    fn visit_unit<E>(self) -> Result<StrictText, E> {
        Ok(StrictText)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<StrictText, E> {
        if text.contains('\0') { Err(E::custom("NUL")) } else { Ok(StrictText) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StrictText, A::Error> {
        while items.next_element::<StrictText>()?.is_some() {}
        Ok(StrictText)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<StrictText, A::Error> {
        while let Some(name) = entries.next_key::<String>()? {
            entries.next_value::<StrictText>()?;
            if name.contains('\0') {
                return Err(A::Error::custom("NUL"));
            }
        }
        Ok(StrictText)
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
    fn names_the_field_of_text_that_cannot_be_kept() {
        for (body, path) in [
            (r#"{"a":{"b":["x","\u0000"]}}"#, "a.b[1]: "),
            (r#"{"a":{"b":"\ud800"}}"#, "a.b: "),
            (r#"{"a":{"b":"\ud800\u0041"}}"#, "a.b: "),
            (r#"{"a":"\udc00\ud800"}"#, "a: "),
            (r#"{"a":{"\u0000":1}}"#, "a: "),
            ("{\"a\":\"\0\"}", "a: "),
        ] {
            let error = read_body::<Fields>(body.as_bytes()).unwrap_err();
            assert!(error.message().starts_with(path), "{body} gave {}", error.message());
        }
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
        assert!(!json("18446744073709551617").means_the_same_as(&json("18446744073709551618")));
    }

    #[test]
    fn nesting_has_no_limit() {
        let body = format!("{{\"a\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let fields: Fields = read_body(body.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), body);
    }
}
