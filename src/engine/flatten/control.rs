//! One branch, one iteration, one step: what stands for If, Loop and Scan.

use std::collections::HashMap;

use super::super::CouldNotRun;
use super::super::proto::{constant, input, int, ints, label, longs, make, raw, with_int, with_ints};
use super::{Arguments, Branch, Flattener, Scope, refused};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{GraphProto, NodeProto};

impl Flattener<'_> {
    pub(crate) fn branch(
        &mut self,
        mut node: NodeProto,
        scope: &Scope,
        arguments: Option<&Arguments>,
    ) -> Result<(), CouldNotRun> {
        let (attribute, assumption) = match self.branch {
            Branch::Then => ("then_branch", "every If takes its then branch"),
            Branch::Else => ("else_branch", "every If takes its else branch"),
        };
        self.branches = true;
        self.assumptions.insert(assumption);
        let mut graph = nested(&mut node, attribute)?;
        let inner = Scope { names: HashMap::new(), outer: Some(scope) };
        let prefix = format!("{}/{attribute}/", label(&node));
        let made = self.graph(&mut graph, inner, &prefix, arguments)?;
        self.paired(&node, made.len(), node.output.len())?;
        self.alias(&made, &node.output);
        Ok(())
    }

    /// Iteration 0 with a true condition; what is carried has its initial value.
    pub(crate) fn iteration(
        &mut self,
        mut node: NodeProto,
        scope: &Scope,
        arguments: Option<&Arguments>,
    ) -> Result<(), CouldNotRun> {
        self.assumptions.insert("every Loop runs its body once");
        let mut graph = nested(&mut node, "body")?;
        let prefix = format!("{}/body/", label(&node));
        let carried = node.input.len().saturating_sub(2);
        self.paired(&node, graph.input.len(), carried.saturating_add(2))?;
        let mut names = HashMap::new();
        for (index, formal) in graph.input.iter().enumerate() {
            let flat = match index {
                0 | 1 => format!("{prefix}{}", formal.name()),
                _ => node.input.get(index).cloned().unwrap_or_default(),
            };
            match index {
                0 => self.nodes.push(constant(longs(&[], &[0]), &flat)),
                1 => self.nodes.push(constant(raw(&[], DataType::Bool, vec![1]), &flat)),
                _ => {}
            }
            names.insert(formal.name().to_owned(), flat);
        }
        let inner = Scope { names, outer: Some(scope) };
        let made = self.graph(&mut graph, inner, &prefix, arguments)?;
        let made = made.get(1..).unwrap_or_default();
        self.paired(&node, made.len(), node.output.len())?;
        let (last, scanned) = made.split_at_checked(carried).unwrap_or((made, &[]));
        self.alias(last, &node.output);
        for (index, made) in scanned.iter().enumerate() {
            self.stack(made, &node, carried.saturating_add(index), 0, &prefix);
        }
        Ok(())
    }

    /// The step at the first index of every scan input, the last one where it is scanned backward.
    pub(crate) fn step(&mut self, mut node: NodeProto, scope: &Scope, arguments: Option<&Arguments>) -> Result<(), CouldNotRun> {
        if self.opset < 9 {
            return Err(refused(&node, "Scan of opset 8 has a batch axis, which is not supported"));
        }
        self.assumptions.insert("every Scan runs its body once");
        let mut graph = nested(&mut node, "body")?;
        let prefix = format!("{}/body/", label(&node));
        let states = int(&node, "num_scan_inputs")
            .and_then(|scanned| usize::try_from(scanned).ok())
            .and_then(|scanned| node.input.len().checked_sub(scanned))
            .ok_or_else(|| refused(&node, "num_scan_inputs does not fit its inputs"))?;
        self.paired(&node, graph.input.len(), node.input.len())?;
        let at = |list: &str, index: usize| ints(&node, list).and_then(|all| all.get(index)).copied().unwrap_or(0);
        let mut names = HashMap::new();
        for (index, formal) in graph.input.iter().enumerate() {
            let outside = input(&node, index).unwrap_or_default();
            let flat = match index.checked_sub(states) {
                None => outside.to_owned(),
                Some(scanned) => {
                    let flat = format!("{prefix}{}", formal.name());
                    let first = if at("scan_input_directions", scanned) == 0 { 0 } else { -1 };
                    let position = format!("{flat}/index");
                    self.nodes.push(constant(longs(&[], &[first]), &position));
                    let slice = make("Gather", &[outside, &position], &flat);
                    self.nodes.push(with_int(slice, "axis", at("scan_input_axes", scanned)));
                    flat
                }
            };
            names.insert(formal.name().to_owned(), flat);
        }
        let inner = Scope { names, outer: Some(scope) };
        let made = self.graph(&mut graph, inner, &prefix, arguments)?;
        self.paired(&node, made.len(), node.output.len())?;
        let (last, scanned) = made.split_at_checked(states).unwrap_or((&made, &[]));
        self.alias(last, &node.output);
        for (index, made) in scanned.iter().enumerate() {
            let axis = at("scan_output_axes", index);
            self.stack(made, &node, states.saturating_add(index), axis, &prefix);
        }
        Ok(())
    }

    /// A result of one iteration as the array of all results.
    fn stack(&mut self, made: &str, node: &NodeProto, output: usize, axis: i64, prefix: &str) {
        let Some(output) = node.output.get(output).filter(|name| !name.is_empty()) else {
            return;
        };
        if self.opset < 13 {
            let node = make("Unsqueeze", &[made], output);
            self.nodes.push(with_ints(node, "axes", &[axis]));
        } else {
            let axes = format!("{prefix}{output}/axes");
            self.nodes.push(constant(longs(&[1], &[axis]), &axes));
            self.nodes.push(make("Unsqueeze", &[made, &axes], output));
        }
    }

    fn paired(&self, node: &NodeProto, inside: usize, outside: usize) -> Result<(), CouldNotRun> {
        if inside < outside {
            let why = format!("its nested graph has {inside} where the node has {outside}");
            return Err(refused(node, &why));
        }
        Ok(())
    }
}

fn nested(node: &mut NodeProto, name: &str) -> Result<GraphProto, CouldNotRun> {
    node.attribute
        .iter_mut()
        .find(|attribute| attribute.name() == name)
        .and_then(|attribute| attribute.g.take())
        .ok_or_else(|| refused(node, &format!("it has no {name}")))
}
