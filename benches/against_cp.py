#!/usr/bin/env python3
"""Times `bnfold fold --no-verify` against `cp` on models in which every weight is rescaled.

    pip install onnx numpy ml_dtypes
    cargo build --release
    python benches/against_cp.py target/release/bnfold [--megabytes 110] [--rounds 15] [--folder DIR] [--element float32]

Rounds are interleaved in random order, the page cache is warm, and the destination is removed before each run. Printed are
medians over the rounds: wall time and user+system time as ratios to `cp` in the same round, and the largest resident set.
"""
import argparse
import os
import random
import statistics
import subprocess
import sys
import time


def make(path, megabytes, element):
    """A chain of 3x3 convolutions without bias, each followed by BatchNormalization and Relu."""
    import ml_dtypes
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    # numpy has no bfloat16 of its own.
    stored = ml_dtypes.bfloat16 if element == "bfloat16" else element
    channels = 512 if megabytes >= 20 else 32
    width = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}[element]
    each = channels * channels * 9 * width / 1e6
    count = max(1, round(megabytes / each))
    rng = np.random.default_rng(1)
    block = (rng.standard_normal(channels * channels * 9) * 0.02).astype(stored).reshape(channels, channels, 3, 3)
    nodes, tensors, value = [], [], "x"
    for i in range(count):
        tensors.append(numpy_helper.from_array(np.roll(block, i), f"w{i}"))
        for name, low, high in (("s", 0.5, 1.5), ("b", -0.5, 0.5), ("m", -0.5, 0.5), ("v", 0.5, 1.5)):
            tensors.append(numpy_helper.from_array(rng.uniform(low, high, channels).astype(stored), f"{name}{i}"))
        nodes.append(helper.make_node("Conv", [value, f"w{i}"], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("BatchNormalization", [f"c{i}", f"s{i}", f"b{i}", f"m{i}", f"v{i}"], [f"n{i}"]))
        nodes.append(helper.make_node("Relu", [f"n{i}"], [f"r{i}"]))
        value = f"r{i}"
    kinds = {"float64": "DOUBLE", "float32": "FLOAT", "float16": "FLOAT16", "bfloat16": "BFLOAT16"}
    kind = TensorProto.DataType.Value(kinds[element])
    x = helper.make_tensor_value_info("x", kind, [1, channels, 8, 8])
    y = helper.make_tensor_value_info(value, kind, [1, channels, 8, 8])
    graph = helper.make_graph(nodes, "chain", [x], [y], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return count


def run(command):
    """Wall seconds, user+system seconds, largest resident set in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bnfold")
    p.add_argument("--megabytes", type=float, default=110)
    p.add_argument("--rounds", type=int, default=15)
    p.add_argument("--folder", default="target/bench")
    p.add_argument("--element", default="float32", choices=["float64", "float32", "float16", "bfloat16"])
    a = p.parse_args()
    os.makedirs(a.folder, exist_ok=True)
    source = os.path.join(a.folder, f"chain-{a.megabytes:g}-{a.element}.onnx")
    if not os.path.exists(source):
        make(source, a.megabytes, a.element)
    commands = {
        "cp": ["cp", source, os.path.join(a.folder, "copy.onnx")],
        "cp again": ["cp", source, os.path.join(a.folder, "again.onnx")],
        "fold": [a.bnfold, "fold", "--no-verify", "-q", source, "-o", os.path.join(a.folder, "folded.onnx")],
    }
    rounds = {name: [] for name in commands}
    for number in range(a.rounds + 1):
        names = list(commands)
        random.shuffle(names)
        for name in names:
            target = commands[name][-1]
            if os.path.exists(target):
                os.unlink(target)
            measured = run(commands[name])
            if number:
                rounds[name].append(measured)
    size = os.path.getsize(source) / 1e6
    print(f"{size:.1f} MB, {a.element}, every weight rescaled, {a.rounds} interleaved rounds, medians")
    for name, found in rounds.items():
        wall = statistics.median(m[0] / c[0] for m, c in zip(found, rounds["cp"]))
        cpu = statistics.median(m[1] / max(c[1], 1e-9) for m, c in zip(found, rounds["cp"]))
        own = statistics.median(m[1] for m in found) * 1e3
        print(f"{name:9} wall {wall:5.2f} x cp   cpu {cpu:5.2f} x cp   cpu {own:7.2f} ms   resident at most {max(m[2] for m in found):6.1f} MiB")


if __name__ == "__main__":
    main()
