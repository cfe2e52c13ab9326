//! Folds certified from their constants alone: what those of the second file should be, computed from those of the first, and
//! what they are. Nothing is run, and what is found holds for all inputs; where a
//! region computes shapes, for those of the sizes that a run had.
//!
//! All arithmetic is f64 on the stored values, and for constants in double with twice its digits. Weights are read side by side
//! in blocks. Knows nothing of how a fold is made: the coefficients are those of the first file's nodes, one after the other.

mod choice;
mod compare;
mod fact;
pub(crate) mod gates;
pub(crate) mod layout;
pub(crate) mod limit;
mod multipliers;
mod side;
pub(crate) mod small;
mod stream;
mod tally;

use crate::error::Result;
use crate::model::graph::asks_for_shape;
use crate::model::{Graph, NodeId, Use, ValueId};
use crate::verify::Tier;
use crate::verify::region::{self, Form, Site};
use crate::verify::trial;
use crate::verify::verdict::{Certificate, Deviation};
use compare::{Compared, Pair};
pub use limit::{FOREIGN, ONCE, SUM, SUM_OF_DOUBLES};
use tally::{Place, Spot, Tally};

/// What the constants of a site say.
#[derive(Clone, Debug)]
pub enum Certified {
    /// Every constant was compared.
    Certificate(Box<Certificate>),
    /// Something that is no number differs.
    Differs(String),
    /// The region has another form, so that its constants say nothing one by one.
    OtherForm(String),
}

impl Certified {
    /// Whether a constant is beyond its limit, or something else is other than it must be.
    pub fn is_wrong(&self) -> bool {
        match self {
            Certified::Certificate(certificate) => certificate.worst > 1.0,
            Certified::Differs(_) => true,
            Certified::OtherForm(_) => false,
        }
    }
}

/// Certifies a site.
///
/// # Errors
/// A file that cannot be read.
pub fn certify(a: &Graph<'_>, b: &Graph<'_>, site: &Site, tier: Tier) -> Result<Certified> {
    in_range(a, b, site, &|site| constants(a, b, site, tier))
}

/// What is found, unless numbers leave the range of their type in one file only, only one takes all sizes, or the digits of one
/// constant excuse what another one lacks.
fn in_range(a: &Graph<'_>, b: &Graph<'_>, site: &Site, found: &dyn Fn(&Site) -> Result<Certified>) -> Result<Certified> {
    let right = |found: &Certified| matches!(found, Certified::Certificate(certificate) if certificate.worst <= 1.0);
    let of_all = found(site)?;
    if !right(&of_all) {
        return Ok(of_all);
    }
    if let Some(finest) = region::finest(b, &site.forms.1).filter(|finest| *finest != site.element)
        && !right(&found(&Site { element: finest, ..site.clone() })?)
    {
        let why = "constants of several types, which are the same within the digits of the coarsest alone";
        return Ok(Certified::OtherForm(why.to_owned()));
    }
    let why = match trial::left(a, b, site)? {
        Some(why) => Some(why),
        None => trial::fewer(a, b, site)?,
    };
    Ok(why.map_or(of_all, Certified::OtherForm))
}

/// What a test of the whole region by random numbers says, whatever its constants say one by one: of a sum they follow one of its
/// terms alone, whichever stands first. Whether a Pad may go is said for all sizes, which this does not.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn tried(a: &Graph<'_>, b: &Graph<'_>, site: &Site, tier: Tier) -> Result<Certified> {
    if pads(&site.forms.0) != pads(&site.forms.1) {
        return Ok(Certified::OtherForm("a Pad stands in one file only".into()));
    }
    in_range(a, b, site, &|site| {
        Ok(match trial::test(a, b, site, tier)? {
            Ok(certificate) => Certified::Certificate(Box::new(certificate)),
            Err(why) => Certified::OtherForm(why),
        })
    })
}

/// What the constants say in f64, whatever the range of their type.
fn constants(a: &Graph<'_>, b: &Graph<'_>, site: &Site, tier: Tier) -> Result<Certified> {
    let mut whole: Option<Certificate> = None;
    for output in site.region.outputs.iter().zip(&site.region.outputs_after) {
        match way(a, b, site, output, tier)? {
            Ok(Compared::Differs(why)) => return Ok(Certified::Differs(why)),
            // Of a sum either side follows the term that stands first, and a fold may put another one there.
            Ok(Compared::Elsewhere(why)) => {
                return Ok(match trial::test(a, b, site, tier)? {
                    Ok(certificate) if pads(&site.forms.0) == pads(&site.forms.1) => {
                        Certified::Certificate(Box::new(certificate))
                    }
                    _ => Certified::Differs(why),
                });
            }
            // A run shows one size of the borders: whether a Pad may go is said for all sizes, or not at all.
            Err(why) if pads(&site.forms.0) != pads(&site.forms.1) => {
                return Ok(Certified::Differs(format!("a Pad stands in one file only: {why}")));
            }
            Err(why) => {
                return Ok(match trial::test(a, b, site, tier)? {
                    Ok(certificate) => Certified::Certificate(Box::new(certificate)),
                    Err(also) => Certified::OtherForm(format!("{why}; {also}")),
                });
            }
            Ok(Compared::Tallied(tally, notes)) => {
                let found = certificate(b, site, &tally, notes);
                whole = Some(match whole {
                    Some(before) => before.and(found),
                    None => found,
                });
            }
        }
    }
    Ok(whole.map_or_else(|| Certified::OtherForm("a region without outputs".into()), |c| Certified::Certificate(Box::new(c))))
}

/// What a node hands on as it is, and what it makes, if it multiplies by exactly one and adds exactly nothing, or if of what it
/// makes nothing but the shape is read; and whether what it makes is as large for sure, whatever the size of the constant.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn hands_on(graph: &Graph<'_>, id: NodeId) -> Result<Option<(ValueId, ValueId, bool)>> {
    let node = graph.node(id);
    let may = matches!(node.proto.op_type(), "Identity" | "Dropout" | "BatchNormalization" | "Mul" | "Add" | "Sub" | "Div");
    let Some(Some(made)) = node.outputs.first().copied().filter(|_| may) else { return Ok(None) };
    if node.outputs.iter().skip(1).flatten().any(|value| !graph.value(*value).uses.is_empty()) {
        return Ok(None);
    }
    let Ok(form) = region::form(graph, id)? else { return Ok(None) };
    let forms = [form];
    let (data, as_is) = match fact::read(graph, &forms, 0)? {
        Ok(fact::Fact::Pass) => (0, true),
        Ok(fact::Fact::Map(map))
            if map.scale.iter().all(|s| s.is_one()) && map.shift.iter().all(|t| *t == 0.0) || is_only_measured(graph, made) =>
        {
            let [form] = &forms;
            let parameter = form.constants.first().map_or(1, |(input, _)| *input);
            let scalar = form.constants.first().is_some_and(|(_, tensor)| graph.tensor(*tensor).dims.is_empty());
            (usize::from(parameter == 0), form.operator == "BatchNormalization" || scalar)
        }
        _ => return Ok(None),
    };
    Ok(node.inputs.get(data).copied().flatten().map(|data| (data, made, as_is)))
}

/// Whether nothing but the shape of a value is read.
fn is_only_measured(graph: &Graph<'_>, value: ValueId) -> bool {
    graph.value(value).uses.iter().all(|user| match user {
        Use::Node(reader, _) => graph.node(*reader).standard && asks_for_shape(graph.node(*reader).proto),
        _ => false,
    })
}

fn pads(forms: &[Form]) -> usize {
    forms.iter().filter(|form| form.operator == "Pad").count()
}

fn way(
    a: &Graph<'_>,
    b: &Graph<'_>,
    site: &Site,
    (output, renamed): (&String, &String),
    tier: Tier,
) -> Result<fact::Read<Compared>> {
    let (ours, theirs) = match (side::way(a, &site.forms.0, output), side::way(b, &site.forms.1, renamed)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
    };
    if ours.input != theirs.input {
        let what = format!("`{output}` is made of `{}` in the second file, of `{}` in the first", theirs.input, ours.input);
        return Ok(Ok(Compared::Elsewhere(what)));
    }
    let rank = ours.rank.or(theirs.rank);
    let pair = Pair { graphs: (a, b), tier, element: site.element, rank };
    match (side::side(a, &site.forms.0, &ours)?, side::side(b, &site.forms.1, &theirs)?) {
        (Ok(ours), Ok(theirs)) => pair.compare(ours, theirs),
        (Err(why), _) | (_, Err(why)) => Ok(Err(why)),
    }
}

fn certificate(b: &Graph<'_>, site: &Site, tally: &Tally, notes: Vec<String>) -> Certificate {
    Certificate {
        tier: tally.holds(),
        worst: tally.worst(),
        once: tally.once,
        ulp: tally.ulp,
        units: tally.units,
        shift_units: tally.shift_units,
        place: tally.spot.as_ref().map(|spot| deviation(b, site, spot)),
        notes,
    }
}

fn deviation(b: &Graph<'_>, site: &Site, spot: &Spot) -> Deviation {
    let form = spot.named.and_then(|named| site.forms.1.get(named.form));
    let node = form.or(site.forms.1.first()).map(|form| form.node);
    let constant = spot.named.zip(node).map(|(named, node)| {
        let input = b.node(node).proto.input.get(named.input);
        input.cloned().unwrap_or_default()
    });
    let dims = spot.named.map(|named| b.tensor(named.tensor).dims.clone()).unwrap_or_default();
    let index = match spot.place {
        Place::Channel(channel) => vec![channel as u64],
        Place::Element(mut at) => {
            let mut index: Vec<u64> = dims.iter().rev().map(|dim| (at % (*dim).max(1), at /= (*dim).max(1)).0).collect();
            index.reverse();
            index
        }
    };
    Deviation {
        node: node.map(|node| b.describe(node)).unwrap_or_default(),
        constant,
        value: None,
        index,
        found: spot.found,
        expected: spot.expected,
        limit: spot.limit,
    }
}
