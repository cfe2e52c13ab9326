//! The second model run as it is, with what its sites read and make kept aside.

use std::collections::BTreeMap;

use super::Relay;
use super::edit::{self, FlatSite};
use crate::engine::CouldNotRun;
use crate::engine::array::{Array, fingerprint};
use crate::engine::bind::InputSpec;
use crate::engine::computed;
use crate::engine::flatten::Branch;
use crate::engine::given::Given;
use crate::engine::inputs::seeded_inputs;
use crate::engine::load::load;
use crate::engine::prepare::{Prepared, prepare_edited};
use crate::engine::run::Loaded;

/// What the second model gave.
pub(super) struct Leader {
    /// The inputs with their sizes.
    pub specs: Vec<InputSpec>,
    /// What was fed in.
    pub values: BTreeMap<String, Array>,
    /// What its sites make and what its outputs are.
    pub kept: BTreeMap<String, Array>,
    /// Values that were asked for and are neither.
    pub tapped: BTreeMap<String, Array>,
    /// Fingerprints of what its sites and its opaque nodes read.
    pub read: BTreeMap<String, u64>,
    /// The sites as they stand in it.
    pub sites: Vec<FlatSite>,
    /// Whether there was an If.
    pub branches: bool,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
    /// Whether any value was drawn.
    pub seeded: bool,
}

impl Relay {
    /// The second model, as it is.
    pub(super) fn lead(&self, branch: Branch, seed: u64, given: &Given) -> Result<Leader, CouldNotRun> {
        let mut model = load(&self.after)?;
        edit::tag(&mut model, self.sites.iter().map(|site| &site.after[..]))?;
        computed::settle(&mut model, &self.after, self.freeze)?;
        let mut sites = Vec::new();
        let mut prepared = prepare_edited(model, branch, &mut |graph| {
            sites = edit::find(graph, &self.sites, edit::AFTER)?;
            Ok(())
        })?;
        prepared.sized(&self.sizes);
        let outputs: Vec<String> = sites.iter().flat_map(|site| site.outputs.iter().map(|o| o.name.clone())).collect();
        let opaque = prepared.opaque.iter().map(|opaque| opaque.read.clone());
        let inputs: Vec<String> = sites.iter().flat_map(|site| site.inputs.clone()).chain(opaque).collect();
        let taps: Vec<String> = outputs.iter().chain(&inputs).chain(&self.taps).cloned().collect();
        let Prepared { branches, ref assumptions, .. } = prepared;
        let assumptions = assumptions.clone();
        let loaded = Loaded::parse(prepared, &taps)?;
        let results: Vec<String> = loaded.signature().graph.iter().flat_map(|g| &g.output).map(|o| o.name().to_owned()).collect();
        let given = given.by_name(&loaded.inputs())?;
        let (specs, run) = loaded.fit(&self.sizes.with(&given))?;
        drop(loaded);
        let values = seeded_inputs(&specs, seed, &given)?;
        let seeded = specs.iter().any(|spec| !given.contains_key(&spec.name));
        let (mut kept, mut read) = (BTreeMap::new(), BTreeMap::new());
        run.each(&values, &mut |name, value| {
            if inputs.iter().any(|input| input == name) {
                read.insert(name.to_owned(), fingerprint(&value));
            }
            if outputs.iter().chain(&results).chain(&self.taps).any(|output| output == name) {
                kept.insert(name.to_owned(), value);
            }
        })?;
        let wanted = |name: &&String| !outputs.contains(name) && !results.contains(name);
        let tapped = self.taps.iter().filter(wanted).filter_map(|name| kept.remove_entry(name)).collect();
        Ok(Leader { specs, values, kept, tapped, read, sites, branches, assumptions, seeded })
    }
}
