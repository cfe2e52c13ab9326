//! `check` as a step of CI: what counts, the configuration, the baseline, the formats.

use super::{FOLDS, Folder, STAYS};

/// Four BatchNormalizations and a Mul that fold, with names that every format has to escape.
const MANY: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,2,4,4] y)
    <float[2,2,1,1] W = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = {1, -0.5}, float[2] v = {0.25, 1},
     float[2,1,1] k = dyadic(4)>
    { a = Conv (x, W)  [n1] p = BatchNormalization <epsilon = 0.0> (a, s, b, m, v) c = Relu (p)
      d = Conv (c, W)  [n2] e = BatchNormalization <epsilon = 0.0> (d, s, b, m, v) f = Relu (e)
      h = Conv (f, W)  [n3] i = BatchNormalization <epsilon = 0.0> (h, s, b, m, v) j = Relu (i)
      l = Conv (j, W)  [n4] n = BatchNormalization <epsilon = 0.0> (l, s, b, m, v) o = Relu (n)
      q = Conv (o, W)  [scale] y = Mul (q, k) }"#;

/// A BatchNormalization that was exported in training form.
const TRAINING: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[2,2,4,4] x) => (float[2,2,4,4] y)
    <float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = {1, -0.5}, float[2] v = {0.25, 1}>
    { [train] y, mm, vv = BatchNormalization <training_mode = 1> (x, s, b, m, v) }"#;

#[test]
fn a_file_is_a_block_a_line_or_everything() {
    let folder = Folder::new(&[("many.onnx", MANY), ("stays.onnx", STAYS)]);
    let some = folder.run(&["check", "."]).expect(1).out;
    let lines: Vec<&str> = some.lines().collect();
    assert_eq!(lines[0], "./many.onnx: 4 BatchNormalization and 1 other map left to fold", "{some}");
    assert_eq!(lines[4..6], ["  and 2 more (-v lists them)", "  run: bnfold fold --in-place ./many.onnx"], "{some}");
    assert_eq!(lines[6], "2 checked, 4 BatchNormalization and 1 other map left to fold in 1", "{some}");
    assert_eq!(lines.len(), 7, "{some}");
    let line = folder.run(&["check", "-q", "."]).expect(1).out;
    assert_eq!(line, "./many.onnx: 4 BatchNormalization and 1 other map left to fold\n");
    let all = folder.run(&["check", "-v", "."]).expect(1).out;
    assert!(["(n1)", "n4 (", "scale (Mul)", "stays.onnx: nothing left"].iter().skip(1).all(|part| all.contains(part)), "{all}");
}

#[test]
fn what_counts_can_be_chosen() {
    let folder = Folder::new(&[("many.onnx", MANY), ("train.onnx", TRAINING)]);
    let counted = folder.run(&["check", "many.onnx", "--operators", "Mul"]).expect(1);
    assert!(counted.out.contains("many.onnx: 1 map left to fold"), "{counted:?}");
    folder.run(&["check", "many.onnx", "--operators", "Add,Div"]).expect(0);
    let unknown = folder.run(&["check", "many.onnx", "--operators", "BatchNormalisation"]).expect(2);
    assert!(unknown.err.contains("the nearest is `BatchNormalization`"), "{unknown:?}");
    let warned = folder.run(&["check", "train.onnx"]).expect(0);
    assert!(warned.out.contains("warning: train:") && warned.out.contains("[training-mode]; export"), "{warned:?}");
    assert!(warned.out.ends_with("1 checked, nothing left to fold, 1 with a warning\n"), "{warned:?}");
    folder.run(&["check", "train.onnx", "--strict"]).expect(1);
    folder.run(&["check", "train.onnx", "--strict", "--allow", "training-mode"]).expect(0);
    let unknown = folder.run(&["check", "train.onnx", "--allow", "training"]).expect(2);
    assert!(unknown.err.contains("training-mode"), "{unknown:?}");
}

#[test]
fn a_model_may_be_let_grow_so_much_and_no_more() {
    // The weight is read by a second node, so the fold stores it twice.
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,8,4,4] x) => (float[1,64,4,4] y, float[1,64,4,4] z)
        <float[64,8,1,1] W = dyadic(1), float[64] s = dyadic(2), float[64] b = dyadic(3), float[64] m = dyadic(4), float[64] v = ramp(64)>
        { c = Conv (x, W)  [bn] y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)  r = Relu (x)  z = Conv (r, W) }"#;
    let folder = Folder::new(&[("grows.onnx", &text.replace("ramp(64)", &format!("{{{}}}", vec!["1"; 64].join(", "))))]);
    folder.run(&["check", "grows.onnx"]).expect(1);
    let kept = folder.run(&["check", "grows.onnx", "--max-growth", "0"]).expect(0);
    assert!(kept.out.contains("no finding: 1 could be folded, but the file would grow by"), "{kept:?}");
    folder.run(&["check", "grows.onnx", "--max-growth", "200"]).expect(1);
    folder.run(&["check", "grows.onnx", "--max-growth=-1"]).expect(2);
}

#[test]
fn a_configuration_above_is_read_and_the_command_line_wins() {
    let folder = Folder::new(&[("models/many.onnx", MANY), ("sub/folds.onnx", FOLDS), ("other.onnx", FOLDS)]);
    folder.write("bnfold.toml", b"[check]\npaths = ['models', \"s*b/*.onnx\"]\noperators = ['Mul']\n");
    let above = folder.run(&["check"]).expect(1);
    assert!(above.out.contains("models/many.onnx: 1 map left") && above.out.contains("2 checked"), "{above:?}");
    let below = super::Answer::of(folder.command(&["check"]).current_dir(folder.path("sub")).output().unwrap()).expect(1);
    assert!(below.out.contains("../models/many.onnx: 1 map left") && below.out.contains("2 checked"), "{below:?}");
    folder.run(&["check", "other.onnx"]).expect(0);
    folder.run(&["check", "other.onnx", "--operators", "BatchNormalization"]).expect(1);
    folder.run(&["check", "other.onnx", "--no-config"]).expect(1);
    folder.run(&["check", "--no-config"]).expect(2);
    // What `fold` does is no concern of a configuration of `check`.
    folder.run(&["fold", "other.onnx", "-o", "out.onnx", "--no-verify"]).expect(0);
}

#[test]
fn a_mistake_in_a_configuration_names_file_key_and_remedy() {
    let folder = Folder::new(&[("folds.onnx", FOLDS)]);
    for (text, parts) in [
        (
            "[check]\nmax-grwoth = 3\n",
            &["bnfold.toml: key `max-grwoth`: there is no such key", "the nearest key is `max-growth`"][..],
        ),
        ("[check]\nmax-growth = 'much'\n", &["bnfold.toml: key `max-growth`", "`much`"]),
        ("[check]\nallow = ['overidable']\n", &["bnfold.toml: key `allow`", "the nearest value is `overridable`"]),
        ("[check]\nstrict = [true]\n", &["bnfold.toml: key `strict`"]),
        ("[check]\npaths = 3\n", &["bnfold.toml: key `paths`: a list of paths is expected"]),
        ("paths = ['a']\n", &["bnfold.toml: key `paths`", "[check]"]),
        ("[check]\npaths = [\n", &["bnfold.toml: line 2"]),
    ] {
        folder.write("bnfold.toml", text.as_bytes());
        let answer = folder.run(&["check", "folds.onnx"]).expect(2);
        assert!(parts.iter().all(|part| answer.err.contains(part)), "{text}: {answer:?}");
    }
    folder.run(&["check", "folds.onnx", "--config", "nosuch.toml"]).expect(2);
}

#[test]
fn a_baseline_knows_what_was_there_and_nothing_new() {
    let folder = Folder::new(&[("many.onnx", MANY), ("folds.onnx", FOLDS)]);
    let written = folder.run(&["check", "many.onnx", "folds.onnx", "--write-baseline"]).expect(0);
    assert!(written.out.contains("bnfold-baseline.json: 6 findings written"), "{written:?}");
    let known = folder.run(&["check", "many.onnx", "folds.onnx"]).expect(0);
    assert!(known.out.ends_with("2 checked, nothing left to fold, 6 known from the baseline\n"), "{known:?}");
    // A new file, and a new node in an old one.
    folder.write("new.onnx", &folder.read("folds.onnx"));
    folder.write("folds.onnx", &bnfold::sample::encode(&FOLDS.replace("bn1", "bn2")).unwrap());
    let new = folder.run(&["check", "many.onnx", "folds.onnx", "new.onnx"]).expect(1);
    assert!(new.out.contains("new.onnx: 1 BatchNormalization") && new.out.contains("bn2 (Batch"), "{new:?}");
    assert!(new.err.contains("names a finding in `folds.onnx` that is gone"), "{new:?}");
    std::fs::remove_file(folder.path("folds.onnx")).unwrap();
    let gone = folder.run(&["check", "many.onnx"]).expect(0);
    assert!(gone.err.contains("names `folds.onnx`, which is gone; the same command with --write-baseline brings"), "{gone:?}");
    folder.write("broken.json", b"{}");
    let answer = folder.run(&["check", "many.onnx", "--baseline", "broken.json"]).expect(2);
    assert!(answer.err.contains("broken.json: this is no baseline") && answer.err.contains("writes it anew"), "{answer:?}");
    folder.run(&["check", "many.onnx", "--baseline", "missing.json"]).expect(2);
}

#[test]
fn every_format_names_file_node_and_command() {
    let folder = Folder::new(&[("a,b %.onnx", FOLDS), ("train.onnx", TRAINING)]);
    folder.write("text.onnx", b"no model");
    for (format, file) in [
        ("github", "a%2Cb %25.onnx"),
        ("sarif", "a,b%20%25.onnx"),
        ("junit", "a,b %.onnx"),
        ("markdown", "<code>a,b %.onnx</code>"),
    ] {
        let answer = folder.run(&["check", "a,b %.onnx", "train.onnx", "text.onnx", "--format", format]).expect(2);
        for part in [file, "bn1", "bnfold fold --in-place", "train", "text file"] {
            assert!(answer.out.contains(part), "{format}: {part}: {answer:?}");
        }
    }
    let refused = folder.run(&["inspect", "train.onnx", "--format", "sarif"]).expect(2);
    assert!(refused.err.contains("only `check` writes this format"), "{refused:?}");
    let log = folder.run(&["check", "a,b %.onnx", "train.onnx", "--format", "sarif"]).expect(1).json();
    let rules: Vec<&str> = log["runs"][0]["results"].as_array().unwrap().iter().map(|r| r["ruleId"].as_str().unwrap()).collect();
    assert_eq!(rules, ["foldable", "training-mode"]);
    let mut command = folder.command(&["check", "a,b %.onnx", "--format", "github"]);
    let summary = folder.path("summary.md");
    super::Answer::of(command.env("GITHUB_STEP_SUMMARY", &summary).output().unwrap()).expect(1);
    assert!(std::fs::read_to_string(summary).unwrap().starts_with("### bnfold: 1 checked, 1 BatchNormalization left"));
}

#[test]
fn parts_of_a_sweep_are_put_together() {
    let folder = Folder::new(&[("m/a.onnx", FOLDS), ("m/b.onnx", STAYS), ("m/c.onnx", MANY)]);
    let sweep = |words: &[&str]| folder.run(&[&["sweep", "--format", "json"], words].concat());
    let names = |report: &serde_json::Value| {
        let models = report["models"].as_array().unwrap();
        models.iter().map(|model| model["file"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let whole = sweep(&["m", "--no-verify", "--jobs", "2"]).expect(0).json();
    assert_eq!(names(&whole), ["m/a.onnx", "m/b.onnx", "m/c.onnx"]);
    for part in ["1", "2"] {
        let report = sweep(&["m", "--no-verify", "--shard", &format!("{part}/2")]).expect(0);
        folder.write(&format!("{part}.json"), report.out.as_bytes());
    }
    let merged = sweep(&["--merge", "2.json", "1.json"]).expect(0).json();
    assert_eq!(names(&merged), names(&whole));
    let missing = sweep(&["--merge", "2.json"]).expect(2);
    assert!(missing.err.contains("part 1/2 is missing") && missing.err.contains("--shard 1/2"), "{missing:?}");
    let twice = sweep(&["--merge", "2.json", "1.json", "2.json"]).expect(2);
    assert!(twice.err.contains("2.json: part 2/2 is there twice"), "{twice:?}");
    folder.write("whole.json", serde_json::to_string(&whole).unwrap().as_bytes());
    let no_part = sweep(&["--merge", "whole.json"]).expect(2);
    assert!(no_part.err.contains("not of a part"), "{no_part:?}");
    let mut other: serde_json::Value = serde_json::from_slice(&folder.read("2.json")).unwrap();
    other["version"] = "0.0.1".into();
    folder.write("old.json", other.to_string().as_bytes());
    let old = sweep(&["--merge", "1.json", "old.json"]).expect(2);
    assert!(old.err.contains("old.json: this is a report of bnfold 0.0.1"), "{old:?}");
    folder.write("m/late.onnx", &folder.read("m/a.onnx"));
    let late = sweep(&["m", "--no-verify", "--shard", "2/2"]).expect(0);
    folder.write("late.json", late.out.as_bytes());
    let changed = sweep(&["--merge", "1.json", "late.json"]).expect(2);
    assert!(changed.err.contains("part 2/2 was chosen out of 4 models, and part 1/2 out of 3"), "{changed:?}");
    std::fs::remove_file(folder.path("m/late.onnx")).unwrap();
    // A name that only models of the other part have leaves out nothing of this one.
    let skipping = sweep(&["m", "--no-verify", "--shard", "1/2", "--skip", "bn1", "--skip", "elsewhere"]).expect(0).json();
    let nodes = |model: usize| skipping["models"][model]["report"]["folded"]["batch_normalizations"].clone();
    assert_eq!((nodes(0), nodes(1)), (0.into(), 4.into()), "{skipping}");
    assert!(sweep(&["m", "--shard", "3/2"]).expect(2).err.contains("is no part"));
}

#[test]
fn results_are_no_models_of_a_sweep() {
    let folder = Folder::new(&[("m/a.onnx", FOLDS), ("m/b.onnx", FOLDS)]);
    let swept = |shard: &str| {
        let words = ["sweep", "m", "--no-verify", "--format", "json", "--out-dir", "m/out", "--shard", shard];
        let models = folder.run(&words).expect(0).json()["models"].clone();
        models.as_array().unwrap().iter().map(|model| model["file"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!([swept("1/2"), swept("2/2")], [["m/a.onnx"], ["m/b.onnx"]]);
    }
    // Two parts must not write to one place either.
    let folder = Folder::new(&[("m/a.onnx", FOLDS), ("n/a.onnx", FOLDS)]);
    let both = folder.run(&["sweep", "m", "n", "--no-verify", "--out-dir", "out", "--shard", "1/2"]).expect(2);
    assert!(both.err.contains("two models would be written here"), "{both:?}");
}

#[test]
fn the_configuration_on_the_page_is_one() {
    let (_, config) = include_str!("../../docs/ci.md").split_once("```toml\n").unwrap();
    let folder = Folder::new(&[("models/detector.onnx", FOLDS), ("exports/detector.onnx", FOLDS)]);
    folder.write("bnfold.toml", config.split_once("```").unwrap().0.as_bytes());
    folder.run(&["check", "--write-baseline"]).expect(0);
    folder.run(&["check"]).expect(0);
}
