//! Where sliding windows stand: strides, dilations, pads and `auto_pad`, for convolution and pooling.
//!
//! It must not know what is computed in a window.

use std::ops::Range;

use super::array::{each_position, flat, size};
use super::call::Call;
use super::{ReferenceError, invalid, too_much};

/// The largest extent, stride, dilation or pad: keeps all sums of products below 2⁶³.
const LARGEST: i64 = 1 << 30;

/// An extent as a number that may be subtracted from.
pub(super) fn signed(extent: usize) -> Result<i64, ReferenceError> {
    match i64::try_from(extent) {
        Ok(extent) if extent <= LARGEST => Ok(extent),
        _ => too_much(format!("the extent {extent} is too large")),
    }
}

/// The windows along one spatial axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    pub(super) input: i64,
    pub(super) kernel: i64,
    pub(super) stride: i64,
    pub(super) dilation: i64,
    /// Padding before the first element.
    pub(super) begin: i64,
    /// Padding behind the last element.
    pub(super) end: i64,
    /// How many windows there are.
    pub(super) output: usize,
}

impl Windows {
    /// The place that tap `tap` of window `window` reads, counted from the first element; negative
    /// or too large in the padding.
    pub(super) fn place(&self, window: usize, tap: usize) -> i64 {
        window as i64 * self.stride + tap as i64 * self.dilation - self.begin
    }

    /// The extent that a window covers.
    pub(super) fn reach(&self) -> i64 {
        (self.kernel - 1) * self.dilation + 1
    }
}

/// The index of the element that a window's taps read, or none in the padding.
fn place(windows: &[Windows], window: &[usize], tap: &[usize]) -> Option<usize> {
    let mut index = 0;
    for ((axis, &window), &tap) in windows.iter().zip(window).zip(tap) {
        let place = axis.place(window, tap);
        if place < 0 || place >= axis.input {
            return None;
        }
        index = index * axis.input as usize + place as usize;
    }
    Some(index)
}

/// Windows side by side along the last axis, and what the same tap reads in each.
pub(super) struct Run {
    /// The first window.
    window: usize,
    /// The element that the tap reads there.
    element: usize,
    length: usize,
    /// How far the next element is.
    pub(super) step: usize,
}

impl Run {
    /// Each window with the element that the tap reads, by their index.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.length).map(|at| (self.window + at, self.element + at * self.step))
    }

    /// The windows.
    pub(super) fn windows(&self) -> Range<usize> {
        self.window..self.window + self.length
    }

    /// The elements from the first to the last that is read.
    pub(super) fn elements(&self) -> Range<usize> {
        self.element..self.element + self.length.saturating_sub(1) * self.step + 1
    }
}

/// What each tap of a kernel reads, tap by tap, padding left out. Windows count as the results of one channel do.
pub(super) fn taps(windows: &[Windows], kernel: &[usize]) -> Result<Vec<Vec<Run>>, ReferenceError> {
    let Some((last, outer)) = windows.split_last() else { return invalid("windows without an axis") };
    let rows: Vec<usize> = outer.iter().map(|axis| axis.output).collect();
    let mut all = Vec::new();
    each_position(kernel, |tap| {
        let Some((last_tap, tap)) = tap.split_last() else { return invalid("a kernel without an axis") };
        let is_inside = |window: &usize| (0..last.input).contains(&last.place(*window, *last_tap));
        let inside = || (0..last.output).filter(is_inside);
        let (first, length) = (inside().next().unwrap_or(0), inside().count());
        if length == 0 {
            all.push(vec![]);
            return Ok(());
        }
        let mut runs: Vec<Run> = Vec::new();
        each_position(&rows, |row| {
            let Some(place) = place(outer, row, tap) else { return Ok(()) };
            let window = flat(row, &rows) * last.output + first;
            let element = place * last.input as usize + last.place(first, *last_tap) as usize;
            let step = last.stride as usize;
            match runs.last_mut() {
                // Whole rows lie one behind the other.
                Some(run) if step == 1 && window == run.window + run.length && element == run.element + run.length => {
                    run.length += length;
                }
                _ => runs.push(Run { window, element, length, step }),
            }
            Ok(())
        })?;
        all.push(runs);
        Ok(())
    })?;
    Ok(all)
}

/// A list attribute with one number for each spatial axis.
pub(super) fn per_axis(call: &Call, name: &str, length: usize, default: i64, least: i64) -> Result<Vec<i64>, ReferenceError> {
    let Some(values) = call.ints(name)? else {
        return Ok(vec![default; length]);
    };
    if values.len() != length || !values.iter().all(|value| (least..=LARGEST).contains(value)) {
        return invalid(format!("attribute `{name}` does not suit {length} numbers"));
    }
    Ok(values.to_vec())
}

/// The windows of a convolution or a pooling along each spatial axis.
///
/// `ceil` rounds the number of windows up, except that none may start in the padding at the end.
pub(super) fn windows(call: &Call, spatial: &[usize], kernel: &[usize], ceil: bool) -> Result<Vec<Windows>, ReferenceError> {
    let rank = spatial.len();
    let strides = per_axis(call, "strides", rank, 1, 1)?;
    let dilations = per_axis(call, "dilations", rank, 1, 1)?;
    let pads = per_axis(call, "pads", 2 * rank, 0, 0)?;
    let auto_pad = call.text_or("auto_pad", "NOTSET")?;
    let mut all = Vec::new();
    for (axis, (&input, &kernel)) in spatial.iter().zip(kernel).enumerate() {
        let get = |values: &[i64], index: usize| values.get(index).copied().unwrap_or(0);
        let mut windows = Windows {
            input: signed(input)?,
            kernel: signed(kernel)?,
            stride: get(&strides, axis),
            dilation: get(&dilations, axis),
            begin: 0,
            end: 0,
            output: 0,
        };
        match auto_pad {
            "SAME_UPPER" | "SAME_LOWER" => {
                let output = divided_up(windows.input, windows.stride);
                let needed = (output - 1) * windows.stride + windows.reach() - windows.input;
                let needed = needed.max(0);
                let smaller = needed / 2;
                windows.begin = if auto_pad == "SAME_UPPER" { smaller } else { needed - smaller };
                windows.end = needed - windows.begin;
            }
            "VALID" => {}
            "NOTSET" | "" => {
                windows.begin = get(&pads, axis);
                windows.end = get(&pads, axis + rank);
            }
            _ => return invalid(format!("auto_pad cannot be {auto_pad}")),
        }
        windows.output = output(&windows, ceil)?;
        all.push(windows);
    }
    Ok(all)
}

fn output(windows: &Windows, ceil: bool) -> Result<usize, ReferenceError> {
    let room = windows.input + windows.begin + windows.end - windows.reach();
    if room < 0 || windows.kernel == 0 {
        return invalid("the window is larger than the padded input");
    }
    let mut output = if ceil { divided_up(room, windows.stride) + 1 } else { room / windows.stride + 1 };
    if ceil && (output - 1) * windows.stride >= windows.input + windows.begin {
        output -= 1;
    }
    size(output)
}

/// Division that rounds up, for numbers that are not negative.
fn divided_up(value: i64, divisor: i64) -> i64 {
    (value + divisor - 1) / divisor
}
