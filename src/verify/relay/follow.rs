//! The first model run with the results of its sites forced to what the second model had.
//!
//! All sites are forced, so what is computed for them and what is computed for their limits need nothing of one another: each
//! has a thread.

use std::collections::{BTreeMap, HashSet};

use super::edit::{self, FlatSite};
use super::lead::Leader;
use super::{Gathered, Relay, gone, judge};
use crate::engine::array::{Array, fingerprint};
use crate::engine::bind::InputSpec;
use crate::engine::flatten::Branch;
use crate::engine::load::load;
use crate::engine::opaque::Opaque;
use crate::engine::prepare::prepare_edited;
use crate::engine::run::Loaded;
use crate::engine::{CouldNotRun, beside, computed};
use crate::onnx::tensor_proto::DataType;

/// The first model, ready to follow.
pub(super) struct Follower {
    sites: Vec<FlatSite>,
    opaque: Vec<Opaque>,
    loaded: Loaded,
}

impl Follower {
    /// Reads the first model and makes the results of its sites inputs. Needs nothing of the second model's run.
    pub fn ready(relay: &Relay, branch: Branch) -> Result<Follower, CouldNotRun> {
        let mut model = load(&relay.before)?;
        edit::tag(&mut model, relay.sites.iter().map(|site| &site.before[..]))?;
        computed::settle(&mut model, &relay.before, relay.freeze)?;
        let mut sites = Vec::new();
        let mut prepared = prepare_edited(model, branch, &mut |graph| {
            sites = edit::find(graph, &relay.sites, edit::BEFORE)?;
            edit::force(graph, &mut sites, &relay.sites)
        })?;
        prepared.sized(&relay.sizes);
        let opaque = prepared.opaque.clone();
        let own = sites.iter().flat_map(|s| s.outputs.iter().flat_map(|o| [o.own.clone(), o.absolute.clone()]));
        let read = sites.iter().flat_map(|site| site.inputs.iter().chain(&site.settings).cloned());
        let taps = own.chain(read).chain(opaque.iter().map(|opaque| opaque.read.clone()));
        let taps: Vec<String> = taps.chain(relay.taps.iter().cloned()).collect();
        Ok(Follower { loaded: Loaded::parse(prepared, &taps)?, sites, opaque })
    }

    /// Runs it on what the second model was fed and made, and compares.
    pub fn follow(self, relay: &Relay, leader: &Leader, gathered: &mut Gathered) -> Result<(), CouldNotRun> {
        edit::paired(&self.sites, &leader.sites)?;
        let mut found = self.found(leader)?;
        let Follower { sites, opaque, .. } = self;
        tapped(relay, &sites, leader, &found, gathered);
        for (site, theirs) in sites.iter().zip(&leader.sites) {
            gathered.site(judge::site(relay, (site, theirs), leader, &mut found)?);
        }
        for opaque in &opaque {
            let ours = found.get(&opaque.read).map(fingerprint);
            if leader.read.get(&opaque.read).copied() != ours {
                gathered.apart(&opaque.label, format!("what the opaque {} reads is not the same", opaque.operator));
            }
        }
        let forced: HashSet<&str> = leader.sites.iter().flat_map(|site| &site.outputs).map(|o| o.name.as_str()).collect();
        for (name, value) in leader.kept.iter().filter(|(name, _)| !forced.contains(name.as_str())) {
            let expected = found.get(name).ok_or_else(|| gone(name))?;
            gathered.output(name, judge::apart(value, expected));
        }
        gathered.context(leader);
        Ok(())
    }

    /// All that was asked for.
    fn found(&self, leader: &Leader) -> Result<BTreeMap<String, Array>, CouldNotRun> {
        let (mut specs, mut values) = (leader.specs.clone(), leader.values.clone());
        let theirs = leader.sites.iter().flat_map(|site| &site.outputs);
        for (output, theirs) in self.sites.iter().flat_map(|site| &site.outputs).zip(theirs) {
            let value = leader.kept.get(&theirs.name).ok_or_else(|| gone(&theirs.name))?;
            let element = DataType::Double.into();
            specs.push(InputSpec { name: output.name.clone(), element, dims: value.dims.clone(), assumed: vec![] });
            values.insert(output.name.clone(), value.clone());
        }
        let limits: HashSet<&str> =
            self.sites.iter().flat_map(|site| &site.outputs).map(|output| output.absolute.as_str()).collect();
        let part = |wanted: &dyn Fn(&str) -> bool| self.loaded.bind_part(&specs, wanted)?.run(&values);
        let (limits, rest) = beside(|| part(&|name| limits.contains(name)), || part(&|name| !limits.contains(name)));
        let mut found = rest?;
        found.extend(limits?);
        Ok(found)
    }
}

/// The differences that were asked for. Where a site's result was forced, its own is what is compared.
fn tapped(relay: &Relay, sites: &[FlatSite], leader: &Leader, found: &BTreeMap<String, Array>, gathered: &mut Gathered) {
    for name in &relay.taps {
        let own = sites.iter().flat_map(|site| &site.outputs).find(|output| output.name == *name);
        let ours = found.get(own.map_or(name, |output| &output.own));
        let theirs = leader.kept.get(name).or_else(|| leader.tapped.get(name));
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            gathered.tap(judge::tap(name, theirs, ours));
        }
    }
}
