//! How large and how small the numbers between a region's nodes become, so that what is right in f64 does not overflow, or lose
//! its digits, in the model's own type where the original does not.
//!
//! Both sides as absolute models on large numbers, one channel after the other, so that none hides behind another. Bounds need not
//! be sharp, as both files are held against the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::budget::MOST_NUMBERS;
use super::cut::{self, Kind};
use super::runs::{Run, by_channel, sources};
use super::sides::{Sides, Which, as_small_as_may_be, sides};
use super::walk::{Drawn, Inputs, walk_within};
use super::{Read, changed, floats, opset};
use crate::error::Result;
use crate::model::{Element, Graph, tensor};
use crate::onnx::{ModelProto, NodeProto};
use crate::reference::Array;
use crate::verify::region::{Form, Site, coarsest, types};

/// How much larger or smaller than in the first file a number may be without a second look.
const MORE: f64 = 16.0;
/// How much larger they may be, as their rounding does not shrink with what is left of them where they cancel.
const DIGITS: f64 = 256.0;
/// How much larger than one an input may be.
const INPUT: f64 = (1_u64 << 40) as f64;
/// What is less than this share of an output adds nothing to it.
const NOTHING: f64 = 1.0 / (1_u64 << 20) as f64;

/// The smallest factor that is looked at where the first file's numbers may grow too large: many of them would have to stand in a
/// row to reach the end of a type with a wide exponent.
const FACTOR: f64 = (1_u64 << 20) as f64;

/// How many numbers the runs of a type's end are apart, and how many there are: from one to [`INPUT`].
const STEP: f64 = MORE;
const STEPS: i32 = 10;

/// Why one file's numbers may leave the range of their type where the other's do not; `None` if they stay.
///
/// That a fold heals what overflowed, or lost its digits, counts as no fault, but for numbers that overflow in a type with as wide
/// an exponent as float: no model that works has such.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn left(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> Result<Option<String>> {
    let computed = (computed_in(a, &site.forms.0), computed_in(b, &site.forms.1));
    if is_coarser(computed.1, computed.0) {
        return Ok(Some("the second file computes in a type of fewer digits than the first".to_owned()));
    }
    let (ours, theirs) = (coarsest(a, &site.forms.0), coarsest(b, &site.forms.1));
    if is_coarser(theirs.or(ours), ours) {
        return Ok(Some("constants of the second file have fewer digits than those of the first".to_owned()));
    }
    let Some(element) = theirs.or(ours).or(computed.1) else { return Ok(None) };
    // One node makes what the whole region makes, and nothing between; but what takes a mean away first.
    let mut between = makers(b, &site.forms.1) > 1;
    for form in site.forms.1.iter().filter(|form| form.operator == "BatchNormalization") {
        between |= takes_away(b, form)?;
    }
    let healed = element != Element::F16 && makers(a, &site.forms.0) > 1 && site.factor > FACTOR;
    if !between && !healed {
        return Ok(None);
    }
    let found = as_small_as_may_be(site, |as_is| match sides(a, b, site, as_is)? {
        Ok(sides) => of_sides((a, b), site, &sides, (element, between, healed)),
        Err(why) => Ok(Err(why)),
    })?;
    Ok(found.unwrap_or_else(Some))
}

/// Whether the mean of a BatchNormalization is not zero.
fn takes_away(graph: &Graph<'_>, form: &Form) -> Result<bool> {
    let mean = form.constants.iter().find(|(input, _)| *input == 3).map(|(_, tensor)| graph.tensor(*tensor).floats(graph.model));
    Ok(mean.transpose()?.is_none_or(|mean| mean.iter().any(|number| *number != 0.0)))
}

fn is_coarser(one: Option<Element>, other: Option<Element>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.unit_roundoff() > other.unit_roundoff())
}

/// The same for sides with small extents, or with those of a run.
fn of_sides(
    (a, b): (&Graph<'_>, &Graph<'_>),
    site: &Site,
    sides: &Sides,
    (element, between, healed): (Element, bool, bool),
) -> Result<Read<Option<String>>> {
    let (products, numbers) = (sides.products(a, b), sides.numbers());
    if products > site.products || numbers > MOST_NUMBERS >> 5 {
        return Ok(Err(format!("the size of its numbers would take {products} products, and {numbers} numbers")));
    }
    let models = [sides.model(a, Which::First, true)?, sides.model(b, Which::Second, true)?];
    let each = products.saturating_add(numbers).max(1);
    let channels = |size: f64| by_channel(sides, size, |runs, share| each.saturating_mul(runs as u64) <= site.products >> share);
    let ends = |graph: &Graph<'_>, forms: &[Form]| ends(graph, forms, element);
    let (ours, theirs) = (ends(a, &sides.forms.0), ends(b, &sides.forms.1));
    let runs = [vec![Run::NOTHING, Run::ONES, Run::All(INPUT)], channels(INPUT)].concat();
    // What is read is as large in both files.
    let share = |name: &String| if sides.layouts.contains_key(name) { 1.0 } else { MORE };
    let shrunk = |ends: &BTreeMap<String, f64>| ends.iter().map(|(name, end)| (name.clone(), end / share(name))).collect();
    let found = || -> Read<Option<String>> {
        let plain = Ranges::of(&models, sides, &runs, [&BTreeMap::new(), &BTreeMap::new()])?;
        if let Some(why) = plain.left(element, between) {
            return Ok(Some(why));
        }
        let least = ours.values().chain(theirs.values()).copied().fold(element.max(), f64::min);
        let sizes: Vec<f64> = (0..=STEPS).map(|step| STEP.powi(step)).collect();
        let runs = [sizes.into_iter().map(Run::All).collect(), channels(INPUT.min(least / DIGITS))].concat();
        let may_end = |side: usize| plain.sides[side].largest() >= least;
        if between && may_end(1) {
            let found = Ranges::of(&models, sides, &runs, [&shrunk(&ours), &theirs])?;
            if let Some(size) = found.overflow(1) {
                return Ok(Some(overflows("second", size)));
            }
        }
        if healed && may_end(0) {
            let found = Ranges::of(&models, sides, &runs, [&ours, &shrunk(&theirs)])?;
            return Ok(found.overflow(0).map(|size| overflows("first", size)));
        }
        Ok(None)
    };
    Ok(found())
}

fn overflows(file: &str, input: f64) -> String {
    format!(
        "numbers between the nodes of the {file} file may overflow for an input of {input:.1e}, and in the other file nothing does"
    )
}

/// Where the types of what a side reads and makes end; one of which nothing is known has the type of the constants.
pub(super) fn ends(graph: &Graph<'_>, forms: &[Form], element: Element) -> BTreeMap<String, f64> {
    let nodes = forms.iter().map(|form| graph.node(form.node));
    let values = nodes.flat_map(|node| node.inputs.iter().chain(&node.outputs)).flatten();
    let data = values.filter(|value| graph.constant(**value).is_err());
    let end = |value| types::of(graph, value).and_then(tensor::element).unwrap_or(element).max();
    data.map(|value| (graph.value(*value).name.to_owned(), end(*value))).collect()
}

/// How many nodes compute something or change its type.
fn makers(graph: &Graph<'_>, forms: &[Form]) -> usize {
    forms.iter().filter(|form| computes(graph, form) || form.operator == "Cast").count()
}

/// Whether a node has constants, or puts several values or several elements together.
fn computes(graph: &Graph<'_>, form: &Form) -> bool {
    const SUMMING: &[&str] = &["AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum"];
    let data = graph.node(form.node).inputs.iter().flatten().filter(|value| graph.constant(**value).is_err());
    !form.constants.is_empty() || data.count() > 1 || SUMMING.contains(&form.operator.as_str())
}

/// The type with the fewest digits that something is computed in.
fn computed_in(graph: &Graph<'_>, forms: &[Form]) -> Option<Element> {
    let made =
        forms.iter().filter(|form| computes(graph, form)).filter_map(|form| graph.node(form.node).outputs.first().copied()?);
    let elements = made.filter_map(|value| types::of(graph, value).and_then(tensor::element));
    elements.max_by(|x, y| x.unit_roundoff().total_cmp(&y.unit_roundoff()))
}

/// What the absolute models of both sides make in each run.
struct Ranges<'r> {
    runs: &'r [Run],
    sides: [Side; 2],
}

/// What one side makes: the values of its nodes, and its outputs.
struct Side {
    made: Vec<Drawn>,
    outputs: Vec<Drawn>,
    /// What normalisations read: they hide how large it is, and not how many of its digits are right.
    entering: Vec<Drawn>,
}

impl<'r> Ranges<'r> {
    fn of(models: &[ModelProto; 2], sides: &Sides, runs: &'r [Run], ends: [&BTreeMap<String, f64>; 2]) -> Read<Ranges<'r>> {
        let (ours, theirs): (Vec<String>, Vec<String>) = sides.outputs.iter().cloned().unzip();
        let read = sources(sides, runs);
        let side = |model: &ModelProto, outputs: &[String], ends| {
            let mut entering = vec![];
            let cut = &mut |_: usize, node: &NodeProto, inputs: &Inputs<'_>| normalised(model, (node, inputs), &mut entering);
            let values = walk_within(model, read.clone(), runs.len(), cut, ends)?;
            let names = model.graph.iter().flat_map(|graph| &graph.node).flat_map(|node| &node.output);
            let names: BTreeSet<&String> = names.chain(sides.layouts.keys()).collect();
            let made = names.into_iter().filter_map(|name| values.get(name).cloned()).collect();
            let outputs = outputs.iter().filter_map(|name| values.get(name).cloned()).collect();
            Ok::<_, String>(Side { made, outputs, entering })
        };
        Ok(Ranges { runs, sides: [side(&models[0], &ours, ends[0])?, side(&models[1], &theirs, ends[1])?] })
    }

    /// Why digits may be lost in the second file alone, as numbers cancel or grow too small.
    fn left(&self, element: Element, between: bool) -> Option<String> {
        let normal = element.smallest_normal();
        let [ours, theirs] = &self.sides;
        for (at, run) in self.runs.iter().enumerate().filter(|(_, run)| between && **run != Run::NOTHING) {
            let input = run.size();
            let (made, remade) = (ours.smallest(at), theirs.smallest(at));
            let why = if self.cancels(at) {
                "are far larger than those of the first, and may lose digits where they cancel".to_owned()
            } else if remade * MORE < made && remade <= normal * input * INPUT {
                format!(
                    "shrink to {remade:.1e} for an input of {input:.1e}, {made:.1e} in the first file, and may lose their digits"
                )
            } else {
                continue;
            };
            return Some(format!("numbers between the nodes of the second file {why}"));
        }
        None
    }

    /// How large an input is where an element of what this side makes, or of what a normalisation reads there, is made of
    /// infinite numbers, and that of the other side of finite ones.
    fn overflow(&self, side: usize) -> Option<f64> {
        let [this, other] = if side == 0 { [&self.sides[0], &self.sides[1]] } else { [&self.sides[1], &self.sides[0]] };
        let pairs = || this.outputs.iter().zip(&other.outputs).chain(this.entering.iter().zip(&other.entering));
        let alone = |at: usize, one: &Drawn, two: &Drawn| {
            let of = |drawn: &Drawn| drawn.get(at).and_then(|array| floats(array)).cloned().unwrap_or_default();
            of(one).iter().zip(of(two)).any(|(one, two)| !one.is_finite() && two.is_finite())
        };
        let found = self.runs.iter().enumerate().find(|(at, _)| pairs().any(|(one, two)| alone(*at, one, two)));
        found.map(|(_, run)| run.size())
    }

    /// Whether what is summed up for an element of an output, in absolute values, is far larger in the second file: it grows where
    /// terms cancel, and not where a factor is taken back.
    fn cancels(&self, run: usize) -> bool {
        let [ours, theirs] = &self.sides;
        let of = |drawn: &'_ Drawn, at: usize| drawn.get(at).and_then(|array| floats(array)).cloned().unwrap_or_default();
        let ones = self.runs.iter().position(|run| *run == Run::ONES).unwrap_or(0);
        let apart = |(one, two): (&Drawn, &Drawn), either: bool| {
            let (whole, one, two) = (of(one, ones), of(one, run), of(two, run));
            let least = whole.iter().map(|sum| if run == ones { 0.0 } else { NOTHING * INPUT * sum });
            let far = |((one, two), least): ((&f64, &f64), f64)| {
                *two > DIGITS * one.max(least) || either && *one > DIGITS * two.max(least)
            };
            one.iter().zip(&two).zip(least).any(far)
        };
        ours.entering.len() != theirs.entering.len()
            || ours.entering.iter().zip(&theirs.entering).any(|pair| apart(pair, true))
            || ours.outputs.iter().zip(&theirs.outputs).any(|pair| apart(pair, false))
    }
}

impl Side {
    /// The largest number in all runs.
    fn largest(&self) -> f64 {
        let all = self.made.iter().flatten().filter_map(|array| floats(array)).flatten();
        all.fold(0.0, |largest, number| largest.max(number.abs()))
    }

    /// The least that any value has of what is fed in, beside what it has of nothing.
    fn smallest(&self, run: usize) -> f64 {
        let share = |drawn: &Drawn| {
            let (now, never) = (floats(drawn.get(run)?)?, floats(drawn.first()?)?);
            Some(now.iter().zip(never).map(|(now, never)| (now - never).abs()).fold(0.0, f64::max))
        };
        self.made.iter().filter_map(share).filter(|share| *share > 0.0).fold(f64::MAX, f64::min)
    }
}

/// What a normalisation makes has the size of its scale and bias, whatever it reads.
fn normalised(model: &ModelProto, (node, inputs): (&NodeProto, &Inputs<'_>), entering: &mut Vec<Drawn>) -> Read<Option<Drawn>> {
    if cut::kind(node) != Some(Kind::Normalised) {
        return Ok(None);
    }
    let data = inputs.first().copied().flatten().ok_or("a normalisation that reads nothing")?;
    entering.push(data.clone());
    let ones = |array: &Rc<Array>| changed(Array::clone(array), |_| 1.0);
    let made = data.iter().enumerate().map(|(draw, array)| cut::affine(node, opset(model), &ones(array), (inputs, draw), true));
    made.collect::<Read<Drawn>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNS: [Run; 3] = [Run::NOTHING, Run::ONES, Run::All(INPUT)];

    fn drawn(values: [f64; 3]) -> Drawn {
        values.map(|value| Rc::new(Array::float([1], vec![value]))).to_vec()
    }

    fn side(makes: [f64; 3]) -> Side {
        Side { made: vec![drawn(makes)], outputs: vec![drawn([0.0, 1.0, INPUT])], entering: vec![] }
    }

    #[test]
    fn an_output_overflows_where_one_side_alone_makes_it_of_infinite_numbers() {
        let of = |values: [f64; 3], entering: bool| match entering {
            true => Side { made: vec![], outputs: vec![drawn([0.0; 3])], entering: vec![drawn(values)] },
            false => Side { made: vec![], outputs: vec![drawn(values)], entering: vec![] },
        };
        let (fine, late) = ([0.0, 1.0, 2.0], [0.0, 1.0, f64::INFINITY]);
        for entering in [false, true] {
            let found =
                |ours, theirs, side| Ranges { runs: &RUNS, sides: [of(ours, entering), of(theirs, entering)] }.overflow(side);
            assert_eq!((found(fine, late, 1), found(fine, late, 0)), (Some(INPUT), None));
            assert_eq!((found(late, fine, 0), found(late, fine, 1)), (Some(INPUT), None));
            assert_eq!(found(late, late, 1), None, "so it does in the other file");
            assert_eq!(found(fine, [0.0, f64::NAN, 1.0], 1), Some(1.0), "no number is no finite one");
        }
    }

    #[test]
    fn numbers_lose_digits_where_they_are_far_smaller_and_too_small() {
        let shrunk = |ours: f64, theirs: f64, between: bool| {
            let sides = [side([0.0, 1.0, ours]), side([0.0, 1.0, theirs])];
            Ranges { runs: &RUNS, sides }.left(Element::F32, between)
        };
        assert!(shrunk(1.0, 1e-20, true).is_some_and(|why| why.contains("shrink")));
        assert_eq!(shrunk(1.0, 1e-20, false), None);
        assert_eq!(shrunk(1e-20, 1e-20, true), None);
        assert_eq!(shrunk(1.0, 1e-10, true), None, "far from the smallest numbers");
        assert_eq!(shrunk(1.0, 0.0, true), None, "nothing is no small number");
    }
}
