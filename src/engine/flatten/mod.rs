//! A model without nested graphs and functions, made mechanically.
//!
//! Functions are inlined, an If is replaced by one of its branches, a Loop by one iteration and a
//! Scan by one step. Two models that nest alike are flattened alike, so what holds between their
//! flat forms holds between the bodies. A value of a nested graph is called
//! `owner/attribute/value`, owner being the first output of the node that holds the graph.

mod control;

use std::collections::{BTreeSet, HashMap};

use super::CouldNotRun;
use super::array::{Array, Data};
use super::proto::{MARK, doubles, graphs, is_standard, label, longs, make, opset, raw};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, ValueInfoProto,
};
use crate::reference::ReferenceError;
use crate::verify::align::changed;

/// Which branch stands for an If.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Branch {
    /// `then_branch` of every If.
    Then,
    /// `else_branch` of every If.
    Else,
}

/// A model of one graph.
#[derive(Debug)]
pub struct Flat {
    /// The model: no functions, no nested graphs.
    pub model: ModelProto,
    /// Whether there was an If, so that the other [`Branch`] is another model.
    pub branches: bool,
    /// What this form takes for granted, one sentence each.
    pub assumptions: Vec<String>,
}

/// Flattens a model. Names of values in the main graph stay. `nested` allows nodes of other operators than If, Loop and Scan
/// to keep their graphs; what these read from outside becomes inputs of the node.
///
/// # Errors
/// Functions that call themselves or import another version of the standard operators, nested
/// graphs of other operators than If, Loop and Scan unless they may be left, and results beyond a million nodes.
pub fn flatten(mut model: ModelProto, branch: Branch, nested: bool) -> Result<Flat, CouldNotRun> {
    let functions = std::mem::take(&mut model.functions);
    let mut graph = model.graph.take().ok_or_else(|| CouldNotRun::Model("there is no graph".to_owned()))?;
    let mut flattener = Flattener {
        functions: functions.iter().map(|function| (key_of(function), function)).collect(),
        opset: opset(&model),
        branch,
        nested,
        declared: Vec::new(),
        nodes: Vec::new(),
        initializers: Vec::new(),
        assumptions: BTreeSet::new(),
        branches: false,
        calls: Vec::new(),
    };
    if functions.len() != flattener.functions.len() {
        return Err(CouldNotRun::Model("two functions have the same name".to_owned()));
    }
    let inputs: Vec<String> = graph.input.iter().map(|input| input.name().to_owned()).collect();
    let outer = Scope::default();
    let mut scope = Scope { names: HashMap::new(), outer: Some(&outer) };
    scope.names.extend(inputs.into_iter().map(|name| (name.clone(), name)));
    flattener.graph(&mut graph, scope, "", None)?;
    graph.node = flattener.nodes;
    graph.initializer = flattener.initializers;
    graph.value_info.append(&mut flattener.declared);
    let assumptions = flattener.assumptions.iter().map(|&sentence| sentence.to_owned()).collect();
    let branches = flattener.branches;
    model.graph = Some(graph);
    Ok(Flat { model, branches, assumptions })
}

/// The graph of a model that [`flatten`] would leave as it is.
pub fn flat(model: &ModelProto) -> Option<&GraphProto> {
    let graph = model.graph.as_ref()?;
    let stays = |node: &NodeProto| {
        let nests = is_standard(node.domain()) && matches!(node.op_type(), "If" | "Loop" | "Scan");
        !nests && graphs(node).next().is_none() && node.attribute.iter().all(|attribute| attribute.ref_attr_name().is_empty())
    };
    let plain = model.functions.is_empty() && graph.sparse_initializer.is_empty() && graph.node.len() <= MOST_NODES;
    (plain && graph.node.iter().all(stays)).then_some(graph)
}

/// A bound on what inlining may grow to: functions that call functions double at each level.
const MOST_NODES: usize = 1_000_000;

/// Domain, name and overload.
type Key = (String, String, String);

fn key(domain: &str, name: &str, overload: &str) -> Key {
    let domain = if is_standard(domain) { "" } else { domain };
    (domain.to_owned(), name.to_owned(), overload.to_owned())
}

fn key_of(function: &FunctionProto) -> Key {
    key(function.domain(), function.name(), function.overload())
}

/// What a name means: its flat name, in this graph or around it.
#[derive(Default)]
struct Scope<'outer> {
    names: HashMap<String, String>,
    outer: Option<&'outer Scope<'outer>>,
}

impl Scope<'_> {
    /// The flat name. A name that nobody makes stays as it is; the engine will refuse it.
    fn resolve(&self, name: &str) -> String {
        match (self.names.get(name), self.outer) {
            (Some(flat), _) => flat.clone(),
            (None, Some(outer)) => outer.resolve(name),
            (None, None) => name.to_owned(),
        }
    }
}

/// The attributes that a function is called with.
type Arguments = HashMap<String, AttributeProto>;

struct Flattener<'m> {
    functions: HashMap<Key, &'m FunctionProto>,
    opset: i64,
    branch: Branch,
    /// Whether a node may keep its graphs.
    nested: bool,
    /// What nested graphs declare.
    declared: Vec<ValueInfoProto>,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    assumptions: BTreeSet<&'static str>,
    branches: bool,
    /// The functions that are being inlined, outermost first.
    calls: Vec<Key>,
}

impl Flattener<'_> {
    /// Moves a graph's initializers and nodes into the flat graph. Returns the flat names of its
    /// outputs.
    fn graph(
        &mut self,
        graph: &mut GraphProto,
        mut scope: Scope,
        prefix: &str,
        arguments: Option<&Arguments>,
    ) -> Result<Vec<String>, CouldNotRun> {
        let sparse = std::mem::take(&mut graph.sparse_initializer);
        graph.initializer.extend(sparse.iter().map(dense).collect::<Result<Vec<_>, _>>()?);
        for mut initializer in std::mem::take(&mut graph.initializer) {
            let flat = format!("{prefix}{}", initializer.name());
            scope.names.insert(initializer.name().to_owned(), flat.clone());
            initializer.name = Some(flat);
            self.initializers.push(initializer);
        }
        if !prefix.is_empty() {
            let declared = graph.value_info.iter().chain(&graph.output).cloned();
            self.declared.extend(declared.map(|value| {
                let name = Some(format!("{prefix}{}", value.name()));
                ValueInfoProto { name, ..value }
            }));
        }
        let nodes = std::mem::take(&mut graph.node);
        let outputs: Vec<&str> = graph.output.iter().map(|output| output.name()).collect();
        self.body(nodes, scope, prefix, arguments, &outputs)
    }

    fn body(
        &mut self,
        nodes: Vec<NodeProto>,
        mut scope: Scope,
        prefix: &str,
        arguments: Option<&Arguments>,
        outputs: &[&str],
    ) -> Result<Vec<String>, CouldNotRun> {
        for name in nodes.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty()) {
            scope.names.insert(name.clone(), format!("{prefix}{name}"));
        }
        for mut node in nodes {
            for name in node.input.iter_mut().chain(&mut node.output) {
                if !name.is_empty() {
                    *name = scope.resolve(name);
                }
            }
            refer(&mut node, arguments)?;
            self.node(node, &scope, arguments)?;
        }
        Ok(outputs.iter().map(|name| scope.resolve(name)).collect())
    }

    fn node(&mut self, node: NodeProto, scope: &Scope, arguments: Option<&Arguments>) -> Result<(), CouldNotRun> {
        if self.nodes.len() >= MOST_NODES {
            return Err(CouldNotRun::Model(format!("inlined, it has over {MOST_NODES} nodes")));
        }
        let called = key(node.domain(), node.op_type(), node.overload());
        if let Some(&function) = self.functions.get(&called) {
            return self.call(node, function, called);
        }
        match node.op_type() {
            "If" if is_standard(node.domain()) => self.branch(node, scope, arguments),
            "Loop" if is_standard(node.domain()) => self.iteration(node, scope, arguments),
            "Scan" if is_standard(node.domain()) && !(self.nested && self.opset < 9) => self.step(node, scope, arguments),
            _ if graphs(&node).next().is_none() => {
                self.nodes.push(node);
                Ok(())
            }
            // A place to be looked at must not vanish in a node that nobody looks into.
            _ if self.nested && !graphs(&node).any(holds_marks) => {
                let outside: BTreeSet<String> = graphs(&node).flat_map(captured).collect();
                let mut node = node;
                node.input.extend(outside.iter().map(|name| scope.resolve(name)));
                self.nodes.push(node);
                Ok(())
            }
            _ => Err(refused(&node, "its nested graph cannot be made flat")),
        }
    }

    fn call(&mut self, node: NodeProto, function: &FunctionProto, called: Key) -> Result<(), CouldNotRun> {
        if self.calls.contains(&called) {
            return Err(refused(&node, "the function calls itself"));
        }
        let import = function.opset_import.iter().find(|import| is_standard(import.domain()));
        let (version, opset) = (import.map_or(self.opset, |import| import.version()), self.opset);
        let (from, to) = (version.min(opset), version.max(opset));
        let means_the_same = |node: &NodeProto| {
            let plain = graphs(node).next().is_none();
            plain && (!is_standard(node.domain()) || !changed(node.op_type(), from, to))
        };
        if version != opset && !function.node.iter().all(means_the_same) {
            let why = format!("the function imports opset {version}, the model opset {opset}");
            return Err(refused(&node, &why));
        }
        let mut arguments: Arguments = function
            .attribute_proto
            .iter()
            .chain(&node.attribute)
            .map(|attribute| (attribute.name().to_owned(), attribute.clone()))
            .collect();
        arguments.retain(|_, argument| argument.ref_attr_name().is_empty());
        let mut scope = Scope::default();
        for (index, name) in function.input.iter().enumerate() {
            let given = node.input.get(index).cloned().unwrap_or_default();
            scope.names.insert(name.clone(), given);
        }
        let prefix = format!("{}/{}/", label(&node), function.name());
        let outputs: Vec<&str> = function.output.iter().map(String::as_str).collect();
        self.calls.push(called);
        let made = self.body(function.node.clone(), scope, &prefix, Some(&arguments), &outputs)?;
        self.calls.pop();
        self.alias(&made, &node.output);
        Ok(())
    }

    /// Gives values of a nested graph the names that they have outside.
    fn alias(&mut self, made: &[String], outputs: &[String]) {
        for (made, output) in made.iter().zip(outputs).filter(|(_, output)| !output.is_empty()) {
            self.nodes.push(make("Identity", &[made], output));
        }
    }
}

/// Replaces references to a function's attributes by what the call gave; what it did not give is
/// absent.
fn refer(node: &mut NodeProto, arguments: Option<&Arguments>) -> Result<(), CouldNotRun> {
    if node.attribute.iter().all(|attribute| attribute.ref_attr_name().is_empty()) {
        return Ok(());
    }
    let Some(arguments) = arguments else {
        return Err(refused(node, "an attribute refers to a function's, outside of functions"));
    };
    let attributes = std::mem::take(&mut node.attribute);
    node.attribute = attributes
        .into_iter()
        .filter_map(|attribute| match attribute.ref_attr_name() {
            "" => Some(attribute),
            referred => {
                arguments.get(referred).map(|argument| AttributeProto { name: attribute.name.clone(), ..argument.clone() })
            }
        })
        .collect();
    Ok(())
}

fn holds_marks(graph: &GraphProto) -> bool {
    let is_marked = |node: &NodeProto| node.name().starts_with(MARK);
    graph.node.iter().any(|node| is_marked(node) || graphs(node).any(holds_marks))
}

/// What a graph reads that it does not make.
fn captured(graph: &GraphProto) -> BTreeSet<String> {
    let inputs = graph.input.iter().map(|input| input.name());
    let constants = graph.initializer.iter().map(|tensor| tensor.name());
    let sparse = graph.sparse_initializer.iter().filter_map(|tensor| tensor.values.as_ref()).map(|values| values.name());
    let made = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
    let own: BTreeSet<&str> = inputs.chain(constants).chain(sparse).chain(made).collect();
    let inside = graph.node.iter().flat_map(graphs).flat_map(captured);
    let outputs = graph.output.iter().map(|output| output.name().to_owned());
    let read = graph.node.iter().flat_map(|node| node.input.iter().cloned()).chain(inside).chain(outputs);
    read.filter(|name| !name.is_empty() && !own.contains(name.as_str())).collect()
}

fn refused(node: &NodeProto, why: &str) -> CouldNotRun {
    super::lint::refused(node, why)
}

/// A sparse constant with all its elements, each as wide as the engine has it.
pub(crate) fn dense(sparse: &SparseTensorProto) -> Result<TensorProto, CouldNotRun> {
    let invalid = |why: ReferenceError| CouldNotRun::Model(format!("a sparse constant: {why}"));
    let array = Array::from_sparse(sparse).map_err(invalid)?;
    let dims: Vec<i64> = array.dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect();
    let tensor = match &array.data {
        Data::Float(values) => doubles(&dims, values),
        Data::Int(values) => longs(&dims, values),
        Data::Bool(values) => raw(&dims, DataType::Bool, values.iter().map(|value| u8::from(*value)).collect()),
    };
    let name = sparse.values.as_ref().and_then(|values| values.name.clone());
    Ok(TensorProto { name, ..tensor })
}
