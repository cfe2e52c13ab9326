//! How large and how small the numbers between a region's nodes become, so that what is right in f64 does not overflow, or lose
//! its digits, in the model's own type where the original does not.
//!
//! Both sides as absolute models on large numbers, one channel after the other, so that none hides behind another. Bounds need not
//! be sharp, as both files are held against the same ones.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::cut::{self, Kind};
use super::sides::{Sides, Which, as_small_as_may_be, sides};
use super::walk::{Drawn, Inputs, Values, walk};
use super::{MOST_NUMBERS, Read, changed, draws, floats, opset};
use crate::error::Result;
use crate::model::{Element, Graph};
use crate::onnx::{ModelProto, NodeProto};
use crate::reference::Array;
use crate::verify::certify::layout::Layout;
use crate::verify::region::{Form, Site, coarsest};

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

/// What is fed in: of each channel in which of the runs it is large, and otherwise nothing.
#[derive(Clone, Copy, PartialEq)]
enum Run {
    /// No channel.
    Nothing,
    /// All of them, of magnitude one.
    Ones,
    /// All of them.
    All,
    /// One channel, counted through all inputs.
    Channel(usize),
    /// Those whose number has this digit, in binary.
    Digit(u32, usize),
}

/// Why one file's numbers may leave the range of their type where the other's do not; `None` if they stay.
///
/// That a fold heals what overflowed, or lost its digits, counts as no fault, but for numbers that overflow in a type with as wide
/// an exponent as float: no model that works has such.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn left(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> Result<Option<String>> {
    let (ours, theirs) = (coarsest(a, &site.forms.0), coarsest(b, &site.forms.1));
    let Some(element) = theirs.or(ours) else { return Ok(None) };
    if ours.is_some_and(|ours| element.unit_roundoff() > ours.unit_roundoff()) {
        return Ok(Some("constants of the second file have fewer digits than those of the first".to_owned()));
    }
    // One node makes what the whole region makes, and nothing between.
    let between = makers(b, &site.forms.1) > 1;
    let healed = element != Element::F16 && makers(a, &site.forms.0) > 1 && site.factor > FACTOR;
    if !between && !healed {
        return Ok(None);
    }
    let ranges = match as_small_as_may_be(site, |as_is| ranges(a, b, site, as_is))? {
        Ok(ranges) => ranges,
        Err(why) => return Ok(Some(why)),
    };
    Ok(ranges.left(element, between, healed))
}

/// The sizes of numbers with small extents, or with those of a run.
fn ranges(a: &Graph<'_>, b: &Graph<'_>, site: &Site, as_is: bool) -> Result<Read<Ranges>> {
    match sides(a, b, site, as_is)? {
        Ok(sides) => Ranges::of(a, b, &sides, site.products),
        Err(why) => Ok(Err(why)),
    }
}

/// How many nodes have constants, put several values or several elements together, or change their type.
fn makers(graph: &Graph<'_>, forms: &[Form]) -> usize {
    const MAKING: &[&str] = &["AveragePool", "Cast", "GlobalAveragePool", "ReduceMean", "ReduceSum"];
    let several =
        |form: &Form| graph.node(form.node).inputs.iter().flatten().filter(|v| graph.constant(**v).is_err()).count() > 1;
    forms.iter().filter(|form| !form.constants.is_empty() || several(form) || MAKING.contains(&form.operator.as_str())).count()
}

/// What the absolute models of both sides make in each run.
struct Ranges {
    runs: Vec<Run>,
    sides: [Side; 2],
}

/// What one side makes: the values of its nodes, and its outputs.
struct Side {
    made: Vec<Drawn>,
    outputs: Vec<Drawn>,
    /// What normalisations read: they hide how large it is, and not how many of its digits are right.
    entering: Vec<Drawn>,
}

impl Ranges {
    fn of(a: &Graph<'_>, b: &Graph<'_>, sides: &Sides, products: u64) -> Result<Read<Ranges>> {
        let models = [sides.model(a, Which::First, true)?, sides.model(b, Which::Second, true)?];
        let (ours, theirs): (Vec<String>, Vec<String>) = sides.outputs.iter().cloned().unzip();
        let count = |layout: &Layout| layout.channels.and_then(|axis| layout.dims.get(axis)).copied().unwrap_or(1);
        let channels: usize = sides.layouts.values().map(count).sum();
        let (products_of, numbers) = (sides.products(a, b), sides.numbers());
        if products_of > products || numbers > MOST_NUMBERS >> 5 {
            return Ok(Err(format!("the size of its numbers would take {products_of} products, and {numbers} numbers")));
        }
        let each = products_of.saturating_add(numbers);
        let digits = (0..usize::BITS - channels.leading_zeros()).flat_map(|bit| [Run::Digit(bit, 0), Run::Digit(bit, 1)]);
        let digits: Vec<Run> = digits.collect();
        let is_cheap = |runs: usize, most: u64| each.max(1).saturating_mul(runs as u64) <= most;
        let mut runs = vec![Run::Nothing, Run::Ones, Run::All];
        if is_cheap(channels, products >> 10) {
            runs.extend((0..channels).map(Run::Channel));
        } else if is_cheap(digits.len(), products >> 8) {
            runs.extend(digits);
        }
        let read = sources(sides, &runs);
        let side = |(model, outputs): (&ModelProto, &[String])| {
            let mut entering = vec![];
            let cut = &mut |_: usize, node: &NodeProto, inputs: &Inputs<'_>| normalised(model, (node, inputs), &mut entering);
            let values = walk(model, read.clone(), runs.len(), cut)?;
            let names = model.graph.iter().flat_map(|graph| &graph.node).flat_map(|node| &node.output);
            let names: BTreeSet<&String> = names.chain(sides.layouts.keys()).collect();
            let made = names.into_iter().filter_map(|name| values.get(name).cloned()).collect();
            let outputs = outputs.iter().filter_map(|name| values.get(name).cloned()).collect();
            Ok::<_, String>(Side { made, outputs, entering })
        };
        let [one, two] = [side((&models[0], &ours)), side((&models[1], &theirs))];
        Ok(one.and_then(|one| Ok(Ranges { runs, sides: [one, two?] })))
    }

    fn left(&self, element: Element, between: bool, healed: bool) -> Option<String> {
        let (largest, normal) = (element.max(), element.smallest_normal());
        let [ours, theirs] = &self.sides;
        for (at, run) in self.runs.iter().enumerate() {
            let (made, remade) = (ours.largest(at), theirs.largest(at));
            let input = match run {
                Run::Nothing => 0.0,
                Run::Ones => 1.0,
                _ => INPUT,
            };
            let grows = |one: f64, other: f64| one > MORE * other && one >= largest;
            let why = if between && grows(remade, made) {
                format!(
                    "second file grow to {remade:.1e} for an input of {input:.1e}, {made:.1e} in the first file, and may overflow"
                )
            } else if between && *run != Run::Nothing && self.cancels(at) {
                "second file are far larger than those of the first, and may lose digits where they cancel".to_owned()
            } else if healed && grows(made, remade) {
                format!("first file alone grow to {made:.1e} for an input of {input:.1e}, and may overflow")
            } else if between && *run != Run::Nothing {
                let (made, remade) = (ours.smallest(at), theirs.smallest(at));
                if remade * MORE >= made || remade > normal * input * INPUT {
                    continue;
                }
                let sizes = format!("{remade:.1e} for an input of {input:.1e}, {made:.1e} in the first file");
                format!("second file shrink to {sizes}, and may lose their digits")
            } else {
                continue;
            };
            return Some(format!("numbers between the nodes of the {why}"));
        }
        None
    }

    /// Whether what is summed up for an element of an output, in absolute values, is far larger in the second file: it grows where
    /// terms cancel, and not where a factor is taken back.
    fn cancels(&self, run: usize) -> bool {
        let [ours, theirs] = &self.sides;
        let of = |drawn: &'_ Drawn, at: usize| drawn.get(at).and_then(|array| floats(array)).cloned().unwrap_or_default();
        let ones = self.runs.iter().position(|run| *run == Run::Ones).unwrap_or(0);
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
    /// The largest number of a run.
    fn largest(&self, run: usize) -> f64 {
        let all = self.made.iter().filter_map(|drawn| floats(drawn.get(run)?)).flatten();
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

/// What is fed in.
fn sources(sides: &Sides, runs: &[Run]) -> Values {
    let mut first = 0;
    let mut values: Values =
        sides.settings.iter().map(|(name, array)| (name.clone(), super::same(Rc::new(array.clone()), runs.len()))).collect();
    for (name, layout) in &sides.layouts {
        let plain = draws::fresh(name, 0, &layout.dims);
        if layout.choice {
            values.insert(name.clone(), super::same(Rc::new(plain), runs.len()));
            continue;
        }
        let count = layout.channels.and_then(|axis| layout.dims.get(axis)).copied().unwrap_or(1).max(1);
        let inner: usize = layout.channels.map_or(usize::MAX, |axis| layout.dims.iter().skip(axis + 1).product());
        let size = |run: Run, at: usize| {
            let channel = first + at / inner.max(1) % count;
            let large = match run {
                Run::Ones => return 1.0,
                Run::Nothing => false,
                Run::All => true,
                Run::Channel(one) => one == channel,
                Run::Digit(bit, digit) => channel >> bit & 1 == digit,
            };
            if large { INPUT } else { 0.0 }
        };
        let total: usize = layout.dims.iter().product();
        let of = |run: &Run| Rc::new(Array::float(layout.dims.clone(), (0..total).map(|at| size(*run, at)).collect()));
        values.insert(name.clone(), runs.iter().map(of).collect());
        first += count;
    }
    values
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
    use std::collections::BTreeMap;

    use super::*;

    fn side(makes: [f64; 3]) -> Side {
        let drawn = |values: [f64; 3]| values.map(|value| Rc::new(Array::float([1], vec![value]))).to_vec();
        Side { made: vec![drawn(makes)], outputs: vec![drawn([0.0, 1.0, INPUT])], entering: vec![] }
    }

    fn left(ours: [f64; 3], theirs: [f64; 3], (between, healed): (bool, bool)) -> Option<String> {
        let ranges = Ranges { runs: vec![Run::Nothing, Run::Ones, Run::All], sides: [side(ours), side(theirs)] };
        ranges.left(Element::F32, between, healed)
    }

    #[test]
    fn numbers_leave_the_range_where_they_are_far_larger_and_too_large() {
        let (large, larger) = (2f64.powi(120), 2f64.powi(125));
        let both = (true, true);
        assert_eq!(left([0.0, 1.0, large], [0.0, 1.0, larger], both), None, "that is no number beyond the type's");
        assert_eq!(left([0.0, 1.0, 2f64.powi(127)], [0.0, 1.0, 2f64.powi(130)], both), None, "that is not far larger");
        let grown = |found: Option<String>| found.is_some_and(|why| why.contains("second file grow"));
        assert!(grown(left([0.0, 1.0, large], [0.0, 1.0, 2f64.powi(130)], both)));
        assert!(grown(left([0.0, 0.0, large], [2f64.powi(130), 2f64.powi(130), large], (true, false))));
        assert!(left([0.0, 1.0, 2f64.powi(130)], [0.0, 1.0, large], both).is_some_and(|why| why.contains("first file alone")));
        assert_eq!(left([0.0, 1.0, 2f64.powi(130)], [0.0, 1.0, large], (true, false)), None, "a fold that heals");
        assert_eq!(left([0.0, 1.0, large], [0.0, 1.0, 2f64.powi(130)], (false, false)), None);
    }

    #[test]
    fn numbers_lose_digits_where_they_are_far_smaller_and_too_small() {
        let shrunk = |ours: f64, theirs: f64| left([0.0, 1.0, ours], [0.0, 1.0, theirs], (true, false));
        assert!(shrunk(1.0, 1e-20).is_some_and(|why| why.contains("shrink")));
        assert_eq!(shrunk(1e-20, 1e-20), None);
        assert_eq!(shrunk(1.0, 1e-10), None, "far from the smallest numbers");
        assert_eq!(shrunk(1.0, 0.0), None, "nothing is no small number");
    }

    #[test]
    fn what_is_fed_in_is_large_in_the_channels_of_a_run() {
        let layout = |channels: usize| Layout {
            dims: vec![1, channels, 2],
            stack: None,
            channels: Some(1),
            groups: 1,
            phases: vec![],
            summed: 1,
            choice: false,
        };
        let layouts = BTreeMap::from([("a".to_owned(), layout(2)), ("b".to_owned(), layout(3))]);
        let sides = Sides { outputs: vec![], forms: (vec![], vec![]), layouts, settings: BTreeMap::new() };
        let large = |run: Run| {
            let values = sources(&sides, &[run]);
            let of = |name: &str| floats(&values[name][0]).unwrap().iter().map(|x| u8::from(*x == INPUT)).collect::<Vec<_>>();
            (of("a"), of("b"))
        };
        assert_eq!(large(Run::Nothing), (vec![0; 4], vec![0; 6]));
        assert_eq!(large(Run::All), (vec![1; 4], vec![1; 6]));
        assert_eq!(large(Run::Channel(1)), (vec![0, 0, 1, 1], vec![0; 6]));
        assert_eq!(large(Run::Channel(3)), (vec![0; 4], vec![0, 0, 1, 1, 0, 0]));
        assert_eq!(large(Run::Digit(0, 1)), (vec![0, 0, 1, 1], vec![0, 0, 1, 1, 0, 0]));
        assert_eq!(large(Run::Digit(1, 1)), (vec![0; 4], vec![1, 1, 1, 1, 0, 0]));
        assert_eq!(large(Run::Digit(2, 0)), (vec![1; 4], vec![1, 1, 1, 1, 0, 0]));
        assert_eq!(sources(&sides, &[Run::Ones])["a"][0].data, crate::reference::Data::Float(vec![1.0; 4]));
    }
}
