"""A sweep as tasks of Ray, on a cluster of two workers on this machine."""

import glob
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import bnfold

ray = pytest.importorskip("ray", reason="ray is not installed here: no sweep was run as its tasks")


@pytest.fixture(scope="module")
def cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Workers of such a cluster ignore how their children end.
    os.environ["RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper"] = "true"
    ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    yield
    ray.shutdown()
    del os.environ["RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper"]


@pytest.fixture
def models(fixture, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    for name in "ab":
        shutil.copy(fixture, tmp_path / "models" / f"{name}.onnx")
    (tmp_path / "models" / "text.onnx").write_text("no model")
    monkeypatch.chdir(tmp_path)
    return pathlib.Path("models")


def sweeping(folder):
    """The commands that sweep in a folder now: their numbers, those of the workers that started them, and their parts."""
    for place in glob.glob("/proc/[0-9]*"):
        try:
            words = pathlib.Path(place, "cmdline").read_text().split("\0")
            if any(word.startswith("--shard=") for word in words) and os.readlink(f"{place}/cwd") == str(folder):
                parent = pathlib.Path(place, "stat").read_text().rsplit(") ", 1)[1].split()[1]
                yield int(place.rpartition("/")[2]), int(parent), next(word for word in words if word.startswith("--shard="))
        except OSError:
            pass  # It has ended meanwhile.


class Killer(threading.Thread):
    """Ends the worker of the first part that it sees at work, and watches who works on it afterwards."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.killed, self.seen, self.done = folder, None, {}, threading.Event()

    def run(self):
        while not self.done.wait(0.01):
            for command, worker, part in sweeping(self.folder):
                self.seen.setdefault(part, set()).add(command)
                if self.killed is None:
                    os.kill(worker, signal.SIGKILL)
                    self.killed = part

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


def told(sweep):
    return [(model.file, model.outcome, model.message) for model in sweep.models]


def test_a_lost_worker_loses_nothing(cluster, models, tmp_path):
    import bnfold.ray

    parts = []
    with Killer(tmp_path) as killer:
        swept = bnfold.ray.sweep(models, parts=3, out_dir="out", quick=True, progress=lambda *said: parts.append(said))
    assert killer.killed and len(killer.seen[killer.killed]) >= 2, (killer.killed, killer.seen)
    whole = bnfold.sweep(models, quick=True)
    assert told(swept) == told(whole) and swept.status == whole.status == 2
    assert [model.outcome for model in swept.models] == ["unverified"] * 2 + ["failed"]
    assert [(done, of) for done, of, _ in parts] == [(done, 3) for done in range(1, 4)]
    assert sorted(model.file for _, _, part in parts for model in part.models) == [model.file for model in whole.models]
    assert all(pathlib.Path(model.result.model).exists() for model in swept.models[:2])


def test_what_is_lost_too_often_is_an_error(cluster, models, tmp_path):
    import bnfold.ray

    for name in "cdefgh":
        shutil.copy(models / "a.onnx", models / f"{name}.onnx")
    with Killer(tmp_path) as killer:
        with pytest.raises(bnfold.Error, match="was lost with its worker .*max_retries"):
            bnfold.ray.sweep(models, parts=9, quick=True, max_retries=0)
        # What waited for a worker is given up.
        quiet = 0
        while quiet < 20:
            time.sleep(0.1)
            quiet = 0 if list(sweeping(tmp_path)) else quiet + 1
    assert killer.killed and len(killer.seen) <= 4, killer.seen


def test_bad_usage_is_told_as_by_the_command(cluster, models):
    import bnfold.ray

    with pytest.raises(bnfold.Error, match="two models would be written here"):
        bnfold.ray.sweep([models, models], out_dir="out", parts=2)
    with pytest.raises(TypeError, match="no option 'shards'"):
        bnfold.ray.sweep(models, shards=2)
    with pytest.raises(ValueError, match="parts: 0"):
        bnfold.ray.sweep(models, parts=0)
    missing = bnfold.ray.sweep("missing", parts=2)
    assert missing.status == 2 and len(missing.errors) == 1 and not missing.models


def test_the_command_line(models):
    words = [sys.executable, "-m", "bnfold.ray", "models", "missing", "--workers=2", "--parts=2", "--no-verify", "--out-dir=out"]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == 2, ended
    assert ended.stdout.startswith("3 models: 0 ok, 2 unverified, 0 differ, 0 crashed, 1 failed"), ended
    assert "2/2 " in ended.stderr and "unverified models/a.onnx" in ended.stderr, ended
    assert ended.stderr.count("error: missing: cannot open") == 1, ended
    assert sorted(path.name for path in pathlib.Path("out").iterdir()) == ["a.onnx", "b.onnx"]
