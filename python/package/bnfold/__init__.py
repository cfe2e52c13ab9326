"""Removes BatchNormalization from trained ONNX models and proves that the model still computes the same.

    import bnfold
    folded = bnfold.fold(model).model

A model is a path, bytes, an ``onnx.ModelProto``, an ``onnx_ir.Model``, or what ``torch.onnx.export`` returns, and comes back as
what it was. Options have the names of the command line, with underscores.
"""

from ._errors import Error, UnverifiedError
from ._calls import check, fold, inspect, sweep, verify
from ._reports import (
    Census,
    Check,
    CheckedFile,
    Difference,
    Folded,
    Kept,
    LeftOut,
    Node,
    Refusal,
    Report,
    Result,
    Site,
    Sweep,
    SweptModel,
    Verdict,
    VerdictSite,
    Warning,
)
from ._native import version as __version__

__all__ = [
    "Census",
    "Check",
    "CheckedFile",
    "Difference",
    "Error",
    "Folded",
    "Kept",
    "LeftOut",
    "Node",
    "Refusal",
    "Report",
    "Result",
    "Site",
    "Sweep",
    "SweptModel",
    "UnverifiedError",
    "Verdict",
    "VerdictSite",
    "Warning",
    "__version__",
    "check",
    "fold",
    "inspect",
    "sweep",
    "verify",
]
