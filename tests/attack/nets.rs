//! Nets whose functions hide what is wrong: gates that ordinary numbers never open, bounds, sums over open axes, time, ranges, casts,
//! functions, sparse constants. Each line is a body with its constants; numbers are seeded.

use bnfold::onnx::{ModelProto, NodeProto, TensorProto};
use prost::Message as _;

use crate::judged::{decode, numbers, store};
use crate::nets::Draw;

/// A net as text, with `float` for the type that is drawn. `$1` and so on are seeded constants of the dims that stand there.
pub const BODIES: [(&str, &str, &str, &str); 40] = [
    // name, input, constants, nodes
    (
        "closed relu",
        "[n,3,h,w]",
        "W[4,3,1,1] a; C[4] b; S[1,4,1,1] s; W[2,4,1,1] v",
        "c = Conv (x, a, b) m = Mul (c, s) r = Relu (m) y = Conv (r, v)",
    ),
    (
        "closed relu, normalised",
        "[n,3,h,w]",
        "W[4,3,3,3] a; C[4] b; S[4] s; B[4] t; B[4] m; V[4] k; W[2,4,3,3] v",
        "c = Conv <pads = [1, 1, 1, 1]> (x, a, b) e = BatchNormalization (c, s, t, m, k) r = Relu (e) y = Conv (r, v)",
    ),
    (
        "closed relu, resized",
        "[n,2,h,w]",
        "W[4,2,1,1] a; C[4] b; S[1,4,1,1] s; F{1,1,2,2} z; W[2,4,1,1] v",
        "c = Conv (x, a, b) m = Mul (c, s) r = Relu (m) q = Resize <mode = \"linear\"> (r, , z) y = Conv (q, v)",
    ),
    (
        "layer normalised",
        "[n,h,6]",
        "S[6] g; C[6] d; S[6] s; W[6,3] v",
        "l = LayerNormalization <axis = -1> (x, g, d) m = Mul (l, s) r = Relu (m) y = MatMul (r, v)",
    ),
    (
        "instance normalised",
        "[n,3,h,w]",
        "S[3] g; C[3] d; S[1,3,1,1] s; W[2,3,1,1] v",
        "l = InstanceNormalization (x, g, d) m = Mul (l, s) r = Relu (m) y = Conv (r, v)",
    ),
    (
        "relu6",
        "[n,3,h,w]",
        "W[4,3,1,1] a; C[4] b; P[1,4,1,1] s; F{0} low; F{6} high; W[2,4,1,1] v",
        "c = Conv (x, a, b) m = Mul (c, s) r = Clip (m, low, high) y = Conv (r, v)",
    ),
    (
        "bound kept",
        "[n,3,h,w]",
        "W[4,3,1,1] a; F{0} low; F{5000} high; F{2} s; W[2,4,1,1] v",
        "c = Conv (x, a) r = Clip (c, low, high) m = Mul (r, s) y = Conv (m, v)",
    ),
    (
        "relu6, resized",
        "[n,3,h,w]",
        "W[4,3,1,1] a; P[1,4,1,1] s; F{0} low; F{6} high; F{1,1,2,2} z; W[2,4,1,1] v",
        "c = Conv (x, a) r = Clip (c, low, high) q = Resize <mode = \"linear\"> (r, , z) m = Mul (q, s) y = Conv (m, v)",
    ),
    (
        "relu6 of opset 9",
        "[n,3,h,w]",
        "W[4,3,1,1] a; P[1,4,1,1] s; W[2,4,1,1] v",
        "c = Conv (x, a) r = Clip <min = 0.0, max = 6.0> (c) m = Mul (r, s) y = Conv (m, v)",
    ),
    (
        "prelu",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; C[4] t; B[4] m; V[4] k; B[4,1,1] p; P[1,4,1,1] q; W[2,4,1,1] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) r = PRelu (e, p) u = Mul (r, q) y = Conv (u, v)",
    ),
    (
        "leaky",
        "[n,3,h,w]",
        "W[4,3,1,1] a; P[1,4,1,1] s; W[2,4,1,1] v",
        "c = Conv (x, a) r = LeakyRelu <alpha = 0.2> (c) m = Mul (r, s) y = Conv (m, v)",
    ),
    (
        "hard swish",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; W[2,4,1,1] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) r = HardSwish (e) y = Conv (r, v)",
    ),
    (
        "squeeze and excitation",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; W[2,4,1,1] p; W[4,2,1,1] q; W[2,4,1,1] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) r = Relu (e) g = GlobalAveragePool (r) i = Conv (g, p) j = Relu (i) \
      o = Conv (j, q) f = HardSigmoid (o) u = Mul (r, f) y = Conv (u, v)",
    ),
    (
        "maxima",
        "[n,3,h,w]",
        "W[4,3,1,1] a; P[1,4,1,1] s; W[4,3,1,1] b; W[2,4,1,1] v",
        "c = Conv (x, a) d = Conv (x, b) r = Max (c, d) p = MaxPool <kernel_shape = [2, 2]> (r) m = Mul (p, s) y = Conv (m, v)",
    ),
    (
        "least",
        "[n,3,h,w]",
        "W[4,3,1,1] a; P[1,4,1,1] s; F{3} k; W[2,4,1,1] v",
        "c = Conv (x, a) m = Mul (c, s) r = Min (m, k) y = Conv (r, v)",
    ),
    (
        "sum over time",
        "[n,t,4]",
        "C[4] k; I{1} axes; W[4,3] v; B[3] d",
        "a = Add (x, k) s = ReduceSum <keepdims = 0> (a, axes) y = Gemm (s, v, d)",
    ),
    (
        "mean over time",
        "[n,t,4]",
        "S[4] k; I{1} axes; W[4,3] v; B[3] d",
        "a = Mul (x, k) s = ReduceMean <axes = [1], keepdims = 0> (a) y = Gemm (s, v, d)",
    ),
    ("last row", "[n,3,t]", "S[1,3,1] s; I{-1} i; W[2,3,1] v", "m = Mul (x, s) g = Gather <axis = 2> (m, i) y = Conv (g, v)"),
    (
        "cut",
        "[n,3,t]",
        "S[1,3,1] s; I{1} from; I{9223372036854775807} to; I{2} along; W[2,3,1] v",
        "m = Mul (x, s) g = Slice (m, from, to, along) y = Conv (g, v)",
    ),
    (
        "cut from the end",
        "[n,3,t]",
        "S[1,3,1] s; I{-3} from; I{-1} to; I{2} along; W[2,3,1] v",
        "m = Mul (x, s) g = Slice (m, from, to, along) y = Conv (g, v)",
    ),
    (
        "resized",
        "[n,2,h,w]",
        "W[4,2,1,1] a; S[1,4,1,1] s; F{1,1,2,2} z; W[2,4,1,1] v",
        "c = Conv (x, a) m = Mul (c, s) q = Resize <mode = \"nearest\"> (m, , z) y = Conv (q, v)",
    ),
    (
        "upsampled and shrunk",
        "[n,2,h,w]",
        "W[4,2,1,1] a; S[1,4,1,1] s; F{1,1,1.5,0.75} z; W[2,4,1,1] v",
        "c = Conv (x, a) m = Mul (c, s) q = Resize <mode = \"linear\", coordinate_transformation_mode = \"asymmetric\"> (m, , z) y = Conv (q, v)",
    ),
    (
        "flattened batch",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; I{0,4,-1} flat; W[2,4,1] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) f = Reshape (e, flat) y = Conv (f, v)",
    ),
    (
        "state",
        "[t,n,3]",
        "S[3] s; W[1,16,3] w; W[1,16,4] r; B[1,32] b; B[1,12] p; W[4,2] v",
        "m = Mul (x, s) l, h, c = LSTM <hidden_size = 4> (m, w, r, b, , , , p) f = Squeeze (l, one) y = MatMul (f, v)",
    ),
    (
        "gated state",
        "[t,n,3]",
        "S[3] s; W[1,12,3] w; W[1,12,4] r; B[1,24] b; W[4,2] v",
        "m = Mul (x, s) l, h = GRU <hidden_size = 4, linear_before_reset = 1> (m, w, r, b) f = Squeeze (l, one) y = MatMul (f, v)",
    ),
    (
        "plain state",
        "[t,n,3]",
        "S[3] s; W[1,4,3] w; W[1,4,4] r; B[1,8] b; W[4,2] v",
        "m = Mul (x, s) l, h = RNN <hidden_size = 4> (m, w, r, b) f = Squeeze (l, one) y = MatMul (f, v)",
    ),
    (
        "out and back",
        "[n,3]",
        "W[3,4] a; S[4] s; B[4] b; W[4,2] v; B[2] d",
        "m = MatMul (x, a) q = Mul (m, s) e = Add (q, b) r = Relu (e) y = Gemm (r, v, d)",
    ),
    (
        "through half",
        "[n,3,h,w]",
        "F{0.0009765625} s; W[2,3,1,1] v",
        "m = Mul (x, s) c = Cast <to = 10> (m) f = Cast <to = 1> (c) y = Conv (f, v)",
    ),
    (
        "half inside",
        "[n,3,h,w]",
        "W[4,3,1,1] a; P[1,4,1,1] s; W[2,4,1,1] v",
        "c = Conv (x, a) m = Mul (c, s) h = Cast <to = 10> (m) r = Relu (h) f = Cast <to = 1> (r) y = Conv (f, v)",
    ),
    (
        "function with a default",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; W[2,4,1,1] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) r = own.gate (e) g = own.gate <slope = 0.3> (r) y = Conv (g, v)",
    ),
    (
        "attribute tensor",
        "[n,3,h,w]",
        "W[3,3,1,1] a; S[3] s; B[3] t; B[3] m; V[3] k; I{1} q",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) f = ConstantOfShape <value = float[1] {2.5}> (q) \
      g = Constant <value = float[1,3,1,1] {1, 2, 3}> () z = Mul (e, g) y = Add (z, f)",
    ),
    (
        "branch",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; I{} q; W[2,4,1,1] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) h = Shape (x) i = Gather (h, one0) b = Greater (i, two0) \
      r = If <then_branch = th () => (float[] ty) { ty = Relu (e) }, else_branch = el () => (float[] ey) { ey = Neg (e) }> (b) y = Conv (r, v)",
    ),
    (
        "padded",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; I{0,0,1,1,0,0,1,1} pads; F{0} zero; W[2,4,3,3] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) p = Pad (e, pads, zero) y = Conv (p, v)",
    ),
    (
        "groups",
        "[n,4,h,w]",
        "W[4,2,3,3] a; S[4] s; B[4] t; B[4] m; V[4] k; W[4,1,1,1] v",
        "c = Conv <group = 2, pads = [1, 1, 1, 1]> (x, a) e = BatchNormalization (c, s, t, m, k) r = Relu (e) y = Conv <group = 4> (r, v)",
    ),
    (
        "transposed",
        "[n,3,h,w]",
        "W[3,4,2,2] a; S[4] s; B[4] t; B[4] m; V[4] k; W[2,4,1,1] v",
        "c = ConvTranspose <strides = [2, 2]> (x, a) e = BatchNormalization (c, s, t, m, k) r = Relu (e) y = Conv (r, v)",
    ),
    (
        "two inputs",
        "[n,4] x2, float[n,4]",
        "S[4] s; B[4] b; W[4,3] v; W[4,3] u",
        "m = Mul (x, s) e = Add (m, b) p = MatMul (e, v) q = MatMul (x2, u) y = Sub (p, q)",
    ),
    (
        "joined",
        "[n,3,h,w]",
        "W[2,3,1,1] a; W[2,3,1,1] b; S[4] s; B[4] t; B[4] m; V[4] k; W[2,4,1,1] v",
        "c = Conv (x, a) d = Conv (x, b) j = Concat <axis = 1> (c, d) e = BatchNormalization (j, s, t, m, k) r = Relu (e) y = Conv (r, v)",
    ),
    (
        "split",
        "[n,4,h,w]",
        "W[4,4,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; I{2,2} parts; W[2,2,1,1] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) p, q = Split <axis = 1> (e, parts) r = Mul (p, q) y = Conv (r, v)",
    ),
    (
        "turned",
        "[n,3,h,w]",
        "W[4,3,1,1] a; S[4] s; B[4] t; B[4] m; V[4] k; W[4,2] v",
        "c = Conv (x, a) e = BatchNormalization (c, s, t, m, k) p = Transpose <perm = [0, 2, 3, 1]> (e) y = MatMul (p, v)",
    ),
    (
        "enormous closed bias",
        "[n,2,h,w]",
        "W[2,2,1,1] a; F{-1000000000,0.25} b; S[1,2,1,1] s; W[1,2,1,1] v",
        "c = Conv (x, a, b) m = Mul (c, s) r = Relu (m) y = Conv (r, v)",
    ),
];

fn uniform(draw: &mut Draw, low: f64, high: f64) -> f64 {
    low + (high - low) * (draw.below(1 << 20) as f64 / f64::from(1 << 20))
}

/// A number for a constant of this role.
fn number(role: char, draw: &mut Draw) -> f64 {
    match role {
        // A scale of any sign, or a positive one.
        'S' => uniform(draw, 0.3, 2.0) * if draw.below(5) == 0 { -1.0 } else { 1.0 },
        'P' | 'V' => uniform(draw, 0.3, 2.0),
        // A bias that closes some channels for ordinary numbers.
        'C' if draw.below(3) == 0 => [-2000.0, -30.0, -4.0, -500.0][draw.below(4)],
        _ => uniform(draw, -1.5, 1.5),
    }
}

fn constant(text: &str, element: &str, draw: &mut Draw) -> String {
    let (what, name) = text.trim().rsplit_once(' ').unwrap();
    let role = what.chars().next().unwrap();
    if let Some(values) = what[1..].strip_prefix('{') {
        let values = values.trim_end_matches('}');
        let kind = if role == 'I' { "int64" } else { element };
        // Bounds and factors are single numbers, axes and shapes are lists.
        let count = values.split(',').filter(|v| !v.is_empty()).count();
        let dims = if role == 'F' && count == 1 { String::new() } else { format!("[{count}]") };
        let kind = if what.starts_with("F{1,1,") { "float" } else { kind };
        return format!("{kind}{dims} {name} = {{{values}}}");
    }
    let dims = &what[1..];
    let count: usize = dims.trim_matches(['[', ']']).split(',').map(|d| d.parse::<usize>().unwrap()).product();
    let values: Vec<String> = (0..count).map(|_| format!("{:?}", number(role, draw) as f32)).collect();
    format!("{element}{dims} {name} = {{{}}}", values.join(", "))
}

/// A net of this kind.
pub fn hidden(index: usize, seed: u64) -> (&'static str, Vec<u8>) {
    let (name, input, constants, nodes) = BODIES[index % BODIES.len()];
    let mut draw = Draw::new(seed);
    let mut stored: Vec<String> = constants.split(';').map(|text| constant(text, "float", &mut draw)).collect();
    stored.retain(|text| !text.contains("int64[0]"));
    let shared = [("one", "int64[1] one = {1}"), ("one0", "int64 one0 = {0}"), ("two0", "int64 two0 = {2}")];
    stored.extend(shared.iter().filter(|(name, _)| nodes.contains(&format!(", {name})"))).map(|(_, text)| (*text).to_owned()));
    // An input that is not there.
    let nodes = nodes.replace(", ,", ", \"\",").replace(", ,", ", \"\",");
    let opset = if name.contains("opset 9") { 9 } else { 17 };
    let gate = "<domain: \"own\", opset_import: [\"\" : 17]> gate <slope: float = 0.1> (a) => (o) \
                { o = LeakyRelu <alpha: float = @slope> (a) }";
    let (function, import) = if nodes.contains("own.") { (gate, ", \"own\" : 1") } else { ("", "") };
    let text = format!(
        "<ir_version: 9, opset_import: [\"\" : {opset}{import}]>\nnet (float{input} x) => (float[] y)\n<{}>\n{{ {nodes} }}\n{function}",
        stored.join(", ")
    );
    (name, bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e} in {text}")))
}

fn stored(model: &ModelProto, name: &str) -> Option<TensorProto> {
    model.graph.as_ref()?.initializer.iter().find(|tensor| tensor.name() == name).cloned()
}

/// The factor of the first product with a constant, moved forward into the next linear operator, whatever stands between: what other
/// tools do, so that gates stand inside of what was folded. It may be wrong, which the reference tells.
pub fn forwarded(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut model = decode(bytes);
    let nodes = model.graph.as_ref()?.node.clone();
    let product = nodes.iter().position(|n| n.op_type() == "Mul" && stored(&model, &n.input[1]).is_some())?;
    let behind = || nodes.iter().skip(product);
    let linear = behind().find(|n| matches!(n.op_type(), "Conv" | "MatMul" | "Gemm"))?;
    // A bound would have to go with the factor, and half loses other digits and overflows elsewhere without it.
    let half = |n: &NodeProto| n.op_type() == "Cast" && n.attribute.iter().any(|a| a.name() == "to" && a.i() == 10);
    let bound = |n: &NodeProto| matches!(n.op_type(), "Clip" | "Min" | "Max") || half(n);
    if behind().take_while(|n| n.output != linear.output).any(bound) {
        return None;
    }
    let (scale, weight) = (stored(&model, &nodes[product].input[1])?, stored(&model, &linear.input[1])?);
    let (factors, mut values) = (numbers(&scale), numbers(&weight));
    let axis = usize::from(linear.op_type() == "Conv");
    let channels = weight.dims[axis] as usize;
    if factors.len() != 1 && factors.len() != channels {
        return None;
    }
    let inner: usize = weight.dims[axis + 1..].iter().product::<i64>() as usize;
    values.iter_mut().enumerate().for_each(|(at, value)| *value *= factors[(at / inner % channels) % factors.len()]);
    let graph = model.graph.as_mut()?;
    store(graph.initializer.iter_mut().find(|t| t.name() == weight.name())?, &values);
    let (from, to) = (nodes[product].output[0].clone(), nodes[product].input[0].clone());
    graph.node.remove(product);
    graph.node.iter_mut().flat_map(|n| &mut n.input).filter(|input| **input == from).for_each(|input| input.clone_from(&to));
    graph.initializer.retain(|t| t.name() != scale.name());
    Some(model.encode_to_vec())
}
