//! How the kernel of a convolution or a pool lies over what it reads, and what extents follow from that.

use super::Stop;
use crate::law::Reason;
use crate::model::{Dim, NodeView};

/// A kernel along one axis: output `o` reads the positions `stride·o + dilation·tap − before` of the input, as far as there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many taps there are.
    pub taps: i64,
    /// From one output to the next.
    pub stride: i64,
    /// From one tap to the next.
    pub dilation: i64,
    /// How the input is padded.
    pub pads: Pads,
    /// The extent of the input, where it is known.
    pub extent: Option<i64>,
}

/// The padding of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pads {
    /// That many zeros before the input and behind it.
    Given(i64, i64),
    /// What `auto_pad` makes of an extent that is not known; whether the odd one stands before.
    Automatic(bool),
}

impl Window {
    /// One tap that reads what it writes.
    pub const POINT: Window = Window { taps: 1, stride: 1, dilation: 1, pads: Pads::Given(0, 0), extent: None };

    /// The window of a node along spatial axis number `axis` of `count`.
    ///
    /// # Errors
    /// An attribute of another type or out of its range.
    pub fn along(node: &NodeView<'_>, taps: u64, (axis, count): (usize, usize)) -> Result<Window, Stop> {
        let of = |name: &str, at: usize, default: i64| Ok::<_, Stop>(node.ints(name)?.get(at).copied().unwrap_or(default));
        let taps = i64::try_from(taps).map_err(|_| Reason::Attribute)?;
        let (stride, dilation) = (of("strides", axis, 1)?, of("dilations", axis, 1)?);
        let (before, behind) = (of("pads", axis, 0)?, of("pads", axis + count, 0)?);
        let small = |number: i64| (0..1 << 24).contains(&number);
        if ![taps - 1, stride - 1, dilation - 1, before, behind].into_iter().all(small) {
            return Err(Reason::Attribute.into());
        }
        let shape = node.input(0).and_then(|x| x.shape.as_deref());
        let extent = shape.and_then(|shape| shape.dim(axis + 2).known()).and_then(|size| i64::try_from(size).ok());
        // No larger value is ever computed; sums of such extents stay numbers.
        let extent = extent.filter(|size| *size < 1 << 40);
        let automatic = node.string("auto_pad")?;
        let pads = match automatic.as_str() {
            "" | "NOTSET" => Pads::Given(before, behind),
            "VALID" => Pads::Given(0, 0),
            "SAME_UPPER" | "SAME_LOWER" => same(taps, stride, dilation, extent, automatic == "SAME_LOWER"),
            _ => return Err(Reason::Attribute.into()),
        };
        Ok(Window { taps, stride, dilation, pads, extent })
    }

    /// From the first tap to the last.
    fn reach(self) -> i64 {
        self.dilation * (self.taps - 1)
    }

    /// Whether nothing is padded, for certain.
    pub fn is_unpadded(&self) -> bool {
        self.pads == Pads::Given(0, 0)
    }

    /// Whether each output is one input, at the same place.
    pub fn is_point(&self) -> bool {
        self.taps == 1 && self.stride == 1 && self.is_unpadded()
    }

    /// Whether there are no more outputs than inputs.
    pub fn shrinks(&self) -> bool {
        self.slack().is_none_or(|slack| slack <= 0)
    }

    /// By how much the last output's last tap may lie behind the input's last position: with the stride and the input's extent it
    /// decides how many outputs there are.
    fn slack(self) -> Option<i64> {
        match self.pads {
            Pads::Given(before, behind) => Some(before + behind - self.reach()),
            Pads::Automatic(_) => None,
        }
    }

    /// How many outputs there are, where that is known.
    fn outputs(self) -> Option<i64> {
        let last = self.extent?.checked_sub(1)?.checked_add(self.slack()?)?;
        (last >= 0).then(|| last / self.stride + 1)
    }

    /// The tap of this kernel at which the first tap of another one lies, and how many taps of this one are from each tap of the
    /// other to its next, where the other one's taps are taps of this one; both then have as many outputs.
    pub fn holds(self, other: Window) -> Option<(usize, usize)> {
        let same = |window: Window| Window { extent: None, ..window };
        if same(self) == same(other) {
            return Some((0, 1));
        }
        let (Pads::Given(before, _), Pads::Given(others, _)) = (self.pads, other.pads) else { return None };
        let alike = || self.outputs().is_some_and(|count| other.outputs() == Some(count));
        if self.stride != other.stride || self.slack() != other.slack() && !alike() {
            return None;
        }
        let dilation = if self.taps == 1 { 1 } else { self.dilation };
        let step = if other.taps == 1 { 0 } else { other.dilation };
        let start = before - others;
        let last = start + step * (other.taps - 1);
        let fits = start >= 0 && start % dilation == 0 && step % dilation == 0 && last / dilation < self.taps;
        fits.then(|| Some((usize::try_from(start / dilation).ok()?, usize::try_from(step / dilation).ok()?)))?
    }
}

/// The windows of a node with a kernel of these extents, one for each axis.
///
/// # Errors
/// An attribute that is missing, of another type or out of its range; a pool that rounds its extents up.
pub fn windows(node: &NodeView<'_>, kernel: &[u64]) -> Result<Vec<Window>, Stop> {
    if node.int("ceil_mode", 0)? != 0 {
        return Err(Reason::UnknownShape.into());
    }
    let count = kernel.len();
    for (name, wanted) in [("strides", count), ("dilations", count), ("pads", 2 * count)] {
        let list = node.ints(name)?;
        if !list.is_empty() && list.len() != wanted {
            return Err(Reason::Attribute.into());
        }
    }
    kernel.iter().enumerate().map(|(axis, taps)| Window::along(node, *taps, (axis, count))).collect()
}

/// The extent of a spatial axis, of so many, behind a window of so many taps that moves along it. What versions and runtimes
/// disagree about is unknown.
pub(super) fn behind(node: &NodeView<'_>, extent: Dim, taps: Dim, axis: (usize, usize)) -> Dim {
    let found = || {
        let window = Window::along(node, taps.known()?, axis).ok()?;
        let Some(size) = extent.known() else {
            // What is padded makes up for what the window takes.
            return (window.stride == 1 && window.slack() == Some(0)).then_some(extent);
        };
        let last = i64::try_from(size).ok()?.checked_sub(1)?.checked_add(window.slack()?)?;
        // A last window that begins in the padding counts in some versions only.
        let uneven = node.int("ceil_mode", 0).ok()? != 0 && last % window.stride != 0;
        (last >= 0 && !uneven).then(|| u64::try_from(last / window.stride + 1).ok().map(Dim::Known))?
    };
    found().unwrap_or(Dim::Unknown)
}

/// The extent of a spatial axis behind a window that is spread along it.
pub(super) fn before(node: &NodeView<'_>, extent: Dim, taps: Dim, axis: (usize, usize)) -> Dim {
    let found = || {
        let window = Window::along(node, taps.known()?, axis).ok()?;
        let Pads::Given(first, last) = window.pads else { return None };
        let more = node.ints("output_padding").ok()?.get(axis.0).copied().unwrap_or(0);
        let spread = i64::try_from(extent.known()?).ok()?.checked_sub(1)?.checked_mul(window.stride)?;
        let all = spread.checked_add(window.reach() + 1)?.checked_add(more)?.checked_sub(first + last)?;
        let stated = is_automatic(node).ok()? || node.has("output_shape");
        (!stated).then(|| u64::try_from(all).ok().map(Dim::Known))?
    };
    found().unwrap_or(Dim::Unknown)
}

/// Whether no window of a pool stands on padding alone, which would give what is no number of the value: its taps reach the value
/// from either side, do not stride across it, and none begins behind it. `beside` is what a Pad before has put at the value,
/// before and behind each axis that is pooled.
///
/// # Errors
/// As [`windows`].
pub(super) fn every_window_sees(node: &NodeView<'_>, beside: &[(i64, i64)]) -> Result<bool, Stop> {
    let (kernel, uneven, automatic) = (node.ints("kernel_shape")?, node.int("ceil_mode", 0)? != 0, is_automatic(node)?);
    for (axis, taps) in kernel.iter().enumerate() {
        let taps = u64::try_from(*taps).map_err(|_| Reason::Attribute)?;
        let window = Window::along(node, taps, (axis, kernel.len()))?;
        let (before, behind) = beside.get(axis).copied().unwrap_or((0, 0));
        let (first, last) = match window.pads {
            Pads::Given(first, last) if !automatic => (first, last),
            _ => (0, 0),
        };
        let padded = automatic || first.max(last).max(before).max(behind) > 0;
        // What pads by itself pads less than a window reaches.
        let known = !automatic || before.max(behind) <= 0;
        // The last window of an uneven division may begin this much later.
        let later = if uneven && !automatic { window.stride - 1 } else { 0 };
        let reaches =
            first.saturating_add(before) <= window.reach() && last.saturating_add(behind).saturating_add(later) <= window.reach();
        let across = window.extent.is_none_or(|size| size.saturating_sub(before).saturating_sub(behind) < window.dilation);
        if !known || !reaches || padded && window.dilation > 1 && across {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_automatic(node: &NodeView<'_>) -> Result<bool, Stop> {
    Ok(!matches!(node.string("auto_pad")?.as_str(), "" | "NOTSET" | "VALID"))
}

/// Padding that gives as many outputs as strides fit in the input.
fn same(taps: i64, stride: i64, dilation: i64, extent: Option<i64>, lower: bool) -> Pads {
    let reach = dilation * (taps - 1);
    // With a stride of one the extent does not count.
    let total = match (stride, extent) {
        (1, _) => Some(reach),
        (_, Some(extent)) => Some(((extent + stride - 1) / stride * stride - stride + reach + 1 - extent).max(0)),
        _ => None,
    };
    match total {
        Some(total) if lower => Pads::Given(total - total / 2, total / 2),
        Some(total) => Pads::Given(total / 2, total - total / 2),
        None => Pads::Automatic(lower),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(taps: i64, stride: i64, dilation: i64, pads: (i64, i64), extent: Option<i64>) -> Window {
        Window { taps, stride, dilation, pads: Pads::Given(pads.0, pads.1), extent }
    }

    #[test]
    fn there_are_as_many_outputs_as_windows_fit() {
        for (taps, stride, dilation, pads, extent) in (1..4).flat_map(|taps| {
            let strides = (1..4).flat_map(move |stride| (1..3).map(move |dilation| (taps, stride, dilation)));
            strides.flat_map(|(taps, stride, dilation)| (0..3).map(move |pad| (taps, stride, dilation, (pad, 1), 4 + pad)))
        }) {
            let first = |at: i64| at * stride - pads.0;
            let fits = |at: &i64| first(*at) + dilation * (taps - 1) < extent + pads.1;
            let count = (0..).take_while(fits).count() as i64;
            let found = window(taps, stride, dilation, pads, Some(extent));
            assert_eq!(found.outputs(), (count > 0).then_some(count), "{found:?}");
        }
        assert_eq!(window(3, 1, 1, (0, 0), None).outputs(), None);
        assert!(window(3, 1, 1, (1, 1), None).shrinks());
        assert!(window(3, 1, 2, (1, 1), None).shrinks());
        assert!(!window(3, 1, 1, (2, 1), None).shrinks());
        assert!(Window { pads: Pads::Automatic(true), ..Window::POINT }.shrinks());
    }

    #[test]
    fn a_kernel_holds_another_where_its_taps_are_its_own() {
        let three = window(3, 1, 1, (1, 1), None);
        assert_eq!(three.holds(window(1, 1, 1, (0, 0), None)), Some((1, 0)));
        assert_eq!(three.holds(window(3, 1, 1, (1, 1), Some(7))), Some((0, 1)));
        assert_eq!(window(5, 1, 1, (2, 2), None).holds(window(2, 1, 2, (1, 1), None)), Some((1, 2)));
        assert_eq!(window(3, 1, 2, (2, 2), None).holds(window(1, 1, 1, (0, 0), None)), Some((1, 0)));
        assert_eq!(window(3, 1, 2, (2, 2), None).holds(window(2, 1, 4, (2, 2), None)), Some((0, 2)));
        // A tap between its own, one before its first, one behind its last.
        assert_eq!(window(3, 1, 2, (2, 2), None).holds(window(1, 1, 1, (1, -1), None)), None);
        assert_eq!(window(1, 1, 1, (0, 0), None).holds(window(1, 1, 1, (1, -1), None)), None);
        assert_eq!(window(2, 1, 1, (1, 0), None).holds(window(1, 1, 1, (-1, 1), None)), None);
        // As many outputs although one more would fit.
        let (one, two) = (window(2, 2, 1, (0, 0), Some(5)), window(1, 2, 1, (0, 0), Some(5)));
        assert_eq!((one.outputs(), two.outputs()), (Some(2), Some(3)));
        assert_eq!(one.holds(two), None);
        let (one, two) = (window(2, 2, 1, (0, 0), Some(4)), window(1, 2, 1, (0, 0), Some(4)));
        assert_eq!(one.holds(two), Some((0, 0)));
        assert_eq!(window(2, 2, 1, (0, 0), None).holds(window(1, 2, 1, (0, 0), None)), None, "of an extent that is not known");
        assert_eq!(three.holds(window(1, 2, 1, (0, 0), None)), None, "of another stride");
    }

    #[test]
    fn an_odd_pad_stands_where_its_name_says() {
        assert_eq!(same(2, 1, 1, None, false), Pads::Given(0, 1));
        assert_eq!(same(2, 1, 1, None, true), Pads::Given(1, 0));
        assert_eq!(same(3, 1, 2, None, true), Pads::Given(2, 2));
        assert_eq!(same(3, 2, 1, Some(5), false), Pads::Given(1, 1));
        assert_eq!(same(3, 2, 1, Some(6), false), Pads::Given(0, 1));
        assert_eq!(same(3, 2, 1, Some(6), true), Pads::Given(1, 0));
        assert_eq!(same(1, 3, 1, Some(7), true), Pads::Given(0, 0));
        assert_eq!(same(3, 2, 1, None, true), Pads::Automatic(true));
    }
}
