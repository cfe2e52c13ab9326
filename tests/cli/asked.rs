//! What the caller asks for and cannot be had is a mistake of the call (2), whatever the verb; nothing is written or judged.

use super::Folder;

/// Two inputs with named extents, and a fold.
const OPEN: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,2,H,W] x, float[N,3,H,W] r) => (float[N,3,H,W] y)
    <float[3,2,1,1] W0 = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}>
    { [conv1] c = Conv (x, W0)  [bn1] n = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)  [sum] y = Add (n, r) }"#;

/// The same without anything to fold.
const IDLE: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,2,H,W] x, float[N,3,H,W] r) => (float[N,3,H,W] y)
    <float[3,2,1,1] W0 = dyadic(1)> { [conv1] c = Conv (x, W0)  [sum] y = Add (c, r) }"#;

/// A NumPy file of floats.
fn npy(shape: &[usize]) -> Vec<u8> {
    let dims: Vec<String> = shape.iter().map(|size| format!("{size}, ")).collect();
    let mut head = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", dims.concat());
    while (head.len() + 11) % 64 != 0 {
        head.push(' ');
    }
    head.push('\n');
    let values = (0..shape.iter().product::<usize>()).flat_map(|at| (at as f32 / 8.0).to_le_bytes());
    b"\x93NUMPY\x01\x00".iter().copied().chain((head.len() as u16).to_le_bytes()).chain(head.into_bytes()).chain(values).collect()
}

fn folder() -> Folder {
    let folder = Folder::new(&[("a.onnx", OPEN), ("idle.onnx", IDLE)]);
    folder.run(&["fold", "a.onnx", "-o", "b.onnx", "--no-verify"]).expect(0);
    folder.write("rank/x.npy", &npy(&[1, 2, 4]));
    folder.write("extent/x.npy", &npy(&[1, 3, 4, 4]));
    folder.write("name/data.npy", &npy(&[1, 2, 4, 4]));
    folder.write("apart/x.npy", &npy(&[1, 2, 4, 4]));
    folder.write("apart/r.npy", &npy(&[1, 3, 4, 5]));
    folder.write("text.npz", b"no archive");
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder
}

/// What is asked for, and a word of the answer.
const ASKED: [(&[&str], &str); 15] = [
    (&["--inputs", "nosuch.npz"], "nosuch.npz: cannot open"),
    (&["--inputs", "text.npz"], "text.npz"),
    (&["--inputs", "empty"], "there are no inputs"),
    (&["--inputs", "rank"], "has 3 axes, the model's 4"),
    (&["--inputs", "extent"], "axis 1 is 2 in the model, 3 as given"),
    (&["--inputs", "name"], "`data`"),
    (&["--inputs", "apart"], "W = "),
    (&["--input-shape", "data:1,2,4,4"], "only: x, r"),
    (&["--input-shape", "X:1,2,4,4"], "the nearest is `x`"),
    (&["--input-shape", "x:1,2,4"], "has 3 axes, the model's 4"),
    (&["--input-shape", "x:1,5,4,4"], "axis 1 is 2 in the model"),
    (&["--dim", "h=16"], "only: H, N, W; the nearest is `H`"),
    (&["--dim", "nothing=16"], "no dimension `nothing`"),
    (&["--dim", "H=3", "--input-shape", "x:1,2,4,4"], "axis 2 is H = 3, but 4 as given"),
    (&["--tap", "sums"], "`sums`"),
];

#[test]
fn what_is_not_there_is_a_mistake_of_the_call() {
    let folder = folder();
    let verbs: [&[&str]; 6] = [
        &["verify", "a.onnx", "b.onnx"],
        &["fold", "a.onnx", "-o", "out.onnx"],
        &["fold", "idle.onnx", "-o", "out.onnx"],
        &["check", "--prove", "a.onnx"],
        &["check", "idle.onnx"],
        &["selftest", "a.onnx", "--count", "1"],
    ];
    let names = folder.names();
    for verb in verbs {
        for (asked, word) in ASKED {
            let answer = folder.run(&[verb, asked].concat()).expect(2);
            // Where many models are meant, names are held against all of them.
            let said = if verb[0] == "check" && answer.err.contains("no model has") { "" } else { word };
            assert!(answer.err.contains(said) && answer.err.lines().count() == 1, "{verb:?} {asked:?}: {answer:?}");
        }
    }
    assert_eq!(folder.names(), names);
}

#[test]
fn what_no_model_has_is_a_mistake_and_what_one_lacks_is_not() {
    let folder = folder();
    folder.write("all/a.onnx", &folder.read("a.onnx"));
    folder.write("all/fixed.onnx", &bnfold::sample::encode(super::FOLDS).unwrap());
    for (asked, word) in ASKED {
        let answer = folder.run(&[&["sweep", "all"], asked].concat()).expect(2);
        let said = format!("{}{}", answer.out, answer.err);
        assert!(said.contains(word) || said.contains("no model has"), "{asked:?}: {answer:?}");
    }
    folder.run(&["sweep", "all", "--dim", "H=6", "--tap", "n", "--skip", "sum"]).expect(0);
    folder.run(&["check", "all", "--only", "conv?"]).expect(0);
    let found = folder.run(&["check", "all", "--only", "bn1", "--prove", "--dim", "H=6", "--skip", "sum"]).expect(1);
    assert!(found.out.contains("run: bnfold fold --in-place --skip=sum --only=bn1 --dim=H=6 all/a.onnx"), "{found:?}");
    assert!(found.out.contains("run: bnfold fold --in-place --only=bn1 all/fixed.onnx"), "{found:?}");
    let answer = folder.run(&["check", "all", "--only", "nothing*"]).expect(2);
    assert!(answer.err.contains("no model has a node `nothing*`"), "{answer:?}");
}

#[test]
fn a_shape_of_one_input_settles_the_extents_of_the_others() {
    let folder = folder();
    let answer = folder.run(&["verify", "a.onnx", "b.onnx", "--input-shape", "r:2,3,5,7", "-v"]).expect(0);
    assert!(answer.out.contains("x: float[2,2,5,7]"), "{answer:?}");
    folder.write("right/x.npy", &npy(&[2, 2, 5, 4]));
    let answer = folder.run(&["verify", "a.onnx", "b.onnx", "--inputs", "right", "-v"]).expect(0);
    assert!(answer.out.contains("r: float[2,3,5,4]"), "{answer:?}");
}
