//! Which encoding a text file has, and its bytes as text. What cannot be decoded is told, never guessed.

use encoding_rs::{Decoder, Encoding as Known, GB18030, UTF_8, UTF_16BE, UTF_16LE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Gb18030,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    pub const ALL: [Encoding; 4] = [Encoding::Utf8, Encoding::Gb18030, Encoding::Utf16Le, Encoding::Utf16Be];

    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb18030 => "gb18030",
            Encoding::Utf16Le => "utf-16le",
            Encoding::Utf16Be => "utf-16be",
        }
    }

    /// By any of its usual names: `gbk` and `gb2312` are read as `gb18030`, which contains them.
    pub fn named(name: &str) -> Option<Encoding> {
        let known = match Known::for_label(name.trim().as_bytes())?.name() {
            "UTF-8" => Encoding::Utf8,
            "GBK" | "gb18030" => Encoding::Gb18030,
            "UTF-16LE" => Encoding::Utf16Le,
            "UTF-16BE" => Encoding::Utf16Be,
            _ => return None,
        };
        Some(known)
    }

    fn known(self) -> &'static Known {
        match self {
            Encoding::Utf8 => UTF_8,
            Encoding::Gb18030 => GB18030,
            Encoding::Utf16Le => UTF_16LE,
            Encoding::Utf16Be => UTF_16BE,
        }
    }

    /// By mark, else by what the first bytes can be.
    pub fn sniff(head: &[u8]) -> Encoding {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => return Encoding::Utf8,
            [0xFF, 0xFE, ..] => return Encoding::Utf16Le,
            [0xFE, 0xFF, ..] => return Encoding::Utf16Be,
            _ => {}
        }
        match std::str::from_utf8(head) {
            Ok(text) if !text.contains('\0') => return Encoding::Utf8,
            // Cut in the middle of a letter.
            Err(error) if error.error_len().is_none() && !head.contains(&0) => return Encoding::Utf8,
            _ => {}
        }
        let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
        let (even, odd) = (zeros(0), zeros(1));
        if odd > head.len() / 8 && odd > even * 4 {
            return Encoding::Utf16Le;
        }
        if even > head.len() / 8 && even > odd * 4 {
            return Encoding::Utf16Be;
        }
        // What decodes as GB18030 up to the cut is that; anything else is taken for broken UTF-8 and told so row by row.
        let mut decoder = GB18030.new_decoder_without_bom_handling();
        let mut text = String::with_capacity(head.len() * 2 + 16);
        let (_, _, broken) = decoder.decode_to_string(head, &mut text, false);
        if broken { Encoding::Utf8 } else { Encoding::Gb18030 }
    }

    /// The text of one cell; `None` where its bytes are no text of this encoding.
    pub fn text(self, bytes: &[u8]) -> Option<String> {
        match self {
            Encoding::Gb18030 => {
                GB18030.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
            }
            // UTF-16 was brought into UTF-8 before the file was taken apart; what was broken carries the mark for that.
            Encoding::Utf16Le | Encoding::Utf16Be => {
                std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\u{fffd}')).map(str::to_owned)
            }
            Encoding::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        }
    }

    /// Brings a file piece by piece into bytes in which separators and quotes are single bytes.
    pub fn transcoder(self) -> Transcoder {
        let decoder = match self {
            Encoding::Utf8 | Encoding::Gb18030 => None,
            Encoding::Utf16Le | Encoding::Utf16Be => Some(self.known().new_decoder_with_bom_removal()),
        };
        Transcoder { decoder, at_start: self == Encoding::Utf8 }
    }
}

pub struct Transcoder {
    decoder: Option<Decoder>,
    at_start: bool,
}

impl Transcoder {
    pub fn next(&mut self, bytes: Vec<u8>, last: bool) -> Vec<u8> {
        let Some(decoder) = &mut self.decoder else {
            let marked = std::mem::take(&mut self.at_start) && bytes.starts_with(&[0xEF, 0xBB, 0xBF]);
            return if marked { bytes[3..].to_vec() } else { bytes };
        };
        let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3 + 16);
        let mut text = String::with_capacity(room);
        let _ = decoder.decode_to_string(&bytes, &mut text, last);
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_encoding() {
        let text = "编码,名称\nC1,上海客户\n";
        let utf16 = |big: bool| -> Vec<u8> {
            text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        };
        let check = |bytes: &[u8], expect: Encoding| assert_eq!(Encoding::sniff(bytes), expect, "{bytes:?}");
        check(text.as_bytes(), Encoding::Utf8);
        check(&text.as_bytes()[..17], Encoding::Utf8);
        check(b"\xEF\xBB\xBFa,b", Encoding::Utf8);
        check(&GB18030.encode(text).0, Encoding::Gb18030);
        check(b"\xFF\xFEa\0", Encoding::Utf16Le);
        let ascii = |big: bool| -> Vec<u8> {
            "code,name\nC1,Shanghai\n"
                .encode_utf16()
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect()
        };
        check(&ascii(false), Encoding::Utf16Le);
        check(&ascii(true), Encoding::Utf16Be);
        check(b"", Encoding::Utf8);
        let mut transcoder = Encoding::Utf16Be.transcoder();
        assert_eq!(transcoder.next(utf16(true), true), text.as_bytes());
    }

    #[test]
    fn names_of_encodings_are_the_usual_ones() {
        for (name, expect) in [("GBK", Some(Encoding::Gb18030)), ("utf8", Some(Encoding::Utf8)), ("klingon", None)] {
            assert_eq!(Encoding::named(name), expect, "{name}");
        }
    }
}
