//! GridSample: values between positions, where a grid says.

use super::array::{at, count, each_position, flat};
use super::call::Call;
use super::{Array, ReferenceError, invalid};

/// How places beyond the border are read, and where the ends of the grid are.
struct Settings<'a> {
    mode: &'a str,
    padding: &'a str,
    aligned: bool,
}

/// The kernel of cubic interpolation, for distances up to 1 and up to 2 (a = −0.75).
fn cubic(distance: f64) -> f64 {
    const A: f64 = -0.75;
    let d = distance.abs();
    match d {
        ..=1.0 => ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0,
        1.0..2.0 => ((A * d - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A,
        _ => 0.0,
    }
}

/// A place folded back at both ends until it is within.
fn reflected(x: f64, low: f64, high: f64) -> f64 {
    let range = high - low;
    if range <= 0.0 {
        return low;
    }
    let (mut from, times) = if x < low { (low - x, true) } else { (x - high, false) };
    if (low..=high).contains(&x) {
        return x;
    }
    let whole = (from / range).floor();
    from -= whole * range;
    let even = whole.rem_euclid(2.0) == 0.0;
    if even == times { low + from } else { high - from }
}

impl Settings<'_> {
    /// A number of the grid, from −1 to 1, as a place of an axis.
    fn place(&self, number: f64, extent: usize) -> f64 {
        let extent = extent as f64;
        if self.aligned { (number + 1.0) / 2.0 * (extent - 1.0) } else { ((number + 1.0) * extent - 1.0) / 2.0 }
    }

    /// The ends between which places are folded back.
    fn ends(&self, extent: usize) -> (f64, f64) {
        let extent = extent as f64;
        if self.aligned { (0.0, extent - 1.0) } else { (-0.5, extent - 0.5) }
    }

    /// The element that a whole place reads; none where zeros stand beyond the border.
    fn element(&self, place: f64, extent: usize) -> Option<usize> {
        let last = extent as f64 - 1.0;
        let place = match self.padding {
            "border" => place.clamp(0.0, last),
            "reflection" => {
                let (low, high) = self.ends(extent);
                reflected(place, low, high).clamp(0.0, last)
            }
            _ => place,
        };
        (0.0..=last).contains(&place).then_some(place as usize)
    }

    /// What is read along one axis, and with which weights.
    fn taps(&self, number: f64, extent: usize) -> Vec<(Option<usize>, f64)> {
        let x = self.place(number, extent);
        let last = extent as f64 - 1.0;
        let (low, high) = self.ends(extent);
        let x = match self.padding {
            "border" if self.mode != "cubic" => x.clamp(0.0, last),
            "reflection" if self.mode != "cubic" => reflected(x, low, high),
            _ => x,
        };
        let below = x.floor();
        let at = |place: f64, weight: f64| (self.element(place, extent), weight);
        match self.mode {
            "nearest" => vec![at(x.round_ties_even(), 1.0)],
            "cubic" => (-1..=2).map(|step| below + f64::from(step)).map(|place| at(place, cubic(place - x))).collect(),
            _ => vec![at(below, 1.0 - (x - below)), at(below + 1.0, x - below)],
        }
    }
}

/// y[n,c,p] = what x[n,c] holds at the place that grid[n,p] names, the last axis first.
pub(super) fn grid_sample(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, grid) = (call.input(0)?, call.input(1)?);
    let mode = match call.text_or("mode", "linear")? {
        "bilinear" | "linear" => "linear",
        "bicubic" | "cubic" => "cubic",
        "nearest" => "nearest",
        mode => return invalid(format!("mode cannot be {mode}")),
    };
    let padding = call.text_or("padding_mode", "zeros")?;
    if !matches!(padding, "zeros" | "border" | "reflection") {
        return invalid(format!("padding_mode cannot be {padding}"));
    }
    let settings = Settings { mode, padding, aligned: call.int_or("align_corners", 0)? != 0 };
    let ([batch, channels, spatial @ ..], [grids, places @ .., axes]) = (&x.dims[..], &grid.dims[..]) else {
        return invalid("GridSample of a value without channels");
    };
    if grids != batch || *axes != spatial.len() || places.len() != spatial.len() {
        return invalid(format!("a grid of dims {:?} for {:?}", grid.dims, x.dims));
    }
    let (values, numbers, size) = (x.floats()?, grid.floats()?, count(spatial)?);
    let dims = [&[*batch, *channels], places].concat();
    let mut y = vec![0.0; count(&dims)?];
    let length = count(places)?;
    for (row, numbers) in numbers.chunks((*axes).max(1)).enumerate().take(count(&[*batch, length])?) {
        let (sample, place) = (row / length, row % length);
        let taps: Vec<_> =
            spatial.iter().zip(numbers.iter().rev()).map(|(&extent, &number)| settings.taps(number, extent)).collect();
        let choices: Vec<usize> = taps.iter().map(Vec::len).collect();
        each_position(&choices, |choice| {
            let (mut weight, mut source) = (1.0, Vec::new());
            for (taps, &tap) in taps.iter().zip(choice) {
                let (element, factor) = at(taps, tap)?;
                let Some(element) = element else { return Ok(()) };
                weight *= factor;
                source.push(element);
            }
            let source = flat(&source, spatial);
            for channel in 0..*channels {
                let plane = sample * channels + channel;
                if let Some(sum) = y.get_mut(plane * length + place) {
                    *sum += weight * at(values, plane * size + source)?;
                }
            }
            Ok(())
        })?;
    }
    Ok(vec![Array::float(dims, y)])
}
