//! Whole numbers that follow from the extents of a model's inputs: sums of products of them, and quotients that are no such sums.
//!
//! Two that are written alike are the same number for all inputs; those written otherwise may be. This must not know what a
//! model is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is larger is not followed: it could grow without end.
const LARGEST: usize = 48;

/// A number that is given from outside, or a quotient.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Atom {
    /// The extent of an axis of an input.
    Axis(String, usize),
    /// What one number divided by another is, towards zero.
    Quotient(Box<Extent>, Box<Extent>),
}

/// A whole number as a sum: by product of atoms, how often that is taken, never zero times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Extent(BTreeMap<Vec<Atom>, i64>);

impl Extent {
    /// A number.
    pub fn number(number: i64) -> Extent {
        Extent([(vec![], number)].into_iter().filter(|(_, times)| *times != 0).collect())
    }

    /// The extent of an axis of an input.
    pub fn axis(input: &str, axis: usize) -> Extent {
        Extent([(vec![Atom::Axis(input.to_owned(), axis)], 1)].into())
    }

    /// The axis of an input whose extent it is.
    #[cfg(feature = "tract")]
    pub fn as_axis(&self) -> Option<(&str, usize)> {
        match self.0.iter().next().filter(|_| self.0.len() == 1) {
            Some((product, 1)) => match &product[..] {
                [Atom::Axis(input, axis)] => Some((input, *axis)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The number that it is for all inputs.
    pub fn as_number(&self) -> Option<i64> {
        match self.0.iter().next() {
            None => Some(0),
            Some((product, times)) => (product.is_empty() && self.0.len() == 1).then_some(*times),
        }
    }

    /// How many binary digits it has at most, if an input has no more elements than what has `digits` digits.
    pub fn digits(&self, digits: u32) -> u32 {
        let product = |product: &Vec<Atom>| {
            let mut seen: BTreeSet<&Atom> = BTreeSet::new();
            let mut inputs: BTreeSet<&str> = BTreeSet::new();
            product.iter().fold(0, |sum: u32, atom| {
                let more = match atom {
                    // Several axes of one input have as many elements together as it has.
                    Atom::Axis(input, _) if seen.insert(atom) => {
                        if inputs.insert(input) {
                            digits
                        } else {
                            0
                        }
                    }
                    Atom::Axis(..) => digits,
                    Atom::Quotient(one, _) => one.digits(digits),
                };
                sum.saturating_add(more)
            })
        };
        // What is larger has no room anywhere.
        let most = |(all, times): (&Vec<Atom>, &i64)| match product(all) {
            bits @ 0..64 => u128::from(times.unsigned_abs()) << bits,
            _ => u128::MAX,
        };
        let sum = self.0.iter().map(most).fold(0, u128::saturating_add);
        u128::BITS - sum.leading_zeros()
    }

    /// Whether it has no step, which may show itself at large extents alone, as quotients have.
    pub fn is_steady(&self) -> bool {
        self.0.keys().flatten().all(|atom| matches!(atom, Atom::Axis(..)))
    }

    /// Whether it is certain that it is more than nothing, if no axis is empty.
    pub fn is_positive(&self) -> bool {
        let plain = |product: &Vec<Atom>| product.iter().all(|atom| matches!(atom, Atom::Axis(..)));
        self.is_natural() && self.0.keys().any(plain)
    }

    /// Whether it is certain that it is not less than nothing.
    pub fn is_natural(&self) -> bool {
        let natural = |atom: &Atom| match atom {
            Atom::Axis(..) => true,
            Atom::Quotient(one, two) => one.is_natural() && two.is_natural(),
        };
        self.0.iter().all(|(product, times)| *times > 0 && product.iter().all(natural))
    }

    /// The number that it is for inputs of these shapes, by their names; none if one is missing or the number is out of bounds.
    pub fn value(&self, shapes: &BTreeMap<String, Vec<usize>>) -> Option<i64> {
        let atom = |atom: &Atom| match atom {
            Atom::Axis(input, axis) => i64::try_from(*shapes.get(input)?.get(*axis)?).ok(),
            Atom::Quotient(one, two) => one.value(shapes)?.checked_div(two.value(shapes)?),
        };
        self.0.iter().try_fold(0i64, |sum, (product, times)| {
            let product = product.iter().try_fold(*times, |all, factor| all.checked_mul(atom(factor)?))?;
            sum.checked_add(product)
        })
    }

    fn weight(&self) -> usize {
        let atom = |atom: &Atom| match atom {
            Atom::Axis(..) => 1,
            Atom::Quotient(one, two) => 1 + one.weight() + two.weight(),
        };
        self.0.keys().map(|product| 1 + product.iter().map(atom).sum::<usize>()).sum()
    }

    fn small(self) -> Option<Extent> {
        (self.weight() <= LARGEST).then_some(self)
    }

    /// The sum; none if it is out of bounds, as everywhere here.
    pub fn plus(&self, other: &Extent) -> Option<Extent> {
        let mut sum = self.0.clone();
        for (product, times) in &other.0 {
            let entry = sum.entry(product.clone()).or_insert(0);
            *entry = entry.checked_add(*times)?;
        }
        sum.retain(|_, times| *times != 0);
        Extent(sum).small()
    }

    /// The product.
    pub fn times(&self, other: &Extent) -> Option<Extent> {
        if self.0.len().saturating_mul(other.0.len()) > LARGEST {
            return None;
        }
        let mut sum: BTreeMap<Vec<Atom>, i64> = BTreeMap::new();
        for (one, a) in &self.0 {
            for (two, b) in &other.0 {
                let mut product = [one.as_slice(), two.as_slice()].concat();
                product.sort_unstable();
                let entry = sum.entry(product).or_insert(0);
                *entry = entry.checked_add(a.checked_mul(*b)?)?;
            }
        }
        sum.retain(|_, times| *times != 0);
        Extent(sum).small()
    }

    /// The difference.
    pub fn minus(&self, other: &Extent) -> Option<Extent> {
        self.plus(&other.times(&Extent::number(-1))?)
    }

    /// The quotient towards zero, as ONNX divides integers (Div 14); none if the divisor may be nothing.
    pub fn over(&self, other: &Extent) -> Option<Extent> {
        match (self.as_number(), other.as_number()) {
            (_, Some(0)) => None,
            (_, None) if !other.is_positive() => None,
            (Some(one), Some(two)) => Some(Extent::number(one.checked_div(two)?)),
            (_, Some(1)) => Some(self.clone()),
            _ => self.exactly(other).or_else(|| {
                let quotient = Atom::Quotient(Box::new(self.clone()), Box::new(other.clone()));
                Extent([(vec![quotient], 1)].into()).small()
            }),
        }
    }

    /// Whether it can be divided by a number without a rest, which is not zero itself.
    pub fn is_multiple_of(&self, other: &Extent) -> bool {
        other.is_positive() && self.exactly(other).is_some()
    }

    /// The quotient, if each summand can be divided by a single one.
    fn exactly(&self, other: &Extent) -> Option<Extent> {
        let (divisor, by) = other.0.iter().next().filter(|_| other.0.len() == 1)?;
        let mut sum = BTreeMap::new();
        for (product, times) in &self.0 {
            let mut left = product.clone();
            for atom in divisor {
                left.remove(left.iter().position(|own| own == atom)?);
            }
            if times.checked_rem(*by)? != 0 {
                return None;
            }
            sum.insert(left, times.checked_div(*by)?);
        }
        Some(Extent(sum))
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0");
        }
        for (index, (product, times)) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { " + " } else { "" })?;
            write!(f, "{times}")?;
            for atom in product {
                match atom {
                    Atom::Axis(input, axis) => write!(f, "·{input}[{axis}]")?,
                    Atom::Quotient(one, two) => write!(f, "·(({one})/({two}))")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Extent {
        Extent::axis("input", 0)
    }

    #[test]
    fn what_is_the_same_number_is_written_alike() {
        let (n, two) = (batch(), Extent::number(2));
        let twice = n.plus(&n).unwrap();
        assert_eq!(twice, n.times(&two).unwrap());
        assert_eq!(twice.minus(&n).unwrap(), n);
        assert_eq!(twice.over(&two).unwrap(), n);
        assert_eq!(twice.over(&n).unwrap(), two);
        assert_eq!(n.minus(&n).unwrap().as_number(), Some(0));
        assert_eq!(n.times(&Extent::number(0)).unwrap(), Extent::number(0));
        assert_ne!(Extent::axis("input", 1), n);
    }

    #[test]
    fn what_is_lost_in_a_quotient_stays_lost() {
        let (n, two) = (batch(), Extent::number(2));
        let half = n.over(&two).unwrap();
        assert_ne!(half.times(&two).unwrap(), n);
        assert_eq!(half, batch().over(&two).unwrap());
        assert_ne!(half, n.over(&Extent::number(3)).unwrap());
        assert_eq!(Extent::number(-7).over(&two).unwrap(), Extent::number(-3));
        assert_eq!(n.over(&Extent::number(0)), None);
        let none_for_one = n.minus(&Extent::number(1)).unwrap();
        assert!(n.over(&none_for_one).is_none() && n.over(&half).is_none(), "one may be divided by nothing");
        let odd = n.plus(&Extent::number(1)).unwrap();
        assert_ne!(odd.over(&two).unwrap(), half);
    }

    #[test]
    fn a_sum_has_the_digits_of_all_that_is_added() {
        let of = |times: i64, axis: usize| Extent::axis("input", axis).times(&Extent::number(times)).unwrap();
        assert_eq!((batch().digits(28), of(7, 0).digits(28), Extent::number(-5).digits(28)), (29, 31, 3));
        let both = of(7, 0).plus(&Extent::axis("other", 0).times(&Extent::number(7)).unwrap()).unwrap();
        assert_eq!(both.digits(28), 32);
        let product = batch().times(&Extent::axis("other", 0)).unwrap().times(&Extent::axis("third", 0)).unwrap();
        assert_eq!(product.digits(28), 128);
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut sum = batch();
        let mut rounds = 0;
        while let Some(more) = sum.plus(&Extent::axis("input", rounds)).and_then(|sum| sum.times(&sum)) {
            sum = more;
            rounds += 1;
            assert!(rounds < 100);
        }
        assert_eq!(Extent::number(i64::MAX).plus(&Extent::number(1)), None);
    }
}
