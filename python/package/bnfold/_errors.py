"""What goes wrong, with place and remedy."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Generator, Optional

from ._native import NativeError


class Error(Exception):
    """A model that cannot be read, an option that names what the model has not, a result that cannot be written.

    The text of the exception is the whole of it, with the remedy; the parts are attributes.
    """

    #: A stable word: ``Io``, ``Foreign``, ``Wire``, ``Graph``, ``Tensor``, ``ExternalData``, ``Changed``, ``Target``, ``Choice``,
    #: ``Unverified``, ``Command``.
    kind: str
    #: The file, where one is known.
    file: Optional[str]
    #: The place in it: graph, node, tensor, or a byte offset.
    place: Optional[str]
    #: What is wrong.
    what: str
    #: What to do about it.
    remedy: Optional[str]

    def __init__(
        self,
        text: str,
        *,
        kind: str,
        what: str,
        file: Optional[str] = None,
        place: Optional[str] = None,
        remedy: Optional[str] = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.what = what
        self.file = file
        self.place = place
        self.remedy = remedy

    def __reduce__(self) -> "tuple[object, ...]":
        """An error of another process, with all its parts."""
        from functools import partial

        return partial(type(self), *self.args, **self.__dict__), ()


class UnverifiedError(Error):
    """The result was not shown to be right, so there is none."""


@contextmanager
def told() -> Generator[None, None, None]:
    """Turns errors of the library into :class:`Error`."""
    try:
        yield
    except NativeError as error:
        import json

        text, fields = error.args
        parts = json.loads(fields)
        kind = UnverifiedError if parts["kind"] == "Unverified" else Error
        raise kind(
            text,
            kind=parts["kind"],
            what=parts["what"],
            file=parts["file"],
            place=parts["place"],
            remedy=parts["remedy"],
        ) from None
