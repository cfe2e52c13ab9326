//! Floats of eight and four bits, as quantised weights have them: read, never written.

use crate::error::Result;
use crate::model::{Model, Payload, Tensor};
use crate::onnx::tensor_proto::DataType;

/// A type of small floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmallFloat {
    /// Bits of a number; of four, two share a byte, the first in the lowest bits.
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
            Payload::Fields(span) => self.fields(model, span)?.iter().map(|(bits, _)| *bits as u8).collect(),
            _ => return Err(self.broken("the elements are not small floats that are read")),
        };
        let each = |byte: u8| (0..8 / kind.bits).map(move |at| byte >> (at * kind.bits) & (0xff >> (8 - kind.bits)));
        let mut numbers: Vec<f64> = bytes.into_iter().flat_map(each).map(|bits| kind.number(bits)).collect();
        numbers.truncate(usize::try_from(self.elements()).unwrap_or(usize::MAX));
        Ok(numbers)
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
        for (data_type, bits) in [(17, 0x7f), (17, 0xff), (18, 0x80), (19, 0x7c), (19, 0xfd), (20, 0x80)] {
            assert!(read(data_type, &[bits])[0].is_nan(), "{data_type}");
        }
        for data_type in [17, 18, 19, 20, 23] {
            let all = (0..=u8::MAX).map(|b| small_float(data_type).unwrap().number(b & if data_type == 23 { 15 } else { 255 }));
            assert_eq!(all.filter(|x| !x.is_nan()).fold(0.0, f64::max), small_float(data_type).unwrap().largest);
        }
    }
}
