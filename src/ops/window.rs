//! How the kernel of a convolution or a pool lies over what it reads.

use super::Stop;
use crate::law::Reason;
use crate::model::NodeView;

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

    /// Whether nothing is padded, for certain.
    pub fn is_unpadded(&self) -> bool {
        self.pads == Pads::Given(0, 0)
    }

    /// By how much the last output's last tap may lie behind the input's last position: with the stride and the input's extent it
    /// decides how many outputs there are.
    fn slack(self) -> Option<i64> {
        match self.pads {
            Pads::Given(before, behind) => Some(before + behind - self.dilation * (self.taps - 1)),
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
    let (strides, dilations, pads) = (node.ints("strides")?, node.ints("dilations")?, node.ints("pads")?);
    let automatic = node.string("auto_pad")?;
    let shape = node.input(0).and_then(|x| x.shape.as_ref());
    if node.int("ceil_mode", 0)? != 0 {
        return Err(Reason::UnknownShape.into());
    }
    let count = kernel.len();
    let fits = |list: &[i64], wanted: usize| list.is_empty() || list.len() == wanted;
    if !fits(strides, count) || !fits(dilations, count) || !fits(pads, 2 * count) {
        return Err(Reason::Attribute.into());
    }
    let mut windows = Vec::new();
    for (axis, taps) in kernel.iter().enumerate() {
        let of = |list: &[i64], at: usize, default: i64| list.get(at).copied().unwrap_or(default);
        let taps = i64::try_from(*taps).map_err(|_| Reason::Attribute)?;
        let (stride, dilation) = (of(strides, axis, 1), of(dilations, axis, 1));
        let extent = shape.and_then(|shape| shape.dim(axis + 2).known()).and_then(|size| i64::try_from(size).ok());
        let (before, behind) = (of(pads, axis, 0), of(pads, axis + count, 0));
        let small = |number: i64| (0..1 << 24).contains(&number);
        if ![taps - 1, stride - 1, dilation - 1, before, behind].into_iter().all(small) {
            return Err(Reason::Attribute.into());
        }
        let pads = match automatic.as_str() {
            "" | "NOTSET" => Pads::Given(before, behind),
            "VALID" => Pads::Given(0, 0),
            "SAME_UPPER" | "SAME_LOWER" => same(taps, stride, dilation, extent, automatic == "SAME_LOWER"),
            _ => return Err(Reason::Attribute.into()),
        };
        windows.push(Window { taps, stride, dilation, pads, extent });
    }
    Ok(windows)
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
