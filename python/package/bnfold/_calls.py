"""What can be done with models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, Mapping, Optional, Sequence, TypeVar, Union

from . import _native, _reports
from ._command import answered
from ._errors import Error, told
from ._models import carried
from ._options import decoded, flag, listed, names, planning, runs, sweep_words, word
from ._reports import Check, Report, Result, Sweep, Verdict

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._options import Direction, Lower, Names, Partial, Path, Shapes, SweepOptions

M = TypeVar("M")


def fold(
    model: M,
    *,
    output: Optional[Path] = None,
    in_place: bool = False,
    external_data: str = "keep",
    no_verify: bool = False,
    allow_unverified: bool = False,
    save_failure: Optional[Path] = None,
    certificate: Optional[Path] = None,
    fsync: bool = False,
    assume_inference: bool = False,
    freeze_initializers: bool = False,
    positive_scales: bool = False,
    inline: bool = False,
    partial: Partial = "auto",
    no_branches: bool = False,
    normalizations: bool = False,
    skip: Names = (),
    only: Names = (),
    direction: Direction = "both",
    rules: Names = (),
    lower: Optional[Lower] = None,
    for_: Names = (),
    dim: Optional[Mapping[str, int]] = None,
    input_shape: Optional[Shapes] = None,
    value_shape: Optional[Shapes] = None,
    inputs: Optional[Path] = None,
    seed: int = 0,
    samples: int = 1,
    tap: Names = (),
    quick: bool = False,
    timeout: int = 600,
    memory: Optional[int] = None,
) -> Result[M]:
    """Folds a model, shows that the result computes the same, and gives it back as what it was.

    A path needs ``output`` or ``in_place``; all else comes back in ``Result.model`` and is itself never changed. ``external_data``
    says where a file's weights in side files go: ``"keep"``, ``"share"``, ``"inline"``, or the name of one side file. What cannot be
    folded stays (``Result.kept``), and so does what is not shown to be right (``Result.left_out``).

    Raises:
        UnverifiedError: the result was not shown to be right; nothing was written.
        Error: the model cannot be read, an option names what it has not, the result cannot be written.
        TypeError: this is no model.
    """
    subject, back = carried(model)
    options: Dict[str, Any] = {
        "no_verify": flag("no_verify", no_verify),
        "allow_unverified": flag("allow_unverified", allow_unverified),
        "save_failure": decoded(save_failure),
        "certificate": decoded(certificate),
        "fsync": flag("fsync", fsync),
        "external_data": word("external_data", external_data),
        "runs": runs(dim, input_shape, value_shape, inputs, seed, samples, tap, quick, timeout, memory),
        **planning(
            assume_inference, freeze_initializers, positive_scales, inline, partial, no_branches, normalizations, skip, only,
            direction, rules, lower, for_,
        ),
    }
    if isinstance(subject, bytes):
        if output is not None or in_place:
            raise _usage("a model in memory comes back in `Result.model`", "leave `output` and `in_place` out")
        with told():
            result, report = _native.fold_bytes(subject, _json(options))
        return _reports.result(back(result), _parsed(report))
    if (output is None) is not in_place:
        raise _usage("a path needs a place for the result", "give either output=PATH or in_place=True")
    target = subject if output is None else os.fsdecode(os.fspath(output))
    with told():
        report = _native.fold_file(subject, None if output is None else target, _json(options))
    place: Any = target if isinstance(model, str) else _as_path(target)
    return _reports.result(place, _parsed(report))


def verify(
    before: object,
    after: object,
    *,
    exact: bool = False,
    strict: bool = False,
    freeze_initializers: bool = False,
    certificate: Optional[Path] = None,
    save_failure: Optional[Path] = None,
    dim: Optional[Mapping[str, int]] = None,
    input_shape: Optional[Shapes] = None,
    value_shape: Optional[Shapes] = None,
    inputs: Optional[Path] = None,
    seed: int = 0,
    samples: int = 1,
    tap: Names = (),
    quick: bool = False,
    timeout: int = 600,
    memory: Optional[int] = None,
) -> Verdict:
    """Judges whether two models compute the same, whoever made the second out of the first.

    That they differ is no exception but the answer: ``Verdict.ok``.

    Raises:
        Error: a model cannot be read, an option names what they have not.
        TypeError: one of them is no model, or one is a path and the other is not.
    """
    (one, _), (other, _) = carried(before, "before"), carried(after, "after")
    options = {
        "exact": flag("exact", exact),
        "strict": flag("strict", strict),
        "freeze_initializers": flag("freeze_initializers", freeze_initializers),
        "certificate": decoded(certificate),
        "save_failure": decoded(save_failure),
        "runs": runs(dim, input_shape, value_shape, inputs, seed, samples, tap, quick, timeout, memory),
    }
    with told():
        if isinstance(one, bytes) and isinstance(other, bytes):
            return _reports.verdict(_parsed(_native.verify_bytes(one, other, _json(options))))
        if isinstance(one, str) and isinstance(other, str):
            return _reports.verdict(_parsed(_native.verify_files(one, other, _json(options))))
    raise TypeError("before and after must both be paths or both be models in memory")


def inspect(
    model: object,
    *,
    assume_inference: bool = False,
    freeze_initializers: bool = False,
    positive_scales: bool = False,
    inline: bool = False,
    partial: Partial = "auto",
    no_branches: bool = False,
    normalizations: bool = False,
    skip: Names = (),
    only: Names = (),
    direction: Direction = "both",
    rules: Names = (),
    lower: Optional[Lower] = None,
    for_: Names = (),
) -> Report:
    """Says of each BatchNormalization and each other foldable map where it can go, or who refuses, why, and what you could change.

    Raises:
        Error: the model cannot be read, an option names what it has not.
        TypeError: this is no model.
    """
    subject, _ = carried(model)
    options = planning(
        assume_inference, freeze_initializers, positive_scales, inline, partial, no_branches, normalizations, skip, only,
            direction, rules, lower, for_,
    )
    with told():
        if isinstance(subject, bytes):
            return _reports.report(_parsed(_native.inspect_bytes(subject, _json(options))))
        return _reports.report(_parsed(_native.inspect_file(subject, _json(options))))


def check(
    paths: Union[Path, Iterable[Path]],
    *,
    prove: bool = False,
    strict: bool = False,
    operators: Names = (),
    allow: Names = (),
    max_growth: Optional[float] = None,
    baseline: Optional[Path] = None,
    config: Optional[Path] = None,
    no_config: bool = False,
    arguments: Sequence[str] = (),
) -> Check:
    """Looks for models in which something is left to fold: files, folders, patterns. This is ``bnfold check`` of the package.

    ``arguments`` are further options of the command, as words. Nothing is written.

    Raises:
        Error: bad usage. That a file cannot be read is part of the result.
    """
    words = ["check", "--format=json"]
    words += [word for word, given in (("--prove", prove), ("--strict", strict), ("--no-config", no_config)) if given]
    words += [f"--operators={name}" for name in names("operators", operators)]
    words += [f"--allow={name}" for name in names("allow", allow)]
    words += [] if max_growth is None else [f"--max-growth={max_growth}"]
    for option, path in (("baseline", baseline), ("config", config)):
        words += [] if path is None else [f"--{option}", os.fspath(path)]
    words += [*arguments, *listed(paths)]
    report, _, status = answered(words)
    return _reports.check(_parsed(report), status)


def sweep(paths: Union[Path, Iterable[Path]], **options: Unpack[SweepOptions]) -> Sweep:
    """Folds and verifies every model in files, folders, patterns. This is ``bnfold sweep`` of the package: each model has a process
    of its own, and one that breaks it is a line of the result.

    ``out_dir`` keeps the results, ``no_verify`` only folds, ``jobs`` models are looked at at a time; the other options are those
    of :func:`fold`. :mod:`bnfold.ray` does the same on many machines.

    Raises:
        Error: bad usage. What happens to a model is part of the result.
        TypeError: an option is not known, or of another type.
    """
    report, said, status = answered(["sweep", "--format=json", *sweep_words(options), *listed(paths)])
    return _reports.sweep(_parsed(report), said, status)


def _as_path(path: str) -> Any:
    import pathlib

    return pathlib.Path(path)


def _usage(what: str, remedy: str) -> Error:
    return Error(f"{what}; {remedy}", kind="Choice", what=what, remedy=remedy)


def _json(options: Mapping[str, Any]) -> str:
    import json

    return json.dumps(options)


def _parsed(report: Union[str, bytes]) -> Any:
    import json

    return json.loads(report)
