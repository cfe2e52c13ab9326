//! The numbers that a trial feeds in: of either sign, none zero, and in later draws of very different sizes along one axis, so
//! that no channel hides behind another.

use crate::reference::{Array, Data};

/// How far the sizes of channels spread, in powers of two.
const SPREAD: i64 = 16;

/// How much larger all of them are in a draw, in powers of two. The first such draw is near the end of float: where a term of
/// higher degree is nothing beside those numbers, it is beside all others.
fn enlarged(draw: usize) -> i32 {
    match draw {
        1 => 100,
        3 => 24,
        5 => 60,
        _ => 0,
    }
}

/// A stream of random numbers, by the generator of Steele, Lea and Flood (2014).
pub(super) struct Stream(u64);

impl Stream {
    /// A stream that depends on a name and a number alone.
    pub fn of(name: &str, draw: usize) -> Stream {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Stream(hash ^ (draw as u64).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of either sign and a magnitude of 0.5 to 1.
    fn number(&mut self) -> f64 {
        let bits = self.bits();
        let magnitude = 0.5 + (bits >> 12) as f64 / (1_u64 << 53) as f64;
        if bits & 1 == 0 { magnitude } else { -magnitude }
    }

    fn size(&mut self) -> f64 {
        let exponent = (self.bits() >> 33) as i64 % (2 * SPREAD + 1) - SPREAD;
        2.0_f64.powi(exponent as i32)
    }
}

/// Draw number `draw` of a value of these dims. The first draw is plain; in those up to [`SPREAD_ALL`] the sizes differ along an
/// axis, by turns the second and the last, and where it is the last all are large; in each of the others one position of such an axis is far larger than the rest.
pub(super) fn fresh(name: &str, draw: usize, dims: &[usize]) -> Array {
    let mut stream = Stream::of(name, draw);
    let count: usize = dims.iter().product();
    let mut values: Vec<f64> = (0..count).map(|_| stream.number()).collect();
    let axis = match draw {
        ..PLAIN => None,
        SPREAD_ALL.. => {
            tower(&mut values, draw - SPREAD_ALL, dims);
            None
        }
        _ if draw.is_multiple_of(2) => Some(1),
        _ => dims.len().checked_sub(1),
    };
    if let Some((axis, size)) = axis.and_then(|axis| Some((axis, *dims.get(axis)?))) {
        let sizes: Vec<f64> = (0..size).map(|_| stream.size()).collect();
        let inner: usize = dims.iter().skip(axis + 1).product();
        for (at, value) in values.iter_mut().enumerate() {
            *value *= sizes.get(at / inner.max(1) % size.max(1)).copied().unwrap_or(1.0);
        }
    }
    if is_large(draw) {
        values.iter_mut().for_each(|value| *value *= 2.0_f64.powi(enlarged(draw)));
    }
    Array { dims: dims.to_vec(), data: Data::Float(values) }
}

/// Makes elements at one position of the second axis far larger than the others, or of the last one, once all of the second had their turn.
fn tower(values: &mut [f64], turn: usize, dims: &[usize]) {
    let last = dims.len().saturating_sub(1);
    let second = dims.get(last.min(1)).copied().unwrap_or(1).max(1);
    let axis = if turn < second { last.min(1) } else { last };
    let size = dims.get(axis).copied().unwrap_or(1).max(1);
    let inner: usize = dims.iter().skip(axis + 1).product();
    let chosen = if turn < second { turn } else { turn - second } % size;
    // Few of its elements, so that a window sees one of them.
    let few = |at: usize| inner < FEW || at % inner % FEW == turn % FEW;
    for (_, value) in values.iter_mut().enumerate().filter(|(at, _)| at / inner.max(1) % size == chosen && few(*at)) {
        *value *= 2.0_f64.powi(SPREAD as i32);
    }
}

/// One in so many elements.
const FEW: usize = 7;

/// The largest number of a draw.
pub(super) fn largest(draw: usize) -> f64 {
    if draw < PLAIN { 1.0 } else { 2.0_f64.powi(SPREAD as i32 + enlarged(draw)) }
}

/// Whether all numbers of a draw are large, so that a term of another degree shows itself however small its factor is.
pub(super) fn is_large(draw: usize) -> bool {
    enlarged(draw) > 0
}

/// How many draws have numbers of one size.
pub(super) const PLAIN: usize = 1;

/// How many draws there are before those in which one position is larger than the rest.
pub(super) const SPREAD_ALL: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one_and_its_numbers_have_either_sign() {
        let mut stream = Stream(0);
        let published = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([stream.bits(), stream.bits(), stream.bits()], published);
        let negative = (0..1000).filter(|_| stream.number() < 0.0).count();
        assert!((400..600).contains(&negative), "{negative} of 1000");
    }

    #[test]
    fn no_number_is_zero_and_sizes_spread_in_later_draws() {
        let numbers = |draw| match fresh("x", draw, &[2, 32, 3]).data {
            Data::Float(all) => all,
            _ => vec![],
        };
        let spread = |all: &[f64]| {
            let sizes = all.iter().map(|x| x.abs());
            sizes.clone().fold(0.0, f64::max) / sizes.fold(f64::MAX, f64::min)
        };
        assert!(numbers(0).iter().all(|x| x.abs() >= 0.5 && x.abs() < 1.0));
        assert!(spread(&numbers(2)) > 1e4 && spread(&numbers(1)) > 4.0);
        let large = |draw| numbers(draw).iter().enumerate().filter(|(_, x)| x.abs() > 1e3).map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(large(SPREAD_ALL + 31), [93, 94, 95, 189, 190, 191]);
        assert_eq!(large(SPREAD_ALL + 33), (0..64).map(|row| 3 * row + 1).collect::<Vec<_>>());
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(0), numbers(1));
    }
}
