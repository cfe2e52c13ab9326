#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, its new engine (onnx 1.23.2 builds the model): a Conv with quantised input and weights
# (QuantizeLinear, DequantizeLinear) and a float bias is computed in whole numbers; where the scale of one channel's weights is
# small, that channel's bias is lost, without a warning. The classic engine is right.
# Seen: [1.01, 0.0] from the new engine where [1.01, 1.0] is right, at a weight scale of 1e-8; at 1e-6 both are right.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.2 opencv-python-headless==5.0.0.93 numpy
cat > show.py <<'P'
import cv2, numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper

X = np.full((1, 2, 3, 3), 0.5, np.float32)


def run(scale, engine):
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
    onnx.save(model, "qdq.onnx")
    net = cv2.dnn.readNetFromONNX("qdq.onnx", engine)
    net.setInput(X, "x")
    return net.forward()[0, :, 0, 0].astype(float).round(3).tolist()


print("OpenCV", cv2.__version__)
for scale in (1e-6, 1e-8):
    classic, new = run(scale, cv2.dnn.ENGINE_CLASSIC), run(scale, cv2.dnn.ENGINE_NEW)
    print("weight scale", scale, "classic engine:", classic, "new engine:", new)
    assert classic == [1.01, 1.0]
    assert (new == [1.01, 1.0]) == (scale == 1e-6)
P
venv/bin/python show.py
