//! Where the scales and zero points of quantised weights go. The integers stay where they are.
//!
//! A node that dequantises for the changed inputs alone takes the new scales in; beside one with other readers stands a copy
//! that reads the same integers, and beside what hands the numbers on to the changed inputs and to others stands one, too.

use std::borrow::Cow;

use super::{Fresh, Place, Reader, Settler, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::law::Array;
use crate::model::{Home, NodeId, ScopeId, TensorId};
use crate::plan::{DraftTensor, Factors, Zeros, requantised};

/// A node that dequantises by other scales than before, or that hands on what such a node makes.
pub(in crate::edit) struct Dequantiser {
    /// The node in the file.
    pub node: NodeId,
    /// The axis along which the scales run now, where they did not before.
    pub axis: Option<u64>,
    /// What is made beside the node; nothing: the node itself changes.
    pub copy: Option<DequantiserCopy>,
}

/// The names of a copy.
pub(in crate::edit) struct DequantiserCopy {
    /// What it reads.
    pub inputs: Vec<String>,
    /// What it makes.
    pub output: String,
}

/// New zero points.
pub(in crate::edit) struct ZeroPoints {
    /// Their name.
    pub name: String,
    /// The graph that gets them, and the node before which they must stand.
    pub place: (ScopeId, NodeId),
    /// ONNX's number of their type.
    pub data_type: i32,
    /// The numbers.
    pub of: Zeros,
}

/// A quantised weight whose scales take factors in.
pub(super) struct Weight {
    tensor: TensorId,
    /// The node that dequantises it.
    node: NodeId,
    /// The nodes that hand the numbers on, one after the other.
    through: Vec<NodeId>,
    factors: Factors,
}

impl<'p> Settler<'p, '_> {
    /// The quantised weight that a change concerns, if it concerns one.
    pub(super) fn quantised(&self, content: &DraftTensor, readers: &[Reader]) -> Option<Weight> {
        let DraftTensor::Factored { axes, .. } = content else { return None };
        let (node, input) = *readers.first()?;
        let (tensor, _) = self.graph().constant(self.draft().input(self.graph(), node, input)?).ok()?;
        let stored = self.graph().tensor(tensor);
        stored.recipe()?.dequantised()?;
        let factors = Factors::of(axes, Some(content));
        let (mut stored, mut through) = (stored, vec![]);
        loop {
            let Home::Computed { node } = stored.home else { return None };
            if stored.recipe()?.node.op_type() == "DequantizeLinear" {
                through.reverse();
                return Some(Weight { tensor, node, through, factors });
            }
            through.push(node);
            let value = self.graph().node(node).inputs.first().copied().flatten()?;
            stored = self.graph().tensor(self.graph().constant(value).ok()?.0);
        }
    }

    /// How many of the nodes that hand a weight on must be copied with the one that dequantises it: those up to the last whose
    /// numbers have other readers; `None` if even that one makes them for the changed inputs alone.
    fn shared(&self, weight: &Weight, readers: &[Reader]) -> Option<usize> {
        if self.owned(readers).is_none() {
            return Some(weight.through.len());
        }
        (0..weight.through.len()).rev().find(|at| self.owned(&[(weight.through[*at], 0)]).is_none())
    }

    /// Gives a quantised weight its new scales.
    pub(super) fn requantise(&mut self, weight: &Weight, readers: Vec<Reader>, fresh: &mut Fresh<'p>) -> Result<()> {
        let graph = self.graph();
        let lost = || Error::new(ErrorKind::Graph, "a plan does not fit its model: quantised weights take no factors in");
        let recipe = graph.tensor(weight.tensor).recipe().ok_or_else(lost)?;
        let made = requantised(graph.model, recipe, &weight.factors)?.map_err(|_| lost())?;
        let (node, axis) = (weight.node, made.axis.map(|axis| axis as u64));
        let zeros = made.zeros.and_then(|zeros| self.zero_points(weight, zeros));
        let Some(copied) = self.shared(weight, &readers) else {
            let scale = DraftTensor::Dense { value: made.scale, donor: None };
            self.in_place_or(Cow::Owned(scale), vec![(node, 1)], fresh);
            if let Some(name) = zeros {
                self.leave(&[(node, 2)]);
                self.out.reads.insert((node, 2), name);
            }
            self.out.dequantisers.push(Dequantiser { node, axis, copy: None });
            return Ok(());
        };
        let (copied, behind) = weight.through.split_at(copied);
        let readers = behind.first().map_or(readers, |next| vec![(*next, 0)]);
        self.leave(&readers);
        let first = *readers.first().ok_or_else(lost)?;
        let output = self.new_name(first);
        for reader in readers {
            self.out.reads.insert(reader, output.clone());
        }
        let output = self.hand_on(copied, output);
        let mut inputs: Vec<String> = graph.node(node).proto.input.clone();
        let scale = self.new_scale(weight, made.scale).ok_or_else(lost)?;
        for (input, name) in [Some(scale), zeros].into_iter().enumerate().filter_map(|(at, name)| Some((at + 1, name?))) {
            if let Some(place) = inputs.get_mut(input) {
                *place = name;
            }
        }
        // What the copy reads as well stays even if the node goes.
        let shared = graph.node(node).inputs.iter().enumerate().filter(|(at, _)| *at != 1 && (*at != 2 || made.zeros.is_none()));
        self.donated.extend(shared.filter_map(|(_, value)| *value));
        self.out.dequantisers.push(Dequantiser { node, axis, copy: Some(DequantiserCopy { inputs, output }) });
        Ok(())
    }

    /// Copies of nodes that hand numbers on, of which the last makes `output`. Returns the name of what the first reads.
    fn hand_on(&mut self, nodes: &[NodeId], output: String) -> String {
        nodes.iter().rev().fold(output, |output, node| {
            let read = self.graph().node(*node).proto.input.first().map_or("", String::as_str);
            let input = self.unlike_any(&format!("{read}_folded"));
            let copy = DequantiserCopy { inputs: vec![input.clone()], output };
            self.out.dequantisers.push(Dequantiser { node: *node, axis: None, copy: Some(copy) });
            input
        })
    }

    /// The scales of a copy as a new constant. Returns its name.
    fn new_scale(&mut self, weight: &Weight, scale: Array) -> Option<String> {
        let (graph, node) = (self.graph(), weight.node);
        let old = graph.node(node).inputs.get(1).copied().flatten()?;
        let element = graph.tensor(graph.constant(old).ok()?.0).element()?;
        let name = self.unlike_any(&format!("{}_folded", graph.value(old).name));
        let place = Place::New { name: name.clone(), scope: graph.node(node).scope, before: node };
        let (dims, content) = (scale.dims.clone(), Cow::Owned(DraftTensor::Dense { value: scale, donor: None }));
        self.out.stores.push(Store { content, base: None, element, dims, place, reader: (node, 1) });
        Some(name)
    }

    /// Zero points as a new constant. Returns its name.
    fn zero_points(&mut self, weight: &Weight, of: Zeros) -> Option<String> {
        let (graph, node) = (self.graph(), weight.node);
        let old = graph.node(node).inputs.get(2).copied().flatten()?;
        let data_type = graph.tensor(graph.constant(old).ok()?.0).data_type;
        let name = self.unlike_any(&format!("{}_folded", graph.value(old).name));
        self.out.zero_points.push(ZeroPoints { name: name.clone(), place: (graph.node(node).scope, node), data_type, of });
        Some(name)
    }
}
