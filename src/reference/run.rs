//! Walks a graph: names and their values, node after node.
//!
//! It must not know what operators compute.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::call::Call;
use super::{Array, ReferenceError, constant, control, function, invalid, table, too_much, unsupported};
use crate::onnx::type_proto::Value as TypeValue;
use crate::onnx::{FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};

/// How deep graphs and functions may stand in one another.
const DEEPEST: usize = 32;
/// The most rounds of a loop, unless less is asked for.
pub(super) const MOST_ROUNDS: u64 = 1 << 20;

/// What holds in all of a graph: the functions, and the version of the standard operator set.
#[derive(Clone, Copy)]
pub(super) struct World<'m> {
    pub(super) functions: &'m [FunctionProto],
    pub(super) opset: i64,
    /// The most rounds of a loop.
    pub(super) rounds: u64,
    /// Whether this is a file's model as it stands: nodes that are asked for one by one may be written in newer words.
    whole: bool,
    depth: usize,
}

impl<'m> World<'m> {
    /// The world one level further in.
    pub(super) fn deeper(&self, opset: i64) -> Result<World<'m>, ReferenceError> {
        if self.depth == DEEPEST {
            return too_much("graphs and functions are nested too deeply");
        }
        let depth = self.depth + 1;
        Ok(World { opset, depth, ..*self })
    }
}

/// The values that have names. A name may stand for an input that a caller left out.
#[derive(Default)]
pub(super) struct Scope<'s> {
    pub(super) values: BTreeMap<String, Option<Rc<Array>>>,
    pub(super) types: BTreeMap<String, i32>,
    pub(super) outer: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    /// The value of a name, from the inside out.
    pub(super) fn value(&self, name: &str) -> Result<Option<Rc<Array>>, ReferenceError> {
        match (self.values.get(name), self.outer) {
            _ if name.is_empty() => Ok(None),
            (Some(value), _) => Ok(value.clone()),
            (None, Some(outer)) => outer.value(name),
            (None, None) => invalid(format!("no node before this one computes `{name}`")),
        }
    }

    /// The element type of a name where it is declared, else 0.
    fn kind(&self, name: &str) -> i32 {
        let outside = || match (self.values.contains_key(name), self.outer) {
            (false, Some(outer)) => outer.kind(name),
            _ => 0,
        };
        self.types.get(name).copied().unwrap_or_else(outside)
    }

    fn declare<'v>(&mut self, values: impl Iterator<Item = &'v ValueInfoProto>) {
        for value in values {
            let kind = value.r#type.as_ref().and_then(|kind| kind.value.as_ref());
            if let Some(TypeValue::TensorType(tensor)) = kind {
                self.types.insert(value.name().to_string(), tensor.elem_type());
            }
        }
    }
}

/// The version of the standard operator set among imports.
pub(super) fn standard_opset(imports: &[crate::onnx::OperatorSetIdProto]) -> Option<i64> {
    let mut standard = imports.iter().filter(|import| matches!(import.domain(), "" | "ai.onnx"));
    standard.next().map(|import| import.version())
}

pub(super) fn model(
    model: &ModelProto,
    inputs: &BTreeMap<String, Array>,
    rounds: u64,
) -> Result<BTreeMap<String, Array>, ReferenceError> {
    let Some(graph) = &model.graph else {
        return invalid("a model without a graph");
    };
    let functions = &model.functions;
    let opset = standard_opset(&model.opset_import).unwrap_or(1);
    let world = World { functions, opset, rounds, whole: true, depth: 0 };
    let mut scope = constants(graph, None)?;
    for input in &graph.input {
        let name = input.name();
        if let Some(value) = inputs.get(name) {
            value.check()?;
            scope.values.insert(name.to_string(), Some(Rc::new(value.clone())));
        } else if !scope.values.contains_key(name) {
            return Err(ReferenceError::MissingInput(name.to_string()));
        }
    }
    nodes(&world, &graph.node, &mut scope)?;
    let computed = graph.node.iter().flat_map(|node| &node.output);
    let outputs = graph.output.iter().filter_map(|output| output.name.as_ref());
    let mut values = BTreeMap::new();
    for name in computed.chain(outputs) {
        if let Some(value) = scope.value(name)? {
            values.insert(name.clone(), Array::clone(&value));
        }
    }
    Ok(values)
}

pub(super) fn single(
    node: &NodeProto,
    opset: i64,
    inputs: &[Option<Rc<Array>>],
    types: &[i32],
) -> Result<Vec<Array>, ReferenceError> {
    let world = World { functions: &[], opset, rounds: MOST_ROUNDS, whole: false, depth: 0 };
    let mut scope = Scope::default();
    let mut values = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        input.as_ref().map_or(Ok(()), |value| value.check())?;
        if let Some(name) = node.input.get(index) {
            scope.values.insert(name.clone(), input.clone());
        }
        values.push(input.clone());
    }
    let types = (0..values.len()).map(|index| types.get(index).copied().unwrap_or(0)).collect();
    apply(&world, Call { node, opset, inputs: values, types }, &scope)
}

/// A scope with the initializers of a graph and the types that it declares.
fn constants<'s>(graph: &GraphProto, outer: Option<&'s Scope<'s>>) -> Result<Scope<'s>, ReferenceError> {
    let mut scope = Scope { outer, ..Scope::default() };
    scope.declare(graph.value_info.iter().chain(&graph.input).chain(&graph.output));
    for tensor in &graph.initializer {
        let name = tensor.name().to_string();
        scope.types.insert(name.clone(), tensor.data_type());
        scope.values.insert(name, Some(Rc::new(Array::from_tensor(tensor)?)));
    }
    for sparse in &graph.sparse_initializer {
        let name = sparse.values.as_ref().map(|values| values.name().to_string());
        let value = Array::from_sparse(sparse)?;
        scope.values.insert(name.unwrap_or_default(), Some(Rc::new(value)));
    }
    Ok(scope)
}

/// Evaluates a nested graph on values for its inputs and gives its outputs.
pub(super) fn subgraph(
    world: &World,
    graph: &GraphProto,
    inputs: &[Rc<Array>],
    outer: &Scope,
) -> Result<Vec<Rc<Array>>, ReferenceError> {
    let world = world.deeper(world.opset)?;
    let mut scope = constants(graph, Some(outer))?;
    if inputs.len() > graph.input.len() {
        return invalid("a nested graph has too few inputs");
    }
    for (index, input) in graph.input.iter().enumerate() {
        let name = input.name().to_string();
        match inputs.get(index) {
            Some(value) => scope.values.insert(name, Some(value.clone())),
            None if scope.values.contains_key(&name) => continue,
            None => return invalid("a nested graph has too many inputs"),
        };
    }
    nodes(&world, &graph.node, &mut scope)?;
    let outputs = graph.output.iter().map(|output| match scope.value(output.name())? {
        Some(value) => Ok(value),
        None => invalid("an output of a nested graph has no value"),
    });
    outputs.collect()
}

/// Evaluates nodes in their order.
pub(super) fn nodes(world: &World, nodes: &[NodeProto], scope: &mut Scope) -> Result<(), ReferenceError> {
    for node in nodes {
        let outputs = step(world, node, scope).map_err(|error| match error {
            ReferenceError::Invalid(message) => {
                let output = node.output.first().map_or("", String::as_str);
                ReferenceError::Invalid(format!("{} `{output}`: {message}", node.op_type()))
            }
            other => other,
        })?;
        if let Some(kind) = constant::stated_type(node) {
            node.output.iter().for_each(|name| {
                scope.types.insert(name.clone(), kind);
            });
        }
        let mut outputs = outputs.into_iter();
        for name in &node.output {
            let value = outputs.next();
            if name.is_empty() {
                continue;
            }
            let Some(value) = value else {
                return unsupported(format!("output `{name}` of {}", node.op_type()));
            };
            if scope.values.insert(name.clone(), Some(Rc::new(value))).is_some() {
                return invalid(format!("`{name}` is computed twice"));
            }
        }
    }
    Ok(())
}

fn step(world: &World, node: &NodeProto, scope: &Scope) -> Result<Vec<Array>, ReferenceError> {
    let inputs = node.input.iter().map(|name| scope.value(name));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let types = node.input.iter().map(|name| scope.kind(name)).collect();
    let opset = world.opset;
    apply(world, Call { node, opset, inputs, types }, scope)
}

fn apply(world: &World, call: Call, scope: &Scope) -> Result<Vec<Array>, ReferenceError> {
    let name = call.node.op_type();
    if let Some(function) = function::find(world.functions, call.node) {
        return function::call(world, function, &call);
    }
    if !matches!(call.node.domain(), "" | "ai.onnx") {
        return unsupported(format!("{}.{name}", call.node.domain()));
    }
    let given = call.inputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    if let Some(most) = table::most_inputs(name, call.opset).filter(|most| world.whole && given > *most) {
        return invalid(format!("{given} inputs, and in operator set {} it has {most}", call.opset));
    }
    match name {
        "If" => control::branch(world, &call, scope),
        "Loop" => control::repeat(world, &call, scope),
        "Scan" => control::scan(world, &call, scope),
        _ => match table::operator(name) {
            Some(evaluate) => evaluate(&call),
            None => unsupported(name),
        },
    }
}
