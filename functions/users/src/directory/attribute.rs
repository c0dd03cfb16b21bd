//! DynamoDB's values as JSON.

use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};
use shared::json::Json;
use shared::records::{AttributeValue, Item};

/// What stands at a path with dots.
pub(super) fn at<'a>(item: &'a Item, path: &str) -> Option<&'a AttributeValue> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    // A name may itself have dots in it.
    item.get(path).or_else(|| match (item.get(first)?, rest) {
        (value, None) => Some(value),
        (AttributeValue::M(map), Some(rest)) => at(map, rest),
        _ => None,
    })
}

/// The value as JSON, numbers as they are written. None for one that has no JSON form.
pub(super) fn to_json(value: &AttributeValue) -> Option<Json> {
    Json::from_value(&Value(value)).ok()
}

struct Value<'a>(&'a AttributeValue);

impl serde::Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = |text: &String| Json::from_text(text.clone()).map_err(serde::ser::Error::custom);
        match self.0 {
            AttributeValue::S(text) => serializer.serialize_str(text),
            AttributeValue::N(text) => number(text)?.serialize(serializer),
            AttributeValue::Bool(value) => serializer.serialize_bool(*value),
            AttributeValue::Null(_) => serializer.serialize_unit(),
            AttributeValue::Ss(texts) => texts.serialize(serializer),
            AttributeValue::Ns(texts) => {
                texts.iter().map(number).collect::<Result<Vec<Json>, S::Error>>()?.serialize(serializer)
            }
            AttributeValue::L(values) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(&Value(value)))?;
                list.end()
            }
            AttributeValue::M(values) => {
                let mut map = serializer.serialize_map(Some(values.len()))?;
                values.iter().try_for_each(|(name, value)| map.serialize_entry(name, &Value(value)))?;
                map.end()
            }
            _ => Err(serde::ser::Error::custom("bytes have no JSON form")),
        }
    }
}
