//! The tokens of a JSON text, by the grammar of RFC 8259 and in one pass.
//!
//! `serde_json` decodes text on the way, so it refuses half of a surrogate pair, and its values nest on the stack. Here
//! text stays as it is written, and nesting takes a byte of the heap per level.

use std::borrow::Cow;

/// A part of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{` or `[`.
    Start(Container),
    /// `}` or `]`.
    End,
    /// The name of an object's member.
    Name(Text<'a>),
    /// A text that is a value.
    Text(Text<'a>),
    /// A number, `true`, `false` or `null`, as it is written.
    Other(&'a str),
}

/// What holds other values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Object,
    Array,
}

/// A text as it is written, without its quotation marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) written: &'a str,
    is_escaped: bool,
}

impl<'a> Text<'a> {
    /// The text that is meant, in UTF-8. Half of a surrogate pair has no UTF-8: it becomes the three bytes that it would
    /// have if it were a character (WTF-8), so that texts are equal only if they mean the same.
    pub(super) fn decoded(self) -> Cow<'a, [u8]> {
        if !self.is_escaped {
            return Cow::Borrowed(self.written.as_bytes());
        }
        let mut rest = self.written.as_bytes();
        let mut decoded = Vec::with_capacity(rest.len());
        while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
            decoded.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            let (code, length) = escape(rest);
            push(&mut decoded, code);
            rest = rest.get(length..).unwrap_or_default();
        }
        decoded.extend_from_slice(rest);
        Cow::Owned(decoded)
    }
}

/// What the escape at the beginning of `bytes` stands for, and how many bytes it has.
fn escape(bytes: &[u8]) -> (u32, usize) {
    let simple = match bytes.get(1) {
        Some(b'u') => None,
        Some(b'b') => Some(0x08),
        Some(b'f') => Some(0x0C),
        Some(b'n') => Some(0x0A),
        Some(b'r') => Some(0x0D),
        Some(b't') => Some(0x09),
        Some(other) => Some(u32::from(*other)),
        None => Some(u32::from(b'\\')),
    };
    if let Some(code) = simple {
        return (code, 2);
    }
    match (unit(bytes), bytes.get(6..).and_then(unit_of_escape)) {
        (high @ 0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            (0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00), 12)
        }
        (unit, _) => (unit, 6),
    }
}

fn unit_of_escape(bytes: &[u8]) -> Option<u32> {
    bytes.starts_with(b"\\u").then(|| unit(bytes))
}

/// The UTF-16 unit of the escape `\uXXXX` at the beginning of `bytes`.
fn unit(bytes: &[u8]) -> u32 {
    let digits = bytes.get(2..6).unwrap_or_default();
    digits.iter().fold(0, |unit, digit| unit * 16 + char::from(*digit).to_digit(16).unwrap_or_default())
}

fn push(decoded: &mut Vec<u8>, code: u32) {
    if let Some(character) = char::from_u32(code) {
        decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        // Only surrogates are no characters: they lie between U+D800 and U+DFFF, which are three bytes.
        let bits = |shift: u32| u8::try_from((code >> shift) & 0x3F).unwrap_or_default() | 0x80;
        decoded.extend_from_slice(&[0xED, bits(6), bits(0)]);
    }
}

/// The text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Value,
    /// A value or the end of the array, which has just begun.
    ValueOrEnd,
    Name,
    /// A name or the end of the object, which has just begun.
    NameOrEnd,
    /// A comma or the end of the container; nothing more outside of any.
    Separator,
}

/// Reads the tokens of a text one after the other.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// The containers that have begun and not ended, the innermost last.
    open: Vec<Container>,
    next: Next,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, open: Vec::new(), next: Next::Value }
    }

    /// The next token; none after the last.
    ///
    /// # Errors
    /// The text is not one JSON value.
    pub(super) fn token(&mut self) -> Result<Option<Token<'a>>, NotJson> {
        loop {
            let Some(byte) = self.skip_white_space() else {
                return if self.next == Next::Separator && self.open.is_empty() { Ok(None) } else { Err(NotJson) };
            };
            return match (self.next, byte) {
                (Next::Separator, b',') => {
                    self.at += 1;
                    self.next = match self.open.last() {
                        Some(Container::Object) => Next::Name,
                        Some(Container::Array) => Next::Value,
                        None => return Err(NotJson),
                    };
                    continue;
                }
                (Next::Separator | Next::NameOrEnd, b'}') => self.end(Container::Object),
                (Next::Separator | Next::ValueOrEnd, b']') => self.end(Container::Array),
                (Next::Name | Next::NameOrEnd, b'"') => {
                    let name = self.string()?;
                    if self.skip_white_space() != Some(b':') {
                        return Err(NotJson);
                    }
                    self.at += 1;
                    self.next = Next::Value;
                    Ok(Token::Name(name))
                }
                (Next::Value | Next::ValueOrEnd, byte) => self.value(byte),
                _ => Err(NotJson),
            }
            .map(Some);
        }
    }

    fn value(&mut self, first: u8) -> Result<Token<'a>, NotJson> {
        let (container, next) = match first {
            b'{' => (Container::Object, Next::NameOrEnd),
            b'[' => (Container::Array, Next::ValueOrEnd),
            _ => {
                self.next = Next::Separator;
                return if first == b'"' { self.string().map(Token::Text) } else { self.other() };
            }
        };
        self.at += 1;
        self.open.push(container);
        self.next = next;
        Ok(Token::Start(container))
    }

    fn end(&mut self, container: Container) -> Result<Token<'a>, NotJson> {
        if self.open.pop() != Some(container) {
            return Err(NotJson);
        }
        self.at += 1;
        self.next = Next::Separator;
        Ok(Token::End)
    }

    /// The first byte that is no white space.
    fn skip_white_space(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let skipped = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        self.at += skipped.unwrap_or(rest.len());
        self.text.as_bytes().get(self.at).copied()
    }

    fn string(&mut self) -> Result<Text<'a>, NotJson> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let (mut at, mut is_escaped) = (start, false);
        loop {
            let rest = bytes.get(at..).ok_or(NotJson)?;
            at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).ok_or(NotJson)?;
            match bytes[at] {
                b'"' => break,
                b'\\' => {
                    is_escaped = true;
                    at += match bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') => {
                            let digits = bytes.get(at + 2..at + 6).ok_or(NotJson)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return Err(NotJson);
                            }
                            6
                        }
                        _ => return Err(NotJson),
                    };
                }
                _ => return Err(NotJson),
            }
        }
        self.at = at + 1;
        // Both ends are quotation marks, so they are at the edges of characters.
        Ok(Text { written: self.text.get(start..at).ok_or(NotJson)?, is_escaped })
    }

    fn other(&mut self) -> Result<Token<'a>, NotJson> {
        let rest = &self.text.as_bytes()[self.at..];
        let is_end = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'.' | b'+' | b'-');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        let written = self.text.get(self.at..self.at + length).ok_or(NotJson)?;
        if !matches!(written, "true" | "false" | "null") && !is_number(written.as_bytes()) {
            return Err(NotJson);
        }
        self.at += length;
        Ok(Token::Other(written))
    }
}

/// `number` of RFC 8259 section 6.
fn is_number(written: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let unsigned = written.strip_prefix(b"-").unwrap_or(written);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0') {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_json(text: &str) -> bool {
        let mut lexer = Lexer::new(text);
        loop {
            match lexer.token() {
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(NotJson) => return false,
            }
        }
    }

    fn decoded(written: &str) -> Vec<u8> {
        let text = format!("\"{written}\"");
        match Lexer::new(&text).token() {
            Ok(Some(Token::Text(text))) => text.decoded().into_owned(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn text_is_what_it_means() {
        for (written, meant) in [
            ("a", "a"),
            ("\\u0061\\/\\n", "a/\n"),
            ("\\u00e9é", "éé"),
            ("\\ud83d\\ude00", "😀"),
            ("\\uD83D\\uDE00!", "😀!"),
            ("\\u0000", "\0"),
            ("\\\\u0061", "\\u0061"),
        ] {
            assert_eq!(decoded(written), meant.as_bytes(), "{written}");
        }
        let halves = ["\\ud800", "\\udc00", "\\ud801", "\\ud800a", "\\ud800\\ud800", "\\udc00\\ud800"];
        for (at, half) in halves.iter().enumerate() {
            assert!(halves[..at].iter().all(|other| decoded(other) != decoded(half)), "{half}");
            assert_eq!(decoded(half), decoded(&half.to_uppercase().replace("\\U", "\\u").replace('A', "a")), "{half}");
        }
    }

    #[test]
    fn it_takes_what_the_parser_takes() {
        for text in [
            "",
            " ",
            "1",
            "-0",
            "01",
            "-",
            "1.",
            "1.5e",
            "1.5e+3",
            ".5",
            "1e5",
            "+1",
            "NaN",
            "tru",
            "true",
            "nulll",
            "[]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1}x",
            "[}",
            "{]",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\u{1}\"",
            "[[[]]",
            "]",
            "1 2",
            " {\"a\" : [ 1 , 2 ] } ",
            "\"\\ud800\"",
            "\"é\"",
            "\u{feff}1",
            "1\u{a0}",
            "[\"a\":1]",
            "{\"a\":1 \"b\":2}",
            "{1:2}",
            "--1",
            "1e--5",
        ] {
            assert_eq!(is_json(text), serde_json::from_str::<IgnoredAny>(text).is_ok(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn it_takes_what_the_parser_takes_of_any_text(text in "[\\[\\]{},:\"\\\\ua0-2e.\\-+tru\n é]{0,24}") {
            prop_assert_eq!(is_json(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }
}
