//! Resize and Upsample: nearest, linear and cubic interpolation.
//!
//! Each axis has, for each place of the result, the places that are read and their weights; the
//! result sums over all combinations.

use super::array::{at, axis, count, each_position, flat, replaced, size};
use super::call::Call;
use super::{Array, ReferenceError, invalid, unsupported};

/// The one mode that is not of the specification: cubic, with the magnitudes of its weights, for bounds of differences.
const MAGNITUDES: &str = "magnitudes of cubic";

/// What is read along one axis for one place of the result; none outside of the cropped input.
type Taps = Option<Vec<(usize, f64)>>;

/// One axis: extents before and after, the scale, and the part of the input that is taken.
struct Axis {
    input: usize,
    output: usize,
    scale: f64,
    roi: (f64, f64),
}

struct Settings<'a> {
    mode: &'a str,
    coordinates: &'a str,
    nearest: &'a str,
    cubic: f64,
    excludes_outside: bool,
}

pub(super) fn upsample(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let scales: Vec<f64> = match (call.opset, call.optional(1)) {
        (9.., Some(scales)) => scales.floats()?.to_vec(),
        (7.., _) => {
            let scales = call.attribute("scales").map(|attribute| &attribute.floats);
            scales.into_iter().flatten().map(|&scale| scale.into()).collect()
        }
        _ => return unsupported("Upsample before opset 7"),
    };
    let axes = scaled_axes(call.input(0)?, &scales)?;
    let settings = Settings {
        mode: call.text_or("mode", "nearest")?,
        coordinates: "asymmetric",
        nearest: "floor",
        cubic: 0.0,
        excludes_outside: false,
    };
    resized(call.input(0)?, &axes, &settings, 0.0)
}

fn scaled_axes(x: &Array, scales: &[f64]) -> Result<Vec<Axis>, ReferenceError> {
    if scales.len() != x.dims.len() {
        return invalid("a scale is needed for each axis");
    }
    let axes = x.dims.iter().zip(scales).map(|(&input, &scale)| Axis {
        input,
        output: (input as f64 * scale).floor() as usize,
        scale,
        roi: (0.0, 1.0),
    });
    Ok(axes.collect())
}

pub(super) fn resize(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    if call.int_or("antialias", 0)? != 0 {
        return unsupported("Resize with antialias");
    }
    if call.opset < 11 {
        let axes = scaled_axes(x, call.input(1)?.floats()?)?;
        let settings = Settings {
            mode: call.text_or("mode", "nearest")?,
            coordinates: "asymmetric",
            nearest: "floor",
            cubic: 0.0,
            excludes_outside: false,
        };
        return resized(x, &axes, &settings, 0.0);
    }
    let settings = Settings {
        mode: call.text_or("mode", "nearest")?,
        coordinates: call.text_or("coordinate_transformation_mode", "half_pixel")?,
        nearest: call.text_or("nearest_mode", "round_prefer_floor")?,
        cubic: call.float_or("cubic_coeff_a", -0.75)?,
        excludes_outside: call.int_or("exclude_outside", 0)? != 0,
    };
    let axes = chosen_axes(call, x, settings.coordinates == "tf_crop_and_resize")?;
    resized(x, &axes, &settings, call.float_or("extrapolation_value", 0.0)?)
}

/// The axes of Resize from opset 11 on, from scales or sizes, for all axes or those that `axes` names.
fn chosen_axes(call: &Call, x: &Array, is_cropped: bool) -> Result<Vec<Axis>, ReferenceError> {
    let rank = x.dims.len();
    let chosen: Vec<usize> = match call.ints("axes")? {
        Some(axes) => axes.iter().map(|&chosen| axis(chosen, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    let scales = call.optional(2).map(Array::floats).transpose()?.filter(|scales| !scales.is_empty());
    let sizes = call.optional(3).map(Array::ints).transpose()?.filter(|sizes| !sizes.is_empty());
    let region = call.optional(1).map(Array::floats).transpose()?.unwrap_or(&[]);
    let mut axes = scaled_axes(x, &vec![1.0; rank])?;
    let mut shared = None;
    if let Some(sizes) = sizes {
        let ratios = chosen.iter().zip(sizes);
        let ratios = ratios.map(|(&axis, &size)| Ok(size as f64 / at(&x.dims, axis)? as f64));
        let ratios = ratios.collect::<Result<Vec<f64>, ReferenceError>>()?;
        shared = match call.text_or("keep_aspect_ratio_policy", "stretch")? {
            "stretch" => None,
            "not_larger" => ratios.into_iter().reduce(f64::min),
            "not_smaller" => ratios.into_iter().reduce(f64::max),
            policy => return invalid(format!("keep_aspect_ratio_policy cannot be {policy}")),
        };
    }
    for (index, &axis) in chosen.iter().enumerate() {
        let Some(setting) = axes.get_mut(axis) else {
            return invalid("an axis that is not there");
        };
        if is_cropped {
            setting.roi = (at(region, index)?, at(region, index + chosen.len())?);
        }
        let input = setting.input as f64;
        match (scales, sizes, shared) {
            (Some(scales), _, _) => {
                setting.scale = at(scales, index)?;
                let part = if is_cropped { setting.roi.1 - setting.roi.0 } else { 1.0 };
                setting.output = (input * part * setting.scale).floor() as usize;
            }
            (None, Some(_), Some(scale)) => {
                setting.scale = scale;
                setting.output = (input * scale).round() as usize;
            }
            (None, Some(sizes), None) => {
                setting.output = size(at(sizes, index)?)?;
                setting.scale = setting.output as f64 / input;
            }
            (None, None, _) => return invalid("Resize without scales and sizes"),
        }
    }
    Ok(axes)
}

/// The place of the input, between its elements, that a place of the result stands for.
fn coordinate(axis: &Axis, place: usize, mode: &str) -> Result<f64, ReferenceError> {
    let place = place as f64;
    let (input, output) = (axis.input as f64, axis.output as f64);
    Ok(match mode {
        "half_pixel" => (place + 0.5) / axis.scale - 0.5,
        "half_pixel_symmetric" => {
            let adjustment = output / (axis.scale * input);
            let offset = input / 2.0 * (1.0 - adjustment);
            offset + (place + 0.5) / axis.scale - 0.5
        }
        "pytorch_half_pixel" if output > 1.0 => (place + 0.5) / axis.scale - 0.5,
        "pytorch_half_pixel" => 0.0,
        "tf_half_pixel_for_nn" => (place + 0.5) / axis.scale,
        "asymmetric" => place / axis.scale,
        // The project's data take the resized length before it is rounded down.
        "align_corners" if axis.scale * input != 1.0 => place * (input - 1.0) / (axis.scale * input - 1.0),
        "align_corners" => 0.0,
        "tf_crop_and_resize" => {
            let (start, end) = axis.roi;
            if output > 1.0 {
                start * (input - 1.0) + place * (end - start) * (input - 1.0) / (output - 1.0)
            } else {
                0.5 * (start + end) * (input - 1.0)
            }
        }
        _ => return invalid(format!("coordinate_transformation_mode cannot be {mode}")),
    })
}

fn taps(axis: &Axis, place: usize, settings: &Settings) -> Result<Taps, ReferenceError> {
    let x = coordinate(axis, place, settings.coordinates)?;
    let last = axis.input as f64 - 1.0;
    if settings.coordinates == "tf_crop_and_resize" && !(0.0..=last).contains(&x) {
        return Ok(None);
    }
    let inside = |place: f64| place.clamp(0.0, last.max(0.0)) as usize;
    let below = x.floor();
    let rest = x - below;
    Ok(Some(match settings.mode {
        "nearest" => {
            let nearest = match settings.nearest {
                "round_prefer_floor" => {
                    if rest == 0.5 {
                        below
                    } else {
                        x.round()
                    }
                }
                "round_prefer_ceil" => (x + 0.5).floor(),
                "floor" => below,
                "ceil" => x.ceil(),
                mode => return invalid(format!("nearest_mode cannot be {mode}")),
            };
            vec![(inside(nearest), 1.0)]
        }
        "linear" | "bilinear" => vec![(inside(below), 1.0 - rest), (inside(below + 1.0), rest)],
        "cubic" | MAGNITUDES => {
            let mut taps: Vec<(f64, f64)> =
                (-1..=2).map(|step| (below + f64::from(step), cubic((rest - f64::from(step)).abs(), settings.cubic))).collect();
            if settings.excludes_outside {
                taps.retain(|(place, _)| (0.0..=last).contains(place));
                let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
                taps.iter_mut().for_each(|(_, weight)| *weight /= sum);
            }
            let size = |weight: f64| if settings.mode == MAGNITUDES { weight.abs() } else { weight };
            taps.into_iter().map(|(place, weight)| (inside(place), size(weight))).collect()
        }
        mode => return invalid(format!("mode cannot be {mode}")),
    }))
}

/// The cubic convolution kernel of Keys, "Cubic convolution interpolation for digital image
/// processing", 1981, with parameter `a`.
fn cubic(distance: f64, a: f64) -> f64 {
    let d = distance;
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    } else {
        0.0
    }
}

fn resized(x: &Array, axes: &[Axis], settings: &Settings, outside: f64) -> Result<Vec<Array>, ReferenceError> {
    let dims: Vec<usize> = axes.iter().map(|axis| axis.output).collect();
    let mut y = Vec::with_capacity(count(&dims)?);
    if dims.contains(&0) {
        return Ok(vec![x.pick(&dims, |_| 0)?]);
    }
    let mut all: Vec<Vec<Taps>> = Vec::new();
    for axis in axes {
        let is_same = axis.input == axis.output && axis.scale == 1.0 && axis.roi == (0.0, 1.0);
        let places =
            (0..axis.output).map(|place| if is_same { Ok(Some(vec![(place, 1.0)])) } else { taps(axis, place, settings) });
        all.push(places.collect::<Result<_, _>>()?);
    }
    if settings.mode == "nearest" && x.floats().is_err() {
        return nearest(x, &dims, &all);
    }
    let values = x.floats()?;
    each_position(&dims, |position| {
        let mut chosen = Vec::new();
        for (taps, &place) in all.iter().zip(position) {
            match taps.get(place) {
                Some(Some(taps)) => chosen.push(taps),
                _ => {
                    y.push(outside);
                    return Ok(());
                }
            }
        }
        let choices: Vec<usize> = chosen.iter().map(|taps| taps.len()).collect();
        let mut sum = 0.0;
        each_position(&choices, |choice| {
            let mut weight = 1.0;
            let mut source = vec![0; choice.len()];
            for (index, (taps, &tap)) in chosen.iter().zip(choice).enumerate() {
                let (place, factor) = at(taps, tap)?;
                weight *= factor;
                source = replaced(&source, index, place);
            }
            sum += weight * at(values, flat(&source, &x.dims))?;
            Ok(())
        })?;
        y.push(sum);
        Ok(())
    })?;
    Ok(vec![Array::float(dims, y)])
}

/// Nearest elements of any type.
fn nearest(x: &Array, dims: &[usize], all: &[Vec<Taps>]) -> Result<Vec<Array>, ReferenceError> {
    let y = x.pick(dims, |position| {
        let places = all.iter().zip(position).map(|(taps, &place)| match taps.get(place) {
            Some(Some(taps)) => taps.first().map_or(0, |tap| tap.0),
            _ => 0,
        });
        flat(&places.collect::<Vec<_>>(), &x.dims)
    })?;
    Ok(vec![y])
}
