//! A term of a sum as a linear map of a value further up: a kernel, and a map of each channel behind it.

use crate::double_double::DoubleDouble;
use crate::law::{Array, Bias, Constants as _, Law, Mix, Reason, Role, apply};
use crate::map::{Affine, Placed};
use crate::model::{NodeId, NodeView, ValueId};
use crate::ops::Stop;
use crate::ops::window::{Window, windows};
use crate::plan::draft::DraftTensor;
use crate::plan::merged::{Layout, Merged, Part, Source};
use crate::plan::view::View;

/// How many nodes a term is followed through.
const FURTHEST: usize = 8;

/// A term.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// The value that it is a map of.
    pub root: ValueId,
    /// The nodes that compute it, the one that reads the root last.
    pub chain: Vec<NodeId>,
    /// What is done to each channel behind the core.
    pub map: Placed,
    /// What reads the root.
    pub core: Core,
}

/// What reads the root of a term.
#[derive(Clone, Debug)]
pub(super) enum Core {
    /// Nothing but maps.
    Point,
    /// A mean of windows.
    Pool(Vec<Window>),
    /// A weight.
    Weight(Box<Weight>),
}

/// An operator with a weight.
#[derive(Clone, Debug)]
pub(super) struct Weight {
    /// Its law.
    pub mix: Mix,
    /// Its weight as a sum of one.
    pub merged: Merged,
    /// How its kernel lies, where it is a convolution.
    pub windows: Vec<Window>,
    /// The axes of output and input along which channels run.
    pub axes: (usize, usize),
    /// The bias, as it counts.
    pub bias: Option<Array>,
}

/// The term as a map of each value further up that it is a linear map of, the nearest first.
pub(super) fn terms(view: &View<'_>, value: ValueId, may: &dyn Fn(NodeId) -> bool) -> Vec<Term> {
    let mut last = Term { root: value, chain: vec![], map: Placed::uniform(1.0, 0.0), core: Core::Point };
    let mut found = vec![last.clone()];
    while found.len() <= FURTHEST && matches!(last.core, Core::Point) {
        let Some((node, 0)) = view.draft.producer(view.graph, last.root) else { break };
        if !may(node) {
            break;
        }
        let Some(next) = last.further(view, node) else { break };
        found.push(next.clone());
        last = next;
    }
    found
}

/// Values further up that a term may be a linear map of, itself among them.
pub(super) fn above(view: &View<'_>, value: ValueId) -> Vec<ValueId> {
    let mut found = vec![value];
    let mut last = value;
    while found.len() <= FURTHEST {
        let Some((node, 0)) = view.draft.producer(view.graph, last) else { break };
        let mixes = match view.graph.node(node).proto.op_type() {
            "Conv" | "Gemm" | "MatMul" | "AveragePool" => true,
            "Identity" | "Dropout" | "BatchNormalization" | "Mul" | "Add" | "Sub" | "Sum" | "Div" => false,
            _ => break,
        };
        let inputs = (0..view.graph.node(node).inputs.len()).filter_map(|input| view.draft.input(view.graph, node, input));
        let Some(data) = inputs.into_iter().find(|value| view.constant(*value).is_err()) else { break };
        found.push(data);
        last = data;
        if mixes {
            break;
        }
    }
    found
}

impl Term {
    /// The term as a map of what this node reads.
    fn further(&self, view: &View<'_>, node: NodeId) -> Option<Term> {
        let law = view.law(node).ok()?;
        let operator = view.graph.node(node).proto.op_type();
        let (data, map, core) = match (operator, &law) {
            ("Identity" | "Dropout", Law::Carry(_)) => (0, self.map.clone(), Core::Point),
            ("AveragePool", Law::Carry(_)) => (0, self.map.clone(), Core::Pool(view.look(node, pool).ok()?)),
            (_, Law::Map(map)) => (map.data, self.map.after(&map.placed)?, Core::Point),
            ("Conv" | "Gemm" | "MatMul", Law::Mix(mix)) => {
                (mix.data, self.map.clone(), Core::Weight(Box::new(Weight::of(view, node, mix).ok()?)))
            }
            _ => return None,
        };
        let root = view.draft.input(view.graph, node, data)?;
        let chain = self.chain.iter().copied().chain([node]).collect();
        map.map.is_finite().then_some(Term { root, chain, map, core })
    }

    /// The node that reads the root.
    pub fn reader(&self) -> Option<NodeId> {
        self.chain.last().copied()
    }

    /// What the term adds to a weight that takes it in, or why that has no place for it.
    pub fn parts(&self, host: &Weight) -> Result<Vec<Part>, Reason> {
        let (out, input) = host.merged.layout.channels;
        let point = || vec![Window::POINT; host.windows.len()];
        let (mut parts, windows) = match &self.core {
            Core::Weight(own) => {
                let (mine, theirs) = (&own.merged.layout, &host.merged.layout);
                let alike = own.axes == host.axes && own.windows.len() == host.windows.len() && mine.channels == theirs.channels;
                // Groups within groups have all their channels there.
                if !alike || mine.groups % theirs.groups.max(1) != 0 {
                    return Err(Reason::NotProfitable);
                }
                (own.merged.parts.clone(), own.windows.clone())
            }
            Core::Point | Core::Pool(_) if out != input || host.axes.0 != host.axes.1 => return Err(Reason::NotProfitable),
            Core::Point => (vec![Part::ones(out, &vec![1; host.windows.len()])], point()),
            Core::Pool(windows) if windows.len() == host.windows.len() => {
                let kernel: Vec<u64> = windows.iter().map(|window| window.taps.unsigned_abs()).collect();
                let mut ones = Part::ones(out, &kernel);
                let all = kernel.iter().product::<u64>() as f64;
                ones.scale(Role::Out, &vec![DoubleDouble::ONE / DoubleDouble::new(all); out]);
                (vec![ones], windows.clone())
            }
            Core::Pool(_) => return Err(Reason::NotProfitable),
        };
        let lies = host.windows.iter().zip(&windows).map(|(own, other)| own.holds(*other));
        let taps = lies.collect::<Option<Vec<_>>>().ok_or(Reason::NotProfitable)?;
        let factor = self.behind(host.axes.0, out)?.scale;
        for part in &mut parts {
            part.scale(Role::Out, &factor);
        }
        Ok(parts.into_iter().map(|part| part.moved(&taps)).collect())
    }

    /// The map behind the core, for each of so many channels along an axis.
    fn behind(&self, axis: usize, channels: usize) -> Result<Affine, Reason> {
        if self.map.axis.is_some_and(|own| own != axis) {
            return Err(Reason::OtherAxis);
        }
        self.map.map.expand(channels).ok_or(Reason::OtherAxis)
    }

    /// What the term adds to a bias of a rank along whose axis the channels run; nothing if it adds nothing.
    pub fn bias(&self, host: &Weight, (rank, axis): (usize, usize)) -> Result<Option<Array>, Reason> {
        let map = self.behind(host.axes.0, host.merged.layout.channels.0)?;
        let own = match &self.core {
            Core::Weight(own) => own.bias.clone(),
            Core::Point | Core::Pool(_) => None,
        };
        if own.is_none() && map.has_no_shift() {
            return Ok(None);
        }
        let own = own.unwrap_or_else(|| Array { dims: vec![], values: vec![DoubleDouble::ZERO] });
        apply(&own, &map, rank, axis).map(Some)
    }
}

impl Weight {
    /// The weight of a node with this law.
    ///
    /// # Errors
    /// It is quantised, or not known.
    pub fn of(view: &View<'_>, node: NodeId, mix: &Mix) -> Result<Weight, Reason> {
        let value = view.draft.input(view.graph, node, mix.weight).ok_or(Reason::NotConstant)?;
        let source = view.constant(value).map_err(|_| Reason::NotConstant)?;
        let stored = view.graph.tensor(source);
        if stored.element().is_none() {
            return Err(Reason::NotFloat);
        }
        if stored.recipe().is_some_and(|recipe| recipe.quantised) {
            return Err(Reason::Quantised);
        }
        view.computes(node, mix.weight)?;
        if mix.axes.iter().any(|(role, _)| *role == Role::Free) {
            return Err(Reason::NoBias);
        }
        let draft = view.draft.tensors.get(&(node, mix.weight));
        let dims = if let Some(DraftTensor::Sum(merged)) = draft { &merged.layout.dims } else { &stored.dims };
        let spatial = mix.axes.iter().any(|(role, _)| *role == Role::Sum);
        let kernel = if spatial { dims.get(2..).unwrap_or_default() } else { &[] };
        let windows = if spatial { view.look(node, |view| windows(view, kernel))? } else { vec![] };
        let layout = Layout::new(&mix.axes, kernel, dims);
        let mut parts = match draft {
            None => vec![Part::of(Source::Stored(source), &mix.axes, kernel)],
            Some(DraftTensor::Factored { out, input, .. }) => {
                vec![Part { out: out.clone(), input: input.clone(), ..Part::of(Source::Stored(source), &mix.axes, kernel) }]
            }
            Some(DraftTensor::Sum(merged)) => merged.parts.clone(),
            Some(DraftTensor::Dense { .. }) => return Err(Reason::ConstantForm),
        };
        if mix.gain != 1.0 {
            let gain = vec![DoubleDouble::new(mix.gain); layout.channels.0];
            parts.iter_mut().for_each(|part| part.scale(Role::Out, &gain));
        }
        let bias = match &mix.bias {
            Bias::Input { input, present: true, gain, .. } => {
                let mut array = view.constants(node).array(*input)?;
                array.values.iter_mut().for_each(|value| *value *= DoubleDouble::new(gain.0));
                Some(array)
            }
            Bias::Input { .. } | Bias::Becoming { .. } | Bias::Barred | Bias::None => None,
            Bias::Rows { .. } => return Err(Reason::NoBias),
        };
        Ok(Weight { mix: mix.clone(), merged: Merged { layout, parts }, windows, axes: (mix.out_axis?, mix.in_axis?), bias })
    }
}

/// The windows of a pool that is a convolution: each mean is one of as many numbers, padding counted.
fn pool(node: &NodeView<'_>) -> Result<Vec<Window>, Stop> {
    let kernel = node.ints("kernel_shape")?.iter().map(|taps| u64::try_from(*taps).map_err(|_| Reason::Attribute));
    let windows = windows(node, &kernel.collect::<Result<Vec<u64>, _>>()?)?;
    let plain = windows.iter().all(Window::is_unpadded);
    if plain || node.int("count_include_pad", 0)? != 0 { Ok(windows) } else { Err(Reason::CountedPadding.into()) }
}
