//! The extents of what windows make that are laid over a value: convolutions and pools.

use super::view::View;
use super::{Extent, Extents};

/// The operators that lay windows over a value.
pub(super) const OPERATORS: &[&str] = &["AveragePool", "Conv", "ConvTranspose", "LpPool", "MaxPool"];

/// What a window is along one axis.
struct Window {
    taps: i64,
    stride: i64,
    dilation: i64,
    /// Before and behind together.
    pads: i64,
}

impl Window {
    fn reach(&self) -> Option<i64> {
        self.taps.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)
    }
}

/// The extents of what a Conv, a ConvTranspose or a pool makes.
pub(super) fn follow(view: &View<'_, '_>) -> Option<Extents> {
    let shape = view.shape(0)?;
    let (axes, transposed) = (shape.len().checked_sub(2)?, view.operator == "ConvTranspose");
    let weight = matches!(view.operator, "Conv" | "ConvTranspose").then(|| view.shape(1));
    let channels = match weight {
        None => shape.get(1)?.clone(),
        Some(weight) if transposed => {
            weight.and_then(|w| w.get(1)?.clone()).and_then(|each| each.times(&Extent::number(view.int("group", 1))))
        }
        Some(weight) => weight.and_then(|w| w.first()?.clone()),
    };
    let mut all = vec![shape.first()?.clone(), channels];
    for axis in 0..axes {
        let window = window(view, axis, axes);
        let size = shape.get(axis + 2).cloned().flatten();
        all.push(match (size, window) {
            (Some(size), Some(window)) if transposed => spread(view, axis, &size, &window),
            (Some(size), Some(window)) => covered(view, &size, &window),
            _ => None,
        });
    }
    Some(all)
}

fn window(view: &View<'_, '_>, axis: usize, axes: usize) -> Option<Window> {
    let of = |name: &str| view.ints(name).map_or(Some(1), |all| all.get(axis).copied()).filter(|number| *number > 0);
    let taps = match view.ints("kernel_shape") {
        Some(taps) => *taps.get(axis)?,
        None => view.shape(1)?.get(axis + 2)?.as_ref()?.as_number()?,
    };
    let pads = match view.ints("pads") {
        Some(pads) => pads.get(axis)?.checked_add(*pads.get(axis + axes)?)?,
        None => 0,
    };
    Some(Window { taps, stride: of("strides")?, dilation: of("dilations")?, pads })
}

/// How many windows there are.
fn covered(view: &View<'_, '_>, size: &Extent, window: &Window) -> Option<Extent> {
    let number = Extent::number;
    let stride = number(window.stride);
    let begun = |size: &Extent| size.plus(&number(window.stride - 1))?.over(&stride);
    let pads = match view.string("auto_pad") {
        b"" | b"NOTSET" => window.pads,
        b"VALID" => 0,
        b"SAME_UPPER" | b"SAME_LOWER" => return begun(size),
        _ => return None,
    };
    let room = size.plus(&number(pads.checked_sub(window.reach()?)?))?;
    // A last window that begins in what is put behind may be left out, which only numbers tell.
    if view.int("ceil_mode", 0) != 0 && window.stride != 1 {
        return None;
    }
    room.over(&stride)?.plus(&number(1))
}

/// How far the windows reach that each number is spread to (ONNX ConvTranspose 11).
fn spread(view: &View<'_, '_>, axis: usize, size: &Extent, window: &Window) -> Option<Extent> {
    if view.has("output_shape") || !matches!(view.string("auto_pad"), b"" | b"NOTSET") {
        return None;
    }
    let more = view.ints("output_padding").map_or(Some(0), |all| all.get(axis).copied())?;
    let rest = window.reach()?.checked_add(more)?.checked_sub(window.pads)?;
    size.minus(&Extent::number(1))?.times(&Extent::number(window.stride))?.plus(&Extent::number(rest))
}
