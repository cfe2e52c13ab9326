//! DeformConv (ONNX opset 19 and 22), which the engine lacks, as a product of its weight with what its taps read between the
//! positions of a plane.

use super::super::proto::{cast, constant, doubles, input, int, ints, label, longs, make, with_int};
use super::Writer;
use crate::onnx::NodeProto;
use crate::onnx::tensor_proto::DataType;

/// What the node and its weight fix.
struct Fixed {
    outputs: i64,
    channels: i64,
    group: i64,
    offset_group: i64,
    kernel: [i64; 2],
    strides: [i64; 2],
    dilations: [i64; 2],
    pads: [i64; 2],
}

/// One of the four positions around a place: its weight, whether it lies in the plane, and its place in the row of all of them.
struct Corner {
    weight: String,
    inside: String,
    position: String,
}

impl Writer {
    /// Whether it wrote the node out: the weight's dims must be known.
    pub(crate) fn deform(&mut self, node: &NodeProto) -> bool {
        let (Some(x), Some(weight), Some(offset)) = (input(node, 0), input(node, 1), input(node, 2)) else {
            return false;
        };
        let Some(fixed) = self.fixed(node, weight) else {
            return false;
        };
        let output = label(node);
        let named = |what: &str| format!("{output}/{what}");
        let taps = fixed.kernel.iter().product::<i64>();
        let size = self.emit("Shape", &[offset], &named("size"));
        let [height, width] = [(2, "height"), (3, "width")].map(|(axis, name)| self.picked(&size, &[axis], 0, &named(name)));
        let split = self.numbers(&[-1, fixed.offset_group, taps, 2], &named("split"));
        let split = self.joined(&[&split, &height, &width], &named("split/all"));
        let offsets = self.emit("Reshape", &[offset, &split], &named("offsets"));
        let extents = self.emit("Shape", &[x], &named("extents"));
        let axes = [0, 1].map(|axis| self.along(&fixed, axis, (&offsets, &size, &extents), output));
        let planes = self.numbers(&[0, fixed.offset_group, fixed.channels / fixed.offset_group, -1], &named("planes/shape"));
        let planes = self.emit("Reshape", &[x, &planes], &named("planes"));
        let mut sum: Option<String> = None;
        for corner in self.corners(&axes, output) {
            let read = self.read(&planes, &corner, fixed.channels / fixed.offset_group, output);
            sum = Some(match sum {
                Some(sum) => self.emit("Add", &[&sum, &read], &named("sum")),
                None => read,
            });
        }
        let mut sampled = sum.unwrap_or_default();
        if let Some(mask) = input(node, 4) {
            let row = self.numbers(&[0, fixed.offset_group, 1, -1], &named("mask/shape"));
            let mask = self.emit("Reshape", &[mask, &row], &named("mask"));
            sampled = self.emit("Mul", &[&sampled, &mask], &named("masked"));
        }
        let summed = fixed.channels / fixed.group * taps;
        let columns = self.numbers(&[0, fixed.group, summed, -1], &named("columns/shape"));
        let columns = self.emit("Reshape", &[&sampled, &columns], &named("columns"));
        let rows = self.numbers(&[fixed.group, fixed.outputs / fixed.group, summed], &named("weight/shape"));
        let rows = self.emit("Reshape", &[weight, &rows], &named("weight"));
        let product = self.emit("MatMul", &[&rows, &columns], &named("product"));
        let shape = self.numbers(&[-1, fixed.outputs], &named("shape"));
        let shape = self.joined(&[&shape, &height, &width], &named("shape/all"));
        let Some(bias) = input(node, 3) else {
            self.finish("Reshape", &[&product, &shape], output);
            return true;
        };
        let product = self.emit("Reshape", &[&product, &shape], &named("unbiased"));
        let column = self.numbers(&[-1, 1, 1], &named("bias/shape"));
        let bias = self.emit("Reshape", &[bias, &column], &named("bias"));
        self.finish("Add", &[&product, &bias], output);
        true
    }

    fn fixed(&self, node: &NodeProto, weight: &str) -> Option<Fixed> {
        let [outputs, in_group, rows, columns] = *self.shapes.get(weight)?.as_slice() else {
            return None;
        };
        let group = int(node, "group").unwrap_or(1);
        let offset_group = int(node, "offset_group").unwrap_or(1);
        let channels = in_group.checked_mul(group)?;
        let positive = [outputs, in_group, rows, columns, group, offset_group].iter().all(|size| (1..1 << 24).contains(size));
        if !positive || rows * columns > 1 << 12 || outputs % group != 0 || channels % offset_group != 0 {
            return None;
        }
        let pair = |name: &str, default: i64| match ints(node, name) {
            None | Some([]) => Some([default; 2]),
            // Of pads the ends follow, which say nothing that the offsets' own extents do not.
            Some([first, second, ..]) => Some([*first, *second]),
            Some(_) => None,
        };
        let (strides, dilations, pads) = (pair("strides", 1)?, pair("dilations", 1)?, pair("pads", 0)?);
        Some(Fixed { outputs, channels, group, offset_group, kernel: [rows, columns], strides, dilations, pads })
    }

    /// The extent of the plane along an axis, and where the taps read along it: offset + place·stride − pad + tap·dilation.
    fn along(&mut self, fixed: &Fixed, axis: usize, (offsets, size, extents): (&str, &str, &str), output: &str) -> [String; 2] {
        let named = |what: &str| format!("{output}/axis{axis}/{what}");
        let at = |all: [i64; 2]| all.get(axis).copied().unwrap_or(0);
        let index = i64::try_from(axis).unwrap_or(0);
        let moved = self.one(offsets, index, 3, &named("offset"));
        let count = self.one(size, index + 2, 0, &named("count"));
        let [zero, one] = [(0, "zero"), (1, "one")].map(|(value, name)| {
            let output = self.names.fresh(&named(name));
            self.nodes.push(constant(longs(&[], &[value]), &output));
            output
        });
        let places = self.emit("Range", &[&zero, &count, &one], &named("range"));
        let places = self.wide(&places, &named("places"));
        let stride = self.scalar(at(fixed.strides) as f64, &named("stride"));
        let pad = self.scalar(at(fixed.pads) as f64, &named("pad"));
        let places = self.emit("Mul", &[&places, &stride], &named("strided"));
        let mut places = self.emit("Sub", &[&places, &pad], &named("from"));
        if axis == 0 {
            let column = self.numbers(&[-1, 1], &named("column"));
            places = self.emit("Reshape", &[&places, &column], &named("rows"));
        }
        let [rows, columns] = fixed.kernel;
        let tap = |tap: i64| if axis == 0 { tap / columns } else { tap % columns };
        let taps: Vec<f64> = (0..rows * columns).map(|index| (tap(index) * at(fixed.dilations)) as f64).collect();
        let name = self.names.fresh(&named("taps"));
        self.nodes.push(constant(doubles(&[rows * columns, 1, 1], &taps), &name));
        let places = self.emit("Add", &[&places, &name], &named("tapped"));
        let places = self.emit("Add", &[&moved, &places], &named("read"));
        let extent = self.picked(extents, &[index + 2], 0, &named("extent"));
        [self.wide(&extent, &named("extent/wide")), places]
    }

    /// The four positions around each place.
    fn corners(&mut self, axes: &[[String; 2]; 2], output: &str) -> Vec<Corner> {
        let one = self.scalar(1.0, &format!("{output}/one"));
        let zero = self.scalar(0.0, &format!("{output}/nothing"));
        // For each axis: the position before and the one behind, each with its weight and whether it lies in the plane.
        let sides = [0, 1].map(|axis| {
            let named = |what: &str| format!("{output}/axis{axis}/{what}");
            let [extent, place] = &axes[axis];
            let before = self.emit("Floor", &[place], &named("before"));
            let near = self.emit("Sub", &[place, &before], &named("near"));
            let far = self.emit("Sub", &[&one, &near], &named("far"));
            let behind = self.emit("Add", &[&before, &one], &named("behind"));
            [(before, far), (behind, near)].map(|(position, weight)| {
                let negative = self.emit("Less", &[&position, &zero], &named("negative"));
                let positive = self.emit("Not", &[&negative], &named("positive"));
                let short = self.emit("Less", &[&position, extent], &named("short"));
                let inside = self.emit("And", &[&positive, &short], &named("inside"));
                (position, weight, inside)
            })
        });
        let [rows, columns] = &sides;
        let width = &axes[1][0];
        let mut corners = Vec::new();
        for row in rows {
            for column in columns {
                let named = |what: &str| format!("{output}/corner{}/{what}", corners.len());
                let weight = self.emit("Mul", &[&row.1, &column.1], &named("weight"));
                let inside = self.emit("And", &[&row.2, &column.2], &named("inside"));
                let start = self.emit("Mul", &[&row.0, width], &named("start"));
                let position = self.emit("Add", &[&start, &column.0], &named("position"));
                // No position beyond the plane is ever read.
                let position = self.emit("Where", &[&inside, &position, &zero], &named("known"));
                let whole = self.names.fresh(&named("whole"));
                self.nodes.push(cast(&position, DataType::Int64, &whole));
                corners.push(Corner { weight, inside, position: whole });
            }
        }
        corners
    }

    /// What is read at a corner, times its weight; nothing beyond the plane, whatever stands there.
    fn read(&mut self, planes: &str, corner: &Corner, channels: i64, output: &str) -> String {
        let named = |what: &str| format!("{output}/{what}");
        let row = self.numbers(&[0, 0, 1, -1], &named("row"));
        let [weight, inside, position] =
            [&corner.weight, &corner.inside, &corner.position].map(|all| self.emit("Reshape", &[all, &row], &named("in-row")));
        let every = self.numbers(&[1, 1, channels, 1], &named("every"));
        let position = self.emit("Expand", &[&position, &every], &named("positions"));
        let read = self.names.fresh(&named("values"));
        self.nodes.push(with_int(make("GatherElements", &[planes, &position], &read), "axis", 3));
        let product = self.emit("Mul", &[&read, &weight], &named("weighted"));
        let zero = self.scalar(0.0, &named("outside"));
        self.emit("Where", &[&inside, &product, &zero], &named("seen"))
    }
}
