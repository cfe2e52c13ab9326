//! The engine: parse, bind, run. Only the typed form is run, in which each ONNX node still stands
//! on its own; the engine's optimiser would fold BatchNormalization itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::prelude::{Datum, DatumType, InferenceFact, InferenceModel, Tensor};
use tract_onnx::tract_hir::internal::{OutletId, TractResult, bail};

use super::array::{Array, Data, count};
use super::bind::{Asked, InputSpec, Sizes, choices};
use super::cost::{self, Cost};
use super::evaluate::Steps;
use super::opaque::at_random::AtRandom;
use super::opaque::{self, Opaque};
use super::prepare::Prepared;
use super::proto::{Names, make};
use super::widen::Floats;
use super::{CouldNotRun, check, convert, typed};
use crate::onnx::ModelProto;
use crate::onnx::tensor_proto::DataType;

/// A prepared model in the engine, its sizes still open.
pub struct Loaded {
    model: InferenceModel,
    /// What can be asked for: the name of a value, and where the engine has it.
    taps: Vec<Tap>,
    normalised: check::Normalised,
    signature: ModelProto,
    floats: Floats,
    /// What is drawn, and what the user says of it.
    opaque: Vec<Opaque>,
    sizes: Sizes,
    /// The widest window.
    reach: usize,
}

struct Tap {
    name: String,
    /// The name under which the engine has it.
    label: String,
    outlet: OutletId,
}

/// A model with sizes, ready to run on any number of inputs.
pub struct Run {
    steps: Steps,
    inputs: Vec<(String, DatumType)>,
    outputs: Vec<String>,
}

/// The position of what was chosen, ready to run, and what was refused before.
pub(crate) type Choice = (Option<(usize, Run)>, Vec<(usize, CouldNotRun)>);

impl Loaded {
    /// Gives a prepared model to the engine. `taps` are the values that will be asked for: any of
    /// the flat graph, also inputs and initializers. They are computed in this order, as far as that can be.
    ///
    /// # Errors
    /// What the engine says about the model, and taps that do not exist.
    pub fn parse(prepared: Prepared, taps: &[String]) -> Result<Loaded, CouldNotRun> {
        let mut model = prepared.model;
        let taps = tapped(&mut model, taps)?;
        let Prepared { signature, floats, opaque, sizes, .. } = prepared;
        let normalised = model.graph.as_ref().map(check::Normalised::of).unwrap_or_default();
        let reach = model.graph.as_ref().map_or(1, cost::reach);
        let proto = convert::model(model);
        let model = typed::parsed(proto)?;
        let outlets: HashMap<&str, OutletId> = model.outlet_labels.iter().map(|(at, label)| (label.as_str(), *at)).collect();
        let tap = |(name, label): (String, String)| match outlets.get(label.as_str()) {
            Some(outlet) => Ok(Tap { name, label, outlet: *outlet }),
            None => Err(CouldNotRun::Engine(format!("no value {label}"))),
        };
        let taps = taps.into_iter().map(tap).collect::<Result<_, _>>()?;
        Ok(Loaded { model, taps, normalised, signature, floats, opaque, sizes, reach })
    }

    /// The inputs and outputs as they were declared, without nodes and without constants.
    pub fn signature(&self) -> &ModelProto {
        &self.signature
    }

    /// The widest window of the model.
    pub(crate) fn reach(&self) -> usize {
        self.reach
    }

    /// The names of the inputs, in order.
    pub fn inputs(&self) -> Vec<&str> {
        self.signature.graph.iter().flat_map(|graph| &graph.input).map(|input| input.name()).collect()
    }

    /// Analyses the model for inputs of these sizes.
    ///
    /// # Errors
    /// Sizes that the model does not accept, in the engine's words.
    pub fn bind(&self, specs: &[InputSpec]) -> Result<Run, CouldNotRun> {
        self.bind_part(specs, &|_| true)
    }

    /// As [`Loaded::bind`], for a part of what can be asked for, by name: nothing is computed for the rest.
    ///
    /// # Errors
    /// As [`Loaded::bind`].
    pub fn bind_part(&self, specs: &[InputSpec], wanted: &dyn Fn(&str) -> bool) -> Result<Run, CouldNotRun> {
        let mut model = self.model.clone();
        let mut inputs = Vec::new();
        let known: HashMap<&str, &InputSpec> = specs.iter().map(|spec| (spec.name.as_str(), spec)).collect();
        for index in 0..model.inputs.len() {
            let Some(outlet) = model.inputs.get(index).copied() else { continue };
            let name = model.node(outlet.node).name.clone();
            let spec = known.get(name.as_str()).ok_or_else(|| {
                let why = "no size is given for it".to_owned();
                CouldNotRun::Input { input: name.clone(), why }
            })?;
            let element = datum_type(spec, self.floats)?;
            guarded(|| model.set_input_fact(index, InferenceFact::dt_shape(element, &spec.dims)))?;
            inputs.push((name, element));
        }
        self.draw(&mut model, specs)?;
        let taps: Vec<&Tap> = self.taps.iter().filter(|tap| wanted(&tap.name)).collect();
        let outlets: Vec<OutletId> = taps.iter().map(|tap| tap.outlet).collect();
        let steps = guarded(|| Steps::new(typed::typed(model, &outlets)?));
        if let Err(error) = &steps {
            self.opaque.iter().try_for_each(|opaque| opaque.unfit(&self.sizes, error))?;
        }
        let steps = steps?;
        check::unmerged(steps.model(), &self.normalised.before(taps.iter().map(|tap| tap.label.as_str())))?;
        check::windows(steps.model())?;
        Ok(Run { steps, inputs, outputs: taps.iter().map(|tap| tap.name.clone()).collect() })
    }

    /// Gives opaque nodes the sizes of what they draw.
    fn draw(&self, model: &mut InferenceModel, specs: &[InputSpec]) -> Result<(), CouldNotRun> {
        if let Some(name) = self.sizes.values.keys().find(|name| self.opaque.iter().all(|opaque| !opaque.makes(name))) {
            let why = format!("--value-shape names `{name}`, which is made by no node without a meaning here");
            return Err(CouldNotRun::Model(why));
        }
        if self.opaque.is_empty() {
            return Ok(());
        }
        let symbols = opaque::symbols(&self.signature, specs, &self.sizes);
        let all: BTreeMap<&str, &Opaque> = self.opaque.iter().map(|opaque| (opaque.label.as_str(), opaque)).collect();
        for node in model.nodes_mut() {
            let Some(own) = all.get(node.name.as_str()) else { continue };
            if let Some(operator) = node.op_as_mut::<AtRandom>() {
                *operator = own.bound(&symbols, &self.sizes)?;
            }
        }
        Ok(())
    }

    /// Binds with the best of some choices of sizes: the first that the model takes and that shows every tap of its windows
    /// at a cost that can be paid, else the largest that it takes so. Returns its position, and what was refused before.
    pub(crate) fn choose(&self, choices: &[Vec<InputSpec>]) -> Choice {
        let mut refused = Vec::new();
        let mut best: Option<(usize, Run, Cost)> = None;
        for (at, specs) in choices.iter().enumerate() {
            match self.bind(specs) {
                Ok(run) => {
                    let cost = run.cost();
                    if best.as_ref().is_some_and(|(.., old)| cost.is_beyond() || cost.products <= old.products) {
                        break;
                    }
                    let is_enough = run.shows_every_tap() || cost.is_beyond();
                    best = Some((at, run, cost));
                    if is_enough {
                        break;
                    }
                }
                Err(_) if best.is_some() => {}
                Err(error) => refused.push((at, error)),
            }
        }
        (best.map(|(at, run, _)| (at, run)), refused)
    }

    /// Binds with the best sizes that the model accepts.
    ///
    /// # Errors
    /// What is wrong with the sizes, or what the engine said about the first.
    pub fn fit(&self, sizes: &Sizes) -> Result<(Vec<InputSpec>, Run), CouldNotRun> {
        let mut choices = choices(&self.signature, sizes, Asked { reach: self.reach, traced: true, ..Asked::default() })?;
        match self.choose(&choices) {
            (Some((at, run)), _) => Ok((choices.swap_remove(at), run)),
            (None, refused) => {
                let first = refused.into_iter().next().map(|(_, error)| error);
                Err(first.unwrap_or_else(|| CouldNotRun::Model("there is no size to try".to_owned())))
            }
        }
    }
}

impl Run {
    /// Runs the model. Returns the taps by name.
    ///
    /// # Errors
    /// A missing input, one of another type, and what the engine says.
    pub fn run(&self, values: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>, CouldNotRun> {
        let mut found = BTreeMap::new();
        let mut feed = |name: &str| match values.get(name) {
            Some(value) => Ok(Arc::new(value.clone())),
            None => Err(CouldNotRun::Input { input: name.to_owned(), why: "no value is given".to_owned() }),
        };
        self.each(&mut feed, &mut |name, value| {
            found.insert(name.to_owned(), value);
            Ok(())
        })?;
        Ok(found)
    }

    /// Runs the model, asks for each input when it is needed, and hands out the taps as they come, so that none needs to be kept.
    ///
    /// # Errors
    /// As [`Run::run`], and those of the callers' functions.
    pub(crate) fn each(
        &self,
        feed: &mut dyn FnMut(&str) -> Result<Arc<Array>, CouldNotRun>,
        visit: &mut dyn FnMut(&str, Array) -> Result<(), CouldNotRun>,
    ) -> Result<(), CouldNotRun> {
        let mut feed = |number: usize| {
            let (name, element) = self.inputs.get(number).ok_or_else(|| CouldNotRun::Engine(format!("no input {number}")))?;
            let value = feed(name)?;
            let wrong = |error: CouldNotRun| CouldNotRun::Input { input: name.clone(), why: error.to_string() };
            Ok(guarded(|| tensor(&value, *element)).map_err(wrong)?.into())
        };
        self.steps.run(&mut feed, &mut |number, value| {
            let name = self.outputs.get(number).map(String::as_str).unwrap_or_default();
            let value = guarded(|| array(&value))?;
            visit(name, value)
        })
    }

    /// The inputs that are read.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &str> {
        self.steps.reads().filter_map(|number| Some(self.inputs.get(number)?.0.as_str()))
    }

    /// The shapes of what can be asked for, by name; none if a shape is known when it runs only.
    pub(crate) fn shapes(&self) -> Option<HashMap<&str, Vec<usize>>> {
        let facts = self.outputs.iter().zip(self.steps.outputs());
        facts.map(|(name, dims)| Some((name.as_str(), dims.clone()?))).collect()
    }

    /// What it costs to run it.
    pub(crate) fn cost(&self) -> Cost {
        Cost::of(self.steps.model())
    }

    /// Whether each window is met whole by what it reads.
    fn shows_every_tap(&self) -> bool {
        cost::shows_every_tap(self.steps.model())
    }
}

/// Inputs and initializers have no label in the engine: a tap on them is a copy.
fn tapped(model: &mut ModelProto, taps: &[String]) -> Result<Vec<(String, String)>, CouldNotRun> {
    let graph = model.graph.get_or_insert_default();
    let mut names = Names::of(graph);
    let made: HashSet<String> = graph.node.iter().flat_map(|node| node.output.iter().cloned()).collect();
    let given: HashSet<String> = graph
        .input
        .iter()
        .map(|input| input.name())
        .chain(graph.initializer.iter().map(|tensor| tensor.name()))
        .map(str::to_owned)
        .collect();
    let outputs: Vec<String> = graph.output.iter().map(|output| output.name().to_owned()).collect();
    graph.output.clear();
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    for name in taps.iter().chain(&outputs) {
        if !seen.insert(name) {
            continue;
        }
        let label = if made.contains(name) {
            name.clone()
        } else if given.contains(name) {
            let copy = names.fresh(&format!("{name}/copy"));
            graph.node.push(make("Identity", &[name], &copy));
            copy
        } else {
            return Err(CouldNotRun::Model(format!("nothing makes the value `{name}`")));
        };
        graph.output.push(crate::onnx::ValueInfoProto { name: Some(label.clone()), ..Default::default() });
        found.push((name.clone(), label));
    }
    Ok(found)
}

/// Calls the engine, which panics on much that is wrong with a model.
pub(crate) fn guarded<T>(call: impl FnOnce() -> TractResult<T>) -> Result<T, CouldNotRun> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(CouldNotRun::engine(&format!("{error:#}"), &error.root_cause().to_string())),
        Err(payload) => Err(CouldNotRun::panicked(&*payload)),
    }
}

fn datum_type(spec: &InputSpec, floats: Floats) -> Result<DatumType, CouldNotRun> {
    Ok(match spec.data_type() {
        DataType::Float if floats == Floats::Stored => DatumType::F32,
        DataType::Float16 if floats == Floats::Stored => DatumType::F16,
        DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16 => DatumType::F64,
        DataType::Int8 => DatumType::I8,
        DataType::Int16 => DatumType::I16,
        DataType::Int32 => DatumType::I32,
        DataType::Int64 => DatumType::I64,
        DataType::Uint8 => DatumType::U8,
        DataType::Uint16 => DatumType::U16,
        DataType::Uint32 => DatumType::U32,
        DataType::Uint64 => DatumType::U64,
        DataType::Bool => DatumType::Bool,
        other => {
            let why = format!("the engine has no type {}", other.as_str_name());
            return Err(CouldNotRun::Input { input: spec.name.clone(), why });
        }
    })
}

pub(super) fn tensor(value: &Array, element: DatumType) -> TractResult<Tensor> {
    let given = match &value.data {
        Data::Float(all) => Tensor::from_shape(&value.dims, all)?,
        Data::Int(all) => Tensor::from_shape(&value.dims, all)?,
        Data::Bool(all) => Tensor::from_shape(&value.dims, all)?,
    };
    Ok(given.cast_to_dt(element)?.into_owned())
}

pub(super) fn array(value: &Tensor) -> TractResult<Array> {
    let element = value.datum_type();
    let dims = value.shape().to_vec();
    let data = if element == DatumType::Bool {
        Data::Bool(elements::<bool>(value)?)
    } else if element.is_float() {
        Data::Float(elements::<f64>(value)?)
    } else {
        Data::Int(elements::<i64>(value)?)
    };
    if count(&dims) != Some(data.len()) {
        bail!("a value of shape {dims:?} with other contents");
    }
    Ok(Array { dims, data })
}

fn elements<T: Datum + Copy>(value: &Tensor) -> TractResult<Vec<T>> {
    let converted = value.cast_to::<T>()?;
    let view = converted.to_plain_array_view::<T>()?;
    Ok(view.iter().copied().collect())
}
