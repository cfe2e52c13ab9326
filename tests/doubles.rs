//! Folds of doubles held against rational numbers: nothing is farther from the exact constant than one rounding brings it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod judged;

use std::collections::BTreeMap;

use bnfold::onnx::ModelProto;
use judged::{decode, fold, numbers, store};
use num_rational::BigRational;
use prost::Message as _;

type Constants = BTreeMap<String, Vec<BigRational>>;

fn exact(value: f64) -> BigRational {
    BigRational::from_float(value).unwrap()
}

/// A model whose constants have all digits that doubles have; those called `v…` are squares of short numbers, so that the
/// deviation is a rational number.
fn model(text: &str, seed: u64) -> ModelProto {
    let mut model = decode(&bnfold::sample::encode(text).unwrap());
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        let square = tensor.name().starts_with('v');
        let number = |_: &f64| if square { ((random() * 30.0).floor() / 8.0 + 0.125).powi(2) } else { random() * 4.0 - 2.0 };
        let values: Vec<f64> = numbers(tensor).iter().map(number).collect();
        store(tensor, &values);
    }
    model
}

fn constants(model: &ModelProto) -> Constants {
    let tensors = &model.graph.as_ref().unwrap().initializer;
    tensors.iter().map(|t| (t.name().to_owned(), numbers(t).into_iter().map(exact).collect())).collect()
}

fn size(value: &BigRational) -> BigRational {
    if *value < exact(0.0) { -value.clone() } else { value.clone() }
}

/// Holds a number against the exact one; the magnitudes that it is the sum of say how far it may be.
fn near(found: &BigRational, right: &BigRational, magnitudes: &BigRational, what: &str) {
    // One unit of roundoff, and what twice the digits lose.
    let limit = size(magnitudes) * exact(2f64.powi(-53) * (1.0 + 2f64.powi(-20)));
    assert!(size(&(found - right)) <= limit, "{what}");
}

/// Scale and shift of a channel of the BatchNormalization with these statistics, and the magnitudes of the shift.
fn map(c: &Constants, channel: usize) -> [BigRational; 3] {
    let root = |square: &BigRational| exact(num(square).sqrt());
    let scale = &c["s"][channel] / root(&c["v"][channel]);
    let product = &c["m"][channel] * &scale;
    [scale, &c["t"][channel] - &product, size(&c["t"][channel]) + size(&product)]
}

/// The double that a rational number is.
fn num(value: &BigRational) -> f64 {
    value.numer().to_string().parse::<f64>().unwrap() / value.denom().to_string().parse::<f64>().unwrap()
}

const STATISTICS: &str = "double[3] s = dyadic(2), double[3] t = dyadic(3), double[3] m = dyadic(4), double[3] v = square(5)";

fn net(inputs: &str, constants: &str, nodes: &str) -> String {
    format!(r#"<ir_version: 8, opset_import: ["" : 17]> g ({inputs}) => (double[] y) <{constants}, {STATISTICS}> {{ {nodes} }}"#)
}

/// Folds nets of one kind and gives the constants of both files to `check`.
fn each(text: &str, left: &[&str], check: impl Fn(&Constants, &Constants)) {
    for seed in 0..200 {
        let model = model(text, seed);
        let folded = decode(&fold(&model.encode_to_vec()));
        let operators: Vec<&str> = folded.graph.as_ref().unwrap().node.iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, left);
        check(&constants(&model), &constants(&folded));
    }
}

#[test]
fn behind_a_convolution_with_other_maps_between() {
    let nodes = "c = Conv (x, w, b)  d = Div (c, k)  e = Mul (d, j)  y = BatchNormalization <epsilon = 0.0> (e, s, t, m, v)";
    let held = "double[3,2,3,3] w = dyadic(1), double[3] b = dyadic(6), double[3,1,1] k = dyadic(7), double[] j = dyadic(8)";
    each(&net("double[1,2,5,5] x", held, nodes), &["Conv"], |old, new| {
        for channel in 0..3 {
            let [scale, shift, magnitude] = map(old, channel);
            let scale = scale * &old["j"][0] / &old["k"][channel];
            for at in channel * 18..(channel + 1) * 18 {
                let right = &old["w"][at] * &scale;
                near(&new["w"][at], &right, &right, "a weight");
            }
            let product = &old["b"][channel] * scale;
            near(&new["b"][channel], &(&product + shift), &(size(&product) + magnitude), "a bias");
        }
    });
}

#[test]
fn before_a_convolution() {
    let nodes = "n = BatchNormalization <epsilon = 0.0> (x, s, t, m, v)  y = Conv (n, w, b)";
    each(&net("double[1,3,5,5] x", "double[2,3,3,3] w = dyadic(1), double[2] b = dyadic(6)", nodes), &["Conv"], |old, new| {
        for out in 0..2 {
            let (mut sum, mut magnitudes) = (old["b"][out].clone(), size(&old["b"][out]));
            for input in 0..3 {
                let [scale, shift, magnitude] = map(old, input);
                for at in (out * 3 + input) * 9..(out * 3 + input + 1) * 9 {
                    let right = &old["w"][at] * &scale;
                    near(&new["w"][at], &right, &right, "a weight");
                    sum += &old["w"][at] * &shift;
                    magnitudes += size(&old["w"][at]) * &magnitude;
                }
            }
            near(&new["b"][out], &sum, &magnitudes, "a bias");
        }
    });
}

#[test]
fn behind_a_product_whose_factors_stay_or_go() {
    let nodes =
        "c = Gemm <alpha = 0.3, beta = 0.7, transB = 1> (x, w, b)  y = BatchNormalization <epsilon = 0.0> (c, s, t, m, v)";
    let beta = exact(f64::from(0.7f32));
    each(&net("double[4,5] x", "double[3,5] w = dyadic(1), double[3] b = dyadic(6)", nodes), &["Gemm"], |old, new| {
        for channel in 0..3 {
            let [scale, shift, magnitude] = map(old, channel);
            for at in channel * 5..(channel + 1) * 5 {
                let right = &old["w"][at] * &scale;
                near(&new["w"][at], &right, &right, "a weight");
            }
            let product = &old["b"][channel] * &beta * scale;
            near(&new["b"][channel], &(&product + shift), &(size(&product) + magnitude), "a bias");
        }
    });
}

#[test]
fn behind_a_mean_of_three() {
    let nodes = "c = Conv (x, w, b)  d = Conv (x, w2, b2)  e = Conv (x, w3, b3)  f = Mean (c, d, e)
                 y = BatchNormalization <epsilon = 0.0> (f, s, t, m, v)";
    let weights = "double[3,2,1,1] w = dyadic(1), double[3,2,1,1] w2 = dyadic(6), double[3,2,1,1] w3 = dyadic(7)";
    let held = format!("{weights}, double[3] b = dyadic(8), double[3] b2 = dyadic(9), double[3] b3 = dyadic(10)");
    each(&net("double[1,2,4,4] x", &held, nodes), &["Conv", "Conv", "Conv", "Mean"], |old, new| {
        for channel in 0..3 {
            let [scale, shift, magnitude] = map(old, channel);
            for (weight, bias, share) in [("w", "b", exact(3.0)), ("w2", "b2", exact(0.0)), ("w3", "b3", exact(0.0))] {
                let right = &old[weight][channel * 2] * &scale;
                near(&new[weight][channel * 2], &right, &right, "a weight");
                let product = &old[bias][channel] * &scale;
                let right = &product + &shift * &share;
                near(&new[bias][channel], &right, &(size(&product) + &magnitude * &share), "a bias");
            }
        }
    });
}
