"""What a caller feeds to a graph and which outputs it wants, by name: checked, in the order of the inputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError, did_you_mean, each_with_nearest
from tfjslab.engine.tensor import Tensor
from tfjslab.graph.ir import Graph, Port
from tfjslab.model.inputs import by_name, check_array, find_port, missing_inputs, output_names, require_known
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
        # What every prediction asks is looked up once; keys of the signature go before names.
        keys = {p.key: p for p in reversed(graph.inputs) if p.key}
        self._ports = {p.name: p for p in reversed(graph.inputs)} | keys
        self._order = {p.value: i for i, p in enumerate(graph.inputs)}
        self._values = frozenset(self._order)
        self._all_outputs = (*(p.value for p in self.output_ports), *self.states.outputs)

    def outputs(self, names: str | Sequence[str] | None) -> tuple[str, ...]:
        """The values named by ``names``, the outputs of the model for None; then the states for the next call.

        ModelError for an unknown name.
        """
        if names is None:
            return self._all_outputs
        return (*resolve_values(self.graph, output_names(names)), *self.states.outputs)

    def arrays(self, given: Any, outputs: tuple[str, ...]) -> tuple[dict[str, Array], bool]:
        """Checked arrays by value name, in the order of the inputs, and whether any was a Tensor.

        Raises InputError, DTypeError or ShapeError naming the input, also for one that ``outputs`` need and that is
        not given.
        """
        named = by_name(self.input_ports, given)
        ports = [self._ports.get(name) or self._port(name, named) for name in named]
        self._require(outputs, {*self.states.arrays, *[p.value for p in ports]})
        as_tensors = any(isinstance(v, Tensor) for v in named.values())
        checked = {p.value: check_array(p, v) for p, v in zip(ports, named.values(), strict=True)}
        arrays = {**self.states.arrays, **checked}
        if len(arrays) == 1:
            return arrays, as_tensors
        order = self._order
        return dict(sorted(arrays.items(), key=lambda kv: (order.get(kv[0], len(order)), kv[0]))), as_tensors

    def _require_known(self, names: Iterable[str]) -> None:
        """InputError that tells all names which are neither an input nor a value inside the graph."""
        unknown = [n for n in names if find_port(self.graph.inputs, n) is None]
        if unknown:
            made = {v for n in self.graph.nodes for v in n.outputs}
            unknown = [n for n in unknown if n.removesuffix(":0") not in made]
        if unknown:
            raise require_known(unknown, [p.name for p in self.input_ports])

    def _port(self, name: str, names: Iterable[str]) -> Port:
        """The input called ``name``, or a port for a value inside the graph; InputError unless all ``names`` are."""
        self._require_known(names)
        return find_port(self.graph.inputs, name) or Port(name, name.removesuffix(":0"), None, "")

    def _require(self, outputs: tuple[str, ...], given: AbstractSet[str]) -> None:
        """InputError when an input that ``outputs`` need is not among the given ones."""
        if self._values <= given:
            return
        key = (*outputs, "|", *sorted(given))
        if key not in self._needs:
            cut = self.graph.with_(nodes=tuple(n for n in self.graph.nodes if given.isdisjoint(n.outputs)))
            self._needs[key] = frozenset(v for n in prune(cut, outputs).nodes for v in n.uses) | frozenset(outputs)
        if missing := [p.name for p in self.graph.inputs if p.value in self._needs[key] - given]:
            raise missing_inputs(missing, sorted(given))


def resolve_values(graph: Graph, names: Sequence[str]) -> tuple[str, ...]:
    """The values named by ``names``: an output's key or name, a node's name or TF.js's ``name:index``.

    Raises ModelError with all names that there are not, each with a suggestion.
    """
    ends = {p.name: p.value for p in reversed(graph.outputs)}
    ends |= {p.key: p.value for p in reversed(graph.outputs) if p.key}  # before names, as in TF.js
    known = {*(p.value for p in graph.inputs), *graph.constants, *(v for n in graph.nodes for v in n.outputs)}
    found = [ends.get(n, n.removesuffix(":0")) for n in names]
    unknown = [n for n, v in zip(names, found, strict=True) if n not in ends and v not in known]
    if not unknown:
        return tuple(found)
    listed = [*ends, *known]
    if len(unknown) == 1:
        hint = did_you_mean(unknown[0], listed)
        raise ModelError(f"'{unknown[0]}' is not an output or node of the model{hint}", code="model.no_node")
    raise ModelError(f"these are no outputs or nodes of the model: {each_with_nearest(unknown, listed)}",
                     code="model.no_node")
