#!/usr/bin/env python3
"""Runs models in one engine, in that engine's environment: `worker.py ENGINE`, jobs as lines of JSON on standard input.

{"model": FILE, "input": NPZ, "output": NPZ, "shapes": [...]}  runs a model and writes what it gives
{"models": [FILE, ...], "input": NPZ, "seconds": N}            times models in turns

Each job is answered by one line: {"ok": ...} or {"error": TEXT}. `run.py` is what asks.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np


def onnxruntime(level):
    import onnxruntime as rt

    rt.set_default_logger_severity(4)
    options = rt.SessionOptions()
    options.graph_optimization_level = getattr(rt.GraphOptimizationLevel, level)
    options.intra_op_num_threads = 1

    def load(path):
        session = rt.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda feed, shapes: session.run(None, feed)

    return load


def openvino():
    import openvino as ov

    core = ov.Core()

    def load(path):
        setup = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        request = core.compile_model(core.read_model(path), "CPU", setup).create_infer_request()

        def run(feed, shapes):
            found = request.infer(feed)
            return [np.array(found[at]) for at in range(len(found))]

        return run

    return load


def opencv(engine):
    import cv2

    cv2.setNumThreads(1)

    def load(path):
        net = cv2.dnn.readNetFromONNX(path, getattr(cv2.dnn, engine)) if engine else cv2.dnn.readNetFromONNX(path)

        def run(feed, shapes):
            for name, value in feed.items():
                net.setInput(value, name)
            return list(net.forward(net.getUnconnectedOutLayersNames()))

        return run

    return load


def tract():
    import tract

    def load(path):
        model = tract.onnx().load(path).into_model().into_runnable()
        return lambda feed, shapes: [value.to_numpy() for value in model.run(list(feed.values()))]

    return load


def mnn():
    import MNN
    import onnx

    def load(path):
        folder = tempfile.mkdtemp()
        file = os.path.join(folder, "m.mnn")
        words = ["-f", "ONNX", "--modelFile", path, "--MNNModel", file, "--bizCode", "b"]
        # The command `mnnconvert` does the same and then reports to its makers over the network, which takes seconds a model.
        convert = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)"]
        told = subprocess.run([*convert, *words], capture_output=True, text=True, cwd=folder)
        if not os.path.exists(file):
            raise RuntimeError("not converted: " + " ".join((told.stdout + told.stderr).split())[-200:])
        graph = onnx.load(path, load_external_data=False).graph
        constants = {tensor.name for tensor in graph.initializer}
        inputs = [value.name for value in graph.input if value.name not in constants]
        net = MNN.nn.load_module_from_file(file, inputs, [value.name for value in graph.output])

        def run(feed, shapes):
            given = [MNN.expr.const(np.ascontiguousarray(feed[n]), list(feed[n].shape), MNN.expr.NCHW) for n in inputs]
            answers = [np.array(MNN.expr.convert(answer, MNN.expr.NCHW).read()) for answer in net.forward(given)]
            return [answer.reshape(shape) for answer, shape in zip(answers, shapes or [a.shape for a in answers])]

        return run

    return load


def tinygrad():
    os.environ.setdefault("DEV", "PYTHON")
    from tinygrad import Tensor
    from tinygrad.nn.onnx import OnnxRunner

    def load(path):
        runner = OnnxRunner(path)

        def run(feed, shapes):
            return [value.numpy() for value in runner({name: Tensor(value) for name, value in feed.items()}).values()]

        return run

    return load


def tvm():
    import onnx
    import tvm as t
    from tvm.relax.frontend.onnx import from_onnx

    def load(path):
        module = from_onnx(onnx.load(path), keep_params_in_input=False)
        machine = t.relax.VirtualMachine(t.relax.build(module, "llvm"), t.cpu())

        def run(feed, shapes):
            given = [t.runtime.tensor(value) for value in feed.values()]
            found = machine["main"](*given)
            return [v.numpy() for v in found] if hasattr(found, "__len__") and not hasattr(found, "numpy") else [found.numpy()]

        return run

    return load


def web():
    here = os.path.dirname(os.path.abspath(__file__))
    # The packages of npm lie in the folder of the environment.
    words = ["node", os.path.join(here, "web.mjs")]
    node = subprocess.Popen(words, cwd=sys.prefix, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def load(path):
        def run(feed, shapes):
            kinds = {"float32": "float32", "int64": "int64", "bool": "bool"}
            feeds = {n: {"type": kinds[str(v.dtype)], "dims": v.shape, "data": v.ravel().tolist()} for n, v in feed.items()}
            node.stdin.write(json.dumps({"model": path, "feeds": feeds}) + "\n")
            node.stdin.flush()
            answer = json.loads(node.stdout.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return [np.array(value["data"], np.float32).reshape(value["dims"]) for value in answer["ok"]]

        return run

    return load


ENGINES = {
    "onnxruntime-off": lambda: onnxruntime("ORT_DISABLE_ALL"),
    "onnxruntime-basic": lambda: onnxruntime("ORT_ENABLE_BASIC"),
    "onnxruntime-all": lambda: onnxruntime("ORT_ENABLE_ALL"),
    "onnxruntime-web": web,
    "openvino": openvino,
    "opencv-4": lambda: opencv(None),
    "opencv-5-classic": lambda: opencv("ENGINE_CLASSIC"),
    "opencv-5-new": lambda: opencv("ENGINE_NEW"),
    "tract": tract,
    "mnn": mnn,
    "tinygrad": tinygrad,
    "tvm": tvm,
}


def timed(load, job, feed):
    """Medians of runs in turns, in milliseconds."""
    runs = [load(path) for path in job["models"]]
    spent = [[] for _ in runs]
    end = time.monotonic() + job["seconds"]
    while time.monotonic() < end or len(spent[0]) < 5:
        for run, times in zip(runs, spent):
            start = time.perf_counter()
            run(feed, None)
            times.append(1e3 * (time.perf_counter() - start))
    return {"ok": [float(np.median(times[1:])) for times in spent], "runs": len(spent[0])}


def main():
    answers = os.fdopen(os.dup(1), "w")
    # Engines write to standard output what is no answer.
    os.dup2(2, 1)
    load = ENGINES[sys.argv[1]]()
    for line in sys.stdin:
        job = json.loads(line)
        try:
            with np.load(job["input"]) as file:
                feed = {name: file[name] for name in file.files}
            if "models" in job:
                answer = timed(load, job, feed)
            else:
                found = load(job["model"])(feed, job["shapes"])
                np.savez(job["output"], *[np.asarray(value) for value in found])
                answer = {"ok": True}
        except BaseException as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
