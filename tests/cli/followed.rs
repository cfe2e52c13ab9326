//! Remedies, cut out of the message and followed to the letter; and what an option that only looks must leave alone.

use crate::{FOLDS, Folder, STAYS};

/// A BatchNormalization in training form.
fn training() -> String {
    STAYS.replace("epsilon = 0.0", "training_mode = 1").replace("y = Batch", "y, mm, vv = Batch")
}

/// One whose scale a caller may override.
fn overridable() -> String {
    FOLDS.replace("(float[1,2,4,4] x)", "(float[1,2,4,4] x, float[3] s)")
}

/// A fold in a model of which the sizes are open, so that a run can be asked to be as large as one likes.
fn open() -> String {
    FOLDS.replace("1,2,4,4", "1,2,H,W").replace("1,3,4,4", "1,3,H,W")
}

/// The remedy of the last error.
#[track_caller]
fn remedy(folder: &Folder, words: &[&str], code: i32) -> String {
    let answer = folder.run(words).expect(code);
    let line = answer.err.lines().last().unwrap_or_default();
    let (_, remedy) = line.rsplit_once("; ").unwrap_or_else(|| panic!("{answer:?}"));
    remedy.to_owned()
}

#[test]
fn all_reasons_are_named_at_once() {
    let folder = Folder::new(&[("train.onnx", &training()), ("over.onnx", &overridable())]);
    let words = ["check", ".", "--strict"];
    let remedy = remedy(&folder, &words, 1);
    let (_, allowed) = remedy.split_once("accept it with ").unwrap();
    let all: Vec<&str> = words.into_iter().chain(allowed.split(' ')).collect();
    folder.run(&all).expect(0);
    assert_eq!(allowed, "--allow overridable --allow training-mode");
}

#[test]
fn who_is_quiet_is_told_where_the_commands_are() {
    let folder = Folder::new(&[("folds.onnx", FOLDS)]);
    let said = folder.run(&["check", "-q", "folds.onnx"]).expect(1);
    assert!(
        said.err.contains("; run the commands that `check` names without -q, or accept it with --write-baseline"),
        "{said:?}"
    );
    assert!(folder.run(&["check", "folds.onnx"]).expect(1).out.contains("run: bnfold fold"));
}

#[test]
fn a_baseline_is_written_by_the_command_that_missed_it() {
    let folder = Folder::new(&[("folds.onnx", FOLDS)]);
    for (file, text) in
        [("missing.json", None), ("broken.json", Some("{}")), ("old.json", Some("{\"schema\": \"x\", \"files\": {}}"))]
    {
        if let Some(text) = text {
            folder.write(file, text.as_bytes());
        }
        let words = ["check", "folds.onnx", "--baseline", file];
        assert!(remedy(&folder, &words, 2).starts_with("the same command with --write-baseline writes it"), "{file}");
        let written = folder.run(&[&words[..], &["--write-baseline"]].concat()).expect(0);
        assert!(
            written
                .out
                .ends_with(": 1 finding written; the same command without --write-baseline reports what is not among them\n")
        );
        folder.run(&words).expect(0);
    }
}

#[test]
fn a_missing_part_of_a_sweep_is_made_with_the_same_paths() {
    let folder = Folder::new(&[("a.onnx", STAYS), ("b.onnx", STAYS)]);
    let part = |part: &str| folder.run(&["sweep", "a.onnx", "b.onnx", "--no-verify", "--shard", part, "--format", "json"]);
    folder.write("1.json", part("1/2").expect(0).out.as_bytes());
    let said = folder.run(&["sweep", "--merge", "1.json"]).expect(2).err;
    assert!(
        said.contains("run `bnfold sweep` with --shard 2/2 --format json and the same paths and options, and name"),
        "{said}"
    );
    folder.write("2.json", part("2/2").expect(0).out.as_bytes());
    folder.run(&["sweep", "--merge", "1.json", "2.json"]).expect(0);
}

#[test]
fn a_sweep_keeps_no_model_that_nobody_judged() {
    let folder = Folder::new(&[("a.onnx", &open())]);
    let words = ["sweep", "a.onnx", "--dim=H=4000", "--dim=W=4000", "--memory=50M", "--out-dir", "out"];
    let said = folder.run(&words).expect(0);
    assert!(said.out.starts_with("unverified") && said.out.contains("; 1 fold left out, as nothing shows that"), "{said:?}");
    assert!(folder.read("out/a.onnx") == folder.read("a.onnx"), "{said:?}");
    // Where nothing is kept, what would be folded is told as before.
    assert!(folder.run(&words[..5]).expect(0).out.contains("folded 1 of 1"));
    folder.run(&["sweep", "a.onnx", "--dim=H=40", "--dim=W=40", "--out-dir", "out"]).expect(0);
    assert!(folder.read("out/a.onnx") != folder.read("a.onnx"));
}

#[test]
fn a_second_baseline_forgets_nothing_that_it_did_not_look_at() {
    let folder = Folder::new(&[("old.onnx", FOLDS), ("gone.onnx", FOLDS), ("m/more.onnx", FOLDS)]);
    folder.run(&["check", ".", "--write-baseline"]).expect(0);
    folder.write("new.onnx", &folder.read("old.onnx"));
    std::fs::remove_file(folder.path("gone.onnx")).unwrap();
    let written = folder.run(&["check", "new.onnx", "--write-baseline"]).expect(0);
    assert!(written.out.contains("1 finding written, 2 of files that were not looked at kept; "), "{written:?}");
    let said = folder.run(&["check", "."]).expect(0);
    assert_eq!(said.err, "", "what is gone is not kept");
    // What cannot be read any more was not looked at.
    folder.write("old.onnx", b"no model");
    folder.run(&["check", ".", "--write-baseline"]).expect(2);
    folder.write("old.onnx", &folder.read("new.onnx"));
    folder.run(&["check", "."]).expect(0);
}

#[test]
fn a_printed_command_may_be_tried_first() {
    let folder = Folder::new(&[("m/a.onnx", FOLDS), ("m/b.onnx", FOLDS)]);
    let before = folder.read("m/a.onnx");
    for words in [
        &["fold", "--in-place", "m/a.onnx", "--dry-run"][..],
        &["fold", "m/a.onnx", "-o", "b.onnx", "--dry-run"],
        &["fold", "m", "--in-place", "--dry-run", "--no-verify"],
        &["fold", "m", "--out-dir", "out", "--dry-run", "--no-verify"],
        &["fold", "m/a.onnx", "--in-place", "--diff", "--dry-run"],
    ] {
        folder.run(words).expect(0);
        assert_eq!((folder.names(), folder.read("m/a.onnx") == before), (vec!["m".to_owned()], true), "{words:?}");
    }
    let said = folder.run(&["fold", "--in-place", "m/a.onnx", "--dry-run"]).expect(0).out;
    assert!(said.contains("  written             no, as asked\n"), "{said}");
}

#[test]
fn a_fold_that_was_left_out_is_not_called_none() {
    let folder = Folder::new(&[("a.onnx", &open())]);
    let said = folder.run(&["fold", "a.onnx", "-o", "o.onnx", "--dim=H=40000", "--dim=W=40000"]).expect(1);
    assert!(said.out.contains("  result              no fold was shown to be right; a copy, byte for byte\n"), "{said:?}");
    assert!(!said.out.contains("nothing can be folded"), "{said:?}");
    assert!(said.err.contains("as nobody can tell whether it is right: "), "{said:?}");
    assert!(said.err.ends_with(" is too large; give smaller extents with --dim or --input-shape\n"), "{said:?}");
}

#[test]
fn the_last_word_of_a_check_is_its_result() {
    let folder = Folder::new(&[("train.onnx", &training())]);
    folder.write("text.onnx", b"no model");
    let last = |words: &[&str], code: i32| folder.run(words).expect(code).out.lines().last().unwrap().to_owned();
    assert_eq!(last(&["check", "text.onnx"], 2), "0 checked, 1 not checked");
    assert_eq!(last(&["check", "train.onnx"], 0), "1 checked, nothing left to fold, 1 with a warning");
    let strict = last(&["check", "train.onnx", "--strict"], 1);
    assert_eq!(strict, "1 checked, nothing left to fold, 1 with what --strict does not let pass");
}

#[test]
fn the_words_of_the_engine_are_said_once_and_without_its_trail() {
    let folder = Folder::new(&[("unrun.onnx", crate::check::UNRUN)]);
    folder.run(&["fold", "unrun.onnx", "-o", "still.onnx", "--no-verify"]).expect(0);
    let said = folder.run(&["verify", "unrun.onnx", "still.onnx"]).expect(0).out;
    assert_eq!(said.matches("Reshape volume mismatch").count(), 1, "{said}");
    assert!(said.contains("(at `z`)") && !said.contains("Val(") && !said.contains("GivenRule"), "{said}");
    assert!(said.contains("  run                 no: see the verdict\n"), "{said}");
    let strict = folder.run(&["verify", "unrun.onnx", "still.onnx", "--strict"]).expect(2);
    assert!(!strict.err.contains("Val(") && strict.err.contains("Reshape volume mismatch"), "{strict:?}");
}

#[test]
fn a_reader_is_told_from_the_operator() {
    let beside = FOLDS
        .replace("(float[1,3,4,4] y)", "(float[1,3,4,4] y, float[1,3,4,4] z)")
        .replace("m, v) }", "m, v) [tanh1] z = Tanh (c) }");
    let folder = Folder::new(&[("beside.onnx", &beside)]);
    let said = folder.run(&["inspect", "beside.onnx"]).expect(0).out;
    assert!(
        said.contains(
            "several-readers at tanh1 (Tanh)\n               the value between has other readers, too: this node is one;"
        ),
        "{said}"
    );
    let page = folder.run(&["report", "beside.onnx", "--no-verify", "-o", "-"]).expect(0).out;
    assert!(page.contains("aria-label=\"bn1 (BatchNormalization) stays, tanh1 (Tanh) reads what it reads\""), "{page}");
}

#[test]
fn the_node_itself_is_no_other_reader() {
    let twice = FOLDS.replace("y = Batch", "p = Batch").replace("m, v) }", "m, v) [mul1] y = Mul (p, c) }");
    let folder = Folder::new(&[("twice.onnx", &twice)]);
    let said = folder.run(&["inspect", "twice.onnx"]).expect(0).out;
    assert!(said.contains("several-readers at bn1 (") && !said.contains("this node is one"), "{said}");
}

#[test]
fn a_page_without_a_place_gets_one() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    let said = folder.run(&["report", "m.onnx"]).expect(2).err;
    assert_eq!(said, "error: nothing says where the page goes; name a file, for example -o m.html\n");
    folder.run(&["report", "m.onnx", "-o", "m.html", "--no-verify"]).expect(0);
}

#[test]
fn one_more_v_says_no_more() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    let said = |v: &str| folder.run(&["inspect", "m.onnx", v]).expect(0).out;
    assert_eq!(said("-v"), said("-vv"));
    assert!(folder.run(&["inspect", "--help"]).out.contains("  -v, --verbose  "));
}
