//! The wrong computation: constants as a fold with a given fault makes them.

use crate::faults::Fault;
use crate::faults::draw::Draw;
use crate::faults::recipe::{Constants, Indexing, Map, Recipe, Statistics, Step};
use crate::model::Element;

/// Constants that are wrong, before they are rounded.
#[derive(Clone, Debug)]
pub(super) struct Altered {
    pub weight: Vec<f64>,
    pub bias: Vec<f64>,
    /// Whether the bias goes as an input.
    pub without_bias: bool,
    /// Whether the attribute α goes.
    pub without_alpha: bool,
}

impl From<Constants> for Altered {
    fn from(constants: Constants) -> Altered {
        Altered { weight: constants.weight, bias: constants.bias, without_bias: false, without_alpha: false }
    }
}

/// What a fold with this fault makes; `None` if the fault has nothing to act upon.
pub(super) fn altered(recipe: &Recipe, element: Element, fault: Fault, draw: &mut Draw) -> Option<Altered> {
    let right = || recipe.constants();
    let own_bias = recipe.bias.as_ref().filter(|b| b.iter().any(|v| *v != 0.0));
    let with = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = recipe.clone();
        change(&mut recipe);
        Some(Altered::from(recipe.constants()))
    };
    match fault {
        Fault::BiasDropped if own_bias.is_some() => with(&|r| r.bias = None),
        Fault::BiasDropped => {
            let zero = vec![0.0; recipe.layout.outputs];
            Some(Altered { bias: zero, without_bias: true, ..right().into() })
        }
        Fault::BiasElement(size) => element_off(right(), size, draw),
        Fault::BiasUnscaled => bias_unscaled(recipe, own_bias?),
        Fault::GroupMapping => {
            let behind = recipe.layout.is_grouped(true) && !recipe.behind.is_empty();
            let before = recipe.layout.is_grouped(false) && !recipe.before.is_empty();
            (behind || before).then(|| with(&|r| r.indexing = Indexing::Ungrouped))?
        }
        Fault::WrongAxis => with(&|r| r.indexing = Indexing::OtherAxis),
        Fault::FoldedIn(narrow) => {
            let applies = narrow.precision() < element.precision();
            let Constants { weight, bias, .. } = right();
            let round = |values: Vec<f64>| values.iter().map(|v| narrow.round(*v)).collect();
            applies.then(|| Altered { weight: round(weight), bias: round(bias), without_bias: false, without_alpha: false })
        }
        Fault::AlphaIgnored => (recipe.alpha != 1.0).then(|| Altered { without_alpha: true, ..right().into() }),
        Fault::BetaIgnored => (recipe.beta != 1.0 && own_bias.is_some()).then(|| with(&|r| r.beta = 1.0))?,
        Fault::Identity => with(&|r| (r.before, r.behind) = (vec![], vec![])),
        Fault::Weight(size) => {
            let mut all = right();
            let at = draw.below(all.weight.len());
            let weight = all.weight.get_mut(at).filter(|w| **w != 0.0)?;
            *weight *= 1.0 + size;
            Some(all.into())
        }
        Fault::ScaledTwice | Fault::OffByOne | Fault::ChannelsSwapped | Fault::DeadChannel(_) | Fault::ChannelScale(_) => {
            map_altered(recipe, fault, draw)
        }
        _ => statistics_altered(recipe, fault, draw),
    }
}

fn element_off(mut all: Constants, size: f64, draw: &mut Draw) -> Option<Altered> {
    let square = all.bias.iter().map(|b| b * b).sum::<f64>() / all.bias.len() as f64;
    let at = draw.below(all.bias.len());
    *all.bias.get_mut(at)? += size * square.sqrt();
    (square > 0.0).then(|| all.into())
}

fn bias_unscaled(recipe: &Recipe, own: &[f64]) -> Option<Altered> {
    let mut all = recipe.constants();
    let maps = recipe.maps(&recipe.behind);
    for (o, (bias, own)) in all.bias.iter_mut().zip(own).enumerate() {
        let scale: f64 = maps.iter().filter_map(|map| map.scale.get(o)).product();
        *bias += recipe.beta * own * (1.0 - scale);
    }
    (!maps.is_empty()).then(|| all.into())
}

/// One map of the recipe, changed as a whole.
fn map_altered(recipe: &Recipe, fault: Fault, draw: &mut Draw) -> Option<Altered> {
    let (mut before, mut behind) = (recipe.maps(&recipe.before), recipe.maps(&recipe.behind));
    let at = draw.below(before.len() + behind.len());
    let map = before.iter_mut().chain(&mut behind).nth(at)?;
    let channels = map.scale.len();
    match fault {
        Fault::ScaledTwice => map.scale.iter_mut().for_each(|s| *s *= *s),
        Fault::OffByOne => rotate(map, channels)?,
        Fault::ChannelsSwapped => {
            let (a, b) = (draw.below(channels), draw.below(channels));
            if a == b {
                return None;
            }
            map.scale.swap(a, b);
            map.shift.swap(a, b);
        }
        Fault::DeadChannel(size) => {
            let root = (map.scale.iter().map(|s| s * s).sum::<f64>() / channels as f64).sqrt();
            let smallest = map.scale.iter_mut().min_by(|a, b| a.abs().total_cmp(&b.abs()))?;
            *smallest += size * if *smallest == 0.0 { root } else { *smallest };
        }
        Fault::ChannelScale(size) => *map.scale.get_mut(draw.below(channels))? *= 1.0 + size,
        _ => return None,
    }
    Some(recipe.constants_of(&before, &behind).into())
}

fn rotate(map: &mut Map, channels: usize) -> Option<()> {
    if channels < 2 {
        return None;
    }
    map.scale.rotate_left(1);
    map.shift.rotate_left(1);
    Some(())
}

/// One BatchNormalization of the recipe, with wrong parameters.
fn statistics_altered(recipe: &Recipe, fault: Fault, draw: &mut Draw) -> Option<Altered> {
    let mut recipe = recipe.clone();
    let mut steps: Vec<&mut Step> = recipe.before.iter_mut().chain(&mut recipe.behind).collect();
    steps.retain(|step| matches!(step, Step::Normalization(_)));
    let at = draw.below(steps.len());
    let step = steps.into_iter().nth(at)?;
    let Step::Normalization(statistics) = step else { return None };
    let default = f64::from(1e-5_f32);
    let changed = match fault {
        Fault::BetaOmitted => zeroed(&mut statistics.beta),
        Fault::MeanOmitted => zeroed(&mut statistics.mean),
        Fault::MeanSign => {
            statistics.mean.iter_mut().for_each(|m| *m = -*m);
            statistics.mean.iter().any(|m| *m != 0.0)
        }
        Fault::EpsilonOmitted => std::mem::take(&mut statistics.epsilon) != 0.0,
        Fault::EpsilonDefault => std::mem::replace(&mut statistics.epsilon, default) != default,
        Fault::NeighbourGamma => {
            let gamma = statistics.gamma.clone();
            statistics.gamma.rotate_left(1.min(gamma.len()));
            gamma != statistics.gamma
        }
        Fault::StatisticsInF16 => {
            narrowed(statistics);
            true
        }
        Fault::VarianceForDeviation => {
            *step = Step::Plain(statistics.map_over(|variance| variance));
            true
        }
        _ => false,
    };
    changed.then(|| recipe.constants().into())
}

fn zeroed(values: &mut [f64]) -> bool {
    let any = values.iter().any(|v| *v != 0.0);
    values.fill(0.0);
    any
}

fn narrowed(statistics: &mut Statistics) {
    for values in [&mut statistics.gamma, &mut statistics.beta, &mut statistics.mean, &mut statistics.variance] {
        values.iter_mut().for_each(|v| *v = Element::F16.round(*v));
    }
}
