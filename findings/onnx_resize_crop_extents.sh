#!/usr/bin/env bash
# onnx 1.23.2 and onnxruntime 1.32.0: the text of Resize says for every mode that an output has floor(input * (roi_end -
# roi_start) * scale) elements along an axis. In mode tf_crop_and_resize with scales, onnxruntime, the reference evaluator of onnx
# and its shape inference leave the region out: half of a 4 x 4 image, twice as large, comes out as 8 x 8 and not as 4 x 4.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0 numpy
cat > show.py <<'P'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

assert "floor(input_dimension * (roi_end - roi_start) * scale)" in defs.get_schema("Resize", 19).doc
roi = np.array([0, 0, 0.25, 0.25, 1, 1, 0.75, 0.75], dtype=np.float32)
scales = np.array([1, 1, 2, 2], dtype=np.float32)
node = helper.make_node("Resize", ["x", "roi", "scales"], ["y"], mode="linear", coordinate_transformation_mode="tf_crop_and_resize")
graph = helper.make_graph(
    [node], "crop",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 4, 4])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["a", "b", "c", "d"])],
    [numpy_helper.from_array(roi, "roi"), numpy_helper.from_array(scales, "scales")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
onnx.checker.check_model(model, full_check=True)
x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
ran = session.run(None, {"x": x})[0].shape
referred = ReferenceEvaluator(model).run(None, {"x": x})[0].shape
del model.graph.output[0].type.tensor_type.shape.dim[:]
model.graph.output[0].type.tensor_type.ClearField("shape")
dims = shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim
inferred = tuple(dim.dim_value for dim in dims)
print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__)
print("text: (1, 1, 4, 4); onnxruntime:", ran, "reference:", referred, "inferred:", inferred)
assert ran == referred == inferred == (1, 1, 8, 8)
P
venv/bin/python show.py
