"""What can be done with models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from . import _native, _reports
from ._command import command
from ._errors import Error, told
from ._models import carried
from ._reports import Check, Report, Result, Verdict

if TYPE_CHECKING:
    from typing import Literal

    Path = Union[str, os.PathLike[str]]
    Partial = Literal["never", "auto", "always"]
    Direction = Literal["backward", "forward", "both"]
    Lower = Literal["mul-add", "depthwise-conv"]
    Names = Union[str, Iterable[str]]
    Shapes = Mapping[str, Sequence[int]]

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
        "no_verify": _flag("no_verify", no_verify),
        "allow_unverified": _flag("allow_unverified", allow_unverified),
        "save_failure": _path(save_failure),
        "certificate": _path(certificate),
        "fsync": _flag("fsync", fsync),
        "external_data": _word("external_data", external_data),
        "runs": _runs(dim, input_shape, value_shape, inputs, seed, samples, tap, quick, timeout, memory),
        **_planning(
            assume_inference, freeze_initializers, positive_scales, inline, partial, no_branches, skip, only, direction, rules, lower,
            for_,
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
        "exact": _flag("exact", exact),
        "strict": _flag("strict", strict),
        "freeze_initializers": _flag("freeze_initializers", freeze_initializers),
        "certificate": _path(certificate),
        "save_failure": _path(save_failure),
        "runs": _runs(dim, input_shape, value_shape, inputs, seed, samples, tap, quick, timeout, memory),
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
    options = _planning(
        assume_inference, freeze_initializers, positive_scales, inline, partial, no_branches, skip, only, direction, rules, lower,
        for_,
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
    import subprocess

    one = isinstance(paths, (str, os.PathLike))
    all_paths: Iterable[Any] = [paths] if one else paths  # type: ignore[list-item,assignment]
    words = [command(), "check", "--format=json", "--color=never"]
    words += [word for word, given in (("--prove", prove), ("--strict", strict), ("--no-config", no_config)) if given]
    words += [f"--operators={name}" for name in _names("operators", operators)]
    words += [f"--allow={name}" for name in _names("allow", allow)]
    words += [] if max_growth is None else [f"--max-growth={max_growth}"]
    for option, path in (("baseline", baseline), ("config", config)):
        words += [] if path is None else [f"--{option}", os.fspath(path)]
    words += [*arguments, "--", *(os.fspath(path) for path in all_paths)]
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if not ended.stdout:
        said = ended.stderr.decode(errors="replace").strip().removeprefix("error: ") or f"ended with {ended.returncode}"
        raise Error(said, kind="Command", what=said)
    return _reports.check(_parsed(ended.stdout), ended.returncode)


def _planning(
    assume_inference: bool,
    freeze_initializers: bool,
    positive_scales: bool,
    inline: bool,
    partial: str,
    no_branches: bool,
    skip: Names,
    only: Names,
    direction: str,
    rules: Names,
    lower: Optional[str],
    for_: Names,
) -> Dict[str, Any]:
    return {
        "assume_inference": _flag("assume_inference", assume_inference),
        "freeze_initializers": _flag("freeze_initializers", freeze_initializers),
        "positive_scales": _flag("positive_scales", positive_scales),
        "inline": _flag("inline", inline),
        "partial": _one_of("partial", partial, ("never", "auto", "always")),
        "no_branches": _flag("no_branches", no_branches),
        "skip": _names("skip", skip),
        "only": _names("only", only),
        "direction": _one_of("direction", direction, ("backward", "forward", "both")),
        "rules": _names("rules", rules),
        "for": _names("for_", for_),
        "lower": None if lower is None else _one_of("lower", lower, ("mul-add", "depthwise-conv")),
    }


def _runs(
    dim: Optional[Mapping[str, int]],
    input_shape: Optional[Shapes],
    value_shape: Optional[Shapes],
    inputs: Optional[Path],
    seed: int,
    samples: int,
    tap: Names,
    quick: bool,
    timeout: int,
    memory: Optional[int],
) -> Dict[str, Any]:
    return {
        "dim": [(str(name), _number("dim", size, 1)) for name, size in (dim or {}).items()],
        "input_shape": _shapes("input_shape", input_shape),
        "value_shape": _shapes("value_shape", value_shape),
        "inputs": _path(inputs),
        "seed": _number("seed", seed, 0),
        "samples": _number("samples", samples, 1, 2**16 - 1),
        "tap": _names("tap", tap),
        "quick": _flag("quick", quick),
        "timeout": _number("timeout", timeout, 1),
        "memory": None if memory is None else _number("memory", memory, 1),
        "engine": command(),
    }


def _shapes(option: str, shapes: Optional[Shapes]) -> "list[Tuple[str, list[int]]]":
    return [(str(name), [_number(option, extent, 1) for extent in dims]) for name, dims in (shapes or {}).items()]


def _flag(option: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False, not {value!r}")
    return value


def _word(option: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{option}: a word or the name of a file is needed, not {value!r}")
    return value


def _number(option: str, value: object, least: int, most: int = 2**63 - 1) -> int:
    import operator

    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{option}: a whole number is needed, not {value!r}") from None
    if not least <= number <= most:
        raise ValueError(f"{option}: {number} is not from {least} to {most}")
    return number


def _names(option: str, value: Names) -> "list[str]":
    names = [value] if isinstance(value, str) else list(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{option}: names are needed, not {name!r}")
    return names


def _one_of(option: str, value: str, known: Tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{option} must be one of {', '.join(map(repr, known))}, not {value!r}")
    return value


def _path(path: Optional[Path]) -> Optional[str]:
    return None if path is None else os.fsdecode(os.fspath(path))


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
