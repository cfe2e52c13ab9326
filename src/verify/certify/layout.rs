//! The smallest inputs of a region that show every tap, border and phase of its weights, read from its nodes.

mod asks;

use std::collections::{BTreeMap, BTreeSet};

use super::choice::{chooses, moves};
use super::fact::{Axis, Fact, Mix, Read, read};
use super::side::way;
use super::small;
use crate::error::Result;
use crate::model::graph::asks_for_shape;
use crate::model::{Dim, Graph, Shape, ValueId};
use crate::verify::region::{Form, Shapes};
use crate::verify::table::{self, Bound};
use asks::{read_by_convolution, takes_each_row, widest};

/// What is fed into a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The shape, with 1 at the axis along which samples may be stacked.
    pub dims: Vec<usize>,
    /// The axis along which samples may be stacked, counted from the last, in what is read and in what is made; absent if
    /// constants fix every axis.
    pub stack: Option<(usize, usize)>,
    /// The axis of the channels; absent if there is none.
    pub channels: Option<usize>,
    /// Into how many groups the channels fall.
    pub groups: usize,
    /// For each spatial axis: where impulses stand, one after the other, to meet every tap in every phase.
    pub phases: Vec<(usize, usize)>,
    /// How many products are summed up in an output, at most.
    pub summed: usize,
    /// Whether it says where others are read, so that it has no magnitude and is the same in every sample.
    pub choice: bool,
}

/// What is known of a region from a run.
#[derive(Clone, Copy)]
pub(crate) struct Known<'k> {
    /// The shapes of what it reads, by name.
    pub shapes: &'k Shapes,
    /// The names of what it reads beside data, if that is fed as it was found.
    pub settings: &'k BTreeSet<&'k str>,
    /// Whether no extent is made smaller.
    pub whole: bool,
    /// Whether the region is cut where it is no polynomial.
    pub cut: bool,
}

/// The layouts of a region's inputs, by name, and whether the region is linear. `other` is the region's other side, whose constants
/// may tell how many axes the values have where nothing else does.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn layouts(
    graph: &Graph<'_>,
    forms: &[Form],
    outputs: &[String],
    known: Known<'_>,
    other: (&Graph<'_>, &[Form]),
) -> Result<Read<(BTreeMap<String, Layout>, bool)>> {
    let linear = |form: &Form| match form.operator.as_str() {
        "Add" | "Sub" | "Mul" | "MatMul" => !form.constants.is_empty(),
        operator => table::row(operator).linear,
    };
    let simple = |form: &Form| linear(form) || table::row(&form.operator).elementwise;
    // With all extents as they are, a shape is what it is in the whole.
    let resizes =
        |form: &Form| !known.cut && is_resizing(&form.operator) || !known.whole && asks_for_shape(graph.node(form.node).proto);
    if let Some(form) = forms.iter().find(|form| resizes(form)) {
        return Ok(Err(format!("a region with {}", form.operator)));
    }
    if forms.iter().all(simple) && !known.whole {
        let linear = forms.iter().all(linear);
        return Ok(match smallest(graph, forms, outputs, axes_beside(other))? {
            Ok(layouts) => Ok((layouts, linear)),
            Err(why) => declared(graph, forms, known).map(|layouts| (layouts, linear)).map_err(|also| format!("{why}; {also}")),
        });
    }
    let linear = forms.iter().all(linear);
    Ok(declared(graph, forms, known).map(|layouts| (layouts, linear)))
}

/// What gives numbers a size of its own: magnitudes say nothing of what it makes of them.
fn is_resizing(operator: &str) -> bool {
    table::row(operator).bound == Bound::Resizing
}

/// Extents of spatial axes that are not shown as they are, where nothing in the region asks for it.
const SPATIAL: usize = 10;

/// The shapes that the file declares or a run has found, spatial axes made small where that cannot matter.
fn declared(graph: &Graph<'_>, forms: &[Form], known: Known<'_>) -> Read<BTreeMap<String, Layout>> {
    let shaped = |form: &Form| table::row(&form.operator).shaped;
    let keeps = known.whole || !known.settings.is_empty() || forms.iter().any(shaped);
    let spatial = SPATIAL.max(widest(graph, forms));
    let made: Vec<ValueId> = forms.iter().flat_map(|form| graph.node(form.node).outputs.iter().flatten().copied()).collect();
    let mut layouts = BTreeMap::new();
    if let Some(form) = forms.iter().find(|form| chooses(graph, forms, form, known.settings)) {
        return Err(format!("{} whose choice is computed", form.operator));
    }
    if forms.iter().any(small::is_table) && !forms.iter().all(|form| small::is_table(form) || takes_each_row(graph, form)) {
        return Err("rows of a table that are put together".into());
    }
    let rows: Vec<ValueId> = forms
        .iter()
        .filter(|form| small::is_table(form))
        .flat_map(|f| graph.node(f.node).inputs.get(1))
        .flatten()
        .copied()
        .collect();
    for value in forms.iter().flat_map(|form| graph.node(form.node).inputs.iter().flatten()).filter(|value| !rows.contains(value))
    {
        let (name, choice) = (graph.value(*value).name, moves(graph, forms, *value));
        let is_data = |form: &Form| {
            let inputs = graph.node(form.node).inputs.iter().enumerate();
            inputs.filter(|(_, read)| **read == Some(*value)).any(|(at, _)| form.operator != "DeformConv" || at != 2)
        };
        if choice && (made.contains(value) || forms.iter().any(is_data)) {
            return Err(format!("`{name}` is both data and where others are read"));
        }
        if made.contains(value) || graph.constant(*value).is_ok() || known.settings.contains(name) && !choice {
            continue;
        }
        let declared = |shape: Shape| {
            let size = |dim: &Dim| dim.known().and_then(|size| usize::try_from(size).ok());
            shape.0.iter().map(size).collect::<Vec<Option<usize>>>()
        };
        let found = known.shapes.get(name).map(|dims| dims.iter().copied().map(Some).collect());
        let told = || graph.declared_shape(*value).map(declared).or_else(|| read_by_convolution(graph, forms, *value));
        let shape: Option<Vec<Option<usize>>> = found.or_else(told);
        let shape = shape.ok_or_else(|| format!("the shape of `{name}` is not declared"))?;
        let rank = shape.len();
        let mut dims = Vec::new();
        for (axis, size) in shape.into_iter().enumerate() {
            dims.push(match (axis, size) {
                (0, None) => 1,
                (2.., None) if !keeps => spatial,
                (2.., Some(size)) if !keeps && rank > 2 => size.min(spatial),
                (_, Some(size)) => size,
                (_, None) => return Err(format!("the shape of `{name}` is not declared")),
            });
        }
        let channels = (dims.len() > 1).then_some(1);
        layouts
            .insert(name.to_owned(), Layout { dims, stack: None, channels, groups: 1, phases: vec![], summed: 1 << 12, choice });
    }
    Ok(layouts)
}

/// How many axes values have in which these nodes work along axis 1: a convolution has as many as its weight, and a constant
/// along an axis that is counted from the last one says how many there are behind it.
fn axes_beside((graph, forms): (&Graph<'_>, &[Form])) -> Option<usize> {
    let axes = |form: &Form| {
        let dims = &graph.tensor(form.constants.first()?.1).dims;
        match form.operator.as_str() {
            "Conv" | "ConvTranspose" => Some(dims.len()),
            "Mul" | "Add" | "Sub" | "Div" => {
                let channels = dims.iter().position(|size| *size != 1).unwrap_or(0);
                Some(dims.len() - channels + 1)
            }
            _ => None,
        }
    };
    forms.iter().filter_map(axes).max()
}

fn smallest(
    graph: &Graph<'_>,
    forms: &[Form],
    outputs: &[String],
    beside: Option<usize>,
) -> Result<Read<BTreeMap<String, Layout>>> {
    let mut found: BTreeMap<String, Layout> = BTreeMap::new();
    for output in outputs {
        let way = match way(graph, forms, output) {
            Ok(way) => way,
            Err(why) => return Ok(Err(why)),
        };
        let layout = match layout(graph, forms, &way.nodes, (way.rank, beside))? {
            Ok(layout) => layout,
            Err(why) => return Ok(Err(why)),
        };
        let merged = match found.remove(&way.input) {
            None => Some(layout),
            Some(other) => other.with(&layout),
        };
        match merged {
            Some(layout) => found.insert(way.input, layout),
            None => return Ok(Err("readers that need inputs of different shapes".into())),
        };
    }
    Ok(Ok(found))
}

/// What constants say about the shape of the values.
#[derive(Default)]
struct Sizes {
    /// By axis counted from the last.
    back: BTreeMap<usize, usize>,
    /// By axis counted from the first.
    front: BTreeMap<usize, usize>,
    /// The longest constant's rank.
    rank: usize,
}

impl Sizes {
    fn read(&mut self, graph: &Graph<'_>, form: &Form) {
        let Some((_, tensor)) = form.constants.first() else { return };
        let dims: Vec<usize> = graph.tensor(*tensor).dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(usize::MAX)).collect();
        if form.operator == "BatchNormalization" {
            self.front.insert(1, dims.iter().product());
            self.rank = self.rank.max(2);
            return;
        }
        let node = graph.node(form.node);
        let axis = node.proto.attribute.iter().find(|a| a.name() == "axis").and_then(|a| usize::try_from(a.i()).ok());
        for (at, size) in dims.iter().enumerate().filter(|(_, size)| **size > 1) {
            match axis {
                Some(axis) => self.front.insert(axis.saturating_add(at), *size),
                None => self.back.insert(dims.len() - 1 - at, *size),
            };
        }
        self.rank = self.rank.max(dims.len());
    }

    fn apply(&self, dims: &mut [usize]) {
        let rank = dims.len();
        let back = self.back.iter().filter_map(|(back, size)| Some((rank.checked_sub(back + 1)?, size)));
        for (axis, size) in back.chain(self.front.iter().map(|(axis, size)| (*axis, size))) {
            if let Some(dim) = dims.get_mut(axis) {
                *dim = *size;
            }
        }
    }
}

fn layout(
    graph: &Graph<'_>,
    forms: &[Form],
    nodes: &[usize],
    (rank, beside): (Option<usize>, Option<usize>),
) -> Result<Read<Layout>> {
    let (mut before, mut behind, mut mix) = (Sizes::default(), Sizes::default(), None);
    for index in nodes {
        let Some(form) = forms.get(*index) else { continue };
        match form.operator.as_str() {
            "Conv" | "ConvTranspose" | "Gemm" | "MatMul" if mix.is_none() => match read(graph, forms, *index)? {
                Ok(Fact::Mix(found)) => mix = Some((found, form)),
                Ok(_) => {}
                Err(why) => return Ok(Err(why)),
            },
            _ if mix.is_none() => before.read(graph, form),
            _ => behind.read(graph, form),
        }
    }
    Ok(match mix {
        Some((mix, form)) if mix.rank.is_some() && form.operator != "Gemm" => convolution(graph, form, &mix, &before),
        Some((mix, form)) => product(graph, form, &mix, (before, behind), rank),
        None if before.back.is_empty() => maps(before, rank.or(beside)),
        None => maps(before, rank),
    })
}

fn maps(before: Sizes, rank: Option<usize>) -> Read<Layout> {
    let longest = before.front.keys().chain(before.back.keys()).map(|axis| axis + 1).max().unwrap_or(0).max(before.rank);
    // A constant along an axis that is counted from the last says which axis that is if a BatchNormalization is beside it.
    let guess = match (before.front.keys().next(), before.back.keys().next()) {
        (Some(front), Some(back)) => front + back + 1,
        _ => longest.max(2),
    };
    let rank = rank.unwrap_or(guess);
    if rank < longest || rank == 0 {
        return Err("a constant with more axes than the value".into());
    }
    let mut dims = vec![0; rank];
    before.apply(&mut dims);
    let channels = dims.iter().position(|dim| *dim > 1);
    let stack = dims.iter().position(|dim| *dim == 0).map(|axis| rank - 1 - axis);
    dims.iter_mut().for_each(|dim| *dim = (*dim).max(1));
    Ok(Layout { dims, stack: stack.map(|back| (back, back)), channels, groups: 1, phases: vec![], summed: 1, choice: false })
}

fn convolution(graph: &Graph<'_>, form: &Form, mix: &Mix, before: &Sizes) -> Read<Layout> {
    let weight = graph.tensor(mix.weight.tensor);
    let kernel: Vec<usize> = weight.dims.iter().skip(2).map(|dim| usize::try_from(*dim).unwrap_or(usize::MAX)).collect();
    let of = |name: &str| mix.geometry.iter().find(|(what, _)| *what == name).map_or(&[][..], |(_, values)| values);
    let number = |values: &[i64], at: usize, default: usize| {
        values.get(at).and_then(|value| usize::try_from(*value).ok()).unwrap_or(default)
    };
    let (strides, dilations, pads) = (of("strides"), of("dilations"), of("pads"));
    let automatic = of("auto_pad").first().is_some_and(|mode| *mode != 0);
    let mut dims = vec![0, mix.channels.0];
    let mut phases = Vec::new();
    for (axis, taps) in kernel.iter().enumerate() {
        let (stride, dilation) = (number(strides, axis, 1).max(1), number(dilations, axis, 1).max(1));
        let reach = dilation.saturating_mul(taps.saturating_sub(1)).saturating_add(1);
        let (begin, end) = match automatic {
            true => ((reach - 1) / 2, (reach - 1) - (reach - 1) / 2),
            false => (number(pads, axis, 0), number(pads, axis + kernel.len(), 0)),
        };
        if form.operator == "ConvTranspose" {
            let size = (reach.saturating_add(begin + end)).div_ceil(stride).saturating_add(1).max(3);
            dims.push(size);
            phases.push((size / 2, 1));
        } else {
            let more = (reach - 1).saturating_sub(begin + end);
            // One tap without padding has no border: two steps show its stride.
            let least = if *taps == 1 && begin + end == 0 { stride.saturating_add(1) } else { 3 };
            dims.push(reach.saturating_add(stride - 1).max(least).saturating_add(more));
            phases.push(((reach - 1).saturating_sub(begin), stride));
        }
    }
    let rank = dims.len();
    before.apply(&mut dims);
    let stack = (dims.first() == Some(&0)).then_some((rank - 1, rank - 1));
    dims.iter_mut().for_each(|dim| *dim = (*dim).max(1));
    Ok(Layout { dims, stack, channels: Some(1), groups: mix.groups, phases, summed: mix.summed(), choice: false })
}

fn product(graph: &Graph<'_>, form: &Form, mix: &Mix, sizes: (Sizes, Sizes), rank: Option<usize>) -> Read<Layout> {
    let (before, behind) = sizes;
    let (Axis::Back(summed), Axis::Back(made)) = mix.axes else { return Err("a product without axes".into()) };
    let ranks = [before.rank, behind.rank, 2];
    // Where nothing says how many axes there are, a BatchNormalization's second one is that of the weight.
    let guess = if before.front.contains_key(&1) {
        summed + 2
    } else if behind.front.contains_key(&1) {
        made + 2
    } else {
        2
    };
    let rank = mix.rank.or(rank).unwrap_or_else(|| ranks.into_iter().max().unwrap_or(2).max(guess));
    if rank < 2 {
        return Err("a product with a vector".into());
    }
    let mut dims = vec![0; rank];
    before.apply(&mut dims);
    let (rows, others) = (1 - summed.min(1), 1 - made.min(1));
    let mut outer = vec![0; rank];
    behind.apply(&mut outer);
    if let Some((_, bias)) = form.constants.get(1).filter(|_| form.operator == "Gemm") {
        let lengths = &graph.tensor(*bias).dims;
        let along = lengths.len().checked_sub(others + 1).and_then(|axis| lengths.get(axis));
        if let (Some(length), Some(dim)) = (along.filter(|length| **length > 1), outer.get_mut(rank - 1 - others)) {
            *dim = usize::try_from(*length).unwrap_or(usize::MAX);
        }
    }
    for back in 2..rank {
        let fixed = outer.get(rank - 1 - back).copied().unwrap_or(0);
        if let Some(dim) = dims.get_mut(rank - 1 - back).filter(|dim| **dim == 0) {
            *dim = fixed;
        }
    }
    let fixed = outer.get(rank - 1 - others).copied().unwrap_or(0);
    let channel = rank - 1 - summed;
    if let Some(dim) = dims.get_mut(channel) {
        *dim = mix.channels.0;
    }
    let row = rank - 1 - rows;
    if let Some(dim) = dims.get_mut(row).filter(|dim| **dim == 0) {
        *dim = fixed;
    }
    let stack = (dims.get(row) == Some(&0)).then_some((rows, others));
    dims.iter_mut().for_each(|dim| *dim = (*dim).max(1));
    Ok(Layout { dims, stack, channels: Some(channel), groups: 1, phases: vec![], summed: mix.summed(), choice: false })
}

impl Layout {
    /// A layout that does for both; none if there is none.
    fn with(mut self, other: &Layout) -> Option<Layout> {
        if self.dims.len() != other.dims.len() || self.channels != other.channels || self.phases.len() != other.phases.len() {
            return None;
        }
        let spatial = self.dims.len().saturating_sub(self.phases.len());
        for (axis, (one, two)) in self.dims.iter_mut().zip(&other.dims).enumerate() {
            if axis < spatial && one != two {
                return None;
            }
            *one = (*one).max(*two);
        }
        for (one, two) in self.phases.iter_mut().zip(&other.phases) {
            let (first, last) = (one.0.min(two.0), (one.0 + one.1).max(two.0 + two.1));
            *one = (first, last - first);
        }
        self.stack = self.stack.filter(|stack| other.stack == Some(*stack));
        self.groups = if self.groups == other.groups { self.groups } else { 1 };
        self.summed = self.summed.max(other.summed);
        Some(self)
    }
}
