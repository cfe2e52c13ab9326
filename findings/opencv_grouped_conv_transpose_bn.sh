#!/usr/bin/env bash
# OpenCV 4.14.0 (opencv-python-headless 4.14.0.94; onnx 1.23.2 builds the model, onnxruntime 1.32.0 says what is right): a
# BatchNormalization behind a ConvTranspose of more than one group gives wrong numbers in cv2.dnn; the ConvTranspose alone and one
# group with BatchNormalization are right. Seen: two groups off by 3.1, four by 4.3, where values reach about 20.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q opencv-python-headless==4.14.0.94 onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import cv2, numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
X = rng.standard_normal((1, 4, 5, 5)).astype(np.float32)


def off(group, normalised):
    constants = {"W": rng.standard_normal((4, 4 // group, 3, 3))}
    nodes = [helper.make_node("ConvTranspose", ["x", "W"], ["c" if normalised else "y"], group=group)]
    if normalised:
        constants |= {name: rng.uniform(0.5, 2, 4) for name in ("scale", "bias", "mean", "var")}
        nodes.append(helper.make_node("BatchNormalization", ["c", "scale", "bias", "mean", "var"], ["y"]))
    graph = helper.make_graph(
        nodes, "transposed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 7, 7])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    right = onnxruntime.InferenceSession(content).run(None, {"x": X})[0]
    net = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
    net.setInput(X)
    return np.abs(net.forward() - right).max()


print("OpenCV", cv2.__version__)
for group in (1, 2, 4):
    alone, both = off(group, False), off(group, True)
    print(group, "groups: ConvTranspose off by", alone, "with BatchNormalization by", both)
    assert alone < 1e-4 and (both < 1e-4) == (group == 1)
P
venv/bin/python show.py
