"""Models on other machines: what travels there, and how results say where they were made."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.bench.result import BenchResult
from tfjslab.graph.ir import Graph
from tfjslab.model.model import Model


@dataclass(frozen=True)
class TravellingModel:
    """A model as it goes to another machine: the graph with its weights, and where it is to run."""

    graph: Graph
    backend: str | None
    threads: int | None
    name: str

    def open(self) -> Model:
        """The model, on the machine where this is called."""
        return Model(self.graph, self.backend, self.threads, self.name)


def travelling(model: Model) -> TravellingModel:
    """The model with the backend that it has here."""
    return TravellingModel(model.graph, model.backend.name, model.chosen[1], model.name)


def open_there(given: TravellingModel, measure: Callable[[Model], Any]) -> Any:
    """What a worker runs: open the model, measure it, and free it."""
    with given.open() as model:
        return measure(model)


def named(result: BenchResult) -> BenchResult:
    """The result with the name of this machine."""
    where = result.environment
    return result if where is None else replace(result, environment=replace(where, host=platform.node()))
