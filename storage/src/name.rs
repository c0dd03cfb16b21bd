//! The names of files: as they are kept, as they are served, and as a link ends with them.

use percent_encoding::percent_decode_str;

/// The longest name, in bytes: what file systems take, so that a downloaded file can be saved under it. It also keeps the
/// redirect of a link far below the 8 KB at which S3 ends a request line, into which a name goes escaped twice.
pub const LONGEST: usize = 255;

/// The longest extension that a shortened name keeps, in bytes.
const LONGEST_EXTENSION: usize = 32;

/// What a file without a name is called.
pub const UNNAMED: &str = "file";

/// A name as it is kept and served: without control characters and direction overrides, which can make `gpj.exe` look like
/// `exe.jpg`, and at most [`LONGEST`] bytes. A longer one is cut before its extension, at a character's edge.
#[must_use]
pub fn clean(name: &str) -> String {
    let seen: String = name.chars().filter(|character| !is_unseen(*character)).collect();
    if seen.is_empty() {
        return UNNAMED.to_owned();
    }
    if seen.len() <= LONGEST {
        return seen;
    }
    let dot = seen.rfind('.').filter(|dot| *dot > 0 && seen.len() - dot <= LONGEST_EXTENSION);
    let (stem, extension) = seen.split_at(dot.unwrap_or(seen.len()));
    format!("{}{extension}", &stem[..stem.floor_char_boundary(LONGEST - extension.len())])
}

/// Control characters, line separators, and marks that change the direction in which a text is shown.
fn is_unseen(character: char) -> bool {
    let changes_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || changes_direction || matches!(character, '\u{2028}' | '\u{2029}')
}

/// A name as the last segment of a link's path: letters, digits and `.-_` only, short, and never empty.
#[must_use]
pub fn segment(name: &str) -> String {
    const LONGEST: usize = 40;
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || ".-_".contains(*character);
    let kept: String = name.chars().map(|character| if is_plain(&character) { character } else { '-' }).collect();
    let kept = kept.trim_matches(['.', '-']);
    // The end is kept, which says the type.
    let kept = kept.get(kept.len().saturating_sub(LONGEST)..).unwrap_or_default().trim_start_matches(['.', '-']);
    if kept.is_empty() { UNNAMED.to_owned() } else { kept.to_owned() }
}

/// The file name in a `Content-Disposition` header of a form's part, as far as its extended form (RFC 8187) says it:
/// `filename*=UTF-8''%E5%86%99.png`. None where there is no such parameter, or none that can be read.
#[must_use]
pub fn extended(disposition: &str) -> Option<String> {
    let value = parameters(disposition).into_iter().find(|(name, _)| name.eq_ignore_ascii_case("filename*"))?.1;
    let mut parts = value.splitn(3, '\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => String::from_utf8(bytes).ok(),
        "iso-8859-1" => Some(bytes.into_iter().map(char::from).collect()),
        _ => None,
    }
}

/// Whether a `Content-Disposition` header names a file, in any form.
#[must_use]
pub fn is_given(disposition: &str) -> bool {
    let is_name = |name: &str| ["filename", "filename*"].iter().any(|known| name.eq_ignore_ascii_case(known));
    parameters(disposition).iter().any(|(name, _)| is_name(name))
}

/// The parameters of a header. A `;` in a quoted value ends nothing.
fn parameters(header: &str) -> Vec<(&str, &str)> {
    let mut is_quoted = false;
    let pieces = header.split(|character| {
        is_quoted ^= character == '"';
        character == ';' && !is_quoted
    });
    let parameters = pieces.filter_map(|piece| piece.split_once('='));
    parameters.map(|(name, value)| (name.trim(), value.trim().trim_matches('"'))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_loses_what_deceives_and_nothing_else() {
        for name in ["plain.png", "a \"b\" 'c'.png", "häagen 🎉.png", "../../etc/passwd", "写真.png", "."] {
            assert_eq!(clean(name), name);
        }
        assert_eq!(clean("invoice\u{202e}gpj.exe"), "invoicegpj.exe");
        assert_eq!(clean("\u{2066}a\u{2069}\r\n\0\u{7f}.png"), "a.png");
        assert_eq!(clean("\u{200f}"), UNNAMED);
        assert_eq!(clean(""), UNNAMED);
    }

    #[test]
    fn a_long_name_is_cut_at_a_characters_edge_and_keeps_its_extension() {
        for (character, extension) in [("x", ".webm"), ("写", ".png"), ("🎉", ".jpeg"), ("é", "")] {
            let name = clean(&format!("{}{extension}", character.repeat(70_000)));
            assert!(name.len() <= LONGEST && name.len() > LONGEST - 4, "{}", name.len());
            assert!(name.ends_with(extension) && name.starts_with(character));
        }
        assert_eq!(clean(&format!(".{}", "x".repeat(300))).len(), LONGEST);
        assert_eq!(clean(&format!("a.{}", "x".repeat(300))).len(), LONGEST);
    }

    #[test]
    fn a_name_is_reduced_to_what_a_path_can_say() {
        for (name, path) in [
            ("wörk/../a \"b\".pdf", "w-rk-..-a--b-.pdf"),
            ("..", "file"),
            ("", "file"),
            ("写真", "file"),
            (&format!("{}.webm", "x".repeat(300)), &format!("{}.webm", "x".repeat(35))),
        ] {
            assert_eq!(segment(name), path);
        }
    }

    #[test]
    fn an_extended_name_is_read() {
        let disposition = |rest: &str| extended(&format!("form-data; name=\"file\"; {rest}"));
        assert_eq!(disposition("filename*=UTF-8''%E5%86%99%E7%9C%9F.png").unwrap(), "写真.png");
        assert_eq!(disposition("FILENAME*=utf-8'en'a%20b.png; filename=\"x;y.png\"").unwrap(), "a b.png");
        assert_eq!(disposition("filename*=iso-8859-1''%E9.png").unwrap(), "é.png");
        assert_eq!(disposition("filename=\"filename*=UTF-8''x\""), None);
        for bad in ["filename*=", "filename*=UTF-8", "filename*=UTF-8''%FF", "filename*=koi8-r''x", "filename=a"] {
            assert_eq!(disposition(bad), None, "{bad}");
        }
        assert!(is_given("form-data; name=file; filename*=bad") && is_given("form-data; filename=\"\""));
        assert!(!is_given("form-data; name=\"filename=x\"") && !is_given(""));
    }

    proptest! {
        #[test]
        fn any_name_is_bounded_and_seen(name in "\\PC{0,300}|[\u{202a}-\u{2069}\r\n.]{0,90}|.{0,400}") {
            let cleaned = clean(&name);
            prop_assert!(!cleaned.is_empty() && cleaned.len() <= LONGEST);
            prop_assert_eq!(clean(&cleaned), cleaned.clone());
            prop_assert!(!cleaned.chars().any(is_unseen));
            let path = segment(&name);
            prop_assert!(!path.is_empty() && path.len() <= 40 && path.is_ascii());
            let _ = (extended(&name), is_given(&name));
        }
    }
}
