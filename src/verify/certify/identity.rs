//! Regions whose constants say nothing one by one (maps carried through pools, sums of branches, biases with a number for each
//! element): both sides evaluated by the slow reference on random numbers and compared.
//!
//! Two different polynomials agree at random places with a chance of nothing (Schwartz and Zippel), so a few places do. What is
//! read beside data, and extents that do not fit one another made small, are those that a run of the whole has found.

use std::collections::BTreeMap;

use super::fact::Read;
use super::gates;
use super::layout::{Known, Layout, layouts};
use super::small::{self, Recurrence};
use crate::error::Result;
use crate::model::Graph;
use crate::onnx::ModelProto;
use crate::reference::{Array, Data, evaluate};
use crate::verify::Tier;
use crate::verify::region::{Form, Site, numbers, without_shapes};
use crate::verify::verdict::{Certificate, Deviation};

/// How many products the reference may be asked for: it is slow.
const MOST_PRODUCTS: u64 = 1 << 30;
/// How often random numbers are drawn where extents are made small; as they are, one draw has numbers enough.
const DRAWS: usize = 2;
/// Units of roundoff of what is found and of the magnitudes of the shift.
const UNITS: f64 = 8.0;

/// How the note begins that says so of a site.
pub const BY_RANDOM_NUMBERS: &str = "tested by random numbers";

type Values = BTreeMap<String, Array>;

/// Tests a site.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn test(a: &Graph<'_>, b: &Graph<'_>, site: &Site, tier: Tier) -> Result<Read<Certificate>> {
    match (sized(a, b, site, tier, false)?, site.shapes.is_empty()) {
        // Smaller extents may not fit one another, and a shape that is read inside is what it is only as it is.
        (Err(why), false) => Ok(sized(a, b, site, tier, true)?.map_err(|also| format!("{why}; as it is: {also}"))),
        (made, _) => Ok(made),
    }
}

fn sized(a: &Graph<'_>, b: &Graph<'_>, site: &Site, tier: Tier, as_is: bool) -> Result<Read<Certificate>> {
    let forms = (without_shapes(a, site.forms.0.clone()), without_shapes(b, site.forms.1.clone()));
    let (ours, theirs): (Vec<String>, Vec<String>) = numbers(a, &site.region).into_iter().unzip();
    if ours.is_empty() {
        return Ok(Err("a region that makes shapes alone".into()));
    }
    // Beside them no extent is made smaller.
    let given: Values = if as_is { site.settings.clone() } else { Values::new() };
    let settings = given.keys().map(String::as_str).collect();
    let known = Known { shapes: &site.shapes, settings: &settings, whole: as_is };
    let layouts = match layouts(a, &forms.0, &ours, known, (b, &forms.1))? {
        Ok((layouts, _)) => layouts,
        Err(why) => return Ok(Err(why)),
    };
    let products = cost(a, &forms.0, &layouts).max(cost(b, &forms.1, &layouts));
    if products > MOST_PRODUCTS {
        return Ok(Err(format!("a test by the reference would take {products} products")));
    }
    let beside = given.keys().filter(|name| !layouts.contains_key(*name));
    let inputs: Vec<String> = layouts.keys().chain(beside).cloned().collect();
    let models = [
        small::model(a, &forms.0, &inputs, &ours, false, Recurrence::Gates)?,
        small::model(b, &forms.1, &inputs, &theirs, false, Recurrence::Gates)?,
        small::model(a, &forms.0, &inputs, &ours, true, Recurrence::Gates)?,
    ];
    let mut whole = Certificate { tier: Some(Tier::Own), ..Certificate::default() };
    if let Some(place) = gates::changed(a, b, site)? {
        whole = Certificate { tier: None, worst: f64::MAX, once: f64::MAX, place: Some(place), ..whole };
        return Ok(Ok(whole));
    }
    let sizes = if as_is { ", at the sizes of the run" } else { "" };
    whole.notes.push(format!("{BY_RANDOM_NUMBERS}{sizes}, as its constants say nothing one by one"));
    // What says where others are read is the same for all of them.
    let but_choices = |values: &Values, make: &dyn Fn(&Array) -> Array| -> Values {
        let one = |name: &String, array: &Array| if layouts[name].choice { array.clone() } else { make(array) };
        values.iter().map(|(name, array)| (name.clone(), one(name, array))).collect()
    };
    let (mut state, mut foreign) = (0x9e37_79b9_7f4a_7c15_u64, 0.0_f64);
    let draws = if as_is { 1 } else { DRAWS };
    for _ in 0..draws {
        let values: Values = layouts.iter().map(|(name, layout)| (name.clone(), filled(layout, || random(&mut state)))).collect();
        let magnitudes = but_choices(&values, &magnitude);
        let zeros = but_choices(&values, &|array| Array::float(array.dims.clone(), vec![0.0; floats(array).map_or(0, Vec::len)]));
        let found = match evaluated(&models, &given, [&values, &magnitudes, &zeros]) {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        for (output, renamed) in ours.iter().zip(&theirs) {
            let named = [output, renamed, output, output];
            let sides: Option<Vec<&Vec<f64>>> = found.iter().zip(named).map(|(side, name)| floats(side.get(name)?)).collect();
            let Some([o, f, total, least]) = sides.as_deref() else { return Ok(Err(format!("`{output}` is of no float type"))) };
            if [f.len(), total.len(), least.len()] != [o.len(); 3] {
                return Ok(Err(format!("`{output}` has another shape in the second file")));
            }
            foreign = foreign.max(compare(site, tier, output, [o, f, total, least], &mut whole));
        }
    }
    whole.tier = match (whole.once <= 1.0, foreign <= 1.0) {
        (true, _) => Some(Tier::Own),
        (false, true) => Some(Tier::Foreign),
        _ => None,
    };
    Ok(Ok(whole))
}

/// What both sides make of the values, and the absolute model of the magnitudes and of zeros. `given` is fed into all of them.
fn evaluated(models: &[ModelProto; 3], given: &Values, [values, magnitudes, zeros]: [&Values; 3]) -> Read<[Values; 4]> {
    let made = |model: &ModelProto, values: &Values| {
        let all = given.iter().chain(values).map(|(name, array)| (name.clone(), array.clone())).collect();
        evaluate(model, &all).map_err(|why| why.to_string())
    };
    let [before, after, absolute] = models;
    std::thread::scope(|scope| {
        let others = scope.spawn(|| Ok::<_, String>((made(after, values)?, made(absolute, zeros)?)));
        let (original, total) = (made(before, values)?, made(absolute, magnitudes)?);
        let (found, least) = others.join().map_err(|_| "the reference stopped".to_owned())??;
        Ok([original, found, total, least])
    })
}

/// Takes in an output. Returns the largest share of the foreign limits.
fn compare(site: &Site, tier: Tier, output: &str, made: [&Vec<f64>; 4], whole: &mut Certificate) -> f64 {
    let [original, found, total, least] = made;
    let unit = site.unit * site.roundings as f64;
    let mut most = 0.0_f64;
    for (at, (((o, f), total), least)) in original.iter().zip(found).zip(total).zip(least).enumerate() {
        let distance = (f - o).abs();
        if distance == 0.0 {
            continue;
        }
        let lost = site.smallest * (1.0 + site.lost as f64) + total * super::limit::SUM;
        let limit = |units: f64| unit * (UNITS * o.abs() + UNITS * least + units * (total - least)) + lost;
        let limits = (limit(1.0), limit(UNITS));
        let shares = (super::tally::share(distance, limits.0), super::tally::share(distance, limits.1));
        let (mine, limit) = if tier == Tier::Own { (shares.0, limits.0) } else { (shares.1, limits.1) };
        if mine > whole.worst {
            whole.worst = mine;
            let (constant, value, index) = (None, Some(output.to_owned()), vec![at as u64]);
            whole.place = Some(Deviation { node: output.to_owned(), constant, value, index, found: *f, expected: *o, limit });
        }
        whole.once = whole.once.max(shares.0);
        most = most.max(shares.1);
    }
    most
}

/// Products that the reference would compute, about.
pub(crate) fn cost(graph: &Graph<'_>, forms: &[Form], layouts: &BTreeMap<String, Layout>) -> u64 {
    let positions = |layout: &Layout| {
        let channels = layout.channels.and_then(|axis| layout.dims.get(axis)).copied().unwrap_or(1).max(1);
        layout.dims.iter().fold(1_u64, |all, dim| all.saturating_mul(*dim as u64)) / channels as u64
    };
    let places = layouts.values().map(positions).max().unwrap_or(1);
    let tensors = forms.iter().flat_map(|form| &form.constants);
    tensors.map(|(_, tensor)| graph.tensor(*tensor).elements().saturating_mul(places)).fold(0, u64::saturating_add)
}

fn filled(layout: &Layout, mut number: impl FnMut() -> f64) -> Array {
    let count: usize = layout.dims.iter().product();
    Array::float(layout.dims.clone(), (0..count).map(|_| number()).collect())
}

/// A number of either sign and a magnitude of 0.5 to 1, by the generator of Steele, Lea and Flood.
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    let magnitude = 0.5 + (z >> 12) as f64 / (1_u64 << 53) as f64;
    if z & 1 == 0 { magnitude } else { -magnitude }
}

fn magnitude(array: &Array) -> Array {
    match &array.data {
        Data::Float(values) => Array::float(array.dims.clone(), values.iter().map(|value| value.abs()).collect()),
        _ => array.clone(),
    }
}

fn floats(array: &Array) -> Option<&Vec<f64>> {
    if let Data::Float(values) = &array.data { Some(values) } else { None }
}
