//! Windows that see nothing but padding: what they give is no number of the value.

use super::Stop;
use crate::model::NodeView;

/// Whether no window of a pool stands on padding alone: its taps reach the value from either side, do not stride across it, and
/// none begins behind it. `beside` is what a Pad before has put at the value, before and behind each axis that is pooled.
pub(super) fn every_window_sees(node: &NodeView<'_>, beside: &[(i64, i64)]) -> Result<bool, Stop> {
    let (kernel, pads, dilations) = (node.ints("kernel_shape")?, node.ints("pads")?, node.ints("dilations")?);
    let (strides, uneven) = (node.ints("strides")?, node.int("ceil_mode", 0)? != 0);
    let automatic = !matches!(node.string("auto_pad")?.as_str(), "" | "NOTSET" | "VALID");
    let shape = node.input(0).and_then(|x| x.shape.as_ref());
    Ok(kernel.iter().enumerate().all(|(axis, taps)| {
        let at = |list: &[i64], at: usize, default: i64| list.get(at).copied().unwrap_or(default);
        let dilation = at(dilations, axis, 1);
        let reach = (taps - 1).saturating_mul(dilation);
        let (before, behind) = beside.get(axis).copied().unwrap_or((0, 0));
        let known = shape.and_then(|shape| shape.dim(axis + 2).known()).and_then(|size| i64::try_from(size).ok());
        let strides_across = || known.is_none_or(|size| size.saturating_sub(before).saturating_sub(behind) < dilation);
        // What pads by itself pads less than a window reaches.
        let (mut first, mut last) = if automatic { (0, 0) } else { (at(pads, axis, 0), at(pads, axis + kernel.len(), 0)) };
        let padded = automatic || first.max(last).max(before).max(behind) > 0;
        if automatic && before.max(behind) > 0 {
            return false;
        }
        (first, last) = (first.saturating_add(before), last.saturating_add(behind));
        // The last window of an uneven division may begin this much later.
        let later = if uneven && !automatic { at(strides, axis, 1) - 1 } else { 0 };
        first <= reach && last.saturating_add(later) <= reach && (!padded || dilation <= 1 || !strides_across())
    }))
}
