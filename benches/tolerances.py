#!/usr/bin/env python3
"""What the tolerances in use make of right and of faulty folds.

    BNFOLD_FAULTS=20000 BNFOLD_SAVE_FAULTS=faults cargo test --test mutation_study every_seeded -- --nocapture
    python benches/right_folds.py --nets 120 --keep right
    python benches/tolerances.py faults/nets right

The float models of these are run by onnxruntime without optimisations on three sets of inputs, two of N(0,1) and one of U[0,1),
and outputs compared as others compare them. A fold is taken if all outputs of all three are.
"""
import argparse
import collections
import glob
import multiprocessing
import os

import numpy
import onnx
from onnx import TensorProto

from right_folds_run import feeds, session

CRITERIA = {
    "onnxsim `check_n`": lambda a, b: close(a, b, 1e-5, 1e-4),
    "Polygraphy default": lambda a, b: either(a, b, 1e-5, 1e-5),
    "allclose 1e-3": lambda a, b: close(a, b, 1e-3, 1e-3),
    "allclose 1e-4": lambda a, b: close(a, b, 1e-4, 1e-4),
    "allclose 1e-5": lambda a, b: close(a, b, 1e-5, 1e-5),
    "tract `Approximate`": lambda a, b: close(a, b, 1e-4, 5e-4),
    "tract `Close`": lambda a, b: close(a, b, 1e-7, 1e-7),
}


def close(a, b, absolute, relative):
    return bool(numpy.allclose(b, a, rtol=relative, atol=absolute, equal_nan=True))


def either(a, b, absolute, relative):
    with numpy.errstate(all="ignore"):
        apart = abs(a - b)
        return bool(((apart <= absolute) | (apart <= relative * abs(a)) | (a == b) | (numpy.isnan(a) & numpy.isnan(b))).all())


def tolerated(folder):
    """For the right and the wrong folds of one model: how many, and how many each criterion takes."""
    counts = {"right": collections.Counter(), "wrong": collections.Counter()}
    before = onnx.load(os.path.join(folder, "before.onnx"))
    if any(i.type.tensor_type.elem_type != TensorProto.FLOAT for i in before.graph.input):
        return counts
    given = [feeds(before, seed, seed == 3) for seed in (1, 2, 3)]
    first = session(before)
    expected = [first.run(None, one) for one in given]
    for path in sorted(glob.glob(os.path.join(folder, "right*.onnx")) + glob.glob(os.path.join(folder, "wrong_*.onnx"))):
        count = counts[os.path.basename(path)[:5]]
        count["all"] += 1
        try:
            second = session(onnx.load(path))
            found = [second.run(None, one) for one in given]
        except Exception:
            continue  # What cannot be run is refused by all.
        for name, takes in CRITERIA.items():
            pairs = [(a, b) for one, two in zip(expected, found) for a, b in zip(one, two)]
            count[name] += all(a.shape == b.shape and takes(a, b) for a, b in pairs)
    return counts


def tolerances(folders, jobs):
    places = [p for folder in folders for p in sorted(glob.glob(os.path.join(folder, "*"))) if os.path.exists(os.path.join(p, "before.onnx"))]
    total = {"right": collections.Counter(), "wrong": collections.Counter()}
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for counts in pool.imap_unordered(tolerated, places, chunksize=8):
            for kind, count in counts.items():
                total[kind].update(count)
    right, wrong = total["right"], total["wrong"]
    print(f"{right['all']} right folds, {wrong['all']} faulty ones\n")
    print("| criterion | right folds refused, % | faults passed, % |\n| --- | --- | --- |")
    for name in CRITERIA:
        refused, passed = 1 - right[name] / max(1, right["all"]), wrong[name] / max(1, wrong["all"])
        print(f"| {name} | {100 * refused:.1f} | {100 * passed:.1f} |")


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folders", nargs="+", help="folders of folders with before.onnx, right*.onnx and wrong_*.onnx")
    p.add_argument("--jobs", type=int, default=2)
    a = p.parse_args()
    tolerances(a.folders, a.jobs)
