#!/usr/bin/env python3
"""Runs models in one engine, in that engine's environment: `worker.py ENGINE`, jobs as lines of JSON on standard input.

{"model": FILE, "input": NPZ, "output": NPZ, "shapes": [...]}  runs a model and writes what it gives
{"models": [FILE, ...], "input": NPZ, "seconds": N}            times models in turns

Each job is answered by one line: {"ok": ...} or {"error": TEXT}. `run.py` is what asks.
"""
import json
import os
import shutil
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
            # It takes every float as one of 32 bits.
            floats = [feed[n].astype(np.float32) if feed[n].dtype.kind == "f" else feed[n] for n in inputs]
            given = [MNN.expr.const(np.ascontiguousarray(value), list(value.shape), MNN.expr.NCHW) for value in floats]
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


def iree():
    import iree.compiler as compiler
    import iree.runtime as rt

    config = rt.Config("local-sync")
    flags = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host"]

    def load(path):
        words = [sys.executable, "-m", "iree.compiler.tools.import_onnx", path, "--opset-version", "17"]
        told = subprocess.run(words, capture_output=True, text=True)
        if told.returncode:
            raise RuntimeError("not imported: " + " ".join(told.stderr.split())[-200:])
        code = compiler.compile_str(told.stdout, extra_args=flags)
        module = rt.load_vm_module(rt.VmModule.copy_buffer(config.vm_instance, code), config)
        entry = next(name for name in module.vm_module.function_names if not name.startswith("__") and "$" not in name)

        def run(feed, shapes):
            found = module[entry](*feed.values())
            return [np.asarray(v.to_host()) for v in (found if isinstance(found, (list, tuple)) else [found])]

        return run

    return load


def litert():
    from ai_edge_litert.interpreter import Interpreter

    def load(path):
        path = os.path.abspath(path)
        folder = tempfile.mkdtemp()
        words = [sys.executable, "-m", "onnx2tf", "-i", path, "-o", folder, "-kat", "x", "-n"]
        told = subprocess.run(words, capture_output=True, text=True, cwd=folder)
        files = [name for name in os.listdir(folder) if name.endswith("_float32.tflite")]
        if not files:
            raise RuntimeError("not converted: " + " ".join((told.stdout + told.stderr).split())[-200:])
        net = Interpreter(os.path.join(folder, files[0]), num_threads=1)
        net.allocate_tensors()

        def run(feed, shapes):
            for place, value in zip(net.get_input_details(), feed.values()):
                net.set_tensor(place["index"], value)
            net.invoke()
            found = [net.get_tensor(place["index"]) for place in net.get_output_details()]
            # Its files have channels last.
            last = [array.shape != tuple(shape) for array, shape in zip(found, shapes or [a.shape for a in found])]
            return [np.moveaxis(array, -1, 1) if turned and array.ndim > 2 else array for array, turned in zip(found, last)]

        return run

    return load


def ncnn():
    import importlib.util
    import re

    import ncnn as n

    program = os.path.join(os.path.dirname(importlib.util.find_spec("pnnx").origin), "pnnx")

    def load(path):
        folder, stem = tempfile.mkdtemp(), os.path.basename(path)[:-5]
        # The converter writes beside the model, and takes no links as side files.
        for file in os.listdir(os.path.dirname(path)):
            if file.startswith(stem + "."):
                shutil.copy(os.path.join(os.path.dirname(path), file), folder)
        told = subprocess.run([program, stem + ".onnx", "fp16=0"], capture_output=True, text=True, cwd=folder)
        made = os.path.join(folder, stem)
        if not os.path.exists(made + "_ncnn.py"):
            raise RuntimeError("not converted: " + " ".join((told.stdout + told.stderr).split())[-200:])
        net = n.Net()
        net.opt.num_threads = 1
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(net.opt, option, False)
        if net.load_param(made + ".ncnn.param") or net.load_model(made + ".ncnn.bin"):
            raise RuntimeError("not loaded")
        with open(made + "_ncnn.py") as file:
            text = file.read()
        # Which axis of each value is the batch, of which its arrays know nothing.
        given, wanted = re.findall(r"in\d+\.numpy\(\), batch_index=(\d+)", text), re.findall(r"out\d+\.numpy\(batch_index=(\d+)", text)

        def run(feed, shapes):
            # Its converter takes such a model and writes parts of it as they stand, which layers of float32 read as something else.
            if any(value.dtype == np.float64 for value in feed.values()):
                raise RuntimeError("it has no float64")
            with net.create_extractor() as extractor:
                for at, (value, axis) in enumerate(zip(feed.values(), given)):
                    value = np.ascontiguousarray(value, np.float32 if value.dtype.kind == "f" else None)
                    extractor.input(f"in{at}", n.Mat(value, batch_index=int(axis)).clone())
                found = []
                for at, axis in enumerate(wanted):
                    failed, value = extractor.extract(f"out{at}")
                    if failed:
                        raise RuntimeError("a layer failed")
                    found.append(np.array(value.numpy(batch_index=int(axis))))
                return found

        return run

    return load


def feeds_of(feed):
    """Values as JSON; of float16 the bits."""
    bits = {name: value.view(np.uint16) if value.dtype == np.float16 else value for name, value in feed.items()}
    return {n: {"type": str(v.dtype), "dims": v.shape, "data": bits[n].ravel().tolist()} for n, v in feed.items()}


def arrays(answer):
    if "error" in answer:
        raise RuntimeError(answer["error"])
    halves = [value.get("half") for value in answer["ok"]]
    found = [np.array(value["data"], np.uint16 if half else np.float64) for value, half in zip(answer["ok"], halves)]
    found = [values.view(np.float16) if half else values for values, half in zip(found, halves)]
    return [values.reshape(value["dims"]) for values, value in zip(found, answer["ok"])]


def webgpu():
    import atexit
    import http.server
    import queue
    import threading

    here, jobs, answers, model = os.path.dirname(os.path.abspath(__file__)), queue.Queue(), queue.Queue(), {}
    dist = os.path.join(sys.prefix, "node_modules", "onnxruntime-web")

    class Handler(http.server.SimpleHTTPRequestHandler):
        extensions_map = {".mjs": "text/javascript", ".wasm": "application/wasm", "": "application/octet-stream"}

        def log_message(self, *words):
            pass

        def send(self, kind, content):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            if self.path == "/job":
                self.send("application/json", json.dumps({"feeds": jobs.get()}).encode())
            elif self.path == "/model":
                self.send("application/octet-stream", model["content"])
            elif self.path == "/":
                with open(os.path.join(here, "webgpu.html"), "rb") as file:
                    self.send("text/html", file.read())
            else:
                super().do_GET()

        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send("text/plain", b"")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *words: Handler(*words, directory=dist))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # An adapter in software, so that it runs anywhere.
    words = ["--headless", "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--disable-background-networking"]
    words += ["--no-first-run", f"--user-data-dir={tempfile.mkdtemp()}", f"http://127.0.0.1:{server.server_port}/"]
    browser = subprocess.Popen(["chromium", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(browser.terminate)

    def load(path):
        with open(path, "rb") as file:
            content = file.read()

        def run(feed, shapes):
            model["content"] = content
            jobs.put(feeds_of(feed))
            try:
                return arrays(answers.get(timeout=60))
            except queue.Empty:
                # The page is gone; `run.py` starts another.
                browser.kill()
                os._exit(1)

        return run

    return load


def spoken(words, others=()):
    """An engine behind a program that answers each line of JSON with one; values of the other types it takes as float32."""
    # The packages of npm lie in the folder of the environment.
    program = subprocess.Popen(words, cwd=sys.prefix, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def load(path):
        def run(feed, shapes):
            given = {n: value.astype(np.float32) if str(value.dtype) in others else value for n, value in feed.items()}
            program.stdin.write(json.dumps({"model": os.path.abspath(path), "feeds": feeds_of(given)}) + "\n")
            program.stdin.flush()
            return arrays(json.loads(program.stdout.readline()))

        return run

    return load


ENGINES = {
    "onnxruntime-off": lambda: onnxruntime("ORT_DISABLE_ALL"),
    "onnxruntime-basic": lambda: onnxruntime("ORT_ENABLE_BASIC"),
    "onnxruntime-all": lambda: onnxruntime("ORT_ENABLE_ALL"),
    "onnxruntime-web": lambda: spoken(["node", os.path.join(os.path.dirname(os.path.abspath(__file__)), "web.mjs")]),
    "onnxruntime-webgpu": webgpu,
    "openvino": openvino,
    "opencv-4": lambda: opencv(None),
    "opencv-5-classic": lambda: opencv("ENGINE_CLASSIC"),
    "opencv-5-new": lambda: opencv("ENGINE_NEW"),
    "tract": tract,
    "mnn": mnn,
    "tinygrad": tinygrad,
    "tvm": tvm,
    "iree": iree,
    "ncnn": ncnn,
    "litert": litert,
    "candle": lambda: spoken([os.path.join(sys.prefix, "candle", "release", "candle-worker")]),
    "rten": lambda: spoken([os.path.join(sys.prefix, "rten", "release", "rten-worker")], ("float16", "float64")),
}


def timed(load, job, feed):
    """Of runs in turns, each turn in another order, in processor time, as others may be on the machine: the first model's median
    in milliseconds, and of each model the median of its shares of what the first took in the same turn."""
    runs = [load(path) for path in job["models"]]
    rng, spent = np.random.default_rng(0), []
    end = time.monotonic() + job["seconds"]
    while time.monotonic() < end or len(spent) < 6:
        turn = [0.0] * len(runs)
        for at in rng.permutation(len(runs)):
            start = time.process_time()
            runs[at](feed, None)
            turn[at] = 1e3 * (time.process_time() - start)
        spent.append(turn)
    spent = np.array(spent[1:])
    shares = np.median(spent / spent[:, :1], axis=0)
    return {"ok": float(np.median(spent[:, 0])), "shares": shares.tolist(), "runs": len(spent)}


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
