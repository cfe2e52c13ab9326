"""Whether a fold is right, from the definitions of ONNX's operators: for `right_folds.py`.

For each linear node with constant weight the maps that follow it are multiplied out in float64 (doubles in long double), in both
models. What results must agree on the scale of what is summed up. Nothing of the program that is measured is used.
"""
import collections

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOATS = {TensorProto.FLOAT: 2.0**-24, TensorProto.FLOAT16: 2.0**-11, TensorProto.BFLOAT16: 2.0**-8, TensorProto.DOUBLE: 2.0**-53}
TYPES = {TensorProto.FLOAT: "float", TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16", TensorProto.DOUBLE: "double"}
TINY = {TensorProto.FLOAT: 2.0**-149, TensorProto.FLOAT16: 2.0**-24, TensorProto.BFLOAT16: 2.0**-133, TensorProto.DOUBLE: 2.0**-1074}
LINEAR = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
AFFINE = {"BatchNormalization", "Mul", "Add", "Sub", "Div"}


class Graph:
    """The main graph of a model with its constants in float64, doubles in long double."""

    def __init__(self, model):
        graph = model.graph
        self.nodes, self.opsets = list(graph.node), model.opset_import
        self.constants, self.stored, self.types = {}, {}, {}
        inputs = {i.name for i in graph.input}
        self.outputs = {o.name for o in graph.output}
        for tensor in graph.initializer:
            if tensor.name not in inputs or model.ir_version < 4:
                self.add(tensor.name, tensor)
        for node in self.nodes:
            tensor = next((a.t for a in node.attribute if a.name == "value" and a.type == onnx.AttributeProto.TENSOR), None)
            if node.op_type == "Constant" and tensor is not None:
                self.add(node.output[0], tensor)
            elif node.input and node.output and all(i in self.stored or not i for i in node.input) and node.op_type not in LINEAR:
                self.compute(node)
        self.maker = {o: n for n in self.nodes for o in n.output if o}
        self.readers = collections.defaultdict(list)
        for node in self.nodes:
            nested = [g for a in node.attribute for g in [a.g, *a.graphs] if a.type in (5, 10)]
            inner = {i for g in nested for n in g.node for i in n.input}
            for name in {*node.input, *inner}:
                self.readers[name].append(node)

    def compute(self, node):
        """A constant that is computed by a node of constants, in its own type."""
        from onnx.reference import ReferenceEvaluator

        values = [helper.make_tensor_value_info(i, TensorProto.UNDEFINED, None) for i in node.input if i]
        made = [helper.make_tensor_value_info(node.output[0], TensorProto.UNDEFINED, None)]
        try:
            model = helper.make_model(helper.make_graph([node], "constant", values, made), opset_imports=self.opsets)
            array = ReferenceEvaluator(model).run(None, {i: self.stored[i] for i in node.input if i})[0]
            self.add(node.output[0], numpy_helper.from_array(numpy.asarray(array)))
        except Exception:
            pass  # What cannot be computed is no constant then.

    def add(self, name, tensor):
        self.types[name] = tensor.data_type
        array = numpy_helper.to_array(tensor)
        self.stored[name] = array
        wide = numpy.longdouble if tensor.data_type == TensorProto.DOUBLE else numpy.float64
        self.constants[name] = array.astype(wide) if tensor.data_type in FLOATS else array

    def constant(self, node, at):
        return self.constants.get(node.input[at]) if len(node.input) > at and node.input[at] else None


def attribute(node, name, default):
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def channels_of(array, channels, axis_from_end):
    """A constant as one number a channel; None if it is something else."""
    if array is None:
        return None
    if array.size == 1:
        return numpy.full(channels, array.reshape(-1)[0])
    place = array.ndim - 1 - axis_from_end
    if array.size != channels or place < 0 or array.shape[place] != channels:
        return None
    return array.reshape(-1)


def infers(opsets, node):
    """Whether a BatchNormalization takes its stored statistics."""
    opset = next(o.version for o in opsets if o.domain in ("", "ai.onnx"))
    trains = not attribute(node, "is_test", 0) if opset < 7 else attribute(node, "training_mode", 0)
    return not trains and len([o for o in node.output if o]) == 1


def affine(graph, node, value, channels, axis_from_end):
    """Scale, shift and the magnitudes summed up in the shift; None if the node is no map of constants."""
    if node.op_type == "BatchNormalization":
        if node.input[0] != value or not infers(graph.opsets, node):
            return None
        gamma, beta, mean, variance = (graph.constant(node, i) for i in (1, 2, 3, 4))
        if any(c is None or c.shape != (channels,) for c in (gamma, beta, mean, variance)):
            return None
        epsilon = float(numpy.float32(attribute(node, "epsilon", 1e-5)))
        with numpy.errstate(all="ignore"):
            scale = gamma / numpy.sqrt(variance + epsilon)
        return scale, beta - mean * scale, abs(beta) + abs(mean * scale)
    if len(node.input) != 2 or (node.input[0] == value) == (node.input[1] == value):
        return None
    first = node.input[0] == value
    other = channels_of(graph.constant(node, 1 if first else 0), channels, axis_from_end)
    if other is None or (node.op_type == "Div" and not first):
        return None
    one, none = numpy.ones(channels), numpy.zeros(channels)
    with numpy.errstate(all="ignore"):
        scale, shift = {
            "Mul": (other, none),
            "Div": (1 / other, none),
            "Add": (one, other),
            "Sub": (one, -other) if first else (-one, other),
        }[node.op_type]
    return scale, shift, abs(shift)


class Block:
    """A linear node with constant weight and the maps that follow it, multiplied out."""

    def __init__(self, graph, node):
        self.ok, self.length, self.node = False, 0, node
        kind = node.op_type
        self.kind = "product" if kind in ("Gemm", "MatMul") else kind
        weight = graph.constant(node, 1)
        if weight is None or weight.ndim < 2:
            return
        # Operators over wider values than the constant's own rank of outputs (per channel, last axis).
        if kind == "Conv":
            per, self.axis_from_end = [weight.shape[0]] + [1] * (weight.ndim - 1), weight.ndim - 2
        elif kind == "ConvTranspose":
            groups = attribute(node, "group", 1)
            # As one weight per output channel: [groups, in / groups, out / groups, kernel].
            weight = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:]).swapaxes(1, 2)
            weight = weight.reshape(-1, *weight.shape[2:])
            per, self.axis_from_end = [weight.shape[0]] + [1] * (weight.ndim - 1), weight.ndim - 2
        else:
            if weight.ndim != 2 or (kind == "Gemm" and attribute(node, "transA", 0)):
                return
            if kind == "MatMul" or not attribute(node, "transB", 0):
                weight = weight.T
            weight = weight * (float(numpy.float32(attribute(node, "alpha", 1.0))) if kind == "Gemm" else 1.0)
            per, self.axis_from_end = [weight.shape[0], 1], 0
        self.channels = weight.shape[0]
        if len(node.input) > 2 and node.input[2]:
            beta = float(numpy.float32(attribute(node, "beta", 1.0))) if kind == "Gemm" else 1.0
            bias = channels_of(graph.constant(node, 2), self.channels, 0)
            if bias is None:
                return
            bias = bias * beta
        else:
            bias = numpy.zeros(self.channels)
        scale_of_bias, value = abs(bias), node.output[0]
        self.ends = [value]
        while value not in graph.outputs and len(graph.readers[value]) == 1:
            after = graph.readers[value][0]
            if after.op_type == "Identity":
                value = after.output[0]
                continue
            if after.op_type not in AFFINE:
                break
            found = affine(graph, after, value, self.channels, self.axis_from_end)
            if found is None:
                break
            scale, shift, magnitude = found
            with numpy.errstate(all="ignore"):
                weight, bias = weight * scale.reshape(per), bias * scale + shift
                scale_of_bias = scale_of_bias * abs(scale) + magnitude
            self.length += 1
            value = after.output[0]
            self.ends.append(value)
        self.weight, self.bias, self.sum, self.end, self.ok = weight, bias, scale_of_bias, value, True
        self.type = graph.types.get(node.input[1])
        before = graph.maker.get(node.input[0])
        self.led = before is not None and before.op_type in AFFINE


def blocks(graph):
    found = [Block(graph, n) for n in graph.nodes if n.op_type in LINEAR]
    return [b for b in found if b.ok]


def same_constants(first, second, own):
    """Counts blocks that lost maps: right ones, and the places of wrong ones; None in place of a number if it cannot tell."""
    ours, theirs = blocks(first), blocks(second)
    by_end = {b.end: b for b in theirs}
    by_name = {b.node.name: b for b in theirs if b.node.name}
    right, wrong = 0, []
    in_order = {}
    if len(ours) == len(theirs):
        in_order = {id(a): b for a, b in zip(ours, theirs)}
    for block in ours:
        other = by_end.get(block.end) or by_name.get(block.node.name) or in_order.get(id(block))
        if other is None or other.kind != block.kind or other.weight.shape != block.weight.shape or block.led or other.led:
            continue
        if other.length >= block.length and (own or other.length > block.length):
            continue
        units = FLOATS.get(other.type, 0.0)
        tiny = TINY.get(other.type, 0.0)
        few = 1.0 if own else 8.0
        # What the arithmetic here does: that of float64, or of long double.
        noise = 2.0**-60 if other.type == TensorProto.DOUBLE else 2.0**-49
        with numpy.errstate(all="ignore"):
            far_weight = abs(other.weight - block.weight) > (few * units + noise) * abs(block.weight) + tiny
            far_bias = abs(other.bias - block.bias) > (few * units + noise) * block.sum + tiny
        finite = numpy.isfinite(block.weight).all() and numpy.isfinite(block.bias).all()
        finite = finite and numpy.isfinite(other.weight).all() and numpy.isfinite(other.bias).all()
        if finite and not far_weight.any() and not far_bias.any():
            right += max(0, block.length - other.length)
        else:
            wrong.append(block.end)
    return right, wrong
