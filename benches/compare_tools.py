#!/usr/bin/env python3
"""Compares bnfold with the tools that pip installs, and writes the table of the README.

    pip install onnx onnxruntime onnxsim onnxslim onnxoptimizer onnxscript numpy ml_dtypes
    cargo build --release
    python benches/compare_tools.py --bnfold target/release/bnfold --patterns ../shared/patterns [--readme README.md]

Each tool folds every pattern (small models of one idea each) with its own defaults, in a process of its own; the judge that
comes with the patterns compares both models in f64 and counts what is left. The models of `fixtures/` are folded too, and the
BatchNormalizations that are left are counted. With --readme the table between the marks `comparison` is replaced.
"""
import argparse
import collections
import glob
import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile

FELL = {"WRONG", "INVALID", "CRASH"}


def ort(level):
    def fold(source, target):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.optimized_model_filepath = target
        onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

    return fold


def onnxsim(source, target):
    import onnx
    import onnxsim as tool

    onnx.save(tool.simplify(onnx.load(source))[0], target)


def onnxslim(source, target):
    import onnx
    import onnxslim as tool

    onnx.save(tool.slim(onnx.load(source)), target)


def onnxoptimizer(source, target):
    import onnx
    import onnxoptimizer as tool

    onnx.save(tool.optimize(onnx.load(source)), target)


def onnxscript(source, target):
    import onnx
    import onnxscript.optimizer
    import onnxscript.rewriter

    optimize = onnxscript.optimizer.optimize
    onnx.save(optimize(onnxscript.rewriter.rewrite(optimize(onnx.load(source)))), target)


# name in the table: (package whose version is printed, what folds)
TOOLS = {
    "onnxruntime, basic": ("onnxruntime", ort("ORT_ENABLE_BASIC")),
    "onnxruntime, extended": ("onnxruntime", ort("ORT_ENABLE_EXTENDED")),
    "onnxsim": ("onnxsim", onnxsim),
    "onnxslim": ("onnxslim", onnxslim),
    "onnxoptimizer": ("onnxoptimizer", onnxoptimizer),
    "onnxscript": ("onnxscript", onnxscript),
}


def batch_normalizations(path):
    import onnx

    def count(nodes):
        nested = (g for n in nodes for a in n.attribute for g in [a.g, *a.graphs] if a.type in (5, 10))
        return sum(n.op_type == "BatchNormalization" for n in nodes) + sum(count(g.node) for g in nested)

    model = onnx.load(path, load_external_data=False)
    return count(model.graph.node) + sum(count(f.node) for f in model.functions)


def judged(patterns, command):
    """Verdicts by what a pattern wants."""
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "table.tsv")
        judge = os.path.join(patterns, "judge.py")
        subprocess.run([sys.executable, judge, "--command", command, "--tsv", table], stdout=subprocess.DEVNULL, check=False)
        with open(table) as file:
            rows = [line.rstrip("\n").split("\t") for line in file][1:]
    found = collections.defaultdict(collections.Counter)
    for _, want, verdict, *_ in rows:
        found[want]["fell" if verdict in FELL or (verdict == "refused" and want != "invalid") else verdict] += 1
    return found


def fixtures(command):
    """BatchNormalizations that are left in the models of the repository, and how many there were."""
    left = total = 0
    for source in sorted(glob.glob(os.path.join(os.path.dirname(__file__), "..", "fixtures", "*.onnx"))):
        with tempfile.TemporaryDirectory() as folder:
            target = os.path.join(folder, "out.onnx")
            words = [word.replace("{in}", source).replace("{out}", target) for word in command.split()]
            ran = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            total += batch_normalizations(source)
            left += batch_normalizations(target if ran.returncode == 0 and os.path.exists(target) else source)
    return left, total


def row(name, command, patterns):
    found = judged(patterns, command)
    complete = found["fold"]["ideal"]
    wanted = sum(found["fold"].values())
    partial = f"{found['partial']['ideal']} of {sum(found['partial'].values())}"
    fell = sum(counts["fell"] for counts in found.values())
    left, total = fixtures(command)
    print(f"{name}: {complete} of {wanted}, {partial}, {fell} fell", file=sys.stderr)
    return f"| {name} | {complete} of {wanted} | {partial} | {fell} | {left} of {total} |"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bnfold", default="target/release/bnfold")
    p.add_argument("--patterns", default="../shared/patterns")
    p.add_argument("--readme")
    p.add_argument("--run", nargs=3, metavar=("TOOL", "IN", "OUT"), help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.run:
        tool, source, target = a.run
        TOOLS[tool.replace("_", " ")][1](source, target)
        return
    lines = [
        "| tool | complete folds | partial folds as far as is right | wrong, invalid or crashed | left in `fixtures/` |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines.append(row("bnfold", f"{a.bnfold} fold --no-verify {{in}} -o {{out}}", a.patterns))
    for name, (package, _) in TOOLS.items():
        command = f"{sys.executable} {os.path.abspath(__file__)} --run {name.replace(' ', '_')} {{in}} {{out}}"
        lines.append(row(f"{name} {importlib.metadata.version(package)}", command, a.patterns))
    table = "\n".join(lines)
    print(table)
    if a.readme:
        with open(a.readme) as file:
            text = file.read()
        marked = r"(<!-- comparison -->\n).*?(<!-- /comparison -->)"
        with open(a.readme, "w") as file:
            file.write(re.sub(marked, lambda m: m.group(1) + table + "\n" + m.group(2), text, flags=re.S))


if __name__ == "__main__":
    main()
