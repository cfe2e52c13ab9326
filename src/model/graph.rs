//! The graph as read: nodes, values, scopes, and who uses what.
//!
//! Main graph, nested graphs and functions stand side by side in three tables and refer to each other by number. Nothing here
//! changes after it was built; what a plan would change is the plan's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::model::scan::{GraphSpan, Nested, NodeSpan};
use crate::model::tensor::{Home, Tensor};
use crate::model::{Model, NotConstant, Shape};
use crate::onnx::{AttributeProto, FunctionProto, GraphProto, NodeProto, TypeProto, ValueInfoProto};

/// A graph, nested graph or function body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub usize);
/// A node, over all scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);
/// A value, over all scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub usize);
/// A constant, over all scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub usize);

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind<'m> {
    /// The main graph.
    Main,
    /// A graph in an attribute of a node.
    Nested {
        /// The node.
        node: NodeId,
        /// The attribute's name, for example `then_branch`.
        attribute: &'m str,
    },
    /// Function number so-and-so of the model.
    Function(usize),
}

/// A graph, nested graph or function body.
#[derive(Debug)]
pub struct Scope<'m> {
    /// What it is.
    pub kind: ScopeKind<'m>,
    /// The scope around it.
    pub parent: Option<ScopeId>,
    /// Where its parts are in the file.
    pub span: &'m GraphSpan,
    /// Its message; functions have none.
    pub graph: Option<&'m GraphProto>,
    /// Its nodes in order.
    pub nodes: Vec<NodeId>,
    /// Its inputs in order.
    pub inputs: Vec<ValueId>,
    /// Its outputs in order.
    pub outputs: Vec<ValueId>,
    /// The version of the standard operator set.
    pub opset: Option<i64>,
    names: BTreeMap<&'m str, ValueId>,
}

/// A node.
#[derive(Debug)]
pub struct Node<'m> {
    /// The scope that it stands in.
    pub scope: ScopeId,
    /// Its position there.
    pub index: usize,
    /// Its message.
    pub proto: &'m NodeProto,
    /// Where it is in the file.
    pub span: &'m NodeSpan,
    /// Its inputs; `None` is an input that is not connected.
    pub inputs: Vec<Option<ValueId>>,
    /// Its outputs; `None` is an output that is not connected.
    pub outputs: Vec<Option<ValueId>>,
    /// The constant that it is, if it is a Constant in a form that is read.
    pub constant: Option<TensorId>,
    /// Whether its operator is ONNX's own: the standard domain, and no function of the model takes its place.
    pub standard: bool,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An input of a graph or function. From IR 4 on, one that is also an initializer has a default and can be overridden.
    Input {
        /// The initializer of the same name.
        default: Option<TensorId>,
    },
    /// A constant of a graph.
    Initializer(TensorId),
    /// An output of a node.
    Node(NodeId, usize),
    /// A constant in a form that is not read (sparse).
    Opaque,
}

/// Who uses a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Input number so-and-so of a node.
    Node(NodeId, usize),
    /// Output number so-and-so of a scope.
    Output(ScopeId, usize),
    /// A quantization annotation names it.
    Annotation(ScopeId),
}

/// A value: what one name means in one scope.
#[derive(Debug)]
pub struct Value<'m> {
    /// Its name.
    pub name: &'m str,
    /// The scope that defines it.
    pub scope: ScopeId,
    /// Where it comes from.
    pub origin: Origin,
    /// Who uses it, nested graphs included.
    pub uses: Vec<Use>,
    /// The type that the file declares.
    pub declared: Option<&'m TypeProto>,
}

/// All scopes of a model.
#[derive(Debug)]
pub struct Graph<'m> {
    /// The file it was read from.
    pub model: &'m Model,
    /// Scopes; the first is the main graph.
    pub scopes: Vec<Scope<'m>>,
    /// Nodes.
    pub nodes: Vec<Node<'m>>,
    /// Values.
    pub values: Vec<Value<'m>>,
    /// Constants.
    pub tensors: Vec<Tensor>,
}

impl<'m> Graph<'m> {
    /// Resolves every name of a model.
    ///
    /// # Errors
    /// Graphs that are not well-formed: two producers of one name, a node that reads what nobody has produced before it,
    /// contradicting tensors.
    pub fn build(model: &'m Model) -> Result<Graph<'m>> {
        let graph = Graph { model, scopes: Vec::new(), nodes: Vec::new(), values: Vec::new(), tensors: Vec::new() };
        let mut builder = Builder { graph, functions: function_names(model) };
        let main = model.proto.graph.as_ref().ok_or_else(|| Error::new(ErrorKind::Graph, "the model has no graph"))?;
        builder.graph_scope(main, &model.scan.graph, ScopeKind::Main, None, model_opset(model))?;
        for (index, function) in model.proto.functions.iter().enumerate() {
            if let Some(span) = model.scan.functions.get(index) {
                builder.function_scope(index, function, span)?;
            }
        }
        Ok(builder.graph)
    }

    /// A scope.
    pub fn scope(&self, id: ScopeId) -> &Scope<'m> {
        &self.scopes[id.0]
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node<'m> {
        &self.nodes[id.0]
    }

    /// A value.
    pub fn value(&self, id: ValueId) -> &Value<'m> {
        &self.values[id.0]
    }

    /// A constant.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// The value that a name means in a scope, looked up from the inside out.
    pub fn lookup(&self, scope: ScopeId, name: &str) -> Option<ValueId> {
        let mut at = Some(scope);
        while let Some(id) = at {
            if let Some(value) = self.scope(id).names.get(name) {
                return Some(*value);
            }
            at = self.scope(id).parent;
        }
        None
    }

    /// The constant behind a value: an initializer that no caller can override, a Constant node, or Identity of one of them.
    /// With it come the values passed on the way, this one first.
    ///
    /// # Errors
    /// Why the value is not a constant.
    pub fn constant(&self, id: ValueId) -> std::result::Result<(TensorId, Vec<ValueId>), NotConstant> {
        let mut way = vec![id];
        loop {
            let at = way[way.len() - 1];
            let node = match self.value(at).origin {
                Origin::Initializer(tensor) => return Ok((tensor, way)),
                Origin::Input { default: Some(_) } => return Err(NotConstant::Overridable),
                Origin::Input { default: None } => return Err(NotConstant::Input),
                Origin::Opaque => return Err(NotConstant::Form),
                Origin::Node(node, _) => self.node(node),
            };
            match (node.constant, node.proto.op_type(), node.inputs.first()) {
                (Some(tensor), ..) => return Ok((tensor, way)),
                (None, "Constant", _) if node.standard => return Err(NotConstant::Form),
                (None, "Identity", Some(Some(value))) if node.standard => way.push(*value),
                _ => return Err(NotConstant::Computed),
            }
        }
    }

    /// The shape that the file declares for a value, or that its constant has.
    pub fn declared_shape(&self, id: ValueId) -> Option<Shape> {
        let value = self.value(id);
        match value.origin {
            Origin::Initializer(tensor) | Origin::Input { default: Some(tensor) } => {
                Some(Shape::known(&self.tensor(tensor).dims))
            }
            _ => value.declared.and_then(Shape::declared),
        }
    }

    /// A node as a person would look for it: its name, or else its operator and first output, with the graph it stands in.
    pub fn describe(&self, id: NodeId) -> String {
        let node = self.node(id);
        let name = match node.proto.name() {
            "" => format!("{} -> {}", node.proto.op_type(), node.proto.output.iter().find(|o| !o.is_empty()).map_or("?", |o| o)),
            name => name.to_owned(),
        };
        match self.scope_path(node.scope).as_str() {
            "" => name,
            path => format!("{path}/{name}"),
        }
    }

    /// The way from the main graph to a scope: owners' first outputs and attribute names; empty for the main graph.
    pub fn scope_path(&self, id: ScopeId) -> String {
        match self.scope(id).kind {
            ScopeKind::Main => String::new(),
            ScopeKind::Function(index) => {
                let function = self.model.proto.functions.get(index);
                function.map_or_else(|| format!("function {index}"), |f| format!("function {}:{}", f.domain(), f.name()))
            }
            ScopeKind::Nested { node, attribute } => {
                let owner = self.node(node);
                let output = owner.proto.output.iter().find(|o| !o.is_empty()).map_or("?", |o| o);
                match self.scope_path(owner.scope).as_str() {
                    "" => format!("{output}/{attribute}"),
                    path => format!("{path}/{output}/{attribute}"),
                }
            }
        }
    }
}

/// The version of the standard operator set that a model imports. Files of IR 1 and 2 have no imports and mean version 1.
fn model_opset(model: &Model) -> Option<i64> {
    let import = model.proto.opset_import.iter().find(|o| is_standard_domain(o.domain()));
    import.map(|o| o.version()).or_else(|| (model.proto.ir_version() < 3).then_some(1))
}

/// Whether a domain is ONNX's own.
pub fn is_standard_domain(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn function_names(model: &Model) -> BTreeSet<(&str, &str)> {
    model.proto.functions.iter().map(|f| (if is_standard_domain(f.domain()) { "" } else { f.domain() }, f.name())).collect()
}

struct Builder<'m> {
    graph: Graph<'m>,
    functions: BTreeSet<(&'m str, &'m str)>,
}

impl<'m> Builder<'m> {
    fn add_value(&mut self, name: &'m str, scope: ScopeId, origin: Origin) -> Result<ValueId> {
        let id = ValueId(self.graph.values.len());
        if self.graph.scopes[scope.0].names.insert(name, id).is_some() {
            return Err(Error::new(ErrorKind::Graph, format!("`{name}` is defined twice"))
                .at(self.place(scope))
                .remedy("each value needs a name of its own; export the model again"));
        }
        self.graph.values.push(Value { name, scope, origin, uses: Vec::new(), declared: None });
        Ok(id)
    }

    fn place(&self, scope: ScopeId) -> String {
        match self.graph.scope_path(scope).as_str() {
            "" => "the main graph".into(),
            path => format!("graph {path}"),
        }
    }

    fn new_scope(&mut self, kind: ScopeKind<'m>, parent: Option<ScopeId>, span: &'m GraphSpan, opset: Option<i64>) -> ScopeId {
        let scope = Scope {
            kind,
            parent,
            span,
            graph: None,
            nodes: vec![],
            inputs: vec![],
            outputs: vec![],
            opset,
            names: BTreeMap::new(),
        };
        self.graph.scopes.push(scope);
        ScopeId(self.graph.scopes.len() - 1)
    }

    fn graph_scope(
        &mut self,
        graph: &'m GraphProto,
        span: &'m GraphSpan,
        kind: ScopeKind<'m>,
        parent: Option<ScopeId>,
        opset: Option<i64>,
    ) -> Result<()> {
        let id = self.new_scope(kind, parent, span, opset);
        self.graph.scopes[id.0].graph = Some(graph);
        for input in &graph.input {
            let value = self.add_value(input.name(), id, Origin::Input { default: None })?;
            self.graph.values[value.0].declared = input.r#type.as_ref();
            self.graph.scopes[id.0].inputs.push(value);
        }
        self.initializers(graph, span, kind, id)?;
        self.nodes(&graph.node, span, id)?;
        for (index, output) in graph.output.iter().enumerate() {
            self.output(output.name(), id, index)?;
        }
        self.declare(graph.output.iter().chain(&graph.value_info), id);
        for annotation in &graph.quantization_annotation {
            let named = annotation.quant_parameter_tensor_names.iter().map(|e| e.value());
            for name in std::iter::once(annotation.tensor_name()).chain(named) {
                if let Some(value) = self.graph.lookup(id, name) {
                    self.graph.values[value.0].uses.push(Use::Annotation(id));
                }
            }
        }
        Ok(())
    }

    fn initializers(&mut self, graph: &'m GraphProto, span: &'m GraphSpan, kind: ScopeKind<'m>, id: ScopeId) -> Result<()> {
        // Up to IR 3 the file format forces every initializer into the inputs, so being there says nothing.
        let overridable = self.graph.model.proto.ir_version() >= 4 || kind != ScopeKind::Main;
        for (index, (proto, at)) in graph.initializer.iter().zip(&span.initializers).enumerate() {
            let tensor = Tensor::new(self.graph.model, proto, at, Home::Initializer { scope: id, index })?;
            let tensor_id = TensorId(self.graph.tensors.len());
            self.graph.tensors.push(tensor);
            match self.graph.scopes[id.0].names.get(proto.name()).copied() {
                None => {
                    self.add_value(proto.name(), id, Origin::Initializer(tensor_id))?;
                }
                Some(value) => {
                    let origin = &mut self.graph.values[value.0].origin;
                    *origin = match *origin {
                        Origin::Input { default: None } if overridable => Origin::Input { default: Some(tensor_id) },
                        Origin::Input { default: None } => Origin::Initializer(tensor_id),
                        _ => return self.add_value(proto.name(), id, Origin::Opaque).map(|_| ()),
                    };
                }
            }
        }
        for sparse in &graph.sparse_initializer {
            let name = sparse.values.as_ref().map_or("", |v| v.name());
            if !name.is_empty() && !self.graph.scopes[id.0].names.contains_key(name) {
                self.add_value(name, id, Origin::Opaque)?;
            }
        }
        Ok(())
    }

    fn function_scope(&mut self, index: usize, function: &'m FunctionProto, span: &'m GraphSpan) -> Result<()> {
        let own = function.opset_import.iter().find(|o| is_standard_domain(o.domain())).map(|o| o.version());
        let opset = own.or_else(|| model_opset(self.graph.model));
        let id = self.new_scope(ScopeKind::Function(index), None, span, opset);
        for input in &function.input {
            let value = self.add_value(input, id, Origin::Input { default: None })?;
            self.graph.scopes[id.0].inputs.push(value);
        }
        self.nodes(&function.node, span, id)?;
        for (index, output) in function.output.iter().enumerate() {
            self.output(output, id, index)?;
        }
        self.declare(function.value_info.iter(), id);
        Ok(())
    }

    fn declare(&mut self, infos: impl Iterator<Item = &'m ValueInfoProto>, scope: ScopeId) {
        for info in infos {
            if let Some(value) = self.graph.scopes[scope.0].names.get(info.name()) {
                let declared = &mut self.graph.values[value.0].declared;
                *declared = declared.or(info.r#type.as_ref());
            }
        }
    }

    fn output(&mut self, name: &'m str, scope: ScopeId, index: usize) -> Result<()> {
        let Some(value) = self.graph.lookup(scope, name) else {
            return Err(Error::new(ErrorKind::Graph, format!("nobody produces the output `{name}`")).at(self.place(scope)));
        };
        self.graph.values[value.0].uses.push(Use::Output(scope, index));
        self.graph.scopes[scope.0].outputs.push(value);
        Ok(())
    }

    fn nodes(&mut self, protos: &'m [NodeProto], span: &'m GraphSpan, scope: ScopeId) -> Result<()> {
        for (index, (proto, at)) in protos.iter().zip(&span.nodes).enumerate() {
            let id = NodeId(self.graph.nodes.len());
            let mut inputs = Vec::with_capacity(proto.input.len());
            for (port, name) in proto.input.iter().enumerate() {
                let value = if name.is_empty() { None } else { Some(self.resolve(name, scope, proto, protos)?) };
                if let Some(value) = value {
                    self.graph.values[value.0].uses.push(Use::Node(id, port));
                }
                inputs.push(value);
            }
            let domain = if is_standard_domain(proto.domain()) { "" } else { proto.domain() };
            let standard = domain.is_empty() && !self.functions.contains(&(domain, proto.op_type()));
            let constant = if standard && proto.op_type() == "Constant" { self.constant(id, proto, at)? } else { None };
            let node = Node { scope, index, proto, span: at, inputs, outputs: Vec::new(), standard, constant };
            self.graph.nodes.push(node);
            self.graph.scopes[scope.0].nodes.push(id);
            for (position, attribute) in proto.attribute.iter().enumerate() {
                self.nested(attribute, position, id, scope, at)?;
            }
            let mut outputs = Vec::with_capacity(proto.output.len());
            for (port, name) in proto.output.iter().enumerate() {
                outputs.push(if name.is_empty() { None } else { Some(self.add_value(name, scope, Origin::Node(id, port))?) });
            }
            self.graph.nodes[id.0].outputs = outputs;
        }
        Ok(())
    }

    /// The tensor of a Constant node: `value` or one of the number forms; not `sparse_value` and not strings.
    fn constant(&mut self, node: NodeId, proto: &'m NodeProto, at: &'m NodeSpan) -> Result<Option<TensorId>> {
        let [attribute] = &proto.attribute[..] else { return Ok(None) };
        let home = Home::Constant { node, attribute: 0 };
        let mut spans = at.nested.iter().filter_map(|(_, n)| if let Nested::Tensor(span) = n { Some(span) } else { None });
        let tensor = match (spans.next(), spans.next(), &attribute.t) {
            (Some(span), None, Some(proto)) if attribute.name() == "value" => {
                Some(Tensor::new(self.graph.model, proto, span, home)?)
            }
            (span, None, None) if attribute.ref_attr_name().is_empty() => Tensor::from_attribute(attribute, span, home),
            _ => None,
        };
        Ok(tensor.map(|tensor| {
            self.graph.tensors.push(tensor);
            TensorId(self.graph.tensors.len() - 1)
        }))
    }

    fn nested(
        &mut self,
        attribute: &'m AttributeProto,
        position: usize,
        node: NodeId,
        scope: ScopeId,
        at: &'m NodeSpan,
    ) -> Result<()> {
        let spans = at.nested.iter().filter(|(p, _)| *p == position);
        let spans = spans.filter_map(|(_, n)| if let Nested::Graph(span) = n { Some(&**span) } else { None });
        let opset = self.graph.scope(scope).opset;
        let kind = ScopeKind::Nested { node, attribute: attribute.name() };
        for (graph, span) in attribute.g.iter().chain(&attribute.graphs).zip(spans) {
            self.graph_scope(graph, span, kind, Some(scope), opset)?;
        }
        Ok(())
    }

    fn resolve(&self, name: &str, scope: ScopeId, node: &NodeProto, later: &[NodeProto]) -> Result<ValueId> {
        if let Some(value) = self.graph.lookup(scope, name) {
            return Ok(value);
        }
        let what = if later.iter().any(|n| n.output.iter().any(|o| o == name)) {
            format!("a node reads `{name}` before it is produced: the nodes are out of order or form a cycle")
        } else {
            format!("a node reads `{name}`, which nobody produces")
        };
        let first = node.output.iter().find(|o| !o.is_empty()).map_or("?", |o| o);
        let place = format!("node `{}` ({} -> {first}) in {}", node.name(), node.op_type(), self.place(scope));
        Err(Error::new(ErrorKind::Graph, what).at(place).remedy("the model is broken; export it again"))
    }
}
