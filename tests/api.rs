//! The library as its callers see it.
#![cfg(feature = "tract")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::error::Error as _;

use bnfold::sample::{CONV_BATCH_NORMALIZATION, encode};
use bnfold::{Direction, ErrorKind, Fold, Lower, Outcome, Partial, Verify};

fn model() -> Vec<u8> {
    encode(CONV_BATCH_NORMALIZATION).unwrap()
}

#[test]
fn memory_and_files_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.onnx"), model()).unwrap();
    let report = Fold::new().file(path("a.onnx"), path("b.onnx")).unwrap();
    assert!(report.written && !report.unchanged && report.verdict.is_some());
    for fold in [Fold::new(), Fold::new().no_verify(true), Fold::new().quick(true).fsync(true)] {
        let (folded, told) = fold.bytes(model()).unwrap();
        assert_eq!(folded, std::fs::read(path("b.onnx")).unwrap());
        assert_eq!((told.after, told.folded), (report.after, report.folded));
        let (again, told) = fold.bytes(folded.clone()).unwrap();
        assert!(told.unchanged && again == folded);
    }
    assert!(Fold::new().in_place(path("b.onnx")).unwrap().unchanged);
    let error = Fold::new().file(path("a.onnx"), path("a.onnx")).unwrap_err();
    assert_eq!((error.kind, error.remedy.is_some()), (ErrorKind::Target, true));
}

#[test]
fn every_option_of_the_plan_is_heard() {
    let folds = |fold: Fold| fold.no_verify(true).bytes(model()).unwrap().1.folded.batch_normalizations;
    assert_eq!(folds(Fold::new()), 1);
    assert_eq!(folds(Fold::new().skip("bn1")), 0);
    assert_eq!(folds(Fold::new().only("bn?")), 1);
    assert_eq!(folds(Fold::new().direction(Direction::Forward)), 0);
    assert_eq!(folds(Fold::new().direction(Direction::Backward).partial(Partial::Never)), 1);
    assert_eq!(folds(Fold::new().rule("MatMul")), 0);
    assert_eq!(folds(Fold::new().rule("MatMul").rule("Conv")), 1);
    let lowered = Fold::new().skip("conv1").lower(Lower::MulAdd).no_verify(true).bytes(model()).unwrap().1;
    assert_eq!(lowered.folded.replaced, 1);
}

#[test]
fn what_cannot_be_had_is_named_as_the_caller_knows_it() {
    let wishes = [
        Fold::new().dim("N", 4),
        Fold::new().input_shape("data", [1, 2, 4, 4]),
        Fold::new().tap("nothing"),
        Fold::new().skip("conv_1"),
    ];
    for fold in wishes {
        let error = fold.bytes(model()).unwrap_err();
        assert_eq!((error.kind, error.file.unwrap().to_str().unwrap()), (ErrorKind::Choice, "model in memory"));
    }
    let error = Fold::new().inputs("no/such.npz").bytes(model()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Io);
    assert!(error.source().unwrap().downcast_ref::<std::io::Error>().is_some());
    assert!(bnfold::fold_bytes(b"no model".to_vec()).unwrap_err().source().is_none());
}

#[test]
fn side_files_are_asked_for_by_path() {
    let location = "location";
    let tensor = |entry| bnfold::onnx::TensorProto {
        name: Some("W".into()),
        dims: vec![1],
        data_type: Some(1),
        data_location: Some(1),
        external_data: vec![entry],
        ..Default::default()
    };
    let entry = bnfold::onnx::StringStringEntryProto { key: Some(location.into()), value: Some("w.bin".into()) };
    let mut proto = <bnfold::onnx::ModelProto as prost::Message>::decode(&model()[..]).unwrap();
    proto.graph.as_mut().unwrap().initializer.push(tensor(entry));
    let error = bnfold::fold_bytes(prost::Message::encode_to_vec(&proto)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::ExternalData);
    assert!(error.to_string().contains("`w.bin`") && error.remedy.unwrap().contains("path"));
}

#[test]
fn a_wrong_fold_differs_and_a_right_one_does_not() {
    let (folded, _) = bnfold::fold_bytes(model()).unwrap();
    assert_eq!(
        Verify::new().exact(true).strict(true).bytes(model(), folded.clone()).unwrap().outcome,
        Outcome::EqualWithinRounding
    );
    let other = encode(&CONV_BATCH_NORMALIZATION.replace("-0.5", "-0.75")).unwrap();
    let (wrong, _) = bnfold::fold_bytes(other).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let verdict = Verify::new().save_failure(folder.path()).bytes(model(), wrong).unwrap();
    assert_eq!(verdict.outcome, Outcome::Differs);
    assert!(folder.path().join("before.onnx").exists());
}

/// The tests of a caller are such a program: started again, it would run all of them.
#[test]
fn the_callers_program_is_not_started_again() {
    let (_, report) = Fold::new().bytes(model()).unwrap();
    let execution = report.verdict.unwrap().execution;
    assert!(matches!(execution, bnfold::Execution::Ran { .. }), "{execution:?}");
    // Nothing else is started in the place of a program that is not there.
    let error = Fold::new().engine("/no/such/program").bytes(model()).unwrap_err();
    assert!(error.kind == ErrorKind::Choice && error.to_string().starts_with("/no/such/program: "), "{error}");
}

#[cfg(feature = "cli")]
#[test]
fn a_program_that_is_named_runs_them() {
    let (_, report) = Fold::new().engine(env!("CARGO_BIN_EXE_bnfold")).timeout(60).bytes(model()).unwrap();
    assert!(matches!(report.verdict.unwrap().execution, bnfold::Execution::Ran { .. }));
    let (before, after) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(before.path(), model()).unwrap();
    std::fs::write(after.path(), bnfold::fold_bytes(model()).unwrap().0).unwrap();
    let options = bnfold::verify::VerifyOptions::default();
    let files = (before.path(), after.path());
    let (verdict, saved) = bnfold::api::remote::ask(env!("CARGO_BIN_EXE_bnfold").as_ref(), files, &options, None).unwrap();
    assert_eq!((verdict.outcome, saved), (Outcome::EqualWithinRounding, None));
    let asked = bnfold::verify::VerifyOptions { dims: vec![("N".into(), 2)], ..options };
    let error = bnfold::api::remote::ask(env!("CARGO_BIN_EXE_bnfold").as_ref(), files, &asked, None).unwrap_err();
    assert_eq!((error.kind, error.file.as_deref()), (ErrorKind::Choice, Some(before.path())));
}

#[cfg(feature = "certificate")]
#[test]
fn a_certificate_speaks_of_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.json");
    Fold::new().certificate(&file).bytes(model()).unwrap();
    let stated: bnfold::report::certificate::Certificate = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(stated.before.model.bytes, model().len() as u64);
    assert_eq!(stated.verdict.outcome, Outcome::EqualWithinRounding);
}
