//! The relay by itself: what it finds although nobody compared the files before.

use crate::judged::inexact;
use bnfold::engine::CouldNotRun;
use bnfold::verify::side::Side;
use bnfold::verify::{Done, Job, Member, Relay, RelayReport, SitePlan};

fn text(activation: &str, second: &str) -> Vec<u8> {
    inexact(&words(activation, second))
}

fn words(activation: &str, second: &str) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17, "custom" : 1]>
        g (float[1,2,3,3] x) => (float[1,2,3,3] y, float[1,2,3,3] z)
        <float[2,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5),
         float[2,1,1] k = dyadic(6)>
        {{ h = {activation} (x)  c = Conv (h, w)  n = BatchNormalization (c, s, b, m, v)  y = Relu (n)  z = {second} (x, k) }}"#
    )
}

/// The second model's site is the first's own.
fn relayed(before: &[u8], after: &[u8], output: &str) -> Result<RelayReport, CouldNotRun> {
    let folder = tempfile::tempdir().unwrap();
    let [before, after] = [("a.onnx", before), ("b.onnx", after)].map(|(name, bytes)| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let members = vec![
        Member { node: 1, output: "c".to_owned(), parameters: vec![1] },
        Member { node: 2, output: output.to_owned(), parameters: vec![1, 2, 3, 4] },
    ];
    let outputs = vec![("n".to_owned(), "n".to_owned())];
    let unit = 2.0_f64.powi(-24);
    let (before_nodes, shapes) = (members.clone(), Default::default());
    let site = SitePlan {
        before: before_nodes,
        after: members,
        outputs,
        unit,
        roundings: 1,
        smallest: 0.0,
        lost: 0,
        shift: 0.0,
        shapes,
        settings: Default::default(),
        everywhere: false,
    };
    let job = Job::Relay(Relay {
        before: Side::of(&before),
        after: Side::of(&after),
        freeze: false,
        sites: vec![site],
        units: 1.0,
        units_once: 1.0,
        sizes: Default::default(),
        fixed: std::collections::BTreeMap::new(),
        inputs: None,
        data_sets: vec![],
        taps: vec!["y".to_owned()],
        seed: 3,
        samples: 1,
        beyond: 0,
        memory: 0,
    });
    match job.perform()? {
        Done::Relay(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

#[test]
fn equal_models_are_equal() {
    let model = text("Relu", "Add");
    let report = relayed(&model, &model, "n").unwrap();
    assert_eq!((report.outputs_equal, report.outputs_apart.len(), report.sites.len()), (2, 0, 1));
    assert_eq!((report.sites[0].worst, &report.sites[0].apart, &report.sites[0].unjudged), (0.0, &None, &None));
    assert_eq!((report.taps.len(), report.taps[0].largest), (1, Some(0.0)));
}

#[test]
fn another_operator_before_a_site_shows_at_its_input() {
    let report = relayed(&text("Relu", "Add"), &text("Abs", "Add"), "n").unwrap();
    assert_eq!(report.sites[0].apart.as_deref(), Some("its input `h` is not the same in both models"));
}

#[test]
fn another_operator_beside_a_site_shows_at_the_output() {
    let report = relayed(&text("Relu", "Add"), &text("Relu", "Mul"), "n").unwrap();
    assert_eq!((report.outputs_equal, report.outputs_apart.len()), (1, 1));
    assert_eq!(report.outputs_apart[0].0, "z");
    assert!(report.outputs_apart[0].1.starts_with("at [0, 0, 0, 0]: found "), "{:?}", report.outputs_apart);
    assert_eq!((report.sites[0].worst, &report.sites[0].apart), (0.0, &None));
}

#[test]
fn a_file_that_is_not_the_one_that_was_looked_at_is_noticed() {
    let model = text("Relu", "Add");
    let error = relayed(&model, &model, "q").unwrap_err().to_string();
    assert!(error.starts_with("the file changed: `q`"), "{error}");
}

/// What an opaque node makes may be a single bit: what it reads is compared beside.
#[test]
fn opaque_nodes_must_read_the_same() {
    let before = text("Neg", "custom.Plugin");
    let report = relayed(&before, &before, "n").unwrap();
    assert_eq!(report.outputs_apart, []);
    let sentence = "`z` (custom.Plugin) is opaque: its outputs are drawn at random";
    assert!(report.assumptions.iter().any(|one| one == sentence), "{:?}", report.assumptions);
    let after = inexact(&words("Neg", "custom.Plugin").replace("(x, k)", "(h, k)"));
    let report = relayed(&before, &after, "n").unwrap();
    let found = report.outputs_apart.iter().find(|(name, _)| name == "z").map(|(_, why)| why.as_str());
    assert_eq!(found, Some("what the opaque custom.Plugin reads is not the same"));
}
