"""One error tree with stable codes.

Every message says what was found, what was expected and where. The CLI turns
``exit_code`` into the process exit status and prints the message as one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

from tfjslab.base.messages import plain


class TfjslabError(Exception):
    """Root of all errors raised on purpose. Messages are one line; long or hostile values in them are cut and escaped.

    Attributes:
        code: a stable, machine readable name such as ``"model.missing_shard"``.
        exit_code: what the CLI exits with (2 usage, 3 bad model or input, 4 backend).

    """

    default_code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(plain(message))
        self.code = code or self.default_code


class UsageError(TfjslabError, ValueError):
    """An argument or option that makes no sense."""

    default_code = "usage"
    exit_code = 2


class ModelError(TfjslabError):
    """A model's files are damaged, inconsistent, unsupported or hostile."""

    default_code = "model.invalid"


class UnknownOpError(ModelError):
    """The model uses ops that are not in the registry; all of them are listed with counts."""

    default_code = "model.unknown_op"


class GraphError(ModelError):
    """A graph breaks an invariant that ``verify`` checks."""

    default_code = "graph.invalid"


class InputError(TfjslabError, ValueError):
    """Values handed to a model or an op do not fit it."""

    default_code = "input.invalid"


class ShapeError(InputError):
    """Shapes do not fit each other or the op's rule."""

    default_code = "input.shape"


class DTypeError(InputError, TypeError):
    """A dtype is unknown or not allowed here."""

    default_code = "input.dtype"


class LimitError(TfjslabError):
    """Something asked for more than ``limits`` allows."""

    default_code = "limit"


class OutOfMemoryError(TfjslabError, MemoryError):
    """The system has no memory left for what was asked; what was begun has been given back."""

    default_code = "memory"
    exit_code: ClassVar[int] = 4


class DisposedError(TfjslabError):
    """A tensor or model was used after ``dispose``."""

    default_code = "tensor.disposed"


class BackendUnavailableError(TfjslabError):
    """The backend cannot run on this machine; the message gives the reason."""

    default_code = "backend.unavailable"
    exit_code = 4


DEVICE_LOST, BACKEND_MEMORY, BACKEND_THREADS = "backend.device_lost", "backend.out_of_memory", "backend.threads"
FORKED = "backend.forked"
# Failures of one backend that another one need not have.
ELSEWHERE = frozenset({DEVICE_LOST, BACKEND_MEMORY, BACKEND_THREADS, "backend.limit", "backend.shader"})


class BackendError(TfjslabError):
    """A backend failed while compiling or running (a trap, a lost device)."""

    default_code = "backend.failed"
    exit_code = 4


def each_with_nearest(names: Iterable[str], known: Iterable[str]) -> str:
    """Unknown names in a row, each with the closest known one behind it."""
    listed = list(known)
    hints = ((name, did_you_mean(name, listed).removeprefix("; ")) for name in names)
    return ", ".join(f"'{name}' ({hint})" if hint else f"'{name}'" for name, hint in hints)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, else an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
