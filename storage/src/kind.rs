//! Which files a browser may show inside a page.

/// How much of a file's beginning is enough to tell its type, in bytes.
pub const BEGINNING: usize = 8 * 1024;

/// Types by their bytes, and the declared types that agree with them. What is not here is downloaded: HTML and SVG above
/// all, which run scripts.
const SHOWN: [(&[&str], &[&str]); 11] = [
    (&["image/png"], &["image/png"]),
    (&["image/jpeg"], &["image/jpeg", "image/jpg", "image/pjpeg"]),
    (&["image/gif"], &["image/gif"]),
    (&["image/webp"], &["image/webp"]),
    (&["image/avif"], &["image/avif"]),
    (&["application/pdf"], &["application/pdf"]),
    // Containers whose bytes don't say whether there is a picture beside the sound.
    (&["video/webm"], &["video/webm", "audio/webm"]),
    (
        &["video/mp4", "video/x-m4v", "video/quicktime", "audio/m4a"],
        &["video/mp4", "video/x-m4v", "video/quicktime", "audio/mp4", "audio/m4a", "audio/x-m4a"],
    ),
    (&["audio/ogg", "video/ogg"], &["audio/ogg", "video/ogg", "application/ogg"]),
    (&["audio/mpeg"], &["audio/mpeg", "audio/mp3"]),
    (
        &["audio/x-wav", "audio/x-flac", "audio/aac"],
        &["audio/wav", "audio/x-wav", "audio/wave", "audio/flac", "audio/x-flac", "audio/aac"],
    ),
];

/// Whether the file's bytes prove a type that is safe to show, and the declared type agrees with it.
#[must_use]
pub fn is_shown(declared: &str, beginning: &[u8]) -> bool {
    let Some(found) = infer::get(beginning) else { return false };
    let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut families = SHOWN.iter();
    families.any(|(bytes, agreeing)| bytes.contains(&found.mime_type()) && agreeing.contains(&declared.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_bytes_and_declaration_agree_on_is_shown() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let mut webm =
            b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm".to_vec();
        webm.resize(300, 0);
        for (declared, bytes, shown) in [
            ("image/png", &png[..], true),
            ("IMAGE/PNG; x=y", &png[..], true),
            ("image/jpeg", &png[..], false),
            ("text/html", &png[..], false),
            ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", false),
            ("image/png", b"<html><script>alert(1)</script>", false),
            ("text/html", b"<!DOCTYPE html><html>", false),
            ("application/pdf", b"%PDF-1.7", true),
            ("video/webm", &webm, true),
            ("video/webm;codecs=vp9,opus", &webm, true),
            ("audio/webm", &webm, true),
            ("video/mp4", &webm, false),
            ("image/png", b"", false),
        ] {
            assert_eq!(is_shown(declared, bytes), shown, "{declared}");
        }
    }
}
