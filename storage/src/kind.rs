//! Which files a browser may show inside a page, and as what.
//!
//! A file is shown only if its first bytes prove a type of the table below, and its declared type is one that people give to
//! such a file. It is then served as the one type that the table has for these bytes. The declared type itself is never
//! served inside a page: readers disagree on what a strange one means, and one of them may see HTML.

use shared::media_type::Essence;

/// How much of a file's beginning is enough to tell its type, in bytes.
pub const BEGINNING: usize = 8 * 1024;

/// What is said of a file of which nothing is known.
pub const UNKNOWN: &str = "application/octet-stream";

/// What the bytes of a file prove it to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    Gif,
    Webp,
    Avif,
    Pdf,
    Webm,
    Matroska,
    Mp4,
    QuickTime,
    ThreeGp,
    ThreeG2,
    Ogg,
    Mp3,
    Wav,
    Flac,
    Aac,
}

/// Whether a container holds pictures. Its beginning doesn't always tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tracks {
    Video,
    AudioAlone,
    Untold,
}

impl Format {
    /// The type it is served as with pictures, and with sound alone. There are no others inside a page.
    const fn served(self) -> (&'static str, &'static str) {
        match self {
            Self::Png => ("image/png", "image/png"),
            Self::Jpeg => ("image/jpeg", "image/jpeg"),
            Self::Gif => ("image/gif", "image/gif"),
            Self::Webp => ("image/webp", "image/webp"),
            Self::Avif => ("image/avif", "image/avif"),
            Self::Pdf => ("application/pdf", "application/pdf"),
            Self::Webm => ("video/webm", "audio/webm"),
            Self::Matroska => ("video/x-matroska", "audio/x-matroska"),
            Self::Mp4 => ("video/mp4", "audio/mp4"),
            Self::QuickTime => ("video/quicktime", "audio/mp4"),
            Self::ThreeGp => ("video/3gpp", "audio/3gpp"),
            Self::ThreeG2 => ("video/3gpp2", "audio/3gpp2"),
            Self::Ogg => ("video/ogg", "audio/ogg"),
            Self::Mp3 => ("audio/mpeg", "audio/mpeg"),
            Self::Wav => ("audio/wav", "audio/wav"),
            Self::Flac => ("audio/flac", "audio/flac"),
            Self::Aac => ("audio/aac", "audio/aac"),
        }
    }

    /// The declared types that agree with it: what recorders, browsers and operating systems call such a file.
    const fn agreeing(self) -> &'static [&'static str] {
        match self {
            Self::Png => &["image/png", "image/apng", "image/x-png", "image/vnd.mozilla.apng"],
            Self::Jpeg => &["image/jpeg", "image/jpg", "image/pjpeg"],
            Self::Gif => &["image/gif"],
            Self::Webp => &["image/webp"],
            Self::Avif => &["image/avif", "image/avif-sequence"],
            Self::Pdf => &["application/pdf", "application/x-pdf"],
            // A page that records often says one of these and gets the other, and both are one format.
            Self::Webm | Self::Matroska => &[
                "video/webm",
                "audio/webm",
                "video/x-matroska",
                "audio/x-matroska",
                "video/matroska",
                "audio/matroska",
            ],
            Self::Mp4 | Self::QuickTime | Self::ThreeGp | Self::ThreeG2 => &[
                "video/mp4",
                "audio/mp4",
                "application/mp4",
                "video/x-m4v",
                "video/m4v",
                "audio/m4a",
                "audio/x-m4a",
                "audio/aac",
                "audio/aacp",
                "video/quicktime",
                "video/3gpp",
                "audio/3gpp",
                "video/3gpp2",
                "audio/3gpp2",
            ],
            Self::Ogg => &[
                "audio/ogg",
                "video/ogg",
                "application/ogg",
                "application/x-ogg",
                "audio/opus",
                "audio/vorbis",
                "audio/x-opus+ogg",
                "audio/x-vorbis+ogg",
            ],
            Self::Mp3 => &["audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/mpeg3", "audio/x-mpeg-3", "audio/x-mpeg"],
            Self::Wav => &["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"],
            Self::Flac => &["audio/flac", "audio/x-flac"],
            Self::Aac => &["audio/aac", "audio/x-aac", "audio/aacp", "audio/x-hx-aac-adts"],
        }
    }

    /// Of the beginning of a file.
    fn of(bytes: &[u8]) -> Option<(Self, Tracks)> {
        let at = |from: usize, what: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(what));
        let alone = |format| Some((format, Tracks::Video));
        match bytes {
            _ if at(0, b"\x89PNG\r\n\x1a\n") => alone(Self::Png),
            _ if at(0, b"\xff\xd8\xff") => alone(Self::Jpeg),
            _ if at(0, b"GIF87a") || at(0, b"GIF89a") => alone(Self::Gif),
            _ if at(0, b"RIFF") && at(8, b"WEBP") => alone(Self::Webp),
            _ if at(0, b"RIFF") && at(8, b"WAVE") => alone(Self::Wav),
            _ if at(0, b"%PDF-") => alone(Self::Pdf),
            _ if at(0, b"fLaC") => alone(Self::Flac),
            _ if at(0, b"OggS") => Some((Self::Ogg, ogg_tracks(bytes))),
            _ if at(0, b"\x1a\x45\xdf\xa3") => ebml(bytes),
            _ if at(4, b"ftyp") => iso_media(bytes),
            // What old QuickTime recorders begin with.
            _ if at(4, b"moov") || (at(4, b"wide") && at(12, b"mdat")) => Some((Self::QuickTime, iso_tracks(bytes))),
            _ if at(0, b"ID3") => alone(Self::Mp3),
            [0xff, second, third, ..] => audio_frame(*second, *third).map(|format| (format, Tracks::AudioAlone)),
            _ => None,
        }
    }
}

/// The format of a raw audio frame, by the bytes after `FF`: the version, the layer, the bit rate and the sampling rate, none
/// of them reserved.
fn audio_frame(second: u8, third: u8) -> Option<Format> {
    let (is_synchronized, version, layer) = (second >> 5 == 7, second >> 3 & 3, second >> 1 & 3);
    match (is_synchronized, version, layer) {
        // MPEG 1, 2 and 2.5, layer III.
        (true, 0 | 2 | 3, 1) if third >> 4 != 15 && third >> 2 & 3 != 3 => Some(Format::Mp3),
        // ADTS has no layer.
        (true, 2 | 3, 0) if second >> 4 == 15 && third >> 2 & 15 < 13 => Some(Format::Aac),
        _ => None,
    }
}

/// By the codec that the first page names.
fn ogg_tracks(bytes: &[u8]) -> Tracks {
    let Some(segments) = bytes.get(26).map(|count| usize::from(*count)) else { return Tracks::Untold };
    let packet = bytes.get(27 + segments..).unwrap_or_default();
    let is = |names: &[&[u8]]| names.iter().any(|name| packet.starts_with(name));
    if is(&[b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   "]) {
        Tracks::AudioAlone
    } else if is(&[b"\x80theora", b"fishead\0"]) {
        Tracks::Video
    } else {
        Tracks::Untold
    }
}

/// An element of EBML (RFC 8794): its id, its content as far as it is there, and what follows it.
fn element(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let number = |bytes: &[u8], keeps_marker: bool| {
        let length = bytes.first()?.leading_zeros() as usize + 1;
        let mut digits = bytes.get(..length).filter(|_| length <= 8)?.to_vec();
        if !keeps_marker {
            digits[0] &= u8::MAX.checked_shr(u32::try_from(length).ok()?).unwrap_or(0);
        }
        Some((length, digits.iter().fold(0_u64, |number, digit| number << 8 | u64::from(*digit))))
    };
    let (id_length, id) = number(bytes, true)?;
    let rest = bytes.get(id_length..)?;
    let (size_length, size) = number(rest, false)?;
    let rest = rest.get(size_length..)?;
    // One of all ones is a size that is not known: to the end.
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(rest.len());
    let (content, after) = rest.split_at(size);
    Some((u32::try_from(id).ok()?, content, after))
}

fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, content, after) = element(bytes)?;
        bytes = after;
        Some((id, content))
    })
}

/// `WebM` or Matroska, by the type that the header names, and the kinds of its tracks where they come early.
fn ebml(bytes: &[u8]) -> Option<(Format, Tracks)> {
    const DOC_TYPE: u32 = 0x4282;
    const SEGMENT: u32 = 0x1853_8067;
    const TRACKS: u32 = 0x1654_AE6B;
    const TRACK: u32 = 0xAE;
    const TRACK_TYPE: u32 = 0x83;
    let (_, header, after) = element(bytes)?;
    let doc_type = elements(header).find(|(id, _)| *id == DOC_TYPE)?.1;
    let format = match doc_type.split(|byte| *byte == 0).next()? {
        b"webm" => Format::Webm,
        b"matroska" => Format::Matroska,
        _ => return None,
    };
    let segment = elements(after).find(|(id, _)| *id == SEGMENT);
    let tracks = segment.and_then(|(_, segment)| elements(segment).find(|(id, _)| *id == TRACKS));
    let tracks = tracks.map_or(&[][..], |(_, tracks)| tracks);
    let kinds = elements(tracks).filter(|(id, _)| *id == TRACK);
    let kinds: Vec<u8> =
        kinds.filter_map(|(_, track)| elements(track).find(|(id, _)| *id == TRACK_TYPE)?.1.first().copied()).collect();
    let told = if kinds.contains(&1) {
        Tracks::Video
    } else if kinds.is_empty() {
        Tracks::Untold
    } else {
        Tracks::AudioAlone
    };
    Some((format, told))
}

/// ISO base media: MP4 and its relatives, by their brand. Those that hold images are no media, but for AVIF.
fn iso_media(bytes: &[u8]) -> Option<(Format, Tracks)> {
    let brand: &[u8; 4] = bytes.get(8..12)?.try_into().ok()?;
    if !brand.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return None;
    }
    let format = match brand {
        b"avif" | b"avis" => return Some((Format::Avif, Tracks::Video)),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" | b"mif1" | b"mif2" | b"msf1"
        | b"miaf" | b"jpeg" | b"jpgs" | b"jp2 " | b"jpx " | b"jpm " | b"mjp2" | b"jxl " | b"crx " => return None,
        b"M4A " | b"M4B " | b"M4P " => return Some((Format::Mp4, Tracks::AudioAlone)),
        b"qt  " => Format::QuickTime,
        [b'3', b'g', b'2', _] => Format::ThreeG2,
        [b'3', b'g', _, _] => Format::ThreeGp,
        _ => Format::Mp4,
    };
    Some((format, iso_tracks(bytes)))
}

/// By the handlers of the tracks, where the index comes before the media, as in what browsers record.
fn iso_tracks(bytes: &[u8]) -> Tracks {
    let has = |kind: &[u8]| {
        // A handler's box: its name, version and flags, four bytes of nothing, and the kind.
        bytes.windows(16).any(|at| at.starts_with(b"hdlr") && at[12..].starts_with(kind))
    };
    match (has(b"vide"), has(b"soun")) {
        (true, _) => Tracks::Video,
        (false, true) => Tracks::AudioAlone,
        (false, false) => Tracks::Untold,
    }
}

/// The type that a browser may show the file as, inside a page; none where it is to be downloaded.
#[must_use]
pub fn shown(declared: &Essence, beginning: &[u8]) -> Option<&'static str> {
    let (format, tracks) = Format::of(beginning)?;
    if !format.agreeing().contains(&declared.as_str()) {
        return None;
    }
    let (video, audio) = format.served();
    let is_audio = match tracks {
        Tracks::Video => false,
        Tracks::AudioAlone => true,
        // Either is safe, so the uploader may choose.
        Tracks::Untold => declared.is_of("audio"),
    };
    Some(if is_audio { audio } else { video })
}

/// Whether this is a type that files are shown as: a record of another is not believed to be safe.
#[must_use]
pub fn is_shown(kind: &str) -> bool {
    const ALL: [Format; 17] = [
        Format::Png,
        Format::Jpeg,
        Format::Gif,
        Format::Webp,
        Format::Avif,
        Format::Pdf,
        Format::Webm,
        Format::Matroska,
        Format::Mp4,
        Format::QuickTime,
        Format::ThreeGp,
        Format::ThreeG2,
        Format::Ogg,
        Format::Mp3,
        Format::Wav,
        Format::Flac,
        Format::Aac,
    ];
    ALL.iter().any(|format| format.served().0 == kind || format.served().1 == kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    fn as_declared(declared: &str, bytes: &[u8]) -> Option<&'static str> {
        shown(&Essence::of(declared).unwrap(), bytes)
    }

    fn ftyp(brand: &str) -> Vec<u8> {
        [b"\0\0\0\x18ftyp", brand.as_bytes(), b"\0\0\0\0isomiso2\0\0\0\x08free"].concat()
    }

    fn webm(doc_type: &str) -> Vec<u8> {
        let length = u8::try_from(doc_type.len()).unwrap();
        let mut header = vec![0x42, 0x86, 0x81, 1, 0x42, 0x82, 0x80 | length];
        header.extend_from_slice(doc_type.as_bytes());
        let mut file = vec![0x1a, 0x45, 0xdf, 0xa3, 0x80 | u8::try_from(header.len()).unwrap()];
        file.extend(header);
        file
    }

    /// With a segment of unknown size, as recorders write it, and tracks of these types.
    fn with_tracks(doc_type: &str, kinds: &[u8]) -> Vec<u8> {
        let mut file = webm(doc_type);
        file.extend([0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        // Information first, of no interest.
        file.extend([0x15, 0x49, 0xa9, 0x66, 0x82, 0xec, 0x80]);
        let tracks: Vec<u8> = kinds.iter().flat_map(|kind| [0xae, 0x86, 0xd7, 0x81, 1, 0x83, 0x81, *kind]).collect();
        file.extend([0x16, 0x54, 0xae, 0x6b, 0x80 | u8::try_from(tracks.len()).unwrap()]);
        file.extend(tracks);
        file
    }

    fn ogg(codec: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0\x02".to_vec();
        page.resize(26, 0);
        page.extend([1, u8::try_from(codec.len()).unwrap()]);
        page.extend_from_slice(codec);
        page
    }

    #[test]
    fn only_what_bytes_and_declaration_agree_on_is_shown() {
        let html = b"<!DOCTYPE html><script>alert(1)</script>";
        for (declared, bytes, served) in [
            ("image/png", PNG, Some("image/png")),
            ("IMAGE/PNG; x=y", PNG, Some("image/png")),
            ("image/png;, text/html", PNG, Some("image/png")),
            ("image/apng", PNG, Some("image/png")),
            ("image/jpeg", PNG, None),
            ("text/html", PNG, None),
            ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            ("image/png", html, None),
            ("text/html", html, None),
            ("image/png", b"\x89PNG<html>", None),
            ("image/gif", b"GIF<html>", None),
            ("image/gif", b"GIF89a", Some("image/gif")),
            ("image/jpg", b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            ("image/webp", b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            ("image/webp", b"<html>xxWEBP", None),
            ("application/pdf", b"%PDF-1.7", Some("application/pdf")),
            ("image/avif", &ftyp("avif"), Some("image/avif")),
            ("image/heic", &ftyp("heic"), None),
            ("video/mp4", &ftyp("heic"), None),
            ("image/png", b"", None),
        ] {
            assert_eq!(as_declared(declared, bytes), served, "{declared}");
        }
    }

    #[test]
    fn what_browsers_record_is_played() {
        for (declared, bytes, served) in [
            ("video/webm;codecs=vp8,opus", webm("webm"), Some("video/webm")),
            ("audio/webm;codecs=opus", webm("webm"), Some("audio/webm")),
            ("audio/webm", with_tracks("webm", &[2]), Some("audio/webm")),
            ("video/webm", with_tracks("webm", &[2]), Some("audio/webm")),
            ("audio/webm", with_tracks("webm", &[2, 1]), Some("video/webm")),
            ("video/x-matroska;codecs=avc1,opus", with_tracks("matroska", &[1, 2]), Some("video/x-matroska")),
            ("video/webm", webm("evil"), None),
            ("video/mp4", webm("webm"), None),
            ("audio/ogg; codecs=opus", ogg(b"OpusHead"), Some("audio/ogg")),
            ("audio/opus", ogg(b"OpusHead"), Some("audio/ogg")),
            ("video/ogg", ogg(b"\x80theora"), Some("video/ogg")),
            ("application/ogg", ogg(b"\x01vorbis"), Some("audio/ogg")),
            ("audio/mpeg", b"\xff\xe3\x18\xc4".to_vec(), Some("audio/mpeg")),
            ("audio/mp3", b"\xff\xfb\x90\x00".to_vec(), Some("audio/mpeg")),
            ("audio/mpeg", b"ID3\x04".to_vec(), Some("audio/mpeg")),
            ("audio/mpeg", "\u{feff}<html>".encode_utf16().flat_map(u16::to_le_bytes).collect(), None),
            ("audio/aac", b"\xff\xf1\x50\x80".to_vec(), Some("audio/aac")),
            ("audio/vnd.wave", b"RIFF\0\0\0\0WAVEfmt ".to_vec(), Some("audio/wav")),
            ("audio/flac", b"fLaC\0".to_vec(), Some("audio/flac")),
            ("audio/mp4", ftyp("M4A "), Some("audio/mp4")),
            ("video/quicktime", ftyp("qt  "), Some("video/quicktime")),
            ("video/3gpp", ftyp("3gp4"), Some("video/3gpp")),
            ("video/3gpp2", ftyp("3g2a"), Some("video/3gpp2")),
        ] {
            assert_eq!(as_declared(declared, &bytes), served, "{declared}");
        }
        for brand in ["isom", "iso5", "iso8", "iso9", "cmfc", "cmf2", "mp42", "avc1", "dash", "MSNV", "hlsf"] {
            assert_eq!(as_declared("video/mp4", &ftyp(brand)), Some("video/mp4"), "{brand}");
        }
        let safari = [ftyp("iso5"), b"\0\0\0\x20hdlr\0\0\0\0\0\0\0\0soun".to_vec()].concat();
        assert_eq!(as_declared("video/mp4", &safari), Some("audio/mp4"));
    }

    proptest! {
        #[test]
        fn any_bytes_under_any_type_are_shown_as_a_type_of_the_table_or_not_at_all(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            start in proptest::sample::select(vec![&b""[..], b"\x1a\x45\xdf\xa3", b"OggS", b"\0\0\0\x18ftyp", b"\xff"]),
            declared in "(video/webm|audio/ogg|video/mp4|audio/mpeg|text/html|[a-z]{1,8}/[a-z]{1,8})",
        ) {
            let served = as_declared(&declared, &[start, &bytes].concat());
            prop_assert!(served.is_none_or(is_shown));
            prop_assert!(served.is_none_or(|served| !served.starts_with("text/")));
        }
    }
}
