//! A model in tract, in its typed form, each float in the type that it has in the file.

use std::collections::BTreeMap;

use super::{CouldNotRun, InEngine};
use crate::engine::array::Array;
use crate::engine::bind::InputSpec;
use crate::engine::flatten::Branch;
use crate::engine::load::load;
use crate::engine::prepare::prepare_stored;
use crate::engine::run::{Loaded, Run};
use crate::onnx::ModelProto;
use crate::verify::side::Side;

/// The model, and its plan for the sizes of the last run.
pub(super) struct Typed {
    loaded: Loaded,
    plan: Option<(Vec<InputSpec>, Run)>,
    pub(super) branches: bool,
    pub(super) assumptions: Vec<String>,
}

impl Typed {
    /// Reads a model with one branch of every If.
    ///
    /// # Errors
    /// A file that cannot be read, and what the engine lacks.
    pub(super) fn open(side: &Side, branch: Branch) -> Result<Typed, CouldNotRun> {
        let mut prepared = prepare_stored(load(side)?, branch)?;
        let (branches, assumptions) = (prepared.branches, std::mem::take(&mut prepared.assumptions));
        Ok(Typed { loaded: Loaded::parse(prepared, &[])?, plan: None, branches, assumptions })
    }

    /// The plan for inputs of these sizes: the last one, if they are the same.
    fn bound(&mut self, specs: &[InputSpec]) -> Result<&mut Run, CouldNotRun> {
        let plan = match self.plan.take().filter(|(known, _)| known == specs) {
            Some(plan) => plan,
            None => (specs.to_vec(), self.loaded.bind(specs)?),
        };
        Ok(&mut self.plan.insert(plan).1)
    }
}

impl InEngine for Typed {
    fn signature(&self) -> &ModelProto {
        self.loaded.signature()
    }

    fn ready(&mut self, specs: &[InputSpec]) -> Result<(), CouldNotRun> {
        self.bound(specs).map(drop)
    }

    fn run(&mut self, specs: &[InputSpec], values: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>, CouldNotRun> {
        self.bound(specs)?.run(values)
    }
}
