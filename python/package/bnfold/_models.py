"""Models in the forms that Python has, as bytes and back again.

Nothing of onnx, onnx_ir or torch is imported that the caller has not imported: a value of theirs cannot come from elsewhere.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Optional, Tuple, Union

from ._errors import Error

#: A protobuf message cannot be larger.
LARGEST = 2**31 - 1

Carried = Tuple[Union[str, bytes], Callable[[Optional[bytes]], Any]]


def _loaded(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


def _is(value: object, module: str, name: str) -> bool:
    kind = _loaded(module, name)
    return isinstance(kind, type) and isinstance(value, kind)


def carried(model: object, what: str = "model") -> Carried:
    """A path, or the bytes of a model, and what makes of a result (``None``: unchanged) what the model was.

    Raises:
        TypeError: this is no model.
        Error: the model cannot be written down.
    """
    if isinstance(model, (str, os.PathLike)):
        return os.fsdecode(os.fspath(model)), lambda _: None
    if isinstance(model, bytes):
        return model, lambda result: model if result is None else result
    if isinstance(model, (bytearray, memoryview)):
        return _of_buffer(model)
    if _is(model, "onnx", "ModelProto"):
        return _of_proto(model)
    if _is(model, "onnx_ir", "Model"):
        return _of_ir(model)
    if _is(model, "torch.onnx", "ONNXProgram"):
        return _of_program(model)
    known = "a path, bytes, an onnx.ModelProto, an onnx_ir.Model or what torch.onnx.export returns"
    hint = "; export it with torch.onnx.export first" if _is(model, "torch.nn", "Module") else ""
    raise TypeError(f"{what} must be {known}, not {type(model).__module__}.{type(model).__qualname__}{hint}")


def _of_buffer(model: Any) -> Carried:
    return bytes(model), lambda result: model if result is None else type(model)(result)


def _too_large() -> Error:
    what = "the model is larger than 2 GiB, which no message in memory can be"
    remedy = "save it with external data and give the path"
    return Error(f"{what}; {remedy}", kind="Target", what=what, remedy=remedy)


def _of_proto(model: Any) -> Carried:
    if model.ByteSize() > LARGEST:
        raise _too_large()

    def back(result: Optional[bytes]) -> Any:
        if result is None:
            return model
        folded = type(model)()
        folded.ParseFromString(result)
        return folded

    return model.SerializeToString(), back


def _of_ir(model: Any) -> Carried:
    import onnx_ir

    serde: Any = onnx_ir.serde
    data, _ = _of_proto(serde.serialize_model(model))
    proto: Any = sys.modules["onnx"].ModelProto

    def back(result: Optional[bytes]) -> Any:
        if result is None:
            return model
        folded = proto()
        folded.ParseFromString(result)
        return serde.deserialize_model(folded)

    return data, back


def _of_program(program: Any) -> Carried:
    import copy

    data, of_model = _of_ir(program.model)

    def back(result: Optional[bytes]) -> Any:
        if result is None:
            return program
        folded = copy.copy(program)
        folded.model = of_model(result)
        return folded

    return data, back
