//! Floats of eight, six and four bits, as quantised weights have them: read, never written.

use crate::error::Result;
use crate::model::{Model, Payload, Tensor};
use crate::onnx::tensor_proto::DataType;

/// A type of small floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmallFloat {
    /// Bits of a number. Numbers follow one another without gaps, the first in the lowest bits.
    bits: u32,
    /// Bits of the significand that are stored.
    fraction: u32,
    bias: i32,
    /// The bits that stand for no number, sign left out; from the first on where all of them do. With `-0` alone as NaN, none.
    special: Option<u8>,
    /// Whether the sign alone is NaN.
    unsigned_zero: bool,
    /// The largest number.
    pub largest: f64,
}

/// The type of small floats that ONNX gives this number.
pub fn small_float(data_type: i32) -> Option<SmallFloat> {
    let of = |bits, fraction, bias, special, unsigned_zero, largest| {
        Some(SmallFloat { bits, fraction, bias, special, unsigned_zero, largest })
    };
    match DataType::try_from(data_type).ok()? {
        DataType::Float8e4m3fn => of(8, 3, 7, Some(0x7f), false, 448.0),
        DataType::Float8e4m3fnuz => of(8, 3, 8, None, true, 240.0),
        DataType::Float8e5m2 => of(8, 2, 15, Some(0x7c), false, 57344.0),
        DataType::Float8e5m2fnuz => of(8, 2, 16, None, true, 57344.0),
        DataType::Float6e2m3 => of(6, 3, 1, None, false, 7.5),
        DataType::Float6e3m2 => of(6, 2, 3, None, false, 28.0),
        DataType::Float4e2m1 => of(4, 1, 1, None, false, 6.0),
        _ => None,
    }
}

impl SmallFloat {
    /// The number that these bits stand for; NaN also for an infinity, as neither is a weight.
    fn number(self, stored: u8) -> f64 {
        let sign = 1u8 << (self.bits - 1);
        let rest = stored & (sign - 1);
        if self.special.is_some_and(|first| rest >= first) || self.unsigned_zero && rest == 0 && stored & sign != 0 {
            return f64::NAN;
        }
        let (fraction, exponent) = (f64::from(rest & ((1 << self.fraction) - 1)), i32::from(rest >> self.fraction));
        let one = f64::from(1u32 << self.fraction);
        let (significand, exponent) =
            if exponent == 0 { (fraction / one, 1 - self.bias) } else { (1.0 + fraction / one, exponent - self.bias) };
        let magnitude = significand * 2f64.powi(exponent);
        if stored & sign == 0 { magnitude } else { -magnitude }
    }
}

impl SmallFloat {
    /// So many numbers of a row of bytes, as far as they are there.
    fn numbers(self, bytes: &[u8], count: u64) -> Vec<f64> {
        let bits = u64::from(self.bits);
        let number = |at: u64| {
            let (byte, first) = (usize::try_from(at * bits / 8).ok()?, at * bits % 8);
            let pair = u16::from(*bytes.get(byte)?) | u16::from(bytes.get(byte + 1).copied().unwrap_or(0)) << 8;
            let stored = (pair >> first) as u8 & (0xff >> (8 - self.bits));
            Some(self.number(stored))
        };
        (0..count).map_while(number).collect()
    }
}

impl Tensor {
    /// All elements of a tensor of small floats, exactly.
    ///
    /// # Errors
    /// The file cannot be read, or the tensor is of another type.
    pub fn small_floats(&self, model: &Model) -> Result<Vec<f64>> {
        let Some(kind) = small_float(self.data_type) else { return Err(self.broken("the elements are not small floats")) };
        let bytes = match &self.payload {
            Payload::Bytes { file, range } => {
                let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
                model.file(*file).read_exact_at(&mut bytes, range.start).map_err(|e| self.unreadable(e))?;
                bytes
            }
            Payload::Fields(span) => {
                let bytes: Vec<u8> = self.fields(model, span)?.iter().map(|(bits, _)| *bits as u8).collect();
                // Six bits stand in an entry of their own.
                return Ok(match kind.bits {
                    6 => bytes.into_iter().map(|bits| kind.number(bits & 0x3f)).collect(),
                    _ => kind.numbers(&bytes, self.elements()),
                });
            }
            _ => return Err(self.broken("the elements are not small floats that are read")),
        };
        Ok(kind.numbers(&bytes, self.elements()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_the_numbers_that_onnx_says() {
        let read =
            |data_type: i32, bits: &[u8]| bits.iter().map(|b| small_float(data_type).unwrap().number(*b)).collect::<Vec<_>>();
        assert_eq!(read(17, &[0x00, 0x01, 0x38, 0x7e, 0xb8, 0x08]), [0.0, 2f64.powi(-9), 1.0, 448.0, -1.0, 2f64.powi(-6)]);
        assert_eq!(read(18, &[0x01, 0x40, 0x7f, 0xc0]), [2f64.powi(-10), 1.0, 240.0, -1.0]);
        assert_eq!(read(19, &[0x01, 0x3c, 0x7b, 0xbc]), [2f64.powi(-16), 1.0, 57344.0, -1.0]);
        assert_eq!(read(20, &[0x01, 0x40, 0x7f]), [2f64.powi(-17), 1.0, 57344.0]);
        assert_eq!(read(23, &[0, 1, 2, 3, 4, 5, 6, 7, 9]), [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.5]);
        assert_eq!(read(27, &[0, 1, 7, 8, 9, 0x1f, 0x28]), [0.0, 0.125, 0.875, 1.0, 1.125, 7.5, -1.0]);
        assert_eq!(read(28, &[0, 1, 3, 4, 0x0c, 0x1f, 0x2c]), [0.0, 0.0625, 0.1875, 0.25, 1.0, 28.0, -1.0]);
        for (data_type, bits) in [(17, 0x7f), (17, 0xff), (18, 0x80), (19, 0x7c), (19, 0xfd), (20, 0x80)] {
            assert!(read(data_type, &[bits])[0].is_nan(), "{data_type}");
        }
        for data_type in [17, 18, 19, 20, 23, 27, 28] {
            let kind = small_float(data_type).unwrap();
            let all = (0..=u8::MAX).map(|b| kind.number(b & (0xff >> (8 - kind.bits))));
            assert_eq!(all.filter(|x| !x.is_nan()).fold(0.0, f64::max), kind.largest);
        }
    }

    #[test]
    fn numbers_follow_one_another_without_gaps() {
        // Four numbers of six bits in three bytes, as ONNX's own helper packs 1, 2, 33 and 63, and one more.
        let packed = [1 | 2 << 6, 1 << 4, 33 >> 4 | 63 << 2, 5];
        let one = small_float(27).unwrap();
        assert_eq!(one.numbers(&packed, 5), [1u8, 2, 33, 63, 5].map(|bits| one.number(bits)));
        let half = small_float(23).unwrap();
        assert_eq!(half.numbers(&[0x21, 0x43], 3), [1u8, 2, 3].map(|bits| half.number(bits)));
    }
}
