//! Targets below the models: edits of messages, formats of numbers, files of other kinds.

use std::ops::Range;

use bnfold::model::Element;
use bnfold::model::number::{bf16_to_f64, f16_to_f64, f64_to_bf16, f64_to_f16};
use bnfold::wire::splice::{Edit, Piece, splice as spliced, total};
use bnfold::wire::{Fields, Window};

/// Writes pieces out; what is lazy is zero.
fn written(source: &[u8], pieces: &[Piece]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Copy(range) => out.extend_from_slice(&source[range.start as usize..range.end as usize]),
            Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            Piece::Lazy { len, .. } => out.resize(out.len() + *len as usize, 0),
        }
    }
    assert_eq!(total(pieces), Some(out.len() as u64));
    out
}

/// Every field of a message and of those in it, with the message around it, as far as they can be read.
fn fields(window: &mut Window<'_>, message: Range<u64>, depth: usize, found: &mut Vec<(Range<u64>, Range<u64>)>) {
    let mut inner = Vec::new();
    let mut fields_here = Fields::new(window, message.clone());
    while let Ok(Some(field)) = fields_here.next() {
        found.push((message.clone(), field.range));
        inner.push(field.payload);
        if found.len() > 200 {
            return;
        }
    }
    for payload in inner.into_iter().filter(|_| depth > 0) {
        fields(window, payload, depth - 1, found);
    }
}

/// Any message: without an edit it stays as it is, and with each field put in its own place, too; any edits end in an error or in
/// as many bytes as are announced.
pub fn splice(data: &[u8]) -> bool {
    let Some((choice, message)) = data.split_first_chunk::<8>() else { return false };
    let source = message.to_vec();
    let whole = 0..source.len() as u64;
    let Ok(pieces) = spliced(&source, whole.clone(), vec![]) else { return false };
    assert!(written(&source, &pieces) == source, "nothing was asked for");
    let mut found = Vec::new();
    fields(&mut Window::new(&source), whole.clone(), 4, &mut found);
    // Each costs a walk over the message.
    let step = 1 + found.len() / 8;
    for (parent, at) in found.iter().skip(usize::from(choice[6]) % step).step_by(step) {
        let own = Edit { parent: parent.clone(), at: at.clone(), with: vec![Piece::Copy(at.clone())] };
        if let Ok(pieces) = spliced(&source, whole.clone(), vec![own]) {
            assert!(written(&source, &pieces) == source, "the field at {at:?} was put where it is");
        }
    }
    let byte = |at: usize| u64::from(choice[at % 8]) % (whole.end + 2);
    let hostile = |at: usize| Edit {
        parent: byte(at)..byte(at + 1),
        at: byte(at + 2)..byte(at + 3),
        with: vec![Piece::Bytes(choice.to_vec()), Piece::Copy(byte(at + 4)..byte(at + 5)), Piece::Lazy { index: 0, len: 300 }],
    };
    let known = |at: usize| {
        let (parent, at) = found.get(usize::from(choice[at % 8]) % found.len().max(1))?.clone();
        Some(Edit { parent, at, with: vec![Piece::Bytes(vec![0x0a, 0x01, choice[7]])] })
    };
    for edits in [vec![hostile(0)], vec![hostile(1), hostile(2)], (0..3).filter_map(known).collect()] {
        if let Ok(pieces) = spliced(&source, whole.clone(), edits) {
            written(&source, &pieces);
        }
    }
    !found.is_empty()
}

/// The nearest number with so many bits and this smallest exponent, ties to even, by integers.
fn rounded(value: f64, precision: i32, smallest: i32, largest: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let (bits, sign) = (value.abs().to_bits(), 1f64.copysign(value));
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let (digits, unit) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let length = 64 - digits.leading_zeros() as i32;
    let last = (unit + length - precision).max(smallest - precision + 1);
    let shift = last - unit;
    let kept = match shift {
        ..=0 => return value,
        1..=63 => {
            let (kept, rest, half) = (digits >> shift, digits & ((1 << shift) - 1), 1u64 << (shift - 1));
            kept + u64::from(rest > half || rest == half && kept & 1 == 1)
        }
        _ => 0,
    };
    let found = kept as f64 * 2f64.powi(last);
    sign * if found > largest { f64::INFINITY } else { found }
}

fn same(a: f64, b: f64) -> bool {
    a.is_nan() && b.is_nan() || a.to_bits() == b.to_bits()
}

/// Any numbers: rounded as integers say, one by one and many at once, and exact the other way.
pub fn numbers(data: &[u8]) -> bool {
    let values: Vec<f64> = data.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let formats = [
        (Element::F16, 11, -14, 65504.0),
        (Element::BF16, 8, -126, (2.0 - 2f64.powi(-7)) * 2f64.powi(127)),
        (Element::F32, 24, -126, f64::from(f32::MAX)),
    ];
    for (element, precision, smallest, largest) in formats {
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        element.encode(&values, &mut bytes);
        element.decode(&bytes, &mut again);
        assert_eq!(again.len(), values.len());
        for (value, again) in values.iter().zip(&again) {
            let right = rounded(*value, precision, smallest, largest);
            assert!(same(element.round(*value), right), "{element:?}: {value:e} is {right:e}, not {:e}", element.round(*value));
            assert!(same(*again, right), "{element:?}, many at once: {value:e} is {right:e}, not {again:e}");
        }
        // What is stored is read exactly, so that it is written as it was.
        let (mut read, mut stored) = (Vec::new(), Vec::new());
        element.decode(data, &mut read);
        element.encode(&read, &mut stored);
        let size = element.size();
        for (at, value) in read.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            assert_eq!(stored[at * size..][..size], data[at * size..][..size], "{element:?}: {value:e}");
        }
    }
    for word in data.as_chunks::<2>().0 {
        let bits = u16::from_le_bytes(*word);
        let (half, brain) = (f16_to_f64(bits), bf16_to_f64(bits));
        assert!(half.is_nan() || f64_to_f16(half) == bits);
        assert!(brain.is_nan() || f64_to_bf16(brain) == bits);
    }
    !values.is_empty()
}

/// A certificate with any bytes of it changed, or any text: an error, or what says the same when it is written and read again.
#[cfg(feature = "certificate")]
pub fn certificate(data: &[u8]) -> bool {
    use bnfold::report::certificate::Certificate;
    let read = |text: &[u8]| {
        let stated = serde_json::from_slice::<Certificate>(text).ok()?;
        let text = serde_json::to_string(&stated).unwrap();
        let again: Certificate = serde_json::from_str(&text).unwrap();
        // A number that is none is not equal to itself, so that texts are compared.
        assert_eq!(text, serde_json::to_string(&again).unwrap());
        stated.refuted_by(&again);
        stated.is_favourable().then_some(())
    };
    read(data);
    let mut text = stated().as_bytes().to_vec();
    for [high, low, byte] in data.as_chunks::<3>().0 {
        let at = usize::from(u16::from_be_bytes([*high, *low])) % text.len();
        text[at] = *byte;
    }
    read(&text);
    !data.is_empty()
}
#[cfg(not(feature = "certificate"))]
pub fn certificate(_: &[u8]) -> bool {
    true
}

/// The certificate of a small fold.
#[cfg(feature = "certificate")]
fn stated() -> &'static str {
    static STATED: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    STATED.get_or_init(|| {
        use bnfold::api::certificate::{stated, subject};
        let before = bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap();
        let after = crate::support::fold(&before);
        let options = bnfold::verify::VerifyOptions { run: false, ..Default::default() };
        let verdict = super::models::judged(&before, &after, bnfold::Tier::Foreign).unwrap();
        let [one, two] = [("a.onnx", before), ("b.onnx", after)]
            .map(|(name, bytes)| subject(std::path::Path::new(name), &bnfold::model::Model::from_bytes(bytes).unwrap()).unwrap());
        serde_json::to_string(&stated(one, two, &options, &verdict).unwrap()).unwrap()
    })
}
