#!/usr/bin/env bash
# tract 0.23.9 (onnx 1.23.2 builds the model): a Pad of mode `reflect` or `edge` that also states its optional constant value, as
# several exporters write it, pads with that constant. The specification says that the constant is used in mode `constant` only.
# Without the third input the same node is right. Seen: [9 9 0 1 2 3 9 9] where [2 1 0 1 2 3 2 1] is right.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q tract==0.23.9 onnx==1.23.2 numpy
cat > show.py <<'P'
import numpy as np, onnx, tract
from onnx import TensorProto, helper, numpy_helper

def run(mode, with_constant):
    inputs = ["x", "pads"] + ["constant"] * with_constant
    constants = {"pads": np.array([0, 2, 0, 2]), "constant": np.float32(9)}
    graph = helper.make_graph(
        [helper.make_node("Pad", inputs, ["y"], mode=mode)], "pad",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [numpy_helper.from_array(constants[name], name) for name in inputs[1:]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, "pad.onnx")
    x = np.arange(4, dtype=np.float32).reshape(1, 4)
    return tract.onnx().load("pad.onnx").into_model().into_runnable().run([x])[0].to_numpy().ravel().tolist()

print("tract", tract.version())
for mode, right in (("reflect", [2, 1, 0, 1, 2, 3, 2, 1]), ("edge", [0, 0, 0, 1, 2, 3, 3, 3])):
    plain, stated = run(mode, False), run(mode, True)
    print(mode, "without a constant:", plain, "with one:", stated, "right:", right)
    assert plain == right and stated == [9, 9, 0, 1, 2, 3, 9, 9]
P
venv/bin/python show.py
