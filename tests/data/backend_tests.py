"""Writes the ONNX project's own test data, as the Python package onnx ships it, into a folder.

python backend_tests.py OUT

Each case becomes OUT/NAME with model.onnx, tolerance.txt (relative, absolute) and, for each data
set k, k/input_I.pb and k/output_I.pb (TensorProto). Cases with inputs or outputs that are no
tensors of numbers are left out.
"""

import pathlib
import shutil
import sys
import warnings

import numpy
import onnx
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases


def tensor(value):
    """The TensorProto of an array or of a message that was serialised; None for anything else."""
    if isinstance(value, onnx.TensorProto):
        return value
    if not isinstance(value, (numpy.ndarray, numpy.generic)):
        return None
    array = numpy.asarray(value)
    return None if array.dtype.kind in "OUS" else numpy_helper.from_array(array)


def write_node_case(case, out):
    sets = [
        [[tensor(value) for value in values] for values in data] for data in case.data_sets
    ]
    if any(value is None for data in sets for values in data for value in values):
        return False
    folder = out / f"node_{case.name}"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    (folder / "tolerance.txt").write_text(f"{case.rtol} {case.atol}\n")
    for k, data in enumerate(sets):
        (folder / str(k)).mkdir()
        for kind, values in zip(("input", "output"), data):
            for i, value in enumerate(values):
                (folder / str(k) / f"{kind}_{i}.pb").write_bytes(value.SerializeToString())
    return True


def copy_model_case(source, out):
    folder = out / f"{source.parent.name}_{source.name}"
    folder.mkdir()
    shutil.copy(source / "model.onnx", folder)
    (folder / "tolerance.txt").write_text("1e-3 1e-7\n")
    for k, data in enumerate(sorted(source.glob("test_data_set_*"))):
        shutil.copytree(data, folder / str(k))


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True)
    warnings.simplefilter("ignore")
    cases = collect_testcases(None)
    written = sum(write_node_case(case, out) for case in cases)
    data = pathlib.Path(onnx.__file__).parent / "backend/test/data"
    for kind in ("pytorch-converted", "pytorch-operator", "simple"):
        for source in sorted((data / kind).iterdir()):
            if (source / "test_data_set_0").is_dir():
                copy_model_case(source, out)
                written += 1
    print(f"{written} cases in {out}")


main()
