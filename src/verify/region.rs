//! Which of the aligned regions may be a fold: linear operators with constant, finite parameters on both sides, and fewer or
//! simpler affine ones on the second.
//!
//! Whether the constants are right is not decided here, that is measured. What is no possible fold is a difference.

mod census;
pub(super) mod form;
mod grow;
mod integers;
mod peel;
mod rounding;
mod shapes;
pub(crate) mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::error::Result;
use crate::model::{Element, Graph, NodeId, ScopeId};
use crate::reference::Array;
use crate::verify::align::{self, Alignment, Read, Region};
use crate::verify::measure::{Extents, Measures};
use crate::verify::verdict::Difference;

use census::Census;
pub use form::Form;
pub(crate) use form::dropout;
pub(crate) use form::read as form;
pub(crate) use grow::{joined, with_makers};
pub(crate) use rounding::{coarsest, depths, finest};
pub(crate) use shapes::{numbers, sizes_read, without_shapes};

/// A region that may be a fold, with what the rounding of its constants may do to its outputs.
#[derive(Clone, Debug)]
pub struct Site {
    /// The region.
    pub region: Region,
    /// Its nodes in the first and in the second file.
    pub forms: (Vec<Form>, Vec<Form>),
    /// The type of the second file's constants; the coarsest if there are several.
    pub element: Element,
    /// How many rounded constants a contribution to an output passes one after the other, at most.
    pub roundings: usize,
    /// How many constants lost digits because they are among the smallest numbers.
    pub lost: u64,
    /// The largest magnitude that what the second file adds before or in them can have, its constants taken together.
    pub shift: f64,
    /// The largest magnitude of a constant of the first file, of a divisor's inverse.
    pub factor: f64,
    /// What the first file's inputs say of the extents of what it reads, where that matters.
    pub extents: BTreeMap<String, Extents>,
    /// Sizes that it reads and that follow from the extents of the inputs in a way that is the same for all of them.
    pub followed: BTreeSet<String>,
    /// The shapes of what it reads, by name in the first file, where a run has found them.
    pub shapes: Shapes,
    /// What it reads beside data, such as computed sizes, in the same way.
    pub settings: Settings,
    /// How many products a test of it by the slow reference may take.
    pub products: u64,
}

/// How many products a test by the slow reference may take, about: some seconds.
const MOST_PRODUCTS: u64 = 1 << 32;

/// Shapes by the names of values.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Values by their names, all finite.
pub type Settings = BTreeMap<String, Array>;

/// What is said of the regions before anything is run.
#[derive(Debug, Default)]
pub struct Judged {
    /// Those that may be folds.
    pub sites: Vec<Site>,
    /// What is no fold.
    pub differences: Vec<Difference>,
    /// Regions of which nothing can be said, and why.
    pub unjudged: Vec<(Region, String)>,
    /// Regions that are no fold but may be the same in other words, with what is said of them if they are not.
    pub otherwise: Vec<(Site, Difference)>,
}

/// Judges the regions of an alignment by their form. Regions that can only be a fold together are joined.
///
/// # Errors
/// A file that cannot be read.
pub fn judge(a: &Graph<'_>, b: &Graph<'_>, alignment: &Alignment) -> Result<Judged> {
    let nothing = Measures::default();
    judge_measured(Read { graph: a, measures: &nothing }, Read { graph: b, measures: &nothing }, alignment)
}

/// A region that need be no fold by its operators, as a site: whether both sides are the same function is for a trial to show.
/// `None` where that cannot be asked.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn in_other_words(a: Read<'_, '_>, b: Read<'_, '_>, region: &Region) -> Result<Option<Site>> {
    Judge::of(a, b).in_other_words(region)
}

/// A region as a site, if it may be a fold.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn as_fold(a: Read<'_, '_>, b: Read<'_, '_>, region: &Region) -> Result<Option<Site>> {
    let found = Judge::of(a, b).fold(region)?;
    Ok(if let Found::Site(site) = found { Some(*site) } else { None })
}

/// As [`judge`], of files of which something is known.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn judge_measured(a: Read<'_, '_>, b: Read<'_, '_>, alignment: &Alignment) -> Result<Judged> {
    let judge = Judge::of(a, b);
    let mut regions = alignment.regions.clone();
    let mut found = regions.iter().map(|region| judge.region(region)).collect::<Result<Vec<Found>>>()?;
    let mut tried = BTreeSet::new();
    while let Some(union) = judge.union(&regions, &found, &mut tried)? {
        let gone = |index: &usize| union.members.contains(index);
        let keep = |index: usize| !gone(&index);
        regions = regions.into_iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, region)| region).collect();
        found = found.into_iter().enumerate().filter(|(index, _)| keep(*index)).map(|(_, found)| found).collect();
        regions.push(union.region);
        found.push(union.found);
    }
    let mut all: Vec<(Region, Found)> = regions.into_iter().zip(found).collect();
    all.sort_by_key(|(r, _)| (r.scopes, r.before.clone(), r.after.clone()));
    let mut judged = Judged::default();
    for (region, found) in all {
        match found {
            Found::Site(site) => judged.sites.push(*site),
            Found::Unjudged(why) => judged.unjudged.push((region, why)),
            Found::Differs(difference) | Found::Half(difference) => match judge.in_other_words(&region)? {
                Some(site) => judged.otherwise.push((site, difference)),
                None => judged.differences.push(difference),
            },
        }
    }
    Ok(judged)
}

enum Found {
    Site(Box<Site>),
    Unjudged(String),
    Differs(Difference),
    /// No fold by itself, but perhaps with what reads its output: the same nodes with other constants.
    Half(Difference),
}

/// Regions that are judged as one.
struct Union {
    members: BTreeSet<usize>,
    region: Region,
    found: Found,
}

struct Judge<'x, 'm> {
    read: (Read<'x, 'm>, Read<'x, 'm>),
    a: &'x Graph<'m>,
    b: &'x Graph<'m>,
    /// What is known of the first file's extents, once that is asked.
    measures: OnceLock<Measures>,
}

impl<'x, 'm> Judge<'x, 'm> {
    fn of(a: Read<'x, 'm>, b: Read<'x, 'm>) -> Self {
        Judge { read: (a, b), a: a.graph, b: b.graph, measures: OnceLock::new() }
    }

    /// The next regions to be joined: half a fold with what reads it, or what makes the input of a region that is no fold with
    /// that region, or a region that is no fold with what reads it (a map that went forward through operators whose values keep
    /// their names), provided that they are a fold together. Otherwise the places that a report names would grow without need.
    fn union(&self, regions: &[Region], found: &[Found], tried: &mut BTreeSet<Vec<NodeId>>) -> Result<Option<Union>> {
        let is = |wanted: fn(&Found) -> bool| {
            let chosen = regions.iter().zip(found).enumerate().filter(move |(_, (_, found))| wanted(found));
            chosen.map(|(index, (region, _))| (index, region)).collect::<Vec<_>>()
        };
        let halves = is(|found| matches!(found, Found::Half(_)));
        let failed = is(|found| matches!(found, Found::Differs(_)));
        let feeds = |region: &Region| {
            failed.iter().any(|(_, f)| f.scopes == region.scopes && region.outputs.iter().any(|name| f.inputs.contains(name)))
        };
        let makers = is(|found| matches!(found, Found::Site(_))).into_iter().filter(|(_, region)| feeds(region));
        for (index, _) in halves.iter().copied().chain(makers).chain(failed.iter().copied()) {
            let Some(first) = regions.get(index) else { continue };
            let Some((mut members, region)) = grow::joined((self.a, self.b), regions, first, false) else { continue };
            members.insert(index);
            if !tried.insert(region.before.clone()) {
                continue;
            }
            let judged = self.region(&region)?;
            let half = matches!(found.get(index), Some(Found::Half(_)));
            if half || matches!(judged, Found::Site(_)) {
                return Ok(Some(Union { members, region, found: judged }));
            }
        }
        Ok(None)
    }

    fn region(&self, region: &Region) -> Result<Found> {
        if let Some(difference) = self.other_constants(region)? {
            return Ok(Found::Half(difference));
        }
        if let Some((core, between)) = peel::peeled(self.read.0, self.read.1, region)? {
            if between && let Found::Site(site) = self.fold(region)? {
                return Ok(Found::Site(site));
            }
            if let Found::Site(site) = self.region(&core)? {
                return Ok(Found::Site(site));
            }
        }
        self.fold(region)
    }

    /// A region as it is.
    fn fold(&self, region: &Region) -> Result<Found> {
        let place = place(self.a, &region.before);
        let differs = |what: String| Ok(Found::Differs(Difference { place: place.clone(), what }));
        let (before, after) = match (self.forms(self.a, &region.before)?, self.forms(self.b, &region.after)?) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(why), _) | (_, Err(why)) => {
                return differs(format!("has no counterpart in the second model, and is no part of a fold: {why}"));
            }
        };
        if let Some(difference) = self.kept_operators(&before, &after) {
            return Ok(Found::Differs(difference));
        }
        let affine = |forms: &[Form]| forms.iter().map(|form| form.affine).sum::<u8>();
        if affine(&after) >= affine(&before) {
            let kinds = |forms: &[Form]| forms.iter().map(|f| f.operator.as_str()).collect::<Vec<_>>().join(", ");
            let what = format!("[{}] became [{}], which is no fold", kinds(&before), kinds(&after));
            return Ok(Found::Half(Difference { place, what }));
        }
        let (ours, theirs) = (Census::of(self.a, &before)?, Census::of(self.b, &after)?);
        let broken = ours.broken || before.iter().any(|form| form.broken);
        match (broken, theirs.broken) {
            (true, true) => return Ok(Found::Unjudged("constants are not finite in either model".into())),
            (true, false) => return differs("is NaN or infinite in the first model, but not in the second".into()),
            (false, true) => return differs("has constants in the second model that are NaN or infinite".into()),
            (false, false) => {}
        }
        if let Some(tensor) = integers::changed((self.a, &before), (self.b, &after))? {
            return differs(format!("is made of quantised numbers that the first model has not (`{}`)", tensor.name));
        }
        let Some(element) = coarsest(self.b, &after) else {
            return differs("became a region without constants, which is no fold".into());
        };
        Ok(Found::Site(Box::new(self.site(region, (before, after), (ours, theirs), element)?)))
    }

    fn site(
        &self,
        region: &Region,
        forms: (Vec<Form>, Vec<Form>),
        (ours, theirs): (Census, Census),
        element: Element,
    ) -> Result<Site> {
        Ok(Site {
            region: region.clone(),
            extents: shapes::extents(self.read.0.graph, region, &self.measures)?,
            followed: shapes::followed(self.a, region, &forms.0, &self.measures)?,
            element,
            roundings: rounding::roundings(self.b, &forms.1),
            lost: theirs.small.saturating_add(theirs.zeros.saturating_sub(ours.zeros)),
            shift: theirs.shift,
            factor: ours.factor,
            forms,
            shapes: Shapes::new(),
            settings: Settings::new(),
            products: MOST_PRODUCTS,
        })
    }

    fn in_other_words(&self, region: &Region) -> Result<Option<Site>> {
        let (Ok(before), Ok(after)) = (self.forms(self.a, &region.before)?, self.forms(self.b, &region.after)?) else {
            return Ok(None);
        };
        let (ours, theirs) = (Census::of(self.a, &before)?, Census::of(self.b, &after)?);
        let broken = ours.broken || theirs.broken || before.iter().chain(&after).any(|form| form.broken);
        if broken || integers::changed((self.a, &before), (self.b, &after))?.is_some() {
            return Ok(None);
        }
        let element = coarsest(self.b, &after).or(coarsest(self.a, &before)).unwrap_or(Element::F64);
        Ok(Some(self.site(region, (before, after), (ours, theirs), element)?))
    }

    fn forms(&self, graph: &Graph<'_>, nodes: &[NodeId]) -> Result<std::result::Result<Vec<Form>, String>> {
        let mut forms = Vec::with_capacity(nodes.len());
        for node in nodes {
            match form::read(graph, *node)? {
                Ok(form) => forms.push(form),
                Err(why) => return Ok(Err(format!("`{}` {why}", graph.describe(*node)))),
            }
        }
        Ok(Ok(forms))
    }

    /// Whether both sides are the same nodes, one by one, with other constants.
    fn other_constants(&self, region: &Region) -> Result<Option<Difference>> {
        if region.before.len() != region.after.len() {
            return Ok(None);
        }
        let mut first = None;
        for (one, two) in region.before.iter().zip(&region.after) {
            match align::apart((self.read.0, *one), (self.read.1, *two))? {
                None => return Ok(None),
                Some(inputs) => first = first.or(inputs.first().map(|input| (*one, *input))),
            }
        }
        Ok(first.map(|(node, input)| {
            let name = self.a.node(node).proto.input.get(input).map_or("", String::as_str);
            let what = format!("the constant at input {input} (`{name}`) of `{}` differs", self.a.describe(node));
            Difference { place: place(self.a, &[node]), what }
        }))
    }

    /// A fold removes maps and what hands its input on; every other operator stays, with its attributes. `None` if they do.
    fn kept_operators(&self, before: &[Form], after: &[Form]) -> Option<Difference> {
        let pads = |forms: &[Form]| forms.iter().filter(|form| form.operator == "Pad").count();
        // The zeros of a Pad may become the pads of a convolution, which is certified or refused.
        let moved = pads(before) > pads(after);
        // Runs show it for the sizes that they have: there must be no others.
        let flattened = before.iter().any(|f| f.operator == "MatMul")
            && after.iter().any(|f| f.operator == "Gemm")
            && align::fixed_inputs(self.a, ScopeId(0));
        let kinds = |graph: &Graph<'_>, forms: &[Form]| {
            let goes = |f: &Form| match f.operator.as_str() {
                "Identity" | "Dropout" => true,
                "Pad" => moved,
                // A product of more axes than two may be written as one of two between two Reshapes.
                "Reshape" => flattened,
                _ => false,
            };
            let stays = |f: &&Form| f.affine == 0 && !goes(f);
            let mut found = BTreeMap::<_, Vec<NodeId>>::new();
            for form in forms.iter().filter(stays) {
                let kind = match form.operator.as_str() {
                    // A product may get a place for a bias, and lose its factors.
                    "Gemm" | "MatMul" => ("MatMul".to_owned(), BTreeSet::new()),
                    // What these compute is measured: attributes can say the same in different words, and bounds are multiplied.
                    "Conv" | "ConvTranspose" | "Clip" => (form.operator.clone(), BTreeSet::new()),
                    operator => (operator.to_owned(), align::canonical(graph.node(form.node).proto)),
                };
                found.entry(kind).or_default().push(form.node);
            }
            found
        };
        let (ours, theirs) = (kinds(self.a, before), kinds(self.b, after));
        let kind = ours.keys().chain(theirs.keys()).find(|k| ours.get(*k).map(Vec::len) != theirs.get(*k).map(Vec::len))?;
        let name = |graph: &Graph<'_>, node: NodeId| graph.node(node).proto.output.first().cloned();
        let at = |nodes: Option<&Vec<NodeId>>| nodes.cloned().unwrap_or_default();
        let (one, two) = (at(ours.get(kind)), at(theirs.get(kind)));
        let more = one.len() > two.len();
        let (graph, nodes, other, others) = if more { (self.a, one, self.b, two) } else { (self.b, two, self.a, one) };
        let names: BTreeSet<_> = others.iter().map(|node| name(other, *node)).collect();
        let alone = nodes.iter().find(|node| !names.contains(&name(graph, **node)))?;
        let what = format!("only the {} model has such a {}", if more { "first" } else { "second" }, kind.0);
        Some(Difference { place: place(graph, &[*alone]), what })
    }
}

/// The value that a report names: the first that the first node makes, with the graph it stands in.
pub(crate) fn place(graph: &Graph<'_>, nodes: &[NodeId]) -> String {
    let Some(node) = nodes.first().map(|n| graph.node(*n)) else { return String::new() };
    let name = node.proto.output.iter().find(|o| !o.is_empty()).map_or("", String::as_str);
    match graph.scope_path(node.scope).as_str() {
        "" => format!("value `{name}`"),
        path => format!("value `{path}/{name}`"),
    }
}
