//! What is fed into both sides to see how large their numbers become: all channels, or one after the other.

use std::collections::BTreeMap;

use super::sides::Sides;
use super::walk::Values;
use crate::reference::Array;
use crate::verify::certify::layout::Layout;

/// How large what is fed in is, and where: elsewhere it is nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Run {
    /// All channels.
    All(f64),
    /// One channel, counted through all inputs.
    Channel(usize, f64),
    /// Those whose number has this digit, in binary.
    Digit(u32, usize, f64),
}

impl Run {
    pub const NOTHING: Run = Run::All(0.0);
    pub const ONES: Run = Run::All(1.0);

    /// How large it is.
    pub fn size(self) -> f64 {
        let (Run::All(size) | Run::Channel(_, size) | Run::Digit(_, _, size)) = self;
        size
    }

    /// What a channel reads.
    fn of(self, channel: usize) -> f64 {
        let is_large = match self {
            Run::All(_) => true,
            Run::Channel(one, _) => one == channel,
            Run::Digit(bit, digit, _) => channel >> bit & 1 == digit,
        };
        if is_large { self.size() } else { 0.0 }
    }
}

/// Each channel by itself, if that is cheap; else each digit of their numbers.
pub(super) fn by_channel(sides: &Sides, size: f64, is_cheap: impl Fn(usize, u32) -> bool) -> Vec<Run> {
    let channels: usize = sides.layouts.values().map(channels).sum();
    let digits = usize::BITS - channels.leading_zeros();
    if is_cheap(channels, 10) {
        (0..channels).map(|channel| Run::Channel(channel, size)).collect()
    } else if is_cheap(2 * digits as usize, 8) {
        (0..digits).flat_map(|bit| [Run::Digit(bit, 0, size), Run::Digit(bit, 1, size)]).collect()
    } else {
        vec![]
    }
}

/// What is fed in.
pub(super) fn sources(sides: &Sides, runs: &[Run]) -> Values {
    // Channels are counted through all that is read.
    let read = sides.layouts.iter().filter(|(_, layout)| !layout.choice);
    let firsts: BTreeMap<&str, usize> = read
        .scan(0, |next, (name, layout)| {
            let first = *next;
            *next += channels(layout);
            Some((name.as_str(), first))
        })
        .collect();
    sides.fed(runs.len(), &|name, layout, run| {
        let (first, count) = (firsts.get(name).copied().unwrap_or(0), channels(layout).max(1));
        let inner: usize = layout.channels.map_or(usize::MAX, |axis| layout.dims.iter().skip(axis + 1).product());
        let channel = |at: usize| first + at / inner.max(1) % count;
        let size = |at: usize| runs.get(run).map_or(0.0, |run| run.of(channel(at)));
        Array::float(layout.dims.clone(), (0..layout.dims.iter().product()).map(size).collect())
    })
}

/// How many channels a value has.
fn channels(layout: &Layout) -> usize {
    layout.channels.and_then(|axis| layout.dims.get(axis)).copied().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::trial::floats;

    const INPUT: f64 = 1024.0;

    #[test]
    fn what_is_fed_in_is_large_in_the_channels_of_a_run() {
        let layout = |channels: usize| Layout {
            dims: vec![1, channels, 2],
            stack: None,
            channels: Some(1),
            groups: 1,
            phases: vec![],
            summed: 1,
            choice: false,
        };
        let layouts = BTreeMap::from([("a".to_owned(), layout(2)), ("b".to_owned(), layout(3))]);
        let sides = Sides { outputs: vec![], forms: (vec![], vec![]), layouts, settings: BTreeMap::new() };
        let large = |run: Run| {
            let values = sources(&sides, &[run]);
            let of = |name: &str| floats(&values[name][0]).unwrap().iter().map(|x| u8::from(*x == INPUT)).collect::<Vec<_>>();
            (of("a"), of("b"))
        };
        assert_eq!(large(Run::NOTHING), (vec![0; 4], vec![0; 6]));
        assert_eq!(large(Run::All(INPUT)), (vec![1; 4], vec![1; 6]));
        assert_eq!(large(Run::Channel(1, INPUT)), (vec![0, 0, 1, 1], vec![0; 6]));
        assert_eq!(large(Run::Channel(3, INPUT)), (vec![0; 4], vec![0, 0, 1, 1, 0, 0]));
        assert_eq!(large(Run::Digit(0, 1, INPUT)), (vec![0, 0, 1, 1], vec![0, 0, 1, 1, 0, 0]));
        assert_eq!(large(Run::Digit(1, 1, INPUT)), (vec![0; 4], vec![1, 1, 1, 1, 0, 0]));
        assert_eq!(large(Run::Digit(2, 0, INPUT)), (vec![1; 4], vec![1, 1, 1, 1, 0, 0]));
        assert_eq!(sources(&sides, &[Run::ONES])["a"][0].data, crate::reference::Data::Float(vec![1.0; 4]));
    }
}
