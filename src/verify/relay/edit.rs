//! Sites found again in the flat graph, and the first model made to follow: results forced, the site's own result and its
//! absolute model beside them.

mod absolute;
mod data;
mod single;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Digits, Member, SitePlan};
use crate::engine::CouldNotRun;
use crate::engine::proto::{MARK, Names, is_standard, make};
use crate::model::graph::asks_for_shape;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::type_proto::{Tensor, Value};
use crate::onnx::{GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto};
use crate::verify::table::{self, Bound, Sign};
use data::data;

/// A site as it stands in the flat graph.
#[derive(Debug)]
pub(super) struct FlatSite {
    /// Which site of the request it is.
    pub plan: usize,
    /// The way to its graph.
    prefix: String,
    /// What it reads, constants left out.
    pub inputs: Vec<String>,
    /// What it reads that is neither data nor constant.
    pub settings: Vec<String>,
    /// What it makes.
    pub outputs: Vec<FlatOutput>,
    /// The first values of its nodes.
    pub labels: Vec<String>,
    /// Its nodes: position in the flat graph, and which of the site's nodes it is.
    nodes: Vec<(usize, usize)>,
}

impl FlatSite {
    /// What a value that it reads is called in its own graph.
    pub fn local<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(self.prefix.as_str()).unwrap_or(name)
    }
}

/// A value that a site makes.
#[derive(Debug)]
pub(super) struct FlatOutput {
    /// Its name in the flat graph.
    pub name: String,
    /// Where the site's own result is, once it is forced.
    pub own: String,
    /// Where its absolute model is.
    pub absolute: String,
}

/// How the sites of one of the models are read from a request.
#[derive(Clone, Copy)]
pub(super) struct Side {
    nodes: fn(&SitePlan) -> &Vec<Member>,
    output: fn(&(String, String)) -> &String,
}

/// The first model's.
pub(super) const BEFORE: Side = Side { nodes: |site| &site.before, output: |names| &names.0 };
/// The second model's.
pub(super) const AFTER: Side = Side { nodes: |site| &site.after, output: |names| &names.1 };

/// Marks the nodes of the sites by their names, which nothing else reads and which inlining keeps.
pub(super) fn tag<'p>(model: &mut ModelProto, sites: impl Iterator<Item = &'p [Member]>) -> Result<(), CouldNotRun> {
    let mut marks = BTreeMap::new();
    for (site, members) in sites.enumerate() {
        for (position, member) in members.iter().enumerate() {
            marks.insert(member.node, (site, position, member.output.as_str()));
        }
    }
    let mut count = 0;
    let mut changed = None;
    let mut visit = |node: &mut NodeProto| {
        node.name = marks.get(&count).map(|(site, position, output)| {
            if node.output.first().map(String::as_str) != Some(*output) {
                changed = Some((*output).to_owned());
            }
            format!("{MARK}{site}{MARK}{position}{MARK}{output}")
        });
        count += 1;
    };
    if let Some(graph) = model.graph.as_mut() {
        visit_nodes(&mut graph.node, &mut visit);
    }
    model.functions.iter_mut().for_each(|function| visit_nodes(&mut function.node, &mut visit));
    match changed {
        Some(output) => Err(CouldNotRun::Model(format!("the file changed: `{output}` is no longer where it was"))),
        None => Ok(()),
    }
}

fn visit_nodes(nodes: &mut [NodeProto], visit: &mut dyn FnMut(&mut NodeProto)) {
    for node in nodes {
        visit(node);
        for graph in node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs)) {
            visit_nodes(&mut graph.node, visit);
        }
    }
}

/// The sites of a flat graph. One whose graph was not made flat, as the other branch of an If, is not there.
pub(super) fn find(graph: &GraphProto, plans: &[SitePlan], side: Side) -> Result<Vec<FlatSite>, CouldNotRun> {
    let mut groups: BTreeMap<(usize, String), Vec<(usize, usize)>> = BTreeMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        let mut parts = node.name().split(MARK).skip(1);
        let numbers = (parts.next().and_then(|n| n.parse().ok()), parts.next().and_then(|n| n.parse().ok()));
        let (Some(site), Some(position)) = numbers else { continue };
        let local =
            plans.get(site).and_then(|plan| (side.nodes)(plan).get::<usize>(position)).map(|member| member.output.as_str());
        let flat = node.output.first().map(String::as_str).unwrap_or_default();
        let prefix = local.and_then(|local| flat.strip_suffix(local)).ok_or_else(|| lost(flat))?;
        groups.entry((site, prefix.to_owned())).or_default().push((at, position));
    }
    let constants = constants(graph);
    let mut found = Vec::new();
    for ((plan, prefix), nodes) in groups {
        let asked = plans.get(plan).ok_or_else(|| lost("a site"))?;
        if nodes.len() != (side.nodes)(asked).len() {
            return Err(lost(asked.outputs.first().map_or("", |names| (side.output)(names))));
        }
        let parts: Vec<&NodeProto> = nodes.iter().filter_map(|(at, _)| graph.node.get(*at)).collect();
        let made: HashSet<&str> = parts.iter().flat_map(|node| &node.output).map(String::as_str).collect();
        let (mut inputs, mut settings) = (Vec::<String>::new(), Vec::<String>::new());
        for (node, (_, position)) in parts.iter().zip(&nodes) {
            let Some(member) = (side.nodes)(asked).get(*position) else { continue };
            let data: Vec<usize> = data(node, member).collect();
            for (index, input) in node.input.iter().enumerate().filter(|(_, input)| !made.contains(input.as_str())) {
                let is_setting = !input.is_empty() && !member.parameters.contains(&index) && !constants.contains_key(input);
                match data.contains(&index) {
                    true if !inputs.contains(input) => inputs.push(input.clone()),
                    false if is_setting && !settings.contains(input) => settings.push(input.clone()),
                    _ => {}
                }
            }
        }
        inputs.sort_unstable();
        settings.retain(|name| !inputs.contains(name));
        let name = |names: &(String, String)| FlatOutput {
            name: format!("{prefix}{}", (side.output)(names)),
            own: String::new(),
            absolute: String::new(),
        };
        let outputs: Vec<FlatOutput> = asked.outputs.iter().map(name).collect();
        if let Some(output) = outputs.iter().find(|output| !made.contains(output.name.as_str())) {
            return Err(lost(&output.name));
        }
        let labels = parts.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty()).cloned().collect();
        found.push(FlatSite { plan, prefix, inputs, settings, outputs, labels, nodes });
    }
    Ok(found)
}

fn lost(name: &str) -> CouldNotRun {
    CouldNotRun::Model(format!("the place that makes `{name}` was not found again after inlining"))
}

/// Sites as they stand one behind the other: what is asked for in this order is made in it.
pub(super) fn in_order(sites: &[FlatSite]) -> impl Iterator<Item = &FlatSite> {
    let mut all: Vec<&FlatSite> = sites.iter().collect();
    all.sort_by_key(|site| site.nodes.first());
    all.into_iter()
}

/// Whether both models have the same sites, reading and making the same values.
pub(super) fn paired(ours: &[FlatSite], theirs: &[FlatSite]) -> Result<(), CouldNotRun> {
    let form = |sites: &[FlatSite]| {
        let parts = sites.iter().map(|site| (site.plan, site.prefix.clone(), site.inputs.clone()));
        parts.collect::<Vec<_>>()
    };
    match form(ours) == form(theirs) {
        true => Ok(()),
        false => Err(CouldNotRun::Model("after inlining, the models differ in other places than before".to_owned())),
    }
}

/// Makes the results of the sites inputs of the graph, and adds each site's own result and its absolute model.
/// `digits` are those of what the absolute models cost most for.
pub(super) fn force(
    graph: &mut GraphProto,
    sites: &mut [FlatSite],
    plans: &[SitePlan],
    digits: Digits,
) -> Result<(), CouldNotRun> {
    let (names, constants) = (Names::of(graph), constants(graph));
    let mut forcing = Forcing { names, constants, digits, magnitudes: BTreeMap::new(), added: vec![] };
    for site in sites.iter_mut() {
        let members = plans.get(site.plan).map_or(&[][..], |plan| &plan.before);
        forcing.site(graph, site, members)?;
    }
    let Forcing { added, magnitudes, .. } = forcing;
    graph.node.extend(added);
    for ((constant, kind), (name, place)) in magnitudes {
        let tensor = stored(graph, place).and_then(|value| magnitude(value, kind, name)).ok_or_else(|| lost(&constant))?;
        graph.initializer.push(tensor);
    }
    for output in sites.iter().flat_map(|site| &site.outputs) {
        let tensor = Tensor { elem_type: Some(DataType::Double.into()), shape: None };
        graph.input.push(ValueInfoProto {
            name: Some(output.name.clone()),
            r#type: Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() }),
            ..ValueInfoProto::default()
        });
    }
    Ok(())
}

/// Where a constant is stored.
#[derive(Clone, Copy, Debug)]
enum Place {
    Initializer(usize),
    Node(usize),
}

/// Where each constant of a flat graph is stored; Identity hands on.
fn constants(graph: &GraphProto) -> HashMap<String, Place> {
    let stored = graph.initializer.iter().enumerate().map(|(at, tensor)| (tensor.name().to_owned(), Place::Initializer(at)));
    let mut found: HashMap<String, Place> = stored.collect();
    for (at, node) in graph.node.iter().enumerate().filter(|(_, node)| is_standard(node.domain())) {
        let place = match node.op_type() {
            "Constant" => Some(Place::Node(at)),
            "Identity" => node.input.first().and_then(|input| found.get(input)).copied(),
            _ => None,
        };
        if let (Some(place), Some(output)) = (place, node.output.first()) {
            found.insert(output.clone(), place);
        }
    }
    found
}

fn stored(graph: &GraphProto, place: Place) -> Option<&TensorProto> {
    match place {
        Place::Initializer(at) => graph.initializer.get(at),
        Place::Node(at) => graph.node.get(at)?.attribute.iter().find_map(|attribute| attribute.t.as_ref()),
    }
}

/// The magnitudes of a tensor of f64, their negatives, or zeros.
fn magnitude(tensor: &TensorProto, kind: Kind, name: String) -> Option<TensorProto> {
    if tensor.data_type() != i32::from(DataType::Double) {
        return None;
    }
    let mut bytes = tensor.raw_data.clone()?;
    for top in bytes.iter_mut().skip(7).step_by(8) {
        *top = if kind == Kind::Negative { *top | 0x80 } else { *top & 0x7f };
    }
    match kind {
        Kind::Zero => bytes.fill(0),
        Kind::Single => {
            let singles = bytes.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap_or_default()) as f32);
            let single = TensorProto { data_type: Some(DataType::Float.into()), ..without_data(tensor) };
            let bytes = singles.flat_map(f32::to_le_bytes).collect();
            return Some(TensorProto { raw_data: Some(bytes), name: Some(name), ..single });
        }
        Kind::Positive | Kind::Negative => {}
    }
    Some(TensorProto { raw_data: Some(bytes), name: Some(name), ..without_data(tensor) })
}

fn without_data(tensor: &TensorProto) -> TensorProto {
    TensorProto { dims: tensor.dims.clone(), data_type: tensor.data_type, ..TensorProto::default() }
}

/// What is made of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Positive,
    Negative,
    Zero,
    /// The magnitudes, in f32.
    Single,
}

struct Forcing {
    names: Names,
    constants: HashMap<String, Place>,
    digits: Digits,
    /// Constants made of others, by what they are made of and how: their names, and where that is.
    magnitudes: BTreeMap<(String, Kind), (String, Place)>,
    added: Vec<NodeProto>,
}

impl Forcing {
    fn site(&mut self, graph: &mut GraphProto, site: &mut FlatSite, members: &[Member]) -> Result<(), CouldNotRun> {
        let (mut own, mut absolute) = (HashMap::<String, String>::new(), HashMap::<String, String>::new());
        // A shape is the same whatever the numbers are, and stays where it is read.
        let parts = site.nodes.iter().filter_map(|(at, _)| graph.node.get(*at)).filter(|node| asks_for_shape(node));
        let shapes: HashSet<String> = parts.flat_map(|node| &node.output).cloned().collect();
        for name in site.labels.iter().filter(|name| !shapes.contains(*name)) {
            own.insert(name.clone(), self.names.fresh(&format!("{name}/own")));
            absolute.insert(name.clone(), self.names.fresh(&format!("{name}/absolute")));
        }
        for input in &site.inputs {
            let name = self.names.fresh(&format!("{input}/magnitude"));
            self.added.push(make("Abs", &[input], &name));
            absolute.insert(input.clone(), name);
        }
        for (at, position) in &site.nodes {
            let (Some(node), Some(member)) = (graph.node.get_mut(*at), members.get(*position)) else { continue };
            let (inputs, outputs) = (node.input.clone(), node.output.clone());
            rename(&mut node.output, &own);
            rename(&mut node.input, &own);
            match table::row(node.op_type()).bound {
                _ if asks_for_shape(node) => continue,
                Bound::Recurrence => {
                    let node = node.clone();
                    self.recurrence(&node, &absolute, &outputs)?;
                    continue;
                }
                Bound::Resizing => {
                    let node = node.clone();
                    self.normalisation(&node, &absolute, &outputs)?;
                    continue;
                }
                _ => {}
            }
            let mut copy = NodeProto { output: outputs, ..node.clone() };
            copy.input.clone_from(&inputs);
            let node = node.clone();
            let is_single = self.is_short(graph, &node, member);
            for index in data(&node, member) {
                let Some(name) = copy.input.get_mut(index) else { continue };
                *name = absolute.get(name.as_str()).cloned().ok_or_else(|| lost(name))?;
                if is_single {
                    *name = self.narrowed(name);
                }
            }
            for index in &member.parameters {
                let Some(name) = copy.input.get_mut(*index) else { continue };
                *name = match table::sign(node.op_type(), *index) {
                    Sign::Positive if is_single => self.magnitude(name, Kind::Single)?,
                    Sign::Positive => self.magnitude(name, Kind::Positive)?,
                    Sign::Negative => self.magnitude(name, Kind::Negative)?,
                    Sign::Kept => continue,
                };
            }
            rename(&mut copy.output, &absolute);
            if is_single {
                self.widened(&mut copy);
            }
            let output = copy.output.first().cloned().unwrap_or_default();
            let names = &mut self.names;
            self.added.extend(table::absolute(copy, &mut |what| names.fresh(&format!("{output}/{what}"))));
        }
        for output in &mut site.outputs {
            output.own = own.get(&output.name).cloned().unwrap_or_default();
            output.absolute = absolute.get(&output.name).cloned().unwrap_or_default();
        }
        Ok(())
    }

    fn magnitude(&mut self, name: &str, kind: Kind) -> Result<String, CouldNotRun> {
        let key = (name.to_owned(), kind);
        if let Some((made, _)) = self.magnitudes.get(&key) {
            return Ok(made.clone());
        }
        let place = self.constants.get(name).copied().ok_or_else(|| lost(name))?;
        let made = self.names.fresh(&format!("{name}/magnitude"));
        self.magnitudes.insert(key, (made.clone(), place));
        Ok(made)
    }
}

fn rename(names: &mut [String], to: &HashMap<String, String>) {
    for name in names {
        if let Some(new) = to.get(name.as_str()) {
            name.clone_from(new);
        }
    }
}
