"""Builds the wheel: the command `bnfold` first, then the module by maturin, which takes the command in as a script.

    pip install ./python
    pip wheel ./python -C profile=dev     # cargo's profile; `release` by default
    pip wheel ./python -C command=PATH    # the command, where it is built already: absolute, or from the root

maturin itself builds either programs or a module into a wheel, not both. A source distribution has the whole project.
"""
import io
import os
import shutil
import subprocess
import tarfile

import maturin
from maturin import get_requires_for_build_wheel  # noqa: F401

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = os.path.join(HERE, "data", "scripts")


def _built(profile: str) -> str:
    """Builds the program."""
    root = os.path.dirname(HERE)
    subprocess.run([os.environ.get("CARGO", "cargo"), "build", "--profile", profile, "--bin", "bnfold"], cwd=root, check=True)
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.join(root, "target")
    return os.path.join(root, target, "debug" if profile == "dev" else profile, "bnfold")


def _provide(program: str) -> None:
    """Puts the program where maturin finds scripts."""
    os.makedirs(SCRIPTS, exist_ok=True)
    copy = os.path.join(SCRIPTS, "bnfold")
    shutil.copy2(program, copy)
    strip = shutil.which("strip")
    if strip:
        # Names of functions are of no use to who installs a wheel.
        subprocess.run([strip, copy], check=True)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    # maturin asks for the folder even where it only tells names.
    os.makedirs(SCRIPTS, exist_ok=True)
    return maturin.prepare_metadata_for_build_wheel(metadata_directory)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    settings = dict(config_settings or {})
    profile = settings.pop("profile", "release")
    command = settings.pop("command", None)
    # Installers start this in the folder of the package; a path is told from where the library is.
    _provide(os.path.join(os.path.dirname(HERE), command) if command else _built(profile))
    settings["build-args"] = f"--profile {profile} --strip {settings.get('build-args', '')}".strip()
    return maturin.build_wheel(wheel_directory, settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    # maturin reads the folder even where it takes nothing from it.
    os.makedirs(SCRIPTS, exist_ok=True)
    name = maturin.build_sdist(sdist_directory, config_settings)
    path = os.path.join(sdist_directory, name)
    with tarfile.open(path) as archive:
        members = [(member, archive.extractfile(member)) for member in archive]
        files = [(member, content.read() if content else b"") for member, content in members]
    with tarfile.open(path, "w:gz") as archive:
        for member, content in files:
            if member.name.count("/") == 1 and member.name.endswith("/pyproject.toml"):
                # maturin puts it one folder up, and not the folders that it names.
                for here in (b'["build"]', b'"data"'):
                    assert here in content, here
                    content = content.replace(here, here.replace(b'"', b'"python/', 1))
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return name
