//! Variable-length numbers: seven bits a byte, least significant first.

/// The most bytes that a 64-bit number takes.
pub const MAX_BYTES: usize = 10;

/// How many bytes the shortest encoding of `value` has.
#[must_use]
pub fn len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Appends the shortest encoding of `value`.
pub fn encode(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A varint that was read: its value and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Varint {
    /// The number.
    pub value: u64,
    /// The bytes that it takes, which need not be the fewest possible.
    pub len: usize,
}

/// Why bytes are no varint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes end before the number does.
    Truncated,
    /// The number has more bytes or more bits than allowed.
    TooLong,
}

/// Reads a varint of at most `bits` bits from the start of `bytes`. Encodings with redundant
/// zero bits are accepted as long as they have no more bytes than `bits` bits may take.
///
/// # Errors
/// [`Malformed`].
pub fn decode(bytes: &[u8], bits: u32) -> Result<Varint, Malformed> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(bits.div_ceil(7) as usize).enumerate() {
        let shift = 7 * index as u32;
        let low = u64::from(byte & 0x7f);
        if bits - shift < 7 && low >> (bits - shift) != 0 {
            return Err(Malformed::TooLong);
        }
        value |= low << shift;
        if byte & 0x80 == 0 {
            let len = index + 1;
            return Ok(Varint { value, len });
        }
    }
    if bytes.len() < bits.div_ceil(7) as usize { Err(Malformed::Truncated) } else { Err(Malformed::TooLong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_and_have_the_announced_length() {
        let mut values = vec![0, 1, 127, 128, 300, u64::MAX];
        values.extend((0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]));
        for value in values {
            let mut bytes = Vec::new();
            encode(value, &mut bytes);
            assert_eq!(bytes.len(), len(value), "{value}");
            let len = bytes.len();
            assert_eq!(decode(&bytes, 64), Ok(Varint { value, len }));
            bytes.pop();
            assert_eq!(decode(&bytes, 64), Err(Malformed::Truncated));
        }
    }

    #[test]
    fn padding_is_accepted_up_to_the_byte_limit() {
        let read = |bytes: &[u8], bits| decode(bytes, bits).map(|varint| varint.value);
        assert_eq!(read(&[0x85, 0x80, 0x80, 0x80, 0x00], 32), Ok(5));
        let six = [0x85, 0x80, 0x80, 0x80, 0x80, 0x00];
        assert_eq!(read(&six, 32), Err(Malformed::TooLong));
        assert_eq!(read(&six, 64), Ok(5));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f], 32), Ok(0xffff_ffff));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f], 31), Err(Malformed::TooLong));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x1f], 32), Err(Malformed::TooLong));
        let eleven = [0x80; 11];
        assert_eq!(read(&eleven, 64), Err(Malformed::TooLong));
        let mut ten = [0xff; 10];
        ten[9] = 0x01;
        assert_eq!(read(&ten, 64), Ok(u64::MAX));
        ten[9] = 0x02;
        assert_eq!(read(&ten, 64), Err(Malformed::TooLong));
    }
}
