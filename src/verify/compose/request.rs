//! What both models are to be run for: the sites, what is known of each, and the sizes that show it.

use std::collections::BTreeSet;

use super::{Certified, Evidence, Graph, Legal, Side, VerifyOptions, run};
use crate::engine;
use crate::verify::region::{Form, Settings, numbers};
use crate::verify::table::{self, Sizes};
use crate::verify::{Member, Relay, SitePlan, Tier};

/// The request for both models whole.
pub(super) fn relay(
    graphs: (&Graph<'_>, &Graph<'_>),
    sites: &[Evidence],
    sides: &(Side, Side),
    options: &VerifyOptions,
) -> Relay {
    let members = |graph: &Graph<'_>, forms: &[Form]| {
        let member = |form: &Form| Member {
            node: form.node.0,
            output: graph.node(form.node).proto.output.first().cloned().unwrap_or_default(),
            parameters: form.constants.iter().map(|(input, _)| *input).collect(),
        };
        forms.iter().map(member).collect::<Vec<Member>>()
    };
    let plan = |(site, certified): &Evidence| SitePlan {
        before: members(graphs.0, &site.forms.0),
        after: members(graphs.1, &site.forms.1),
        outputs: numbers(graphs.0, &site.region),
        unit: site.element.unit_roundoff(),
        roundings: site.roundings,
        smallest: site.element.smallest_subnormal(),
        lost: site.lost,
        shift: site.shift,
        shapes: site.shapes.clone(),
        settings: Settings::new(),
        everywhere: everywhere(site, certified),
    };
    Relay {
        before: sides.0.clone(),
        after: sides.1.clone(),
        freeze: options.freeze,
        sites: sites.iter().map(plan).collect(),
        units: options.tier.units(),
        units_once: Tier::Own.units(),
        sizes: run::sizes(options),
        fixed: run::fixed(graphs.0),
        inputs: options.inputs.clone(),
        // Who gives inputs wants those, and who is in a hurry no further runs.
        data_sets: if options.inputs.is_none() && options.regions { engine::data_sets(&sides.0.file) } else { vec![] },
        taps: options.taps.clone(),
        seed: options.seed,
        samples: options.samples,
        beyond: sites.iter().filter(|(s, c)| !everywhere(s, c)).map(|(site, _)| beyond(graphs, site)).max().unwrap_or(0),
        memory: run::limits(graphs, options).memory,
    }
}

/// The largest integer that a site's nodes read in one file only, but those that stand for no end at all; a scale of extents near
/// one counts as the extent from which it is seen.
fn beyond((a, b): (&Graph<'_>, &Graph<'_>), site: &Legal) -> usize {
    /// Of larger tensors the elements are no sizes.
    const MOST: u64 = 1 << 16;
    const NO_END: u64 = i32::MAX as u64;
    let read = |graph: &Graph<'_>, forms: &[Form]| {
        let mut found = BTreeSet::<u64>::new();
        for node in forms.iter().map(|form| graph.node(form.node)) {
            let attributes = || node.proto.attribute.iter();
            found.extend(attributes().flat_map(|a| a.ints.iter().copied().chain(a.i)).map(i64::unsigned_abs));
            let scales = attributes().filter(|a| a.name() == "scales").flat_map(|a| &a.floats);
            found.extend(scales.filter_map(|scale| seen_from(f64::from(*scale))));
            for (tensor, _) in node.inputs.iter().flatten().filter_map(|value| graph.constant(*value).ok()) {
                let tensor = graph.tensor(tensor);
                if tensor.elements() > MOST {
                    continue;
                }
                if tensor.element().is_none() {
                    found.extend(tensor.integers(graph.model).unwrap_or_default().into_iter().map(i64::unsigned_abs));
                } else if matches!(node.proto.op_type(), "Resize" | "Upsample") {
                    found.extend(tensor.floats(graph.model).unwrap_or_default().into_iter().filter_map(seen_from));
                }
            }
        }
        found
    };
    let (ours, theirs) = (read(a, &site.forms.0), read(b, &site.forms.1));
    let one = ours.symmetric_difference(&theirs).copied().filter(|number| *number < NO_END).max();
    one.and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

/// The extent from which on a scale of extents makes another one, or takes another element; none if it is one.
fn seen_from(scale: f64) -> Option<u64> {
    let away = (scale - 1.0).abs();
    (away > 0.0).then(|| (1.0 / away).ceil() as u64)
}

/// Whether a site's constants, one by one, say that it is right at all sizes.
fn everywhere(site: &Legal, certified: &Certified) -> bool {
    let forms = site.forms.0.iter().chain(&site.forms.1);
    let one_by_one = matches!(certified, Certified::Certificate(c) if c.worst <= 1.0 && c.is_one_by_one());
    one_by_one && forms.map(|form| table::row(&form.operator).sizes).all(|sizes| sizes >= Sizes::Constants)
}
