"""What type checkers must understand; run by `test_types`."""

from __future__ import annotations

import pathlib
from typing import Optional

import bnfold


def folded(path: pathlib.Path, data: bytes) -> bytes:
    result = bnfold.fold(data, partial="never", dim={"N": 1})
    again: bnfold.Result[pathlib.Path] = bnfold.fold(path, output="out.onnx", skip=["a"])
    place: pathlib.Path = again.model
    verdict: bnfold.Verdict = bnfold.verify(path, place)
    sites: tuple[bnfold.Site, ...] = bnfold.inspect(data).sites
    files: tuple[bnfold.CheckedFile, ...] = bnfold.check([path, "folder"]).files
    swept: tuple[bnfold.SweptModel, ...] = bnfold.sweep(path, out_dir="out", jobs=2, dim={"N": 1}).models
    kept: Optional[bnfold.Result[Optional[str]]] = swept[0].result
    assert kept is None or kept.verdict
    assert verdict.ok and len(sites) >= len(files)
    return result.model
