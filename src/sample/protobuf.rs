//! A writer of protobuf messages: the four field forms that ONNX files use.
//!
//! It must stay apart from `wire` and from prost, so that a mistake in either of them cannot hide
//! behind the same mistake here.

/// The bytes of one message, grown field by field.
#[derive(Debug, Default, Clone)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

const VARINT: u64 = 0;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

impl Message {
    /// The encoded message.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// An `int64`, `int32` or enum field.
    pub(super) fn int(&mut self, field: u64, value: i64) {
        push_varint(&mut self.bytes, field << 3 | VARINT);
        push_varint(&mut self.bytes, value.cast_unsigned());
    }

    /// A `float` field.
    pub(super) fn float(&mut self, field: u64, value: f32) {
        push_varint(&mut self.bytes, field << 3 | FIXED32);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A `string` or `bytes` field; also a packed list whose bytes are ready.
    pub(super) fn bytes(&mut self, field: u64, value: &[u8]) {
        push_varint(&mut self.bytes, field << 3 | LENGTH);
        push_varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A nested message.
    pub(super) fn message(&mut self, field: u64, value: &Message) {
        self.bytes(field, &value.bytes);
    }
}

/// Appends seven bits a byte, the lowest first, the high bit set on all bytes but the last.
pub(super) fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_the_protobuf_specification_shows() {
        let mut message = Message::default();
        message.int(1, 150);
        message.bytes(2, b"testing");
        message.float(3, 1.0);
        message.int(16, -1);
        let expected = [
            &[0x08, 0x96, 0x01][..],
            &[0x12, 0x07],
            b"testing",
            &[0x1d, 0, 0, 0x80, 0x3f],
            &[0x80, 0x01],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ]
        .concat();
        assert_eq!(message.into_bytes(), expected);
    }
}
