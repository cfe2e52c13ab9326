"""Models for the tests."""

import pathlib

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).parents[2]


def conv_batch_normalization(channels: int = 3, kernel: int = 3) -> onnx.ModelProto:
    """A convolution with a BatchNormalization behind it, which folds."""
    draw = numpy.random.default_rng(0)
    constants = {
        "W": draw.normal(size=(channels, channels, kernel, kernel)),
        "s": draw.uniform(0.5, 2, channels),
        "b": draw.normal(size=channels),
        "m": draw.normal(size=channels),
        "v": draw.uniform(0.5, 2, channels),
    }
    nodes = [
        helper.make_node("Conv", ["x", "W"], ["c"], "conv1", pads=[kernel // 2] * 4),
        helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["y"], "bn1"),
    ]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, 8, 8])
    tensors = [numpy_helper.from_array(array.astype(numpy.float32), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture
def proto() -> onnx.ModelProto:
    return conv_batch_normalization()


@pytest.fixture
def fixture() -> pathlib.Path:
    return ROOT / "fixtures" / "ppocr_cls.onnx"
