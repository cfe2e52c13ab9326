//! Resolves the names of a model, from the inside out and in the order of the nodes.

use std::collections::BTreeMap;

use super::{Graph, Names, Node, NodeId, Origin, Scope, ScopeId, ScopeKind, TensorId, Use, Value, ValueId, is_standard_domain};
use crate::error::{Error, ErrorKind, Result};
use crate::model::scan::{GraphSpan, Nested, NodeSpan};
use crate::model::tensor::{Home, Tensor};
use crate::model::{Functions, Model};
use crate::onnx::{AttributeProto, FunctionProto, GraphProto, NodeProto, ValueInfoProto};

pub(super) fn build(model: &Model, frozen: bool) -> Result<Graph<'_>> {
    let graph = Graph {
        model,
        scopes: Vec::new(),
        nodes: Vec::new(),
        values: Vec::new(),
        tensors: Vec::new(),
        computed: BTreeMap::new(),
        frozen,
    };
    let mut builder = Builder { graph, functions: Functions::of(&model.proto)? };
    let main = model.proto.graph.as_ref().ok_or_else(|| Error::new(ErrorKind::Graph, "the model has no graph"))?;
    builder.graph_scope(main, &model.scan.graph, ScopeKind::Main, None, model_opset(model))?;
    for (index, function) in model.proto.functions.iter().enumerate() {
        if let Some(span) = model.scan.functions.get(index) {
            builder.function_scope(index, function, span)?;
        }
    }
    Ok(builder.graph)
}

/// The version of the standard operator set that a model imports. Files of IR 1 and 2 have no imports and mean version 1.
fn model_opset(model: &Model) -> Option<i64> {
    // Of several the last one counts for runtimes.
    let import = model.proto.opset_import.iter().rfind(|o| is_standard_domain(o.domain()));
    import.map(|o| o.version()).or_else(|| (model.proto.ir_version() < 3).then_some(1))
}

struct Builder<'m> {
    graph: Graph<'m>,
    functions: Functions<'m>,
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

    /// Nearly all values have one use, so that no room is taken for more.
    fn used(&mut self, value: ValueId, by: Use) {
        let uses = &mut self.graph.values[value.0].uses;
        if uses.is_empty() {
            uses.reserve_exact(1);
        }
        uses.push(by);
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
            names: Names::default(),
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
        let count = graph.input.len() + graph.initializer.len() + graph.node.len();
        self.graph.scopes[id.0].names.reserve(count);
        self.graph.values.reserve(count);
        self.graph.nodes.reserve(graph.node.len());
        self.graph.tensors.reserve(graph.initializer.len());
        self.graph.scopes[id.0].nodes.reserve_exact(graph.node.len());
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
                    self.used(value, Use::Annotation(id));
                }
            }
        }
        Ok(())
    }

    fn initializers(&mut self, graph: &'m GraphProto, span: &'m GraphSpan, kind: ScopeKind<'m>, id: ScopeId) -> Result<()> {
        // Up to IR 3 the file format forces every initializer into the inputs, so being there says nothing.
        let overridable = kind != ScopeKind::Main || self.graph.model.proto.ir_version() >= 4 && !self.graph.frozen;
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
        let own = function.opset_import.iter().rfind(|o| is_standard_domain(o.domain())).map(|o| o.version());
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
            let error = Error::new(ErrorKind::Graph, format!("nobody produces the output `{name}`"));
            return Err(error.at(self.place(scope)).remedy("the model is broken; export it again"));
        };
        self.used(value, Use::Output(scope, index));
        self.graph.scopes[scope.0].outputs.push(value);
        Ok(())
    }

    fn nodes(&mut self, protos: &'m [NodeProto], span: &'m GraphSpan, scope: ScopeId) -> Result<()> {
        for (index, (proto, at)) in protos.iter().zip(&span.nodes).enumerate() {
            let id = NodeId(self.graph.nodes.len());
            let mut inputs = Vec::with_capacity(proto.input.len());
            for (port, name) in proto.input.iter().enumerate() {
                let value = if name.is_empty() { None } else { Some(self.resolve(name, scope, proto)?) };
                if let Some(value) = value {
                    self.used(value, Use::Node(id, port));
                }
                inputs.push(value);
            }
            let standard = is_standard_domain(proto.domain()) && !self.functions.names(proto);
            let constant = if standard && proto.op_type() == "Constant" { self.constant(id, proto, at)? } else { None };
            let calls = self.functions.called(proto);
            let node = Node { scope, index, proto, span: at, inputs, outputs: Vec::new(), standard, constant, calls };
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

    fn resolve(&self, name: &str, scope: ScopeId, node: &NodeProto) -> Result<ValueId> {
        if let Some(value) = self.graph.lookup(scope, name) {
            return Ok(value);
        }
        let what = format!("reads `{name}`, which nobody produces");
        let first = node.output.iter().find(|o| !o.is_empty()).map_or("?", |o| o);
        let place = format!("node `{}` ({} -> {first}) in {}", node.name(), node.op_type(), self.place(scope));
        Err(Error::new(ErrorKind::Graph, what).at(place).remedy("the model is broken; export it again"))
    }
}
