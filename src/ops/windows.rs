//! Extents behind windows: what Conv, pools and ConvTranspose make of an axis. What versions and runtimes disagree about is unknown.

use crate::model::{Dim, NodeView};

/// How a window moves along a spatial axis.
struct Steps {
    /// Positions from its first tap to behind its last.
    reach: u64,
    stride: u64,
    /// What is padded on both sides together, where the node says it.
    pads: i64,
    same: bool,
}

/// The steps along spatial axis number `axis` of `count` with `taps` taps.
fn steps(node: &NodeView<'_>, taps: u64, (axis, count): (usize, usize)) -> Option<Steps> {
    let of = |name: &str, index: usize, default: i64| node.ints(name).ok()?.get(index).copied().or(Some(default));
    let positive = |number: i64| u64::try_from(number).ok().filter(|n| *n > 0);
    let dilation = positive(of("dilations", axis, 1)?)?;
    let reach = taps.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
    let (pads, same) = match node.string("auto_pad").ok()?.as_str() {
        "" | "NOTSET" => (of("pads", axis, 0)?.checked_add(of("pads", axis + count, 0)?)?, false),
        "VALID" => (0, false),
        "SAME_UPPER" | "SAME_LOWER" => (0, true),
        _ => return None,
    };
    Some(Steps { reach, stride: positive(of("strides", axis, 1)?)?, pads, same })
}

/// The extent of a spatial axis behind a window that moves along it.
pub(super) fn behind(node: &NodeView<'_>, extent: Dim, taps: Dim, axis: (usize, usize)) -> Dim {
    let found = || {
        let Steps { reach, stride, pads, same } = steps(node, taps.known()?, axis)?;
        let Some(size) = extent.known() else {
            // What is padded makes up for what the window takes.
            let stays = same || reach.checked_add_signed(pads.checked_neg()?) == Some(1);
            return (stride == 1 && stays).then_some(extent);
        };
        if same {
            return Some(Dim::Known(size.div_ceil(stride)));
        }
        let last = size.checked_add_signed(pads)?.checked_sub(reach)?;
        // A last window that begins in the padding counts in some versions only.
        let uneven = node.int("ceil_mode", 0).ok()? != 0 && last % stride != 0;
        (!uneven).then_some(Dim::Known(last / stride + 1))
    };
    found().unwrap_or(Dim::Unknown)
}

/// The extent of a spatial axis behind a window that is spread along it.
pub(super) fn before(node: &NodeView<'_>, extent: Dim, taps: Dim, axis: (usize, usize)) -> Dim {
    let found = || {
        let Steps { reach, stride, pads, same } = steps(node, taps.known()?, axis)?;
        let more = node.ints("output_padding").ok()?.get(axis.0).copied().unwrap_or(0);
        let spread = extent.known()?.checked_sub(1)?.checked_mul(stride)?.checked_add(reach)?;
        let all = spread.checked_add_signed(more)?.checked_add_signed(pads.checked_neg()?)?;
        (!same && !node.has("output_shape")).then_some(Dim::Known(all))
    };
    found().unwrap_or(Dim::Unknown)
}
