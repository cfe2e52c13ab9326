//! Constants that are computed: the folder's evaluator against the judge's, rounding after every operator, and what a fold
//! makes of them.

use std::collections::BTreeSet;

use crate::support::{fold, model_of};
use bnfold::model::computed::{Evaluate, Numbers, operators};
use bnfold::model::{Graph, Model, NotConstant, ScopeId};
use bnfold::{constants, verify};

/// Type, shape and elements of `y`, or why it is no constant.
fn computed(bytes: &[u8], evaluate: Evaluate) -> Result<(i32, Vec<u64>, Numbers), String> {
    let model = Model::from_bytes(bytes.to_vec()).unwrap();
    let mut graph = Graph::build(&model).unwrap();
    graph.compute(evaluate);
    let value = graph.lookup(ScopeId(0), "y").unwrap();
    let (tensor, _) = graph.constant(value).map_err(|why| format!("{why:?}"))?;
    let tensor = graph.tensor(tensor);
    let numbers = tensor.recipe().expect("computed").numbers(&model).map_err(|error| error.to_string())?;
    Ok((tensor.data_type, tensor.dims.clone(), Numbers::clone(&numbers)))
}

fn model(opset: i64, constants: &str, nodes: &str) -> Vec<u8> {
    let text = format!(
        r#"<ir_version: 10, opset_import: ["" : {opset}]> g (float[1] x) => (float[1] z) <{constants}> {{ {nodes} z = Identity (x) }}"#
    );
    bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Every operator with constants that show its attributes; `TYPE` and `SEED` stand for a float type and a number.
const CASES: &[(i64, &str, &str)] = &[
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Abs (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Ceil (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Exp (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Floor (a)"),
    (17, "TYPE[2,3] a = positive(SEED)", "y = Log (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Neg (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Reciprocal (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Relu (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Sigmoid (a)"),
    (17, "TYPE[2,3] a = positive(SEED)", "y = Sqrt (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Tanh (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[4,1,3] b = dyadic(7)", "y = Add (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[4,1,3] b = dyadic(7)", "y = Div (a, b)"),
    (17, "TYPE[2,1] a = dyadic(SEED), TYPE[3] b = dyadic(7)", "y = Mul (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[] b = dyadic(7)", "y = Sub (b, a)"),
    (17, "int64[2,3] a = dyadic(SEED), int64[3] b = {-2, 3, 5}", "y = Div (a, b)"),
    (17, "int64[2,3] a = dyadic(SEED), int64[3] b = {-2, 3, 5}", "y = Mod (a, b)"),
    (17, "int64[2,3] a = dyadic(SEED), int64[3] b = {-2, 3, 5}", "y = Mod <fmod = 1> (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = positive(7)", "y = Mod <fmod = 1> (a, b)"),
    (17, "TYPE[2,3] a = positive(SEED), TYPE[3] b = dyadic(7)", "y = Pow (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), int64[3] b = {2, 3, 0}", "y = Pow (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = dyadic(7), TYPE[2,1] c = dyadic(9)", "y = Max (a, b, c)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = dyadic(7), TYPE[2,1] c = dyadic(9)", "y = Min (a, b, c)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = dyadic(7), TYPE[2,1] c = dyadic(9)", "y = Sum (a, b, c)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = dyadic(7)", "y = Equal (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = dyadic(7)", "y = Greater (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = dyadic(7)", "g = Less (a, b) y = Not (g)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[3] b = dyadic(7)", "g = Less (a, b) y = Where (g, a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Cast <to = 10> (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Cast <to = 7> (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED)", "y = Cast <to = 9> (a)"),
    (17, "int64[2,3] a = dyadic(SEED)", "y = CastLike (a, x)"),
    (17, "int64[2,3] a = dyadic(SEED)", "r = Relu (x) y = CastLike (a, r)"),
    (17, "int64[2,3] a = dyadic(SEED), float16[2] b = dyadic(7)", "y = CastLike (a, b)"),
    (17, "int64[2] a = {2, 3}", "y = ConstantOfShape <value = float16[1] {1.5}> (a)"),
    (17, "int64[2] a = {2, 0}", "y = ConstantOfShape (a)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = Shape <start = -2> (a)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = Shape <start = 1, end = -1> (a)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = Size (a)"),
    (17, "int64[] a = {5}, int64[] b = {-2}, int64[] c = {-3}", "y = Range (a, b, c)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[2,1] b = dyadic(7)", "y = Concat <axis = -1> (a, b, a)"),
    (17, "TYPE[2,1] a = dyadic(SEED), int64[3] b = {3,1,4}", "y = Expand (a, b)"),
    (17, "TYPE[2,3,2] a = dyadic(SEED)", "y = Flatten <axis = 2> (a)"),
    (17, "TYPE[2,3,2] a = dyadic(SEED), int64[2,2] b = {0,-1,2,1}", "y = Gather <axis = 1> (a, b)"),
    (17, "TYPE[2,3,2] a = dyadic(SEED), int64[] b = {1}", "y = Gather (a, b)"),
    (17, "TYPE[2,3,2] a = dyadic(SEED), int64[3] b = {0,-1,1}", "y = Reshape (a, b)"),
    (
        17,
        "TYPE[4,5] a = dyadic(SEED), int64[2] s = {-1,1}, int64[2] e = {-9,9}, int64[2] d = {0,1}, int64[2] t = {-2,3}",
        "y = Slice (a, s, e, d, t)",
    ),
    (17, "TYPE[4,5] a = dyadic(SEED), int64[1] s = {1}, int64[1] e = {-1}", "y = Slice (a, s, e)"),
    (11, "TYPE[2,1,3,1] a = dyadic(SEED)", "y = Squeeze <axes = [-1]> (a)"),
    (17, "TYPE[2,1,3,1] a = dyadic(SEED)", "y = Squeeze (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED), int64[2] b = {2,3}", "y = Tile (a, b)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = Transpose <perm = [2,0,1]> (a)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = Transpose (a)"),
    (17, "TYPE[2,3] a = dyadic(SEED), int64[2] b = {-1,0}", "y = Unsqueeze (a, b)"),
    (11, "TYPE[2,3] a = dyadic(SEED)", "y = Unsqueeze <axes = [1,3]> (a)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = ReduceL1 <axes = [1]> (a)"),
    (18, "TYPE[2,3,4] a = dyadic(SEED), int64[2] b = {0,-1}", "y = ReduceL2 <keepdims = 0> (a, b)"),
    (18, "TYPE[2,3,4] a = dyadic(SEED), int64[1] b = {1}", "y = ReduceMax (a, b)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = ReduceMean <axes = [0,2], keepdims = 0> (a)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = ReduceMin (a)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED), int64[1] b = {-2}", "y = ReduceSum (a, b)"),
    (17, "TYPE[2,3,4] a = dyadic(SEED)", "y = ReduceSumSquare <axes = [2]> (a)"),
    (17, "TYPE[2,1,3,4] a = dyadic(SEED), TYPE[2,4,2] b = dyadic(7)", "y = MatMul (a, b)"),
    (
        17,
        "TYPE[4,3] a = dyadic(SEED), TYPE[2,4] b = dyadic(7), TYPE[2] c = dyadic(9)",
        "y = Gemm <transA = 1, transB = 1, alpha = 0.5, beta = 3.0> (a, b, c)",
    ),
    (17, "TYPE[3,4] a = dyadic(SEED), TYPE[4,2] b = dyadic(7)", "y = Gemm (a, b)"),
    (17, "TYPE[2,3] a = dyadic(SEED), TYPE[] l = {-0.5}, TYPE[] h = {0.75}", "y = Clip (a, l, h)"),
    (17, "int8[2,3] a = dyadic(SEED), int8[] l = {-1}, int8[] h = {2}", "y = Clip (a, l, h)"),
    (17, "float[2,3] a = dyadic(SEED), float[] k = {0.25}, int8[] o = {3}", "y = QuantizeLinear (a, k, o)"),
    (17, "float[2,3] a = dyadic(SEED), float[3] k = {0.25, 0.5, 2}", "y = QuantizeLinear (a, k)"),
    (10, "uint8[2,3] a = positive(SEED), TYPE[] k = dyadic(7), uint8[] o = {3}", "y = DequantizeLinear (a, k, o)"),
    (13, "int8[2,3] a = dyadic(SEED), TYPE[3] k = dyadic(7), int8[3] o = dyadic(9)", "y = DequantizeLinear (a, k, o)"),
    (17, "int32[2,3] a = dyadic(SEED), TYPE[2] k = {0.3, 0.1}", "d = DequantizeLinear <axis = -2> (a, k) y = Transpose (d)"),
    (
        21,
        "int16[5,3] a = dyadic(SEED), TYPE[2,3] k = dyadic(7), int16[2,3] o = dyadic(9)",
        "y = DequantizeLinear <axis = 0, block_size = 3> (a, k, o)",
    ),
];

#[test]
fn two_evaluators_agree_on_every_operator() {
    let mut seen = BTreeSet::new();
    for (opset, constants, nodes) in CASES {
        for kind in ["float", "float16", "bfloat16", "double"] {
            for seed in ["1", "2", "3"] {
                let bytes = model(*opset, &constants.replace("TYPE", kind).replace("SEED", seed), nodes);
                let ours = computed(&bytes, constants::evaluate).unwrap_or_else(|e| panic!("{nodes}: {e}"));
                let theirs = computed(&bytes, verify::computed::evaluate).unwrap_or_else(|e| panic!("{nodes}: {e}"));
                // Numbers of f64 may differ by the order of sums and by the functions of the system.
                if kind != "double" {
                    assert_eq!(ours, theirs, "{nodes}, {kind}");
                }
                seen.extend(model_of(&bytes).graph.unwrap().node.iter().map(|n| n.op_type().to_owned()));
            }
        }
    }
    let missing: Vec<&str> = operators().filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operators.md")).unwrap();
    let line = page.lines().find(|line| line.starts_with("A constant is")).unwrap();
    let named: BTreeSet<&str> = line.split(|c: char| !c.is_alphanumeric()).collect();
    assert!(operators().all(|name| named.contains(name)), "docs/operators.md lacks one");
}

#[test]
fn each_operator_rounds_to_its_own_type() {
    // 2048 + 1 is 2048 in f16, twice, so that 1 is left; without roundings between it would be 3.
    let bytes = bnfold::sample::encode(
        r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float16[1,2,2,2] x) => (float16[1,3,2,2] y)
            <float16[3,2,1,1] w = dyadic(1), float16[] large = {2048.0}, float16[] one = {1.0}, float16[] most = {2047.0}>
            { a = Add (large, one)
              b = Add (a, one)
              k = Sub (b, most)
              c = Conv (x, w)
              y = Mul (c, k) }"#,
    )
    .unwrap();
    let folded = fold(&bytes);
    let graphs = (model_of(&bytes).graph.unwrap(), model_of(&folded).graph.unwrap());
    assert_eq!(graphs.1.node.len(), 1);
    let weight = |graph: &bnfold::onnx::GraphProto| graph.initializer.iter().find(|t| t.name() == "w").unwrap().raw_data.clone();
    assert_eq!(weight(&graphs.0), weight(&graphs.1), "times one");
    assert_eq!(graphs.1.initializer.len(), 1, "what only made the factor goes");
}

#[test]
fn a_folded_weight_takes_the_name_of_what_computed_it() {
    for sample in constants::SAMPLES.iter().filter(|s| s.name == "a transposed weight") {
        let folded = model_of(&fold(&bnfold::sample::encode(sample.text).unwrap())).graph.unwrap();
        let names: Vec<&str> = folded.initializer.iter().map(|t| t.name()).collect();
        assert_eq!(folded.node[0].input[1], "t");
        assert!(names.contains(&"t") && !names.contains(&"w"), "{names:?}");
    }
}

#[test]
fn inside_a_function() {
    let bytes = bnfold::sample::encode(
        r#"<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
            g (float[1,2,2,2] x) => (float[1,2,2,2] y)
            { y = own.block (x) }
            <domain: "own", opset_import: ["" : 17]>
            block (x) => (y) {
              w = Constant <value = float[2,2,1,1] {1, 2, 3, 4}> ()
              s = Constant <value = float[2] {2, 4}> ()
              z = Constant <value = float[2] {0, 1}> ()
              v = Constant <value = float[2] {1, 4}> ()
              t = Transpose <perm = [1,0,2,3]> (w)
              c = Conv (x, t)
              y = BatchNormalization <epsilon = 0.0> (c, s, z, z, v)
            }"#,
    )
    .unwrap();
    let folded = fold(&bytes);
    let function = &model_of(&folded).functions[0];
    let operators: Vec<&str> = function.node.iter().map(|n| n.op_type()).filter(|o| *o != "Constant").collect();
    assert_eq!(operators, ["Conv"]);
    let inputs = crate::support::random_inputs(&model_of(&bytes), 3);
    assert_eq!(crate::support::evaluate(&bytes, &inputs)["y"], crate::support::evaluate(&folded, &inputs)["y"]);
}

#[test]
fn chains_that_grow_beyond_measure_are_no_constants() {
    let wide = "int64[2] s = {8192, 8192}";
    let why = computed(&model(17, wide, "y = ConstantOfShape (s)"), constants::evaluate).unwrap_err();
    assert_eq!(why, format!("{:?}", NotConstant::Computed));
    // A file of some bytes that asks for millions of elements, as often as it likes.
    let hollow = "int64[2] s = {4096, 2048}";
    let why = computed(&model(17, hollow, "y = ConstantOfShape (s)"), constants::evaluate).unwrap_err();
    assert_eq!(why, format!("{:?}", NotConstant::Computed));
    let deep: String = (0..200).map(|i| format!("a{} = Neg (a{i}) ", i + 1)).collect();
    let why = computed(&model(17, "float[2] a0 = {1, 2}", &format!("{deep} y = Neg (a200)")), constants::evaluate).unwrap_err();
    assert_eq!(why, format!("{:?}", NotConstant::Computed));
    let doubling: String = (0..40).map(|i| format!("a{} = Add (a{i}, a{i}) ", i + 1)).collect();
    let why =
        computed(&model(17, "float[2] a0 = {1, 2}", &format!("{doubling} y = Neg (a40)")), constants::evaluate).unwrap_err();
    assert_eq!(why, format!("{:?}", NotConstant::Computed));
}

#[test]
fn the_judge_compares_what_is_computed_by_what_it_is() {
    let negated = |k: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2] x) => (float[1,2] y)
               <float[2] k = {{{k}}}> {{ n = Neg (k) y = Mul (x, n) }}"#
        );
        Model::from_bytes(bnfold::sample::encode(&text).unwrap()).unwrap()
    };
    let shapes = |n: u64| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2] x) => (float[1,2] y)
               <float[{n},2] k = fill(1)> {{ s = Shape (k) f = Cast <to = 1> (s) y = Mul (x, f) }}"#
        );
        Model::from_bytes(bnfold::sample::encode(&text).unwrap()).unwrap()
    };
    let regions = |one: &Model, two: &Model| {
        let (one, two) = (verify::graph(one, false).unwrap(), verify::graph(two, false).unwrap());
        verify::align::align(&one, &two).unwrap().regions.len()
    };
    assert_eq!(regions(&negated("1, 2"), &negated("1, 2")), 0);
    // The same operators on other numbers, and asking for the shape of another constant.
    assert_eq!(regions(&negated("1, 2"), &negated("1, 3")), 1);
    assert_eq!(regions(&shapes(2), &shapes(3)), 1);
}
