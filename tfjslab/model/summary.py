"""``model.summary()``: what a model is, as text and as data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tfjslab.base.dtypes import of_array
from tfjslab.base.errors import TfjslabError
from tfjslab.base.messages import readable
from tfjslab.base.tables import Table
from tfjslab.base.text import counted, scaled
from tfjslab.graph.ir import Dims, Graph, Port
from tfjslab.graph.specialize import specialize
from tfjslab.ops.registry import Spec

_FREQUENT = 6  # kinds of ops that are worth naming
_QUANTIZED, _WEIGHTS = "Tfl", ("filter", "bias")  # ops of stored integers, and their inputs that are weights


@dataclass(frozen=True)
class Overview:
    """Counts of a graph and its functions. ``flops`` is for one example, None when shapes depend on data."""

    nodes: int
    ops: dict[str, int]
    parameters: int
    weight_bytes: int
    flops: int | None


def overview(graph: Graph) -> Overview:
    """Count nodes by op, parameters (numbers of weights), bytes and operations."""
    ops, parameters, weight_bytes = _counts(graph)
    return Overview(sum(ops.values()), ops, parameters, weight_bytes, count_flops(graph))


def _counts(graph: Graph) -> tuple[dict[str, int], int, int]:
    """Ops by how many nodes have them, the most frequent first; numbers of weights; bytes of all weights."""
    graphs = list(graph.all_graphs())
    ops = Counter(n.op for g in graphs for n in g.nodes)
    ordered = dict(sorted(ops.items(), key=lambda kv: (-kv[1], kv[0])))
    return ordered, sum(map(_parameters, graphs)), graph.weight_bytes


def _parameters(graph: Graph) -> int:
    """Numbers of float weights; of quantized ops the bytes of filters and the biases, and not the scales."""
    roles = {v: name.rstrip("?") for n in graph.nodes for v, name in zip(n.inputs, n.definition.inputs, strict=False)
             if n.op.startswith(_QUANTIZED)}
    return sum(c.size for v, c in graph.constants.items()
               if (roles[v] in _WEIGHTS if v in roles else of_array(c) == "float32"))


def count_flops(graph: Graph, batch: int = 1) -> int | None:
    """Operations of one run with ``batch`` where a length is open; None when a shape depends on data."""
    if any(p.shape is None for p in graph.inputs):
        return None
    feeds = {
        p.value: Spec(tuple(batch if d is None or d < 0 else d for d in p.shape or ()), p.dtype) for p in graph.inputs
    }
    try:
        program = specialize(graph, feeds)
    except TfjslabError:
        return None  # the open length cannot be 1; the graph itself may be fine
    if any(n.name not in program.static for n in program.graph.nodes):
        return None
    specs = program.specs
    return sum(
        n.definition.flops([specs[v] for v in n.inputs if v], [specs[v] for v in n.outputs], n.attrs)
        for n in program.graph.nodes
    )


def summary(graph: Graph, name: str) -> str:
    """Inputs, outputs, sizes and the ops by count."""
    facts = overview(graph)
    lines = [
        f"Model: {name}",
        *_ports("inputs", graph.inputs), *_ports("outputs", graph.outputs),
        f"parameters: {facts.parameters:,} in {len(graph.constants):,} weights, {facts.weight_bytes:,} bytes",
        f"operations: {f'{facts.flops:,} for one example' if facts.flops is not None else 'depend on data'}",
        f"nodes: {facts.nodes:,}",
        *(f"  {op:<28}{count:>6,}" for op, count in facts.ops.items()),
    ]
    return "\n".join(map(readable, lines))


def tables(graph: Graph, title: str) -> tuple[Table, ...]:
    """The same for pages, without the operations, which take as long to count as a plan takes to make."""
    ops, parameters, weight_bytes = _counts(graph)
    frequent = ", ".join(f"{op} {n}x" if n > 1 else op for op, n in list(ops.items())[:_FREQUENT])
    more = f" and {counted(len(ops) - _FREQUENT, 'other op')}" if len(ops) > _FREQUENT else ""
    rows = [(kind, p.name, p.dtype or "any dtype", dims_text(p.shape))
            for kind, ports in (("input", graph.inputs), ("output", graph.outputs)) for p in ports]
    notes = (f"{scaled(parameters)} parameters, {scaled(weight_bytes, 'B')} of weights",
             f"{counted(sum(ops.values()), 'node')}: {frequent}{more}")
    return (Table(title, ("", "name", "dtype", "shape"), tuple(rows), notes, left=4),)


def _ports(title: str, ports: tuple[Port, ...]) -> list[str]:
    return [f"{title}:", *(f"  {p.name}  {p.dtype or 'any dtype'} {dims_text(p.shape)}" for p in ports)]


def dims_text(dims: Dims | None) -> str:
    """A shape with ``?`` for what is open."""
    if dims is None:
        return "of any shape"
    return f"[{', '.join('?' if d is None or d < 0 else str(d) for d in dims)}]"
