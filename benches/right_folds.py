#!/usr/bin/env python3
"""Right folds by this program and by other tools: how many the verdict refuses, and how near to its limits they come.

    pip install onnx onnxruntime onnxsim onnxslim onnxoptimizer onnxscript numpy ml_dtypes
    cargo build --release
    python benches/right_folds.py --nets 120 --patterns ../shared/patterns --corpus models

Models are folded by each tool with its own defaults, each call in a process of its own. Whether a fold is right is decided here,
from ONNX's definitions, and not by the program: for each linear node the maps that follow it are multiplied out in float64 in
both models, and what results must agree within 8 units of the type (half a place for our own) on the scale of what is summed
up; beside that both models are run whole (generated nets in float64 by onnx's reference evaluator, others in float by
onnxruntime without optimisations), and may not be farther apart than parameters dithered by 8 units bring them. Then
`bnfold verify` judges the pair, our own with `--exact`. Models that hold operators of other domains are left out.

With --keep the right folds in float are kept, one folder a model, for `tolerances.py`.
"""
import argparse
import collections
import glob
import json
import math
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings

import onnx
from onnx import TensorProto

import compare_tools
from right_folds_constants import FLOATS, TYPES, Graph, same_constants
from right_folds_nets import generated
from right_folds_run import same_outputs


def in_process(call, seconds):
    """Runs a call in a child; None if all is well, else what happened."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            call()
            code = 0
        except BaseException as e:
            os.write(writer, f"{type(e).__name__}: {str(e)[:300]}".encode())
        os._exit(code)
    os.close(writer)
    end = time.monotonic() + seconds
    status = None
    while status is None and time.monotonic() < end:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            status = code
        else:
            time.sleep(0.01)
    if status is None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    if status is None:
        return "time limit"
    return None if status == 0 else said or f"ended by {status}"


def model_type(model):
    """The type of most weights."""
    count = collections.Counter()
    for tensor in model.graph.initializer:
        if tensor.data_type in FLOATS:
            count[tensor.data_type] += math.prod(tensor.dims)
    return count.most_common(1)[0][0] if count else TensorProto.FLOAT


def foreign_domain(model):
    return sorted({n.domain for n in model.graph.node} - {"", "ai.onnx", "ai.onnx.ml"} - {f.domain for f in model.functions})


def casts(graph):
    return sum(n.op_type == "Cast" and n.input[0] not in graph.stored for n in graph.nodes)


def well_typed(model):
    try:
        onnx.checker.check_model(model, full_check=True)
        return True
    except Exception:
        return False


def maps(model):
    return sum(n.op_type == "BatchNormalization" for n in model.graph.node)


def judged(task):
    """One model by one tool: what came of it."""
    name, source, tool, options = task
    record = {"model": name, "tool": tool}
    before = onnx.load(source)
    record["type"] = TYPES[model_type(before)]
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, "folded.onnx")
        if tool == "bnfold":
            ran = subprocess.run([options.bnfold, "fold", "--no-verify", "-q", source, "-o", target], capture_output=True, text=True, check=False)
            error = None if ran.returncode == 0 else ran.stderr.strip()[:300]
        else:
            error = in_process(lambda: compare_tools.TOOLS[tool][1](source, target), options.seconds)
        if error or not os.path.exists(target):
            return {**record, "result": "tool fails", "why": error}
        try:
            after = onnx.load(target)
            onnx.checker.check_model(after, full_check=well_typed(before))
            record["domains"] = foreign_domain(after)
            if record["domains"] and record["domains"] != foreign_domain(before):
                return {**record, "result": "other operators"}
            first, second = Graph(before), Graph(after)
            if casts(second) > casts(first):
                return {**record, "result": "computes in another type"}
            record["gone"] = maps(before) - maps(after)
            record["constants"], record["wrong"] = same_constants(first, second, tool == "bnfold")
        except Exception as e:
            return {**record, "result": "invalid", "why": f"{type(e).__name__}: {str(e)[:200]}"}
        if record["gone"] <= 0 and record["constants"] == 0:
            return {**record, "result": "nothing folded"}
        record["run"] = same_outputs(before, after, FLOATS[model_type(before)], options.exact(name))
        # Our own folds also move maps past activations, where the constants of one node say nothing: then runs alone decide.
        moved = tool == "bnfold" and record["run"] is True
        is_right = (moved or not record["wrong"]) and record["run"] is not False and (record["run"] is True or record["constants"] > 0)
        record["right"] = is_right
        words = [options.bnfold, "verify", source, target, "--format", "json", *(["--exact"] if tool == "bnfold" else [])]
        start = time.monotonic()
        try:
            ran = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
            verdict = json.loads(ran.stdout)["verdict"]
        except (subprocess.TimeoutExpired, ValueError, KeyError) as e:
            return {**record, "result": "no verdict", "why": str(e)[:200]}
        record["seconds"] = time.monotonic() - start
        record.update(measured(verdict))
        record["result"] = verdict["outcome"]
        if options.keep and is_right and record["type"] == "float":
            place = os.path.join(options.keep, name.replace("/", "_"))
            os.makedirs(place, exist_ok=True)
            shutil.copy(target, os.path.join(place, f"right_{tool.replace(' ', '-').replace(',', '')}.onnx"))
            onnx.save(before, os.path.join(place, "before.onnx"))
        return record


def measured(verdict):
    """Numbers of a verdict: shares of limits by layer, and what is said of the sites."""
    counts = collections.Counter(site["outcome"] for site in verdict["sites"])
    worst = collections.defaultdict(float)
    for site in verdict["sites"]:
        certificate, alone = site.get("certificate") or {}, site.get("alone") or {}
        numbers = {"relay": site.get("worst"), **{k: certificate.get(k) for k in ("worst", "once", "units", "shift_units", "ulp")}}
        numbers.update({k: alone.get(k) for k in ("zeros", "dense", "impulses", "control")})
        for key, number in numbers.items():
            worst[key] = max(worst[key], number or 0.0)
    why = [f"{s['value']}: {s['reason']}" for s in verdict["sites"] if s["outcome"] in ("differs", "not-judged")]
    why += [f"{d['place']}: {d['what']}" for d in verdict["differences"]]
    ran = verdict["execution"]
    not_run = ran["not-run"]["reason"] if isinstance(ran, dict) and "not-run" in ran else None
    return {"sites": counts, "worst": worst, "why": why, "not_run": not_run, "once": verdict.get("rounded_once")}


def table(records):
    rows = collections.defaultdict(collections.Counter)
    shares = collections.defaultdict(lambda: collections.defaultdict(float))
    others = collections.Counter()
    for r in records:
        key = r["tool"], r["type"]
        if not r.get("right"):
            others["not right" if "right" in r else r["result"]] += 1
            others["not right, of which are refused"] += "right" in r and r["result"] == "differs"
            continue
        row, sites = rows[key], r.get("sites", {})
        row["models"] += 1
        row["folds"] += sum(sites.values())
        row["accepted"] += sites.get("equal-within-rounding", 0)
        row["refused"] += r["result"] == "differs"
        row["open"] += r["result"] == "not-judged"
        if r["result"] == "differs":
            continue
        for layer, share in r.get("worst", {}).items():
            name = "alone" if layer in ("zeros", "dense", "impulses") else layer
            shares[key][name] = max(shares[key][name], share)
    columns = ["models", "folds", "accepted", "refused", "open"]
    lines = [
        "| tool | type | models | folds | accepted | models refused | models not judged | u | u·K | constants | alone | relay |",
        "| --- " * 12 + "|",
    ]
    total = collections.Counter()
    for key in sorted(rows):
        total.update(rows[key])
        worst = [f"{shares[key][k]:.4f}" for k in ("units", "shift_units", "worst", "alone", "relay")]
        lines.append("| " + " | ".join([*key, *(str(rows[key][c]) for c in columns), *worst]) + " |")
    lines.append("| all | | " + " | ".join(str(total[c]) for c in columns) + " | " * 6)
    return "\n".join(lines).rstrip() + f"\n\nother results, in models: {dict(others)}"


def simplified(source, target):
    """The model as onnxsim writes it without folds; the model itself if it cannot."""
    import onnxoptimizer
    import onnxsim

    fusions = [name for name in onnxoptimizer.get_fuse_and_elimination_passes() if name.startswith("fuse")]
    try:
        onnx.save(onnxsim.simplify(onnx.load(source), skipped_optimizers=fusions)[0], target)
        return target
    except Exception:
        return source


def sources(arguments, folder):
    """Name, path."""
    for index in range(arguments.first, arguments.first + arguments.nets):
        path = os.path.join(folder, f"net_{index}.onnx")
        onnx.save(generated(index), path)
        yield f"net_{index}", path
    for kind, place in (("pattern", arguments.patterns), ("model", arguments.corpus)):
        for path in sorted(glob.glob(os.path.join(place, "*.onnx"))) if place else []:
            if os.path.getsize(path) <= arguments.megabytes * 2**20:
                name = os.path.basename(path)[:-5]
                if kind == "model" and arguments.simplify:
                    path, name = simplified(path, os.path.join(folder, f"{name}.onnx")), f"{name}, simplified"
                yield f"{kind}/{name}", path


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bnfold", default="target/release/bnfold")
    p.add_argument("--nets", type=int, default=0, help="how many nets are generated")
    p.add_argument("--first", type=int, default=0, help="the number of the first of them")
    p.add_argument("--patterns", help="a folder of small models of one idea each")
    p.add_argument("--corpus", help="a folder of models")
    p.add_argument("--megabytes", type=float, default=20, help="the largest model that is taken from a folder")
    p.add_argument("--simplify", action="store_true", help="simplify those models first, by onnxsim without its fusions")
    p.add_argument("--tools", nargs="*", default=["bnfold", *compare_tools.TOOLS])
    p.add_argument("--seconds", type=float, default=120, help="how long a tool may take")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--record", default="right_folds.jsonl", help="what came of each model and tool; what is there is not done again")
    p.add_argument("--keep", help="a folder for right folds in float, for tolerances.py")
    a = p.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("ignore")
    import onnxoptimizer, onnxruntime, onnxscript.optimizer, onnxscript.rewriter, onnxsim, onnxslim  # noqa: E401, F401 (once, for all children)

    a.exact = is_exact
    records = []
    if os.path.exists(a.record):
        with open(a.record) as file:
            records = [json.loads(line) for line in file]
    done = {(r["model"], r["tool"]) for r in records}
    with tempfile.TemporaryDirectory() as folder, open(a.record, "a") as file:
        tasks = [(name, path, tool, a) for name, path in sources(a, folder) for tool in a.tools if (name, tool) not in done]
        with multiprocessing.get_context("fork").Pool(a.jobs, maxtasksperchild=50) as pool:
            for record in pool.imap_unordered(judged, tasks):
                records.append(record)
                file.write(json.dumps(record) + "\n")
                file.flush()
                if record.get("right") and record["result"] not in ("equal", "equal-within-rounding"):
                    print(record["model"], record["tool"], record["result"], record["why"][:2], record.get("not_run") or "", file=sys.stderr)
    print(table(records))


def is_exact(name):
    """Whether a model is small enough for a float64 evaluation in Python."""
    return not name.startswith("model/")


if __name__ == "__main__":
    main()
