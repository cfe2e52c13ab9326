#!/usr/bin/env python3
"""Writes small seeded models of every form that a fold leaves, to be run by engines before and after it: `make.py FOLDER`;
`make.py --larger FOLDER` writes some that take long enough to be timed.

Each model NAME.onnx has an input beside it in NAME.npz. The first letter of a name is the group: a chains of convolutions,
b groups and transposed convolutions, c products of matrices, d maps of which only the scale moves, e weights behind
DequantizeLinear, f side files, g opsets, functions, branches of If, names, h other types, i recurrences and normalisations,
j branches of one value, q everything quantised.
"""
import os
import sys
import zlib

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

NUMPY = {T.FLOAT: np.float32, T.DOUBLE: np.float64, T.FLOAT16: np.float16, T.BFLOAT16: ml_dtypes.bfloat16}
WHOLE = {"int8": (T.INT8, -128, 127), "uint8": (T.UINT8, 0, 255), "int16": (T.INT16, -32768, 32767),
         "int4": (T.INT4, -8, 7), "uint4": (T.UINT4, 0, 15)}


class Net:
    """One model under construction; methods add a node and answer with the name of what it makes."""

    def __init__(self, name, shape, opset=17, ir=8, dtype=T.FLOAT):
        self.name, self.opset, self.ir, self.dtype = name, opset, ir, dtype
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes, self.constants, self.functions, self.count = [], [], [], 0
        self.inputs = [h.make_tensor_value_info("x", dtype, shape)]
        self.feed = {"x": self.rng.standard_normal(shape).astype(np.float32).astype(NUMPY[dtype])}
        self.unnamed = False

    def new(self, word):
        self.count += 1
        return f"{word}_{self.count}"

    def constant(self, array, word="k"):
        name = self.new(word)
        self.constants.append(nh.from_array(np.asarray(array), name))
        return name

    def numbers(self, *shape, scale=1.0, least=None):
        found = self.rng.standard_normal(shape) * scale
        if least is not None:
            found = np.abs(found) + least
        return self.constant(found.astype(np.float32).astype(NUMPY[self.dtype]))

    def node(self, operator, inputs, outputs=1, **attributes):
        made = [self.new(operator.lower()) for _ in range(outputs)]
        name = "" if self.unnamed else self.new("node")
        self.nodes.append(h.make_node(operator, inputs, made, name=name, **attributes))
        return made[0] if outputs == 1 else made

    def bn(self, x, c, gammas=None, shift=True, plus=False):
        gamma = self.rng.uniform(0.5, 1.5, c) * (1 if plus else self.rng.choice([-1, 1], c))
        gamma = np.asarray(gamma if gammas is None else gammas)
        rest = [self.rng.standard_normal(c) * shift, self.rng.standard_normal(c) * shift, self.rng.uniform(0.5, 2, c)]
        parts = [self.constant(v.astype(np.float32).astype(NUMPY[self.dtype]), "bn") for v in [gamma, *rest]]
        old = {"spatial": 1} if self.opset < 7 else {}
        return self.node("BatchNormalization", [x, *parts], epsilon=1e-5, **old)

    def conv(self, x, i, o, k=3, bias=True, group=1, rank=2, pads=1, **more):
        w = self.numbers(o, i // group, *[k] * rank, scale=1 / np.sqrt(i // group * k**rank))
        inputs = [x, w] + [self.numbers(o)] * bias
        return self.node("Conv", inputs, group=group, kernel_shape=[k] * rank, pads=[pads] * 2 * rank, **more)

    def dequantised(self, shape, kind, grain, axis, scale=0.02):
        """A quantised weight behind DequantizeLinear: one scale as a scalar or of one element, one for each channel, or blocks."""
        data, low, high = WHOLE[kind]
        zero = 0 if low < 0 else (high + 1) // 2
        # Seven bits: where a processor has no VNNI, onnxruntime adds products of uint8 and int8 in pairs in 16 bits, which more saturate.
        full = self.rng.integers(max(low, zero - 63), min(high, zero + 63) + 1, shape)
        dims = {"scalar": [], "one": [1], "axis": [shape[axis]]}.get(grain)
        attributes = {} if dims in ([], [1]) else {"axis": axis}
        if grain == "block":
            dims, attributes = [shape[0] // 2, *shape[1:]], {"axis": 0, "block_size": 2}
        steps = self.rng.uniform(0.5, 1.5, dims) * scale
        steps = self.constant(np.asarray(steps, np.float32), "step")
        words = [self.new(word) for word in ("w", "zero")]
        for word, values in zip(words, (full, np.full(dims, zero))):
            self.constants.append(h.make_tensor(word, data, np.shape(values), np.ravel(values).tolist()))
        return self.node("DequantizeLinear", [words[0], steps, words[1]], **attributes)

    def qdq(self, x, scale=0.05, zero=128):
        parts = [self.constant(np.float32(scale), "step"), self.constant(np.uint8(zero), "zero")]
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [x, *parts]), *parts])

    def save(self, folder, y, shape=None, external=()):
        outputs = [h.make_tensor_value_info(y, self.dtype, shape)]
        graph = h.make_graph(self.nodes, self.name, self.inputs, outputs, self.constants)
        if self.ir < 4:
            graph.input.extend(h.make_tensor_value_info(c.name, c.data_type, c.dims) for c in self.constants)
        sets = [h.make_opsetid("", self.opset)] + [h.make_opsetid("local", 1)] * bool(self.functions)
        model = h.make_model(graph, opset_imports=sets, ir_version=self.ir, functions=self.functions)
        model = onnx.shape_inference.infer_shapes(model)
        onnx.checker.check_model(model, full_check=True)
        path = os.path.join(folder, self.name + ".onnx")
        # Tensors are written behind what is in a side file already.
        for end in external:
            if os.path.exists(os.path.join(folder, self.name + end)):
                os.remove(os.path.join(folder, self.name + end))
        large = [tensor for tensor in model.graph.initializer if external and len(tensor.raw_data) >= 64]
        for at, tensor in enumerate(large):
            onnx.external_data_helper.set_external_data(tensor, f"{self.name}{external[at % len(external)]}")
        if external:
            for tensor in model.graph.initializer:
                if tensor.external_data:
                    onnx.external_data_helper.save_external_data(tensor, folder)
                    tensor.ClearField("raw_data")
        onnx.save(model, path)
        feed = {k: v.astype(np.float32) if v.dtype == ml_dtypes.bfloat16 else v for k, v in self.feed.items()}
        np.savez(path[:-5] + ".npz", **feed)


def chains(folder):
    for rank in (1, 2, 3):
        n = Net(f"a_conv{rank}d_bn_relu", [2, 3] + [8] * rank)
        x = n.node("Relu", [n.bn(n.conv("x", 3, 8, rank=rank, bias=rank == 2), 8)])
        n.save(folder, n.bn(n.conv(x, 8, 4, 1, rank=rank, pads=0), 4))
    n = Net("a_bn_conv", [2, 3, 8, 8])
    n.save(folder, n.conv(n.bn("x", 3), 3, 5, pads=0))
    n = Net("a_conv_pool_bn_concat", [1, 4, 8, 8])
    p = n.node("MaxPool", [n.conv("x", 4, 4)], kernel_shape=[2, 2], strides=[2, 2])
    q = n.node("AveragePool", [n.conv("x", 4, 4)], kernel_shape=[2, 2], strides=[2, 2])
    n.save(folder, n.node("Relu", [n.bn(n.node("Concat", [p, q], axis=1), 8, plus=True)]))
    n = Net("a_conv_leaky_prelu", [1, 3, 6, 6])
    y = n.node("PRelu", [n.bn(n.conv("x", 3, 4), 4), n.numbers(4, 1, 1, least=0.1)])
    n.save(folder, n.bn(n.node("LeakyRelu", [n.conv(y, 4, 4)], alpha=0.1), 4, shift=False, plus=True))


def groups(folder):
    for group in (2, 4):
        n = Net(f"b_conv_group{group}", [1, 4, 8, 8])
        n.save(folder, n.bn(n.conv("x", 4, 8, group=group), 8))
    for group, bias in ((1, True), (1, False), (2, True), (2, False), (4, True), (4, False)):
        for more in ({}, {"strides": [2, 2], "output_padding": [1, 1]}):
            n = Net(f"b_conv_transpose_group{group}{'_bias' if bias else ''}{'_stride' if more else ''}", [1, 4, 6, 6])
            w = n.numbers(4, 8 // group, 3, 3, scale=0.3)
            y = n.node("ConvTranspose", ["x", w] + [n.numbers(8)] * bias, group=group, kernel_shape=[3, 3], **more)
            n.save(folder, n.bn(y, 8))


def products(folder, dtype=T.FLOAT, tag="", only=None, opset=17):
    def net(name, shape):
        return Net(f"{'c' if dtype == T.FLOAT else 'h'}_{name}{tag}", shape, dtype=dtype, opset=opset, ir=10 if opset > 17 else 8)

    for name, c, more in (("no_c", None, {}), ("c_row", [8], {}), ("c_scalar", [], {}), ("c_column", [3, 1], {}),
                          ("c_full", [3, 8], {}), ("trans_b", [8], {"transB": 1}), ("alpha_beta", [8], {"alpha": 0.5, "beta": 2.0})):
        if only and name not in only:
            continue
        n = net(f"gemm_{name}", [3, 6])
        w = n.numbers(*((8, 6) if "transB" in more else (6, 8)), scale=0.4)
        inputs = ["x", w] + ([] if c is None else [n.numbers(*c)])
        n.save(folder, n.node("Relu", [n.bn(n.node("Gemm", inputs, **more), 8)]))
    n = net("matmul", [3, 6])
    n.save(folder, n.bn(n.node("MatMul", ["x", n.numbers(6, 8, scale=0.4)]), 8))
    n = net("matmul_add", [3, 6])
    y = n.node("Add", [n.node("MatMul", ["x", n.numbers(6, 8, scale=0.4)]), n.numbers(8)])
    n.save(folder, n.bn(y, 8))
    n = net("bn_matmul", [3, 6])
    n.save(folder, n.node("MatMul", [n.bn("x", 6), n.numbers(6, 8, scale=0.4)]))
    if only:
        return
    n = net("bn_gemm", [3, 6])
    n.save(folder, n.node("Gemm", [n.bn("x", 6), n.numbers(8, 6, scale=0.4)], transB=1))
    n = net("matmul_3d", [2, 5, 6])
    y = n.node("Add", [n.node("MatMul", ["x", n.numbers(6, 8, scale=0.4)]), n.numbers(8)])
    n.save(folder, n.node("Relu", [n.node("Add", [n.node("Mul", [y, n.numbers(8)]), n.numbers(8)])]))
    n = net("matmul_transpose_bn", [2, 5, 6])
    y = n.node("Add", [n.node("MatMul", ["x", n.numbers(6, 8, scale=0.4)]), n.numbers(8)])
    n.save(folder, n.bn(n.node("Transpose", [y], perm=[0, 2, 1]), 8))
    n = net("einsum", [2, 5, 6])
    y = n.node("Einsum", ["x", n.numbers(6, 8, scale=0.4)], equation="abc,cd->abd")
    n.save(folder, n.node("Mul", [y, n.numbers(8)]))


def partial(folder):
    for activation in ("Relu", "Clip", "LeakyRelu", "Sigmoid"):
        n = Net(f"d_conv_{activation.lower()}_bn_conv", [1, 3, 8, 8])
        c = n.conv("x", 3, 6)
        more = [n.constant(np.float32(0)), n.constant(np.float32(6))] if activation == "Clip" else []
        n.save(folder, n.conv(n.bn(n.node(activation, [c, *more]), 6), 6, 4))
    n = Net("d_conv_relu_bn_output", [1, 3, 8, 8])
    n.save(folder, n.bn(n.node("Relu", [n.conv("x", 3, 6)]), 6, plus=True))
    n = Net("d_conv_transpose_relu_bn_conv", [1, 4, 6, 6])
    y = n.node("ConvTranspose", ["x", n.numbers(4, 6, 3, 3, scale=0.3), n.numbers(6)], kernel_shape=[3, 3])
    n.save(folder, n.conv(n.bn(n.node("Relu", [y]), 6), 6, 4))
    n = Net("d_conv_relu_mul_add", [1, 3, 8, 8])
    y = n.node("Mul", [n.node("Relu", [n.conv("x", 3, 6)]), n.numbers(1, 6, 1, 1, least=0.3)])
    n.save(folder, n.node("Sigmoid", [n.node("Add", [y, n.numbers(1, 6, 1, 1)])]))
    n = Net("d_pre_activation", [1, 4, 8, 8])
    x = n.conv("x", 4, 6)
    for _ in range(2):
        y = n.conv(n.node("Relu", [n.bn(x, 6, plus=True)]), 6, 6)
        x = n.node("Add", [x, y])
    n.save(folder, x)
    n = Net("d_densenet", [1, 4, 8, 8])
    x, c = n.conv("x", 4, 6), 6
    for _ in range(3):
        y = n.conv(n.node("Relu", [n.bn(x, c, plus=True)]), c, 4)
        x, c = n.node("Concat", [x, y], axis=1), c + 4
    n.save(folder, x)
    n = Net("d_gemm_relu_bn_gemm", [3, 6])
    y = n.node("Relu", [n.node("Gemm", ["x", n.numbers(6, 8, scale=0.4), n.numbers(8)])])
    n.save(folder, n.node("Gemm", [n.bn(y, 8), n.numbers(8, 5, scale=0.4), n.numbers(5)]))


def quantised(folder):
    kinds = [(kind, grain) for kind in ("int8", "uint8", "int16") for grain in ("scalar", "one", "axis")]
    kinds += [("int4", "scalar"), ("int4", "axis"), ("uint4", "axis"), ("int8", "block")]
    for kind, grain in kinds:
        new = {"opset": 21, "ir": 10}
        n = Net(f"e_conv_{kind}_{grain}", [1, 4, 6, 6], **new)
        w = n.dequantised([8, 4, 3, 3], kind, grain, 0)
        n.save(folder, n.bn(n.node("Conv", ["x", w, n.numbers(8)], kernel_shape=[3, 3]), 8))
        n = Net(f"e_conv_transpose_{kind}_{grain}", [1, 4, 6, 6], **new)
        w = n.dequantised([4, 8, 3, 3], kind, grain, 1 if grain != "block" else 0)
        n.save(folder, n.bn(n.node("ConvTranspose", ["x", w], kernel_shape=[3, 3]), 8))
        n = Net(f"e_gemm_{kind}_{grain}", [3, 6], **new)
        w = n.dequantised([6, 8], kind, grain, 1)
        n.save(folder, n.bn(n.node("Gemm", ["x", w, n.numbers(8)]), 8))
        for shift in (True, False):
            n = Net(f"e_matmul_{kind}_{grain}{'' if shift else '_scale'}", [3, 32], **new)
            w = n.dequantised([32, 16], kind, grain, 1)
            n.save(folder, n.bn(n.node("MatMul", ["x", w]), 16, shift=shift))
        n = Net(f"e_matmul_3d_{kind}_{grain}", [2, 3, 32], **new)
        y = n.node("Add", [n.node("MatMul", ["x", n.dequantised([32, 16], kind, grain, 1)]), n.numbers(16)])
        n.save(folder, n.node("Mul", [y, n.numbers(16)]))
    for name, tiny in (("", None), ("_tiny_e6", 1e-6), ("_tiny_e8", 1e-8)):
        gammas = None if tiny is None else [tiny, 1, -1, 0.5, 1, 1, 1, 1]
        for grain in ("scalar", "one", "axis"):
            n = Net(f"q_conv_{grain}{name}", [1, 4, 6, 6], opset=21, ir=10)
            y = n.node("Conv", [n.qdq("x"), n.dequantised([8, 4, 3, 3], "int8", grain, 0), n.numbers(8)], kernel_shape=[3, 3])
            n.save(folder, n.qdq(n.bn(y, 8, gammas)))
            n = Net(f"q_gemm_{grain}{name}", [3, 6], opset=21, ir=10)
            y = n.node("Gemm", [n.qdq("x"), n.dequantised([6, 8], "int8", grain, 1), n.numbers(8)])
            n.save(folder, n.qdq(n.bn(y, 8, gammas)))
    for grain in ("scalar", "one", "axis"):
        n = Net(f"q_matmul_{grain}", [3, 6], opset=21, ir=10)
        n.save(folder, n.qdq(n.bn(n.node("MatMul", [n.qdq("x"), n.dequantised([6, 8], "int8", grain, 1)]), 8)))
        n = Net(f"q_matmul_{grain}_float_end", [3, 32], opset=21, ir=10)
        n.save(folder, n.bn(n.node("MatMul", [n.qdq("x"), n.dequantised([32, 16], "int8", grain, 1)]), 16))
    n = Net("q_conv_chain", [1, 4, 8, 8], opset=21, ir=10)
    x = n.qdq("x")
    for _ in range(3):
        y = n.node("Conv", [x, n.dequantised([4, 4, 3, 3], "int8", "scalar", 0)], kernel_shape=[3, 3], pads=[1] * 4)
        x = n.qdq(n.node("Relu", [n.bn(y, 4)]), zero=0)
    n.save(folder, x)


def files(folder):
    for name, external in (("one", [".data"]), ("two", [".one.data", ".two.data"]), ("bin", [".bin"])):
        n = Net(f"f_external_{name}", [1, 3, 8, 8])
        n.save(folder, n.bn(n.conv(n.bn(n.conv("x", 3, 8), 8), 8, 4), 4), external=external)


def graphs(folder):
    for opset in (7, 9, 11, 13, 15, 18, 21):
        n = Net(f"g_opset{opset}", [1, 3, 8, 8], opset=opset, ir=3 if opset < 9 else 8 if opset < 21 else 10)
        n.save(folder, n.bn(n.node("Relu", [n.bn(n.conv("x", 3, 6), 6)]), 6, plus=True))
    n = Net("g_unnamed", [1, 3, 8, 8])
    n.unnamed = True
    n.save(folder, n.bn(n.conv("x", 3, 6), 6))
    n = Net("g_shared_weight", [1, 3, 8, 8])
    y = n.conv("x", 3, 3)
    z = n.node("Conv", [y, *n.nodes[-1].input[1:]], kernel_shape=[3, 3], pads=[1] * 4)
    n.save(folder, n.bn(z, 3))
    n = Net("g_constant_nodes", [1, 3, 8, 8])
    y = n.bn(n.conv("x", 3, 6), 6)
    n.nodes = [h.make_node("Constant", [], [c.name], value=c) for c in n.constants] + n.nodes
    n.constants = []
    n.save(folder, y)
    n = Net("g_function", [1, 3, 8, 8])
    body = Net("body", [1, 3, 8, 8])
    z = body.node("Relu", [body.bn(body.conv("x", 3, 3), 3)])
    names = {c.name: f"p{at}" for at, c in enumerate(body.constants)}
    nodes = [h.make_node(p.op_type, [names.get(i, i) for i in p.input], p.output) for p in body.nodes]
    for made, node in zip(nodes, body.nodes):
        made.attribute.extend(node.attribute)
    function = h.make_function("local", "Block", ["x", *names.values()], [z], nodes, [h.make_opsetid("", 17)])
    n.functions, n.constants = [function], body.constants
    n.nodes = [h.make_node("Block", ["x", *names], ["y"], domain="local")]
    n.save(folder, "y", [1, 3, 8, 8])
    n = Net("g_if", [1, 3, 8, 8])
    y = n.bn(n.conv("x", 3, 3), 3)
    other = h.make_graph([h.make_node("Relu", ["x"], ["z"])], "else", [], [h.make_tensor_value_info("z", T.FLOAT, [1, 3, 8, 8])])
    then = h.make_graph(n.nodes, "then", [], [h.make_tensor_value_info(y, T.FLOAT, [1, 3, 8, 8])])
    n.nodes = [h.make_node("If", [n.constant(np.bool_(True))], ["out"], then_branch=then, else_branch=other)]
    n.save(folder, "out", [1, 3, 8, 8])


def others(folder):
    for name, dtype, opset in (("f16", T.FLOAT16, 17), ("f64", T.DOUBLE, 17), ("bf16", T.BFLOAT16, 22)):
        n = Net(f"h_conv_{name}", [1, 3, 8, 8], dtype=dtype, opset=opset, ir=10 if opset > 17 else 8)
        n.save(folder, n.bn(n.node("Relu", [n.bn(n.conv("x", 3, 6), 6)]), 6, plus=True))
        products(folder, dtype, f"_{name}", ("no_c", "c_row"), opset)
    for operator, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        n = Net(f"i_bn_{operator.lower()}", [5, 6, 2])
        x = n.node("Transpose", [n.bn("x", 6)], perm=[0, 2, 1])
        weights = [n.numbers(1, gates * 4, 6, scale=0.4), n.numbers(1, gates * 4, 4, scale=0.4), n.numbers(1, 8 * gates)]
        y = n.node(operator, [x, *weights], hidden_size=4)
        n.save(folder, n.node("Squeeze", [y, n.constant(np.array([1]))]))
    n = Net("i_layer_normalization", [2, 5, 8])
    y = n.node("LayerNormalization", ["x", n.numbers(8), n.numbers(8)])
    n.save(folder, n.node("Add", [n.node("Mul", [y, n.numbers(8)]), n.numbers(8)]))
    n = Net("i_instance_normalization", [2, 4, 6, 6])
    n.save(folder, n.bn(n.node("InstanceNormalization", ["x", n.numbers(4), n.numbers(4)]), 4))
    n = Net("i_group_normalization", [2, 4, 6, 6], opset=21, ir=10)
    n.save(folder, n.bn(n.node("GroupNormalization", ["x", n.numbers(4), n.numbers(4)], num_groups=2), 4), [2, 4, 6, 6])
    n = Net("i_rms_normalization", [2, 5, 8], opset=23, ir=11)
    n.save(folder, n.node("Mul", [n.node("RMSNormalization", ["x", n.numbers(8)]), n.numbers(8)]), [2, 5, 8])
    n = Net("i_pad_resize_bn", [1, 3, 6, 6])
    y = n.node("Pad", [n.conv("x", 3, 4), n.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1]))], mode="reflect")
    y = n.node("Resize", [y, "", n.constant(np.array([1, 1, 2, 2], np.float32))], mode="nearest")
    n.save(folder, n.bn(y, 4))


def branches(folder):
    n = Net("j_repvgg", [1, 4, 8, 8])
    x = "x"
    for _ in range(2):
        parts = [n.bn(n.conv(x, 4, 4, bias=False), 4), n.bn(n.conv(x, 4, 4, 1, bias=False, pads=0), 4), n.bn(x, 4)]
        x = n.node("Relu", [n.node("Add", [n.node("Add", parts[:2]), parts[2]])])
    n.save(folder, x)
    n = Net("j_mobileone", [1, 4, 8, 8])
    parts = [n.bn(n.conv("x", 4, 4, bias=False, group=4), 4), n.bn(n.conv("x", 4, 4, 1, bias=False, group=4, pads=0), 4)]
    n.save(folder, n.node("Relu", [n.node("Add", parts)]))
    n = Net("j_products", [3, 6])
    parts = [n.node("Gemm", ["x", n.numbers(6, 8), n.numbers(8)]) for _ in range(2)]
    n.save(folder, n.node("Relu", [n.bn(n.node("Add", parts), 8)]))
    n = Net("j_residual", [1, 4, 8, 8])
    y = n.bn(n.conv(n.node("Relu", [n.bn(n.conv("x", 4, 4), 4)]), 4, 4), 4)
    n.save(folder, n.node("Relu", [n.node("Add", [y, "x"])]))


def larger(folder):
    """Nets that are worth a clock: dense blocks, pre-activation, maps behind activations, a transformer, everything quantised."""
    os.makedirs(folder, exist_ok=True)
    for k in (1, 3):
        n = Net(f"l_densenet_{k}x{k}", [1, 16, 56, 56])
        x, c = n.conv("x", 16, 64), 64
        for _ in range(8):
            y = n.conv(n.node("Relu", [n.bn(x, c, plus=True)]), c, 16, k, pads=k // 2)
            x, c = n.node("Concat", [x, y], axis=1), c + 16
        n.save(folder, n.conv(n.node("Relu", [n.bn(x, c, plus=True)]), c, 16))
    n = Net("l_pre_activation", [1, 16, 56, 56])
    x = n.conv("x", 16, 64)
    for _ in range(6):
        y = n.conv(n.node("Relu", [n.bn(x, 64, plus=True)]), 64, 64)
        x = n.node("Add", [x, n.conv(n.node("Relu", [n.bn(y, 64, plus=True)]), 64, 64)])
    n.save(folder, x)
    n = Net("l_behind_relu", [1, 32, 56, 56])
    x = n.conv("x", 32, 32)
    for _ in range(6):
        x = n.conv(n.bn(n.node("Relu", [x]), 32, plus=True), 32, 32)
    n.save(folder, x)
    n = Net("l_transformer", [1, 128, 64])
    x, shape = "x", n.constant(np.array([1, 128, 4, 16]))
    for _ in range(4):
        y = n.node("LayerNormalization", [x, n.numbers(64), n.numbers(64)])
        heads = []
        for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
            z = n.node("Add", [n.node("MatMul", [y, n.numbers(64, 64, scale=0.1)]), n.numbers(64)])
            heads.append(n.node("Transpose", [n.node("Reshape", [z, shape])], perm=perm))
        weights = n.node("Softmax", [n.node("Mul", [n.node("MatMul", heads[:2]), n.constant(np.float32(0.25))])])
        z = n.node("Transpose", [n.node("MatMul", [weights, heads[2]])], perm=[0, 2, 1, 3])
        z = n.node("MatMul", [n.node("Reshape", [z, n.constant(np.array([1, 128, 64]))]), n.numbers(64, 64, scale=0.1)])
        x = n.node("Add", [x, n.node("Mul", [n.node("Add", [z, n.numbers(64)]), n.numbers(64)])])
        y = n.node("LayerNormalization", [x, n.numbers(64), n.numbers(64)])
        y = n.node("Relu", [n.node("Add", [n.node("MatMul", [y, n.numbers(64, 256, scale=0.1)]), n.numbers(256)])])
        y = n.node("Add", [n.node("MatMul", [y, n.numbers(256, 64, scale=0.05)]), n.numbers(64)])
        x = n.node("Add", [x, n.node("Mul", [y, n.numbers(64)])])
    n.save(folder, x)
    n = Net("l_quantised", [1, 32, 56, 56], opset=21, ir=10)
    x = n.qdq("x")
    for _ in range(6):
        w = n.dequantised([32, 32, 3, 3], "int8", "scalar", 0, scale=0.001)
        y = n.node("Conv", [x, w, n.numbers(32)], kernel_shape=[3, 3], pads=[1] * 4)
        x = n.qdq(n.node("Relu", [n.bn(y, 32)]), zero=0)
    n.save(folder, x)


def make(folder):
    os.makedirs(folder, exist_ok=True)
    for family in (chains, groups, products, partial, quantised, files, graphs, others, branches):
        family(folder)


if __name__ == "__main__":
    larger(sys.argv[2]) if sys.argv[1] == "--larger" else make(sys.argv[1])
