//! What a host becomes that takes other terms in, and whether that pays.

use std::collections::{BTreeMap, BTreeSet};

use super::{Core, Sum, Term};
use crate::double_double::DoubleDouble;
use crate::law::{Array, Bias, Law, Map, Parameter, Port, Reason, Role, Step, push};
use crate::map::{Affine, Placed};
use crate::model::{NodeId, Use, ValueId};
use crate::plan::branches::term::Weight;
use crate::plan::draft::{DraftTensor, Merge};
use crate::plan::merged::{MOST_ELEMENTS, Merged, Part};
use crate::plan::route::check_types;
use crate::plan::view::View;

/// A term that may be taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member<'t> {
    /// The number of the term.
    pub leaf: usize,
    /// As a map of the common value.
    pub term: &'t Term,
}

/// Whether a term is among these, which are in the order of the terms.
pub(super) fn holds(members: &[Member<'_>], leaf: usize) -> bool {
    members.binary_search_by_key(&leaf, |member| member.leaf).is_ok()
}

/// A merge that is right and pays.
pub(super) struct Built {
    pub merge: Merge,
}

/// What a host becomes.
pub(super) struct Change {
    pub weight: Option<(usize, Merged)>,
    pub parameters: Vec<Parameter>,
}

impl Sum<'_, '_> {
    /// What becomes of a host that takes in as many terms as it can.
    pub(super) fn build(&self, members: &[Member<'_>], host: NodeId) -> Result<Built, Reason> {
        let own = members.iter().find(|member| member.term.reader() == Some(host)).ok_or(Reason::NotAffine)?;
        let weight = if let Core::Weight(weight) = &own.term.core { Some(&**weight) } else { None };
        let fits = |member: &&Member<'_>| match (weight, &member.term.core) {
            (Some(weight), _) => member.term.parts(weight).is_ok(),
            (None, core) => matches!(core, Core::Point),
        };
        let members: Vec<Member<'_>> = members.iter().filter(fits).copied().collect();
        if members.len() < 2 {
            return Err(Reason::NotProfitable);
        }
        match self.joined(members.clone(), host, weight) {
            // A term that others are taken away from may have to stay, and one with a shift that has no place.
            Err(reason @ (Reason::PartOfValue | Reason::NoBias)) => {
                let others = members.iter().filter(|member| !member.term.chain.contains(&host));
                let without = |one: &Member<'_>| members.iter().filter(|m| m.leaf != one.leaf).copied().collect();
                let mut fewer = others.map(|one| self.joined(without(one), host, weight));
                fewer.find_map(Result::ok).ok_or(reason)
            }
            found => found,
        }
    }

    /// What becomes of a host that takes these terms in.
    fn joined(&self, members: Vec<Member<'_>>, host: NodeId, weight: Option<&Weight>) -> Result<Built, Reason> {
        let (members, unread) = self.alone(members, host);
        if members.len() < 2 {
            return Err(Reason::SeveralReaders);
        }
        self.is_own(host, &members, &unread)?;
        let place = self.place(&members, host)?;
        let negative = |leaf: usize| self.tree.leaves.get(leaf).is_some_and(|leaf| leaf.negative);
        let signed: Vec<(Member<'_>, bool)> =
            members.iter().map(|member| (*member, negative(member.leaf) != negative(place))).collect();
        let change = match weight {
            Some(weight) => self.weighted(host, weight, &signed)?,
            None => self.mapped(host, &signed)?,
        };
        // Operators and products are fewer, as the host computes no more than it did.
        let (before, after) = parameters(self.view, host, &change, &unread);
        if after > before {
            return Err(Reason::NotProfitable);
        }
        if let Some((input, merged)) = &change.weight {
            if merged.layout.elements() > MOST_ELEMENTS {
                return Err(Reason::TooLarge);
            }
            let element = self.view.input_element(host, *input).ok_or(Reason::NotFloat)?;
            self.view.checked(merged.survives(self.view.graph, element))??;
        }
        let at = |leaf: usize| self.tree.leaves.get(leaf).map(|leaf| leaf.at);
        let terms: Vec<usize> = members.iter().map(|member| member.leaf).collect();
        let merge = Merge {
            sums: self.tree.sums.clone(),
            host,
            weight: change.weight,
            parameters: change.parameters,
            place: at(place).ok_or(Reason::NotAffine)?,
            maps: unread.iter().filter(|node| matches!(self.view.law(**node), Ok(Law::Map(_)))).copied().collect(),
            unread: unread.into_iter().collect(),
            touched: self.tree.above(&terms),
            terms: terms.into_iter().filter_map(at).collect(),
        };
        Ok(Built { merge })
    }

    /// The terms that nobody else reads, and the nodes that go with them. One that is read elsewhere, too, would be computed twice.
    fn alone<'t>(&self, mut members: Vec<Member<'t>>, host: NodeId) -> (Vec<Member<'t>>, BTreeSet<NodeId>) {
        loop {
            let unread = self.unread(&members, host);
            let before = members.len();
            members.retain(|member| member.term.chain.iter().all(|node| *node == host || unread.contains(node)));
            if members.len() == before {
                return (members, unread);
            }
        }
    }

    /// The term in whose place the host is read: behind the host, and so that nothing is taken away from nothing.
    fn place(&self, members: &[Member<'_>], host: NodeId) -> Result<usize, Reason> {
        let (own, others): (Vec<&Member<'_>>, Vec<_>) = members.iter().partition(|member| member.term.chain.contains(&host));
        let mut all = own.into_iter().chain(others).map(|member| member.leaf);
        let lost = |place: usize| move |leaf: usize| leaf != place && holds(members, leaf);
        let stands = |leaf: &usize| {
            let behind = self.tree.leaves.get(*leaf).is_some_and(|leaf| leaf.at.0 > host);
            behind && self.tree.may_lose(self.view, &lost(*leaf))
        };
        all.find(stands).ok_or(Reason::PartOfValue)
    }

    /// A host with a weight.
    fn weighted(&self, host: NodeId, weight: &Weight, terms: &[(Member<'_>, bool)]) -> Result<Change, Reason> {
        let mix = &weight.mix;
        let (out, _) = weight.merged.layout.channels;
        let mut parts: Vec<Part> = Vec::new();
        for (member, negative) in terms {
            let mut more = member.term.parts(weight)?;
            if *negative {
                more.iter_mut().for_each(|part| part.scale(Role::Out, &vec![-DoubleDouble::ONE; out]));
            }
            parts.extend(more);
        }
        let merged = Merged { layout: weight.merged.layout.clone(), parts };
        let mut parameters = Vec::new();
        if mix.gain != 1.0 {
            parameters.push(Parameter::Drop("alpha"));
        }
        parameters.extend(self.biased(host, weight, terms)?);
        Ok(Change { weight: Some((mix.weight, merged)), parameters })
    }

    /// The bias of a host with a weight.
    fn biased(&self, host: NodeId, weight: &Weight, terms: &[(Member<'_>, bool)]) -> Result<Vec<Parameter>, Reason> {
        let (input, place, gain, present, operator) = match &weight.mix.bias {
            Bias::Input { input, present, gain, rank, axis } => (*input, (*rank, *axis), *gain, *present, None),
            Bias::Becoming { operator, input, axis } => (*input, (2, *axis), (1.0, None), false, Some(*operator)),
            // Nowhere: then there must be none.
            Bias::None | Bias::Barred | Bias::Rows { .. } => {
                (usize::MAX, (weight.axes.0 + 1, weight.axes.0), (1.0, None), false, None)
            }
        };
        let mut total: Option<Array> = None;
        for (member, negative) in terms {
            let Some(mut more) = member.term.bias(weight, place)? else { continue };
            if *negative {
                more.values.iter_mut().for_each(|value| *value = -*value);
            }
            total = Some(match total {
                Some(total) => sum(&total, &more)?,
                None => more,
            });
        }
        let Some(value) = total.filter(|total| present || total.values.iter().any(|value| *value != 0.0)) else {
            return Ok(vec![]);
        };
        if input == usize::MAX {
            return Err(Reason::NoBias);
        }
        let mut parameters = vec![Parameter::Replace { input, value }];
        check_types(self.view, host, &Step { parameters: parameters.clone(), ..Step::default() })?;
        parameters.extend(operator.map(Parameter::Become));
        parameters.extend(gain.1.filter(|_| gain.0 != 1.0).map(Parameter::Drop));
        Ok(parameters)
    }

    /// A host that is a map of each channel, as all its terms are.
    fn mapped(&self, host: NodeId, terms: &[(Member<'_>, bool)]) -> Result<Change, Reason> {
        let Law::Map(map) = self.view.law(host)? else { return Err(Reason::NotAffine) };
        let axis = terms.iter().find_map(|(member, _)| member.term.map.axis);
        let count = terms.iter().map(|(member, _)| member.term.map.map.len()).max().unwrap_or(1);
        let mut total = Affine::uniform(0.0, 0.0);
        for (member, negative) in terms {
            let placed = &member.term.map;
            if placed.axis.is_some_and(|own| Some(own) != axis) {
                return Err(Reason::OtherAxis);
            }
            let (own, all) = (placed.map.expand(count), total.expand(count));
            let (Some(own), Some(all)) = (own, all) else { return Err(Reason::OtherAxis) };
            let sign = if *negative { -DoubleDouble::ONE } else { DoubleDouble::ONE };
            let add = |all: &[DoubleDouble], own: &[DoubleDouble]| all.iter().zip(own).map(|(a, b)| *a + sign * *b).collect();
            total = Affine::new(add(&all.scale, &own.scale), add(&all.shift, &own.shift));
        }
        let (law, at, total) = relative(map, Placed::of(axis, total))?;
        let step = push(&law, &self.view.constants(host), at, &total)?;
        if !step.moves.is_empty() {
            return Err(Reason::ShiftThroughScale);
        }
        check_types(self.view, host, &step)?;
        Ok(Change { weight: None, parameters: step.parameters })
    }
}

/// The law of a host, and the map that is to be pushed into it so that it becomes this one. A factor of one changes no constant, so
/// it is said in parts of the host's own; others take the place of what the host has been.
fn relative(map: Map, total: Placed) -> Result<(Law, Port, Placed), Reason> {
    let is_one = |scale: &[DoubleDouble]| scale.iter().all(|factor| *factor == DoubleDouble::ONE);
    if !is_one(&total.map.scale) || is_one(&map.placed.map.scale) {
        return Ok((Law::Map(Map { placed: Placed::uniform(1.0, 0.0), ..map.clone() }), Port::Input(map.data), total));
    }
    let count = total.map.len().max(map.placed.map.len());
    let own = map.placed.map.expand(count).filter(|own| own.scale.iter().all(|factor| *factor != DoubleDouble::ZERO));
    let (Some(own), Some(all)) = (own, total.map.expand(count)) else { return Err(Reason::NotAffine) };
    let scale: Vec<DoubleDouble> = own.scale.iter().map(|factor| DoubleDouble::ONE / *factor).collect();
    let shift = scale.iter().zip(&own.shift).zip(&all.shift).map(|((factor, own), all)| *all - *factor * *own).collect();
    let axis = total.axis.or(map.placed.axis);
    Ok((Law::Map(map), Port::Output(0), Placed::of(axis, Affine::new(scale, shift))))
}

/// How many parameters there are before a host changes and these nodes go, and afterwards, beside those that stay.
pub(super) fn parameters(view: &View<'_>, host: NodeId, change: &Change, unread: &BTreeSet<NodeId>) -> (u64, u64) {
    let (graph, draft) = (view.graph, &view.draft);
    // As an earlier fold has left it.
    let elements = |node: NodeId, input: usize, value: ValueId| match draft.tensors.get(&(node, input)) {
        Some(tensor) => tensor.elements(),
        None => view.constant(value).map_or(0, |tensor| graph.tensor(tensor).elements()),
    };
    let goes = |user: &Use| matches!(user, Use::Node(reader, _) if *reader == host || unread.contains(reader));
    let content = |user: &Use| if let Use::Node(node, input) = user { draft.tensors.get(&(*node, *input)) } else { None };
    // Who reads the same value is written with another constant where a fold has made something else of it.
    let alone = |value: ValueId, own: Option<&DraftTensor>| {
        draft.uses(graph, value).iter().all(|user| goes(user) || content(user) != own)
    };
    let read = unread.iter().flat_map(|node| (0..graph.node(*node).inputs.len()).map(|input| (*node, input)));
    let mut saved: BTreeMap<ValueId, Vec<(Option<&DraftTensor>, u64)>> = BTreeMap::new();
    for place @ (node, input) in read {
        let Some(value) = draft.input(graph, node, input) else { continue };
        let (own, all) = (draft.tensors.get(&place), saved.entry(value).or_default());
        // Many nodes may read one value, which is looked at once.
        if all.iter().all(|(other, _)| *other != own) {
            all.push((own, elements(node, input, value)));
        }
    }
    saved.iter_mut().for_each(|(value, all)| all.retain(|(own, _)| alone(*value, *own)));
    let is_saved = |value, own| saved.get(&value).is_some_and(|all| all.iter().any(|(other, _)| *other == own));
    let added_before = unread.iter().flat_map(|node| draft.tensors.range((*node, 0)..=(*node, usize::MAX)));
    let fresh = added_before.filter(|((node, input), _)| draft.input(graph, *node, *input).is_none());
    let mut before: u64 = saved.values().flatten().map(|(_, elements)| elements).sum();
    before += fresh.map(|(_, tensor)| tensor.elements()).sum::<u64>();
    let mut after = 0;
    let replaced = change.parameters.iter().filter_map(|parameter| match parameter {
        Parameter::Replace { input, value } => Some((*input, value.values.len() as u64)),
        _ => None,
    });
    for (input, count) in replaced.chain(change.weight.iter().map(|(input, merged)| (*input, merged.layout.elements()))) {
        after += count;
        before += match (draft.input(graph, host, input), draft.tensors.get(&(host, input))) {
            (Some(value), own) if alone(value, own) && !is_saved(value, own) => elements(host, input, value),
            (None, Some(tensor)) => tensor.elements(),
            _ => 0,
        };
    }
    (before, after)
}

/// The sum of two constants that align at the last axis.
fn sum(one: &Array, other: &Array) -> Result<Array, Reason> {
    let rank = one.dims.len().max(other.dims.len());
    let padded = |array: &Array| {
        let mut dims = vec![1; rank - array.dims.len()];
        dims.extend(&array.dims);
        dims
    };
    let (a, b) = (padded(one), padded(other));
    let mut dims = Vec::new();
    for (a, b) in a.iter().zip(&b) {
        dims.push(match (a, b) {
            (1, size) | (size, 1) => *size,
            (a, b) if a == b => *a,
            _ => return Err(Reason::UnknownShape),
        });
    }
    let at = |own: &[u64], mut index: u64| {
        let (mut place, mut step) = (0, 1);
        for (size, own) in dims.iter().zip(own).rev() {
            place += (index % size) % own * step;
            index /= size;
            step *= own;
        }
        place as usize
    };
    let count: u64 = dims.iter().product();
    let value = |array: &Array, own: &[u64], index| array.values.get(at(own, index)).copied().unwrap_or(DoubleDouble::ZERO);
    let values = (0..count).map(|index| value(one, &a, index) + value(other, &b, index)).collect();
    Ok(Array { dims, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::exactly;

    #[test]
    fn constants_are_added_as_they_broadcast() {
        let array = |dims: &[u64], values: &[f64]| Array { dims: dims.to_vec(), values: exactly(values) };
        let (column, row) = (array(&[2, 1], &[10.0, 20.0]), array(&[3], &[1.0, 2.0, 3.0]));
        let both = array(&[2, 3], &[11.0, 12.0, 13.0, 21.0, 22.0, 23.0]);
        assert_eq!(sum(&column, &row), Ok(both.clone()));
        assert_eq!(sum(&row, &column), Ok(both.clone()));
        assert_eq!(sum(&array(&[], &[1.0]), &array(&[2], &[1.0, 2.0])), Ok(array(&[2], &[2.0, 3.0])));
        assert_eq!(sum(&both, &both).unwrap().values, exactly(&[22.0, 24.0, 26.0, 42.0, 44.0, 46.0]));
        assert_eq!(sum(&array(&[2], &[1.0, 2.0]), &row), Err(Reason::UnknownShape));
    }
}
