//! Cast, opset 6 to 25, to a float type that holds every number of the one before: hands its input on.

use super::{NEWEST_OPSET, Operator, Stop, rank, same_shape};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::{Element, NodeView, tensor};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Cast",
    opsets: 6..=NEWEST_OPSET,
    always_listed: false,
    summary: "to the same or a wider float type: hands maps on",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let to = i32::try_from(node.int("to", 0)?).ok().and_then(tensor::element).ok_or(Reason::NotFloat)?;
    let from = node.connected(0)?.element.ok_or(Reason::Narrowing)?;
    if !holds(to, from) {
        return Err(Reason::Narrowing.into());
    }
    Ok(Law::Carry(Carry::unary(rank(node, 0), Passes::ALL)))
}

/// Whether every number of one type is a number of the other.
fn holds(wide: Element, narrow: Element) -> bool {
    wide == narrow || wide == Element::F64 || wide == Element::F32 && narrow != Element::F64
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, to a wider type",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (double[] y)
            <float[3,2,1,1] w = dyadic(1), double[3] s = dyadic(2), double[3] b = dyadic(3), double[3] m = dyadic(4), double[3] v = square(5)>
            { c = Conv (x, w)
              p = Cast <to = 11> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Cast"] },
    },
    Sample {
        name: "forward, to a wider type",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (double[] y)
            <double[3,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Cast <to = 11> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Cast", "Conv"] },
    },
    Sample {
        name: "to a narrower type",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (double[1,2,2,2] x) => (float[] y)
            <double[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = Cast <to = 1> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("narrowing"),
    },
    Sample {
        name: "to whole numbers",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (int64[] y)
            <float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Cast <to = 7> (n) }"#,
        expect: Expect::Kept("not-float"),
    },
    Sample {
        name: "of which only the type is read beside a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 19]>
            g (float[1,2,2,2] x, double[3] u) => (float[1,3,2,2] y, float[3] z)
            <float[3,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5), float[1,2,2,2] n>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              z = CastLike (u, n)
              y = Conv (n, w) }"#,
        expect: Expect::Folded { left: &["CastLike", "Conv"] },
    },
    Sample {
        name: "converted to a type",
        text: r#"<ir_version: 8, opset_import: ["" : 19]>
            g (float[1,2,2,2] x, float[1,2,2,2] u) => (float[1,2,2,2] y, float[1,3,2,2] z)
            <float[3,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = CastLike (n, u)
              z = Conv (n, w) }"#,
        expect: Expect::Kept("unknown-operator"),
    },
    Sample {
        name: "of what a comparison says",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[] y)
            <float k = {0.5}, float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { l = Less (x, k)
              p = Cast <to = 1> (l)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("narrowing"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_what_has_no_more_digits_and_no_larger_numbers() {
        use Element::{BF16, F16, F32, F64};
        let all = [F64, F32, F16, BF16];
        let held = all.map(|wide| all.map(|narrow| holds(wide, narrow)));
        assert_eq!(held[0], [true, true, true, true]);
        assert_eq!(held[1], [false, true, true, true]);
        assert_eq!(held[2], [false, false, true, false]);
        assert_eq!(held[3], [false, false, false, true]);
    }
}
