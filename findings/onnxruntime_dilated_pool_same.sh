#!/usr/bin/env bash
# onnxruntime 1.32.0 (onnx 1.23.2 and numpy beside it): a MaxPool or AveragePool with dilations and automatic pads (auto_pad SAME_UPPER
# or SAME_LOWER) pads as if its window were not dilated, so that the output is shorter than the input divided by the stride, which the
# operator's page and onnx's own shape inference say it is. It runs, and only warns of the shape, while a Conv with the same attributes
# is refused ("Dilation not supported"). Seen, for 5 elements, 2 taps and dilation 2: both pools give 4 elements in place of 5.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper, shape_inference

X = np.arange(5, dtype=np.float32).reshape(1, 1, 5)


def lengths(operator, mode):
    weight = [numpy_helper.from_array(np.ones((1, 1, 2), np.float32), "w")] if operator == "Conv" else []
    node = helper.make_node(operator, ["x", "w"][: 1 + len(weight)], ["y"], kernel_shape=[2], dilations=[2], auto_pad=mode)
    graph = helper.make_graph(
        [node], "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None])], weight)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    inferred = shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim[2].dim_value
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
    try:
        return inferred, session.run(None, {"x": X})[0].shape[2]
    except Exception as error:
        assert "Dilation not supported" in str(error)
        return inferred, None


for mode in ("SAME_UPPER", "SAME_LOWER"):
    for operator, wanted in (("MaxPool", (5, 4)), ("AveragePool", (5, 4)), ("Conv", (5, None))):
        seen = lengths(operator, mode)
        print(f"{operator} {mode}: {seen[0]} elements by shape inference, {seen[1]} as it runs")
        assert seen == wanted
P
venv/bin/python show.py
