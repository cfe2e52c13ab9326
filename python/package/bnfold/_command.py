"""The package's own command: the program that judges and runs models, in a process with limits."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Optional

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
