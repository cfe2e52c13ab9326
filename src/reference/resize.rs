//! Resize and Upsample: nearest, linear and cubic interpolation.
//!
//! Each axis has, for each place of the result, the places that are read and their weights; one axis after the other is
//! resized.

use super::array::{at, axis, count, each_position, size};
use super::call::Call;
use super::{Array, Data, ReferenceError, invalid};

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
    /// Whether what shrinks is read as wide as it shrinks.
    antialias: bool,
}

pub(super) fn upsample(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let scales: Vec<f64> = match (call.opset, call.optional(1)) {
        (9.., Some(scales)) => scales.floats()?.to_vec(),
        (7.., _) => {
            let scales = call.attribute("scales").map(|attribute| &attribute.floats);
            scales.into_iter().flatten().map(|&scale| scale.into()).collect()
        }
        _ => {
            let scale = |name| call.float(name)?.map_or_else(|| invalid("Upsample without its scales"), Ok);
            vec![1.0, 1.0, scale("height_scale")?, scale("width_scale")?]
        }
    };
    let axes = scaled_axes(call.input(0)?, &scales)?;
    let settings = Settings {
        mode: call.text_or("mode", "nearest")?,
        coordinates: "asymmetric",
        nearest: "floor",
        cubic: 0.0,
        excludes_outside: false,
        antialias: false,
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
    if call.opset < 11 {
        let axes = scaled_axes(x, call.input(1)?.floats()?)?;
        let settings = Settings {
            mode: call.text_or("mode", "nearest")?,
            coordinates: "asymmetric",
            nearest: "floor",
            cubic: 0.0,
            excludes_outside: false,
            antialias: false,
        };
        return resized(x, &axes, &settings, 0.0);
    }
    let settings = Settings {
        mode: call.text_or("mode", "nearest")?,
        coordinates: call.text_or("coordinate_transformation_mode", "half_pixel")?,
        nearest: call.text_or("nearest_mode", "round_prefer_floor")?,
        cubic: call.float_or("cubic_coeff_a", -0.75)?,
        excludes_outside: call.int_or("exclude_outside", 0)? != 0,
        antialias: call.int_or("antialias", 0)? != 0,
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
                // ONNX's text has the cropped part as a factor here, too; runtimes and ONNX's own reference have not.
                setting.output = (input * setting.scale).floor() as usize;
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
        "linear" | "bilinear" => {
            let taps = around(x, 1.0, if settings.antialias { axis.scale.min(1.0) } else { 1.0 }, |d| (1.0 - d).max(0.0));
            weighted(taps, settings, last)
        }
        "cubic" | MAGNITUDES => {
            let taps = around(x, 2.0, if settings.antialias { axis.scale.min(1.0) } else { 1.0 }, |d| cubic(d, settings.cubic));
            let mut taps = weighted(taps, settings, last);
            if settings.mode == MAGNITUDES {
                taps.iter_mut().for_each(|(_, weight)| *weight = weight.abs());
            }
            taps
        }
        mode => return invalid(format!("mode cannot be {mode}")),
    }))
}

/// The places around `x` within `radius`, which grows as the scale falls, and their weights.
fn around(x: f64, radius: f64, scale: f64, weight: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let reach = (radius / scale).ceil() as i64;
    let places = (1 - reach..=reach).map(|step| x.floor() + step as f64);
    places.map(|place| (place, weight((place - x).abs() * scale))).collect()
}

/// Places beyond the border read the border, or have no weight; the weights then sum to one again.
fn weighted(mut taps: Vec<(f64, f64)>, settings: &Settings, last: f64) -> Vec<(usize, f64)> {
    if settings.excludes_outside {
        taps.retain(|(place, _)| (0.0..=last).contains(place));
    }
    if settings.excludes_outside || settings.antialias {
        let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
        taps.iter_mut().for_each(|(_, weight)| *weight /= sum);
    }
    taps.into_iter().map(|(place, weight)| (place.clamp(0.0, last.max(0.0)) as usize, weight)).collect()
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
    count(&dims)?;
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
    if settings.mode == "nearest" {
        return nearest(x, &dims, &all, outside);
    }
    let mut values = x.floats()?.to_vec();
    let mut inner = 1;
    for (taps, axis) in all.iter().zip(axes).rev() {
        if !taps.iter().enumerate().all(|(place, taps)| matches!(taps.as_deref(), Some([(from, _)]) if *from == place)) {
            values = along(&values, axis.input.saturating_mul(inner), inner, taps);
        }
        inner = inner.saturating_mul(axis.output);
    }
    let mut position = values.iter_mut();
    each_position(&dims, |places| {
        let value = position.next();
        let is_outside = all.iter().zip(places).any(|(taps, &place)| matches!(taps.get(place), Some(None)));
        if let (Some(value), true) = (value, is_outside) {
            *value = outside;
        }
        Ok(())
    })?;
    Ok(vec![Array::float(dims, values)])
}

/// One axis resized: blocks of its length times what lies within it.
fn along(values: &[f64], block: usize, inner: usize, taps: &[Taps]) -> Vec<f64> {
    let mut made = Vec::new();
    for block in values.chunks(block.max(1)) {
        for taps in taps {
            let start = made.len();
            made.resize(start + inner, 0.0);
            for (place, weight) in taps.iter().flatten() {
                let row = block.iter().skip(place * inner);
                made.iter_mut().skip(start).zip(row).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    made
}

/// Nearest elements of any type; what is outside of a cropped input is filled.
fn nearest(x: &Array, dims: &[usize], all: &[Vec<Taps>], outside: f64) -> Result<Vec<Array>, ReferenceError> {
    let fill = match &x.data {
        Data::Float(_) => Array::float([], vec![outside]),
        Data::Int(_) => Array::int([], vec![outside as i64]),
        Data::Bool(_) => Array::bool([], vec![outside != 0.0]),
    };
    let y = x.pick_or(dims, Some(&fill), |position| {
        let mut source = 0;
        for ((taps, &place), &dim) in all.iter().zip(position).zip(&x.dims) {
            source = source * dim + taps.get(place)?.as_ref()?.first()?.0;
        }
        Some(source)
    })?;
    Ok(vec![y])
}
