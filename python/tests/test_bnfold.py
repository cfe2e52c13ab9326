"""The package as a user meets it, in an environment in which the built wheel is installed."""

import copy
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import onnx
import pytest

import bnfold
from bnfold._command import command

ROOT = pathlib.Path(__file__).parents[2]


def operators(model: onnx.ModelProto) -> list:
    return [node.op_type for node in model.graph.node]


def test_a_path_becomes_a_file(proto, tmp_path):
    before, after = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(proto, before)
    result = bnfold.fold(before, output=after)
    assert result.model == after and isinstance(result.model, pathlib.Path)
    assert operators(onnx.load(after)) == ["Conv"]
    assert result.folded.batch_normalizations == 1 and result.verdict.outcome == "equal-within-rounding"
    assert isinstance(bnfold.fold(str(before), output=str(after)).model, str)
    assert bnfold.verify(before, after, exact=True).ok
    assert bnfold.fold(before, in_place=True).model == before
    assert operators(onnx.load(before)) == ["Conv"]
    assert bnfold.fold(before, in_place=True).unchanged


def test_bytes_come_back_as_bytes(proto):
    data = proto.SerializeToString()
    result = bnfold.fold(data)
    assert type(result.model) is bytes and len(result.model) == result.after.bytes
    assert bnfold.fold(result.model).model is result.model, "unchanged is the same"
    assert bnfold.fold(data, no_verify=True).model == result.model
    assert type(bnfold.fold(bytearray(data)).model) is bytearray


def test_a_proto_comes_back_as_a_proto_and_stays_as_it_was(proto):
    before = copy.deepcopy(proto)
    result = bnfold.fold(proto)
    assert operators(result.model) == ["Conv"] and proto == before
    onnx.checker.check_model(result.model)
    assert bnfold.verify(proto, result.model).ok
    assert bnfold.fold(result.model).model is result.model


def test_onnx_ir_comes_back_as_onnx_ir(proto):
    onnx_ir = pytest.importorskip("onnx_ir")
    model = onnx_ir.from_proto(proto)
    result = bnfold.fold(model)
    assert isinstance(result.model, onnx_ir.Model)
    assert [node.op_type for node in result.model.graph] == ["Conv"]
    assert bnfold.inspect(model).sites[0].status == "folded"


@pytest.mark.parametrize("dynamo, external", [(True, False), (True, True), (False, False)])
def test_what_torch_exports_is_folded(tmp_path, dynamo, external):
    torch = pytest.importorskip("torch", reason="torch is not installed here: no real export was folded")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed here: torch exports nothing without it")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU()).eval()
    example, file = torch.rand(1, 3, 8, 8), tmp_path / "a.onnx"
    # With its optimisation, or without `dynamo` its folding of constants, the exporter folds this itself.
    options = {"optimize": False, "external_data": external} if dynamo else {"do_constant_folding": False}
    program = torch.onnx.export(net, (example,), file, dynamo=dynamo, **options)
    assert (tmp_path / "a.onnx.data").exists() == external
    result = bnfold.fold(file, output=tmp_path / "b.onnx")
    assert result.verdict.ok and "BatchNormalization" not in operators(onnx.load(tmp_path / "b.onnx"))
    if dynamo:
        # In memory it comes back as a program, which computes what the net does.
        folded = bnfold.fold(program).model
        assert type(folded) is type(program)
        assert "BatchNormalization" not in [node.op_type for node in folded.model.graph]


def test_inspect_says_who_refuses(proto):
    del proto.graph.node[0]
    proto.graph.node[0].input[0] = "x"
    site = bnfold.inspect(proto).sites[0]
    assert (site.name, site.status) == ("bn1", "kept")
    assert site.back.reason == "graph-input" and site.back.advice


def test_a_wrong_fold_differs(proto):
    folded = bnfold.fold(proto).model
    bias = next(tensor for tensor in folded.graph.initializer if len(tensor.dims) == 1)
    values = onnx.numpy_helper.to_array(bias).copy()
    values[0] += 0.01
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    verdict = bnfold.verify(proto, folded)
    assert verdict.outcome == "differs" and not verdict.ok
    assert verdict.sites[0].value == "y" and "differs" in verdict._repr_html_()


def test_a_failure_is_saved_and_a_certificate_written(proto, tmp_path):
    wrong = copy.deepcopy(proto)
    wrong.CopyFrom(bnfold.fold(proto, certificate=tmp_path / "c.json").model)
    assert (tmp_path / "c.json").stat().st_size > 500
    tensor = wrong.graph.initializer[0]
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * 1.5, tensor.name))
    assert not bnfold.verify(proto, wrong, save_failure=tmp_path / "saved").ok
    assert (tmp_path / "saved" / "before.onnx").exists()


def test_check_looks_at_folders(proto, tmp_path):
    onnx.save(proto, tmp_path / "a.onnx")
    onnx.save(bnfold.fold(proto).model, tmp_path / "b.onnx")
    (tmp_path / "c.onnx").write_bytes(b"")
    check = bnfold.check(tmp_path, no_config=True)
    by_name = {pathlib.Path(file.file).name: file for file in check.files}
    assert not check.ok and check.status == 2
    assert by_name["a.onnx"].findings[0].name == "bn1" and "bnfold fold" in by_name["a.onnx"].command
    assert by_name["b.onnx"].findings == () and "empty" in by_name["c.onnx"].error
    with pytest.raises(bnfold.Error, match="--nonsense"):
        bnfold.check([tmp_path], arguments=["--nonsense"])


def test_options_have_the_names_of_the_command_line(proto):
    result = bnfold.fold(proto, skip="bn1", quick=True)
    assert result.unchanged and result.kept[0].reason == "left-out"
    assert bnfold.fold(proto, dim={"N": 2}, samples=2, seed=3).verdict.ok
    assert bnfold.fold(proto, input_shape={"x": (2, 3, 8, 8)}, partial="never", direction="backward", rules=["Conv"]).verdict.ok
    help_of_fold = subprocess.run([command(), "fold", "--help"], capture_output=True, text=True).stdout
    flags = {flag.replace("-", "_") for flag in re.findall(r"--([a-z][a-z-]+)", help_of_fold)}
    import inspect

    # `for` is a word of the language, and has a line behind it here.
    ours = {name.rstrip("_") for name in inspect.signature(bnfold.fold).parameters} - {"model"}
    told_otherwise = {"help", "format", "quiet", "verbose", "color"}
    assert ours <= flags, ours - flags
    assert flags - ours <= told_otherwise | {"out_dir", "dry_run", "diff", "jobs"}, flags - ours


@pytest.mark.parametrize(
    "options, kind, text",
    [
        ({"skip": ["conv_1"]}, "Choice", "conv1"),
        ({"dim": {"n": 2}}, "Choice", "`N`"),
        ({"inputs": "no/such.npz"}, "Io", "no/such.npz"),
        ({"output": "x.onnx"}, "Choice", "in memory"),
    ],
)
def test_what_cannot_be_had_is_an_error_with_a_remedy(proto, options, kind, text):
    with pytest.raises(bnfold.Error) as raised:
        bnfold.fold(proto, **options)
    error = raised.value
    assert error.kind == kind and error.remedy and text in str(error), error
    assert "/tmp/" not in str(error), "a place that the user has never seen"


@pytest.mark.parametrize("model", [None, 3, object(), ["a.onnx"], {"a": 1}])
def test_what_is_no_model_is_a_type_error(model):
    with pytest.raises(TypeError, match="must be a path, bytes"):
        bnfold.fold(model)
    with pytest.raises(TypeError, match="after must be"):
        bnfold.verify(b"", model)


def test_wrong_types_of_options(proto):
    for options in [{"quick": "yes"}, {"seed": 1.5}, {"skip": [3]}, {"dim": {"N": "x"}}]:
        with pytest.raises(TypeError, match=next(iter(options))):
            bnfold.fold(proto, **options)
    for options in [{"partial": "sometimes"}, {"samples": 0}, {"dim": {"N": 0}}, {"lower": "Conv"}]:
        with pytest.raises(ValueError, match=next(iter(options))):
            bnfold.fold(proto, **options)
    with pytest.raises(bnfold.Error, match="no engine `openvimo`"):
        bnfold.fold(proto, for_="openvimo")
    assert bnfold.fold(proto, for_=["mnn", "tract@0.23"]).raw["engines"]["asked"] == ["mnn", "tract@0.23.9"]
    with pytest.raises(TypeError, match="both be paths"):
        bnfold.verify("a.onnx", proto)
    with pytest.raises(bnfold.Error, match="in_place=True"):
        bnfold.fold("a.onnx")


def test_broken_bytes_and_side_files_are_named(proto, tmp_path):
    for data, text in [(b"", "empty"), (b"nonsense", "text file"), (proto.SerializeToString()[:-40], "model in memory")]:
        with pytest.raises(bnfold.Error, match=text) as raised:
            bnfold.fold(data)
        assert raised.value.file == "model in memory"
    with pytest.raises(bnfold.Error, match="check the path"):
        bnfold.inspect(tmp_path / "missing.onnx")
    onnx.save(proto, tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    with pytest.raises(bnfold.Error, match="side file `a.data`") as raised:
        bnfold.fold(onnx.load(tmp_path / "a.onnx", load_external_data=False))
    assert raised.value.kind == "ExternalData" and "path" in raised.value.remedy
    assert bnfold.fold(tmp_path / "a.onnx", output=tmp_path / "b.onnx").folded.batch_normalizations == 1


def test_weights_in_side_files_go_where_they_are_wanted(proto, tmp_path):
    def names():
        return sorted(path.name for path in tmp_path.iterdir())

    onnx.save(copy.deepcopy(proto), tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    for place, brings in [("keep", ["b.onnx.data"]), ("share", ["b.onnx.data"]), ("inline", []), ("b.weights", ["b.weights"])]:
        result = bnfold.fold(tmp_path / "a.onnx", output=tmp_path / "b.onnx", external_data=place)
        assert names() == sorted(["a.data", "a.onnx", "b.onnx", *brings])
        assert bnfold.verify(tmp_path / "a.onnx", result.model, exact=True).ok
        onnx.checker.check_model(str(result.model))
        for name in ["b.onnx", *brings]:
            (tmp_path / name).unlink()
    with pytest.raises(bnfold.Error, match="would replace one of the input"):
        bnfold.fold(tmp_path / "a.onnx", output=tmp_path / "b.onnx", external_data="a.data")
    with pytest.raises(bnfold.Error, match="has no folder"):
        bnfold.fold(proto, external_data="b.data")
    assert bnfold.fold(proto, external_data="share").folded.batch_normalizations == 1
    with pytest.raises(ValueError, match="external_data: `shared` is neither"):
        bnfold.fold(proto, external_data="shared")
    with pytest.raises(TypeError, match="external_data"):
        bnfold.fold(proto, external_data=None)


def test_what_is_not_shown_to_be_right_is_none(proto):
    proto.opset_import.append(onnx.helper.make_opsetid("vendor", 1))
    proto.graph.node.insert(0, onnx.helper.make_node("Loop", ["x"], ["z"], domain="vendor"))
    proto.graph.node[1].input[0] = "z"
    result = bnfold.fold(proto)
    assert result.verdict is None or result.verdict.ok


def test_a_foreign_command_is_never_started(proto, monkeypatch, tmp_path):
    fake = tmp_path / "bnfold"
    fake.write_text("#!/bin/sh\ntouch " + str(tmp_path / "started"))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bnfold.fold(proto).verdict.ok
    assert not (tmp_path / "started").exists()
    assert pathlib.Path(command()).name == "bnfold" and command() != sys.executable


def test_a_program_that_ignores_its_children_is_answered(proto, tmp_path):
    model = tmp_path / "m.onnx"
    onnx.save(proto, model)
    ignoring = "import bnfold, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
    code = f"{ignoring}; print(bnfold.fold({str(model)!r}, output={str(tmp_path / 'o.onnx')!r}).folded.batch_normalizations)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "1\n", ended


def test_the_lock_is_released(fixture):
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.wait(0.002):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.perf_counter()
    bnfold.fold(fixture.read_bytes(), quick=True)
    ended = time.perf_counter()
    stop.set()
    thread.join()
    assert sum(started < t < ended for t in ticks) > (ended - started) / 0.02, "the other thread stood still"


def test_notebooks_show_tables_and_names_are_escaped(proto):
    proto.graph.node[1].name = "<script>"
    result = bnfold.fold(proto, skip="<script>")
    html = bnfold.inspect(proto)._repr_html_()
    assert "&lt;script&gt;" in html and "<script>" not in html
    assert "<table>" in result._repr_html_() and "left-out" in result._repr_html_()


def test_the_lines_of_the_readme(tmp_path, monkeypatch):
    text = (ROOT / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    shutil.copy(ROOT / "fixtures" / "ppocr_cls.onnx", tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    names = {"model": onnx.load("model.onnx")}
    exec(code, names)
    assert "BatchNormalization" not in operators(names["folded"])


def test_the_cookbook(tmp_path, monkeypatch):
    """What `docs/python.md` shows as Python runs as it stands there; what needs more than is installed is only compiled."""
    text = (ROOT / "docs" / "python.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    shutil.copytree(ROOT / "fixtures", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    ran = 0
    for code in blocks:
        compiled = compile(code, "docs/python.md", "exec")
        needed = [name for name in re.findall(r"^import (\w+)", code, re.M) if name in ("torch", "ray")]
        if "bnfold.ray" in code or any(importlib.util.find_spec(name) is None for name in needed):
            continue
        names = {}
        exec(compiled, names)
        for name in [name for name in names if name.startswith("test_")]:
            ids = names[name].pytestmark[0].args[1]
            assert ids
            names[name](ids[0])
        ran += 1
    assert ran >= 2 and len(blocks) >= 4


def test_it_starts_quickly():
    def best(words):
        times = []
        for _ in range(7):
            started = time.perf_counter()
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - started)
        return min(times)

    plain = best([sys.executable, "-c", "pass"])
    importing = best([sys.executable, "-c", "import bnfold"]) - plain
    version = best([command(), "--version"])
    print(f"import bnfold {importing * 1000:.1f} ms, bnfold --version {version * 1000:.1f} ms")
    assert importing < 0.05 and version < 0.025, (importing, version)


def test_types():
    """The package is typed, and says so to checkers that are installed."""
    folder = pathlib.Path(bnfold.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_native.pyi").exists()
    checked = 0
    package = ROOT / "python"
    for words in (
        ["mypy", "--strict", str(package / "tests" / "typed.py")],
        ["mypy", "--config-file", str(package / "pyproject.toml"), str(package / "package")],
        ["pyright", str(package / "tests" / "typed.py")],
        ["pyright", "--project", str(package), "--pythonpath", sys.executable],
    ):
        program = pathlib.Path(sys.prefix) / "bin" / words[0]
        if program.exists():
            environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
            ended = subprocess.run([str(program), *words[1:]], capture_output=True, text=True, env=environment)
            assert ended.returncode == 0, ended.stdout
            checked += 1
    if not checked:
        pytest.skip("neither mypy nor pyright is installed here")
