//! What a region's two sides are made of, and what is fed into them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::budget::cost;
use super::walk::Values;
use super::{Read, draws, same};
use crate::error::Result;
use crate::model::Graph;
use crate::onnx::ModelProto;
use crate::reference::Array;
use crate::verify::certify::layout::{Known, Layout, layouts};
use crate::verify::certify::small::{self, Recurrence};
use crate::verify::measure::Extents;
use crate::verify::region::{Form, Site, numbers, without_shapes};

/// What a region's sides are made of.
pub(super) struct Sides {
    /// The names of what they make, in the first and in the second file.
    pub outputs: Vec<(String, String)>,
    pub forms: (Vec<Form>, Vec<Form>),
    pub layouts: BTreeMap<String, Layout>,
    /// What is read beside data.
    pub settings: BTreeMap<String, Array>,
}

/// The sides of a region, at the sizes that a run had if it is to be seen `as_is`.
pub(super) fn sides(a: &Graph<'_>, b: &Graph<'_>, site: &Site, as_is: bool) -> Result<Read<Sides>> {
    let outputs = numbers(a, &site.region);
    let (ours, theirs): (Vec<String>, Vec<String>) = outputs.iter().cloned().unzip();
    let side =
        |graph: &Graph<'_>, forms: &[Form], outputs: &[String]| live(graph, without_shapes(graph, forms.to_vec()), outputs);
    let forms = (side(a, &site.forms.0, &ours), side(b, &site.forms.1, &theirs));
    if ours.is_empty() {
        return Ok(Err("a region that makes shapes alone".into()));
    }
    // Beside them no extent is made smaller.
    let settings = if as_is { site.settings.clone() } else { BTreeMap::new() };
    let names = settings.keys().map(String::as_str).collect();
    let known = Known { shapes: &site.shapes, settings: &names, whole: as_is, cut: true };
    let layouts = layouts(a, &forms.0, &ours, known, (b, &forms.1))?;
    Ok(layouts.map(|(layouts, _)| Sides { outputs, forms, layouts, settings }))
}

/// Which side of a region.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    First,
    Second,
}

impl Sides {
    /// A side as a model; as the absolute one if its numbers are to be `bounded`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn model(&self, graph: &Graph<'_>, which: Which, bounded: bool) -> Result<ModelProto> {
        let beside = self.settings.keys().filter(|name| !self.layouts.contains_key(*name));
        let inputs: Vec<String> = self.layouts.keys().chain(beside).cloned().collect();
        let first = which == Which::First;
        let forms = if first { &self.forms.0 } else { &self.forms.1 };
        let outputs = self.outputs.iter().map(|(one, two)| if first { one } else { two }).cloned().collect::<Vec<String>>();
        small::model(graph, forms, &inputs, &outputs, bounded, Recurrence::Gates)
    }

    /// Products that the reference would compute for both sides, about.
    pub fn products(&self, a: &Graph<'_>, b: &Graph<'_>) -> u64 {
        cost(a, &self.forms.0, &self.layouts).saturating_add(cost(b, &self.forms.1, &self.layouts))
    }

    /// How many numbers its values have, about.
    pub fn numbers(&self) -> u64 {
        let of = |layout: &Layout| layout.dims.iter().fold(1_u64, |all, dim| all.saturating_mul(*dim as u64));
        let nodes = (self.forms.0.len() + self.forms.1.len()) as u64;
        self.layouts.values().map(of).fold(0, u64::saturating_add).saturating_mul(nodes)
    }

    /// Whether axes are counted from the first one.
    pub fn counts_from_the_first(&self) -> bool {
        const IN_FRONT: &[&str] = &["BatchNormalization", "Conv", "ConvTranspose", "GroupNormalization", "InstanceNormalization"];
        self.forms.0.iter().any(|form| IN_FRONT.contains(&form.operator.as_str()))
    }

    /// Gives values as many axes as is known of them: a guess has fewer, in front where axes are counted from the first one.
    ///
    /// # Errors
    /// A value that has fewer axes than was guessed.
    pub fn fit(&mut self, extents: &BTreeMap<String, Extents>) -> Read<()> {
        let in_front = self.counts_from_the_first();
        for (name, layout) in &mut self.layouts {
            let Some(known) = extents.get(name) else { continue };
            let more = known.len().checked_sub(layout.dims.len()).ok_or_else(|| format!("`{name}` has fewer axes"))?;
            let at = if in_front { layout.dims.len() } else { 0 };
            layout.dims.splice(at..at, std::iter::repeat_n(1, more));
            layout.channels = layout.channels.map(|axis| if in_front { axis } else { axis + more });
        }
        Ok(())
    }

    /// What is fed in, by name, `made` of what was drawn.
    pub fn drawn(&self, draws: usize, made: &dyn Fn(Array) -> Array) -> Values {
        self.fed(draws, &|name, layout, draw| made(draws::fresh(name, draw, &layout.dims)))
    }

    /// What is fed in, by name, each draw of it `made`; what says where others are read is the same in all draws.
    pub fn fed(&self, draws: usize, made: &dyn Fn(&str, &Layout, usize) -> Array) -> Values {
        let drawn = |(name, layout): (&String, &Layout)| {
            let all = match layout.choice {
                true => same(Rc::new(draws::fresh(name, 0, &layout.dims)), draws),
                false => (0..draws).map(|draw| Rc::new(made(name, layout, draw))).collect(),
            };
            (name.clone(), all)
        };
        let settings = self.settings.iter().map(|(name, array)| (name.clone(), same(Rc::new(array.clone()), draws)));
        settings.chain(self.layouts.iter().map(drawn)).collect()
    }
}

/// What is found with small extents, or if nothing is, as the region is: beside what is read as settings no extent is smaller.
pub(super) fn as_small_as_may_be<T>(site: &Site, found: impl Fn(bool) -> Result<Read<T>>) -> Result<Read<T>> {
    let small = if site.settings.is_empty() { found(false)? } else { Err(String::new()) };
    match small {
        Err(why) => Ok(found(true)?.map_err(|also| if why.is_empty() { also } else { format!("{why}; as it is: {also}") })),
        small => Ok(small),
    }
}

/// The nodes that have a part in these outputs: of others, nobody reads more than the shape.
fn live(graph: &Graph<'_>, forms: Vec<Form>, outputs: &[String]) -> Vec<Form> {
    let mut needed: BTreeSet<&str> = outputs.iter().map(String::as_str).collect();
    let mut kept: Vec<Form> = Vec::with_capacity(forms.len());
    for form in forms.into_iter().rev() {
        let node = graph.node(form.node).proto;
        if node.output.iter().any(|output| needed.contains(output.as_str())) {
            needed.extend(node.input.iter().map(String::as_str));
            kept.push(form);
        }
    }
    kept.reverse();
    kept
}
