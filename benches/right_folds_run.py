"""Whole models run on both sides of a fold, by other engines than the program's: for `right_folds.py` and `tolerances.py`."""
import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from right_folds_constants import AFFINE, FLOATS, LINEAR, attribute, infers


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
    # Constants that are stored in another type.
    wanted.update(node.input[0] for node in model.graph.node if node.op_type == "Cast" and node.output[0] in wanted)
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
