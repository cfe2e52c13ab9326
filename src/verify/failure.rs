//! A failure cut out: the first place that fails as two small models in the files' own types, with an input, so that somebody
//! else can see it without the models that it comes from.
//!
//! What is cut out is looked for anew and written as it stands in the files; nothing is judged here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor};
use std::path::Path;

use npyz::WriterBuilder as _;
use npyz::npz::NpzWriter;
use prost::Message as _;

use crate::engine::SplitMix64;
use crate::error::{Error, ErrorKind, Result};
use crate::model::graph::is_standard_domain;
use crate::model::tensor::data_type;
use crate::model::{Graph, NodeId, TensorId};
use crate::onnx::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::type_proto::{Tensor, Value};
use crate::onnx::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};
use crate::verify::certify::layout::{Known, layouts};
use crate::verify::files::{self, Files};
use crate::verify::region::{Form, Site as Legal};
use crate::verify::{Outcome, Site, Tier, Verdict, VerifyOptions};

/// The names of the files that are written.
pub const FILES: [&str; 4] = ["before.onnx", "after.onnx", "input.npz", "README.md"];

/// A place that fails, by itself.
pub struct Failure {
    /// The place's value.
    pub value: String,
    /// What [`FILES`] are: both sides of it as models, an input, and how to judge them.
    pub files: [Vec<u8>; 4],
}

/// Cuts the first place out that fails, if one fails by itself.
///
/// # Errors
/// A file cannot be read; the place has a form that cannot be cut out.
pub fn first(before: &Path, after: &Path, verdict: &Verdict, options: &VerifyOptions) -> Result<Option<Failure>> {
    let Some(site) = verdict.sites.iter().find(|site| site.outcome == Outcome::Differs) else { return Ok(None) };
    files::compare(before, after, options, |files| cut(files, verdict.tier, site, options)).map(Some)
}

/// Cuts a site out.
fn cut(files: Files<'_, '_>, tier: Tier, site: &Site, options: &VerifyOptions) -> Result<Failure> {
    let Files { graphs: (a, b), found, .. } = files;
    let legal = found.sites.into_iter().map(|(legal, _)| legal).find(|legal| is(legal, site));
    let refuse = |why: String| Error::new(ErrorKind::Graph, format!("the place at `{}` cannot be cut out: {why}", site.value));
    let Some(legal) = legal else { return Err(refuse("it was not found again".to_owned())) };
    let other = (b, &legal.forms.1[..]);
    let known = Known { shapes: &BTreeMap::new(), settings: &BTreeSet::new(), whole: false, cut: true };
    let shapes = layouts(a, &legal.forms.0, &legal.region.outputs, known, other)?.map_err(refuse)?.0;
    let shapes: BTreeMap<String, Vec<usize>> = shapes.into_iter().map(|(name, layout)| (name, layout.dims)).collect();
    let element = first_type(a, &legal.forms.0).ok_or_else(|| refuse("it has no constants".to_owned()))?;
    let same = legal.region.outputs_after.iter().cloned().zip(legal.region.outputs.iter().cloned()).collect();
    let cut = Cut { shapes: &shapes, element, outputs: &legal.region.outputs };
    let ours = cut.side(a, &legal.region.before, &BTreeMap::new())?;
    let theirs = cut.side(b, &legal.region.after, &same)?;
    let inputs = numbers(&shapes, options.seed).map_err(|e| Error::io("cannot pack the input", e))?;
    let files = [ours.encode_to_vec(), theirs.encode_to_vec(), inputs, described(site, tier).into_bytes()];
    Ok(Failure { value: site.value.clone(), files })
}

/// The words of the command that judges what was saved, without the program.
pub fn command(tier: Tier) -> String {
    let [first, second, inputs, _] = FILES;
    let exact = if tier == Tier::Own { " --exact" } else { "" };
    format!("verify {first} {second} --inputs {inputs}{exact}")
}

fn is(legal: &Legal, site: &Site) -> bool {
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    numbers(&legal.region.before) == site.before.iter().map(|node| node.index).collect::<Vec<_>>()
}

fn first_type(graph: &Graph<'_>, forms: &[Form]) -> Option<i32> {
    let constants = forms.iter().flat_map(|form| &form.constants);
    constants.map(|(_, tensor)| graph.tensor(*tensor).data_type).next()
}

/// What both sides of a place have in common.
struct Cut<'x> {
    shapes: &'x BTreeMap<String, Vec<usize>>,
    element: i32,
    outputs: &'x [String],
}

impl Cut<'_> {
    /// One side as a model. `renamed` gives values the names that they have in the first model.
    fn side(&self, graph: &Graph<'_>, nodes: &[NodeId], renamed: &BTreeMap<String, String>) -> Result<ModelProto> {
        let mut body = GraphProto { name: Some("failure".to_owned()), ..GraphProto::default() };
        let mut stored = BTreeSet::new();
        for id in nodes {
            let node = graph.node(*id);
            for value in node.inputs.iter().flatten() {
                let Ok((tensor, _)) = graph.constant(*value) else { continue };
                let name = graph.value(*value).name;
                if stored.insert(name) {
                    body.initializer.push(constant(graph, tensor, name)?);
                }
            }
            let mut copy = NodeProto { doc_string: None, ..node.proto.clone() };
            for name in copy.input.iter_mut().chain(&mut copy.output) {
                if let Some(new) = renamed.get(name.as_str()) {
                    name.clone_from(new);
                }
            }
            body.node.push(copy);
        }
        body.input = self.shapes.iter().map(|(name, dims)| self.value(name, Some(dims))).collect();
        body.output = self.outputs.iter().map(|name| self.value(name, None)).collect();
        let opset = nodes.first().and_then(|id| graph.scope(graph.node(*id).scope).opset);
        let import = OperatorSetIdProto { version: Some(opset.unwrap_or(1)), domain: Some(String::new()) };
        let others = graph.model.proto.opset_import.iter().filter(|import| !is_standard_domain(import.domain())).cloned();
        let opset_import = std::iter::once(import).chain(others).collect();
        let ir_version = graph.model.proto.ir_version.map(|version| version.max(4));
        Ok(ModelProto { ir_version, opset_import, graph: Some(body), ..ModelProto::default() })
    }

    fn value(&self, name: &str, dims: Option<&Vec<usize>>) -> ValueInfoProto {
        let dimension = |size: &usize| Dimension {
            value: Some(dimension::Value::DimValue(i64::try_from(*size).unwrap_or(i64::MAX))),
            ..Dimension::default()
        };
        let shape = dims.map(|dims| TensorShapeProto { dim: dims.iter().map(dimension).collect() });
        let tensor = Tensor { elem_type: Some(self.element), shape };
        ValueInfoProto {
            name: Some(name.to_owned()),
            r#type: Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() }),
            ..ValueInfoProto::default()
        }
    }
}

/// A constant in its own type, wherever and however it is stored.
fn constant(graph: &Graph<'_>, tensor: TensorId, name: &str) -> Result<TensorProto> {
    const BOOL: i32 = 9;
    const INT32: i32 = 6;
    const INT64: i32 = 7;
    let tensor = graph.tensor(tensor);
    let mut bytes = Vec::new();
    let element = match (tensor.element(), tensor.data_type) {
        (Some(element), _) => {
            element.encode(&tensor.floats(graph.model)?, &mut bytes);
            data_type(element)
        }
        (None, BOOL) => {
            bytes.extend(tensor.booleans(graph.model)?.iter().map(|truth| u8::from(*truth)));
            BOOL
        }
        (None, INT32) => {
            let all = tensor.integers(graph.model)?;
            bytes.extend(all.iter().flat_map(|number| i32::try_from(*number).unwrap_or(i32::MAX).to_le_bytes()));
            INT32
        }
        _ => {
            bytes.extend(tensor.integers(graph.model)?.iter().flat_map(|number| number.to_le_bytes()));
            INT64
        }
    };
    let dims = tensor.dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect();
    Ok(TensorProto {
        dims,
        data_type: Some(element),
        name: Some(name.to_owned()),
        raw_data: Some(bytes),
        ..TensorProto::default()
    })
}

/// Numbers of which none is zero, so that every channel and tap is excited.
fn numbers(shapes: &BTreeMap<String, Vec<usize>>, seed: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut archive = NpzWriter::new(Cursor::new(&mut bytes));
    for (name, dims) in shapes {
        let mut random = SplitMix64::new(seed, name);
        let shape: Vec<u64> = dims.iter().map(|dim| *dim as u64).collect();
        let options = zip_options();
        let mut array = archive.array(name, options)?.default_dtype().shape(&shape).begin_nd()?;
        for _ in 0..dims.iter().product() {
            let sign = if random.bits() >> 63 == 0 { 1.0 } else { -1.0 };
            // A few digits, so that every type holds it.
            array.push(&((sign * (0.5 + 0.5 * random.unit()) * 64.0).round() / 64.0_f64))?;
        }
        array.finish()?;
    }
    drop(archive);
    Ok(bytes)
}

/// Without the time, so that the same failure is the same file.
fn zip_options() -> npyz::zip::write::FileOptions {
    npyz::zip::write::FileOptions::default().last_modified_time(npyz::zip::DateTime::default())
}

fn described(site: &Site, tier: Tier) -> String {
    let line = |text: &str| crate::error::printable(text);
    let mut out = format!("# A fold that is not right: `{}`\n\n", line(&site.value));
    out.push_str(&format!("{}\n\n", line(site.reason.as_deref().unwrap_or("it differs"))));
    out.push_str(&format!("    bnfold {}\n", command(tier)));
    out
}
