//! What is read in a report is all there, is there once, and adds up.

use super::{Answer, FOLDS, Folder, STAYS};

/// Three BatchNormalizations: one folds, of one the scale alone, one stays.
const THREE: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x, float[1,3,4,4] q) => (float[1,3,4,4] y, float[1,3,4,4] z)
    <float[3,2,1,1] W = dyadic(1), float[3,3,3,3] U = dyadic(2), float[3] s = {1, 2, 3}, float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}>
    { [conv1] c = Conv (x, W)  [full] f = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)  [relu1] r = Relu (f)
      [part] n = BatchNormalization <epsilon = 0.0> (r, s, b, m, v)  [conv2] y = Conv <pads = [1,1,1,1]> (n, U)
      [kept] z = BatchNormalization <epsilon = 0.0> (q, s, b, m, v) }"#;

#[test]
fn the_numbers_of_a_sweep_add_up() {
    let folder = Folder::new(&[("three.onnx", THREE), ("stays.onnx", STAYS)]);
    let swept = |more: &[&str]| folder.run(&[&["sweep", ".", "--partial", "always"], more].concat()).expect(0).out;
    let said = swept(&[]);
    assert!(said.contains("three.onnx: folded 1 of 3, 1 in part; kept 1 graph-input; equal within rounding; "), "{said}");
    assert!(said.contains("; folded 1 of 4 BatchNormalization, 1 in part and 0 other; "), "{said}");
    // Of what the files alone decide no run says anything, and nothing is counted that is none.
    assert!(!said.contains("bit") && !said.contains(" 0 output"), "{said}");
    let said = swept(&["--lower", "mul-add"]);
    assert!(said.contains("three.onnx: folded 1 of 3, 1 in part, 1 replaced; equal within rounding; "), "{said}");
    assert!(said.contains("; folded 1 of 4 BatchNormalization, 1 in part, 2 replaced and 0 other; "), "{said}");
}

#[test]
fn what_stays_and_what_grows_is_seen_by_its_colour() {
    let folder = Folder::new(&[("three.onnx", THREE)]);
    let coloured = |words: &[&str]| {
        let mut command = folder.command(words);
        Answer::of(command.env("CLICOLOR_FORCE", "1").output().unwrap())
    };
    let (bold, yellow, green, end) = ("\u{1b}[1m", "\u{1b}[33m", "\u{1b}[32m", "\u{1b}[0m");
    let said = coloured(&["fold", "three.onnx", "-o", "out.onnx", "--partial", "always"]).expect(0).out;
    for part in [
        format!("{bold}three.onnx{end} -> {bold}out.onnx{end}"),
        format!("{yellow}1 of 3 folded, 1 in part, to an Add{end}"),
        format!("1 {yellow}graph-input{end}: "),
        format!("99 -> 105 {yellow}(+6){end}"),
        format!("{green}equal within rounding{end}"),
    ] {
        assert!(said.contains(&part), "{part:?}: {said:?}");
    }
    let said = coloured(&["check", "three.onnx"]).expect(1).out;
    assert!(said.starts_with(&format!("{bold}three.onnx{end}: 2 BatchNormalization left")), "{said:?}");
}

#[test]
fn a_limit_is_named_beside_every_share_of_it() {
    let folder = Folder::new(&[("a.onnx", &FOLDS.replace("epsilon = 0.0", "epsilon = 0.1"))]);
    let share = |words: &[&str], limit: &str| {
        let said = folder.run(words).expect(0).out;
        let (_, rest) = said.split_once("; worst ").unwrap_or_else(|| panic!("{said}"));
        let (share, rest) = rest.split_once(" of the limit of ").unwrap_or_else(|| panic!("{said}"));
        assert!(rest.starts_with(limit), "{said}");
        share.parse::<f64>().unwrap()
    };
    let one = share(&["fold", "a.onnx", "-o", "b.onnx"], "one rounding at ");
    let exact = share(&["verify", "a.onnx", "b.onnx", "--exact"], "one rounding at ");
    let eight = share(&["verify", "a.onnx", "b.onnx"], "8 roundings at ");
    assert!(one == exact && one > 0.0 && eight <= one, "{one} {exact} {eight}");
}

#[test]
fn a_plain_run_is_told_once() {
    let folder = Folder::new(&[("a.onnx", FOLDS)]);
    folder.run(&["fold", "a.onnx", "-o", "b.onnx", "--no-verify"]).expect(0);
    for words in [&["verify", "a.onnx", "b.onnx", "-v"][..], &["fold", "a.onnx", "-o", "c.onnx", "-v"]] {
        let said = folder.run(words).expect(0).out;
        let times = |part: &str| said.matches(part).count();
        assert_eq!((times("  plain run "), times("largest difference")), (1, 1), "{said}");
    }
}

#[test]
fn a_summary_names_the_side_files_that_the_result_needs() {
    let text = FOLDS.replace("W = dyadic(1)", "W = [\"location\": \"w.bin\"]");
    let folder = Folder::new(&[("m.onnx", &text)]);
    folder.write("w.bin", &[0; 24]);
    let said = folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--no-verify"]).expect(0).out;
    assert!(said.contains("\n  side files          out.onnx.data\n"), "{said}");
    let said = folder.run(&["fold", "m.onnx", "-o", "in.onnx", "--no-verify", "--external-data", "inline"]).expect(0).out;
    assert!(!said.contains("side files"), "{said}");
}

#[test]
fn an_error_is_text_whatever_the_format() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    for words in
        [&["fold", "missing.onnx", "-o", "o.onnx"][..], &["verify", "m.onnx", "missing.onnx"], &["inspect", "missing.onnx"]]
    {
        let said = folder.run(&[words, &["--format", "json"]].concat()).expect(2);
        assert_eq!((&*said.out, said.err.starts_with("error: missing.onnx: ")), ("", true), "{said:?}");
    }
    // `check` has a report even so, in which the file has its error.
    let said = folder.run(&["check", "missing.onnx", "m.onnx", "--format", "json"]).expect(2).json();
    assert!(said["files"][0]["error"].as_str().unwrap().starts_with("missing.onnx: cannot open"), "{said}");
    assert_eq!(said["files"][1]["findings"].as_array().unwrap().len(), 1, "{said}");
}

#[test]
fn broken_statistics_are_worth_a_look() {
    let earlier = STAYS.replace("\"\" : 17", "\"\" : 8");
    for (from, to, reason) in [
        ("epsilon = 0.0", "spatial = 0", "spatial-statistics"),
        ("{0.25, 1, 4}", "{0.25, -1, 4}", "non-finite"),
        ("{0.25, 1, 4}", "{0.25, 0, 4}", "non-finite"),
        ("float[3] v = {0.25, 1, 4}", "float[2] v = {0.25, 1}", "invalid-statistics"),
    ] {
        let text = if to == "spatial = 0" { &earlier } else { STAYS };
        let folder = Folder::new(&[("m.onnx", &text.replace(from, to))]);
        let said = folder.run(&["check", "m.onnx"]).expect(0).out;
        assert!(said.contains("  warning: bn1: ") && said.contains(&format!(" [{reason}]; ")), "{said}");
        folder.run(&["check", "m.onnx", "--strict"]).expect(1);
        folder.run(&["check", "m.onnx", "--strict", "--allow", reason]).expect(0);
    }
}

#[test]
fn what_is_said_of_a_part_and_of_one_file_alone_is_said_plainly() {
    let folder = Folder::new(&[
        ("three.onnx", THREE),
        (
            "relu.onnx",
            &FOLDS.replace("m, v) }", "m, v) [neg1] n = Neg (c) [abs1] z = Abs (n) }").replace("] y)", "] y, float[1,3,4,4] z)"),
        ),
        ("none.onnx", FOLDS),
    ]);
    let said = folder.run(&["inspect", "three.onnx"]).expect(0).out;
    let part = "part (BatchNormalization) folds in part: its scale back into conv1 (Conv), through relu1 (Relu); its shift stays";
    assert!(said.contains(&format!("  {part} as an Add\n    back       shift-through-activation at relu1 (Relu)\n")), "{said}");
    let said = folder.run(&["verify", "three.onnx", "three.onnx"]).expect(0).out;
    assert!(said.contains("\n  run                 skipped: the files alone decide\n"), "{said}");
    let said = folder.run(&["verify", "relu.onnx", "none.onnx"]).expect(1).out;
    assert!(said.contains("  not matched: neg1: only the first model has it\n"), "{said}");
    let said = folder.run(&["verify", "none.onnx", "relu.onnx"]).expect(1).out;
    assert!(said.contains("  not matched: neg1: only the second model has it\n"), "{said}");
}
