"""The entry of one model in the zoo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfjslab.graph.ir import Graph


@dataclass(frozen=True)
class ZooEntry:
    """One model: ``build`` makes its graph from a seed.

    ``url`` is where its publisher keeps the real weights; empty where ``build`` gives real weights itself.
    """

    name: str
    doc: str
    build: Callable[[int], Graph]
    url: str = ""

    @property
    def random(self) -> bool:
        """Whether ``build`` gives random weights."""
        return bool(self.url)
