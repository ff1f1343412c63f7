//! The little of `tar` that is needed: regular files with short names, one header each. Knows nothing of what is packed.

pub const BLOCK: usize = 512;
pub const NAME_BYTES_MAX: usize = 100;
/// The kind of a regular file.
pub const FILE: u8 = b'0';

/// One entry, as its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub name: String,
    pub kind: u8,
    pub bytes: u64,
}

/// What keeps a header from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    Header,
    Name,
    Size,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Damage::Header => "a header is damaged",
            Damage::Name => "a name is no text",
            Damage::Size => "a size is damaged",
        })
    }
}

/// How many bytes follow a content of that length.
pub fn padding(bytes: u64) -> usize {
    (BLOCK - (bytes % BLOCK as u64) as usize) % BLOCK
}

/// The header of a regular file, as POSIX wants it; sizes past eight digits of bytes in base 256. `None` where the name
/// is too long.
pub fn header(name: &str, bytes: u64) -> Option<[u8; BLOCK]> {
    let mut block = [0_u8; BLOCK];
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000600\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    if bytes < 1 << 33 {
        block[124..136].copy_from_slice(format!("{bytes:011o}\0").as_bytes());
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&bytes.to_be_bytes());
    }
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = FILE;
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum = checksum(&block);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

/// Reads a header.
pub fn read(block: &[u8; BLOCK]) -> Result<Head, Damage> {
    let octal = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
    };
    if octal(&block[148..156]) != Some(u64::from(checksum(block))) {
        return Err(Damage::Header);
    }
    let end = block[..NAME_BYTES_MAX].iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES_MAX);
    let name = std::str::from_utf8(&block[..end]).map_err(|_| Damage::Name)?;
    let bytes = match block[124] {
        0x80 => Some(u64::from_be_bytes(block[128..136].try_into().unwrap_or_default())),
        _ => octal(&block[124..136]),
    };
    Ok(Head { name: name.to_owned(), kind: block[156], bytes: bytes.ok_or(Damage::Size)? })
}

/// The sum of a header's bytes, its own place counted as spaces.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let own = 148..156;
    block.iter().enumerate().map(|(at, byte)| if own.contains(&at) { 32 } else { u32::from(*byte) }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_past_eight_gibibytes_have_a_header_that_reads_back() {
        for bytes in [0, 511, (1 << 33) - 1, 1 << 33, 1 << 50] {
            let block = header("tables/event.copy", bytes).expect("the name is short");
            let head = Head { name: "tables/event.copy".to_owned(), kind: FILE, bytes };
            assert_eq!(read(&block), Ok(head));
        }
        assert_eq!(header(&"x".repeat(NAME_BYTES_MAX + 1), 1), None);
    }
}
