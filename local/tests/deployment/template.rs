//! Reading `template.yaml`.

use yaml_serde::Value;
use yaml_serde::value::TaggedValue;

use crate::support::read;

/// The template.
pub(crate) struct Template(Value);

impl Template {
    pub(crate) fn read() -> Self {
        Self(yaml_serde::from_str(&read("template.yaml")).unwrap())
    }

    /// The value at a path as `Globals.Function.Timeout`.
    pub(crate) fn at(&self, path: &str) -> &Value {
        at(&self.0, path)
    }

    /// The functions of operations, by their logical ids.
    pub(crate) fn operations(&self) -> Vec<(&str, &Value)> {
        let mut functions = self.resources("AWS::Serverless::Function");
        functions.retain(|(id, _)| *id != "Authorizer");
        functions
    }

    /// The resources of a type, by their logical ids.
    pub(crate) fn resources(&self, kind: &str) -> Vec<(&str, &Value)> {
        let resources = self.at("Resources").as_mapping().unwrap().iter();
        let resources = resources.filter(|(_, resource)| resource["Type"].as_str() == Some(kind));
        resources.map(|(id, resource)| (id.as_str().unwrap(), &resource["Properties"])).collect()
    }
}

/// The value at a path below `value`.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, name| value.get(name).unwrap_or_else(|| panic!("{path}: there is no {name}")))
}

/// The argument of a short intrinsic function, as `X` of `!Ref X`.
pub(crate) fn argument<'a>(value: &'a Value, function: &str) -> &'a Value {
    match value {
        Value::Tagged(tagged) if tagged.tag == function => {
            let TaggedValue { value, .. } = &**tagged;
            value
        }
        other => panic!("{other:?} is no !{function}"),
    }
}

/// The texts of a list.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    value.as_sequence().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}
