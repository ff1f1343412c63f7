//! What a file is, by its first bytes: names and headers are claims. Only what is common in business is told apart.

/// What the content says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub media_type: &'static str,
    /// Programs are not taken.
    pub is_program: bool,
}

impl Kind {
    pub fn is_image(self) -> bool {
        self.media_type.starts_with("image/")
    }
}

const fn kind(media_type: &'static str) -> Kind {
    Kind { media_type, is_program: false }
}

const PROGRAM: Kind = Kind { media_type: "application/x-executable", is_program: true };
const UNKNOWN: Kind = kind("application/octet-stream");

/// Bytes at a place, and what they mean.
const SIGNS: &[(usize, &[u8], Kind)] = &[
    (0, b"%PDF-", kind("application/pdf")),
    (0, b"\x89PNG\r\n\x1a\n", kind("image/png")),
    (0, b"\xff\xd8\xff", kind("image/jpeg")),
    (0, b"GIF87a", kind("image/gif")),
    (0, b"GIF89a", kind("image/gif")),
    (8, b"WEBP", kind("image/webp")),
    (0, b"BM", kind("image/bmp")),
    (0, b"II*\0", kind("image/tiff")),
    (0, b"MM\0*", kind("image/tiff")),
    (4, b"ftypheic", kind("image/heic")),
    (4, b"ftypmif1", kind("image/heif")),
    (4, b"ftypavif", kind("image/avif")),
    (4, b"ftypqt", kind("video/quicktime")),
    (4, b"ftyp", kind("video/mp4")),
    (0, b"ID3", kind("audio/mpeg")),
    (0, b"OggS", kind("audio/ogg")),
    (8, b"WAVE", kind("audio/wav")),
    (0, b"#!AMR", kind("audio/amr")),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", kind("application/x-ole-storage")),
    (0, b"Rar!\x1a\x07", kind("application/vnd.rar")),
    (0, b"7z\xbc\xaf\x27\x1c", kind("application/x-7z-compressed")),
    (0, b"\x1f\x8b", kind("application/gzip")),
    (0, b"{\\rtf", kind("application/rtf")),
    (0, b"MZ", PROGRAM),
    (0, b"\x7fELF", PROGRAM),
    (0, b"\xfe\xed\xfa", PROGRAM),
    (0, b"\xcf\xfa\xed\xfe", PROGRAM),
    (0, b"\xca\xfe\xba\xbe", PROGRAM),
    (0, b"#!", PROGRAM),
];

/// Office documents are archives; which one is told by the name alone, and only within what it may be.
const ARCHIVES: &[(&str, Kind)] = &[
    ("xlsx", kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")),
    ("docx", kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document")),
    ("pptx", kind("application/vnd.openxmlformats-officedocument.presentationml.presentation")),
    ("ods", kind("application/vnd.oasis.opendocument.spreadsheet")),
    ("odt", kind("application/vnd.oasis.opendocument.text")),
];

const OLE: &[(&str, Kind)] = &[
    ("xls", kind("application/vnd.ms-excel")),
    ("doc", kind("application/msword")),
    ("ppt", kind("application/vnd.ms-powerpoint")),
];

/// What the first bytes of a file of this name are.
pub fn kind_of(head: &[u8], name: &str) -> Kind {
    let ending = name.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_ascii_lowercase());
    let within = |kinds: &[(&str, Kind)]| kinds.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind);
    if head.starts_with(b"PK\x03\x04") {
        return within(ARCHIVES).unwrap_or(kind("application/zip"));
    }
    let sign = SIGNS.iter().find(|(at, sign, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(sign)));
    match sign {
        Some((_, _, found)) if found.media_type == "application/x-ole-storage" => within(OLE).unwrap_or(*found),
        Some((_, _, found)) => *found,
        None if is_text(head) && ending == "csv" => kind("text/csv"),
        // HTML and SVG are plain text here: nothing that runs in a browser is ever named so.
        None if is_text(head) => kind("text/plain"),
        None => UNKNOWN,
    }
}

fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The last letter may be cut.
        Err(error) => error.error_len().is_none(),
    };
    valid && !head.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_says_what_a_file_is() {
        let check = |head: &[u8], name: &str, expect: &str| {
            assert_eq!(kind_of(head, name).media_type, expect, "{name}");
        };
        check(b"%PDF-1.7 ...", "a.txt", "application/pdf");
        check(b"\x89PNG\r\n\x1a\n....", "a", "image/png");
        check(b"RIFF....WEBP", "a.jpg", "image/webp");
        check(b"PK\x03\x04rest", "book.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
        check(b"PK\x03\x04rest", "book.pdf", "application/zip");
        check("客户,电话\n".as_bytes(), "a.csv", "text/csv");
        check(&"客".as_bytes()[..2], "a.txt", "text/plain");
        check(b"<svg onload=alert(1)>", "a.svg", "text/plain");
        check(b"\0\x01\x02", "a.png", "application/octet-stream");
        assert!(kind_of(b"MZ\x90", "invoice.pdf").is_program);
    }
}
