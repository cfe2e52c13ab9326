//! What is said of two files before anything is run: where they differ, and what their constants prove.

use std::path::Path;

use rayon::prelude::*;

use super::align::Read;
use super::certify::{self, Certified};
use super::measure::{self, Measures};
use super::region::{Form, Site};
use super::side::Side;
use super::table::{self, Sizes};
use super::together::{self, Part};
use super::verdict::Difference;
use super::wording::Wording;
use super::{VerifyOptions, align, region, taps, vanished, wording};
use crate::error::Result;
use crate::model::{Graph, Model};

/// Two files and what was found.
pub(super) struct Files<'x, 'm> {
    /// The files, in the words in which they were found to agree best.
    pub sides: &'x (Side, Side),
    /// Their graphs.
    pub graphs: (&'x Graph<'m>, &'x Graph<'m>),
    /// What was found.
    pub found: Found,
}

/// What was found in two files.
pub(super) struct Found {
    /// What is seen from outside and differs.
    pub interface: Vec<Difference>,
    /// What could not be matched, and is no fold.
    pub unmatched: Vec<Difference>,
    /// Regions of which nothing can be said, and why.
    pub unjudged: Vec<(align::Region, String)>,
    /// What may be folds, and what their constants say.
    pub sites: Vec<(Site, Certified)>,
    /// What is no fold, and may be the same in other words if a run says how large it is; with what is said of it if it is not.
    pub open: Vec<((Site, Certified), Difference)>,
    /// How many of them are no folds, but were proved as the same in other words.
    pub otherwise: usize,
}

impl Found {
    /// How many places are wrong, as far as the files say.
    fn wrong(&self) -> usize {
        let unmatched = self.unmatched.len() + self.open.len();
        self.interface.len() + unmatched + self.sites.iter().filter(|(_, certified)| certified.is_wrong()).count()
    }

    /// How many places wait for a run.
    fn waiting(&self) -> usize {
        let sites = self.sites.iter().filter(|(_, certified)| matches!(certified, Certified::OtherForm(_)));
        sites.count() + self.unjudged.len()
    }

    /// Whether less is wrong here, or less waits for a run. Where the files differ by folds alone, one of which is known to be
    /// wrong, it is no better not to know: the place would be another.
    fn explains_more_than(&self, other: &Found) -> bool {
        let unmatched = other.interface.len() + other.unmatched.len() + other.open.len();
        let fewer = self.wrong() < other.wrong() && (unmatched > 0 || self.waiting() <= other.waiting());
        // What is matched by its structure needs no proof of its own.
        let (proofs, waiting) = (self.otherwise.cmp(&other.otherwise), self.waiting().cmp(&other.waiting()));
        fewer || self.wrong() == other.wrong() && proofs.is_le() && waiting.is_le() && (proofs.is_lt() || waiting.is_lt())
    }
}

/// Opens two files and compares them, first as they stand, and if they differ then in other words, if there are some in which
/// less differs. Hands what was found on.
///
/// # Errors
/// A file that cannot be read, a value to be told of that neither file has; and those of `then`.
pub(super) fn compare<T>(
    before: &Path,
    after: &Path,
    options: &VerifyOptions,
    then: impl FnOnce(Files<'_, '_>) -> Result<T>,
) -> Result<T> {
    let sides = (Side::of(before), Side { moved: options.moved_sides.clone(), ..Side::of(after) });
    let models = (sides.0.open()?, sides.1.open()?);
    let (a, b) = graphs(&sides, &models, options)?;
    super::asked(&a, options)?;
    taps::check(&options.taps, &a, &b)?;
    let found = judged((&a, &b), (&Measures::default(), &Measures::default()), options)?;
    let read = (Wording::read(&a), Wording::read(&b));
    if found.wrong() > 0 && !(read.0.is_empty() && read.1.is_empty()) {
        // Without nodes that nobody reads, and else as they stand.
        let side = |side: &Side, wording: Wording| Side { wording, ..side.clone() };
        let fewer = (side(&sides.0, read.0), side(&sides.1, read.1));
        let models = (fewer.0.open()?, fewer.1.open()?);
        let (a, b) = graphs(&fewer, &models, options)?;
        let better = judged((&a, &b), (&Measures::default(), &Measures::default()), options)?;
        if better.wrong() == 0 && better.explains_more_than(&found) {
            return then(Files { sides: &fewer, graphs: (&a, &b), found: better });
        }
    }
    if found.wrong() + found.otherwise + found.waiting() > 0 {
        let reworded = reworded(&sides, (&a, &b), options)?;
        let models = (reworded.0.open()?, reworded.1.open()?);
        let (a, b) = graphs(&reworded, &models, options)?;
        let measures = measure::between(&a, &b)?;
        let better = judged((&a, &b), (&measures.0, &measures.1), options)?;
        if better.explains_more_than(&found) {
            return then(Files { sides: &reworded, graphs: (&a, &b), found: better });
        }
    }
    then(Files { sides: &sides, graphs: (&a, &b), found })
}

/// Two files in the words in which they may say the same: first the nodes of each, then the names of what these make.
fn reworded(sides: &(Side, Side), (a, b): (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> Result<(Side, Side)> {
    let side = |side: &Side, wording: Wording| Side { wording, ..side.clone() };
    let written = (Wording::of(a)?, Wording::of(b)?);
    let spelled = (side(&sides.0, written.0.clone()), side(&sides.1, written.1.clone()));
    let models = (spelled.0.open()?, spelled.1.open()?);
    let (a, b) = graphs(&spelled, &models, options)?;
    let words = wording::between(&a, &b, &options.taps)?;
    let all = |written: Wording, words: Wording| Wording { nodes: written.nodes, ..words };
    Ok((side(&sides.0, all(written.0, words.0)), side(&sides.1, all(written.1, words.1))))
}

fn graphs<'m>(sides: &(Side, Side), models: &'m (Model, Model), options: &VerifyOptions) -> Result<(Graph<'m>, Graph<'m>)> {
    let graph = |model: &'m Model, side: &Side| options.graph(model).map_err(|e| e.file(&side.file));
    Ok((graph(&models.0, &sides.0)?, graph(&models.1, &sides.1)?))
}

/// Whether a region is made of operators that do the same at all sizes, so that some sizes show it.
fn is_sum(site: &Site) -> bool {
    site.forms.0.iter().chain(&site.forms.1).all(is_summed)
}

/// Whether what may do something else at other sizes is the same on both sides, so that the sizes of runs show it.
fn is_as_large(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> bool {
    let others = |graph: &Graph<'_>, forms: &[Form]| {
        let other = |form: &Form| (form.operator.clone(), align::canonical(graph.node(form.node).proto));
        let mut all: Vec<_> = forms.iter().filter(|form| !is_summed(form)).map(other).collect();
        all.sort();
        all
    };
    others(a, &site.forms.0) == others(b, &site.forms.1)
}

fn is_summed(form: &Form) -> bool {
    table::row(&form.operator).sizes == Sizes::Any
}

fn judged((a, b): (&Graph<'_>, &Graph<'_>), measures: (&Measures, &Measures), options: &VerifyOptions) -> Result<Found> {
    let read = (Read { graph: a, measures: measures.0 }, Read { graph: b, measures: measures.1 });
    let mut alignment = align::align_measured(read.0, read.1)?;
    vanished::settle(a, b, &mut alignment)?;
    let mut judged = region::judge_measured(read.0, read.1, &alignment)?;
    let (interface, mut unmatched) = (alignment.interface, alignment.differences);
    unmatched.append(&mut judged.differences);
    let otherwise = judged.otherwise.into_iter().map(|(site, difference)| (site, Some(difference)));
    let all: Vec<_> = judged.sites.into_iter().map(|site| (site, None)).chain(otherwise).collect();
    let found: Vec<_> = all.par_iter().map(|(site, _)| certify::certify(a, b, site, options.tier)).collect();
    let mut parts = Vec::with_capacity(all.len());
    for ((site, difference), certified) in all.into_iter().zip(found) {
        parts.push(Part { site, certified: certified?, difference });
    }
    let mut assumed = None;
    let is_open = |part: &Part| part.difference.is_some() && !matches!(part.certified, Certified::Certificate(_));
    for part in parts.iter_mut().filter(|part| is_open(part) && is_sum(&part.site)) {
        // Sizes that the file does not declare follow from those of the inputs, which may be any that are open.
        let all = match &assumed {
            Some(all) => all,
            None => assumed.insert(Measures::of(a)?.assumed(a)),
        };
        let read = part.site.region.inputs.iter().filter_map(|name| all.get_key_value(name));
        part.site.shapes = read.map(|(name, dims)| (name.clone(), dims.clone())).collect();
        part.certified = certify::tried(a, b, &part.site, options.tier)?;
    }
    together::joined(read, &mut parts, options.tier)?;
    let otherwise = parts.iter().filter(|part| part.difference.is_some() && part.is_proved()).count();
    // Where a constant of the same nodes is the only thing that is wrong, nothing can make up for it.
    let alone = unmatched.is_empty() && judged.unjudged.is_empty() && parts.iter().filter(|part| !part.is_proved()).count() == 1;
    let (mut sites, mut open) = (Vec::with_capacity(parts.len()), vec![]);
    for part in parts {
        let told = part.is_proved() || alone && part.has_another_constant();
        let may = matches!(part.certified, Certified::OtherForm(_)) && is_as_large(a, b, &part.site);
        match part.difference {
            Some(difference) if !told && may => open.push(((part.site, part.certified), difference)),
            Some(difference) if !told => unmatched.push(difference),
            _ => sites.push((part.site, part.certified)),
        }
    }
    Ok(Found { interface, unmatched, unjudged: judged.unjudged, sites, open, otherwise })
}
