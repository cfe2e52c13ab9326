#!/usr/bin/env python3
"""How long models take before and after a fold, in tract (optimised) and in onnxruntime (optimisations off and all).

    pip install onnx onnxruntime numpy
    cargo build --release && cargo build --release --bench tract_latency
    python benches/latency.py MODEL... [--program target/release/bnfold] [--rounds 21] [--size 224] > table

Each engine has one thread. Rounds of both models are interleaved and take turns in going first; printed are medians: time before
the fold, and the median of the ratios after to before of each round. A model beside itself (`--same`) shows the noise.
"""
import argparse
import glob
import os
import statistics
import subprocess
import tempfile
import time

import numpy
import onnx
import onnxruntime

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("models", nargs="+")
parser.add_argument("--program", default="target/release/bnfold")
parser.add_argument("--rounds", type=int, default=21)
parser.add_argument("--size", type=int, default=224, help="of spatial axes without one")
parser.add_argument("--same", action="store_true", help="compare each model with itself")
arguments = parser.parse_args()
programs = [path for path in glob.glob("target/release/deps/tract_latency-*") if not path.endswith(".d")]
TRACT = max(programs, key=os.path.getmtime)


def shapes(path):
    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    size = lambda axis, dim: dim.dim_value or (1 if axis == 0 else arguments.size)
    return {i.name: [size(a, d) for a, d in enumerate(i.type.tensor_type.shape.dim)] for i in graph.input if i.name not in constants}


def tract(before, after, wanted):
    words = [f"{name}={'x'.join(map(str, dims))}" for name, dims in wanted.items()]
    answer = subprocess.run([TRACT, str(arguments.rounds), before, after, *words], capture_output=True, text=True)
    if answer.returncode:
        return None
    one, _, ratio = map(float, answer.stdout.split())
    return one, ratio


def ort(before, after, wanted, level):
    sessions = []
    for path in (before, after):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = level
        options.log_severity_level = 4
        sessions.append(onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]))
    random = numpy.random.default_rng(0)
    feeds = {name: random.standard_normal(dims, dtype=numpy.float32) for name, dims in wanted.items()}

    def seconds(session):
        start = time.perf_counter()
        session.run(None, feeds)
        return time.perf_counter() - start

    for session in sessions:
        seconds(session)
    ones, ratios = [], []
    for number in range(arguments.rounds):
        pair = [seconds(session) for session in (sessions if number % 2 == 0 else sessions[::-1])]
        one, two = pair if number % 2 == 0 else pair[::-1]
        ones.append(one * 1e3)
        ratios.append(two / one)
    return statistics.median(ones), statistics.median(ratios)


levels = [onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL]
print("| model | nodes | tract, optimised | onnxruntime, optimisations off | onnxruntime, all |")
print("| --- | --- | --- | --- | --- |")
for model in arguments.models:
    with tempfile.TemporaryDirectory() as folder:
        folded = model
        if not arguments.same:
            folded = os.path.join(folder, "folded.onnx")
            subprocess.run([arguments.program, "fold", model, "-o", folded, "--no-verify", "-q"], check=True)
        wanted = shapes(model)
        found = [tract(model, folded, wanted), *(ort(model, folded, wanted, level) for level in levels)]
        cells = ["does not run" if pair is None else f"{pair[0]:.1f} ms x {pair[1]:.2f}" for pair in found]
        nodes = [len(onnx.load(path, load_external_data=False).graph.node) for path in (model, folded)]
        name = os.path.splitext(os.path.basename(model))[0]
        print(f"| {name} | {nodes[0]} -> {nodes[1]} | {' | '.join(cells)} |", flush=True)
