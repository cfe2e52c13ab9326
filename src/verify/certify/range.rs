//! How large and how small the numbers between a region's nodes become, so that what is right in f64 does not overflow, or lose
//! its digits, in the model's own type where the original does not.
//!
//! Bounds by norms: for an input of magnitude one, the largest row of absolute weights says how large a sum may become. They
//! need not be sharp, as both files are held against the same ones.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::model::{Element, Graph, Node, TensorId, ValueId};
use crate::verify::region::{Form, Site};

/// How much larger or smaller than in the first file a number may be without a second look.
const MORE: f64 = 16.0;
/// How much larger they may be, as their rounding does not shrink with what is left of them where they cancel.
const DIGITS: f64 = 256.0;
/// How much larger than one an input may be.
const INPUT: f64 = (1_u64 << 40) as f64;

/// The largest and the smallest magnitude of any value of a side.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    largest: f64,
    smallest: f64,
}

/// The smallest factor that is looked at where the first file's numbers may grow too large: many of them would have to stand in a
/// row to reach the end of a type with a wide exponent.
const FACTOR: f64 = (1_u64 << 20) as f64;

/// Why one file's numbers may leave the range of their type where the other's do not; `None` if they stay.
///
/// That a fold heals what overflowed, or lost its digits, counts as no fault, but for numbers that overflow in a type with as wide
/// an exponent as float: no model that works has such.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn left(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> Result<Option<String>> {
    let constants = |forms: &[Form]| forms.iter().filter(|form| !form.constants.is_empty()).count();
    let elements = |graph: &Graph<'_>, forms: &[Form]| {
        let tensors = forms.iter().flat_map(|form| &form.constants);
        tensors.filter_map(|(_, tensor)| graph.tensor(*tensor).element()).collect::<Vec<Element>>()
    };
    let (theirs, ours) = (elements(b, &site.forms.1), elements(a, &site.forms.0));
    let elements = if theirs.is_empty() { ours } else { theirs };
    let Some(element) = elements.into_iter().max_by(|one, two| one.unit_roundoff().total_cmp(&two.unit_roundoff())) else {
        return Ok(None);
    };
    // One node with constants makes what the whole region makes, and nothing between.
    let between = constants(&site.forms.1) > 1;
    let healed = element != Element::F16 && constants(&site.forms.0) > 1 && site.factor > FACTOR;
    if !between && !healed {
        return Ok(None);
    }
    let (ours, made) = range(a, &site.forms.0, &site.region.outputs)?;
    let (theirs, remade) = range(b, &site.forms.1, &site.region.outputs_after)?;
    // What is summed up in absolute values grows where terms cancel, and not where a factor is taken back.
    let cancels = made.iter().zip(&remade).find(|(ours, theirs)| **theirs > DIGITS * **ours);
    let (largest, normal) = (element.max(), element.smallest_normal());
    let grows = |one: f64, other: f64| one > MORE * other && one >= largest / INPUT;
    let why = if between && grows(theirs.largest, ours.largest) {
        let sizes = format!("{:.1e} times the input, {:.1e} in the first file", theirs.largest, ours.largest);
        format!("second file grow to {sizes}, and may overflow")
    } else if let Some((ours, theirs)) = cancels.filter(|_| between) {
        let sizes = format!("{theirs:.1e} times the input, {ours:.1e} in the first file");
        format!("second file add up to {sizes}, and may lose digits where they cancel")
    } else if healed && grows(ours.largest, theirs.largest) {
        let sizes = format!("{:.1e} times the input, {:.1e} in the second file", ours.largest, theirs.largest);
        format!("first file grow to {sizes}, and may overflow there alone")
    } else if between && theirs.smallest * MORE < ours.smallest && theirs.smallest <= normal * INPUT {
        let sizes = format!("{:.1e} times the input, {:.1e} in the first file", theirs.smallest, ours.smallest);
        format!("second file shrink to {sizes}, and may lose their digits")
    } else {
        return Ok(None);
    };
    Ok(Some(format!("numbers between the nodes of the {why}")))
}

/// That of all values, and how large each of these outputs may become.
fn range(graph: &Graph<'_>, forms: &[Form], outputs: &[String]) -> Result<(Range, Vec<f64>)> {
    let mut known: BTreeMap<ValueId, Range> = BTreeMap::new();
    let one = Range { largest: 1.0, smallest: 1.0 };
    let mut all = one;
    for form in forms {
        let node = graph.node(form.node);
        let constant = |input: usize| form.constants.iter().find(|(at, _)| *at == input).map(|(_, tensor)| *tensor);
        let data = node.inputs.iter().enumerate().filter(|(at, _)| constant(*at).is_none());
        let read: Vec<Range> = data
            .filter_map(|(_, value)| value.filter(|value| graph.constant(*value).is_err()))
            .map(|value| known.get(&value).copied().unwrap_or(one))
            .collect();
        let made = made(graph, (node, form), &read, &constant)?;
        if made.largest.is_finite() {
            all = Range { largest: all.largest.max(made.largest), smallest: all.smallest.min(made.smallest) };
        } else {
            all.largest = f64::MAX;
        }
        known.extend(node.outputs.iter().flatten().map(|value| (*value, made)));
    }
    let named = |name: &String| known.iter().find(|(value, _)| graph.value(**value).name == name);
    let outputs = outputs.iter().map(|name| named(name).map_or(1.0, |(_, range)| range.largest)).collect();
    Ok((all, outputs))
}

/// What comes out of a node.
fn made(
    graph: &Graph<'_>,
    (node, form): (&Node<'_>, &Form),
    read: &[Range],
    constant: &dyn Fn(usize) -> Option<TensorId>,
) -> Result<Range> {
    let most = read.iter().map(|range| range.largest).fold(0.0, f64::max);
    let least = read.iter().map(|range| range.smallest).fold(f64::MAX, f64::min);
    let sizes = |input: usize| -> Result<Option<Range>> {
        let Some(tensor) = constant(input) else { return Ok(None) };
        let mut found = Range { largest: 0.0, smallest: f64::MAX };
        graph.tensor(tensor).blocks(graph.model, &mut |_, block| {
            for size in block.iter().map(|number| number.abs()).filter(|size| *size != 0.0) {
                found = Range { largest: found.largest.max(size), smallest: found.smallest.min(size) };
            }
        })?;
        Ok(Some(if found.largest == 0.0 { Range { largest: 0.0, smallest: 1.0 } } else { found }))
    };
    let bias = |input: usize| Ok::<_, crate::Error>(sizes(input)?.map_or(0.0, |range| range.largest));
    let whole = |largest: f64| Range { largest, smallest: largest.max(f64::MIN_POSITIVE) };
    Ok(match form.operator.as_str() {
        "Conv" | "DeformConv" => whole(most * rows(graph, constant(1), Along::Behind(1))? + bias(2)? + bias(3)?),
        "ConvTranspose" => whole(most * rows(graph, constant(1), Along::All)? + bias(2)?),
        "Gemm" | "MatMul" | "Einsum" | "LSTM" | "GRU" | "RNN" => {
            let weight = constant(1).or(constant(0));
            whole(most * rows(graph, weight, Along::Longest)? + bias(2)? + bias(3)?)
        }
        "BatchNormalization" => batch_normalization(graph, node, constant, (most, least))?,
        "Mul" => match sizes(0)?.or(sizes(1)?) {
            Some(factor) => Range { largest: most * factor.largest, smallest: least * factor.smallest },
            None => Range { largest: most * most, smallest: least * least },
        },
        "Div" => {
            let factor = sizes(1)?.unwrap_or(Range { largest: 1.0, smallest: 1.0 });
            Range { largest: most / factor.smallest, smallest: least / factor.largest.max(f64::MIN_POSITIVE) }
        }
        "Add" | "Sub" if !form.constants.is_empty() => {
            Range { largest: most + sizes(0)?.or(sizes(1)?).map_or(0.0, |range| range.largest), smallest: least }
        }
        "InstanceNormalization" | "GroupNormalization" | "LayerNormalization" | "RMSNormalization" => {
            let scale = sizes(1)?.unwrap_or(Range { largest: 1.0, smallest: 1.0 });
            Range { largest: scale.largest + bias(2)?, smallest: scale.smallest }
        }
        "Add" | "Sub" | "Sum" => Range { largest: read.iter().map(|range| range.largest).sum(), smallest: least },
        _ => Range { largest: most, smallest: least },
    })
}

fn batch_normalization(
    graph: &Graph<'_>,
    node: &Node<'_>,
    constant: &dyn Fn(usize) -> Option<TensorId>,
    (most, least): (f64, f64),
) -> Result<Range> {
    let numbers = |input: usize| constant(input).map_or(Ok(vec![]), |tensor| graph.tensor(tensor).floats(graph.model));
    let epsilon = node.proto.attribute.iter().find(|a| a.name() == "epsilon").map_or(1e-5, |a| f64::from(a.f()));
    let (scale, shift, mean, variance) = (numbers(1)?, numbers(2)?, numbers(3)?, numbers(4)?);
    let mut all = Range { largest: 0.0, smallest: f64::MAX };
    for (((g, b), m), v) in scale.iter().zip(&shift).zip(&mean).zip(&variance) {
        let factor = (g / (v + epsilon).sqrt()).abs();
        all.largest = all.largest.max(factor * (most + m.abs()) + b.abs());
        if factor != 0.0 {
            all.smallest = all.smallest.min(factor * least);
        }
    }
    Ok(all)
}

/// Along which axes a weight is summed up.
#[derive(Clone, Copy)]
enum Along {
    /// Those from this one on.
    Behind(usize),
    /// All of them but the longest, which is a bound for any.
    Longest,
    /// All but the second.
    All,
}

/// The largest sum of absolute weights that an output sees.
fn rows(graph: &Graph<'_>, weight: Option<TensorId>, along: Along) -> Result<f64> {
    let Some(tensor) = weight.map(|id| graph.tensor(id)) else { return Ok(1.0) };
    let dims: Vec<usize> = tensor.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(1)).collect();
    let inner = |axis: usize| dims.iter().skip(axis + 1).product::<usize>().max(1);
    let kept = match along {
        Along::Behind(axis) => vec![axis.saturating_sub(1)],
        Along::All => vec![1],
        Along::Longest => (dims.len().saturating_sub(2)..dims.len()).collect(),
    };
    let mut sums: Vec<Vec<f64>> = kept.iter().map(|axis| vec![0.0; dims.get(*axis).copied().unwrap_or(1).max(1)]).collect();
    let mut at = 0_usize;
    tensor.blocks(graph.model, &mut |_, block| {
        for number in block {
            for (axis, sums) in kept.iter().zip(&mut sums) {
                let size = sums.len();
                if let Some(sum) = sums.get_mut(at / inner(*axis) % size) {
                    *sum += number.abs();
                }
            }
            at += 1;
        }
    })?;
    Ok(sums.into_iter().flatten().fold(0.0, f64::max))
}
