"""What a caller feeds to a graph and which outputs it wants, by name: checked, in the order of the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, ModelError, did_you_mean
from tfjslab.engine.tensor import Tensor
from tfjslab.graph.ir import Graph, Port
from tfjslab.model.inputs import by_name, check_array, find_port, output_names, require_known
from tfjslab.model.schedule import prune
from tfjslab.model.states import States


class Feeds:
    """Reads feeds and output names for one graph, whose states it feeds itself."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.states = States(graph)
        hidden = self.states.names
        self.input_ports = tuple(p for p in graph.inputs if p.name not in hidden)
        self.output_ports = tuple(p for p in graph.outputs if p.name not in hidden)
        self._needs: dict[tuple[str, ...], frozenset[str]] = {}

    def outputs(self, names: str | Sequence[str] | None) -> tuple[str, ...]:
        """The values named by ``names``, the outputs of the model for None; then the states for the next call.

        ModelError for an unknown name.
        """
        if names is None:
            return (*(p.value for p in self.output_ports), *self.states.outputs)
        return (*(resolve_value(self.graph, n) for n in output_names(names)), *self.states.outputs)

    def arrays(self, given: Any, outputs: tuple[str, ...]) -> tuple[dict[str, Array], bool]:
        """Checked arrays by value name, in the order of the inputs, and whether any was a Tensor.

        Raises InputError, DTypeError or ShapeError naming the input, also for one that ``outputs`` need and that is
        not given.
        """
        named = by_name(self.input_ports, given)
        ports = [self._port(name) for name in named]
        self._require(outputs, {*self.states.arrays, *(p.value for p in ports)})
        as_tensors = any(isinstance(v, Tensor) for v in named.values())
        checked = {p.value: check_array(p, v) for p, v in zip(ports, named.values(), strict=True)}
        arrays = {**self.states.arrays, **checked}
        order = {p.value: i for i, p in enumerate(self.graph.inputs)}
        return dict(sorted(arrays.items(), key=lambda kv: (order.get(kv[0], len(order)), kv[0]))), as_tensors

    def _port(self, name: str) -> Port:
        """The input called ``name``, or a port for a value inside the graph."""
        found = find_port(self.graph.inputs, name)
        if found is not None:
            return found
        plain = name.removesuffix(":0")
        if any(plain in n.outputs for n in self.graph.nodes):
            return Port(name, plain, None, "")
        raise require_known(name, [p.name for p in self.input_ports])

    def _require(self, outputs: tuple[str, ...], fed: Iterable[str]) -> None:
        """InputError when an input that ``outputs`` need was not fed."""
        given = frozenset(fed)
        if all(p.value in given for p in self.graph.inputs):
            return
        key = (*outputs, "|", *sorted(given))
        if key not in self._needs:
            cut = self.graph.with_(nodes=tuple(n for n in self.graph.nodes if given.isdisjoint(n.outputs)))
            self._needs[key] = frozenset(v for n in prune(cut, outputs).nodes for v in n.uses) | frozenset(outputs)
        for port in self.graph.inputs:
            if port.value in self._needs[key] - given:
                listed = ", ".join(sorted(given)) or "none"
                raise InputError(f"input '{port.name}' is missing; given: {listed}", code="input.missing")


def resolve_value(graph: Graph, name: str) -> str:
    """The value named by ``name``: an output's name, a node's name or TF.js's ``name:index``.

    Raises ModelError with a suggestion when there is none.
    """
    for port in graph.outputs:
        if name in (port.key, port.name):
            return port.value
    plain = name.removesuffix(":0")
    known = {*(p.value for p in graph.inputs), *graph.constants, *(v for n in graph.nodes for v in n.outputs)}
    if plain in known:
        return plain
    names = [*(p.name for p in graph.outputs), *known]
    raise ModelError(f"'{name}' is not an output or node of the model{did_you_mean(name, names)}", code="model.no_node")
