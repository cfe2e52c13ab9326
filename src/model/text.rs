//! Names that are not UTF-8: ONNX says they are, files do not always obey, and prost refuses what is not.
//!
//! Each byte that is not part of valid UTF-8 stands as one character at the very end of Unicode's last private plane, and a
//! character from there that is really in the file is spelt byte by byte in the same way. So the mapping can be undone.

const FIRST: u32 = 0x10_ff00;

fn escape(byte: u8) -> char {
    char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Whether a character stands for a byte that was not UTF-8.
pub fn is_escape(c: char) -> bool {
    u32::from(c) >= FIRST
}

/// Whether bytes are the text that they are decoded to, as nearly all names are.
pub fn plain(bytes: &[u8]) -> bool {
    bytes.is_ascii()
}

/// Bytes of a file as text.
pub fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_escape(c) {
                text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(escape));
            } else {
                text.push(c);
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| escape(*byte)));
    }
    text
}

/// Text as the bytes that it came from.
pub fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(FIRST)) {
            Ok(byte) if is_escape(c) => bytes.push(byte),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_string_survives() {
        for bytes in [&b"plain"[..], b"\xff\xfe", b"a\x80b\xc3\xa4", "\u{10ff80}x\u{10ffff}".as_bytes(), b""] {
            assert_eq!(encode(&decode(bytes)), bytes);
        }
        assert_ne!(decode(b"\x80"), decode("\u{10ff80}".as_bytes()));
    }
}
