//! The first model, which is run with the results of its sites forced to what the second model had.
//!
//! All sites are forced, so what is computed for them and what is computed for their limits need nothing of one another: each
//! has a thread, and the second model a third. Values are compared as they come and dropped.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::edit::{self, FlatSite};
use super::lead::Lead;
use super::post::{Of, Post, Reader};
use super::watch::Watch;
use super::{Digits, Gathered, Relay, STOPPED, given, gone};
use crate::engine::array::Array;
use crate::engine::bind::InputSpec;
use crate::engine::flatten::Branch;
use crate::engine::load::load;
use crate::engine::opaque::Opaque;
use crate::engine::prepare::prepare_edited;
use crate::engine::run::{Loaded, Run};
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
    pub fn ready(relay: &Relay, branch: Branch, digits: Digits) -> Result<Follower, CouldNotRun> {
        let mut model = load(&relay.before)?;
        edit::tag(&mut model, relay.sites.iter().map(|site| &site.before[..]))?;
        computed::settle(&mut model, &relay.before, relay.freeze)?;
        let mut sites = Vec::new();
        let mut prepared = prepare_edited(model, branch, &mut |graph| {
            sites = edit::find(graph, &relay.sites, edit::BEFORE)?;
            edit::force(graph, &mut sites, &relay.sites, digits)
        })?;
        prepared.sized(&relay.sizes);
        let opaque = prepared.opaque.clone();
        let of = |site: &FlatSite| {
            let made = site.outputs.iter().flat_map(|output| [&output.own, &output.absolute]);
            site.inputs.iter().chain(&site.settings).chain(made).cloned().collect::<Vec<_>>()
        };
        let read = opaque.iter().map(|opaque| opaque.read.clone());
        let taps: Vec<String> = edit::in_order(&sites).flat_map(of).chain(read).collect();
        Ok(Follower { loaded: Loaded::parse(prepared, &taps)?, sites, opaque })
    }

    /// Runs it on what the second model is fed and makes, and compares.
    pub fn follow(
        &self,
        relay: &Relay,
        (lead, run): (&Lead, &Run),
        values: &BTreeMap<String, Arc<Array>>,
        specs: &[InputSpec],
    ) -> Result<Gathered, CouldNotRun> {
        edit::paired(&self.sites, &lead.sites)?;
        // Where shapes are known when it runs only, the second model runs first.
        let early = run.shapes().is_none().then(|| run.run(&values_of(values))).transpose()?;
        let theirs: HashMap<&str, &str> = pairs(&self.sites, &lead.sites).map(|(o, t)| (o.as_str(), t.as_str())).collect();
        let mut specs = specs.to_vec();
        specs.extend(self.forced(lead, run, early.as_ref())?);
        let limits: HashSet<&str> =
            self.sites.iter().flat_map(|site| &site.outputs).map(|output| output.absolute.as_str()).collect();
        let part = |wanted: &dyn Fn(&str) -> bool| self.loaded.bind_part(&specs, wanted);
        let (bound, own) = beside(|| part(&|name| limits.contains(name)), || part(&|name| !limits.contains(name)));
        let (bound, own) = (bound?, own?);
        let mut readers: HashMap<&str, usize> = HashMap::new();
        for name in bound.reads().chain(own.reads()) {
            theirs.get(name).into_iter().for_each(|theirs| *readers.entry(theirs).or_default() += 1);
        }
        theirs.values().for_each(|theirs| *readers.entry(theirs).or_default() += 1);

        let post = Post::default();
        let stopped = || CouldNotRun::Model(STOPPED.to_owned());
        let read = |reader: &Reader<'_>, name: &str| match theirs.get(name) {
            Some(theirs) => reader.take(Of::Leader, theirs).ok_or_else(stopped),
            None => given(values, name),
        };
        let mut watch = Watch::new((relay, &self.sites, &lead.sites), &self.opaque, &lead.results);
        let (found, led, limited) = std::thread::scope(|scope| {
            let leading = scope.spawn(|| {
                let maker = post.maker(Of::Leader);
                lead.lead((run, early), values, (&maker, &readers))
            });
            let limiting = scope.spawn(|| {
                let (maker, reader) = (post.maker(Of::Limits), post.reader());
                bound.each(&mut |name| read(&reader, name), &mut |name, value| match maker.put(name, Arc::new(value), 1) {
                    true => Ok(()),
                    false => Err(stopped()),
                })
            });
            let reader = post.reader();
            let found = own.each(&mut |name| read(&reader, name), &mut |name, value| watch.visit(&reader, name, value));
            if found.is_err() {
                post.close();
            }
            drop(reader);
            let leading = leading.join().unwrap_or_else(|payload| Err(CouldNotRun::panicked(&*payload)));
            (found, leading, limiting.join().unwrap_or_else(|payload| Err(CouldNotRun::panicked(&*payload))))
        });
        // Who was stopped by another says nothing; the other does.
        let is_reason = |error: &CouldNotRun| !matches!(error, CouldNotRun::Model(why) if why == STOPPED);
        let mut errors: Vec<&CouldNotRun> =
            [led.as_ref().err(), found.as_ref().err(), limited.as_ref().err()].into_iter().flatten().collect();
        errors.sort_by_key(|error| !is_reason(error));
        if let Some(error) = errors.first() {
            return Err((*error).clone());
        }
        watch.gathered(&led?, &lead.results)
    }
}

impl Follower {
    /// What is forced, as inputs, with the shapes of the second model's run.
    fn forced(&self, lead: &Lead, run: &Run, early: Option<&BTreeMap<String, Array>>) -> Result<Vec<InputSpec>, CouldNotRun> {
        let known = run.shapes().into_iter().flatten().map(|(name, dims)| (name.to_owned(), dims));
        let made = early.into_iter().flatten().map(|(name, value)| (name.clone(), value.dims.clone()));
        let shapes: HashMap<String, Vec<usize>> = known.chain(made).collect();
        let spec = |(ours, theirs): (&String, &String)| {
            let dims = shapes.get(theirs).cloned().ok_or_else(|| gone(theirs))?;
            Ok(InputSpec { name: ours.clone(), element: DataType::Double.into(), dims, assumed: vec![] })
        };
        pairs(&self.sites, &lead.sites).map(spec).collect()
    }
}

fn values_of(values: &BTreeMap<String, Arc<Array>>) -> BTreeMap<String, Array> {
    values.iter().map(|(name, value)| (name.clone(), Array::clone(value))).collect()
}

/// What the sites make, by the names of the first and of the second model.
fn pairs<'s>(ours: &'s [FlatSite], theirs: &'s [FlatSite]) -> impl Iterator<Item = (&'s String, &'s String)> {
    let outputs = |sites: &'s [FlatSite]| sites.iter().flat_map(|site| site.outputs.iter().map(|output| &output.name));
    outputs(ours).zip(outputs(theirs))
}
