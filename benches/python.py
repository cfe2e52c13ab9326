#!/usr/bin/env python3
"""Folds a model in memory from Python, and the same file by the command of the package.

    python.py MODEL [OPTION...]

in an environment in which the wheel is installed. Tells processor time, children included, as the least of five, and by how much
the memory of the process grew beside the model's bytes and the result. Options are words of the command line without values,
such as --quick or --no-verify.
"""
import os
import resource
import subprocess
import sys
import tempfile

from bnfold._command import command

CHILD = """
import resource, sys
import bnfold
data = open(sys.argv[1], "rb").read()
own = lambda: resource.getrusage(resource.RUSAGE_SELF)
before, start = own().ru_maxrss * 1024, own().ru_utime + own().ru_stime
result = bnfold.fold(data, **{word[2:].replace("-", "_"): True for word in sys.argv[2:]})
kids = resource.getrusage(resource.RUSAGE_CHILDREN)
spent = own().ru_utime + own().ru_stime - start + kids.ru_utime + kids.ru_stime
print(spent, own().ru_maxrss * 1024 - before, len(data), 0 if result.unchanged else len(result.model))
"""


def spent(words):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said


def main(model, *options):
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs, grown = [], [], 0
        for _ in range(5):
            theirs.append(spent([command(), "fold", model, "-o", os.path.join(folder, "out.onnx"), *options])[0])
            seconds, more, size, made = map(float, spent([sys.executable, "-c", CHILD, model, *options])[1].split())
            ours.append(seconds)
            grown = more - made
    ratio = min(ours) / min(theirs)
    print(f"{model} {' '.join(options)}: {size / 1e6:.1f} MB; Python {min(ours):.3f} s, command {min(theirs):.3f} s, ratio {ratio:.2f}")
    print(f"  beside the model and the result the process grew by {grown / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
