#!/usr/bin/env python3
"""Right folds by this program and by other tools: how many the verdict refuses, and how near to its limits they come.

    pip install onnx onnxruntime onnxsim onnxslim onnxoptimizer onnxscript numpy ml_dtypes
    cargo build --release
    python benches/right_folds.py --nets 120 --patterns ../shared/patterns --corpus models

Models are folded by each tool with its own defaults, each call in a process of its own. Whether a fold is right is decided here,
from ONNX's definitions, and not by the program: for each linear node the maps that follow it are multiplied out in float64 in
both models, and what results must agree within 8 units of the type (half a place for our own) on the scale of what is summed
up; beside that both models are run whole (generated nets in float64 by onnx's reference evaluator, others in float by
onnxruntime without optimisations), and may not be farther apart than parameters dithered by 8 units bring them. Then
`bnfold verify` judges the pair, our own with `--exact`. Models that hold operators of other domains are left out.

    BNFOLD_FAULTS=20000 BNFOLD_SAVE_FAULTS=faults cargo test --test mutation_study every_seeded -- --nocapture
    python benches/right_folds.py --nets 120 --keep right ...
    python benches/right_folds.py --tolerances faults/nets right

The last line measures the tolerances in use on the float models of these: right folds refused and faulty ones passed, with
outputs of onnxruntime without optimisations on three sets of inputs (two of N(0,1), one of U[0,1)).
"""
import argparse
import collections
import glob
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import compare_tools
from right_folds_nets import generated

FLOATS = {TensorProto.FLOAT: 2.0**-24, TensorProto.FLOAT16: 2.0**-11, TensorProto.BFLOAT16: 2.0**-8, TensorProto.DOUBLE: 2.0**-53}
TYPES = {TensorProto.FLOAT: "float", TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16", TensorProto.DOUBLE: "double"}
TINY = {TensorProto.FLOAT: 2.0**-149, TensorProto.FLOAT16: 2.0**-24, TensorProto.BFLOAT16: 2.0**-133, TensorProto.DOUBLE: 2.0**-1074}
LINEAR = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
AFFINE = {"BatchNormalization", "Mul", "Add", "Sub", "Div"}


# ---------------------------------------------------------------------------------------------------------------- constants


class Graph:
    """The main graph of a model with its constants in float64."""

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
        self.constants[name] = array.astype(numpy.float64) if tensor.data_type in FLOATS else array

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
        with numpy.errstate(all="ignore"):
            far_weight = abs(other.weight - block.weight) > few * units * abs(block.weight) + tiny
            far_bias = abs(other.bias - block.bias) > few * units * block.sum + 2.0**-45 * block.sum + tiny
        finite = numpy.isfinite(block.weight).all() and numpy.isfinite(block.bias).all()
        finite = finite and numpy.isfinite(other.weight).all() and numpy.isfinite(other.bias).all()
        if finite and not far_weight.any() and not far_bias.any():
            right += max(0, block.length - other.length)
        else:
            wrong.append(block.end)
    return right, wrong


# ------------------------------------------------------------------------------------------------------------------- running


def widened(model, element):
    """The model with all floats as this type; constants exactly."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    kept = set()

    def graph(g):
        for node in g.node:
            if node.op_type in ("Resize", "Upsample"):
                kept.update(node.input[1:3])
        for tensor in g.initializer:
            if tensor.name not in kept:
                one(tensor)
        for value in [*g.input, *g.output, *g.value_info]:
            kind = value.type.tensor_type
            if kind.elem_type in FLOATS and value.name not in kept:
                kind.elem_type = element
        for node in g.node:
            for a in node.attribute:
                if a.type == onnx.AttributeProto.TENSOR and not (node.output and node.output[0] in kept):
                    one(a.t)
                elif a.type == onnx.AttributeProto.GRAPH:
                    graph(a.g)
                elif node.op_type == "Cast" and a.name == "to" and a.i in FLOATS:
                    a.i = element
            if node.op_type == "Constant" and any(a.name in ("value_float", "value_floats") for a in node.attribute):
                array = numpy.array(helper.get_attribute_value(node.attribute[0]), numpy.float64)
                del node.attribute[:]
                node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(array.astype(dtype(element)))))

    def one(tensor):
        if tensor.data_type in FLOATS and tensor.data_type != element:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(dtype(element)), name))

    graph(model.graph)
    return model


def dtype(element):
    return numpy.float64 if element == TensorProto.DOUBLE else numpy.float32


def dithered(model, units, seed):
    """Weights, biases and statistics off by up to so many units."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    random = numpy.random.default_rng(seed)
    wanted = set()
    for node in model.graph.node:
        if node.op_type in LINEAR:
            wanted.update(node.input[1:])
        elif node.op_type == "BatchNormalization":
            wanted.update(node.input[1:4])
        elif node.op_type in AFFINE:
            wanted.update(node.input)
    tensors = list(model.graph.initializer)
    tensors += [a.t for n in model.graph.node if n.op_type == "Constant" and n.output[0] in wanted for a in n.attribute if a.HasField("t")]
    names = [t.name for t in model.graph.initializer] + [None] * len(tensors)
    for tensor, name in zip(tensors, names):
        if tensor.data_type in FLOATS and (name is None or name in wanted):
            array = numpy_helper.to_array(tensor)
            noise = 1 + units * random.choice([-1.0, 1.0], array.shape)
            kept = tensor.name
            tensor.CopyFrom(numpy_helper.from_array((array * noise).astype(array.dtype), kept))
    return model


def feeds(model, seed, uniform=False):
    random = numpy.random.default_rng(seed)
    constants = {i.name for i in model.graph.initializer}
    found = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        kind = value.type.tensor_type
        shape = [d.dim_value if d.HasField("dim_value") else (1 if at == 0 else 32) for at, d in enumerate(kind.shape.dim)]
        if kind.elem_type in FLOATS:
            array = random.random(shape) if uniform else random.standard_normal(shape)
            found[value.name] = array.astype(dtype(kind.elem_type))
        elif kind.elem_type == TensorProto.BOOL:
            found[value.name] = numpy.ones(shape, bool)
        else:
            found[value.name] = numpy.ones(shape, helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return found


def session(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def inference():
    """The evaluator's own BatchNormalization trains where `momentum` has its default."""
    from onnx.reference.op_run import OpRun

    class BatchNormalization(OpRun):
        op_domain = ""

        def _run(self, x, scale, bias, mean, variance, epsilon=None, **_):
            epsilon = float(numpy.float32(1e-5 if epsilon is None else epsilon))
            shape = (-1,) + (1,) * (x.ndim - 2)
            scale, bias, mean, variance = (a.reshape(shape) for a in (scale, bias, mean, variance))
            return ((x - mean) / numpy.sqrt(variance + epsilon) * scale + bias,)

    return BatchNormalization


def outputs(model, given, exact):
    if exact:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(model, new_ops=[inference()]).run(None, given)
    return session(model).run(None, given)


def farthest(one, two):
    """For each output the largest difference; infinite where there is none to take."""
    with numpy.errstate(all="ignore"):
        return [
            float("inf") if a.shape != b.shape else float(numpy.max(numpy.where((a == b) | (numpy.isnan(a) & numpy.isnan(b)), 0, abs(a - b)), initial=0))
            for a, b in ((numpy.asarray(a, numpy.float64), numpy.asarray(b, numpy.float64)) for a, b in zip(one, two))
        ]


def same_outputs(before, after, units, exact):
    """Whether both models compute the same within what dithered parameters do; a text if they cannot be run."""
    # The evaluator's transposed convolution in groups is not ONNX's.
    exact = exact and not any(n.op_type == "ConvTranspose" and attribute(n, "group", 1) > 1 for n in before.graph.node)
    element = TensorProto.DOUBLE if exact else TensorProto.FLOAT
    if any(n.op_type == "BatchNormalization" and not infers(before.opset_import, n) for n in before.graph.node):
        return "a BatchNormalization in training form"
    try:
        first, second = widened(before, element), widened(after, element)
        given = feeds(first, 1)
        reference, found = outputs(first, given, exact), outputs(second, given, exact)
        units = max(units, 0.0 if exact else 2.0**-24)
        noise = [farthest(reference, outputs(dithered(first, 8 * units, seed), given, exact)) for seed in (1, 2, 3)]
    except Exception as e:  # Evaluators fall in many ways; then constants alone decide.
        return f"{type(e).__name__}: {str(e)[:100]}"
    apart = farthest(reference, found)
    return all(a <= 4 * max(n) + 1e-300 or not numpy.isfinite(max(n)) for a, *n in zip(apart, *noise))


# -------------------------------------------------------------------------------------------------------------------- folding


def in_process(call, seconds):
    """Runs a call in a child; None if all is well, else what happened."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            call()
            code = 0
        except BaseException as e:
            os.write(writer, f"{type(e).__name__}: {str(e)[:300]}".encode())
        os._exit(code)
    os.close(writer)
    end = time.monotonic() + seconds
    status = None
    while status is None and time.monotonic() < end:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            status = code
        else:
            time.sleep(0.01)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    if status is None:
        return "time limit"
    return None if status == 0 else said or f"ended by {status}"


def model_type(model):
    """The type of most weights."""
    count = collections.Counter()
    for tensor in model.graph.initializer:
        if tensor.data_type in FLOATS:
            count[tensor.data_type] += int(numpy.prod(tensor.dims))
    return count.most_common(1)[0][0] if count else TensorProto.FLOAT


def foreign_domain(model):
    return sorted({n.domain for n in model.graph.node} - {"", "ai.onnx", "ai.onnx.ml"} - {f.domain for f in model.functions})


def casts(graph):
    return sum(n.op_type == "Cast" and n.input[0] not in graph.stored for n in graph.nodes)


def well_typed(model):
    try:
        onnx.checker.check_model(model, full_check=True)
        return True
    except Exception:
        return False


def maps(model):
    return sum(n.op_type == "BatchNormalization" for n in model.graph.node)


def judged(task):
    """One model by one tool: what came of it."""
    name, source, tool, options = task
    record = {"model": name, "tool": tool}
    before = onnx.load(source)
    record["type"] = TYPES[model_type(before)]
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "folded.onnx")
        if tool == "bnfold":
            ran = subprocess.run([options.bnfold, "fold", "--no-verify", "-q", source, "-o", target], capture_output=True, text=True, check=False)
            error = None if ran.returncode == 0 else ran.stderr.strip()[:300]
        else:
            error = in_process(lambda: compare_tools.TOOLS[tool][1](source, target), options.seconds)
        if error or not os.path.exists(target):
            return {**record, "result": "tool fails", "why": error}
        try:
            after = onnx.load(target)
            onnx.checker.check_model(after, full_check=well_typed(before))
            record["domains"] = foreign_domain(after)
            if record["domains"] and record["domains"] != foreign_domain(before):
                return {**record, "result": "other operators"}
            first, second = Graph(before), Graph(after)
            if casts(second) > casts(first):
                return {**record, "result": "computes in another type"}
            record["gone"] = maps(before) - maps(after)
            record["constants"], record["wrong"] = same_constants(first, second, tool == "bnfold")
        except Exception as e:
            return {**record, "result": "invalid", "why": f"{type(e).__name__}: {str(e)[:200]}"}
        if record["gone"] <= 0 and record["constants"] == 0:
            return {**record, "result": "nothing folded"}
        record["run"] = same_outputs(before, after, FLOATS[model_type(before)], options.exact(name))
        # Our own folds also move maps past activations, where the constants of one node say nothing: then runs alone decide.
        moved = tool == "bnfold" and record["run"] is True
        is_right = (moved or not record["wrong"]) and record["run"] is not False and (record["run"] is True or record["constants"] > 0)
        record["right"] = is_right
        words = [options.bnfold, "verify", source, target, "--format", "json", *(["--exact"] if tool == "bnfold" else [])]
        start = time.monotonic()
        try:
            ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
            verdict = json.loads(ran.stdout)["verdict"]
        except (subprocess.TimeoutExpired, ValueError, KeyError) as e:
            return {**record, "result": "no verdict", "why": str(e)[:200]}
        record["seconds"] = time.monotonic() - start
        record.update(measured(verdict))
        record["result"] = verdict["outcome"]
        if options.keep and is_right and record["type"] == "float":
            place = os.path.join(options.keep, name.replace("/", "_"))
            os.makedirs(place, exist_ok=True)
            shutil.copy(target, os.path.join(place, f"right_{tool.replace(' ', '-').replace(',', '')}.onnx"))
            onnx.save(before, os.path.join(place, "before.onnx"))
        return record


def measured(verdict):
    """Numbers of a verdict: shares of limits by layer, and what is said of the sites."""
    counts = collections.Counter(site["outcome"] for site in verdict["sites"])
    worst = collections.defaultdict(float)
    for site in verdict["sites"]:
        certificate, alone = site.get("certificate") or {}, site.get("alone") or {}
        numbers = {"relay": site.get("worst"), **{k: certificate.get(k) for k in ("worst", "once", "units", "shift_units", "ulp")}}
        numbers.update({k: alone.get(k) for k in ("zeros", "dense", "impulses", "control")})
        for key, number in numbers.items():
            worst[key] = max(worst[key], number or 0.0)
    why = [f"{s['value']}: {s['reason']}" for s in verdict["sites"] if s["outcome"] in ("differs", "not-judged")]
    why += [f"{d['place']}: {d['what']}" for d in verdict["differences"]]
    ran = verdict["execution"]
    not_run = ran["not-run"]["reason"] if isinstance(ran, dict) and "not-run" in ran else None
    return {"sites": counts, "worst": worst, "why": why, "not_run": not_run, "once": verdict.get("rounded_once")}


# --------------------------------------------------------------------------------------------------------------------- tables


def table(records):
    rows = collections.defaultdict(collections.Counter)
    shares = collections.defaultdict(lambda: collections.defaultdict(float))
    for r in records:
        row, key = rows[r["tool"], r["type"]], (r["tool"], r["type"])
        if not r.get("right"):
            row["not right" if r.get("right") is False else r["result"]] += 1
            row["wrong refused"] += r.get("right") is False and r["result"] == "differs"
            continue
        row["models"] += 1
        sites = r.get("sites", {})
        row["folds"] += sum(sites.values())
        row["accepted"] += sites.get("equal-within-rounding", 0)
        row["false alarms"] += r["result"] == "differs"
        row["unjudged"] += sites.get("not-judged", 0)
        row["gone"] += max(r["gone"], r["constants"])
        for layer, share in r.get("worst", {}).items():
            shares[key][layer] = max(shares[key][layer], share)
    columns = ["models", "gone", "folds", "accepted", "false alarms", "unjudged", "not right"]
    lines = [
        "| tool | type | models | maps gone | sites | accepted | models refused | sites unjudged | models not right | constants | u | u·K | zeros | dense | impulses | relay |",
        "| --- " * 16 + "|",
    ]
    total = collections.Counter()
    for key in sorted(rows):
        total.update(rows[key])
        numbers = [str(rows[key][c]) for c in columns]
        worst = [f"{shares[key][k]:.3f}" for k in ("worst", "units", "shift_units", "zeros", "dense", "impulses", "relay")]
        lines.append("| " + " | ".join([*key, *numbers, *worst]) + " |")
    lines.append("| all | | " + " | ".join(str(total[c]) for c in columns) + " | " * 7 + "|")
    others = {k: v for k, v in total.items() if k not in columns}
    return "\n".join(lines) + f"\n\nothers, in models: {others}"


# ----------------------------------------------------------------------------------------------------------------- tolerances

CRITERIA = {
    "onnxsim `check_n`": lambda a, b: close(a, b, 1e-5, 1e-4),
    "Polygraphy default": lambda a, b: either(a, b, 1e-5, 1e-5),
    "allclose 1e-3": lambda a, b: close(a, b, 1e-3, 1e-3),
    "allclose 1e-4": lambda a, b: close(a, b, 1e-4, 1e-4),
    "allclose 1e-5": lambda a, b: close(a, b, 1e-5, 1e-5),
    "tract `Approximate`": lambda a, b: close(a, b, 1e-4, 5e-4),
    "tract `Close`": lambda a, b: close(a, b, 1e-7, 1e-7),
}


def close(a, b, absolute, relative):
    return bool(numpy.allclose(b, a, rtol=relative, atol=absolute, equal_nan=True))


def either(a, b, absolute, relative):
    with numpy.errstate(all="ignore"):
        apart = abs(a - b)
        return bool(((apart <= absolute) | (apart <= relative * abs(a)) | (a == b) | (numpy.isnan(a) & numpy.isnan(b))).all())


def tolerated(folder):
    """For the right and the wrong folds of one model: how many, and how many each criterion takes."""
    counts = {"right": collections.Counter(), "wrong": collections.Counter()}
    before = onnx.load(os.path.join(folder, "before.onnx"))
    if any(i.type.tensor_type.elem_type != TensorProto.FLOAT for i in before.graph.input) or model_type(before) != TensorProto.FLOAT:
        return counts
    given = [feeds(before, seed, seed == 3) for seed in (1, 2, 3)]
    first = session(before)
    expected = [first.run(None, one) for one in given]
    for path in sorted(glob.glob(os.path.join(folder, "right*.onnx")) + glob.glob(os.path.join(folder, "wrong_*.onnx"))):
        count = counts[os.path.basename(path)[:5]]
        count["all"] += 1
        try:
            second = session(onnx.load(path))
            found = [second.run(None, one) for one in given]
        except Exception:
            continue  # What cannot be run is refused by all.
        for name, takes in CRITERIA.items():
            pairs = [(a, b) for one, two in zip(expected, found) for a, b in zip(one, two)]
            count[name] += all(a.shape == b.shape and takes(a, b) for a, b in pairs)
    return counts


def tolerances(folders, jobs):
    places = [p for folder in folders for p in sorted(glob.glob(os.path.join(folder, "*"))) if os.path.exists(os.path.join(p, "before.onnx"))]
    total = {"right": collections.Counter(), "wrong": collections.Counter()}
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for counts in pool.imap_unordered(tolerated, places, chunksize=8):
            for kind, count in counts.items():
                total[kind].update(count)
    right, wrong = total["right"], total["wrong"]
    print(f"{right['all']} right folds, {wrong['all']} faulty ones\n")
    print("| criterion | right folds refused, % | faults passed, % |\n| --- | --- | --- |")
    for name in CRITERIA:
        refused, passed = 1 - right[name] / max(1, right["all"]), wrong[name] / max(1, wrong["all"])
        print(f"| {name} | {100 * refused:.1f} | {100 * passed:.1f} |")


# ----------------------------------------------------------------------------------------------------------------------- main


def sources(arguments, folder):
    """Name, path."""
    for index in range(arguments.first, arguments.first + arguments.nets):
        path = os.path.join(folder, f"net_{index}.onnx")
        onnx.save(generated(index), path)
        yield f"net_{index}", path
    for kind, place in (("pattern", arguments.patterns), ("model", arguments.corpus)):
        for path in sorted(glob.glob(os.path.join(place, "*.onnx"))) if place else []:
            if os.path.getsize(path) <= arguments.megabytes * 2**20:
                yield f"{kind}/{os.path.basename(path)[:-5]}", path


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bnfold", default="target/release/bnfold")
    p.add_argument("--nets", type=int, default=0, help="how many nets are generated")
    p.add_argument("--first", type=int, default=0, help="the number of the first of them")
    p.add_argument("--patterns", help="a folder of small models of one idea each")
    p.add_argument("--corpus", help="a folder of models")
    p.add_argument("--megabytes", type=float, default=20, help="the largest model that is taken from a folder")
    p.add_argument("--tools", nargs="*", default=["bnfold", *compare_tools.TOOLS])
    p.add_argument("--seconds", type=float, default=120, help="how long a tool may take")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--record", default="right_folds.jsonl", help="what came of each model and tool; what is there is not done again")
    p.add_argument("--keep", help="a folder for right folds in float, for --tolerances")
    p.add_argument("--tolerances", nargs="+", metavar="FOLDER", help="measures the tolerances in use on such folders")
    a = p.parse_args()
    if a.tolerances:
        return tolerances(a.tolerances, a.jobs)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("ignore")
    import onnxoptimizer, onnxruntime, onnxscript.optimizer, onnxscript.rewriter, onnxsim, onnxslim  # noqa: E401, F401 (once, for all children)

    a.exact = is_exact
    records = []
    if os.path.exists(a.record):
        with open(a.record) as file:
            records = [json.loads(line) for line in file]
    done = {(r["model"], r["tool"]) for r in records}
    with tempfile.TemporaryDirectory() as folder, open(a.record, "a") as file:
        tasks = [(name, path, tool, a) for name, path in sources(a, folder) for tool in a.tools if (name, tool) not in done]
        with multiprocessing.get_context("fork").Pool(a.jobs, maxtasksperchild=50) as pool:
            for record in pool.imap_unordered(judged, tasks):
                records.append(record)
                file.write(json.dumps(record) + "\n")
                file.flush()
                if record.get("right") and record["result"] not in ("equal", "equal-within-rounding"):
                    print(record["model"], record["tool"], record["result"], record["why"][:2], record.get("not_run") or "", file=sys.stderr)
    print(table(records))


def is_exact(name):
    """Whether a model is small enough for a float64 evaluation in Python."""
    return not name.startswith("model/")


if __name__ == "__main__":
    main()
