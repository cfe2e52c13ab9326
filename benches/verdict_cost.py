#!/usr/bin/env python3
"""What a verdict costs, in plain runs of the original by the same engine in f64, measured in the same minutes.

    python benches/verdict_cost.py MODEL [FOLDED] [--dim NAME=SIZE ...] [--program target/release/bnfold] [--rounds 3]

A plain run is one run of the whole original with its weights already in the engine. The files alone (alignment and constants)
are timed by a verification whose inputs do not exist, so that nothing is run; the relay is what --quick takes beyond that, the
sites run alone what the default takes beyond --quick. Best of several rounds, in wall time.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model")
parser.add_argument("folded", nargs="?")
parser.add_argument("--dim", action="append", default=[], metavar="NAME=SIZE", help="the size of a symbolic dimension, everywhere")
parser.add_argument("--program", default="target/release/bnfold")
parser.add_argument("--rounds", type=int, default=3)
arguments = parser.parse_args()


def timed(*words):
    best = float("inf")
    for _ in range(arguments.rounds):
        start = time.monotonic()
        subprocess.run([arguments.program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        best = min(best, time.monotonic() - start)
    return best


def plain():
    symbols = {name: int(size) for name, size in (dim.split("=") for dim in arguments.dim)}
    whole = {"model": os.path.abspath(arguments.model), "sizes": {"symbols": symbols, "shapes": {}}, "inputs": None, "seed": 0}
    request = {"limits": {"memory": 1 << 40, "seconds": 600}, "job": {"whole": whole}}
    best = {}
    for _ in range(arguments.rounds):
        answer = subprocess.run([arguments.program, "__execute"], input=json.dumps(request).encode(), stdout=subprocess.PIPE, check=True)
        report = json.loads(answer.stdout)["Ok"]["whole"][0]
        for key in ("load_seconds", "run_seconds"):
            best[key] = min(best.get(key, float("inf")), report[key])
    return best


with tempfile.TemporaryDirectory() as folder:
    folded = arguments.folded or os.path.join(folder, "folded.onnx")
    if not arguments.folded:
        subprocess.run([arguments.program, "fold", arguments.model, "-o", folded, "--no-verify", "-q"], check=True)
    pair = ("verify", arguments.model, folded, *(word for dim in arguments.dim for word in ("--dim", dim)))
    run = plain()
    files = timed(*pair, "--quick", "--inputs", os.path.join(folder, "missing.npz"))
    quick, default = timed(*pair, "--quick"), timed(*pair)
unit = run["run_seconds"]
print(f"plain run in f64          {unit:6.2f} s (and {run['load_seconds']:.2f} s to load)")
for what, seconds in [("files alone", files), ("relay", quick - files), ("--quick", quick), ("sites alone", default - quick), ("default", default)]:
    print(f"{what:25s} {seconds:6.2f} s = {seconds / unit:5.2f} plain runs")
