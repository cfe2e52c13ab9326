#!/usr/bin/env bash
# onnx 1.23.2, onnx.reference.ReferenceEvaluator: LSTM does not read `activations`, `clip` and `input_forget`; the result is that of
# the node without the attribute, and nothing is raised. Whoever takes this evaluator for the judge of an LSTM with them is misled.
# Compared with onnxruntime 1.32.0, which reads them. Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

def run(**attributes):
    numbers = np.random.default_rng(0)
    draw = lambda *shape: numbers.standard_normal(shape).astype(np.float32)
    x, constants = draw(3, 1, 2), {"W": draw(1, 8, 2), "R": draw(1, 8, 2)}
    graph = helper.make_graph(
        [helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=2, **attributes)], "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 1, 1, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return ReferenceEvaluator(model).run(None, {"x": x})[0], session.run(None, {"x": x})[0]

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
plain, right = run()
assert np.allclose(plain, right, atol=1e-6)
for attributes in ({"activations": ["Sigmoid", "Relu", "Tanh"]}, {"clip": 0.1}, {"input_forget": 1}):
    found, right = run(**attributes)
    print(attributes, "off by", abs(found - right).max(), "as without it:", np.array_equal(found, plain))
    assert np.array_equal(found, plain) and abs(found - right).max() > 1e-3
P
venv/bin/python show.py
