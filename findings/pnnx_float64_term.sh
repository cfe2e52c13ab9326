#!/usr/bin/env bash
# pnnx 20261020, the converter of ncnn (ncnn 1.0.20261020 runs the result; onnx 1.23.2 builds the model, numpy says what is right): of
# a MatMul with an Add behind it, both of float64, it writes the weight as float32 and the term as the float64 that it is, eight
# bytes a number; the layer reads four. It says nothing. The same model in float32 is right. Seen: a file of 244 bytes in place of
# 224, results that are off by 3.1.
# Ends with 0 as long as that is so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q onnx==1.23.2 numpy
# pnnx is a program and needs no PyTorch to read ONNX, which pip would install with it.
venv/bin/pip install -q --no-deps ncnn==1.0.20261020 pnnx==20261020
cat > show.py <<'P'
import importlib.util
import os
import subprocess

import ncnn, numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
W, B, X = rng.standard_normal((8, 6)), rng.standard_normal(6), rng.standard_normal((5, 8))
program = os.path.join(os.path.dirname(importlib.util.find_spec("pnnx").origin), "pnnx")


def convert_and_run(kind, number):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["p"]), helper.make_node("Add", ["p", "B"], ["y"])], "product",
        [helper.make_tensor_value_info("x", kind, [5, 8])], [helper.make_tensor_value_info("y", kind, [5, 6])],
        [numpy_helper.from_array(value.astype(number), name) for name, value in (("W", W), ("B", B))])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "product.onnx")
    told = subprocess.run([program, "product.onnx", "fp16=0"], capture_output=True, text=True)
    assert os.path.exists("product.ncnn.bin"), told.stdout + told.stderr
    net = ncnn.Net()
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, option, False)
    assert net.load_param("product.ncnn.param") == 0 and net.load_model("product.ncnn.bin") == 0
    with net.create_extractor() as extractor:
        extractor.input("in0", ncnn.Mat(X.astype(np.float32)).clone())
        failed, value = extractor.extract("out0")
        assert failed == 0
        off = np.abs(np.array(value, np.float64).reshape(5, 6) - (X @ W + B)).max()
    size = os.path.getsize("product.ncnn.bin")
    print(helper.tensor_dtype_to_np_dtype(kind), size, "bytes, off by", off)
    os.remove("product.ncnn.bin")
    return size, off


size, off = convert_and_run(TensorProto.FLOAT, np.float32)
assert off < 1e-4
wide, wrong = convert_and_run(TensorProto.DOUBLE, np.float64)
assert wide > size and not wrong < 1
P
venv/bin/python show.py
