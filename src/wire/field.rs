//! The fields of a message, as ranges of the source.

use std::ops::Range;

use super::varint::{self, Malformed, Varint};
use super::{MAX_DEPTH, Window, WireError, WireErrorKind};

/// How a field is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WireType {
    /// A number of variable length.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length and as many bytes: a string, a message, packed numbers.
    Length,
    /// Fields between a start tag and the matching end tag.
    Group,
    /// Four bytes.
    Fixed32,
}

/// One field: where it lies and, if it is a number, its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field number, at least 1.
    pub number: u32,
    /// How it is encoded.
    pub wire_type: WireType,
    /// The whole field, from its tag on.
    pub range: Range<u64>,
    /// What follows the tag and the length; of a group, what lies between its tags.
    pub payload: Range<u64>,
    /// The value of a varint, the bits of a fixed number, otherwise 0.
    pub value: u64,
}

impl Field {
    /// Whether it is the field of this number, with a text or a message in it. In another form a field is none that the schema
    /// knows, whatever its number.
    pub fn holds(&self, number: u32) -> bool {
        self.number == number && self.wire_type == WireType::Length
    }
}

/// The fields of one message in the order of the source.
///
/// The window is lent out between two fields, so that a nested message can be walked with it:
///
/// ```
/// # use bnfold::wire::{Fields, Window, WireError};
/// fn count(window: &mut Window, message: std::ops::Range<u64>) -> Result<usize, WireError> {
///     let mut fields = Fields::new(window, message);
///     let mut total = 0;
///     while let Some(field) = fields.next()? {
///         total += 1;
///         if field.number == 1 {
///             total += count(fields.window(), field.payload)?;
///         }
///     }
///     Ok(total)
/// }
/// let bytes = vec![0x0a, 0x02, 0x10, 0x05, 0x18, 0x07];
/// assert_eq!(count(&mut Window::new(&bytes), 0..6)?, 3);
/// # Ok::<(), WireError>(())
/// ```
pub struct Fields<'w, 's> {
    window: &'w mut Window<'s>,
    rest: Range<u64>,
}

impl<'w, 's> Fields<'w, 's> {
    /// The fields of the message whose payload is `message`.
    pub fn new(window: &'w mut Window<'s>, message: Range<u64>) -> Self {
        Self { window, rest: message }
    }

    /// The next field, or `None` at the end of the message.
    ///
    /// # Errors
    /// [`WireError`] when no field begins here or it does not fit into the message.
    #[expect(clippy::should_implement_trait, reason = "the window is lent between two fields")]
    pub fn next(&mut self) -> Result<Option<Field>, WireError> {
        let field = self.window.field(self.rest.clone())?;
        if let Some(field) = &field {
            self.rest.start = field.range.end;
        }
        Ok(field)
    }

    /// The window, to read payloads or to walk a nested message.
    pub fn window(&mut self) -> &mut Window<'s> {
        self.window
    }
}

/// A tag: field number, wire type as written, and where the tag ends.
struct Tag {
    number: u32,
    wire_type: u8,
    end: u64,
}

const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;

impl Window<'_> {
    /// The field at the start of `rest`, which ends where the enclosing message ends; `None` when
    /// `rest` is empty.
    ///
    /// # Errors
    /// [`WireError`] when no field begins here or it does not fit.
    pub fn field(&mut self, rest: Range<u64>) -> Result<Option<Field>, WireError> {
        if rest.is_empty() {
            return Ok(None);
        }
        let tag = self.tag(&rest)?;
        match tag.wire_type {
            START_GROUP => self.group(&rest, &tag).map(Some),
            END_GROUP => Err(WireErrorKind::GroupMismatch.at(rest.start)),
            _ => self.plain(&rest, &tag).map(Some),
        }
    }

    fn tag(&mut self, rest: &Range<u64>) -> Result<Tag, WireError> {
        let Varint { value, len } = self.varint(rest, 32, || WireErrorKind::TagTooLong)?;
        // A tag has 32 bits: the number 29, the wire type 3.
        let (number, wire_type) = ((value >> 3) as u32, (value & 7) as u8);
        if number == 0 {
            return Err(WireErrorKind::FieldZero.at(rest.start));
        }
        if wire_type > 5 {
            return Err(WireErrorKind::UnknownWireType(wire_type).at(rest.start));
        }
        Ok(Tag { number, wire_type, end: rest.start + len as u64 })
    }

    /// A field that is no group.
    fn plain(&mut self, rest: &Range<u64>, tag: &Tag) -> Result<Field, WireError> {
        let after = tag.end..rest.end;
        let (wire_type, payload, value) = match tag.wire_type {
            0 => {
                let Varint { value, len } = self.varint(&after, 64, || WireErrorKind::VarintTooLong)?;
                (WireType::Varint, tag.end..tag.end + len as u64, value)
            }
            1 => {
                let (payload, value) = self.fixed(&after, 8)?;
                (WireType::Fixed64, payload, value)
            }
            5 => {
                let (payload, value) = self.fixed(&after, 4)?;
                (WireType::Fixed32, payload, value)
            }
            _ => {
                let Varint { value: length, len } = self.varint(&after, 31, || WireErrorKind::LengthTooLong)?;
                let start = tag.end + len as u64;
                let available = rest.end - start;
                if length > available {
                    let kind = WireErrorKind::LengthPastEnd { length, available };
                    return Err(kind.at(tag.end));
                }
                (WireType::Length, start..start + length, 0)
            }
        };
        let range = rest.start..payload.end;
        Ok(Field { number: tag.number, wire_type, range, payload, value })
    }

    fn fixed(&mut self, after: &Range<u64>, size: u64) -> Result<(Range<u64>, u64), WireError> {
        if after.end - after.start < size {
            return Err(WireErrorKind::Truncated.at(after.start));
        }
        let payload = after.start..after.start + size;
        let bytes = self.peek(payload.clone())?;
        let value = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        Ok((payload, value))
    }

    /// A group with all that it contains. The open groups are kept in a list and not on the
    /// stack, so that hostile nesting costs no recursion.
    fn group(&mut self, rest: &Range<u64>, start: &Tag) -> Result<Field, WireError> {
        let mut open = vec![start.number];
        let mut position = start.end;
        loop {
            let here = position..rest.end;
            if here.is_empty() {
                return Err(WireErrorKind::GroupMismatch.at(rest.start));
            }
            let tag = self.tag(&here)?;
            match tag.wire_type {
                START_GROUP if open.len() == MAX_DEPTH => {
                    return Err(WireErrorKind::TooDeep.at(position));
                }
                START_GROUP => {
                    open.push(tag.number);
                    position = tag.end;
                }
                END_GROUP => {
                    if open.pop() != Some(tag.number) {
                        return Err(WireErrorKind::GroupMismatch.at(position));
                    }
                    if open.is_empty() {
                        let (number, wire_type) = (start.number, WireType::Group);
                        let (range, payload) = (rest.start..tag.end, start.end..position);
                        return Ok(Field { number, wire_type, range, payload, value: 0 });
                    }
                    position = tag.end;
                }
                _ => position = self.plain(&here, &tag)?.range.end,
            }
        }
    }

    fn varint(&mut self, rest: &Range<u64>, bits: u32, too_long: impl Fn() -> WireErrorKind) -> Result<Varint, WireError> {
        // Nearly all have one byte, which is at hand.
        if let Some(byte @ ..0x80) = self.held(rest) {
            return Ok(Varint { value: u64::from(byte), len: 1 });
        }
        let end = rest.end.min(rest.start.saturating_add(varint::MAX_BYTES as u64));
        let bytes = self.peek(rest.start..end)?;
        varint::decode(bytes, bits).map_err(|malformed| {
            let kind = match malformed {
                Malformed::Truncated => WireErrorKind::Truncated,
                Malformed::TooLong => too_long(),
            };
            kind.at(rest.start)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Field>, WireError> {
        let bytes = bytes.to_vec();
        let mut window = Window::new(&bytes);
        let mut fields = Fields::new(&mut window, 0..bytes.len() as u64);
        let mut found = Vec::new();
        while let Some(field) = fields.next()? {
            found.push(field);
        }
        Ok(found)
    }

    fn error(bytes: &[u8]) -> (u64, String) {
        let WireError { offset, kind } = all(bytes).unwrap_err();
        let name = format!("{kind:?}");
        let end = name.find([' ', '(']).unwrap_or(name.len());
        (offset, name[..end].to_owned())
    }

    #[test]
    fn every_wire_type_is_read_with_its_ranges() {
        let bytes = [
            0x08, 0xac, 0x02, // 1: 300
            0x11, 1, 0, 0, 0, 0, 0, 0, 0x80, // 2: fixed64
            0x1a, 0x02, 7, 8, // 3: two bytes
            0x23, 0x08, 0x01, 0x24, // 4: a group with a field
            0x2d, 0, 0, 0x80, 0x3f, // 5: 1.0
            0x32, 0x80, 0x00, // 6: empty, its length padded
        ];
        let fields = all(&bytes).unwrap();
        let summary: Vec<_> =
            fields.iter().map(|f| (f.number, f.wire_type, f.range.clone(), f.payload.clone(), f.value)).collect();
        assert_eq!(
            summary,
            [
                (1, WireType::Varint, 0..3, 1..3, 300),
                (2, WireType::Fixed64, 3..12, 4..12, 0x8000_0000_0000_0001),
                (3, WireType::Length, 12..16, 14..16, 0),
                (4, WireType::Group, 16..20, 17..19, 0),
                (5, WireType::Fixed32, 20..25, 21..25, 0x3f80_0000),
                (6, WireType::Length, 25..28, 28..28, 0),
            ]
        );
    }

    #[test]
    fn broken_fields_are_refused_with_their_offset() {
        let cases: [(&[u8], u64, &str); 16] = [
            (&[0x08], 1, "Truncated"),
            (&[0x80], 0, "Truncated"),
            (&[0x08, 0x80], 1, "Truncated"),
            (&[0x0d, 0, 0, 0], 1, "Truncated"),
            (&[0x09, 0, 0, 0, 0, 0, 0, 0], 1, "Truncated"),
            (&[0x08, 0x01, 0x0a, 0x02, 0x00], 3, "LengthPastEnd"),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x07], 1, "LengthPastEnd"),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], 1, "LengthTooLong"),
            (&[0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 1, "LengthTooLong"),
            (&[0x88, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01], 0, "TagTooLong"),
            (&[0x00, 0x01], 0, "FieldZero"),
            (&[0x0e], 0, "UnknownWireType"),
            (&[0x0f], 0, "UnknownWireType"),
            (&[0x0c], 0, "GroupMismatch"),
            (&[0x0b, 0x14], 1, "GroupMismatch"),
            (&[0x10, 0x00, 0x0b, 0x08, 0x01], 2, "GroupMismatch"),
        ];
        for (bytes, offset, kind) in cases {
            assert_eq!(error(bytes), (offset, kind.to_owned()), "{bytes:x?}");
        }
        let mut long = vec![0x08];
        long.extend([0x80; 10]);
        long.push(0);
        assert_eq!(error(&long), (1, "VarintTooLong".to_owned()));
    }

    #[test]
    fn groups_may_be_nested_a_hundred_deep() {
        let nested = |depth| [vec![0x0b; depth], vec![0x0c; depth]].concat();
        assert_eq!(all(&nested(100)).unwrap().len(), 1);
        assert_eq!(error(&nested(101)), (100, "TooDeep".to_owned()));
        assert_eq!(error(&vec![0x0b; 100_000]), (100, "TooDeep".to_owned()));
    }

    #[test]
    fn a_field_must_end_within_its_message_even_if_the_source_goes_on() {
        let bytes = vec![0x0a, 0x03, 0x12, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00];
        let mut window = Window::new(&bytes);
        let outer = window.field(0..5).unwrap().unwrap();
        let error = window.field(outer.payload).unwrap_err();
        assert!(matches!(error.kind, WireErrorKind::LengthPastEnd { length: 5, available: 1 }));
        let error = window.field(4..100).unwrap_err();
        assert!(matches!(error.kind, WireErrorKind::Truncated));
    }
}
