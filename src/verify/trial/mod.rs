//! Regions whose constants say nothing one by one (maps carried through gates and pools, sums of branches, biases with a number
//! for each element): both sides evaluated by the slow reference on random numbers and compared.
//!
//! Two different polynomials agree at random places with a chance of nothing (Schwartz and Zippel), so a few draws do. A region
//! that is no polynomial is cut where it is none, see [`cut`]. What is read beside data, and extents that do not fit one another
//! made small, are those that a run of the whole has found.

mod bounds;
pub(super) mod budget;
mod chains;
mod cut;
mod draws;
mod extents;
mod groups;
mod limits;
mod range;
mod runs;
mod sides;
mod sizes;
mod walk;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::Result;
use crate::model::Graph;
use crate::onnx::{ModelProto, NodeProto};
use crate::reference::{Array, Data};
use crate::verify::Tier;
use crate::verify::certify::gates;
use crate::verify::region::{Site, depths};
use crate::verify::verdict::{Certificate, Deviation, TESTED};
use cut::{Gate, Kind};
pub(super) use extents::fewer;
use limits::{Limits, Tally};
pub(super) use range::left;
use sides::{Sides, Which, sides};
use walk::{Drawn, Inputs, Values, walk};

/// Why nothing can be said.
type Read<T> = std::result::Result<T, String>;

/// Tests a site.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn test(a: &Graph<'_>, b: &Graph<'_>, site: &Site, tier: Tier) -> Result<Read<Certificate>> {
    if let Some(why) = sizes::unlike(a, b, site) {
        return Ok(Err(why));
    }
    match (sized(a, b, site, tier, false)?, site.shapes.is_empty()) {
        // Smaller extents may not fit one another, and a shape that is read inside is what it is only as it is.
        (Err(why), false) => Ok(sized(a, b, site, tier, true)?.map_err(|also| format!("{why}; as it is: {also}"))),
        (made, _) => Ok(made),
    }
}

/// A region's sides as models, and what is fed into them.
struct Trial {
    /// The first file's side, the second's, and the first's absolute model.
    models: [ModelProto; 3],
    sides: Sides,
    draws: usize,
    limits: Limits,
    /// Where the types of the first file's values end.
    ends: BTreeMap<String, f64>,
    /// What has to be long enough inside, on both sides.
    laid_out: [Vec<chains::LaidOut>; 2],
    /// Other numbers that may be read beside data.
    others: Vec<BTreeMap<String, Array>>,
}

/// How many times as long as windows in a row ask for extents are made until what is cut off on the way leaves enough.
const TIMES: [usize; 3] = [1, 2, 4];

fn sized(a: &Graph<'_>, b: &Graph<'_>, site: &Site, tier: Tier, as_is: bool) -> Result<Read<Certificate>> {
    match gates::changed(a, b, site)? {
        Ok(None) => {}
        Ok(place) => return Ok(Ok(Certificate { worst: f64::MAX, once: f64::MAX, place, ..Certificate::default() })),
        Err(why) => return Ok(Err(why)),
    }
    let mut made = Err(String::new());
    for times in TIMES {
        made = Trial::of((a, b), site, tier, as_is, times)?;
        if as_is || made.as_ref().map_or(true, |trial| trial.is_long_enough()) {
            break;
        }
    }
    let sizes = if as_is { ", at the sizes of the run" } else { "" };
    let note = format!("{TESTED}{sizes}, as its constants say nothing one by one");
    Ok(made.and_then(Trial::perform_all).map(|mut certificate| {
        certificate.notes.push(note);
        certificate
    }))
}

impl Trial {
    fn of((a, b): (&Graph<'_>, &Graph<'_>), site: &Site, tier: Tier, as_is: bool, times: usize) -> Result<Read<Trial>> {
        let mut sides = match sides(a, b, site, as_is)? {
            Ok(sides) => sides,
            Err(why) => return Ok(Err(why)),
        };
        let draws = sides.widen((a, b), site, as_is, times).and_then(|()| budget::draws(a, b, &sides, site.products));
        let draws = match draws {
            Ok(draws) => draws,
            Err(why) => return Ok(Err(why)),
        };
        let models =
            [sides.model(a, Which::First, false)?, sides.model(b, Which::Second, false)?, sides.model(a, Which::First, true)?];
        let forms = &sides.forms;
        let depths = depths(b, &forms.1).into_iter().map(|(value, depth)| (b.value(value).name.to_owned(), depth)).collect();
        let limits = Limits::of(site, tier, depths);
        let ends = range::ends(a, &forms.0, site.element);
        let laid_out = [chains::laid_out(a, &forms.0), chains::laid_out(b, &forms.1)];
        let mut trial = Trial { models, sides, draws, limits, ends, laid_out, others: vec![] };
        let graphs = [(a, trial.sides.forms.0.as_slice()), (b, trial.sides.forms.1.as_slice())];
        let others = sizes::others(graphs, &trial.sides.settings, &|side| trial.once(side));
        Ok(others.map(|others| {
            trial.others = others;
            trial
        }))
    }

    /// A side in the first draw, as it stands.
    fn once(&self, side: usize) -> Read<Values> {
        let model = self.models.get(side).ok_or("a region has two sides")?;
        walk(model, self.sides.drawn(1, &|array| array), 1, &mut |_, _, _| Ok(None))
    }

    /// Whether what is left inside is as long as it has to be.
    fn is_long_enough(&self) -> bool {
        self.laid_out.iter().enumerate().all(|(side, laid_out)| {
            laid_out.is_empty() || self.once(side).map_or(true, |values| chains::are_met(laid_out, &values).is_ok())
        })
    }

    /// With all numbers that may be read beside data.
    fn perform_all(mut self) -> Read<Certificate> {
        let mut found = self.perform()?;
        for other in std::mem::take(&mut self.others) {
            if found.worst > 1.0 {
                break;
            }
            self.sides.settings = other;
            let other = self.perform()?;
            // A model need not choose so, so that what is wrong then is no difference.
            if other.worst > 1.0 {
                return Err("what is not the same where other numbers choose".into());
            }
            found = found.and(other);
        }
        Ok(found)
    }

    fn perform(&self) -> Read<Certificate> {
        let mut first = First { trial: self, gates: BTreeMap::new() };
        let ours = walk(&self.models[0], self.sides.drawn(self.draws, &|array| array), self.draws, &mut |at, node, inputs| {
            first.cut(at, node, inputs)
        })?;
        chains::are_met(&self.laid_out[0], &ours)?;
        let least = self.absolute(&first.gates, None, 1, &zeros)?;
        let totals = self.absolute(&first.gates, Some(&least), self.draws, &magnitude)?;
        let mut second =
            Second { trial: self, gates: first.gates, totals: &totals, least: &least, factor: 1.0, found: Found::default() };
        let theirs = walk(&self.models[1], self.sides.drawn(self.draws, &|array| array), self.draws, &mut |_, node, inputs| {
            second.cut(node, inputs)
        })?;
        chains::are_met(&self.laid_out[1], &theirs)?;
        if let Some(gate) = second.gates.values().next() {
            return Err(format!("{} `{}` stands in the first file only", gate.node.op_type(), gate.name()));
        }
        let (mut found, limits) = (second.found, self.limits.clone().with_factor(second.factor));
        for (output, renamed) in &self.sides.outputs {
            let sides = (ours.get(output), theirs.get(renamed), totals.get(output), least.get(output));
            let (Some(ours), Some(theirs), Some(totals), Some(least)) = sides else {
                return Err(format!("nothing makes `{output}` in the region"));
            };
            let tally = compare(output, &limits, (ours, theirs), (totals, least))?;
            found.enter(&tally, output, output);
        }
        Ok(found.certificate())
    }

    /// The absolute model, `made` of what was drawn. `least` is what it makes of zeros: the magnitudes of the shifts.
    fn absolute(
        &self,
        gates: &BTreeMap<usize, Gate>,
        least: Option<&Values>,
        draws: usize,
        made: &dyn Fn(Array) -> Array,
    ) -> Read<Values> {
        let opset = opset(&self.models[2]);
        walk(&self.models[2], self.sides.drawn(draws, made), draws, &mut |at, _, inputs| {
            let Some(gate) = gates.get(&at) else { return Ok(None) };
            let cores = gate.made.iter().take(draws).map(|core| made(Array::clone(core)));
            let out = |(draw, core): (usize, Array)| match gate.kind {
                Kind::Normalised => cut::affine(&gate.node, opset, &core, (inputs, draw), true),
                // A shift passes it, so that what it is summed up of goes on behind.
                Kind::Maximum => {
                    let shift = least.map_or(inputs.first().copied().flatten(), |least| least.get(gate.name()));
                    cut::beside(gate, opset, &core, shift.and_then(|all| all.first()))
                }
                Kind::Homogeneous | Kind::Bounded => Ok(Rc::new(core)),
            };
            cores.enumerate().map(out).collect::<Read<Drawn>>().map(Some)
        })
    }
}

fn compare(output: &str, limits: &Limits, (ours, theirs): (&Drawn, &Drawn), (totals, least): (&Drawn, &Drawn)) -> Read<Tally> {
    let mut tally = Tally::new(limits.tier);
    let none = || format!("`{output}` is of no float type");
    let least = least.first().and_then(|array| floats(array)).ok_or_else(none)?;
    let mut seen = vec![false; least.len()];
    for (draw, ((one, two), total)) in ours.iter().zip(theirs).zip(totals).enumerate() {
        let sides = (floats(one).ok_or_else(none)?, floats(two).ok_or_else(none)?, floats(total).ok_or_else(none)?);
        if one.dims != two.dims || [sides.2.len(), least.len()] != [sides.0.len(); 2] {
            return Err(format!("`{output}` has another shape in the second file"));
        }
        for (at, (((one, two), total), least)) in sides.0.iter().zip(sides.1).zip(sides.2).zip(least).enumerate() {
            // What is infinite in f64 is so in every type, and says nothing.
            if !total.is_finite() {
                continue;
            }
            let limit = |units: f64| limits.at((one.abs(), *total, *least), units) + limits.smallest(draw);
            tally.take((at, *two, *one), (limit(1.0), limit(limits::UNITS)));
            seen.get_mut(at).into_iter().for_each(|seen| *seen = true);
        }
    }
    if seen.contains(&false) {
        return Err(format!("elements of `{output}` that are infinite in f64 whatever is read"));
    }
    Ok(tally)
}

fn opset(model: &ModelProto) -> i64 {
    model.opset_import.first().map_or(1, |import| import.version())
}

/// The first file's side: what it is cut into.
struct First<'x> {
    trial: &'x Trial,
    gates: BTreeMap<usize, Gate>,
}

impl First<'_> {
    fn cut(&mut self, at: usize, node: &NodeProto, inputs: &Inputs<'_>) -> Read<Option<Drawn>> {
        let Some(kind) = cut::kind(node) else { return Ok(None) };
        let opset = opset(&self.trial.models[0]);
        let data = inputs.first().copied().flatten().and_then(|all| all.first()).ok_or("a gate that reads nothing")?;
        let read: Vec<Option<Drawn>> = inputs.iter().map(|input| input.cloned()).collect();
        let gate = Gate { node: node.clone(), kind, inputs: read, made: vec![] };
        let dims = match kind {
            Kind::Maximum => gate.made_of(node.op_type(), opset, data.clone())?.dims,
            _ => data.dims.clone(),
        };
        let name = node.output.first().map_or("", String::as_str);
        let made: Drawn = (0..self.trial.draws).map(|draw| Rc::new(draws::fresh(name, draw, &dims))).collect();
        let out = match kind {
            Kind::Normalised => {
                let out = made.iter().enumerate().map(|(draw, core)| cut::affine(node, opset, core, (inputs, draw), false));
                out.collect::<Read<Drawn>>()?
            }
            _ => made.clone(),
        };
        self.gates.insert(at, Gate { made, ..gate });
        Ok(Some(out))
    }
}

/// The second file's side: each of its gates stands for one of the first file's.
struct Second<'x> {
    trial: &'x Trial,
    /// Those of the first file that none stands for yet.
    gates: BTreeMap<usize, Gate>,
    totals: &'x Values,
    least: &'x Values,
    /// The largest factor that went through a gate.
    factor: f64,
    found: Found,
}

impl Second<'_> {
    fn cut(&mut self, node: &NodeProto, inputs: &Inputs<'_>) -> Read<Option<Drawn>> {
        if cut::kind(node).is_none() {
            return Ok(None);
        }
        let operator = node.op_type();
        let limits = &self.trial.limits.inside(node.input.first().map_or("", String::as_str)).with_factor(self.factor);
        let read = inputs.first().copied().flatten().ok_or("a gate that reads nothing")?;
        let (mut best, mut refused) = (None, format!("{operator} stands in the second file only"));
        for (at, gate) in self.gates.iter().filter(|(_, gate)| gate.is_like(node)) {
            let magnitudes = (self.totals.get(gate.name()), self.least.get(gate.name()).and_then(|all| all.first()));
            let (Some(totals), Some(least)) = magnitudes else { return Err("a gate without magnitudes".into()) };
            let relation = match cut::relation(gate, read, (totals, least), limits) {
                Ok(relation) => relation,
                Err(why) => {
                    refused = why;
                    continue;
                }
            };
            let end = self.trial.ends.get(gate.name()).copied().unwrap_or(f64::MAX);
            let scale = bounds::Scale { limits, totals: self.totals, least: self.least, end };
            let wrong = bounds::wrong(gate, node, inputs, &relation, &scale)?;
            let share = if wrong.is_some() { f64::MAX } else { relation.tally.worst() };
            if best.as_ref().is_none_or(|(_, _, _, least)| share < *least) {
                best = Some((*at, relation, wrong, share));
            }
        }
        let (at, relation, wrong, _) = best.ok_or(refused)?;
        let gate = self.gates.remove(&at).ok_or("a gate that is gone")?;
        let opset = opset(&self.trial.models[1]);
        self.factor = relation.factor.iter().copied().fold(self.factor, f64::max);
        self.found.enter(&relation.tally, gate.name(), node.output.first().map_or("", String::as_str));
        if let Some((name, found, expected, limit)) = wrong {
            let node = node.output.first().cloned().unwrap_or_default();
            let (constant, value, index) = (Some(name.to_owned()), None, vec![]);
            self.found.wrong(Deviation { node, constant, value, index, found, expected, limit });
        }
        cut::behind(&gate, node, opset, inputs, &relation).map(Some)
    }
}

/// The largest shares so far.
#[derive(Default)]
struct Found {
    once: f64,
    foreign: f64,
    worst: f64,
    place: Option<Deviation>,
}

impl Found {
    fn enter(&mut self, tally: &Tally, value: &str, node: &str) {
        (self.once, self.foreign) = (self.once.max(tally.once), self.foreign.max(tally.foreign));
        if let Some((at, found, expected, limit)) = tally.spot.filter(|_| tally.worst() > self.worst) {
            let (constant, value, index) = (None, Some(value.to_owned()), vec![at as u64]);
            self.place = Some(Deviation { node: node.to_owned(), constant, value, index, found, expected, limit });
        }
        self.worst = self.worst.max(tally.worst());
    }

    fn wrong(&mut self, place: Deviation) {
        (self.once, self.foreign, self.worst, self.place) = (f64::MAX, f64::MAX, f64::MAX, Some(place));
    }

    fn certificate(self) -> Certificate {
        let tier = match (self.once <= 1.0, self.foreign <= 1.0) {
            (true, _) => Some(Tier::Own),
            (false, true) => Some(Tier::Foreign),
            _ => None,
        };
        Certificate { tier, worst: self.worst, once: self.once, place: self.place, ..Certificate::default() }
    }
}

/// One array in every draw.
fn same(array: Rc<Array>, draws: usize) -> Drawn {
    std::iter::repeat_n(array, draws).collect()
}

fn floats(array: &Array) -> Option<&Vec<f64>> {
    if let Data::Float(values) = &array.data { Some(values) } else { None }
}

fn changed(array: Array, change: impl Fn(f64) -> f64) -> Array {
    match array.data {
        Data::Float(values) => Array::float(array.dims, values.into_iter().map(change).collect()),
        data => Array { dims: array.dims, data },
    }
}

fn magnitude(array: Array) -> Array {
    changed(array, f64::abs)
}

fn zeros(array: Array) -> Array {
    changed(array, |_| 0.0)
}
