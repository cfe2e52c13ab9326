#!/usr/bin/env bash
# tract 0.23.9 (onnx 1.23.2 builds the models): an LSTM, GRU or RNN with `direction = "reverse"` is run forward, and `clip` is not
# read, without a word: the result is bit for bit that of the node without the attribute. (`bidirectional` is read.)
# Compared with onnxruntime 1.32.0, which reads both. Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q tract==0.23.9 onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import numpy as np, onnx, onnxruntime, tract
from onnx import TensorProto, helper, numpy_helper

def run(operator, gates, **attributes):
    numbers = np.random.default_rng(0)
    draw = lambda *shape: numbers.standard_normal(shape).astype(np.float32)
    x, constants = draw(3, 1, 2), {"W": draw(1, 2 * gates, 2), "R": draw(1, 2 * gates, 2)}
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "W", "R"], ["y"], hidden_size=2, **attributes)], "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 1, 1, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "net.onnx")
    ours = tract.onnx().load("net.onnx").into_model().into_runnable().run([x])[0].to_numpy()
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    return ours, session.run(None, {"x": x})[0]

print("tract", tract.version(), "onnxruntime", onnxruntime.__version__)
for operator, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
    forward, right = run(operator, gates)
    assert np.allclose(forward, right, atol=1e-6)
    for attributes in ({"direction": "reverse"}, {"clip": 0.1}):
        found, right = run(operator, gates, **attributes)
        print(operator, attributes, "off by", abs(found - right).max(), "as without it:", np.array_equal(found, forward))
        assert np.array_equal(found, forward) and abs(found - right).max() > 1e-3
P
venv/bin/python show.py
