#!/usr/bin/env python3
"""Mutants of the rooms that decide: draws some of all that cargo-mutants lists, and says which of them the quick tests miss.

    python benches/mutants.py [--number 800] [--seed 1] [--again missed] [--only TEXT] [--table]

What was found is kept in WORK/results.jsonl, so the same command goes on where it was stopped, and a larger `--number` adds to
it; 10000 is all. A build for each mutant would cost most of the time. So one build has hundreds: the body of a function that
has mutants is repeated for each, and `BNFOLD_MUTANT` chooses one when a test program starts. What does not compile is left out.
A run without a mutant, which must pass, tells which of them a program reaches; the other programs need not run. The few that
cannot be chosen so (constants, results of a type without a name) are built one by one. A mutant is known by the text of its
function: one that changes is drawn anew. Those that docs/mutants.md lists are equivalent. Needs cargo-mutants.
"""
import argparse
import collections
import hashlib
import json
import re
import subprocess
from pathlib import Path

from mutants_build import ROOT, Mutant, Tree

ROOMS = {  # Each with what its files match.
    "law": "src/law/**", "ops": "src/ops/**", "plan": "src/plan/**", "edit": "src/edit/**", "map": "src/map.rs",
    "model: shapes": "src/model/{shape.rs,computed.rs,computed/**}", "verify/certify": "src/verify/certify/**",
    "verify/compose": "src/verify/{compose.rs,compose/**}", "verify/pair": "src/verify/{pair.rs,pair/**}",
    "verify/trial": "src/verify/trial/**",
}
COLUMNS = ["caught", "timeout", "unviable", "missed", "equivalent", "open"]
BATCH = 800
DEAR, FIRST = 1.5, 8  # Seconds; tests.


def listed(seed):
    texts, found = {}, {}
    for room, glob in ROOMS.items():
        said = subprocess.run(["cargo", "mutants", "--list", "--json", "-f", glob], cwd=ROOT, check=True, capture_output=True)
        for entry in json.loads(said.stdout):
            if entry["file"] not in texts:
                text = (ROOT / entry["file"]).read_text()
                texts[entry["file"]] = (text, [0] + [i + 1 for i, c in enumerate(text) if c == "\n"])
            mutant = Mutant(entry, room, texts)
            place = hashlib.sha256(f"{seed} {mutant.key}".encode()).digest()
            while mutant.key in found:  # Constants of a file are not in a function.
                mutant.key = hashlib.sha256(mutant.key.encode()).hexdigest()[:10]
            found[mutant.key] = (place, len(found), mutant)
    return [mutant for *_, mutant in sorted(found.values())]


class Work:
    def __init__(self, folder):
        self.tree, self.record = Tree(folder / "tree"), folder / "results.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self.results, self.caught = {}, collections.Counter()
        if self.record.exists():
            self.results = {r["key"]: r for r in map(json.loads, self.record.read_text().splitlines())}
            self.caught.update(r["by"] for r in self.results.values() if r["outcome"] == "caught")

    def note(self, mutant, outcome, by=""):
        self.caught[by] += outcome == "caught"
        self.results[mutant.key] = entry = {"key": mutant.key, "name": mutant.name, "outcome": outcome, "by": by}
        with self.record.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        print(f"{mutant.key} {outcome:8} {mutant.name}" + (f"   {by}" if by else ""), flush=True)


def failing(work, mutant, programs, tests, **environment):
    """Runs tests, those of a program in one process, in which those that caught most come first. Returns whether one fails."""
    tests = sorted(tests, key=lambda t: (-work.caught[f"{t['program']}: {t['test']}"], t["seconds"]))
    cheap, dear = [t for t in tests if t["seconds"] < DEAR], [t for t in tests if t["seconds"] >= DEAR]
    parts = [[t for t in part if t["program"] == name] for part in (cheap[:FIRST], cheap[FIRST:]) for name in programs]
    for group in filter(None, parts + [[t] for t in sorted(dear, key=lambda t: t["seconds"])]):
        limit, name = 20 + 5 * sum(t["seconds"] for t in group), group[0]["program"]
        failed = work.tree.run(programs[name], [t["test"] for t in group], limit, **environment)
        if failed != "":
            work.note(mutant, "timeout" if failed is None else "caught", f"{name}: {failed or ''}")
            return True
    return False


def batch(work, mutants, numbers, wanted, again, only):
    outcome = lambda m: work.results.get(m.key, {}).get("outcome")
    together, wrong = work.tree.chosen([m for m in mutants if m.body and outcome(m) != "unviable"], numbers)
    for mutant in wrong:
        work.note(mutant, "unviable")
    programs, left = work.tree.programs(only), [m for m in mutants if wanted(m) and outcome(m) != "unviable"]
    for mutant in [m for m in left if outcome(m) == again]:
        work.results.pop(mutant.key)
    # What the tests reach stays true until a file changes.
    record = work.record.parent / "reached.json"
    known = json.loads(record.read_text()) if record.exists() else {}
    if (known.get("files"), known.get("programs")) != (work.tree.digest, list(programs)):
        known = {"files": work.tree.digest, "programs": list(programs), "tests": work.tree.measured(programs)}
        record.write_text(json.dumps(known))
    for name in programs:
        own = [t for t in known["tests"] if t["program"] == name]
        reached = {number for t in own for number in t["reached"]}
        print(f"{name}: {sum(t['seconds'] for t in own):.0f} s, reaches {len(reached)} of {len(together)}", flush=True)
    keys = {m.key for m in together}
    for dear, last in ((False, "open"), (True, "open" if only else "missed")):
        for mutant in [m for m in left if m.key in keys and (dear and outcome(m) == "open" or not dear and outcome(m) != "open")]:
            number = numbers[mutant.key]
            tests = [t for t in known["tests"] if number in t["reached"] and dear == (t["seconds"] >= DEAR)]
            if not failing(work, mutant, programs, tests, BNFOLD_MUTANT=str(number)):
                work.note(mutant, last)
    for mutant in [m for m in left if m.key not in keys]:
        work.tree.written({mutant.file: mutant.applied(0, len(mutant.text))})
        own = work.tree.programs(only, soon=True)
        if not own or not failing(work, mutant, own, known["tests"]):
            work.note(mutant, "missed" if own else "unviable")


def table(work, mutants):
    page = ROOT / "docs/mutants.md"
    equivalent = set(re.findall(r"^\| `([0-9a-f]{10})`", page.read_text(), re.M)) if page.exists() else set()
    counts = collections.defaultdict(collections.Counter)
    for mutant in mutants:
        outcome = work.results.get(mutant.key, {}).get("outcome", "left")
        for room in (mutant.room, "all"):
            counts[room]["drawn"] += 1
            counts[room]["equivalent" if outcome in ("missed", "open") and mutant.key in equivalent else outcome] += 1
    print("| room | drawn | " + " | ".join(COLUMNS) + " |\n| --- |" + " ---: |" * (len(COLUMNS) + 1))
    for room in [*ROOMS, "all"]:
        print(f"| {room} | " + " | ".join(str(counts[room][c]) for c in ["drawn", *COLUMNS]) + " |")
    return equivalent


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--number", type=int, default=800)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--again", default="", help="judge those once more that had this outcome")
    parser.add_argument("--only", default="", help="judge only those of which key, name contain this text")
    parser.add_argument("--programs", default="", help="with these tests alone, such as `lib,samples`, built soon")
    parser.add_argument("--table", action="store_true", help="only write the table")
    parser.add_argument("--work", type=Path, default=ROOT / "target/mutants")
    options = parser.parse_args()
    work, drawn = Work(options.work.resolve()), listed(options.seed)[:options.number]
    equivalent = table(work, drawn)
    numbers = {m.key: number for number, m in enumerate(drawn, 1)}
    wanted = lambda m: options.only in f"{m.key} {m.name}" and m.key not in equivalent and (
        work.results.get(m.key, {"outcome": "open"})["outcome"] in ("open", options.again))
    for first in range(0, 0 if options.table else len(drawn), BATCH):
        if any(map(wanted, drawn[first:first + BATCH])):
            batch(work, drawn[first:first + BATCH], numbers, wanted, options.again, options.programs.split(",") if options.programs else [])
            table(work, drawn)


if __name__ == "__main__":
    main()
