"""The graph: nodes, values and functions, as inert data.

A value is named ``node:index`` (``name`` alone is output 0). Nodes stand in an order in which every value is made
before it is used; ``verify`` (in ``tfjslab.graph.verify``) checks that and everything else a graph promises.
Loops and branches are structured (``While``, ``If`` with function names as attributes), never cycles; the
TensorFlow 1 reader converts Switch / Merge / Enter / Exit frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.text import counted
from tfjslab.ops import registry
from tfjslab.ops.registry import OpDef

Dims = tuple[int | None, ...]


@dataclass(frozen=True)
class Node:
    """One use of an op.

    ``inputs`` are value names ("" stands for an optional input that is absent). ``attr_inputs`` maps an attribute
    to the value that supplies it at run time, for attributes that are not known when the model is read.
    ``layer`` is the Keras layer or name scope it came from, for reports.
    """

    name: str
    op: str
    inputs: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    attr_inputs: Mapping[str, str] = field(default_factory=dict)
    num_outputs: int = 1
    layer: str = ""

    # Asked for many times by every pass over a graph, and a node never changes.
    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the values that this node makes."""
        return tuple(value_name(self.name, i) for i in range(self.num_outputs))

    @property
    def definition(self) -> OpDef:
        """The op's definition."""
        return registry.get(self.op)

    @cached_property
    def uses(self) -> tuple[str, ...]:
        """All values that this node reads."""
        return tuple(v for v in (*self.inputs, *self.attr_inputs.values()) if v)


def value_name(node: str, index: int) -> str:
    """``node`` for output 0, else ``node:index``."""
    return node if index == 0 else f"{node}:{index}"


@dataclass(frozen=True)
class Port:
    """A model input or output: the outside ``name``, the ``value`` inside, and what the file declares of it.

    ``shape`` is None for unknown rank and has None for unknown lengths. ``dtype`` may be "" for outputs whose
    file does not say. ``key`` is what a file's signature calls it, which users may say instead of the name.
    Integers are to lie ``below`` a bound, where one is known and not 0: they look up rows of a table. What is fed may
    have one of the dtypes ``also`` as well, and is converted. Where a file says how pictures are normalized, ``levels``
    are what 0 to 255 become: one range, or one for each channel. They change nothing of what is computed.
    """

    name: str
    value: str
    shape: Dims | None
    dtype: str
    key: str = ""
    below: int = 0
    also: tuple[str, ...] = ()
    levels: tuple[tuple[float, float], ...] = field(default=(), repr=False)  # digests are made of the repr


# Where ``metadata`` has the names of the inputs that a model feeds itself: each gets, in the next call, what the output
# of this name gave in the call before, and zeros at first.
STATES = "states"
# Where it has arrays, by the names of these inputs, for those that do not begin with zeros.
INITIAL_STATES = "initial_states"


@dataclass(frozen=True)
class Quantization:
    """How files hold a weight: ``value = stored * scale + minimum`` (float16 has scale 1, minimum 0).

    Without a scale, it is to be stored with that dtype in a range that is found when it is written.
    """

    dtype: str
    scale: float | None = 1.0
    minimum: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A whole model or function. ``constants`` maps value names to arrays; input ports name their values too.

    ``stored`` says of constants that a file holds in fewer bytes how it does.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array] = field(default_factory=dict)
    functions: Mapping[str, Graph] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    stored: Mapping[str, Quantization] = field(default_factory=dict)

    def __repr__(self) -> str:
        ports = (", ".join(p.name for p in ports) for ports in (self.inputs, self.outputs))
        return f"Graph({counted(len(self.nodes), 'node')}: {' -> '.join(ports)})"

    def with_(self, **changes: Any) -> Graph:
        """A copy with fields replaced."""
        return replace(self, **changes)

    def with_inputs(self, ports: Iterable[Port]) -> Graph:
        """A copy with these inputs in place of those of their names; those that no port names stay, such as states."""
        given = {p.name: p for p in ports}
        return self.with_(inputs=tuple(given.get(p.name, p) for p in self.inputs))

    def producers(self) -> dict[str, Node]:
        """Which node makes each value."""
        return {v: n for n in self.nodes for v in n.outputs}

    def consumers(self) -> dict[str, list[Node]]:
        """Which nodes read each value, in order."""
        found: dict[str, list[Node]] = {}
        for n in self.nodes:
            for v in dict.fromkeys(n.uses):
                found.setdefault(v, []).append(n)
        return found

    def all_graphs(self) -> Iterator[Graph]:
        """Yield this graph and the functions in it, at any depth."""
        yield self
        for f in self.functions.values():
            yield from f.all_graphs()

    @property
    def weight_bytes(self) -> int:
        """Bytes of all constants, functions included."""
        return sum(c.nbytes for g in self.all_graphs() for c in g.constants.values())
