//! One side of a region: what its nodes do one after the other, as one map before a weight and one behind it.

use std::collections::BTreeMap;

use super::fact::{Axis, Fact, Map, Mix, Named, Read, read};
use super::multipliers::exact;
use crate::double_double::DoubleDouble;
use crate::error::Result;
use crate::model::{Graph, ValueId};
use crate::verify::region::Form;

/// The nodes between a region's input and one of its outputs.
#[derive(Debug)]
pub(super) struct Way {
    /// The value that it begins with, by name.
    pub input: String,
    /// Positions among the region's nodes, in order.
    pub nodes: Vec<usize>,
    /// How many axes the values have, as far as the file says.
    pub rank: Option<usize>,
}

/// The way to an output.
pub(super) fn way(graph: &Graph<'_>, forms: &[Form], output: &str) -> Read<Way> {
    let mut makers: BTreeMap<ValueId, usize> = BTreeMap::new();
    for (index, form) in forms.iter().enumerate() {
        makers.extend(graph.node(form.node).outputs.iter().flatten().map(|value| (*value, index)));
    }
    let last = makers.iter().find(|(value, _)| graph.value(**value).name == output);
    let (mut value, mut at) = last.map(|(value, at)| (*value, *at)).ok_or("an output that no node makes")?;
    let (mut nodes, mut rank) = (Vec::new(), None);
    let mut learn = |value: ValueId| {
        rank = rank.or_else(|| graph.declared_shape(value).map(|shape| shape.rank()));
    };
    learn(value);
    loop {
        if nodes.len() > forms.len() {
            return Err("nodes that read one another in a circle".into());
        }
        nodes.push(at);
        let form = forms.get(at).ok_or("an output that no node makes")?;
        let parameter = |input: &usize| form.constants.iter().any(|(index, _)| index == input);
        let node = graph.node(form.node);
        let data = (0..node.inputs.len()).find(|input| !parameter(input));
        value = data.and_then(|input| node.inputs.get(input).copied().flatten()).ok_or("a node without data")?;
        learn(value);
        match makers.get(&value) {
            Some(next) => at = *next,
            None => break,
        }
    }
    nodes.reverse();
    Ok(Way { input: graph.value(value).name.to_owned(), nodes, rank })
}

/// Maps one after the other: `y = scale·x + shift` for each channel.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub scale: Vec<DoubleDouble>,
    pub shift: Vec<DoubleDouble>,
    /// The magnitudes that are summed up in the shift.
    pub magnitude: Vec<f64>,
    /// As for one [`Map`].
    pub scale_rounding: Vec<f64>,
    pub shift_rounding: Vec<f64>,
    pub roundings: usize,
    /// The last constant of each kind.
    pub holders: (Option<Named>, Option<Named>),
    /// The axis of the channels; `All` if there are no maps along an axis.
    pub axis: Axis,
    /// The longest constant's rank.
    pub rank: usize,
}

/// The maps and the weight of a side.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub before: Chain,
    pub mix: Option<Box<Mix>>,
    pub behind: Chain,
}

/// Reads a side of a region along its way.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn side(graph: &Graph<'_>, forms: &[Form], way: &Way) -> Result<Read<Side>> {
    let (mut maps, mut mix, mut zeros) = ((Vec::new(), Vec::new()), None, Vec::new());
    for index in &way.nodes {
        match read(graph, forms, *index)? {
            Err(why) => return Ok(Err(why)),
            Ok(Fact::Pass) => {}
            // A map before them would move the zeros, too.
            Ok(Fact::Zeros(_)) if mix.is_some() || !maps.0.is_empty() || !zeros.is_empty() => {
                return Ok(Err("a Pad that does not stand right before a convolution".into()));
            }
            Ok(Fact::Zeros(found)) => zeros = found,
            Ok(Fact::Map(_)) if mix.is_none() && !zeros.is_empty() => {
                return Ok(Err("a map between a Pad and a convolution".into()));
            }
            Ok(Fact::Map(map)) => (if mix.is_none() { &mut maps.0 } else { &mut maps.1 }).push(map),
            Ok(Fact::Mix(_)) if mix.is_some() => return Ok(Err("two weights one after the other".into())),
            Ok(Fact::Mix(mut found)) => {
                if !found.surround(&zeros) {
                    return Ok(Err("a Pad whose zeros are none of a convolution's own".into()));
                }
                zeros.clear();
                mix = Some(found);
            }
        }
    }
    if !zeros.is_empty() {
        return Ok(Err("a Pad before no convolution".into()));
    }
    Ok((|| Ok(Side { before: chain(&maps.0, way.rank)?, mix, behind: chain(&maps.1, way.rank)? }))())
}

fn chain(maps: &[Box<Map>], rank: Option<usize>) -> Read<Chain> {
    let channels = maps.iter().map(|map| map.scale.len()).max().unwrap_or(1);
    let mut all = Chain {
        scale: vec![DoubleDouble::ONE; channels],
        shift: vec![DoubleDouble::ZERO; channels],
        magnitude: vec![0.0; channels],
        scale_rounding: vec![0.0; channels],
        shift_rounding: vec![0.0; channels],
        roundings: 0,
        holders: (None, None),
        axis: Axis::All,
        rank: maps.iter().map(|map| map.rank).max().unwrap_or(0),
    };
    for map in maps {
        all.axis = one_axis(all.axis, map.axis, rank)?;
        all.then(map, channels)?;
    }
    Ok(all)
}

/// The axis of both; or why it is not one. Where the rank is not known, an axis counted from the first and one counted from
/// the last are taken for the same: were they not, the models would not run.
pub(super) fn one_axis(one: Axis, two: Axis, rank: Option<usize>) -> Read<Axis> {
    match (one, two) {
        (Axis::All, axis) | (axis, Axis::All) => return Ok(axis),
        (one, two) if one == two => return Ok(one),
        (Axis::Front(_), Axis::Back(_)) | (Axis::Back(_), Axis::Front(_)) => match rank {
            None => return Ok(one),
            Some(rank) if one.of(rank).is_some() && one.of(rank) == two.of(rank) => return Ok(one),
            Some(_) => {}
        },
        _ => {}
    }
    Err("maps along different axes".into())
}

impl Chain {
    fn then(&mut self, map: &Map, channels: usize) -> Read<()> {
        let lengths = [&map.magnitude, &map.scale_rounding, &map.shift_rounding].map(Vec::len);
        let count = map.scale.len();
        if lengths != [count; 3] || map.shift.len() != count || count != 1 && count != channels {
            return Err("maps with other numbers of channels".into());
        }
        let place = |channel: usize| if count == 1 { 0 } else { channel };
        let at = |values: &[f64], channel: usize| values.get(place(channel)).copied().unwrap_or(f64::NAN);
        let exact = |values: &[DoubleDouble], channel: usize| exact(values, place(channel));
        let sums = self.shift.iter_mut().zip(&mut self.magnitude).zip(&mut self.shift_rounding);
        for (channel, ((shift, magnitude), rounding)) in sums.enumerate() {
            let scale = exact(&map.scale, channel);
            let size = scale.nearest().abs();
            // A rounded factor moves what was added before it, too.
            *rounding = size * (*rounding + at(&map.scale_rounding, channel) * *magnitude) + at(&map.shift_rounding, channel);
            *shift = scale * *shift + exact(&map.shift, channel);
            *magnitude = size * *magnitude + at(&map.magnitude, channel);
        }
        for (channel, (scale, rounding)) in self.scale.iter_mut().zip(&mut self.scale_rounding).enumerate() {
            *scale *= exact(&map.scale, channel);
            *rounding += at(&map.scale_rounding, channel);
        }
        self.roundings += map.roundings;
        self.holders = (map.holders.0.or(self.holders.0), map.holders.1.or(self.holders.1));
        Ok(())
    }

    /// The same for so many channels.
    pub fn expanded(mut self, channels: usize) -> Read<Chain> {
        for values in [&mut self.scale, &mut self.shift] {
            expand(values, channels)?;
        }
        for values in [&mut self.magnitude, &mut self.scale_rounding, &mut self.shift_rounding] {
            expand(values, channels)?;
        }
        Ok(self)
    }

    /// Whether it adds anything.
    pub fn shifts(&self) -> bool {
        self.shift.iter().any(|shift| *shift != 0.0)
    }
}

fn expand<N: Copy>(values: &mut Vec<N>, channels: usize) -> Read<()> {
    match values[..] {
        _ if values.len() == channels => {}
        [one] => *values = vec![one; channels],
        _ => return Err("maps with other numbers of channels than the weight".into()),
    }
    Ok(())
}
