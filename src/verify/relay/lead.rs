//! The second model, which is run as it is, with what its sites read and make handed on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::edit::{self, FlatSite};
use super::post::Maker;
use super::{Relay, STOPPED};
use crate::engine::array::{Array, fingerprint};
use crate::engine::bind::state;
use crate::engine::flatten::Branch;
use crate::engine::load::load;
use crate::engine::prepare::{Prepared, prepare_edited};
use crate::engine::run::{Loaded, Run};
use crate::engine::{CouldNotRun, computed};

/// The second model, ready to run.
pub(super) struct Lead {
    /// The model in the engine.
    pub loaded: Loaded,
    /// The sites as they stand in it.
    pub sites: Vec<FlatSite>,
    /// What its opaque nodes read.
    pub opaque: Vec<String>,
    /// Whether there was an If.
    pub branches: bool,
    /// What was taken for granted.
    pub assumptions: Vec<String>,
    /// Its outputs.
    pub results: HashSet<String>,
}

/// What the second model gave.
#[derive(Default)]
pub(super) struct Led {
    /// Its outputs.
    pub kept: BTreeMap<String, Arc<Array>>,
    /// Fingerprints of what its sites and its opaque nodes read.
    pub read: BTreeMap<String, u64>,
}

impl Lead {
    /// Reads the second model.
    pub fn ready(relay: &Relay, branch: Branch) -> Result<Lead, CouldNotRun> {
        let mut model = load(&relay.after)?;
        edit::tag(&mut model, relay.sites.iter().map(|site| &site.after[..]))?;
        computed::settle(&mut model, &relay.after, relay.freeze)?;
        let mut sites = Vec::new();
        let mut prepared = prepare_edited(model, branch, &mut |graph| {
            sites = edit::find(graph, &relay.sites, edit::AFTER)?;
            Ok(())
        })?;
        prepared.sized(&relay.sizes);
        state(&mut prepared.signature, &relay.fixed);
        let opaque: Vec<String> = prepared.opaque.iter().map(|opaque| opaque.read.clone()).collect();
        let of = |site: &FlatSite| site.inputs.iter().chain(site.outputs.iter().map(|o| &o.name)).cloned().collect::<Vec<_>>();
        let taps: Vec<String> = edit::in_order(&sites).flat_map(of).chain(opaque.iter().chain(&relay.taps).cloned()).collect();
        let Prepared { branches, ref assumptions, .. } = prepared;
        let assumptions = assumptions.clone();
        let loaded = Loaded::parse(prepared, &taps)?;
        let results = loaded.signature().graph.iter().flat_map(|g| &g.output).map(|o| o.name().to_owned()).collect();
        Ok(Lead { loaded, sites, opaque, branches, assumptions, results })
    }

    /// Runs it and hands on what its sites make, each to so many readers. What ran before is handed on as it is.
    pub fn lead(
        &self,
        (run, early): (&Run, Option<BTreeMap<String, Array>>),
        values: &BTreeMap<String, Arc<Array>>,
        (maker, readers): (&Maker<'_>, &HashMap<&str, usize>),
    ) -> Result<Led, CouldNotRun> {
        let read: HashSet<&str> =
            self.sites.iter().flat_map(|site| &site.inputs).chain(&self.opaque).map(String::as_str).collect();
        let mut led = Led::default();
        let mut visit = |name: &str, value: Array| {
            if read.contains(name) {
                led.read.insert(name.to_owned(), fingerprint(&value));
            }
            let value = Arc::new(value);
            if self.results.contains(name) {
                led.kept.insert(name.to_owned(), Arc::clone(&value));
            }
            match readers.get(name).is_none_or(|readers| maker.put(name, value, *readers)) {
                true => Ok(()),
                false => Err(CouldNotRun::Model(STOPPED.to_owned())),
            }
        };
        match early {
            Some(early) => early.into_iter().try_for_each(|(name, value)| visit(&name, value))?,
            None => run.each(&mut |name| super::given(values, name), &mut visit)?,
        }
        Ok(led)
    }
}
