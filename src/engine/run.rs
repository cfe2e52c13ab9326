//! The engine: parse, bind, run. Only the typed form is run, in which each ONNX node still stands
//! on its own; the engine's optimiser would fold BatchNormalization itself.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tract_onnx::prelude::{
    Datum, DatumType, InferenceFact, InferenceModel, InferenceModelExt, TValue, TVec, Tensor, TypedSimplePlan,
};
use tract_onnx::tract_hir::internal::{OutletId, SimplePlan, TractResult, bail, format_err};

use super::array::{Array, Data, count};
use super::bind::{InputSpec, OPEN_SIZES, Sizes, bind_inputs};
use super::opaque::at_random::AtRandom;
use super::opaque::{self, Opaque};
use super::prepare::Prepared;
use super::proto::{Names, make};
use super::widen::Floats;
use super::{CouldNotRun, check, convert, framework};
use crate::onnx::ModelProto;
use crate::onnx::tensor_proto::DataType;

/// A prepared model in the engine, its sizes still open.
pub struct Loaded {
    model: InferenceModel,
    /// What can be asked for: the name of a value, and the name under which the engine has it.
    taps: BTreeMap<String, String>,
    normalised: check::Normalised,
    signature: ModelProto,
    floats: Floats,
    /// What is drawn, and what the user says of it.
    opaque: Vec<Opaque>,
    sizes: Sizes,
}

/// A model with sizes, ready to run on any number of inputs.
pub struct Run {
    plan: Arc<TypedSimplePlan>,
    inputs: Vec<(String, DatumType)>,
    outputs: Vec<String>,
}

impl Loaded {
    /// Gives a prepared model to the engine. `taps` are the values that will be asked for: any of
    /// the flat graph, also inputs and initializers.
    ///
    /// # Errors
    /// What the engine says about the model, and taps that do not exist.
    pub fn parse(prepared: Prepared, taps: &[String]) -> Result<Loaded, CouldNotRun> {
        let mut model = prepared.model;
        let taps = tapped(&mut model, taps)?;
        let Prepared { signature, floats, opaque, sizes, .. } = prepared;
        let normalised = model.graph.as_ref().map(check::Normalised::of).unwrap_or_default();
        let proto = convert::model(model);
        let parsed = guarded(|| framework::framework().parse(&proto, None))?;
        if let Some(name) = parsed.unresolved_inputs.first() {
            return Err(CouldNotRun::Model(format!("nothing makes the value `{name}`")));
        }
        Ok(Loaded { model: parsed.model, taps, normalised, signature, floats, opaque, sizes })
    }

    /// The inputs and outputs as they were declared, without nodes and without constants.
    pub fn signature(&self) -> &ModelProto {
        &self.signature
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
        for index in 0..model.inputs.len() {
            let Some(outlet) = model.inputs.get(index).copied() else { continue };
            let name = model.node(outlet.node).name.clone();
            let spec = specs.iter().find(|spec| spec.name == name).ok_or_else(|| {
                let why = "no size is given for it".to_owned();
                CouldNotRun::Input { input: name.clone(), why }
            })?;
            let element = datum_type(spec, self.floats)?;
            guarded(|| model.set_input_fact(index, InferenceFact::dt_shape(element, &spec.dims)))?;
            inputs.push((name, element));
        }
        self.draw(&mut model, specs)?;
        let (outputs, labels): (Vec<&String>, Vec<&String>) = self.taps.iter().filter(|(name, _)| wanted(name)).unzip();
        let outlets: TractResult<Vec<OutletId>> = labels
            .iter()
            .map(|name| {
                let found = model.find_outlet_label(name);
                found.ok_or_else(|| format_err!("no value {name}"))
            })
            .collect();
        let outlets = guarded(|| outlets)?;
        let plan = guarded(|| {
            model.select_output_outlets(&outlets)?;
            SimplePlan::new(model.into_typed()?)
        });
        if let Err(error) = &plan {
            self.opaque.iter().try_for_each(|opaque| opaque.unfit(&self.sizes, error))?;
        }
        let plan = plan?;
        check::unmerged(plan.model(), &self.normalised.before(labels.iter().map(|label| label.as_str())))?;
        check::windows(plan.model())?;
        Ok(Run { plan, inputs, outputs: outputs.into_iter().cloned().collect() })
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

    /// Binds with the first open size that the model accepts.
    ///
    /// # Errors
    /// Those of [`bind_inputs`], or what the engine said about the first size.
    pub fn fit(&self, sizes: &Sizes) -> Result<(Vec<InputSpec>, Run), CouldNotRun> {
        let mut first = None;
        for open in OPEN_SIZES {
            let specs = bind_inputs(&self.signature, sizes, open)?;
            match self.bind(&specs) {
                Ok(run) => return Ok((specs, run)),
                Err(error) if specs.iter().all(|spec| spec.assumed.is_empty()) => return Err(error),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| CouldNotRun::Model("there is no size to try".to_owned())))
    }
}

impl Run {
    /// Runs the model. Returns the taps by name.
    ///
    /// # Errors
    /// A missing input, one of another type, and what the engine says.
    pub fn run(&self, values: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>, CouldNotRun> {
        let mut found = BTreeMap::new();
        self.each(values, &mut |name, value| {
            found.insert(name.to_owned(), value);
        })?;
        Ok(found)
    }

    /// Runs the model and hands out the taps one by one, in the order of their names, so that none needs to be kept.
    ///
    /// # Errors
    /// As [`Run::run`].
    pub fn each(&self, values: &BTreeMap<String, Array>, visit: &mut dyn FnMut(&str, Array)) -> Result<(), CouldNotRun> {
        let mut inputs: TVec<TValue> = TVec::new();
        for (name, element) in &self.inputs {
            let wrong = |why: String| CouldNotRun::Input { input: name.clone(), why };
            let value = values.get(name).ok_or_else(|| wrong("no value is given".to_owned()))?;
            let tensor = guarded(|| tensor(value, *element)).map_err(|error| wrong(error.to_string()))?;
            inputs.push(tensor.into());
        }
        let outputs = guarded(|| self.plan.run(inputs))?;
        for (name, value) in self.outputs.iter().zip(outputs) {
            let value = guarded(|| array(&value))?;
            visit(name, value);
        }
        Ok(())
    }
}

/// Inputs and initializers have no label in the engine: a tap on them is a copy.
fn tapped(model: &mut ModelProto, taps: &[String]) -> Result<BTreeMap<String, String>, CouldNotRun> {
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
    let mut found = BTreeMap::new();
    for name in taps.iter().chain(&outputs) {
        if found.contains_key(name) {
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
        found.insert(name.clone(), label);
    }
    Ok(found)
}

/// Calls the engine, which panics on much that is wrong with a model.
pub(crate) fn guarded<T>(call: impl FnOnce() -> TractResult<T>) -> Result<T, CouldNotRun> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(CouldNotRun::Engine(shortened(&format!("{error:#}")))),
        Err(payload) => {
            let said = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
            Err(CouldNotRun::Panic(shortened(said.unwrap_or("without a word"))))
        }
    }
}

/// The engine prints whole graphs and tensors into its messages.
fn shortened(message: &str) -> String {
    const MOST: usize = 600;
    match message.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
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
