//! What the tests of the judge share: models as text made inexact, folded, changed in memory, written and judged.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use bnfold::model::Model;
use bnfold::model::tensor::element;
use bnfold::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};
use bnfold::verify::{Execution, Outcome, Runner, Tier, Verdict, VerifyOptions, verify};
use prost::Message as _;

/// The models in the folder that `BNFOLD_CORPUS` names; none, and that is said, where it is not set.
pub fn corpus() -> Option<Vec<PathBuf>> {
    let Some(folder) = std::env::var_os("BNFOLD_CORPUS") else {
        eprintln!("skipped: BNFOLD_CORPUS is not set");
        return None;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    files.sort();
    Some(files)
}

/// The elements of a stored tensor, whatever field they are in.
pub fn numbers(tensor: &TensorProto) -> Vec<f64> {
    let format = element(tensor.data_type()).unwrap();
    let mut found = Vec::new();
    match tensor.raw_data.as_deref() {
        Some(bytes) if !bytes.is_empty() => format.decode(bytes, &mut found),
        _ => {
            let halves = tensor.int32_data.iter().flat_map(|bits| (*bits as u16).to_le_bytes()).collect::<Vec<u8>>();
            found.extend(tensor.float_data.iter().map(|v| f64::from(*v)).chain(tensor.double_data.iter().copied()));
            if found.is_empty() {
                format.decode(&halves, &mut found);
            }
        }
    }
    found
}

/// Puts elements into a tensor, rounded to its type.
pub fn store(tensor: &mut TensorProto, values: &[f64]) {
    let mut bytes = Vec::new();
    element(tensor.data_type()).unwrap().encode(values, &mut bytes);
    *tensor = TensorProto {
        raw_data: Some(bytes),
        name: tensor.name.take(),
        dims: tensor.dims.clone(),
        data_type: tensor.data_type,
        ..TensorProto::default()
    };
}

pub fn decode(bytes: &[u8]) -> ModelProto {
    ModelProto::decode(bytes).unwrap()
}

/// Multiplies every float constant by a number that makes sums and products inexact.
pub fn inexact(text: &str) -> Vec<u8> {
    let mut model = decode(&bnfold::sample::encode(text).unwrap_or_else(|e| panic!("{e} in {text}")));
    let mut count = 0;
    let mut one = |tensor: &mut TensorProto| {
        if element(tensor.data_type()).is_some() {
            count += 1;
            let factor = 1.0 + 0.137 / f64::from(count);
            let values: Vec<f64> = numbers(tensor).iter().enumerate().map(|(i, v)| v * (factor + i as f64 / 131.0)).collect();
            store(tensor, &values);
        }
    };
    fn graph(graph: &mut GraphProto, one: &mut dyn FnMut(&mut TensorProto)) {
        graph.initializer.iter_mut().for_each(&mut *one);
        graph.node.iter_mut().for_each(|n| node(n, one));
    }
    fn node(node: &mut NodeProto, one: &mut dyn FnMut(&mut TensorProto)) {
        for attribute in &mut node.attribute {
            attribute.t.iter_mut().for_each(&mut *one);
            attribute.g.iter_mut().for_each(|g| graph(g, one));
        }
    }
    graph(model.graph.as_mut().unwrap(), &mut one);
    model.functions.iter_mut().flat_map(|f| &mut f.node).for_each(|n| node(n, &mut one));
    model.encode_to_vec()
}

/// Folds a model in memory into every form that is right, whatever engines make of it; sums of branches stay sums, whose names
/// tests know.
pub fn fold(bytes: &[u8]) -> Vec<u8> {
    let target = bnfold::Target { any: false, these: vec![] };
    fold_with(bytes, &bnfold::plan::Options { keep_branches: true, target, ..Default::default() })
}

/// Folds a model in memory as the options say.
pub fn fold_with(bytes: &[u8], options: &bnfold::plan::Options) -> Vec<u8> {
    let model = Model::from_bytes(bytes.to_vec()).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let mut out = Vec::new();
    bnfold::fold::write_to(&graph, options, &mut out).unwrap();
    out
}

/// The strict tier, without a child: the models are our own.
pub fn options() -> VerifyOptions {
    VerifyOptions { tier: Tier::Own, runner: Runner::InProcess, own_type: false, ..VerifyOptions::default() }
}

pub fn judge_files(before: &Path, after: &Path, options: &VerifyOptions) -> Verdict {
    verify(before, after, options).unwrap_or_else(|e| panic!("{e}"))
}

/// Writes two models and judges them.
pub fn judge_with(before: &[u8], after: &[u8], options: &VerifyOptions) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = [("a.onnx", before), ("b.onnx", after)].map(|(name, bytes)| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    judge_files(&a, &b, options)
}

pub fn judge(before: &[u8], after: &[u8]) -> Verdict {
    judge_with(before, after, &options())
}

/// Asserts that a fold is right to one rounding of its constants. Returns the largest ratio.
pub fn right(place: &str, verdict: &Verdict) -> f64 {
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{place}: {verdict:#?}");
    assert_eq!(verdict.rounded_once, Some(true), "{place}: {verdict:#?}");
    assert!(matches!(verdict.execution, Execution::Ran { .. }), "{place}: {verdict:#?}");
    let worst = verdict.sites.iter().map(|site| site.worst.unwrap()).fold(0.0, f64::max);
    assert!(worst <= 1.0, "{place}: {worst}");
    worst
}

/// Asserts that a fault is found at one site and nowhere else.
pub fn wrong_at(place: &str, verdict: &Verdict, value: &str) {
    assert_eq!(verdict.outcome, Outcome::Differs, "{place}: {verdict:#?}");
    let named: Vec<&str> = verdict.sites.iter().filter(|s| s.outcome == Outcome::Differs).map(|s| s.value.as_str()).collect();
    assert_eq!(named, [value], "{place}: {verdict:#?}");
    assert!(verdict.sites.iter().all(|s| s.outcome != Outcome::NotJudged), "{place}: {verdict:#?}");
    assert_eq!(verdict.differences, [], "{place}");
}

/// Asserts that the files are not matched, or that a site is wrong, and where; that is never accepted.
pub fn apart_at(place: &str, verdict: &Verdict, named: &str) {
    assert!(verdict.outcome >= Outcome::NotJudged, "{place}: {verdict:#?}");
    let mut all = verdict.differences.iter().chain(&verdict.unmatched);
    let bare = named.trim_start_matches("value ").trim_matches('`');
    let nodes = |site: &bnfold::verify::Site| site.before.iter().any(|node| node.outputs.iter().any(|output| output == bare));
    let wrong = verdict.sites.iter().any(|site| site.outcome >= Outcome::NotJudged && nodes(site));
    assert!(wrong || all.any(|d| d.place.contains(named) || d.what.contains(named)), "{place}: {verdict:#?}");
}

/// As [`apart_at`], where a run shows it.
pub fn differs_at(place: &str, verdict: &Verdict, named: &str) {
    apart_at(place, verdict, named);
    assert_eq!(verdict.outcome, Outcome::Differs, "{place}: {verdict:#?}");
    let shown = |site: &bnfold::verify::Site| site.reason.as_deref().is_some_and(|why| why.contains("found "));
    let by_site = verdict.sites.iter().any(|site| site.outcome == Outcome::Differs && shown(site));
    assert!(by_site || verdict.differences.iter().any(|d| d.what.contains("found ")), "{place}: {verdict:#?}");
}

/// The node that makes a value of the main graph.
pub fn maker<'g>(graph: &'g mut GraphProto, value: &str) -> &'g mut NodeProto {
    graph.node.iter_mut().find(|n| n.output.iter().any(|o| o == value)).unwrap_or_else(|| panic!("nothing makes {value}"))
}

/// Changes the constant at an input of the node that makes a value.
pub fn change(graph: &mut GraphProto, value: &str, input: usize, how: impl FnOnce(&mut Vec<f64>)) {
    let name = maker(graph, value).input[input].clone();
    let tensor = graph.initializer.iter_mut().find(|t| t.name() == name).unwrap();
    let mut values = numbers(tensor);
    how(&mut values);
    store(tensor, &values);
}

/// The elements of an initializer.
pub fn initializer(model: &ModelProto, name: &str) -> Vec<f64> {
    numbers(model.graph.as_ref().unwrap().initializer.iter().find(|t| t.name() == name).unwrap())
}

/// The operators of nodes that a verdict names.
pub fn operators(nodes: &[bnfold::verify::SiteNode]) -> Vec<&str> {
    nodes.iter().map(|node| node.operator.as_str()).collect()
}

/// The largest shares of the limits of what sites make alone: zeros, dense numbers, impulses, control; and how many were run.
pub fn alone(verdict: &Verdict) -> ([f64; 4], usize) {
    let mut worst = [0.0_f64; 4];
    let mut count = 0;
    for alone in verdict.sites.iter().filter_map(|site| site.alone.as_ref()).filter(|alone| alone.skipped.is_none()) {
        let all = [alone.zeros, alone.dense, alone.impulses, alone.control];
        worst.iter_mut().zip(all).for_each(|(worst, one)| *worst = worst.max(one));
        count += 1;
    }
    (worst, count)
}
