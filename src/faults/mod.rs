//! Seeded faults: models that are wrong in one known way, made from a model and its right fold, to see whether a judge notices.
//!
//! What a fold should have computed is computed here anew, from the operators' definitions, and a fault departs from it; it is
//! believed only where it gives what the right fold has. Nothing of what folds models is used, and nothing is judged here.

mod alter;
mod draw;
pub mod effect;
mod fault;
mod kept;
mod layout;
mod patch;
mod recipe;
mod size;
#[cfg(test)]
mod tests;
pub mod walk;

use prost::Message as _;

use crate::error::{Error, ErrorKind, Result};
use crate::faults::recipe::Recipe;
use crate::model::{Element, Graph, NodeId, ScopeId, ScopeKind, Use};
use crate::onnx::ModelProto;
use crate::verify::align;
use crate::verify::region::{self, Site};
use alter::Altered;
use draw::Draw;
pub use fault::Fault;
use patch::Patch;

/// A model that is wrong.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// The model. Constants in side files that are not wrong are still there.
    pub model: ModelProto,
    /// The values, with the way to them where they are nested, one of which a judge has to name.
    pub values: Vec<String>,
    /// How far the constants are from the exact ones, in units of roundoff on the scale on which foreign folds are judged;
    /// absent if the fault is one of structure.
    pub units: Option<f64>,
}

/// What came of a wish for a fault.
#[derive(Clone, Debug)]
pub enum Seeding {
    /// There is nothing in the model that could be wrong in this way.
    DoesNotApply,
    /// The constants are those of the right fold to within 2 units: no fault.
    WithinRounding,
    /// A wrong model.
    Wrong(Box<Wrong>),
}

/// A model and its right fold, and the places where that could be wrong.
pub struct Subject<'g, 'm> {
    before: &'g Graph<'m>,
    after: &'g Graph<'m>,
    model: ModelProto,
    sites: Vec<Site>,
    kept: Vec<NodeId>,
}

/// One linear node of a right fold.
struct Fold {
    recipe: Recipe,
    node: NodeId,
    element: Element,
    /// As stored.
    weight: Vec<f64>,
    bias: Vec<f64>,
}

impl<'g, 'm> Subject<'g, 'm> {
    /// Looks for the places.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn new(before: &'g Graph<'m>, after: &'g Graph<'m>) -> Result<Self> {
        let alignment = align::align(before, after)?;
        let mut sites = region::judge(before, after, &alignment)?.sites;
        // A wrong constant would need a node of its own in a function, which has no initializers.
        sites.retain(|site| !in_function(after, site.region.scopes.1));
        let file = after.model.file(0);
        let mut bytes = vec![0; usize::try_from(after.model.len()).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0).map_err(|e| Error::io("cannot read the model again", e))?;
        let model = ModelProto::decode(&bytes[..])
            .map_err(|e| Error::new(ErrorKind::Wire, format!("the messages of the model do not decode: {e}")))?;
        Ok(Subject { before, after, model, sites, kept: kept::candidates(after) })
    }

    /// How many folds there are to seed faults in.
    pub fn sites(&self) -> usize {
        self.sites.len()
    }

    /// A wrong model with a fault of this kind, at the first place where it applies, from a seeded place on.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn seed(&self, fault: Fault, seed: u64) -> Result<Seeding> {
        let mut draw = Draw(seed);
        let (sites, kept) = (self.sites.len(), self.kept.len());
        let start = draw.below(sites);
        for at in (0..sites).filter_map(|at| (start + at).checked_rem(sites)).filter(|_| !fault.is_of_kept()) {
            match self.seed_at(at, fault, &mut draw)? {
                Seeding::DoesNotApply => {}
                // At this place the fault would make a file that is none.
                Seeding::Wrong(wrong) if !self.is_sound(&wrong) => {}
                found => return Ok(found),
            }
        }
        let start = draw.below(kept);
        for at in (0..kept).filter_map(|at| (start + at).checked_rem(kept)) {
            if !fault.is_of_kept() && fault != Fault::SecondReader {
                break;
            }
            let Some(node) = self.kept.get(at) else { continue };
            if let Some(wrong) = kept::folded(self.after, &self.model, *node, fault)?.filter(|wrong| self.is_sound(wrong)) {
                return Ok(Seeding::Wrong(Box::new(wrong)));
            }
        }
        Ok(Seeding::DoesNotApply)
    }

    /// Whether a wrong model is still a model: what nodes read is computed before them, for one.
    fn is_sound(&self, wrong: &Wrong) -> bool {
        effect::sound::unsound(&wrong.model).is_none() || effect::sound::unsound(&self.model).is_some()
    }

    /// A fault at one fold.
    fn seed_at(&self, at: usize, fault: Fault, draw: &mut Draw) -> Result<Seeding> {
        let Some(site) = self.sites.get(at) else { return Ok(Seeding::DoesNotApply) };
        if fault == Fault::ReaderRewired {
            let wrong = self.rewired(site, draw);
            return Ok(wrong.map_or(Seeding::DoesNotApply, |wrong| Seeding::Wrong(Box::new(wrong))));
        }
        let folds = self.folds(site)?;
        let Some(fold) = draw.one(&folds) else { return Ok(Seeding::DoesNotApply) };
        let kind = match (fault, folds.len()) {
            // A reader that is forgotten keeps the constants that it had.
            (Fault::SecondReader, 2..) => Fault::Identity,
            (Fault::SecondReader, _) => return Ok(Seeding::DoesNotApply),
            _ => fault,
        };
        let Some(altered) = alter::altered(&fold.recipe, fold.element, kind, draw) else { return Ok(Seeding::DoesNotApply) };
        Ok(self.put(site, fold, &altered).unwrap_or(Seeding::DoesNotApply))
    }

    /// The linear nodes of a fold whose constants are understood.
    fn folds(&self, site: &Site) -> Result<Vec<Fold>> {
        let mut found = Vec::new();
        for form in site.forms.0.iter().filter(|form| is_linear(&form.operator)) {
            let Some((recipe, end)) = recipe::read(self.before, form.node, &site.region.before)? else { continue };
            let name = self.before.value(end).name;
            let same = |node: &&NodeId| self.after.node(**node).proto.output.first().is_some_and(|output| output == name);
            let Some(node) = site.region.after.iter().find(same) else { continue };
            if let Some(fold) = self.fold(recipe, *node)? {
                found.push(fold);
            }
        }
        Ok(found)
    }

    fn fold(&self, recipe: Recipe, id: NodeId) -> Result<Option<Fold>> {
        let node = self.after.node(id);
        if !is_linear(node.proto.op_type()) || recipe.before.len() + recipe.behind.len() == 0 {
            return Ok(None);
        }
        let (Some(stored), Some(element)) = (recipe::bare(self.after, id)?, recipe::element(self.after, node)) else {
            return Ok(None);
        };
        let plain = stored.bias.is_none() || stored.beta == 1.0;
        if stored.layout != recipe.layout || stored.alpha != recipe.alpha || !plain {
            return Ok(None);
        }
        let bias = stored.bias.unwrap_or_else(|| vec![0.0; recipe.layout.outputs]);
        let exact = recipe.constants();
        let near = size::distance(element, &exact, (&rounded(element, &exact.weight), &exact.bias), (&stored.weight, &bias), 1.0);
        Ok((!near.beyond_rounding).then_some(Fold { recipe, node: id, element, weight: stored.weight, bias }))
    }

    /// Puts wrong constants into the right fold.
    fn put(&self, site: &Site, fold: &Fold, altered: &Altered) -> Option<Seeding> {
        let exact = fold.recipe.constants();
        let wrong = (rounded(fold.element, &altered.weight), rounded(fold.element, &altered.bias));
        let forward = !fold.recipe.before.is_empty();
        let slack = if forward { 1.0 + (fold.recipe.layout.terms() as f64).sqrt() / 4.0 } else { 1.0 };
        let found = size::distance(fold.element, &exact, (&fold.weight, &fold.bias), (&wrong.0, &wrong.1), slack);
        if !found.beyond_rounding && !altered.without_alpha {
            return Some(Seeding::WithinRounding);
        }
        let channels = fold.recipe.layout.outputs;
        let mut patch = Patch::new(self.after, &self.model);
        let other = |ours: &[f64], theirs: &[f64]| ours.iter().zip(theirs).any(|(a, b)| a.to_bits() != b.to_bits());
        if other(&fold.weight, &wrong.0) {
            patch.constant(fold.node, 1, &wrong.0, channels)?;
        }
        if altered.without_bias {
            patch.node(fold.node)?.input.truncate(2);
        } else if other(&fold.bias, &wrong.1) {
            if self.after.node(fold.node).proto.op_type() == "MatMul" {
                return None;
            }
            patch.constant(fold.node, 2, &wrong.1, channels)?;
        }
        if altered.without_alpha {
            patch.node(fold.node)?.attribute.retain(|a| a.name() != "alpha");
        }
        let units = if altered.without_alpha { f64::INFINITY } else { found.units };
        Some(Seeding::Wrong(Box::new(Wrong { model: patch.finished(), values: self.named(site), units: Some(units) })))
    }

    /// The values at which a fold ends, and the first that it makes, as reports name them.
    fn named(&self, site: &Site) -> Vec<String> {
        let path = self.before.scope_path(site.region.scopes.0);
        let named = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let first = site.region.before.first().and_then(|node| self.before.node(*node).proto.output.first());
        site.region.outputs.iter().chain(first).map(named).collect()
    }

    /// Somebody who read the result of a fold reads what went into it.
    fn rewired(&self, site: &Site, draw: &mut Draw) -> Option<Wrong> {
        let made = site.region.after.iter().flat_map(|node| &self.after.node(*node).outputs).flatten();
        let outside = |user: &Use| match user {
            Use::Node(node, input) if !site.region.after.contains(node) => Some((*node, *input)),
            _ => None,
        };
        let mut readers: Vec<(NodeId, usize)> = made.flat_map(|v| self.after.value(*v).uses.iter().filter_map(outside)).collect();
        readers.retain(|(node, _)| !in_function(self.after, self.after.node(*node).scope));
        let (node, input) = *draw.one(&readers)?;
        let source = site.region.inputs.first()?;
        let mut patch = Patch::new(self.after, &self.model);
        let message = patch.node(node)?;
        source.clone_into(message.input.get_mut(input)?);
        let mut values = self.named(site);
        values.extend(message.output.iter().cloned());
        Some(Wrong { model: patch.finished(), values, units: None })
    }
}

fn is_linear(operator: &str) -> bool {
    matches!(operator, "Conv" | "ConvTranspose" | "Gemm" | "MatMul")
}

fn in_function(graph: &Graph<'_>, scope: ScopeId) -> bool {
    let mut at = Some(scope);
    while let Some(id) = at {
        if matches!(graph.scope(id).kind, ScopeKind::Function(_)) {
            return true;
        }
        at = graph.scope(id).parent;
    }
    false
}

fn rounded(element: Element, values: &[f64]) -> Vec<f64> {
    values.iter().map(|v| element.round(*v)).collect()
}
