#!/usr/bin/env bash
# onnx 1.23.2 and onnxruntime 1.32.0: a model that imports the standard operators twice, in two versions, passes the checker with
# `full_check`, and onnxruntime takes the version that stands last. The same model with the two lines exchanged computes something
# else (Softmax 12 and 13), and nobody says a word. Whoever reads the first import judges another model than is run.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper

def run(*versions):
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 3])
    graph = helper.make_graph([helper.make_node("Softmax", ["x"], ["y"], axis=1)], "net", [value("x")], [value("y")])
    imports = [helper.make_opsetid("", version) for version in versions]
    model = helper.make_model(graph, opset_imports=imports, ir_version=7)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.arange(6, dtype=np.float32).reshape(1, 2, 3)})[0]

print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
old, new = run(12), run(13)
assert not np.allclose(old, new)
for versions, expected in ((12, 13), new), ((13, 12), old):
    found = run(*versions)
    print("imports", versions, "->", found.ravel().round(4))
    assert np.array_equal(found, expected)
P
venv/bin/python show.py
