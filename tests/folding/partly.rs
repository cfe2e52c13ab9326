//! Functions of which a scale moves alone, or what stays becomes other operators: the rest stands in the body, its constants
//! where those of the BatchNormalization stood.

use bnfold::plan::{Options, Partial, Substitute};

use super::{CONSTANTS, bodies, changed, folded, model, stays, whole};
use crate::support::fold_with;

/// The scale of the BatchNormalization goes into the padded convolution behind it, its shift does not.
const PADDED: &str = r#"<opset_import: ["" : 17], domain: "local"> f (x, s, b, m, v, w) => (y)
    { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v) y = Conv <pads = [1,1,1,1]> (n, w) }"#;

fn partly(partial: Partial) -> Options {
    Options { partial, ..Options::default() }
}

fn padded(nodes: &str, body: &str) -> Vec<u8> {
    let constants = "float[3,2,3,3] w = dyadic(1), float[3,2,3,3] u = dyadic(7), float[2] s = {2, -0.5}, float[2] b = dyadic(3), \
         float[2] m = dyadic(4), float[2] v = {1, 4}, float[2] t = {-4, 1}";
    let text = format!(
        r#"<ir_version: 10, opset_import: ["" : 17, "local" : 1]>
        g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z) <{constants}> {{ {nodes} }} {body}"#
    );
    bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn a_scale_alone_moves_within_a_body() {
    let after = folded(&padded("y = local.f (x, s, b, m, v, w) z = local.f (x, t, m, b, v, u)", PADDED));
    assert_eq!(bodies(&after), [["Add", "Conv"]]);
    assert_eq!(after.functions[0].input.len(), 3, "data, the term that stays, weight");
    assert_eq!(after.graph.unwrap().initializer.len(), 4);
    // The same constants at every call: they are there once.
    let after = folded(&padded("y = local.f (x, s, b, m, v, w) z = local.f (x, s, b, m, v, w)", PADDED));
    assert_eq!(bodies(&after), [["Add", "Conv"]]);
    assert_eq!(
        after.graph.unwrap().initializer.iter().filter(|t| t.dims == [3, 2, 3, 3]).count(),
        2,
        "weight and the other weight"
    );
    // Constants in the body, one of them a name that a new one would like to have.
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, w) => (y)
        { s = Constant <value_floats = [2.0, -0.5]> () b = Constant <value_floats = [1.0, 2.0]> ()
          v = Constant <value_floats = [1.0, 4.0]> () s_folded = Neg (x) n_folded = Neg (s_folded)
          n = BatchNormalization <epsilon = 0.0> (n_folded, s, b, b, v) y = Conv <pads = [1,1,1,1]> (n, w) }"#;
    let after = folded(&padded("y = local.f (x, w) z = local.f (x, u)", body));
    assert_eq!(bodies(&after), [["Neg", "Neg", "Add", "Conv"]]);
    assert_eq!(after.graph.unwrap().initializer.len(), 7, "both weights scaled in place, nothing new outside");
    // Behind a convolution whose result is rectified: the scale goes on, through another body's call it does not.
    let body = PADDED.replace("n = Batch", "k = Batch").replace("y = Conv", "n = Relu (k) y = Conv");
    let bytes = padded("y = local.f (x, v, b, m, v, w) z = local.f (x, v, m, b, v, u)", &body);
    assert_eq!(bodies(&folded(&bytes)), [["Add", "Relu", "Conv"]]);
    let bytes = padded("y = local.f (x, v, b, m, v, w) z = local.f (x, t, m, b, v, u)", &body);
    stays(&bytes, "function-parameter");
}

#[test]
fn a_weight_is_not_stored_twice_for_an_add() {
    for nodes in [
        "y = local.f (x, s, b, m, v, w) z = local.f (x, t, b, m, v, w)",
        "y = local.f (x, s, b, m, v, w) z = Conv <pads = [1,1,1,1]> (x, w)",
    ] {
        let bytes = padded(nodes, PADDED);
        stays(&bytes, "function-parameter");
        assert_eq!(fold_with(&bytes, &partly(Partial::Never)), bytes);
        let after = changed(&bytes, &partly(Partial::Always));
        assert_eq!(bodies(&after), [["Add", "Conv"]]);
        assert_eq!(after.graph.unwrap().initializer.iter().filter(|t| t.dims == [3, 2, 3, 3]).count(), 3);
    }
    // One that another node of the body reads, too, stays whatever is asked for.
    let body =
        PADDED.replace("y = Conv", "k = Conv <pads = [1,1,1,1]> (x, w) r = Conv").replace("(n, w) }", "(n, w) y = Mul (k, r) }");
    let bytes = padded("y = local.f (x, s, b, m, v, w) z = local.f (x, s, b, m, v, w)", &body);
    assert_eq!(fold_with(&bytes, &partly(Partial::Always)), bytes);
}

fn lowered(form: Substitute) -> Options {
    Options { substitute: Some(form), ..Options::default() }
}

#[test]
fn what_stays_in_a_body_becomes_other_operators() {
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, w, s, b, m, v) => (y)
        { c = Conv (x, w) y_scaled = Abs (c) y = BatchNormalization <epsilon = 0.0> (y_scaled, s, b, m, v) }"#;
    let bytes = model("y = local.f (x, w, s, b, m, v) z = local.f (x, u, t, m, b, v)", body);
    let after = changed(&bytes, &lowered(Substitute::MulAdd));
    assert_eq!(bodies(&after), [["Conv", "Abs", "Mul", "Add"]]);
    assert_eq!(after.functions[0].input.len(), 4, "data, weight, scale and shift");
    let after = changed(&bytes, &lowered(Substitute::DepthwiseConv));
    assert_eq!(bodies(&after), [["Conv", "Abs", "Conv"]]);
    // Constants inside: the new ones stand in the body, before the node that reads them.
    let inside = r#"<opset_import: ["" : 17], domain: "local"> f (x, w) => (y)
        { s = Constant <value_floats = [2.0, -0.5, 1.0]> () v = Constant <value_floats = [1.0, 4.0, 1.0]> ()
          c = Conv (x, w) k = Abs (c) y = BatchNormalization <epsilon = 0.0> (k, s, s, s, v) }"#;
    let bytes = model("y = local.f (x, w) z = local.f (x, u)", inside);
    for (form, left) in
        [(Substitute::MulAdd, vec!["Conv", "Abs", "Mul", "Add"]), (Substitute::DepthwiseConv, vec!["Conv", "Abs", "Conv"])]
    {
        let after = changed(&bytes, &lowered(form));
        assert_eq!(bodies(&after), [left]);
        assert_eq!(after.functions[0].input, ["x", "w"]);
        assert_eq!(after.graph.unwrap().initializer.len(), 7);
    }
    // In a nested graph of a body.
    let nested = r#"<opset_import: ["" : 17], domain: "local"> f (x, k, w, s, b, m, v) => (y)
        { y = If (k) < then_branch = t () => (p) { c = Conv (x, w) n = Abs (c) p = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) },
                       else_branch = e () => (p) { p = Conv (x, w) } > }"#;
    let nodes = "y = local.f (x, k, w, s, b, m, v) z = local.f (x, k, u, t, b, m, v)";
    changed(&whole("float[1,2,2,2] x, bool k", nodes, nested), &lowered(Substitute::MulAdd));
}

#[test]
fn substitutes_that_calls_do_not_all_allow() {
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, s, b, m, v) => (y)
        { k = Abs (x) y = BatchNormalization <epsilon = 0.0> (k, s, b, m, v) }"#;
    let two = |second: &str, constants: &str| {
        let text = format!(
            r#"<ir_version: 10, opset_import: ["" : 17, "local" : 1]>
            g (float[1,3,2,2] x, float[{second}] q, float[3] i) => (float[1,3,2,2] y, float[{second}] z)
            <{CONSTANTS}, float[5] l = square(8)> {{ k = Neg (i) y = local.f (x, s, b, m, v) z = local.f (q, {constants}) }} {body}"#
        );
        bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
    };
    let left = |bytes: &[u8], form| bodies(&changed(bytes, &lowered(form))).concat().join(" ");
    let kept = |bytes: &[u8], form| assert_eq!(fold_with(bytes, &lowered(form)), bytes);
    // Another number of channels: the groups of the convolution would differ.
    let bytes = two("1,5,2,2", "l, l, l, l");
    assert_eq!(left(&bytes, Substitute::MulAdd), "Abs Mul Add");
    kept(&bytes, Substitute::DepthwiseConv);
    // Another rank: constants at the calls have it, and two axes are too few for a convolution.
    let bytes = two("1,3,2", "t, m, b, v");
    assert_eq!(left(&bytes, Substitute::MulAdd), "Abs Mul Add");
    assert_eq!(left(&bytes, Substitute::DepthwiseConv), "Abs Conv");
    kept(&two("1,3", "t, m, b, v"), Substitute::DepthwiseConv);
    // A scale that is computed.
    kept(&two("1,3,2,2", "k, m, b, v"), Substitute::MulAdd);
    // What folds in one call alone stays in both and becomes something else in both.
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, w, s, b, m, v) => (y)
        { c = Conv (x, w) r = Relu (c) y = BatchNormalization <epsilon = 0.0> (r, s, b, m, v) }"#;
    let nodes = "k = Constant <value_floats = [0.0, 0.0, 0.0]> () y = local.f (x, w, v, k, k, v) z = local.f (x, u, t, b, m, v)";
    let after = changed(&model(nodes, body), &lowered(Substitute::MulAdd));
    assert_eq!(bodies(&after), [["Conv", "Relu", "Mul", "Add"]]);
}

#[test]
fn bodies_that_nobody_calls_are_not_lowered() {
    let inside = r#"<opset_import: ["" : 17], domain: "local"> f (x) => (y)
        { s = Constant <value_floats = [2.0, -0.5]> () y = BatchNormalization <epsilon = 0.0> (x, s, s, s, s) }"#;
    let bytes = model("y = Conv (x, w) z = Conv (x, u)", inside);
    assert_eq!(fold_with(&bytes, &lowered(Substitute::MulAdd)), bytes);
}
