"""The kernels that compute a node, as text to read: an optional capability of sessions, and its inert result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tfjslab.graph.specialize import Specialized


@dataclass(frozen=True)
class KernelText:
    """One function or shader. ``source`` is its template below ``kernels/``, ``parameters`` are what that was given.

    The register tile that was chosen is among the parameters.
    """

    name: str
    source: str
    parameters: Mapping[str, str]
    text: str


@runtime_checkable
class HasKernelTexts(Protocol):
    """A session whose kernels are generated text."""

    def kernel_texts(self, program: Specialized, outputs: Sequence[str], node: str) -> tuple[KernelText, ...]:
        """What ``compile`` of the same program runs for the group with ``node`` in it; nothing for host steps."""
        ...


def parameters_text(parameters: Sequence[tuple[str, object]]) -> dict[str, str]:
    """A kernel's parameters by name, each as text."""
    return {name: str(value) for name, value in parameters}
