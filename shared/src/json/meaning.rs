//! What a JSON value means, apart from how it is written.

use sha2::{Digest as _, Sha256};

use super::lexer::{Container, Lexer, NotJson, Token};

/// A digest of what a value means. Two values have the same one if and only if they differ at most in the order of
/// members, in white space and in how text is escaped.
pub(super) type Meaning = [u8; 32];

/// The meaning of the value that `text` is.
///
/// The digest of an object or a list is made of those of its parts, so each byte is looked at once, however deep it
/// stands, and nesting takes no stack.
///
/// # Errors
/// The text is not JSON.
pub(super) fn meaning(text: &str) -> Result<Meaning, NotJson> {
    let mut lexer = Lexer::new(text);
    // Where the parts of each open container begin among all parts. There may be as many as the text has bytes.
    let mut open: Vec<(Container, usize)> = Vec::new();
    let mut parts: Vec<Meaning> = Vec::new();
    while let Some(token) = lexer.token()? {
        let part = match token {
            Token::Start(container) => {
                open.push((container, parts.len()));
                continue;
            }
            Token::Name(text) | Token::Text(text) => digest(b"\"", &text.decoded()),
            Token::Other(written) => digest(b"=", written.as_bytes()),
            Token::End => {
                let (container, first) = open.pop().ok_or(NotJson)?;
                let own = parts.split_off(first);
                match container {
                    Container::Array => digest(b"[", own.as_flattened()),
                    Container::Object => {
                        let (members, _) = own.as_chunks::<2>();
                        let mut members = members.to_vec();
                        members.sort_unstable();
                        digest(b"{", members.as_flattened().as_flattened())
                    }
                }
            }
        };
        parts.push(part);
    }
    parts.pop().ok_or(NotJson)
}

fn digest(kind: &[u8], bytes: &[u8]) -> Meaning {
    Sha256::new_with_prefix(kind).chain_update(bytes).finalize().into()
}
