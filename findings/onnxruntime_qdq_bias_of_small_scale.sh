#!/usr/bin/env bash
# onnxruntime 1.32.0 (onnx 1.23.2 builds the model): a Conv with quantised input and weights (QuantizeLinear, DequantizeLinear) and
# a float bias. From ORT_ENABLE_BASIC on the bias is stored as int32 in units of input scale times weight scale; where that does
# not fit, because the scale of one channel is small, the bias of that channel becomes 0, without a warning. Without optimisations
# the same model is right. Seen: [1.01, 0.0] where [1.01, 1.0] is right, at a weight scale of 1e-8.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import numpy as np, onnx, onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

X = np.full((1, 2, 3, 3), 0.5, np.float32)


def run(scale, level):
    constants = {
        "x_scale": np.float32(0.01), "x_zero": np.uint8(0), "W": np.ones((2, 2, 1, 1), np.int8),
        "w_scale": np.array([0.01, scale], np.float32), "w_zero": np.zeros(2, np.int8), "B": np.ones(2, np.float32),
        "y_scale": np.float32(0.01), "y_zero": np.uint8(0)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["W", "w_scale", "w_zero"], ["wd"], axis=0),
        helper.make_node("Conv", ["xd", "wd", "B"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "y_scale", "y_zero"], ["cq"]),
        helper.make_node("DequantizeLinear", ["cq", "y_scale", "y_zero"], ["y"])]
    graph = helper.make_graph(
        nodes, "qdq",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 3, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 3, 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    return ort.InferenceSession(model.SerializeToString(), options).run(None, {"x": X})[0][0, :, 0, 0].astype(float).round(3).tolist()


print("onnxruntime", ort.__version__)
for scale, optimised in ((1e-6, [1.01, 1.0]), (1e-8, [1.01, 0.0])):
    off = run(scale, ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    basic = run(scale, ort.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    print("weight scale", scale, "without optimisations:", off, "basic:", basic)
    assert off == [1.01, 1.0] and basic == optimised
P
venv/bin/python show.py
