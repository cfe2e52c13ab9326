"""Many models: a sweep by the command of the package."""

import importlib
import json
import pathlib
import pickle
import re
import subprocess
import sys

import onnx
import pytest

import bnfold
from bnfold._command import answered, command


@pytest.fixture
def models(proto, tmp_path, monkeypatch):
    """Two that fold, a text file that is none, in a folder that is the current one."""
    (tmp_path / "models").mkdir()
    for name in ("a", "c"):
        onnx.save(proto, tmp_path / "models" / f"{name}.onnx")
    (tmp_path / "models" / "b.onnx").write_text("no model")
    monkeypatch.chdir(tmp_path)
    return pathlib.Path("models")


def test_every_model_has_its_line(models):
    sweep = bnfold.sweep([models, "missing"], out_dir="out", quick=True, dim={"N": 2}, jobs=2)
    assert [model.outcome for model in sweep.models] == ["well", "failed", "well"]
    well, failed, _ = sweep.models
    assert (well.file, well.result.folded.batch_normalizations, well.result.verdict.ok) == ("models/a.onnx", 1, True)
    assert [node.op_type for node in onnx.load(well.result.model).graph.node] == ["Conv"]
    assert failed.result is None and "text file" in failed.message
    assert not sweep.ok and sweep.status == 2 and "missing: cannot open" in sweep.errors[0]
    assert "models/b.onnx" in sweep._repr_html_() and "missing" in sweep._repr_html_()
    assert bnfold.sweep("models/a.onnx", skip="bn1").models[0].result.unchanged
    assert bnfold.sweep("models/a.onnx", no_verify=True).models[0].outcome == "unverified"


def test_a_program_that_ignores_its_children_hears_the_truth(models):
    code = "import bnfold, signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print(bnfold.check('models').status)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "2\n", ended


def test_options_of_a_sweep_are_those_of_the_command_line(models):
    from bnfold._options import SweepOptions

    help_of_sweep = subprocess.run([command(), "sweep", "--help"], capture_output=True, text=True).stdout
    flags = {flag.replace("-", "_") for flag in re.findall(r"--([a-z][a-z-]+)", help_of_sweep)}
    told_otherwise = {"help", "format", "quiet", "verbose", "color", "shard", "merge"}
    # `for` is a word of the language, and has a line behind it here.
    ours = {name.rstrip("_") for name in SweepOptions.__optional_keys__}
    assert flags - ours == told_otherwise
    assert bnfold.sweep(models, no_verify=True, for_="none").models
    with pytest.raises(bnfold.Error, match="there is no engine `nothing`"):
        bnfold.sweep(models, for_=["tract", "nothing"])
    assert ours <= flags
    # Values of every kind arrive.
    given = {"input_shape": {"x": (2, 3, 8, 8)}, "skip": ["a", "conv1"], "rules": ["Conv", "Relu"], "memory": 8 * 10**9, "partial": "never"}
    with pytest.raises(bnfold.Error, match="no model has a node `a`"):
        bnfold.sweep(models, **given)
    assert bnfold.sweep(models, **{**given, "skip": []}).models[0].result.verdict.ok
    with pytest.raises(TypeError, match="no option 'exact'"):
        bnfold.sweep(models, exact=True)
    with pytest.raises(TypeError, match="jobs"):
        bnfold.sweep(models, jobs="two")


def test_parts_of_other_versions_are_not_merged(models, tmp_path):
    parts = [answered(["sweep", f"--shard={part}/2", "--no-verify", "--format=json", "models"])[0] for part in (1, 2)]
    other = {**json.loads(parts[1]), "version": "0.0.1"}
    for name, part in [("one.json", parts[0]), ("two.json", json.dumps(other).encode())]:
        (tmp_path / name).write_bytes(part)
    with pytest.raises(bnfold.Error, match="two.json: this is a report of bnfold 0.0.1.*with one version"):
        answered(["sweep", "--merge", "--format=json", "one.json", "two.json"])


def test_errors_come_whole_from_another_process(proto):
    with pytest.raises(bnfold.Error) as raised:
        bnfold.fold(proto, skip="conv_1")
    again = pickle.loads(pickle.dumps(raised.value))
    assert type(again) is bnfold.Error and str(again) == str(raised.value) and vars(again) == vars(raised.value)


def test_without_ray_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "bnfold.ray", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'bnfold\[ray\]'"):
        importlib.import_module("bnfold.ray")
