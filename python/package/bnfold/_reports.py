"""What was found and done, as values. Names are those of the command line's JSON; ``raw`` is all of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Dict, Generic, Iterable, Mapping, Optional, Tuple, TypeVar

from ._html import page, table

M = TypeVar("M")
Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Census:
    """A model in numbers: main graph, nested graphs and functions together."""

    nodes: int
    batch_normalizations: int
    #: Elements of initializers and of Constant nodes.
    parameters: int
    #: Bytes of the model file and its side files.
    bytes: int


@dataclass(frozen=True)
class Folded:
    """How many nodes were folded."""

    batch_normalizations: int
    #: Other nodes that are affine maps.
    other: int
    #: BatchNormalization nodes of which an Add is left.
    partly: int
    #: BatchNormalization nodes that stay as other operators.
    replaced: int


@dataclass(frozen=True)
class Node:
    """A node as a person looks for it."""

    name: str
    operator: str


@dataclass(frozen=True)
class Refusal:
    """Why a map cannot go one way."""

    #: A stable word.
    reason: str
    #: The node that refused.
    node: Node
    sentence: str
    #: What you could change.
    advice: str


@dataclass(frozen=True)
class Site:
    """A node with a map, and what becomes of it."""

    name: str
    operator: str
    #: ``folded``, ``partly``, ``relieved``, ``replaced`` or ``kept``.
    status: str
    #: Where the map goes, if it goes anywhere: ``back`` or ``ahead``.
    direction: Optional[str]
    #: The nodes whose constants take it in.
    into: Tuple[Node, ...]
    #: The nodes that hand it on.
    through: Tuple[Node, ...]
    #: Why it cannot go back, or ahead; ``None`` where it is folded as a whole.
    back: Optional[Refusal]
    ahead: Optional[Refusal]


@dataclass(frozen=True)
class Kept:
    """Nodes that stay for one reason."""

    reason: str
    sentence: str
    advice: str
    #: The names of the BatchNormalization nodes.
    batch_normalizations: Tuple[str, ...]
    #: The names of other nodes that are affine maps.
    other: Tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """A node that was not folded because of the verdict."""

    node: str
    #: Whether the result was wrong with it; else it could not be judged.
    wrong: bool
    why: str


@dataclass(frozen=True)
class Difference:
    """A place where two models differ."""

    place: str
    what: str


@dataclass(frozen=True)
class VerdictSite:
    """A place where two models differ by a fold."""

    #: The value at which both models agree again.
    value: str
    before: Tuple[Node, ...]
    after: Tuple[Node, ...]
    #: ``equal-within-rounding``, ``not-judged`` or ``differs``.
    outcome: str
    reason: Optional[str]
    #: The largest difference in units of its limit (1.0 is the limit), if it was run.
    worst: Optional[float]


@dataclass(frozen=True)
class Verdict:
    """What was shown about two models."""

    #: ``equal``, ``equal-within-rounding``, ``not-judged`` or ``differs``.
    outcome: str
    #: ``own`` (each constant rounded once) or ``foreign`` (8 units).
    tier: str
    sites: Tuple[VerdictSite, ...]
    #: What shows that the models differ, beside what sites show.
    differences: Tuple[Difference, ...]
    #: Places where the files could not be matched; no evidence by itself.
    unmatched: Tuple[Difference, ...]
    raw: Raw = field(repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the models compute the same, to within rounding."""
        return self.outcome in ("equal", "equal-within-rounding")

    def _repr_html_(self) -> str:
        wrong = [site for site in self.sites if site.outcome in ("not-judged", "differs")]
        rows = [(site.outcome, site.value, ", ".join(n.operator for n in site.before), site.reason or "") for site in wrong]
        rows += [("differs", found.place, "", found.what) for found in self.differences]
        rows += [("not matched", found.place, "", found.what) for found in self.unmatched]
        head = table((), [("verdict", self.outcome.replace("-", " ")), ("folds", len(self.sites)), ("not right", len(wrong))])
        return page(head, table(("what", "where", "operators", "why"), rows) if rows else "")


@dataclass(frozen=True)
class Result(Generic[M]):
    """A folded model and what was done."""

    #: The model, as what it was given: for a path the path of the result.
    model: M
    #: Whether nothing was changed.
    unchanged: bool
    before: Census
    after: Census
    folded: Folded
    kept: Tuple[Kept, ...]
    left_out: Tuple[LeftOut, ...]
    sites: Tuple[Site, ...]
    #: What was shown about the result; ``None`` where nothing was judged.
    verdict: Optional[Verdict]
    seconds: float
    raw: Raw = field(repr=False, compare=False)

    def _repr_html_(self) -> str:
        counts = [(name, getattr(self.before, name), getattr(self.after, name)) for name in Census.__dataclass_fields__]
        said = self.verdict.outcome.replace("-", " ") if self.verdict else "not judged"
        folded = f"{self.folded.batch_normalizations} BatchNormalization, {self.folded.other} other"
        kept = [(k.reason, len(k.batch_normalizations) + len(k.other), k.sentence, k.advice) for k in self.kept]
        out = [("wrong" if left.wrong else "unverified", left.node, left.why) for left in self.left_out]
        return page(
            table((), [("folded", folded), ("verdict", said)]),
            table(("", "before", "after"), [(name.replace("_", " "), b, a) for name, b, a in counts]),
            table(("stays", "nodes", "why", "what you could do"), kept) if kept else "",
            table(("left out", "node", "found"), out) if out else "",
        )


@dataclass(frozen=True)
class Report:
    """What could be folded in a model, and why the rest stays."""

    file: str
    census: Census
    sites: Tuple[Site, ...]
    raw: Raw = field(repr=False, compare=False)

    def _repr_html_(self) -> str:
        def why(site: Site) -> str:
            refusals = [refusal for refusal in (site.back, site.ahead) if refusal]
            return "; ".join(f"{refusal.node.name}: {refusal.sentence}" for refusal in refusals)

        rows = [(s.name, s.operator, s.status, ", ".join(n.name for n in s.into), why(s)) for s in self.sites]
        return page(table(("node", "operator", "status", "into", "why not"), rows))


@dataclass(frozen=True)
class Warning:
    """Nodes that stay for a reason that is worth a look."""

    reason: str
    sentence: str
    advice: str
    nodes: Tuple[str, ...]


@dataclass(frozen=True)
class CheckedFile:
    """One file of a check."""

    file: str
    #: Nodes that could be folded.
    findings: Tuple[Site, ...]
    #: The command that folds them.
    command: Optional[str]
    warnings: Tuple[Warning, ...]
    #: Why what could be folded is no finding.
    unproved: Optional[str]
    #: Why the file could not be read.
    error: Optional[str]


@dataclass(frozen=True)
class Check:
    """What is left to fold in many models."""

    files: Tuple[CheckedFile, ...]
    #: The exit status of ``bnfold check``: 0 all well, 1 a finding, 2 a file that could not be read.
    status: int
    raw: Raw = field(repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether every file was read and nothing is left to fold."""
        return self.status == 0

    def _repr_html_(self) -> str:
        rows = [(file.file, len(file.findings), file.error or file.command or "") for file in self.files]
        return page(table(("file", "left to fold", "command or error"), rows))


@dataclass(frozen=True)
class SweptModel:
    """One model of a sweep."""

    file: str
    #: ``well``, ``unverified``, ``differs``, ``crashed`` (the program broke down) or ``failed`` (it cannot be read or written).
    outcome: str
    #: What the program said where there is no result.
    message: Optional[str]
    #: The fold; its model is the path of the result, where results are kept.
    result: Optional[Result[Optional[str]]]
    seconds: float


@dataclass(frozen=True)
class Sweep:
    """Many models, folded and verified."""

    models: Tuple[SweptModel, ...]
    #: What could not be looked at: paths that are not there, folders without models.
    errors: Tuple[str, ...]
    #: The exit status of ``bnfold sweep``: 0 all well, 1 a model differs or broke the program, 2 something could not be read.
    status: int
    raw: Raw = field(repr=False, compare=False)

    @property
    def ok(self) -> bool:
        """Whether everything was read and no model differs."""
        return self.status == 0

    def _repr_html_(self) -> str:
        rows = [(m.file, m.outcome, m.message or "", f"{m.seconds:.1f} s") for m in self.models]
        rows += [(error, "failed", "", "") for error in self.errors]
        return page(table(("file", "outcome", "message", "time"), rows))


def _node(raw: Raw) -> Node:
    return Node(raw["name"], raw["operator"])


def _nodes(raw: Iterable[Raw]) -> Tuple[Node, ...]:
    return tuple(_node(node) for node in raw)


def _refusal(raw: Optional[Raw]) -> Optional[Refusal]:
    return None if raw is None else Refusal(raw["reason"], _node(raw["node"]), raw["sentence"], raw["advice"])


def site(raw: Raw) -> Site:
    """One of `sites` or `findings`."""
    return Site(
        name=raw["name"],
        operator=raw["operator"],
        status=raw["status"],
        direction=raw.get("direction"),
        into=_nodes(raw.get("into", ())),
        through=_nodes(raw.get("through", ())),
        back=_refusal(raw.get("back")),
        ahead=_refusal(raw.get("ahead")),
    )


def verdict(raw: Raw) -> Verdict:
    """A verdict."""

    def differences(key: str) -> Tuple[Difference, ...]:
        return tuple(Difference(found["place"], found["what"]) for found in raw.get(key, ()))

    sites = tuple(
        VerdictSite(s["value"], _nodes(s["before"]), _nodes(s["after"]), s["outcome"], s["reason"], s["worst"])
        for s in raw["sites"]
    )
    return Verdict(raw["outcome"], raw["tier"], sites, differences("differences"), differences("unmatched"), raw)


def census(raw: Raw) -> Census:
    """Counts over a model."""
    return Census(raw["nodes"], raw["batch_normalizations"], raw["parameters"], raw["bytes"])


def result(model: M, raw: Raw) -> Result[M]:
    """The report of a fold."""
    f = raw["folded"]
    kept = tuple(
        Kept(k["reason"], k["sentence"], k["advice"], tuple(k["batch_normalizations"]), tuple(k["other"])) for k in raw["kept"]
    )
    return Result(
        model=model,
        unchanged=raw["unchanged"],
        before=census(raw["before"]),
        after=census(raw["after"]),
        folded=Folded(f["batch_normalizations"], f["other"], f["partly"], f["replaced"]),
        kept=kept,
        left_out=tuple(LeftOut(left["node"], left["wrong"], left["why"]) for left in raw["left_out"]),
        sites=tuple(site(s) for s in raw["sites"]),
        verdict=None if raw["verdict"] is None else verdict(raw["verdict"]),
        seconds=raw["seconds"],
        raw=raw,
    )


def report(raw: Raw) -> Report:
    """The report of an inspection."""
    return Report(raw["file"], census(raw["census"]), tuple(site(s) for s in raw["sites"]), raw)


def check(raw: Dict[str, Any], status: int) -> Check:
    """The report of a check."""

    def warning(w: Raw) -> Warning:
        return Warning(w["reason"], w["sentence"], w["advice"], tuple(w["nodes"]))

    files = tuple(
        CheckedFile(
            file=f["file"],
            findings=tuple(site(s) for s in f["findings"]),
            command=f["command"],
            warnings=tuple(warning(w) for w in f.get("warnings", ())),
            unproved=f.get("unproved"),
            error=f["error"],
        )
        for f in raw["files"]
    )
    return Check(files, status, raw)


def sweep(raw: Raw, said: str, status: int) -> Sweep:
    """The report of a sweep, and what was said beside it."""

    def fold(f: Optional[Raw]) -> Optional[Result[Optional[str]]]:
        # What is not kept is in a folder that is gone.
        return None if f is None else result(f["output"] if os.path.exists(f["output"]) else None, f)

    models = tuple(SweptModel(m["file"], m["outcome"], m["message"], fold(m["report"]), m["seconds"]) for m in raw["models"])
    errors = dict.fromkeys(line.removeprefix("error: ") for line in said.splitlines())
    return Sweep(models, tuple(errors), status, raw)
