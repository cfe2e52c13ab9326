//! Each place where two models differ run alone, at the smallest size that shows every tap and border.
//!
//! Both sides and the absolute model are made small models of their own, in f64, where what is left of a right difference is the
//! rounding of the constants. Zeros test the shift, everything else, with what zeros gave taken away, the factors. The first
//! side is also held against the slow reference: where the engine reads an operator otherwise, nothing is said.

mod judge;
mod samples;
mod settings;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::relay::{Member, SitePlan};
use crate::engine::CouldNotRun;
use crate::engine::array::{Array, Data};
use crate::engine::bind::InputSpec;
use crate::engine::flatten::Branch;
use crate::engine::inputs::SplitMix64;
use crate::engine::prepare::prepare;
use crate::engine::run::{Loaded, Run};
use crate::model::{Graph, NodeId};
use crate::onnx::ModelProto;
use crate::onnx::tensor_proto::DataType;
use crate::reference;
use crate::verify::certify::layout::{Known, Layout, layouts};
use crate::verify::certify::small;
use crate::verify::region::{Form, without_shapes};
use crate::verify::side::Side;
use crate::verify::trial::budget::cost;
use judge::Limits;
use samples::Kind;

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regions {
    /// The first model.
    pub before: Side,
    /// The second model.
    pub after: Side,
    /// Whether initializers that are also inputs are taken for constants.
    pub freeze: bool,
    /// Where the models differ.
    pub sites: Vec<SitePlan>,
    /// The limits.
    pub units: Units,
    /// The seed of the numbers that are fed in.
    pub seed: u64,
}

/// How many units of roundoff a constant may be off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Units {
    /// In the tier that was asked for.
    pub asked: f64,
    /// For constants that were rounded once.
    pub once: f64,
    /// Whether the first is the second.
    pub strict: bool,
}

/// What came of a site that was run alone. Ratios are shares of the limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RegionReport {
    /// Its position among the sites that were asked for.
    pub plan: usize,
    /// The largest ratio of all.
    pub worst: f64,
    /// The largest with zeros.
    pub zeros: f64,
    /// The largest with dense random numbers.
    pub dense: f64,
    /// The largest with impulses.
    pub impulses: f64,
    /// The largest of all in units of the limit for constants that were rounded once.
    pub once: f64,
    /// The engine against the reference, on the first model's side.
    pub control: f64,
    /// Where the largest ratio was.
    pub place: Option<String>,
    /// What is wrong beyond a number.
    pub apart: Option<String>,
    /// Why nothing can be said.
    pub unjudged: Option<String>,
    /// Why it was not run alone.
    pub skipped: Option<String>,
}

impl RegionReport {
    /// Takes in what came of the same site at other sizes. Where it could not be run at these, the first stand.
    pub fn and(&mut self, other: RegionReport) {
        if other.skipped.is_some() || self.skipped.is_some() {
            return;
        }
        if other.worst > self.worst {
            self.place = other.place;
        }
        for (mine, theirs) in [
            (&mut self.worst, other.worst),
            (&mut self.zeros, other.zeros),
            (&mut self.dense, other.dense),
            (&mut self.impulses, other.impulses),
            (&mut self.once, other.once),
            (&mut self.control, other.control),
        ] {
            *mine = mine.max(theirs);
        }
        self.apart = self.apart.take().or(other.apart);
        self.unjudged = self.unjudged.take().or(other.unjudged);
    }
}

/// How many products the reference may be asked for where no extent is made smaller.
const MOST_PRODUCTS: u64 = 1 << 30;

/// Both files, and what threads share.
struct Task<'x, 'm> {
    regions: &'x Regions,
    graphs: (&'x Graph<'m>, &'x Graph<'m>),
    /// Sites that read alike are held against the reference once.
    controls: Mutex<BTreeMap<Vec<u8>, f64>>,
}

impl Regions {
    /// Runs every site alone.
    ///
    /// # Errors
    /// A file that cannot be read or is another than before. That a site cannot be run is part of its report.
    pub fn perform(&self) -> Result<Vec<RegionReport>, CouldNotRun> {
        let failed = |error: crate::Error| CouldNotRun::Model(error.to_string());
        let models = (self.before.open().map_err(failed)?, self.after.open().map_err(failed)?);
        let build = |model| crate::verify::graph(model, self.freeze).map_err(failed);
        let graphs = (build(&models.0)?, build(&models.1)?);
        let task = Task { regions: self, graphs: (&graphs.0, &graphs.1), controls: Mutex::default() };
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(self.sites.len()).min(8);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((index, plan)) = at(&self.sites, next.fetch_add(1, Ordering::Relaxed)) {
                        let mut report = RegionReport { plan: index, ..RegionReport::default() };
                        // Made small, extents may no longer fit one another.
                        if task.site(plan, false, &mut report).is_err() {
                            report = RegionReport { plan: index, ..RegionReport::default() };
                            report.skipped = task.site(plan, true, &mut report).err().map(|why| why.to_string());
                        }
                        if let Ok(mut found) = found.lock() {
                            found.push(report);
                        }
                    }
                });
            }
        });
        let mut found = found.into_inner().map_err(|_| CouldNotRun::Panic("in a thread".to_owned()))?;
        found.sort_by_key(|report| report.plan);
        Ok(found)
    }
}

fn at(sites: &[SitePlan], index: usize) -> Option<(usize, &SitePlan)> {
    sites.get(index).map(|plan| (index, plan))
}

/// A small model in the engine.
struct Small {
    run: Run,
    model: ModelProto,
}

/// What the three models made, by output and sample.
type Made = BTreeMap<String, Vec<Array>>;

impl Task<'_, '_> {
    fn site(&self, plan: &SitePlan, whole: bool, report: &mut RegionReport) -> Result<(), CouldNotRun> {
        let failed = |error: crate::Error| CouldNotRun::Model(error.to_string());
        let (before, after) = (forms(self.graphs.0, &plan.before)?, forms(self.graphs.1, &plan.after)?);
        let (before, after) = (without_shapes(self.graphs.0, before), without_shapes(self.graphs.1, after));
        let (ours, theirs): (Vec<String>, Vec<String>) = plan.outputs.iter().cloned().unzip();
        let settings = plan.settings.keys().map(String::as_str).collect();
        let known = Known { shapes: &plan.shapes, settings: &settings, whole, cut: false };
        let found = layouts(self.graphs.0, &before, &ours, known, (self.graphs.1, &after)).map_err(failed)?;
        let (layouts, linear) = found.map_err(CouldNotRun::Model)?;
        // Beside settings no extent is made smaller, either.
        let products = cost(self.graphs.0, &before, &layouts);
        if (whole || !settings.is_empty()) && products > MOST_PRODUCTS {
            return Err(CouldNotRun::Model(format!("as large as it is, a sample would take {products} products")));
        }
        let kinds = samples::kinds(layouts.values(), plan.everywhere);
        let inputs: Vec<String> = layouts.keys().cloned().collect();
        let mut values: BTreeMap<&str, Vec<Array>> = BTreeMap::new();
        for (name, layout) in &layouts {
            let mut random = SplitMix64::new(self.regions.seed, name);
            let mut drawn = |index| samples::sample(layout, &kinds, index, &mut random);
            let all = match layout.choice {
                true => drawn(0).map(|one| vec![one; kinds.len()]),
                false => (0..kinds.len()).map(drawn).collect(),
            };
            values.insert(name, all.ok_or_else(too_large)?);
        }
        let is_choice = |name: &str| layouts.get(name).is_some_and(|layout| layout.choice);
        let size = |name: &str, one: &Array| if is_choice(name) { one.clone() } else { magnitude(one) };
        let magnitudes = values.iter().map(|(name, all)| (*name, all.iter().map(|one| size(name, one)).collect())).collect();
        let build = |graph, forms: &[Form], outputs: &[String], absolute| {
            let made = small::model(graph, forms, &inputs, outputs, absolute, small::Recurrence::Itself);
            made.map_err(failed).map(|mut model| {
                settings::store(&mut model, &plan.settings, &inputs);
                model
            })
        };
        let sides = [
            (build(self.graphs.0, &before, &ours, false)?, &values),
            (build(self.graphs.1, &after, &theirs, false)?, &values),
            (build(self.graphs.0, &before, &ours, true)?, &magnitudes),
        ];
        let mut made = Vec::new();
        let mut first = None;
        for (model, values) in sides {
            let small = Small::load(model, &layouts, kinds.len())?;
            made.push(small.made(&layouts, values, kinds.len())?);
            first.get_or_insert(small);
        }
        if let (Some(small), [original, _, absolute]) = (first, &made[..]) {
            report.control = self.control(&small, &before, &values, original, absolute)?;
            if report.control > 1.0 {
                report.unjudged = Some("the engine and the reference disagree about the first model".to_owned());
            }
        }
        let summed = layouts.values().map(|layout| layout.summed).max().unwrap_or(1);
        let operators: Vec<&str> =
            after.iter().filter(|form| !form.constants.is_empty()).map(|form| form.operator.as_str()).collect();
        let limits = Limits::new(plan, self.regions.units, summed, &operators, linear);
        compare(plan, &limits, &kinds, &values, &made, report);
        Ok(())
    }

    /// The engine against the reference, on one dense sample. Sites of the same operators, attributes and shapes share it.
    fn control(
        &self,
        small: &Small,
        forms: &[Form],
        values: &BTreeMap<&str, Vec<Array>>,
        original: &Made,
        absolute: &Made,
    ) -> Result<f64, CouldNotRun> {
        const SAMPLE: usize = 1;
        let key = alike(self.graphs.0, forms);
        if let Some(known) = self.controls.lock().ok().and_then(|known| known.get(&key).copied()) {
            return Ok(known);
        }
        let inputs = values.iter().filter_map(|(name, all)| Some(((*name).to_owned(), referred(all.get(SAMPLE)?)?))).collect();
        let expected = reference::evaluate(&small.model, &inputs).map_err(|error| CouldNotRun::Model(error.to_string()))?;
        let mut worst = 0.0_f64;
        for (name, all) in original {
            let scale = absolute.get(name).and_then(|all| floats(all.get(SAMPLE)?));
            let (Some(found), Some(scale), Some(expected)) = (all.get(SAMPLE), scale, expected.get(name)) else {
                return Err(CouldNotRun::Model(format!("the reference gave no value for `{name}`")));
            };
            let reference::Data::Float(expected) = &expected.data else { return Ok(f64::MAX) };
            worst = worst.max(judge::control(found, expected, scale));
        }
        if let Ok(mut known) = self.controls.lock() {
            known.insert(key, worst);
        }
        Ok(worst)
    }
}

/// What makes the engine and the reference read a region as they do: operators, attributes, shapes of constants.
fn alike(graph: &Graph<'_>, forms: &[Form]) -> Vec<u8> {
    let mut key = Vec::new();
    for form in forms {
        let node = graph.node(form.node);
        let attributes: Vec<Vec<u8>> = node.proto.attribute.iter().map(prost::Message::encode_to_vec).collect();
        let shapes: Vec<(usize, &[u64])> = form.constants.iter().map(|(at, t)| (*at, &graph.tensor(*t).dims[..])).collect();
        key.extend(format!("{} {attributes:?} {shapes:?};", form.operator).into_bytes());
    }
    key
}

impl Small {
    fn load(model: ModelProto, layouts: &BTreeMap<String, Layout>, samples: usize) -> Result<Small, CouldNotRun> {
        let loaded = Loaded::parse(prepare(model.clone(), Branch::Then)?, &[])?;
        let spec = |(name, layout): (&String, &Layout)| {
            let mut dims = layout.dims.clone();
            if let Some(dim) =
                stack(layouts).and_then(|(read, _)| dims.len().checked_sub(read + 1)).and_then(|at| dims.get_mut(at))
            {
                *dim = samples;
            }
            InputSpec { name: name.clone(), element: DataType::Double.into(), dims, assumed: vec![] }
        };
        let specs: Vec<InputSpec> = layouts.iter().map(spec).collect();
        Ok(Small { run: loaded.bind(&specs)?, model })
    }

    /// What it makes of all samples: side by side where that can be, else one after the other.
    fn made(
        &self,
        layouts: &BTreeMap<String, Layout>,
        values: &BTreeMap<&str, Vec<Array>>,
        samples: usize,
    ) -> Result<Made, CouldNotRun> {
        let mut made = Made::new();
        if let Some((read, written)) = stack(layouts) {
            let all = values.iter().map(|(name, all)| Some(((*name).to_owned(), samples::stacked(all, read)?)));
            let found = self.run.run(&all.collect::<Option<BTreeMap<_, _>>>().ok_or_else(too_large)?)?;
            for (name, value) in found {
                let apart = samples::unstacked(&value, written, samples);
                made.insert(
                    name.clone(),
                    apart.ok_or_else(|| CouldNotRun::Model(format!("`{name}` has another shape than foreseen")))?,
                );
            }
            return Ok(made);
        }
        for index in 0..samples {
            let one = values.iter().filter_map(|(name, all)| Some(((*name).to_owned(), all.get(index)?.clone())));
            for (name, value) in self.run.run(&one.collect())? {
                made.entry(name).or_default().push(value);
            }
        }
        Ok(made)
    }
}

/// The axes along which samples of all inputs can be stacked.
fn stack(layouts: &BTreeMap<String, Layout>) -> Option<(usize, usize)> {
    let mut all = layouts.values().map(|layout| layout.stack);
    let first = all.next()??;
    all.all(|stack| stack == Some(first)).then_some(first)
}

fn compare(
    plan: &SitePlan,
    limits: &Limits,
    kinds: &[Kind],
    values: &BTreeMap<&str, Vec<Array>>,
    made: &[Made],
    report: &mut RegionReport,
) {
    for (output, renamed) in &plan.outputs {
        // The second model may call it otherwise.
        let side = |side: usize, sample: usize| made.get(side)?.get(if side == 1 { renamed } else { output })?.get(sample);
        for (sample, kind) in kinds.iter().enumerate() {
            let arrays = [side(0, sample), side(1, sample), side(2, sample), side(0, 0), side(1, 0), side(2, 0)];
            let dims = arrays[0].map(|array| array.dims.clone()).unwrap_or_default();
            if arrays.iter().flatten().any(|array| array.dims != dims) {
                report.apart = Some(format!("`{output}` has another shape in the second model"));
                return;
            }
            let [Some(o), Some(f), Some(a), Some(o0), Some(f0), Some(a0)] = arrays.map(|array| array.and_then(floats)) else {
                report.unjudged = Some(format!("the engine gave no numbers for `{output}`"));
                return;
            };
            let largest =
                values.values().filter_map(|all| floats(all.get(sample)?)).flatten().fold(0.0_f64, |m, x| m.max(x.abs()));
            let sample = judge::Sample { kind: *kind, largest, made: [o, f, a], zeros: [o0, f0, a0] };
            limits.sample(output, &dims, &sample, report);
        }
    }
}

/// The nodes of a site as they stand in its file.
fn forms(graph: &Graph<'_>, members: &[Member]) -> Result<Vec<Form>, CouldNotRun> {
    let changed =
        |member: &Member| CouldNotRun::Model(format!("the file changed: `{}` is no longer where it was", member.output));
    let form = |member: &Member| {
        let node = graph.nodes.get(member.node).filter(|node| node.proto.output.first() == Some(&member.output));
        let node = node.ok_or_else(|| changed(member))?;
        let constant = |input: &usize| {
            let value = node.inputs.get(*input).copied().flatten()?;
            Some((*input, graph.constant(value).ok()?.0))
        };
        let constants = member.parameters.iter().map(constant).collect::<Option<Vec<_>>>().ok_or_else(|| changed(member))?;
        let operator = node.proto.op_type().to_owned();
        Ok(Form { node: NodeId(member.node), operator, affine: 0, constants, broken: false })
    };
    members.iter().map(form).collect()
}

fn floats(array: &Array) -> Option<&Vec<f64>> {
    if let Data::Float(values) = &array.data { Some(values) } else { None }
}

fn magnitude(array: &Array) -> Array {
    let values = floats(array).map(|values| values.iter().map(|value| value.abs()).collect()).unwrap_or_default();
    Array { dims: array.dims.clone(), data: Data::Float(values) }
}

fn referred(array: &Array) -> Option<reference::Array> {
    Some(reference::Array::float(array.dims.clone(), floats(array)?.clone()))
}

fn too_large() -> CouldNotRun {
    CouldNotRun::Model("what would be fed into it is too large".to_owned())
}
