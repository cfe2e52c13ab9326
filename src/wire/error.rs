//! What can be wrong with bytes, and where.

use std::io;

/// Bytes that are not a protocol buffer message, or that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}: {kind}")]
pub struct WireError {
    /// Where the tag, number or length that is wrong begins, from the start of the source.
    pub offset: u64,
    /// What is wrong there.
    pub kind: WireErrorKind,
}

/// The ways in which bytes fail to be a message.
#[derive(Debug, thiserror::Error)]
pub enum WireErrorKind {
    /// The message or the file ends within a tag, a number or a length.
    #[error("the data end within a field")]
    Truncated,
    /// A field claims more bytes than the message around it has.
    #[error("a field of {length} bytes does not fit into the {available} bytes left")]
    LengthPastEnd {
        /// The length that the field claims.
        length: u64,
        /// What is left of the enclosing message.
        available: u64,
    },
    /// A varint has more than 10 bytes or more than 64 bits.
    #[error("a number has more than 64 bits")]
    VarintTooLong,
    /// A length has more than 5 bytes or exceeds 2³¹ − 1.
    #[error("a length has more than 31 bits")]
    LengthTooLong,
    /// A tag has more than 5 bytes or more than 32 bits.
    #[error("a tag has more than 32 bits")]
    TagTooLong,
    /// Field numbers begin at 1.
    #[error("a field has the number 0")]
    FieldZero,
    /// Wire types end at 5.
    #[error("the wire type {0} does not exist")]
    UnknownWireType(u8),
    /// A group ends that was not begun, is never ended, or ends with another number.
    #[error("the start and the end of a group do not match")]
    GroupMismatch,
    /// Groups or messages are nested more than [`MAX_DEPTH`](super::MAX_DEPTH) deep.
    #[error("nesting is deeper than {} levels", super::MAX_DEPTH)]
    TooDeep,
    /// The source could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl WireErrorKind {
    /// The error of this kind at an offset.
    pub(crate) fn at(self, offset: u64) -> WireError {
        WireError { offset, kind: self }
    }
}
