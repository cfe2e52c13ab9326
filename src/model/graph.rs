//! The graph as read: nodes, values, scopes, and who uses what.
//!
//! Main graph, nested graphs and functions stand side by side in three tables and refer to each other by number. Nothing here
//! changes after it was built; what a plan would change is the plan's own.

mod build;

use std::collections::{BTreeMap, HashMap};

use crate::error::Result;
use crate::model::scan::{GraphSpan, NodeSpan};
use crate::model::tensor::{self, Tensor};
use crate::model::{Element, Model, NotConstant, Shape};
use crate::onnx::{GraphProto, NodeProto, TypeProto, type_proto};

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

/// What names mean. A model has very many, and each is looked up several times. The hash is another one in each run, so that no file
/// can be made beforehand whose names meet.
pub(super) type Names<'m, T> = HashMap<&'m str, T, foldhash::fast::RandomState>;

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
    names: Names<'m, ValueId>,
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
    /// The function of the model that it calls.
    pub calls: Option<usize>,
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
    /// Values that nodes compute from constants alone, as far as somebody knows how ([`Graph::compute`]); or why they are no
    /// constants all the same.
    pub computed: BTreeMap<ValueId, std::result::Result<TensorId, NotConstant>>,
    /// Whether initializers that a caller may override are taken for constants, because the user says that nobody does.
    pub frozen: bool,
}

impl<'m> Graph<'m> {
    /// Resolves every name of a model.
    ///
    /// # Errors
    /// Graphs that are not well-formed: two producers of one name, a node that reads what nobody has produced before it,
    /// contradicting tensors.
    pub fn build(model: &'m Model) -> Result<Graph<'m>> {
        build::build(model, false)
    }

    /// As [`Graph::build`], but initializers that are also inputs are constants.
    ///
    /// # Errors
    /// As [`Graph::build`].
    pub fn build_frozen(model: &'m Model) -> Result<Graph<'m>> {
        build::build(model, true)
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

    /// The main graph or the function that a scope stands in.
    pub fn root(&self, id: ScopeId) -> ScopeId {
        let mut at = id;
        while let Some(parent) = self.scope(at).parent {
            at = parent;
        }
        at
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

    /// The constant behind a value: an initializer that no caller can override, a Constant node, Identity of one of them, or
    /// what [`Graph::compute`] found to be computed from such.
    /// With it come the values passed on the way, this one first.
    ///
    /// # Errors
    /// Why the value is not a constant.
    pub fn constant(&self, id: ValueId) -> std::result::Result<(TensorId, Vec<ValueId>), NotConstant> {
        let mut way = vec![id];
        let tensor = self.follow(id, &mut |value| way.push(value))?;
        Ok((tensor, way))
    }

    /// As [`Graph::constant`], without the values on the way.
    ///
    /// # Errors
    /// As [`Graph::constant`].
    pub fn source(&self, id: ValueId) -> std::result::Result<TensorId, NotConstant> {
        self.follow(id, &mut |_| {})
    }

    /// The constant behind a value; hands on the values between.
    fn follow(&self, id: ValueId, pass: &mut dyn FnMut(ValueId)) -> std::result::Result<TensorId, NotConstant> {
        let mut at = id;
        loop {
            let node = match self.value(at).origin {
                Origin::Initializer(tensor) => return Ok(tensor),
                Origin::Input { default: Some(_) } => return Err(NotConstant::Overridable),
                Origin::Input { default: None } => {
                    let is_function = matches!(self.scope(self.value(at).scope).kind, ScopeKind::Function(_));
                    return Err(if is_function { NotConstant::Argument } else { NotConstant::Input });
                }
                Origin::Opaque => return Err(NotConstant::Form),
                Origin::Node(node, _) => self.node(node),
            };
            match (node.constant, node.proto.op_type(), node.inputs.first()) {
                (Some(tensor), ..) => return Ok(tensor),
                (None, "Constant", _) if node.standard => return Err(NotConstant::Form),
                (None, "Identity", Some(Some(value))) if node.standard => {
                    at = *value;
                    pass(at);
                }
                _ => return self.computed.get(&at).copied().unwrap_or(Err(NotConstant::Computed)),
            }
        }
    }

    /// The shape that the file declares for a value, or that its constant has.
    pub fn declared_shape(&self, id: ValueId) -> Option<Shape> {
        self.constant_shape(id).or_else(|| self.value(id).declared.and_then(Shape::declared))
    }

    /// The shape of a constant, and of what stands for an input that is not given.
    pub(crate) fn constant_shape(&self, id: ValueId) -> Option<Shape> {
        let tensor = match self.value(id).origin {
            Origin::Initializer(tensor) | Origin::Input { default: Some(tensor) } => tensor,
            _ => *self.computed.get(&id)?.as_ref().ok()?,
        };
        Some(Shape::known(&self.tensor(tensor).dims))
    }

    /// The float type that the file declares for a value, or that its constant has.
    pub fn declared_element(&self, id: ValueId) -> Option<Element> {
        let value = self.value(id);
        match (value.origin, value.declared.and_then(|d| d.value.as_ref())) {
            (Origin::Initializer(tensor) | Origin::Input { default: Some(tensor) }, _) => self.tensor(tensor).element(),
            (_, Some(type_proto::Value::TensorType(tensor))) => tensor::element(tensor.elem_type()),
            _ => None,
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

/// Whether a domain is ONNX's own.
pub fn is_standard_domain(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Whether a node asks for nothing but the shape of what it reads, which no map changes. That its operator is the standard one is
/// for the caller to know.
pub fn asks_for_shape(node: &NodeProto) -> bool {
    matches!(node.op_type(), "Shape" | "Size")
}

/// Whether a node reads an input for its shape or its type alone, which no map changes. That its operator is the standard one is for
/// the caller to know.
pub fn reads_no_elements(node: &NodeProto, input: usize) -> bool {
    asks_for_shape(node) || node.op_type() == "CastLike" && input == 1
}
