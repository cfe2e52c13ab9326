//! What two runs gave, compared: at sites within a limit, elsewhere bit for bit.

use super::{Relay, SitePlan, SiteReport, TapReport};
use crate::engine::array::{Array, Data, bits, class};
use crate::verify::certify::limit;

/// What f64 itself may do, on the scale of the absolute model: far more than was ever seen, far less than any unit but its own.
const ENGINE: f64 = 1.0 / (1_u64 << 45) as f64;

/// Where two values are not equal bit for bit; `None` if they are.
pub(super) fn apart(found: &Array, expected: &Array) -> Option<String> {
    if found.dims != expected.dims {
        return Some(format!("its shape is {:?}, expected {:?}", found.dims, expected.dims));
    }
    let first = |at: Option<usize>| at.map(|at| index(&found.dims, at));
    match (&found.data, &expected.data) {
        (Data::Float(f), Data::Float(e)) => {
            let at = f.iter().zip(e).position(|(a, b)| bits(*a) != bits(*b))?;
            let (a, b) = (f.get(at)?, e.get(at)?);
            Some(format!("at {}: found {a:e}, expected {b:e}", index(&found.dims, at)))
        }
        (Data::Int(f), Data::Int(e)) => first(f.iter().zip(e).position(|(a, b)| a != b)).map(|at| format!("at {at}")),
        (Data::Bool(f), Data::Bool(e)) => first(f.iter().zip(e).position(|(a, b)| a != b)).map(|at| format!("at {at}")),
        _ => Some("its type is another".to_owned()),
    }
}

/// How far two values are from each other, plainly.
pub(super) fn tap(name: &str, found: &Array, expected: &Array) -> TapReport {
    let mut report = TapReport { value: name.to_owned(), largest: None, magnitude: 0.0, place: None };
    let (Data::Float(f), Data::Float(e)) = (&found.data, &expected.data) else {
        let same = apart(found, expected).is_none();
        return TapReport { largest: same.then_some(0.0), place: apart(found, expected), ..report };
    };
    if found.dims != expected.dims {
        return TapReport { place: apart(found, expected), ..report };
    }
    report.magnitude = e.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| x.abs().max(most));
    let mut largest = 0.0;
    for (at, (f, e)) in f.iter().zip(e).enumerate().filter(|(_, (f, e))| bits(**f) != bits(**e)) {
        let distance = (f - e).abs();
        if !distance.is_finite() {
            let place = format!("at {}: found {f:e}, expected {e:e}", index(&found.dims, at));
            return TapReport { place: Some(place), ..report };
        }
        if distance > largest {
            largest = distance;
            report.place = Some(format!("at {}: found {f:e}, expected {e:e}", index(&found.dims, at)));
        }
    }
    TapReport { largest: Some(largest), ..report }
}

/// The position of an element.
pub(crate) fn index(dims: &[usize], mut at: usize) -> String {
    let mut position = vec![0; dims.len()];
    for (place, dim) in position.iter_mut().zip(dims).rev() {
        let dim = (*dim).max(1);
        *place = at % dim;
        at /= dim;
    }
    format!("{position:?}")
}

/// What is too large to be told is left out, and so is what has no form in a message.
pub(super) fn setting(value: &Array) -> Option<Array> {
    const MOST: usize = 1 << 16;
    let small = match &value.data {
        Data::Float(all) => all.len() <= MOST && all.iter().all(|x| x.is_finite()),
        Data::Int(all) => all.len() <= MOST,
        Data::Bool(all) => all.len() <= MOST,
    };
    small.then(|| value.clone())
}

/// How far apart a site's numbers may be, in units of the absolute model.
pub(super) struct Limits {
    slope: f64,
    once: f64,
    lost: f64,
}

impl Limits {
    /// Those of a site that reads numbers up to a magnitude.
    pub fn of(relay: &Relay, plan: &SitePlan, largest: f64) -> Limits {
        let lost = if plan.lost == 0 { 0.0 } else { limit::lost(plan.smallest, plan.lost as f64, largest, plan.shift) };
        let scale = plan.unit * plan.roundings as f64;
        Limits { slope: relay.units * scale + ENGINE, once: relay.units_once * scale + ENGINE, lost }
    }

    /// Compares what the second model made with what the first makes of the same, on the scale of the absolute model.
    pub fn compare(&self, name: &str, found: &Array, expected: &Array, scale: &Array, report: &mut SiteReport) {
        let (Data::Float(f), Data::Float(e), Data::Float(k)) = (&found.data, &expected.data, &scale.data) else {
            report.apart = Some(format!("`{name}` is not of a float type in both models"));
            return;
        };
        if found.dims != expected.dims || k.len() != e.len() {
            report.apart = Some(format!("`{name}` has shape {:?}, expected {:?}", found.dims, expected.dims));
            return;
        }
        let (mut judged, mut overflow) = (0_usize, false);
        for (at, ((f, e), k)) in f.iter().zip(e).zip(k).enumerate() {
            if class(*f) != class(*e) {
                if report.apart.is_none() {
                    let at = index(&found.dims, at);
                    report.apart = Some(format!("`{name}` at {at}: found {f:e}, expected {e:e}"));
                }
                continue;
            }
            if !f.is_finite() {
                continue;
            }
            if !k.is_finite() {
                overflow = true;
                continue;
            }
            judged += 1;
            let distance = (f - e).abs();
            let (limit, once) = (self.slope * k + self.lost, self.once * k + self.lost);
            let ratio = ratio(distance, limit);
            if ratio > report.worst || report.place.is_none() {
                let at = index(&found.dims, at);
                report.place = Some(format!("`{name}` at {at}: found {f:e}, expected {e:e}, limit {limit:.3e}"));
            }
            report.worst = report.worst.max(ratio);
            report.worst_once = report.worst_once.max(self::ratio(distance, once));
        }
        if overflow {
            report.unjudged = Some("the numbers are so large that there is no limit for their difference".to_owned());
        } else if judged == 0 {
            report.unjudged = Some("no number in it is finite with these inputs".to_owned());
        }
    }
}

/// How many limits a distance is; never NaN and never infinite.
fn ratio(distance: f64, limit: f64) -> f64 {
    if distance == 0.0 {
        return 0.0;
    }
    (distance / limit).min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::array::fingerprint;

    fn floats(values: &[f64]) -> Array {
        Array { dims: vec![1, values.len()], data: Data::Float(values.to_vec()) }
    }

    fn compared(found: &[f64], expected: &[f64], scale: &[f64]) -> SiteReport {
        let limits = Limits { slope: 0.25, once: 0.125, lost: 0.0 };
        let mut report = SiteReport::default();
        limits.compare("v", &floats(found), &floats(expected), &floats(scale), &mut report);
        report
    }

    #[test]
    fn the_limit_is_on_the_scale_of_each_element() {
        let report = compared(&[1.0, 2.5], &[1.5, 2.0], &[1.0, 4.0]);
        assert_eq!((report.worst, report.worst_once), (2.0, 4.0));
        assert_eq!(report.place.as_deref(), Some("`v` at [0, 0]: found 1e0, expected 1.5e0, limit 2.500e-1"));
        assert_eq!((report.apart, report.unjudged), (None, None));
        assert_eq!(compared(&[1.0], &[1.0], &[0.0]).worst, 0.0);
        assert_eq!(compared(&[1.0], &[2.0], &[0.0]).worst, f64::MAX);
    }

    #[test]
    fn classes_are_compared_before_numbers() {
        let (nan, infinity) = (f64::NAN, f64::INFINITY);
        let report = compared(&[nan, infinity, 1.0], &[-nan, infinity, 1.0], &[nan, infinity, 1.0]);
        assert_eq!((report.worst, report.apart, report.unjudged), (0.0, None, None));
        for (found, expected) in [(nan, 1.0), (1.0, nan), (infinity, -infinity), (nan, infinity), (infinity, 1.0)] {
            let report = compared(&[1.0, found], &[1.0, expected], &[1.0, infinity]);
            assert!(report.apart.is_some_and(|place| place.contains("[0, 1]")), "{found} {expected}");
        }
    }

    #[test]
    fn what_has_no_limit_or_no_number_is_not_judged() {
        assert!(compared(&[1.0, 1.0], &[1.0, 1.0], &[1.0, f64::INFINITY]).unjudged.is_some());
        assert!(compared(&[f64::NAN], &[f64::NAN], &[f64::NAN]).unjudged.is_some());
        assert!(compared(&[], &[], &[]).unjudged.is_some());
    }

    #[test]
    fn elsewhere_bits_must_be_equal() {
        let value = floats(&[0.0, f64::NAN]);
        assert_eq!(apart(&value, &floats(&[0.0, -f64::NAN])), None);
        // Zeros of either sign are one number.
        assert_eq!(apart(&value, &floats(&[-0.0, f64::NAN])), None);
        assert_eq!(apart(&value, &floats(&[1.0, f64::NAN])).as_deref(), Some("at [0, 0]: found 0e0, expected 1e0"));
        assert!(apart(&value, &floats(&[0.0])).is_some_and(|place| place.contains("shape")));
        let whole = |values: &[i64]| Array { dims: vec![values.len()], data: Data::Int(values.to_vec()) };
        assert_eq!(apart(&whole(&[1, 2]), &whole(&[1, 3])).as_deref(), Some("at [1]"));
        assert!(apart(&whole(&[1, 2]), &Array { dims: vec![2], data: Data::Float(vec![1.0, 2.0]) }).is_some());
        assert_eq!(fingerprint(&value), fingerprint(&floats(&[0.0, -f64::NAN])));
        assert_ne!(fingerprint(&value), fingerprint(&floats(&[1.0, f64::NAN])));
    }
}
