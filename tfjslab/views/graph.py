"""An interactive graph of a model: groups that open and close, search, details of nodes, and overlays of runs.

It follows Netron and Google's Model Explorer. The picture is drawn by ``files/graph.js``; here is its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tfjslab.base.errors import InputError, TfjslabError
from tfjslab.base.text import counted, scaled, shape
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model.model import Model
from tfjslab.model.placement import placements
from tfjslab.model.sample import sample_inputs
from tfjslab.profiling.compare import ProfileDiff
from tfjslab.records.profile import Profile
from tfjslab.views.graph_facts import NodeFacts, ShownGraph, scopes, settled, slots
from tfjslab.views.graph_runs import (
    Errors,
    Ran,
    add_difference,
    add_errors,
    add_host,
    add_profile,
    add_work,
    placed_text,
    summary,
)
from tfjslab.views.graph_tree import scope_path, tree_of
from tfjslab.views.view import View

INPUT, OUTPUT = "Input", "Output"


def graph(
    model_or_graph: Model | Graph, profile: Profile | None = None, *, compare: Profile | ProfileDiff | None = None,
    errors: Errors | None = None, shapes: Mapping[str, Sequence[int]] | None = None,
) -> View:
    """Show a model as a graph to explore, in a notebook or as a file (``.save("graph.html")``).

    Boxes are coloured by what is chosen in the menu. A weight is shown with the node that reads it.

    Args:
        model_or_graph: a ``Model``, which is compiled for its backend to tell what runs on the host unless a profile
            says so, or its ``graph``.
        profile: of that model, from ``tf.profile_model``: time, FLOPs, bytes and the host.
        compare: another profile of it, to show what that one takes more or less than ``profile``; or their difference.
        errors: from ``tf.numeric_diff`` or ``tf.quantize``.
        shapes: of inputs that leave lengths open, by name; other open lengths are taken as 1.

    Raises UsageError for shapes that do not fit and a ``compare`` without anything to compare with, InputError for what
    is of another kind.

    """
    for name, given, kinds, expected in (
        ("model_or_graph", model_or_graph, Model | Graph, "a Model, from tf.load_model, or its graph"),
        ("profile", profile, Profile | None, "a Profile, from tf.profile_model"),
        ("compare", compare, Profile | ProfileDiff | None, "a Profile or a ProfileDiff"),
        ("errors", errors, Errors | None, "what tf.numeric_diff or tf.quantize gives"),
    ):
        if not isinstance(given, kinds):
            raise InputError(f"{name} is a {type(given).__name__}; expected {expected}")
    model = model_or_graph if isinstance(model_or_graph, Model) else None
    whole = model_or_graph.graph if isinstance(model_or_graph, Model) else model_or_graph
    shown = whole.with_(inputs=settled(whole.inputs, shapes or {}))
    parts, unknown = scopes(shown)
    drawn = _Drawn()
    for part in parts:
        drawn.add(part)
    notes = [f"shapes are not known: {unknown}"] if unknown else []
    ran = Ran()
    if profile is None:
        add_work(ran, drawn.work)
        notes += [] if model is None else _place(ran, model, shown.inputs)
    else:
        add_profile(ran, profile)
    if compare is not None:
        notes.append(f"difference: {add_difference(ran, profile, compare)}")
    if errors is not None:
        add_errors(ran, errors)
    name = str(whole.metadata.get("name", "model")) if model is None else model.name
    label = name if profile is None else profile.label
    return View("graph", f"Graph of {label}", _data(label, shown, drawn, ran, notes))


def _place(ran: Ran, model: Model, inputs: Sequence[Port]) -> list[str]:
    """Where nodes would run; a note where that cannot be found out."""
    try:
        ran.placed.update(placements(model, sample_inputs(inputs)))
    except TfjslabError as e:
        return [f"kernels are not known: {e}"]
    add_host(ran)
    return []


@dataclass
class _Drawn:
    """Nodes as they are drawn: inputs, nodes and outputs of the graph and of its functions."""

    nodes: list[dict[str, Any]] = field(default_factory=list)
    paths: list[tuple[str, ...]] = field(default_factory=list)
    indices: dict[str, int] = field(default_factory=dict)
    work: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, scope: ShownGraph) -> None:
        """All of a graph, or of a function, which is a group of its own."""
        makers: dict[str, tuple[int, int]] = {}
        prefix = (f"function {scope.name}",) if scope.name else ()
        for port in scope.graph.inputs:
            makers[port.value] = (self._put(_port(port, INPUT), (*prefix, port.name)), 0)
        facts = NodeFacts(scope)
        for node in scope.graph.nodes:
            found = {**facts.of(node), "kind": "node", "inputs": list(_read(node, makers))}
            index = self._put(found, (*prefix, *scope_path(node)))
            self.indices.setdefault(node.name, index)
            makers.update({v: (index, i) for i, v in enumerate(node.outputs)})
            work = facts.work(node)
            if work is not None:
                self.work[node.name] = work
        for port in scope.graph.outputs:
            made = makers.get(port.value)
            inputs = [] if made is None else [{"input": "value", "node": made[0], "output": made[1]}]
            # Many outputs are called like the node that makes them, and then a name would stand there twice.
            self._put({**_port(port, OUTPUT), "inputs": inputs}, (*prefix, f"{port.name} (output)"))

    def _put(self, node: dict[str, Any], path: tuple[str, ...]) -> int:
        self.nodes.append(node)
        self.paths.append(path)
        return len(self.nodes) - 1

    @cached_property
    def places(self) -> dict[str, int]:
        """Where a node stands, also for a node of the float32 model whose integer form is drawn (``name/int8``)."""
        integers = {n.removesuffix("/int8"): i for n, i in self.indices.items() if n.endswith("/int8")}
        return integers | self.indices

    def place_of(self, name: str) -> int | None:
        """Where a node stands, or the node that it was made from: ``loop/0/add`` when ``loop`` was unrolled."""
        places = self.places
        while name and name not in places:
            name = name.rpartition("/")[0]
        return places.get(name)

    @property
    def edges(self) -> list[tuple[int, int]]:
        """From the node that makes a value to one that reads it."""
        return [(i["node"], index) for index, node in enumerate(self.nodes) for i in node["inputs"]]


def _read(node: Node, makers: Mapping[str, tuple[int, int]]) -> Iterator[dict[str, Any]]:
    for slot, value in slots(node):
        if value in makers:
            made, output = makers[value]
            yield {"input": slot, "node": made, "output": output}


def _port(port: Port, op: str) -> dict[str, Any]:
    values = [{"value": port.value, "shape": "" if port.shape is None else shape(port.shape), "dtype": port.dtype}]
    return {"name": port.name, "op": op, "layer": "", "attrs": {}, "kind": op.lower(), "inputs": [], "weights": [],
            "outputs": values}


def _made_from(drawn: _Drawn, ran: Ran) -> dict[int, list[str]]:
    """Kernels, and why they run on the host, of nodes that were made while the model was prepared to run."""
    found: dict[int, list[str]] = {}
    for name, placed in ran.placed.items():
        index = None if name in drawn.places else drawn.place_of(name)
        if index is not None:
            found.setdefault(index, []).append(f"{placed.kernel} on the host" if placed.reason else placed.kernel)
    return found


def _data(label: str, shown: Graph, drawn: _Drawn, ran: Ran, notes: list[str]) -> dict[str, Any]:
    """What ``graph.js`` reads."""
    tree = tree_of(drawn.paths, drawn.edges)
    for i, node in enumerate(drawn.nodes):
        node |= {"label": tree.labels[i], "group": tree.group_of[i], "said": []}
    for name, index in drawn.places.items():
        node = drawn.nodes[index]
        placed = ran.placed.get(name)
        node["said"] += ([] if placed is None else placed_text(name, placed)) + ran.said.get(name, [])
        for value, dims in zip(node["outputs"], ran.shapes.get(name, ()), strict=False):
            value["shape"] = value["shape"] or dims
    for index, inner in _made_from(drawn, ran).items():
        drawn.nodes[index]["said"].append(("runs as", ", ".join(dict.fromkeys(inner))))
    elsewhere = sorted({n for o in ran.overlays for n in o.values if drawn.place_of(n) is None})
    if elsewhere:
        notes.append(f"figures of {counted(len(elsewhere), 'node')} that are not in this graph are left out, "
                     f"such as {elsewhere[0]}")
    facts = [("nodes", str(len(shown.nodes))), ("weights", scaled(shown.weight_bytes, "B")), *summary(ran.overlays)]
    return {
        "title": label, "facts": facts, "notes": notes, "nodes": drawn.nodes, "opened": tree.opened,
        "groups": [{"label": name, "parent": parent} for name, parent in tree.groups],
        "overlays": [o.to_json(drawn.place_of) for o in ran.overlays],
    }
