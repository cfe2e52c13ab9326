//! What the first model makes, compared with the second's as it comes, so that nothing needs to be kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::edit::FlatSite;
use super::judge::{self, Limits};
use super::lead::Led;
use super::post::{Of, Reader};
use super::{Gathered, Relay, STOPPED, SiteReport, gone};
use crate::engine::CouldNotRun;
use crate::engine::array::{Array, Data, fingerprint};
use crate::engine::opaque::Opaque;

/// The sites of both models, and what came of them so far.
pub(super) struct Watch<'x> {
    relay: &'x Relay,
    sites: &'x [FlatSite],
    theirs: &'x [FlatSite],
    /// The first model's opaque nodes.
    opaque: &'x [Opaque],
    /// Who reads a value as data, and who beside it.
    readers: HashMap<&'x str, Vec<(usize, bool)>>,
    /// Which output of which site a value is.
    makers: HashMap<&'x str, (usize, usize)>,
    /// Values that are kept: outputs.
    wanted: HashSet<&'x str>,
    reports: Vec<SiteReport>,
    /// The largest magnitude that a site reads, and how many of its outputs were compared.
    seen: Vec<(f64, usize)>,
    /// Fingerprints of what sites and opaque nodes read.
    read: HashMap<&'x str, u64>,
    kept: BTreeMap<String, Array>,
}

impl<'x> Watch<'x> {
    /// For the sites of the first and of the second model. `results` are the names of the outputs.
    pub fn new(
        (relay, sites, theirs): (&'x Relay, &'x [FlatSite], &'x [FlatSite]),
        opaque: &'x [Opaque],
        results: &'x HashSet<String>,
    ) -> Watch<'x> {
        let mut readers: HashMap<&str, Vec<(usize, bool)>> = HashMap::new();
        let mut makers = HashMap::new();
        for (at, site) in sites.iter().enumerate() {
            for (name, data) in site.inputs.iter().map(|n| (n, true)).chain(site.settings.iter().map(|n| (n, false))) {
                readers.entry(name).or_default().push((at, data));
            }
            makers.extend(site.outputs.iter().enumerate().map(|(number, output)| (output.own.as_str(), (at, number))));
        }
        let report = |site: &FlatSite| {
            let value = site.outputs.first().map(|output| output.name.clone()).unwrap_or_default();
            SiteReport { plan: site.plan, value, ..SiteReport::default() }
        };
        Watch {
            relay,
            sites,
            theirs,
            opaque,
            readers,
            makers,
            wanted: results.iter().map(String::as_str).collect(),
            reports: sites.iter().map(report).collect(),
            seen: vec![(0.0, 0); sites.len()],
            read: HashMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Takes in a value of the first model.
    pub fn visit(&mut self, reader: &Reader<'_>, name: &str, value: Array) -> Result<(), CouldNotRun> {
        if let Some((name, all)) = self.readers.get_key_value(name) {
            if all.iter().any(|(_, data)| *data) {
                self.read.insert(name, fingerprint(&value));
            }
            for (at, data) in all {
                let (Some(site), Some(report), Some(seen)) =
                    (self.sites.get(*at), self.reports.get_mut(*at), self.seen.get_mut(*at))
                else {
                    continue;
                };
                report.shapes.insert(site.local(name).to_owned(), value.dims.clone());
                match (data, &value.data) {
                    (true, Data::Float(all)) => {
                        seen.0 = all.iter().filter(|x| x.is_finite()).fold(seen.0, |most, x| most.max(x.abs()));
                    }
                    (true, _) => {}
                    (false, _) => {
                        report.settings.extend(judge::setting(&value).map(|value| (site.local(name).to_owned(), value)));
                    }
                }
            }
        }
        if let Some(opaque) = self.opaque.iter().find(|opaque| opaque.read == name) {
            self.read.insert(&opaque.read, fingerprint(&value));
        }
        if let Some((at, number)) = self.makers.get(name).copied() {
            self.compare(reader, (at, number), &value)?;
        }
        // Where a site's result was forced, its own is what is compared.
        let own = self.makers.get(name).and_then(|(at, number)| self.sites.get(*at)?.outputs.get(*number));
        let name = own.map_or(name, |output| output.name.as_str());
        if self.wanted.contains(name) && (own.is_some() || !self.kept.contains_key(name)) {
            self.kept.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// Compares what a site makes.
    fn compare(&mut self, reader: &Reader<'_>, (at, number): (usize, usize), own: &Array) -> Result<(), CouldNotRun> {
        let site = self.sites.get(at).ok_or_else(|| gone("a site"))?;
        let output = site.outputs.get(number).ok_or_else(|| gone("an output"))?;
        let theirs = self.theirs.get(at).and_then(|site| site.outputs.get(number)).ok_or_else(|| gone(&output.name))?;
        let plan = self.relay.sites.get(site.plan).ok_or_else(|| gone("a site"))?;
        let stopped = || CouldNotRun::Model(STOPPED.to_owned());
        let found = reader.take(Of::Leader, &theirs.name).ok_or_else(stopped)?;
        let absolute = reader.take(Of::Limits, &output.absolute).ok_or_else(stopped)?;
        if let (Some(report), Some((largest, compared))) = (self.reports.get_mut(at), self.seen.get_mut(at)) {
            Limits::of(self.relay, plan, *largest).compare(&output.name, &found, own, &absolute, report);
            *compared += 1;
        }
        Ok(())
    }

    /// What came of it all.
    pub fn gathered(mut self, led: &Led, results: &HashSet<String>) -> Result<Gathered, CouldNotRun> {
        let mut gathered = Gathered::default();
        for (at, (site, mut report)) in self.sites.iter().zip(std::mem::take(&mut self.reports)).enumerate() {
            if self.seen.get(at).map(|(_, compared)| *compared) != Some(site.outputs.len()) {
                return Err(gone(&report.value));
            }
            for name in &site.inputs {
                if self.read.get(name.as_str()).ok_or_else(|| gone(name))? != led.read.get(name).ok_or_else(|| gone(name))? {
                    report.apart = Some(format!("its input `{name}` is not the same in both models"));
                }
            }
            gathered.site(report);
        }
        for opaque in self.opaque {
            if self.read.get(opaque.read.as_str()) != led.read.get(&opaque.read) {
                gathered.apart(&opaque.label, format!("what the opaque {} reads is not the same", opaque.operator));
            }
        }
        let forced: HashSet<&str> = self.theirs.iter().flat_map(|site| &site.outputs).map(|o| o.name.as_str()).collect();
        for (name, value) in &led.kept {
            if !forced.contains(name.as_str()) && results.contains(name) {
                gathered.output(name, judge::apart(value, self.kept.get(name).ok_or_else(|| gone(name))?));
            }
        }
        Ok(gathered)
    }
}
