//! Finds an object that names a member twice.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::lexer::{Container, Lexer, NotJson, Token};

/// Where in a JSON text an object names a member twice, if one does.
///
/// No two parsers agree on what such an object says: one takes the first value, another the last. Names are compared as
/// what they mean, so `"a"` and `"\u0061"` are the same.
///
/// One pass over the text, and each object's names are sorted when it ends: `n log n` of the names in time, a few bytes
/// per name and level of memory, and no recursion.
///
/// # Errors
/// The text is not JSON.
pub(super) fn repeated_name(text: &str) -> Result<Option<String>, NotJson> {
    let mut lexer = Lexer::new(text);
    let mut open: Vec<Level> = Vec::new();
    // The names of all objects that have not ended, the innermost object's last.
    let mut names: Vec<Cow<'_, [u8]>> = Vec::new();
    while let Some(token) = lexer.token()? {
        match token {
            Token::Start(container) => {
                begin_element(&mut open);
                open.push(match container {
                    Container::Object => Level::Object { first: index(names.len()) },
                    Container::Array => Level::Array { elements: 0 },
                });
            }
            Token::Name(name) => names.push(name.decoded()),
            Token::Text(_) | Token::Other(_) => begin_element(&mut open),
            Token::End => {
                if let Some(Level::Object { first }) = open.pop() {
                    let first = first as usize;
                    let own = &mut names[first..];
                    own.sort_unstable();
                    if let Some(pair) = own.windows(2).find(|pair| pair[0] == pair[1]) {
                        let name = pair[0].clone();
                        return Ok(Some(path(&open, &names[..first], &name)));
                    }
                    names.truncate(first);
                }
            }
        }
    }
    Ok(None)
}

/// A container that has begun and not ended. There may be as many of them as the text has bytes, so each is small.
#[derive(Clone, Copy)]
enum Level {
    /// An object, whose names begin at this place of all.
    Object { first: u32 },
    /// An array of which so many elements have begun.
    Array { elements: u32 },
}

/// A request has at most 10 MB, so its names can be counted in 32 bits.
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn begin_element(open: &mut [Level]) {
    if let Some(Level::Array { elements }) = open.last_mut() {
        *elements = elements.saturating_add(1);
    }
}

/// Where a path ends that has more than this many bytes: a message shows less.
const LONGEST_PATH: usize = 1_000;

/// The path of `name` in an object inside of all that is `open`.
fn path(open: &[Level], names: &[Cow<'_, [u8]>], name: &[u8]) -> String {
    let mut path = String::new();
    // The names of the objects that are open are the last ones before those of the next object inside.
    let mut inner = open.iter().filter_map(|level| match level {
        Level::Object { first } => Some(*first as usize),
        Level::Array { .. } => None,
    });
    inner.next();
    for level in open {
        if path.len() > LONGEST_PATH {
            path.push_str("….");
            break;
        }
        match level {
            Level::Array { elements } => {
                // Writing to a text never fails.
                let _ = write!(path, "[{}]", elements.saturating_sub(1));
            }
            Level::Object { .. } => {
                let end = inner.next().unwrap_or(names.len());
                push_name(&mut path, end.checked_sub(1).and_then(|last| names.get(last)).map_or(&[], |name| name));
            }
        }
    }
    push_name(&mut path, name);
    path
}

fn push_name(path: &mut String, name: &[u8]) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&String::from_utf8_lossy(name));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_found_wherever_it_stands() {
        for (text, path) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"a":1,"b":{},"a":2}"#, "a"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
            (r#"{"":1,"":2}"#, ""),
            (r#"{"a":{"b":{"c":1,"d":{},"c":2}}}"#, "a.b.c"),
            (r#"{"x":{"y":1},"a":[1,[],{"b":2},{"c":[{"d":1,"d":2}]}]}"#, "a[3].c[0].d"),
            (r#"[[{"a":1},{"a":1,"a":1}]]"#, "[0][1].a"),
            ("{\"\\ud800\":1,\"\\uD800\":2}", "\u{fffd}\u{fffd}\u{fffd}"),
            ("{\"é\":1,\"\\u00e9\":2}", "é"),
        ] {
            assert_eq!(repeated_name(text).unwrap().as_deref(), Some(path), "{text}");
        }
        for text in [
            r#"{"a":1,"b":1}"#,
            r#"[{"a":1},{"a":1}]"#,
            r#"{"a":{"a":{"a":[{"a":1}]}}}"#,
            r#"{"a":1,"A":2,"a ":3,"á":4}"#,
            "{\"\\ud800\":1,\"\\ud801\":2,\"\\udc00\":3}",
            r#""a""#,
        ] {
            assert_eq!(repeated_name(text), Ok(None), "{text}");
        }
        assert_eq!(repeated_name(r#"{"a":1,"a":1"#), Err(NotJson));
    }

    #[test]
    fn nesting_costs_no_stack_and_no_more_than_its_bytes() {
        let depth = 1_000_000;
        let lists = format!("{}{{\"a\":1,\"a\":2}}{}", "[".repeat(depth), "]".repeat(depth));
        let path = repeated_name(&lists).unwrap().unwrap();
        assert!(path.starts_with("[0][0]") && path.ends_with('a') && path.len() < 1_100, "{}", path.len());
        let objects = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        assert_eq!(repeated_name(&objects), Ok(None));
    }

    /// What a set of names says: an object is read by `serde_json`, member by member.
    fn has_repeated_name(text: &str) -> bool {
        struct Members(bool);
        impl<'de> serde::Deserialize<'de> for Members {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Seen;
                impl<'de> serde::de::Visitor<'de> for Seen {
                    type Value = Members;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                        let (mut seen, mut found) = (BTreeSet::new(), false);
                        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                            found |= !seen.insert(name) || has_repeated_name(value.get());
                        }
                        Ok(Members(found))
                    }
                }
                deserializer.deserialize_map(Seen)
            }
        }
        match serde_json::from_str::<Vec<Box<RawValue>>>(text) {
            Ok(elements) => elements.iter().any(|element| has_repeated_name(element.get())),
            Err(_) => serde_json::from_str::<Members>(text).is_ok_and(|members| members.0),
        }
    }

    fn any_json() -> impl Strategy<Value = String> {
        let name = prop_oneof![Just("a"), Just("\\u0061"), Just("b"), Just("é"), Just("\\u00E9"), Just("")];
        let leaf = prop_oneof![Just("1".to_owned()), Just("\"a\"".to_owned()), Just("null".to_owned())];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            let member = (name.clone(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\" : {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|elements| format!("[{}]", elements.join(","))),
                prop::collection::vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(", "))),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_a_set_of_names_finds(text in any_json()) {
            prop_assert_eq!(repeated_name(&text).unwrap().is_some(), has_repeated_name(&text), "{}", text);
        }
    }
}
