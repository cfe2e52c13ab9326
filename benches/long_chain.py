#!/usr/bin/env python3
"""Times `inspect` of chains of Conv, BatchNormalization and Relu, each block with constants of its own, for two lengths.

    python benches/long_chain.py target/release/bnfold [--blocks 33333] [--rounds 5]

Prints the processor time of the best round for half of the blocks and for all of them, and their ratio. Needs onnx and numpy.
"""
import argparse
import os
import shutil
import subprocess
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


def chain(blocks, path, channels=8):
    """A chain of that many blocks on [N, 8, 4, 4] with kernels of one tap."""
    random = np.random.default_rng(0)
    nodes, constants, value = [], [], "x"

    def constant(name, array):
        constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    for i in range(blocks):
        weight = constant(f"w{i}", random.normal(0, 0.3, (channels, channels, 1, 1)))
        statistics = [constant(f"{name}{i}", random.uniform(0.5, 1.5, channels)) for name in ("s", "b", "m", "v")]
        nodes.append(helper.make_node("Conv", [value, weight], [f"c{i}"], name=f"conv{i}"))
        nodes.append(helper.make_node("BatchNormalization", [f"c{i}", *statistics], [f"n{i}"], name=f"bn{i}"))
        value = f"r{i}"
        nodes.append(helper.make_node("Relu", [f"n{i}"], [value], name=f"relu{i}"))
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", channels, 4, 4]) for name in ("x", value)]
    graph = helper.make_graph(nodes, "chain", sides[:1], sides[1:], constants)
    save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)


def seconds(command):
    """User and system time of one run."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 3), command
    return used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--blocks", type=int, default=33333)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", help="writes the longer model here, too")
    given = parser.parse_args()
    lengths = [given.blocks // 2, given.blocks]
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f"{blocks}.onnx") for blocks in lengths]
        for blocks, path in zip(lengths, paths):
            chain(blocks, path)
        if given.keep and not os.path.exists(given.keep):
            shutil.copyfile(paths[1], given.keep)
        times = [min(seconds([given.program, "inspect", path]) for _ in range(given.rounds)) for path in paths]
    for blocks, time in zip(lengths, times):
        print(f"{3 * blocks} nodes: {time:.2f} s")
    print(f"twice the nodes: {times[1] / times[0]:.2f} times")


if __name__ == "__main__":
    main()
