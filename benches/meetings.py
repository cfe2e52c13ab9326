#!/usr/bin/env python3
"""Times `inspect` of graphs in which many maps meet at one node, each for some numbers of maps.

    python benches/meetings.py target/release/bnfold [--maps 160,320,640,1280] [--rounds 3]

`sum`: BatchNormalizations of one value in one Sum. `activated`: the same, each behind a Relu of its own, so that they stay. `concat`:
BatchNormalizations of one value in one Concat. `shared`: convolutions with one weight, each with BatchNormalization and Relu.
`doubled`: an Add of a value to itself, again and again. Prints the processor time of the best round. Needs onnx and numpy.
"""
import argparse
import os
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

from long_chain import seconds

CHANNELS = 4


class Builder:
    """A graph from `x` to `y` on [1, 4, 4, 4]."""

    def __init__(self):
        self.random, self.nodes, self.constants = np.random.default_rng(0), [], []

    def constant(self, array):
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def node(self, operator, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def normalized(self, value):
        return self.node("BatchNormalization", value, *(self.constant(self.random.uniform(0.5, 1.5, CHANNELS)) for _ in range(4)))

    def save(self, path, channels=CHANNELS):
        self.nodes[-1].output[0] = "y"
        sides = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, c, 4, 4]) for n, c in (("x", CHANNELS), ("y", channels))]
        graph = helper.make_graph(self.nodes, "meeting", sides[:1], sides[1:], self.constants)
        save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)


def meeting(kind, maps, path):
    """A graph of this kind."""
    graph = Builder()
    if kind == "shared":
        value, weight = "x", graph.constant(graph.random.normal(0, 0.3, (CHANNELS, CHANNELS, 1, 1)))
        for _ in range(maps):
            value = graph.node("Relu", graph.normalized(graph.node("Conv", value, weight)))
        return graph.save(path)
    if kind == "doubled":
        value = "x"
        for _ in range(maps):
            value = graph.node("Add", value, value)
        graph.normalized(value)
        return graph.save(path)
    values = [graph.node("Relu", "x") if kind == "activated" else "x" for _ in range(maps)]
    values = [graph.normalized(value) for value in values]
    if kind == "concat":
        graph.node("Concat", *values, axis=1)
        return graph.save(path, CHANNELS * maps)
    graph.node("Sum", *values)
    return graph.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--maps", default="160,320,640,1280")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("sum", "activated", "concat", "shared", "doubled"):
            times = []
            for maps in map(int, given.maps.split(",")):
                path = os.path.join(folder, f"{kind}_{maps}.onnx")
                meeting(kind, maps, path)
                times.append(min(seconds([given.program, "inspect", path]) for _ in range(given.rounds)))
            print(f"{kind:10}" + "".join(f"{time:8.2f} s" for time in times), flush=True)


if __name__ == "__main__":
    main()
