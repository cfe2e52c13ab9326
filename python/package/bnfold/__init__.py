"""Removes BatchNormalization from trained ONNX models and proves that the model still computes the same.

    import bnfold
    folded = bnfold.fold(model).model

A model is a path, bytes, an ``onnx.ModelProto``, an ``onnx_ir.Model``, or what ``torch.onnx.export`` returns, and comes back as
what it was. Options have the names of the command line, with underscores.
"""

from typing import TYPE_CHECKING

from ._errors import Error, UnverifiedError
from ._native import version as __version__

if TYPE_CHECKING:
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
else:

    def __getattr__(name):
        """The calls and their results are loaded when one is first asked for: making the classes is most of what an import costs."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import _calls, _reports

        globals()[name] = getattr(_calls if hasattr(_calls, name) else _reports, name)
        return globals()[name]

    def __dir__():
        return sorted({*globals(), *__all__})


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
