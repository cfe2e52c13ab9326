"""A sweep as tasks of Ray, on one machine or many: ``pip install 'bnfold[ray]'``.

    import bnfold.ray
    sweep = bnfold.ray.sweep("models", out_dir="folded")

    python -m bnfold.ray models --out-dir folded --workers 2

Ray decides which worker does what, and begins again what a lost worker had begun. Each task is ``bnfold sweep --shard K/N``, and
``bnfold sweep --merge`` puts the reports together. Every worker needs this package, and the same files under the same paths.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from ._command import answered
from ._errors import Error
from ._options import listed, number, sweep_words
from ._reports import Sweep, sweep as _report

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import Path, SweepOptions

try:
    # By name, since checkers of types may not have it.
    ray: Any = importlib.import_module("ray")
except ModuleNotFoundError as error:
    if error.name != "ray":
        raise
    raise ImportError("a sweep on many machines needs Ray; pip install 'bnfold[ray]'") from error

#: How many parts are done, how many there are, and what came out of the one that was done last.
Progress = Callable[[int, int, Sweep], None]
Answer = Tuple[bytes, str, int]

#: As many parts for each processor, so that no worker waits long for the last one and little is lost with a worker.
PARTS = 4


def sweep(
    paths: Union[Path, Iterable[Path]],
    *,
    parts: Optional[int] = None,
    max_retries: int = 3,
    progress: Optional[Progress] = None,
    **options: Unpack[SweepOptions],
) -> Sweep:
    """Folds and verifies every model in files, folders, patterns, like :func:`bnfold.sweep`, on the cluster that ``ray.init`` has
    found or started; without it, Ray finds or starts one.

    The models are swept in so many ``parts`` (four for each processor), each by a task that has ``jobs`` processors and is begun
    again up to ``max_retries`` times if its worker is lost. ``progress`` is called after each part.

    Raises:
        Error: bad usage, a part that was lost too often, workers with another version of bnfold.
        TypeError: an option is not known, or of another type.
    """
    words = [*sweep_words(options), *listed(paths)]
    report, said, status = _swept(words, "json", options.get("jobs", 1), parts, max_retries, progress)
    return _report(json.loads(report), said, status)


def _swept(
    words: Sequence[str], layout: str, jobs: int, parts: Optional[int], max_retries: int, progress: Optional[Progress]
) -> Answer:
    """Sweeps all parts and puts their reports together: what one machine would have answered."""
    if not ray.is_initialized():
        ray.init()
    processors = ray.cluster_resources().get("CPU", 1)
    of = max(1, int(PARTS * processors)) if parts is None else number("parts", parts, 1)
    task = ray.remote(_part).options(num_cpus=jobs, max_retries=number("max_retries", max_retries, 0), name="bnfold sweep")
    refs = {task.remote(list(words), part, of, os.getcwd()): part for part in range(1, of + 1)}
    beside: List[str] = []
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        for done, (part, host, (report, said, status)) in enumerate(_finished(refs, of), 1):
            # The name is told if the report cannot be merged.
            with open(os.path.join(folder, f"part-{part:05}-of-{of}-by-{host}.json"), "wb") as file:
                file.write(report)
            beside += said.splitlines()
            worst = _worse(worst, status)
            if progress:
                progress(done, of, _report(json.loads(report), said, status))
        report, _, status = answered(["sweep", "--merge", f"--format={layout}", *sorted(os.listdir(folder))], folder)
    return report, "\n".join(dict.fromkeys(beside)), _worse(worst, status)


def _part(words: Sequence[str], part: int, of: int, folder: str) -> Tuple[str, Answer]:
    """One part, on a worker: its machine, and what the command answered there."""
    host = socket.gethostname()
    if not os.path.isdir(folder):
        what, remedy = f"{host} has no folder {folder}", "start where every worker has the same files, as on a shared file system"
        raise Error(f"{what}; {remedy}", kind="Io", what=what, file=folder, remedy=remedy)
    return host, answered(["sweep", f"--shard={part}/{of}", "--format=json", *words], folder)


def _finished(refs: "dict[Any, int]", of: int) -> Iterator[Tuple[int, str, Answer]]:
    """Each part as soon as it is done; where one cannot be, the others are given up."""
    waiting = list(refs)
    try:
        while waiting:
            (ref,), waiting = ray.wait(waiting)
            host, answer = _answer(ref, f"{refs[ref]}/{of}")
            yield refs[ref], host, answer
    finally:
        for ref in waiting:
            ray.cancel(ref, force=True)


def _answer(ref: Any, part: str) -> Any:
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as failed:
        raise failed.cause from None
    except ray.exceptions.RayError as lost:
        what = f"part {part} was lost with its worker ({type(lost).__name__})"
        remedy = "Ray's log tells why; a larger `max_retries` begins it again more often"
        raise Error(f"{what}; {remedy}", kind="Command", what=what, remedy=remedy) from lost


def _worse(one: int, other: int) -> int:
    """Of two exit statuses the one to end with: a finding first, as in the command."""
    return 1 if 1 in (one, other) else max(one, other)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command line: options of Ray here, all others are those of ``bnfold sweep``."""
    import argparse

    parser = argparse.ArgumentParser(
        "python -m bnfold.ray",
        usage="%(prog)s [--workers N] [--parts N] [--max-retries N] [options of `bnfold sweep`] PATH...",
        description="Fold and verify every model under folders, as tasks of Ray.",
        epilog="All other options are those of `bnfold sweep`.",
        allow_abbrev=False,
    )
    parser.add_argument("--workers", type=int, metavar="N", help="start Ray here with N workers; else the cluster of RAY_ADDRESS is used")
    parser.add_argument("--parts", type=int, metavar="N", help="how many tasks; four for each processor by default")
    parser.add_argument("--max-retries", type=int, default=3, metavar="N", help="how often the task of a lost worker is begun again")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many models a task looks at at a time")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how the result is written")
    given, words = parser.parse_known_args(arguments)

    def told(done: int, of: int, part: Sweep) -> None:
        for model in part.models:
            print(f"{done}/{of} {model.outcome} {model.file} {model.message or ''}".rstrip(), file=sys.stderr)

    try:
        _started(given.workers)
        words = [f"--jobs={given.jobs}", *words]
        report, said, status = _swept(words, given.format, given.jobs, given.parts, given.max_retries, told)
    except (Error, ValueError, ConnectionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(said, end="\n" if said else "", file=sys.stderr)
    print(report.decode(), end="")
    return status


def _started(workers: Optional[int]) -> None:
    """Starts Ray on this machine, or joins a cluster."""
    if workers is None:
        ray.init(logging_level="warning")
        return
    # What a lost worker had started ends with it, and nothing is told to anybody.
    os.environ.setdefault("RAY_process_group_cleanup_enabled", "true")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address="local", num_cpus=number("workers", workers, 1), include_dashboard=False, logging_level="warning")


if __name__ == "__main__":
    # By its name, so that workers load it and not a copy.
    from bnfold.ray import main as run

    sys.exit(run())
