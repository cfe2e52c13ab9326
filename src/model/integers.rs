//! Elements of constants that are whole numbers, of every width that is stored.

use crate::error::Result;
use crate::model::computed::Numbers;
use crate::model::{Model, Payload, Tensor};
use crate::onnx::tensor_proto::DataType;

/// A type of whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Bits of a number; below 8, several share a byte, the first in the lowest bits.
    pub bits: u32,
    /// Whether there are negative ones.
    pub signed: bool,
}

/// The type of whole numbers that ONNX gives this number; those of 64 bits without sign are not read.
pub fn whole(data_type: i32) -> Option<Whole> {
    use DataType as T;
    let (bits, signed) = match DataType::try_from(data_type).ok()? {
        T::Int64 => (64, true),
        T::Int32 => (32, true),
        T::Uint32 => (32, false),
        T::Int16 => (16, true),
        T::Uint16 => (16, false),
        T::Int8 => (8, true),
        T::Uint8 => (8, false),
        T::Int4 => (4, true),
        T::Uint4 => (4, false),
        T::Int2 => (2, true),
        T::Uint2 => (2, false),
        _ => return None,
    };
    Some(Whole { bits, signed })
}

impl Whole {
    /// The least and the greatest number.
    pub fn range(self) -> (i64, i64) {
        let most = if self.bits >= 64 { i64::MAX } else { (1i64 << (self.bits - u32::from(self.signed))) - 1 };
        (if self.signed { -most - 1 } else { 0 }, most)
    }

    /// Numbers as they are stored.
    pub fn pack(self, values: &[i64]) -> Vec<u8> {
        if self.bits >= 8 {
            return values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(self.bits as usize / 8)).collect();
        }
        let part = |(at, value): (usize, &i64)| (*value as u8 & ((1 << self.bits) - 1)) << (at as u32 * self.bits);
        values
            .chunks(8 / self.bits as usize)
            .map(|all| all.iter().enumerate().map(part).fold(0, |byte, part| byte | part))
            .collect()
    }

    /// The number that the lowest bits of `stored` stand for.
    fn read(self, stored: u64) -> i64 {
        let above = 64 - self.bits;
        if self.signed { (stored << above) as i64 >> above } else { (stored << above >> above) as i64 }
    }

    /// The numbers in a run of bytes.
    fn unpack(self, bytes: &[u8]) -> Vec<i64> {
        if self.bits < 8 {
            let parts = (0..8).step_by(self.bits as usize);
            return bytes.iter().flat_map(|byte| parts.clone().map(move |at| self.read(u64::from(byte >> at)))).collect();
        }
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |all, byte| all << 8 | u64::from(*byte));
        bytes.chunks_exact(self.bits as usize / 8).map(|bytes| self.read(number(bytes))).collect()
    }

    /// One number repeated, as it is stored.
    pub fn repeated(self, value: i64, count: usize) -> Vec<u8> {
        self.pack(&vec![value; count])
    }
}

impl Tensor {
    /// All elements of a tensor of whole numbers.
    ///
    /// # Errors
    /// The file cannot be read, or the tensor is of another type.
    pub fn integers(&self, model: &Model) -> Result<Vec<i64>> {
        let Some(whole) = whole(self.data_type) else {
            return Err(self.broken("the elements are not integers that are read"));
        };
        let mut numbers: Vec<i64> = match &self.payload {
            Payload::Computed(recipe) => match &*recipe.numbers(model)? {
                Numbers::Integers(values) => values.clone(),
                _ => return Err(self.broken("the elements are not integers")),
            },
            Payload::Whole(values) => values.clone(),
            Payload::Bytes { file, range } => {
                let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
                model.file(*file).read_exact_at(&mut bytes, range.start).map_err(|e| self.unreadable(e))?;
                whole.unpack(&bytes)
            }
            // A typed field has a number in each place, or the byte that several share.
            Payload::Fields(span) if whole.bits < 8 => {
                let bytes: Vec<u8> = self.fields(model, span)?.iter().map(|(bits, _)| *bits as u8).collect();
                whole.unpack(&bytes)
            }
            Payload::Fields(span) => self.fields(model, span)?.iter().map(|(bits, _)| whole.read(*bits)).collect(),
            Payload::Inline(_) | Payload::Opaque => return Err(self.broken("the elements are not integers that are read")),
        };
        if whole.bits < 8 {
            numbers.truncate(usize::try_from(self.elements()).unwrap_or(usize::MAX));
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_repeated_is_read_back() {
        for data_type in [2, 3, 4, 5, 6, 7, 12, 21, 22, 25, 26] {
            let whole = whole(data_type).unwrap();
            let lowest = if whole.signed { -2 } else { 0 };
            for (value, count) in [(lowest, 5), (1, 7), (1, 1), (0, 0)] {
                let mut read = whole.unpack(&whole.repeated(value, count));
                assert!(read.len() - count < 8 && read[count..].iter().all(|rest| *rest == 0));
                read.truncate(count);
                assert_eq!(read, vec![value; count], "{data_type}");
            }
        }
        assert_eq!(whole(22).unwrap().unpack(&[0x8f, 0x07]), [-1, -8, 7, 0]);
        assert_eq!(whole(21).unwrap().unpack(&[0x8f]), [15, 8]);
        assert_eq!(whole(3).unwrap().unpack(&[0x80, 0x7f]), [-128, 127]);
        assert_eq!(whole(4).unwrap().unpack(&[0xff, 0xff]), [65535]);
        assert_eq!(whole(10), None);
    }
}
