#!/usr/bin/env bash
# MNN 3.6.1 (onnx 1.23.2 builds the model, onnxruntime 1.32.0 and numpy say what is right): its converter takes an Add of one
# constant per channel that stands behind Conv and Relu into the bias of the Conv, in front of the Relu: relu(conv(x)) + k is
# computed as relu(conv(x) + k), without a warning. Without the Relu the same Add is right. Seen: off by 1.04, and equal to
# relu(conv(x) + k) within 4e-7.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q MNN==3.6.1 onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import subprocess

import MNN, numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)
W, B, K, X = draw(4, 3, 1, 1), draw(4), draw(1, 4, 1, 1), draw(1, 3, 5, 5)


def convert_and_run(with_relu):
    nodes = [helper.make_node("Conv", ["x", "W", "B"], ["c"])]
    nodes += [helper.make_node("Relu", ["c"], ["r"])] * with_relu
    nodes += [helper.make_node("Add", ["r" if with_relu else "c", "K"], ["y"])]
    graph = helper.make_graph(
        nodes, "add",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 5, 5])],
        [numpy_helper.from_array(value, name) for name, value in (("W", W), ("B", B), ("K", K))])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "add.onnx")
    right = onnxruntime.InferenceSession("add.onnx").run(None, {"x": X})[0]
    words = ["-f", "ONNX", "--modelFile", "add.onnx", "--MNNModel", "add.mnn", "--bizCode", "b"]
    subprocess.run(["venv/bin/mnnconvert", *words], check=True, stdout=subprocess.DEVNULL)
    net = MNN.nn.load_module_from_file("add.mnn", ["x"], ["y"])
    answer = net.forward([MNN.expr.const(X, [1, 3, 5, 5], MNN.expr.NCHW)])[0]
    return right, np.array(MNN.expr.convert(answer, MNN.expr.NCHW).read()).reshape(1, 4, 5, 5)


right, found = convert_and_run(False)
print("Conv, Add: off by", np.abs(found - right).max())
assert np.abs(found - right).max() < 1e-5
right, found = convert_and_run(True)
inside = np.maximum(np.einsum("oi,nihw->nohw", W[:, :, 0, 0], X) + B[None, :, None, None] + K, 0)
print("Conv, Relu, Add: off by", np.abs(found - right).max(), "and from relu(conv + k) by", np.abs(found - inside).max())
assert np.abs(found - right).max() > 0.5 and np.abs(found - inside).max() < 1e-5
P
venv/bin/python show.py
