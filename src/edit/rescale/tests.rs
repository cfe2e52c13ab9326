//! The kernel against the definition, one element at a time; every format, every cut, every kind of damage.

use proptest::prelude::*;

use super::*;

const FORMATS: [Element; 4] = [Element::F16, Element::BF16, Element::F32, Element::F64];

fn decoded(element: Element, bytes: &[u8]) -> Vec<f64> {
    let mut values = Vec::new();
    element.decode(bytes, &mut values);
    values
}

fn encoded(element: Element, values: &[f64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    element.encode(values, &mut bytes);
    bytes
}

/// The double nearest to the number by which the element at `index` is multiplied.
fn coefficient(rescale: &Rescale, index: u64) -> f64 {
    match &rescale.factors {
        Factors::Nearest(factors) => Walk::new(&rescale.axes, factors, index).outer(),
        Factors::Whole(factors) => Walk::new(&rescale.axes, factors, index).outer().nearest(),
    }
}

fn axis(size: u64, steps: &[usize]) -> Axis {
    Axis { size, steps: steps.to_vec() }
}

/// The product and the damage by the definition. The index of each factor comes from the position on each axis.
fn defined(element: Element, axes: &[Axis], factors: &[Vec<f64>], bytes: &[u8]) -> (Vec<u8>, Damage, Vec<f64>) {
    let (mut out, mut damage, mut coefficients) = (Vec::new(), Damage::default(), Vec::new());
    for (index, &old) in decoded(element, bytes).iter().enumerate() {
        let (mut coefficient, mut whole) = (1.0, DoubleDouble::ONE);
        for (number, factor) in factors.iter().enumerate() {
            let (mut rest, mut at) = (index, 0);
            for axis in axes.iter().rev() {
                at += rest % axis.size as usize * axis.steps[number];
                rest /= axis.size as usize;
            }
            coefficient *= factor[at];
            whole *= DoubleDouble::new(factor[at]);
        }
        let (exact, coefficient, stays) = match element {
            Element::F64 => (whole.times(old), whole.nearest(), whole == 1.0),
            _ => (old * coefficient, coefficient, coefficient == 1.0),
        };
        coefficients.push(coefficient);
        let new = element.round(exact);
        damage.overflow |= old.is_finite() && !new.is_finite();
        let normal = |value: f64| value.abs() >= element.smallest_normal();
        let lost = normal(old) && !normal(new) || old != 0.0 && new == 0.0;
        damage.underflow |= lost && coefficient != 0.0 && !new.is_nan();
        let place = index * element.size()..(index + 1) * element.size();
        if stays {
            out.extend_from_slice(&bytes[place]);
        } else {
            out.extend(encoded(element, &[exact]));
        }
    }
    (out, damage, coefficients)
}

/// Which NaN an operation gives is not part of the contract.
fn same(element: Element, left: &[u8], right: &[u8]) -> bool {
    let values = decoded(element, left).into_iter().zip(decoded(element, right));
    left.len() == right.len()
        && values.into_iter().all(|(left, right)| left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan())
}

fn axes() -> impl Strategy<Value = (Vec<Axis>, Vec<Vec<f64>>)> {
    let size = prop_oneof![4 => 1..6u64, 2 => Just(9), 1 => 250..300u64, 1 => Just(16)];
    let factor = prop_oneof![
        20 => -2.0..2.0f64,
        3 => Just(1.0),
        1 => Just(0.0),
        1 => Just(-1.0),
        1 => (-40..40i32).prop_map(|exponent| 2f64.powi(exponent)),
        1 => Just(1e-41),
        1 => Just(f64::INFINITY),
    ];
    (prop::collection::vec(size, 0..5), 0..3usize)
        .prop_filter("small", |(sizes, _)| sizes.iter().product::<u64>() <= 20_000)
        .prop_flat_map(move |(sizes, factors)| {
            let steps = prop::collection::vec(prop::collection::vec(0..3usize, factors), sizes.len());
            // Half of the factors lie along the axes as a weight's do: row-major over some of them.
            let dense = prop::collection::vec(prop::bool::ANY, factors);
            (Just(sizes), steps, dense, prop::collection::vec(factor.clone(), 2000))
        })
        .prop_map(|(sizes, mut steps, dense, numbers)| {
            let mut lengths = Vec::new();
            for (number, dense) in dense.iter().enumerate() {
                let (mut stride, mut last) = (1, 0);
                for (size, steps) in sizes.iter().zip(&mut steps).rev() {
                    if *dense && steps[number] > 0 {
                        steps[number] = if stride * *size as usize <= 1500 { stride } else { 0 };
                        stride *= if steps[number] > 0 { *size as usize } else { 1 };
                    }
                    last += steps[number] * (*size as usize - 1);
                }
                lengths.push(last + 1);
            }
            let axes = sizes.iter().zip(steps).map(|(&size, steps)| Axis { size, steps }).collect();
            let factor = |&length: &usize| numbers.iter().cycle().skip(length % 7).take(length).copied().collect();
            (axes, lengths.iter().map(factor).collect())
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_part_of_any_tensor_is_multiplied_as_defined(
        (axes, factors) in axes(),
        format in 0..4usize,
        pattern in prop::collection::vec(any::<u64>(), 50..200),
        ordinary: bool,
        cuts in prop::collection::vec(0..20_000usize, 0..4),
    ) {
        let element = FORMATS[format];
        let count: u64 = axes.iter().map(|axis| axis.size).product();
        let bytes: Vec<u8> = if ordinary {
            let values: Vec<f64> = pattern.iter().map(|&bits| (bits as i64 >> 40) as f64 / 1e6).collect();
            encoded(element, &values.iter().cycle().take(count as usize).copied().collect::<Vec<_>>())
        } else {
            pattern.iter().flat_map(|bits| bits.to_le_bytes()).cycle().take(count as usize * element.size()).collect()
        };
        let (expected, expected_damage, coefficients) = defined(element, &axes, &factors, &bytes);
        let rescale = Rescale::new(element, axes, factors).unwrap();
        prop_assert_eq!(rescale.elements(), count);
        for (index, coefficient) in coefficients.iter().enumerate().step_by(17) {
            prop_assert_eq!(self::coefficient(&rescale, index as u64).to_bits(), coefficient.to_bits());
        }
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (count as usize + 1)).chain([0, count as usize]).collect();
        cuts.sort_unstable();
        let (mut actual, mut damage) = (bytes.clone(), Damage::default());
        for cut in cuts.windows(2) {
            let part = &mut actual[cut[0] * element.size()..cut[1] * element.size()];
            damage |= rescale.apply(cut[0] as u64, part);
        }
        prop_assert!(same(element, &actual, &expected));
        prop_assert_eq!(damage, expected_damage);
    }
}

#[test]
fn a_coefficient_of_one_keeps_every_bit_of_every_number() {
    let patterns: Vec<u8> = (0..40_000u32).flat_map(|i| (i.wrapping_mul(0x9e37_79b9) | 0x7fc0_0000 & i).to_le_bytes()).collect();
    for element in FORMATS {
        let count = (patterns.len() / element.size()) as u64;
        let ones = vec![vec![1.0, 1.0], vec![0.5, 0.25], vec![2.0, 4.0]];
        let rows = vec![axis(2, &[1, 1, 1]), axis(count / 2, &[0, 0, 0])];
        let columns = vec![axis(count / 2, &[0, 0, 0]), axis(2, &[1, 1, 1])];
        for axes in [rows, columns] {
            let mut bytes = patterns.clone();
            let damage = Rescale::new(element, axes, ones.clone()).unwrap().apply(0, &mut bytes);
            assert_eq!(damage, Damage::default());
            assert_eq!(bytes, patterns, "{element:?}");
        }
    }
}

#[test]
fn zero_infinity_and_nan_follow_ieee() {
    let old = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 2.0];
    for element in FORMATS {
        for (factor, expected) in [
            (-0.5, [-0.0, 0.0, f64::NEG_INFINITY, f64::INFINITY, f64::NAN, -1.0]),
            (0.0, [0.0, -0.0, f64::NAN, f64::NAN, f64::NAN, 0.0]),
        ] {
            let mut bytes = encoded(element, &old);
            let rescale = Rescale::new(element, vec![axis(6, &[0])], vec![vec![factor]]).unwrap();
            assert_eq!(rescale.apply(0, &mut bytes), Damage::default());
            assert!(same(element, &bytes, &encoded(element, &expected)), "{element:?} {factor}");
        }
    }
}

#[test]
fn damage_is_what_rounding_does_not_explain() {
    for element in FORMATS {
        let (normal, tiny, max) = (element.smallest_normal(), element.smallest_subnormal(), element.max());
        let overflow = Damage { overflow: true, underflow: false };
        let underflow = Damage { overflow: false, underflow: true };
        let cases = [
            (max, 2.0, overflow),
            (max, 0.5, Damage::default()),
            (1.0, f64::INFINITY, overflow),
            (1.0, f64::NAN, overflow),
            (0.0, f64::INFINITY, overflow),
            (normal, 0.5, underflow),
            (normal, 1.0, Damage::default()),
            (tiny, 0.25, underflow),
            (normal / 2.0, 0.5, Damage::default()),
            (normal / 2.0, 4.0, Damage::default()),
            (0.0, 1e-300, Damage::default()),
            (1.0, 0.0, Damage::default()),
        ];
        for (value, factor, expected) in cases {
            // Alone, within a long run, and as one column of many.
            for count in [1u64, 1000] {
                let mut values = vec![1.5; count as usize];
                values[count as usize / 2] = value;
                let mut factors = vec![1.25; count as usize];
                factors[count as usize / 2] = factor;
                let rescale = Rescale::new(element, vec![axis(count, &[1])], vec![factors]).unwrap();
                assert_eq!(rescale.apply(0, &mut encoded(element, &values)), expected, "{element:?} {value:e} {factor:e}");
            }
            let rescale = Rescale::new(element, vec![axis(3, &[0])], vec![vec![factor]]).unwrap();
            assert_eq!(rescale.apply(0, &mut encoded(element, &[value; 3])), expected, "{element:?} {value:e} {factor:e}");
        }
    }
}

#[test]
fn axes_that_do_not_fit_are_refused() {
    let new = |axes, factors| Rescale::new(Element::F32, axes, factors).map(|rescale| rescale.elements());
    assert_eq!(new(vec![axis(3, &[1])], vec![vec![1.0; 2]]), Err(RescaleError::Factor(0)));
    assert_eq!(new(vec![axis(3, &[1, 0]), axis(2, &[0, 2])], vec![vec![1.0; 3], vec![1.0; 2]]), Err(RescaleError::Factor(1)));
    assert_eq!(new(vec![axis(3, &[1]), axis(2, &[])], vec![vec![1.0; 3]]), Err(RescaleError::Steps(1)));
    assert_eq!(new(vec![axis(1 << 40, &[usize::MAX])], vec![vec![1.0]]), Err(RescaleError::Factor(0)));
    assert_eq!(new(vec![axis(1 << 40, &[]), axis(1 << 40, &[])], vec![]), Err(RescaleError::TooLarge));
    assert_eq!(new(vec![axis(1 << 62, &[])], vec![]), Err(RescaleError::TooLarge));
    assert_eq!(new(vec![axis(0, &[1]), axis(5, &[7])], vec![vec![]]), Ok(0));
    assert_eq!(new(vec![axis(1, &[9])], vec![vec![1.0]]), Ok(1));
    assert_eq!(new(vec![], vec![vec![]]), Err(RescaleError::Factor(0)));
}

#[test]
fn bytes_past_the_tensor_and_cut_elements_are_left_alone() {
    let rescale = Rescale::new(Element::F32, vec![axis(3, &[0])], vec![vec![2.0]]).unwrap();
    let mut bytes = encoded(Element::F32, &[1.0; 4]);
    rescale.apply(1, &mut bytes[..11]);
    assert_eq!(decoded(Element::F32, &bytes), [2.0, 2.0, 1.0, 1.0]);
    for first in [3, 4, u64::MAX] {
        assert_eq!(rescale.apply(first, &mut bytes), Damage::default());
    }
    assert_eq!(decoded(Element::F32, &bytes), [2.0, 2.0, 1.0, 1.0]);
    assert_eq!(Rescale::new::<f64>(Element::F32, vec![axis(0, &[])], vec![]).unwrap().apply(0, &mut bytes), Damage::default());
}

#[test]
fn neighbouring_axes_that_move_alike_become_one() {
    let rows = vec![axis(4, &[1]), axis(1, &[9]), axis(3, &[0]), axis(5, &[0])];
    assert_eq!(Rescale::new(Element::F32, rows, vec![vec![1.0; 4]]).unwrap().axes, [axis(4, &[1]), axis(15, &[0])]);
    let all = vec![axis(4, &[15]), axis(3, &[5]), axis(5, &[1])];
    assert_eq!(Rescale::new(Element::F32, all, vec![vec![1.0; 60]]).unwrap().axes, [axis(60, &[1])]);
    let apart = vec![axis(4, &[15, 1]), axis(3, &[5, 0]), axis(5, &[1, 0])];
    let rescale = Rescale::new(Element::F32, apart, vec![vec![1.0; 60], vec![1.0; 4]]).unwrap();
    assert_eq!(rescale.axes, [axis(4, &[15, 1]), axis(15, &[1, 0])]);
}
