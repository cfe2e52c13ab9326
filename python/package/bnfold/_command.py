"""The package's own command: the program that judges and runs models, in a process with limits."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import lru_cache
from typing import Generator, Optional, Sequence, Tuple

from ._errors import Error

NAME = "bnfold.exe" if sys.platform == "win32" else "bnfold"


def _beside_the_package() -> Optional[str]:
    """The command as the installer recorded it."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        recorded = files("bnfold") or []
    except PackageNotFoundError:
        return None
    for file in recorded:
        if file.name == NAME and "bnfold" != file.parent.name:
            return os.fspath(file.locate())
    return None


@lru_cache(maxsize=1)
def command() -> str:
    """The path of the command that was installed with this package. It is never looked for on ``PATH``, where another version
    may be, and Python itself is never started in its place.

    Raises:
        Error: the command is gone.
    """
    import sysconfig

    folders = [sysconfig.get_path("scripts"), os.path.join(sys.prefix, "bin")]
    candidates = [_beside_the_package(), *(os.path.join(folder, NAME) for folder in folders)]
    for path in candidates:
        if path and os.path.isfile(path) and os.access(path, os.X_OK):
            return os.path.abspath(path)
    what = "the command `bnfold` of this package is not where it was installed"
    remedy = "install the package anew"
    raise Error(f"{what}; {remedy}", kind="Command", what=what, remedy=remedy)


def answered(words: Sequence[str], folder: Optional[str] = None) -> Tuple[bytes, str, int]:
    """Runs the command, in a folder. Gives its report, what it said beside it, and its exit status.

    Raises:
        Error: there is no report, as after bad usage.
    """
    import subprocess

    whole = [command(), "--color=never", *words]
    with _children_heeded():
        ended = subprocess.run(whole, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    said = ended.stderr.decode(errors="replace").strip()
    if not ended.stdout:
        what = said.removeprefix("error: ") or f"the command ended with {ended.returncode}"
        raise Error(what, kind="Command", what=what)
    return ended.stdout, said, ended.returncode


@contextmanager
def _children_heeded() -> Generator[None, None, None]:
    """Where a process ignores how its children end, as workers of Ray may, Python takes every one for a success."""
    import signal
    import threading

    here = hasattr(signal, "SIGCHLD") and threading.current_thread() is threading.main_thread()
    known = signal.getsignal(signal.SIGCHLD) if here else None
    if known not in (signal.SIG_DFL, signal.SIG_IGN):
        # Somebody heeds them, or nothing can be done in this thread.
        yield
        return
    # What Python does not know of may have ignored them; for Python it is the default then.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, known)
