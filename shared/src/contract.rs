//! The parts of Velt's request types (`@veltdev/types` 6.0.6) that are acted on. Everything else is carried verbatim.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::json::{Json, why};

/// An id of the app's or of Velt's: text of at most [`LONGEST_ID`] bytes, not empty, without NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// The id as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An empty text is no id.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an id is not empty")]
pub struct EmptyId;

impl TryFrom<String> for Id {
    type Error = EmptyId;

    fn try_from(text: String) -> Result<Self, EmptyId> {
        if text.is_empty() { Err(EmptyId) } else { Ok(Self(text)) }
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

/// The longest id, in bytes: three of them, as a record may have, leave room in an item of 400 KB.
pub const LONGEST_ID: usize = 100_000;

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: text that is not empty")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Id, E> {
                if text.is_empty() {
                    return Err(E::invalid_value(Unexpected::Str(text), &self));
                }
                check_id(text)?;
                Ok(Id(text.to_owned()))
            }
        }
        deserializer.deserialize_str(IdVisitor)
    }
}

/// An id that Velt writes as a number or as text (`commentId: string | number`); `7` and `"7"` are the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextOrNumber(Id);

impl TextOrNumber {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<Id> for TextOrNumber {
    fn from(id: Id) -> Self {
        Self(id)
    }
}

impl From<TextOrNumber> for Id {
    fn from(id: TextOrNumber) -> Self {
        id.0
    }
}

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The number's own text: as a float, a long one would name another record.
        let json = Json::deserialize(deserializer)?;
        match json.text().as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => {
                check_id(json.text())?;
                Ok(Self(Id(json.text().to_owned())))
            }
            Some(b'"') => serde_json::from_str(json.text()).map(Self).map_err(|error| D::Error::custom(why(&error))),
            _ => Err(D::Error::custom("invalid type: expected an id: text that is not empty, or a number")),
        }
    }
}

/// Refuses an id that no key can be made of.
fn check_id<E: serde::de::Error>(text: &str) -> Result<(), E> {
    if text.len() > LONGEST_ID {
        return Err(E::custom(format!("an id of {} bytes, more than {LONGEST_ID}", text.len())));
    }
    if text.contains('\0') {
        return Err(E::custom("an id that holds a NUL character"));
    }
    Ok(())
}

/// Reads an id that may be left out, `null` or empty: all three mean that there is none.
///
/// # Errors
/// The value is of another type than text.
pub fn optional_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    text.as_deref().map_or(Ok(()), check_id)?;
    Ok(text.map(Id))
}

/// Reads ids of which any may be null or blank, and any may be repeated: what is left is distinct, in the order it came.
/// Velt's SDKs for backends send such lists.
///
/// # Errors
/// The value is not a list, or an entry is of another type.
pub fn present_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Id>, D::Error> {
    let mut seen = HashSet::new();
    let present = Vec::<Present>::deserialize(deserializer)?.into_iter().filter_map(|Present(id)| id);
    Ok(present.filter(|id| seen.insert(id.clone())).collect())
}

/// An id, or none where it is null or blank.
struct Present(Option<Id>);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.trim().is_empty());
        text.as_deref().map_or(Ok(()), check_id)?;
        Ok(Self(text.map(Id)))
    }
}

/// A struct that is read from an object alone: as derived, one is read from an array of its fields' values, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// What of `BaseMetadata` places a record: whose it is, and where in the app it stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// The app's own organization id.
    #[serde(deserialize_with = "optional_id")]
    pub organization_id: Option<Id>,
    /// The app's own document id.
    #[serde(deserialize_with = "optional_id")]
    pub document_id: Option<Id>,
    /// The app's own folder id.
    #[serde(deserialize_with = "optional_id")]
    pub folder_id: Option<Id>,
    /// The app's API key at Velt.
    pub api_key: Option<String>,
    /// Velt's SDK that sent the request, as `6.0.6`. It decides nothing, so what is no version is none.
    #[serde(deserialize_with = "version")]
    pub sdk_version: Option<String>,
}

/// Reads a version of three numbers, perhaps of a prerelease; whatever else stands there is none.
///
/// # Errors
/// The value is not JSON.
pub fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let json = Json::deserialize(deserializer)?;
    let text = serde_json::from_str::<String>(json.text()).ok();
    Ok(text.filter(|text| is_version(text)))
}

/// The first number has at most two digits: it is a dimension of a metric.
fn is_version(text: &str) -> bool {
    let is_number =
        |part: &str, digits| (1..=digits).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let (numbers, prerelease) = text.split_once('-').map_or((text, None), |(numbers, rest)| (numbers, Some(rest)));
    let numbers: Vec<&str> = numbers.split('.').collect();
    let [major, minor, patch] = numbers[..] else { return false };
    let is_prerelease = |rest: &str| {
        let (name, number) = rest.split_once('.').unwrap_or((rest, "0"));
        matches!(name, "alpha" | "beta" | "rc") && is_number(number, 3)
    };
    is_number(major, 2) && is_number(minor, 3) && is_number(patch, 3) && prerelease.is_none_or(is_prerelease)
}

impl Metadata {
    /// A request's metadata, with the organization that the request itself may name instead: Velt's requests name it in
    /// either place, and some clients in the other.
    ///
    /// # Errors
    /// The two places name two organizations.
    pub fn of(metadata: Option<Object<Self>>, organization: Option<Id>) -> Result<Self, Error> {
        let Object(mut metadata) = metadata.unwrap_or_default();
        match (&metadata.organization_id, organization) {
            (Some(one), Some(other)) if *one != other => {
                return Err(Error::invalid("metadata.organizationId", "is another organization than organizationId"));
            }
            (None, organization) => metadata.organization_id = organization,
            _ => {}
        }
        Ok(metadata)
    }

    /// The metadata, with the document that the request itself may name instead.
    ///
    /// # Errors
    /// The two places name two documents.
    pub fn in_document(mut self, document: Option<Id>) -> Result<Self, Error> {
        match (&self.document_id, document) {
            (Some(one), Some(other)) if *one != other => {
                return Err(Error::invalid("metadata.documentId", "is another document than documentId"));
            }
            (None, document) => self.document_id = document,
            _ => {}
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_text_are_one_id() {
        let read = |text| serde_json::from_str::<TextOrNumber>(text).map(|id| id.as_str().to_owned());
        assert_eq!(read("7").unwrap(), read("\"7\"").unwrap());
        assert_eq!(read("123456789012345678901234567890").unwrap(), "123456789012345678901234567890");
        let long = "7".repeat(LONGEST_ID + 1);
        for bad in ["null", "{}", "[1]", "true", "\"\"", "\"\\u0000\"", "\"\\ud800\"", long.as_str()] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_version_is_kept_of_the_sdk() {
        let read = |text: &str| {
            let metadata = format!(r#"{{"sdkVersion":{text}}}"#);
            serde_json::from_str::<Metadata>(&metadata).unwrap().sdk_version
        };
        for version in ["6.0.6", "5.0.2-beta.12", "10.11.12-rc"] {
            assert_eq!(read(&format!("{version:?}")).as_deref(), Some(version));
        }
        for other in
            ["\"6.0\"", "\"6.0.6-ann\"", "\"6.0.1234\"", "\"123.0.0\"", "\"\"", "6", "null", "{}", "[\"6.0.6\"]"]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn metadata_without_an_id_has_none() {
        for text in ["{}", r#"{"organizationId":null}"#, r#"{"organizationId":""}"#] {
            assert_eq!(serde_json::from_str::<Metadata>(text).unwrap().organization_id, None);
        }
        assert!(serde_json::from_str::<Metadata>(r#"{"organizationId":{"$ne":""}}"#).is_err());
    }
}
