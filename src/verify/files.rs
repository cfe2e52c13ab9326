//! What is said of two files before anything is run: where they differ, and what their constants prove.

use std::path::Path;

use super::region::Site;
use super::side::Side;
use super::verdict::Difference;
use super::{VerifyOptions, align, certify, region, taps, wording};
use crate::error::Result;
use crate::model::{Graph, Model};

/// Two files and what was found.
pub(super) struct Files {
    /// The files, in the words in which they were found to agree best.
    pub sides: (Side, Side),
    /// The same, open.
    pub models: (Model, Model),
    /// What was found.
    pub found: Found,
}

/// What was found in two files.
pub(super) struct Found {
    /// What is no fold.
    pub differences: Vec<Difference>,
    /// Regions of which nothing can be said, and why.
    pub unjudged: Vec<(align::Region, String)>,
    /// What may be folds, and what their constants say.
    pub sites: Vec<(Site, certify::Certified)>,
}

impl Found {
    /// How many places are wrong, as far as the files say.
    fn wrong(&self) -> usize {
        self.differences.len() + self.sites.iter().filter(|(_, certified)| certified.is_wrong()).count()
    }
}

/// Opens two files and compares them, first as they stand, and if they differ then in other words, if there are some in which
/// less differs.
///
/// # Errors
/// A file that cannot be read, a value to be told of that neither file has.
pub(super) fn compare(before: &Path, after: &Path, options: &VerifyOptions) -> Result<Files> {
    let sides = (Side::of(before), Side { moved: options.moved_sides.clone(), ..Side::of(after) });
    let models = (sides.0.open()?, sides.1.open()?);
    let (found, words) = {
        let (a, b) = graphs(&sides, &models, options)?;
        taps::check(&options.taps, &a, &b)?;
        let found = judged((&a, &b), options)?;
        let words = if found.wrong() > 0 { Some(wording::between(&a, &b, &options.taps)?) } else { None };
        (found, words)
    };
    let files = Files { sides, models, found };
    match words.filter(|(one, two)| !one.is_empty() || !two.is_empty()) {
        Some(words) => reworded(files, words, options),
        None => Ok(files),
    }
}

/// The files in other words, if less differs with them.
fn reworded(files: Files, words: (wording::Wording, wording::Wording), options: &VerifyOptions) -> Result<Files> {
    let (one, two) = files.sides.clone();
    let sides = (Side { wording: words.0, ..one }, Side { wording: words.1, ..two });
    let models = (sides.0.open()?, sides.1.open()?);
    let found = {
        let (a, b) = graphs(&sides, &models, options)?;
        judged((&a, &b), options)?
    };
    Ok(if found.wrong() < files.found.wrong() { Files { sides, models, found } } else { files })
}

/// The graphs of both models, as these options read them.
///
/// # Errors
/// As [`Graph::build`].
pub(super) fn graphs<'m>(
    sides: &(Side, Side),
    models: &'m (Model, Model),
    options: &VerifyOptions,
) -> Result<(Graph<'m>, Graph<'m>)> {
    let graph = |model: &'m Model, side: &Side| options.graph(model).map_err(|e| e.file(&side.file));
    Ok((graph(&models.0, &sides.0)?, graph(&models.1, &sides.1)?))
}

fn judged((a, b): (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> Result<Found> {
    let alignment = align::align(a, b)?;
    let mut judged = region::judge(a, b, &alignment)?;
    let mut differences = alignment.differences;
    differences.append(&mut judged.differences);
    let mut sites = Vec::with_capacity(judged.sites.len());
    for site in judged.sites {
        let certified = certify::certify(a, b, &site, options.tier)?;
        sites.push((site, certified));
    }
    Ok(Found { differences, unjudged: judged.unjudged, sites })
}
