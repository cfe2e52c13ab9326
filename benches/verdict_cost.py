#!/usr/bin/env python3
"""What a verdict costs, in plain runs of the original by the same engine in f64, measured in the same minutes.

    python benches/verdict_cost.py MODEL [FOLDED] [--dim NAME=SIZE ...] [--program target/release/bnfold] [--rounds 3]

A plain run is one run of the whole original with its weights already in the engine. The files alone (alignment and constants)
are timed by a verification that may take no memory for runs, so that nothing is run; the relay is what --quick takes beyond that,
the sites run alone what the default takes beyond --quick. Best of several rounds, in wall time and in processor time of the
program with its children, and the largest resident set of one of its processes.
"""
import argparse
import json
import os
import resource
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
    """Wall time, processor time, and the largest resident set of one process in bytes."""
    best = (float("inf"), float("inf"), 0)
    for _ in range(arguments.rounds):
        start = time.monotonic()
        child = subprocess.Popen([arguments.program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        used = os.wait4(child.pid, 0)[2]
        child.returncode = 0
        best = min(best, (time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss << 10))
    return best


def plain():
    symbols = {name: int(size) for name, size in (dim.split("=") for dim in arguments.dim)}
    whole = {"model": os.path.abspath(arguments.model), "sizes": {"symbols": symbols, "shapes": {}, "values": {}}, "inputs": None, "seed": 0}
    request = {"limits": {"memory": 1 << 40, "seconds": 600}, "job": {"whole": whole}}
    best = {}
    for _ in range(arguments.rounds):
        before = processor_of_children()
        answer = subprocess.run([arguments.program, "__execute"], input=json.dumps(request).encode(), stdout=subprocess.PIPE, check=True)
        report = json.loads(answer.stdout)["Ok"]["whole"][0]
        # Both parts have one thread, so each has its share of the processor time.
        share = report["run_seconds"] / (report["load_seconds"] + report["run_seconds"])
        report["processor"] = share * (processor_of_children() - before)
        for key in ("load_seconds", "run_seconds", "processor"):
            best[key] = min(best.get(key, float("inf")), report[key])
    return best


def processor_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


with tempfile.TemporaryDirectory() as folder:
    folded = arguments.folded or os.path.join(folder, "folded.onnx")
    if not arguments.folded:
        subprocess.run([arguments.program, "fold", arguments.model, "-o", folded, "--no-verify", "-q"], check=True)
    pair = ("verify", arguments.model, folded, *(word for dim in arguments.dim for word in ("--dim", dim)))
    run = plain()
    files = timed(*pair, "--quick", "--memory", "1K")
    quick, default = timed(*pair, "--quick"), timed(*pair)
unit, own = run["run_seconds"], run["processor"]
print(f"plain run in f64          {unit:6.2f} s, {own:6.2f} s of processor time (and {run['load_seconds']:.2f} s to load)")
rows = [("files alone", files), ("relay", [b - a for a, b in zip(files, quick)]), ("--quick", quick)]
rows += [("sites alone", [b - a for a, b in zip(quick, default)]), ("default", default)]
for what, (wall, processor, _) in rows:
    told = f"{processor:6.2f} s of processor time = {processor / own:5.2f}"
    print(f"{what:25s} {wall:6.2f} s = {wall / unit:5.2f} plain runs, {told}")
print(f"resident at most          {default[2] / 2**20:6.0f} MiB")
