#!/usr/bin/env python3
"""Checks a certificate of bnfold without bnfold: Python, numpy and onnx only, written from docs/certificate.md.
    check_certificate.py CERTIFICATE [BEFORE AFTER]
Checked are the hashes of all files, the limits, that nothing differs outside of the folds, and the constants of every fold
whose form is known here: one Conv, ConvTranspose, Gemm or MatMul with BatchNormalization, Mul, Add, Sub and Div by constants
before or behind it. Nothing is run. Exit status: 0 if all of that holds, 1 if something does not, 2 for bad usage and files
that cannot be read, 3 if nothing that was looked at is wrong, but a fold or the models have a form that is not known here.
"""
import hashlib, json, os, pathlib, sys
import numpy as np, onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
# precision without the leading bit, smallest exponent, unit roundoff
TYPES = {11: (52, -1022, 2.0**-53), 1: (23, -126, 2.0**-24), 10: (10, -14, 2.0**-11), 16: (7, -126, 2.0**-8)}
BOTH = {"bias_magnitude": 2.0**-49, "bias_magnitude_of_doubles": 2.0**-60}
LIMITS = {"own": {"weight_ulp": 0.5001, "bias_ulp": 0.5001, "run_units": 1.001, **BOTH}, "foreign": {"weight_units": 8.0, "bias_units": 8.0, "run_units": 8.0, **BOTH}}
# What is exact, or rounded once from its inputs, is the same in every implementation.
EXACT = "Abs Add Cast Concat ConstantOfShape Div Expand Flatten Gather Identity Mul Neg Reciprocal Reshape Shape Slice Sqrt Squeeze Sub Tile Transpose Unsqueeze".split()
LINEAR, IDLE = ("Conv", "ConvTranspose", "Gemm", "MatMul"), {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}
class Wrong(Exception): """What the certificate says does not hold."""
class Unknown(Exception): """A form that is not known here."""
def demand(holds, what, error=Wrong):
    if not holds: raise error(what)
def unless(known, why): demand(known, why, Unknown)
def check_file(path, stated): demand(hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() == stated["sha256"], f"{path}: another hash")
def attribute(node, name, default=None): return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)
class Dequantised:
    """What DequantizeLinear makes of constants, exactly: (x - zero point) * scale."""
    def __init__(self, node, constants):
        x, scale, *zero = (numpy_helper.to_array(constants[name]) for name in node.input)
        self.data_type, self.dims, self.integers = constants[node.input[1]].data_type, x.shape, x.tobytes()
        axis, block = attribute(node, "axis", 1), attribute(node, "block_size", 0)
        def spread(array):
            wide, along = array.astype(np.float64), [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]
            return np.take(np.repeat(wide, block, axis), np.arange(x.shape[axis]), axis) if block else wide.reshape([1] * x.ndim if array.size == 1 else along)
        self.values = (x.astype(np.float64) - (spread(zero[0]) if zero else 0.0)) * spread(scale)
def nested(node): return [g for a in node.attribute for g in ([a.g] if a.type == 5 else a.graphs)]
def reads(node): return set(node.input).union(*({o.name for o in g.output}.union(*map(reads, g.node)) for g in nested(node)))
def evaluated(node, constants, opsets):
    """What a node makes of constants alone, or nothing."""
    inputs = {name: constants.get(name) for name in node.input if name}
    known = not node.domain and node.op_type in EXACT and all(isinstance(t, onnx.TensorProto) for t in inputs.values())
    if not known or not inputs or sum(np.prod(t.dims, dtype=float) for t in inputs.values()) > 2**25: return None
    kinds = [onnx.helper.make_tensor_value_info(n, t.data_type, list(t.dims)) for n, t in inputs.items()]
    graph = onnx.helper.make_graph([node], "g", kinds, [onnx.helper.make_empty_tensor_value_info(node.output[0])])
    try:
        run = ReferenceEvaluator(onnx.helper.make_model(graph, opset_imports=opsets)).run
        return numpy_helper.from_array(np.asarray(run(None, {n: numpy_helper.to_array(t) for n, t in inputs.items()})[0]))
    except Exception:  # an operator or opset that the package does not evaluate: it stays a node
        return None
class Model:
    def __init__(self, path, frozen):
        self.proto = onnx.load(path)
        graph, self.nodes = self.proto.graph, []
        # Before IR 4 every initializer is an input, and none can be overridden.
        inputs = set() if frozen or self.proto.ir_version < 4 else {i.name for i in graph.input}
        self.constants = {t.name: t for t in graph.initializer if t.name not in inputs}
        self.overridable = {t.name: t for t in graph.initializer if t.name in inputs}
        for node in graph.node:
            made = attribute(node, "value") if node.op_type == "Constant" else evaluated(node, self.constants, self.proto.opset_import)
            if node.op_type == "DequantizeLinear" and not node.domain and all(n in self.constants for n in node.input): made = Dequantised(node, self.constants)
            self.nodes.append(node) if made is None else self.constants.update({node.output[0]: made})
        # What nobody reads means nothing.
        needed = {o.name for o in graph.output}
        for node in reversed(self.nodes):
            needed |= reads(node) if needed & set(node.output) else set()
        self.nodes = [node for node in self.nodes if needed & set(node.output)]
        self.inputs = [i.SerializeToString(deterministic=True) for i in graph.input if i.name not in self.constants]
        self.outputs = [o.SerializeToString(deterministic=True) for o in graph.output]
    def values(self, name):
        tensor, made = self.constants[name], isinstance(self.constants[name], Dequantised)
        doubles = tensor.data_type == 11 and not made
        unless(not doubles or np.finfo(np.longdouble).nmant >= 63, "doubles, which need a numpy.longdouble of 64 bits")
        return (tensor.values if made else numpy_helper.to_array(tensor)).astype(np.longdouble if doubles else np.float64)
    def content(self, name):
        tensor = self.constants.get(name) or self.overridable.get(name)
        array = lambda: tensor.values if isinstance(tensor, Dequantised) else numpy_helper.to_array(tensor)
        return name if tensor is None else (tensor.data_type, tuple(tensor.dims), array().tobytes())
    def site(self, nodes):
        found = [node for wanted in [{tuple(n["outputs"]): n["operator"] for n in nodes}] for node in self.nodes if wanted.get(tuple(node.output)) == node.op_type]
        return found if len(found) == len([n for n in nodes if n["operator"] != "Constant"]) else None
def channels(array, axis, count):
    """A constant as one number per channel; the axis is counted from the end."""
    rank = max(array.ndim, axis + 1)
    array = array.reshape((1,) * (rank - array.ndim) + array.shape)
    unless(all(size == 1 for i, size in enumerate(array.shape) if i != rank - 1 - axis), "a constant that is not one number per channel")
    return np.broadcast_to(array.reshape(-1), (count,)).copy()
class Side:
    """A place in one file: y = scale * (weight applied to (inscale * x + inshift) + bias) + shift, with magnitudes."""
    def __init__(self, model, nodes):
        made, data = {n for node in nodes for n in node.output}, lambda node: [n for n in node.input if n and n not in model.constants]
        unless(all(len(data(node)) == 1 and not node.domain for node in nodes), "a node that reads more than one value")
        order, at = [], [node for node in nodes if data(node)[0] not in made]
        while at:
            unless(len(at) == 1, "more than one way")
            order += at
            at = [node for node in nodes if data(node)[0] == order[-1].output[0]]
        linear = [i for i, node in enumerate(order) if node.op_type in LINEAR]
        unless(len(order) == len(nodes) and len(linear) == 1, "not one linear node in a chain")
        self.input, self.output, self.model, self.node = data(order[0])[0], order[-1].output[0], model, order[linear[0]]
        self.read_linear()
        self.rest = [node.op_type for node in order if node is not self.node]
        self.before = self.maps(order[: linear[0]], self.sizes[0], self.axes[0])
        self.behind = self.maps(order[linear[0] + 1 :], self.sizes[1], self.axes[1])
    def read_linear(self):
        node, model = self.node, self.model
        unless(node.input[1] in model.constants, "a weight on the left")
        self.weight_name, self.weight = node.input[1], model.values(node.input[1])
        w, groups, kind = self.weight, attribute(node, "group", 1), node.op_type
        self.alpha, factor = (attribute(node, name, 1.0) if kind == "Gemm" else 1.0 for name in ("alpha", "beta"))
        self.axes = (w.ndim - 2,) * 2 if kind.startswith("Conv") else (0, 0)
        self.padded = any(attribute(node, "pads", [])) or attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
        if kind.startswith("Conv"):
            first, order = np.arange(w.shape[0])[:, None], 1 if kind == "Conv" else -1
            second = first // (w.shape[0] // groups) * w.shape[1] + np.arange(w.shape[1])
            self.sizes = (w.shape[1] * groups, w.shape[0])[::order]
            self.in_index, self.out_index = (second, np.broadcast_to(first, w.shape[:2]))[::order]
        else:
            unless(w.ndim == 2 and not attribute(node, "transA", 0), "a product of another form")
            rows, columns = np.indices(w.shape)
            turned = kind == "Gemm" and attribute(node, "transB", 0)
            self.out_index, self.in_index = (rows, columns) if turned else (columns, rows)
            self.sizes = (w.shape[1], w.shape[0]) if turned else w.shape
        given = len(node.input) > 2 and node.input[2]
        self.bias = factor * channels(model.values(node.input[2]), 0, self.sizes[1]) if given else np.zeros(self.sizes[1], w.dtype)
    def maps(self, nodes, count, axis):
        scale, shift, magnitude = np.ones(count), np.zeros(count), np.zeros(count)
        for node in nodes:
            if node.op_type in ("Identity", "Dropout") and len(node.input) == 1: continue
            if node.op_type == "BatchNormalization":
                g, b, m, v = (channels(self.model.values(n), 0, count) for n in node.input[1:5])
                s = g / np.sqrt(v + float(np.float32(attribute(node, "epsilon", 1e-5))))
                t, k = b - m * s, np.abs(m * s) + np.abs(b)
            else:
                unless(node.op_type in ("Mul", "Add", "Sub", "Div") and len(node.input) == 2, f"a {node.op_type}")
                left = node.input[0] in self.model.constants
                unless(not (node.op_type == "Div" and left), "a constant divided by a value")
                c, sign = channels(self.model.values(node.input[0 if left else 1]), axis, count), -1.0 if node.op_type == "Sub" and left else 1.0
                s = {"Mul": lambda: c, "Div": lambda: 1 / c}.get(node.op_type, lambda: np.full(count, sign))()
                t, k = {"Add": (c, np.abs(c)), "Sub": (-sign * c, np.abs(c))}.get(node.op_type, (np.zeros(count),) * 2)
            scale, shift, magnitude = s * scale, s * shift + t, np.abs(s) * magnitude + k
        return scale, shift, magnitude
    def spread(self, vector, index):
        return vector[index].reshape(index.shape + (1,) * (self.weight.ndim - 2))
    def exact(self):
        """Weight as stored, bias, and the magnitudes of the bias."""
        (si, ti, ki), (so, to, ko), bias, k = self.before, self.behind, self.bias.copy(), np.abs(self.bias)
        if np.any(ti) or np.any(ki):
            unless(not self.padded and self.node.op_type != "ConvTranspose", "a shift through a border")
            for total, w, t in ((bias, self.alpha * self.weight, ti), (k, np.abs(self.alpha * self.weight), ki)):
                np.add.at(total, self.out_index, (w * self.spread(t, self.in_index)).reshape(*self.out_index.shape, -1).sum(-1))
        weight = self.alpha * self.weight * self.spread(si, self.in_index) * self.spread(so, self.out_index)
        return weight, so * bias + to, np.abs(so) * k + ko
def check_site(site, tier, ours, theirs):
    # Other tools may say the same in other words, which is not known here.
    same, products = Wrong if tier == "own" else Unknown, {ours.node.op_type, theirs.node.op_type} <= {"Gemm", "MatMul"}
    demand(ours.input == theirs.input and (ours.node.op_type == theirs.node.op_type or products), "another input or operator", same)
    unless(set(theirs.rest) <= {"Add", "Identity"} and not np.any(theirs.before[1]), "maps left beside the linear node")
    first, second = ({a.name: str(a) for a in side.node.attribute if a.name not in ("alpha", "beta", "kernel_shape")} for side in (ours, theirs))
    demand(first == second or products, "other attributes", same)
    digits, lowest, unit = TYPES[(stored := theirs.model.constants[theirs.weight_name]).data_type]
    demand(site["rounding"]["unit"] == unit, "another unit roundoff")
    ulp = lambda a: np.ldexp(1.0, np.maximum(np.frexp(np.abs(a))[1] - 1, lowest) - digits)
    weight, bias, k = ours.exact()
    weight = (weight if np.array_equal(ours.out_index, theirs.out_index) else weight.T) / theirs.alpha
    demand(weight.shape == theirs.weight.shape, "another shape", same)
    found, shift = theirs.weight, theirs.bias + theirs.behind[1]
    # What is computed here, with 64 bits for doubles, is itself a little off.
    sum_of_k, loose = (2.0**-60 * k, 1e-2) if unit == 2.0**-53 else (2.0**-49 * k, 1e-4)
    tiny, terms = 2.0 ** (lowest - digits), weight.size / max(len(bias), 1)
    forward = 2 * np.sqrt(terms) if np.any(ours.before[2]) else 0.0
    quantised = [c.integers for c in ours.model.constants.values() if isinstance(c, Dequantised)]
    demand(not (shared := isinstance(stored, Dequantised)) or stored.integers in quantised, "quantised numbers that the first model has not")
    limits = (8 * unit * np.abs(weight) + tiny, (8 + forward) * unit * k + sum_of_k + tiny)
    if tier == "own":
        limits = (1.0002 * unit * np.abs(weight) if shared else 0.5001 * ulp(weight), 0.5001 * ulp(bias) + sum_of_k)
    shares = [np.abs(found - weight) / np.maximum(limits[0], 5e-324), np.abs(shift - bias) / np.maximum(limits[1], 5e-324)]
    demand(all(np.all(np.isfinite(s)) and s.max(initial=0) <= 1 + loose for s in shares), "constants are beyond their limits")
    demand(stated := site["certificate"], "no statement about its constants")
    here = {"worst": max(s.max(initial=0) for s in shares), "ulp": (np.abs(found - weight) / ulp(weight)).max(initial=0)}
    for key, value in here.items(): demand(value <= stated[key] * 1.001 + 100 * loose**2, f"{key} is {value}, stated as {stated[key]}")
    if (place := stated["place"]) is None or place["constant"] != theirs.weight_name and (len(place["index"]) != 1 or theirs.rest): return
    index, part = tuple(place["index"]), int(place["constant"] != theirs.weight_name)
    here = {"found": (found, shift)[part][index], "expected": (weight, bias)[part][index], "limit": limits[part][index]}
    for key, slack in (("found", 0.0), ("expected", 1e-9), ("limit", 1e-2)):
        demand(abs(place[key] - here[key]) <= slack * abs(here[key]), f"the {key} at {place['constant']}{list(index)} is {here[key]}, stated as {place[key]}")
def idle(model, node): return node.op_type in ("Identity", "Dropout", "Cast") or any(n in model.constants and np.all(model.values(n) == IDLE.get(node.op_type)) for n in node.input)
def check_rest(a, b, sites, renamed, inner, own, within):
    """Outside of our own folds all is as it was; other tools may say the same in other words, which is not known here."""
    same, inside = lambda holds, what: demand(holds, f"outside of the folds: {what}", Wrong if own else Unknown), {id(node) for pair in sites for side in pair for node in side}
    opsets, (ours, left) = zip(*((sorted((i.domain, i.version) for i in m.proto.opset_import), [n for n in m.nodes if id(n) not in inside]) for m in (a, b)))
    same(opsets[0] == opsets[1] and a.outputs == b.outputs and a.inputs == b.inputs, "other operator sets, inputs or outputs")
    for model, outside, hidden in zip((a, b), (ours, left), within):
        read = {o.name for o in model.proto.graph.output}.union(*map(reads, outside)) & hidden
        demand(not read, f"outside of the folds: {sorted(read)} is read, which a fold changes")
    theirs = {tuple(n.output): n for n in left}
    for node in ours:
        other, name = theirs.get(tuple(node.output)), node.output[0]
        # Constants of operators that are not evaluated here may have been computed.
        unless(other or node.domain or not all(n in a.constants for n in node.input), f"a {node.op_type} of constants")
        unless(other or not idle(a, node), f"a {node.op_type} that does nothing is gone")
        same(other is not None, f"the node that makes `{name}` is gone")
        first, second = [a.content(n) for n in node.input], [b.content(renamed.get(n, n)) for n in other.input]
        numbers = [x != y and isinstance(x, tuple) and isinstance(y, tuple) and x[:2] == y[:2] and x[0] in TYPES for x, y in zip(first, second)]
        demand(not any(numbers), f"{name}: other constants outside of the folds", Unknown if node.op_type == "DequantizeLinear" else Wrong)
        same(first == second, f"{name}: other inputs or constants")
        plain = lambda n: sorted(x.SerializeToString(deterministic=True) for x in n.attribute if not (inner and x.type in (5, 10)))
        same((node.op_type, node.domain, plain(node)) == (other.op_type, other.domain, plain(other)), f"{name}: another operator or other attributes")
    same(len(ours) == len(theirs), "another number of nodes outside of the folds")
def main(arguments):
    if (asked := arguments in (["--help"], ["-h"])) or len(arguments) not in (1, 3):
        return print(__doc__.strip(), file=sys.stdout if asked else sys.stderr) or 2 * (not asked)
    try:
        stated = json.loads(open(arguments[0], "rb").read())
        unless(stated["schema"] == "bnfold.certificate/2", f"the layout {stated['schema']}")
        return judge(stated, arguments[1:])
    except Unknown as why: return print(f"not checked: {why}") or 3
    except Wrong as why: return print(f"does not hold: {why}") or 1
    except (KeyError, OSError, TypeError, ValueError) as why:
        return print(f"error: {arguments[0]}: {type(why).__name__}: {why}", file=sys.stderr) or 2
def judge(stated, paths):
    paths = paths or [stated[side]["model"]["file"] for side in ("before", "after")]
    verdict, tier, claims = stated["verdict"], stated["verdict"]["tier"], stated["claims"]
    demand(stated["limits"] == {"tier": tier, **LIMITS[tier]}, "limits that are not those of the tier")
    demand(verdict["outcome"] in ("equal", "equal-within-rounding") and not verdict["differences"], "not equal")
    demand(all(s["outcome"] == "equal-within-rounding" for s in verdict["sites"]), "a fold that is not right")
    compared = [s["value"] for s in verdict["sites"] if s["certificate"] and not any("random" in n for n in s["certificate"]["notes"])]
    demand(sorted(claims["for_all_inputs"]) == sorted(compared), "folds claimed for all inputs whose constants were not compared")
    runs = verdict["execution"]["ran"]["inputs"] if isinstance(verdict["execution"], dict) and "ran" in verdict["execution"] else []
    demand(claims["sizes"] == runs, "sizes that are not those of the run")
    for path, side, file in [(p, side, file) for p, side in zip(paths, (stated["before"], stated["after"])) for file in [side["model"], *side["sides"]]]:
        check_file(path if file is side["model"] else os.path.join(os.path.dirname(path), file["file"]), file)
    a, b = (Model(path, stated["conditions"]["freeze_initializers"]) for path in paths)
    unless(not any(m.proto.functions or m.proto.graph.sparse_initializer for m in (a, b)), "models with functions or sparse constants")
    places = [(a.site(site["before"]), b.site(site["after"])) for site in verdict["sites"]]
    inner, unknown, renamed, hidden = any(None in pair for pair in places), [], {}, (set(), set())
    for site, pair in zip(verdict["sites"], places):
        try:
            unless(None not in pair, "in a nested graph, or among constants")
            ours, theirs = Side(a, pair[0]), Side(b, pair[1])
            renamed[theirs.output] = ours.output
            for within, side, nodes in zip(hidden, (ours, theirs), pair): within.update({n for node in nodes for n in node.output} - {side.output})
            check_site(site, tier, ours, theirs)
        except Unknown as why: unknown.append(f"  not recomputed: {site['value']}: {why}\n")
        except Wrong as why: raise Wrong(f"{site['value']}: {why}") from None
    check_rest(a, b, [pair for pair in places if None not in pair], renamed, inner, tier == "own", hidden)
    words = "not checked: some folds have a form that is not known here, all else holds" if unknown else "holds"
    return print(f"{words}: {len(places) - len(unknown)} of {len(places)} folds recomputed\n" + "".join(unknown), end="") or 3 * bool(unknown)
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
