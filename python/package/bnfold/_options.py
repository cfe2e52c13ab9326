"""Options, checked: they have the names of the command line, and a value of another type is a ``TypeError``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, TypedDict, Union

from ._command import command

if TYPE_CHECKING:
    from typing import Literal

    Path = Union[str, os.PathLike[str]]
    Partial = Literal["never", "auto", "always"]
    Direction = Literal["backward", "forward", "both"]
    Lower = Literal["mul-add", "depthwise-conv"]
    Names = Union[str, Iterable[str]]
    Shapes = Mapping[str, Sequence[int]]


class PlanningOptions(TypedDict, total=False):
    """What is folded."""

    assume_inference: bool
    freeze_initializers: bool
    positive_scales: bool
    inline: bool
    partial: Partial
    no_branches: bool
    normalizations: bool
    skip: Names
    only: Names
    direction: Direction
    rules: Names
    lower: Optional[Lower]
    for_: Names


class RunOptions(TypedDict, total=False):
    """How models are run."""

    dim: Optional[Mapping[str, int]]
    input_shape: Optional[Shapes]
    value_shape: Optional[Shapes]
    inputs: Optional[Path]
    seed: int
    samples: int
    tap: Names
    quick: bool
    timeout: int
    memory: Optional[int]


class SweepOptions(PlanningOptions, RunOptions, total=False):
    """All options of a sweep."""

    out_dir: Optional[Path]
    no_verify: bool
    jobs: int


def sweep_words(options: SweepOptions) -> List[str]:
    """The options of a sweep as words of the command line."""
    given: Dict[str, Any] = {**options}
    unknown = given.keys() - SweepOptions.__optional_keys__
    if unknown:
        raise TypeError(f"a sweep has no option {min(unknown)!r}")

    def part(kind: Any) -> Dict[str, Any]:
        return {name: given[name] for name in given if name in kind.__optional_keys__}

    checked = {
        **planning(**part(PlanningOptions)),
        **runs(**part(RunOptions)),
        "out_dir": decoded(given.get("out_dir")),
        "no_verify": flag("no_verify", given.get("no_verify", False)),
        "jobs": number("jobs", given.get("jobs", 1), 1, 2**16 - 1),
    }
    # A word of the language has a line behind it.
    plain = [name.rstrip("_") for name in given]
    return [one for name in plain for one in _words("--" + name.replace("_", "-"), checked[name])]


def listed(paths: Union[Path, Iterable[Path]]) -> List[str]:
    """One path or many, as the last words of a command."""
    some: Iterable[Any] = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    return ["--", *(os.fsdecode(path) for path in some)]


def _words(option: str, value: Any) -> Iterable[str]:
    if isinstance(value, bool) or value is None:
        return [option] if value else []
    values: Any = value
    if not isinstance(value, list):
        values = [value]
    return [f"{option}={_word(one)}" for one in values]


def _word(value: Union[str, int, Tuple[str, Union[int, List[int]]]]) -> str:
    if not isinstance(value, tuple):
        return str(value)
    name, sizes = value
    return f"{name}={sizes}" if isinstance(sizes, int) else f"{name}:{','.join(map(str, sizes))}"


def planning(
    assume_inference: bool = False,
    freeze_initializers: bool = False,
    positive_scales: bool = False,
    inline: bool = False,
    partial: str = "auto",
    no_branches: bool = False,
    normalizations: bool = False,
    skip: Names = (),
    only: Names = (),
    direction: str = "both",
    rules: Names = (),
    lower: Optional[str] = None,
    for_: Names = (),
) -> Dict[str, Any]:
    """What is folded, checked."""
    return {
        "assume_inference": flag("assume_inference", assume_inference),
        "freeze_initializers": flag("freeze_initializers", freeze_initializers),
        "positive_scales": flag("positive_scales", positive_scales),
        "inline": flag("inline", inline),
        "partial": _one_of("partial", partial, ("never", "auto", "always")),
        "no_branches": flag("no_branches", no_branches),
        "normalizations": flag("normalizations", normalizations),
        "skip": names("skip", skip),
        "only": names("only", only),
        "direction": _one_of("direction", direction, ("backward", "forward", "both")),
        "rules": names("rules", rules),
        "for": names("for_", for_),
        "lower": None if lower is None else _one_of("lower", lower, ("mul-add", "depthwise-conv")),
    }


def runs(
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
) -> Dict[str, Any]:
    """How models are run, checked."""
    return {
        "dim": [(str(name), number("dim", size, 1)) for name, size in (dim or {}).items()],
        "input_shape": _shapes("input_shape", input_shape),
        "value_shape": _shapes("value_shape", value_shape),
        "inputs": decoded(inputs),
        "seed": number("seed", seed, 0),
        "samples": number("samples", samples, 1, 2**16 - 1),
        "tap": names("tap", tap),
        "quick": flag("quick", quick),
        "timeout": number("timeout", timeout, 1),
        "memory": None if memory is None else number("memory", memory, 1),
        "engine": command(),
    }


def _shapes(option: str, shapes: Optional[Shapes]) -> "list[Tuple[str, list[int]]]":
    return [(str(name), [number(option, extent, 1) for extent in dims]) for name, dims in (shapes or {}).items()]


def flag(option: str, value: object) -> bool:
    """A switch."""
    if not isinstance(value, bool):
        raise TypeError(f"{option} must be True or False, not {value!r}")
    return value


def word(option: str, value: object) -> str:
    """A word."""
    if not isinstance(value, str):
        raise TypeError(f"{option}: a word or the name of a file is needed, not {value!r}")
    return value


def number(option: str, value: object, least: int, most: int = 2**63 - 1) -> int:
    """A whole number."""
    import operator

    try:
        whole = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{option}: a whole number is needed, not {value!r}") from None
    if not least <= whole <= most:
        raise ValueError(f"{option}: {whole} is not from {least} to {most}")
    return whole


def names(option: str, value: Names) -> "list[str]":
    """One name or many, as many."""
    all_names = [value] if isinstance(value, str) else list(value)
    given: List[Any] = [*all_names]
    for name in given:
        if not isinstance(name, str):
            raise TypeError(f"{option}: names are needed, not {name!r}")
    return all_names


def _one_of(option: str, value: str, known: Tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{option} must be one of {', '.join(map(repr, known))}, not {value!r}")
    return value


def decoded(path: Optional[Path]) -> Optional[str]:
    """A path as text."""
    return None if path is None else os.fsdecode(os.fspath(path))
