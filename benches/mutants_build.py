"""What benches/mutants.py builds and runs: a copy of the repository in which many mutants can be chosen, one at a time."""
import collections
import hashlib
import json
import os
import re
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The cheap ones first: a mutant is done with the first test that fails.
PROGRAMS = ["lib", "samples", "folding", "random_graphs", "lossless", "api", "verify", "measures", "replay", "mutation_study"]
MEMORY = 8 << 30
CHOICE = """
/// Whether a mutant is the chosen one; in a run without, notes which were asked for.
pub(crate) fn mutant(number: usize) -> bool {
    use std::{io::Write as _, sync::{LazyLock, atomic::{AtomicBool, Ordering}}};
    static CHOSEN: LazyLock<usize> = LazyLock::new(|| std::env::var("BNFOLD_MUTANT").map_or(0, |n| n.parse().unwrap_or(0)));
    static FILE: LazyLock<Option<std::ffi::OsString>> = LazyLock::new(|| std::env::var_os("BNFOLD_MUTANTS_REACHED"));
    static SEEN: [AtomicBool; 20000] = [const { AtomicBool::new(false) }; 20000];
    if let Some(file) = &*FILE && !SEEN[number].swap(true, Ordering::Relaxed) {
        let _ = std::fs::File::options().append(true).create(true).open(file).map(|mut f| f.write_all(format!("{number}\\n").as_bytes()));
    }
    number == *CHOSEN
}
"""


class Mutant:
    def __init__(self, entry, room, texts):
        self.room, self.file, self.name = room, entry["file"], entry["name"]
        self.text, starts = texts[self.file]
        at = lambda place: starts[place["line"] - 1] + place["column"] - 1
        self.start, self.end, self.replacement = at(entry["span"]["start"]), at(entry["span"]["end"]), entry["replacement"]
        function, self.body, self.boxed = entry.get("function"), None, None
        around = (self.start, self.end)
        if function:
            around = (at(function["span"]["start"]), at(function["span"]["end"]))
            head = re.compile(r"\bfn\s+" + re.escape(function["function_name"].rsplit("::", 1)[-1]) + r"\b").search(self.text, *around)
            opened = self.text.find("{", head.end()) if head else -1
            if head and opened < self.start and self.end < around[1] and self.text[:head.start()].split()[-1] != "const":
                self.body = (opened + 1, around[1] - 1)
            # Iterators of several types are one behind a pointer.
            made = re.fullmatch(r"-> impl (.*?)(?:\s*\+\s*(?:use<.*>|'\w+))*", (function["return_type"] or ""))
            self.boxed = made and f"Box<dyn {made[1]} + '_>"
        said = [self.file, self.text[slice(*around)], str(self.start - around[0]), str(self.end - self.start), self.replacement]
        self.key = hashlib.sha256("\0".join(said).encode()).hexdigest()[:10]

    def applied(self, start, end):
        return self.text[start:self.start] + self.replacement + self.text[self.end:end]


def switched(mutants, numbers):
    """The text of a file in which each of its mutants can be chosen, and the lines of each."""
    text, at, out, lines = mutants[0].text, 0, "", {}
    bodies = collections.defaultdict(list)
    for mutant in mutants:
        bodies[mutant.body].append(mutant)
    for start, end in sorted(bodies):
        if start < at:
            continue  # A function within another: seen as one that cannot be chosen.
        out += text[at:start]
        for mutant in bodies[start, end]:
            first, boxed = out.count("\n") + 1, mutant.boxed
            whole = lambda body: f"Box::new({{{body}}}) as {boxed}" if boxed else body
            out += f" if crate::mutant({numbers[mutant.key]}) {{{whole(mutant.applied(start, end))}}} else"
            lines[mutant.key] = (first, out.count("\n") + 1)
        out += " {" + whole(text[start:end]) + "}"
        at = end
    return out + text[at:], lines


class Tree:
    def __init__(self, folder):
        self.folder, self.digest = folder, ""

    def written(self, changed):
        """Brings the copy up to date; a file that stays as it is keeps its time."""
        files = hashlib.sha256()
        for name in subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0"):
            source, target = ROOT / name, self.folder / name
            if not name or not source.is_file():
                continue
            wanted = changed[name].encode() if name in changed else source.read_bytes()
            files.update(name.encode() + b"\0" + wanted + b"\0")
            if not target.exists() or target.read_bytes() != wanted:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(wanted)
                target.chmod(source.stat().st_mode)
        self.digest = files.hexdigest()

    def cargo(self, *arguments, soon=False):
        """Hundreds in one build are worth that it is optimised a little; what is built for one shall be there `soon`."""
        command = ["cargo", "--config", f"profile.dev.package.bnfold.opt-level={0 if soon else 1}", *arguments, "--message-format=json"]
        environment = os.environ | {"CARGO_INCREMENTAL": str(int(soon)), "CARGO_PROFILE_DEV_DEBUG": "false",
                                    "CARGO_TARGET_DIR": str(ROOT / "target")}
        done = subprocess.run(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.returncode == 0, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def programs(self, only=(), soon=False):
        wanted = [p for p in PROGRAMS if not only or p in only]
        targets = [x for p in wanted for x in (["--lib"] if p == "lib" else ["--test", p])]
        fine, said = self.cargo("test", "--no-run", *targets, soon=soon or bool(only))
        made = {("lib" if "lib" in m["target"]["kind"] else m["target"]["name"]): m["executable"] for m in said if m.get("executable")}
        return {p: made[p] for p in wanted} if fine else None

    def run(self, program, tests, limit, **environment):
        """The first test that fails, "" if none does, None when the processor time is over. A wait may take ten times as long."""
        rest = {resource.RLIMIT_AS: MEMORY, resource.RLIMIT_CPU: int(limit)}
        bound = lambda: (os.nice(19), os.setsid(), [resource.setrlimit(what, (most, most)) for what, most in rest.items()])
        child = subprocess.Popen([program, "--exact", *tests], cwd=self.folder, env=os.environ | {"PROPTEST_RNG_SEED": "1"} | environment,
                                 text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=bound)
        late, failed = [], ""
        stop = lambda: os.killpg(child.pid, signal.SIGKILL) if child.poll() is None else None
        clock = threading.Timer(10 * limit, lambda: (late.append(1), stop()))
        clock.start()
        for line in child.stdout:
            if line.startswith("test ") and line.rstrip().endswith("FAILED"):
                failed = line.split()[1]
                break
        if failed:
            stop()
        child.wait()
        clock.cancel()
        late = late or child.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        return failed or (None if late else "" if child.returncode == 0 else "died")

    def measured(self, programs):
        """For each test what it takes and which mutants it reaches, by a run without a mutant."""
        tests, seen = [], self.folder / "reached.txt"
        for name, program in programs.items():
            said = subprocess.run([program, "--list"], cwd=self.folder, check=True, capture_output=True, text=True).stdout
            for test in [line.removesuffix(": test") for line in said.splitlines() if line.endswith(": test")]:
                began = time.time()
                seen.unlink(missing_ok=True)
                failed = self.run(program, [test], 3600, BNFOLD_MUTANTS_REACHED=str(seen))
                if failed != "":
                    raise SystemExit(f"{name} fails without a mutant: {test}")
                reached = seen.read_text().split() if seen.exists() else []
                tests.append({"program": name, "test": test, "seconds": time.time() - began, "reached": sorted(map(int, reached))})
        return tests

    def chosen(self, mutants, numbers):
        """Writes the copy in which these can be chosen. Returns those of them that compile, and those that do not."""
        every = mutants
        while True:
            files, lines, changed = collections.defaultdict(list), {}, {}
            for mutant in mutants:
                files[mutant.file].append(mutant)
            for name, own in files.items():
                changed[name], found = switched(own, numbers)
                lines |= {key: (name, *place) for key, place in found.items()}
            changed["src/lib.rs"] = (ROOT / "src/lib.rs").read_text() + CHOICE
            self.written(changed)
            fine, said = self.cargo("check", "--lib")
            if fine:
                return [m for m in mutants if m.key in lines], [m for m in every if m not in mutants]
            spans = [(s["file_name"], s["line_start"]) for m in said if m.get("message", {}).get("level") == "error"
                     for s in m["message"]["spans"] if s["is_primary"]]
            wrong = {key for key, (name, first, last) in lines.items() for file, at in spans if file == name and first <= at <= last}
            if not wrong:
                raise SystemExit(f"an error that is of no mutant: {spans[:3]}")
            mutants = [m for m in mutants if m.key not in wrong]
            print(f"{len(wrong)} do not compile, {len(mutants)} left", flush=True)
