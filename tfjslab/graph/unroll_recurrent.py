"""Recurrent nodes written out step by step, for files and backends that have nothing for a whole layer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfjslab.base.errors import ModelError
from tfjslab.base.shapes import Shape
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Graph, Node, value_name
from tfjslab.graph.specialize import Specialized, specialize
from tfjslab.ops.cells import ACTIVATIONS, CELLS, Step
from tfjslab.ops.recurrent import CONVOLVED, cell_of, optional_inputs
from tfjslab.ops.registry import Spec

MAX_STEPS = 2048


def unroll(
    graph: Graph, specs: Mapping[str, Spec] | None = None, ops: Collection[str] = tuple(CELLS),
) -> Graph:
    """The graph with recurrent nodes of these ops written out.

    How many steps there are is told by the nodes, or by ``specs``. ModelError names a node where that is not known or
    more than ``MAX_STEPS``.
    """
    if not any(n.op in ops for n in graph.nodes):
        return graph
    taken = {*graph.constants, *(n.name for n in graph.nodes), *(p.value for p in graph.inputs)}
    builder = GraphBuilder(constants=dict(graph.constants), taken=taken)
    for node in graph.nodes:
        if node.op in ops:
            values = tuple(_write_out(builder, node, specs[node.inputs[0]].known_shape if specs else ()))
            builder.nodes.append(replace(node, op="IdentityN", inputs=values, attrs={}))
        else:
            builder.nodes.append(node)
    return graph.with_(nodes=tuple(builder.nodes), constants=builder.constants)


def unrolled(program: Specialized, ops: Collection[str] = tuple(CELLS)) -> Specialized:
    """The same for a program whose shapes are known."""
    written = unroll(program.graph, program.specs, ops)
    if written is program.graph:
        return program
    return specialize(written, {p.value: program.specs[p.value] for p in program.graph.inputs})


@dataclass
class _NodeMaker:
    """Adds nodes for one recurrent node; a constant is made once."""

    builder: GraphBuilder
    node: Node
    made: dict[str, str] = field(default_factory=dict)

    def several(self, tf_op: str, *values: str, **attrs: Any) -> Node:
        """A node."""
        self.builder.layer = self.node.layer
        return self.builder.node(f"{self.node.name}/{tf_op}", tf_op, values, **attrs)

    def add(self, tf_op: str, *values: str, **attrs: Any) -> str:
        """The first value of a node."""
        return self.several(tf_op, *values, **attrs).name

    def constant(self, name: str, values: Any) -> str:
        """Numbers."""
        array = np.asarray(values, np.float32)
        return self.once(name, lambda: self.builder.constant(f"{self.node.name}/{name}", array))

    def once(self, name: str, make: Callable[[], str]) -> str:
        """What was made under this name before, or is made now."""
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    @property
    def last(self) -> int:
        """The last axis of a step's values: of rows, or of images."""
        return 3 if self.node.op == CONVOLVED else 1

    def split(self, value: str, count: int) -> list[str]:
        """The blocks of the last axis."""
        return list(self.several("Split", value, num_split=count, axis=self.last).outputs) if count > 1 else [value]

    def product(self, value: str, weights: str) -> str:
        """A state times recurrent weights."""
        if self.node.op == CONVOLVED:
            return self.add("Conv2D", value, weights, strides=[1, 1, 1, 1], padding="SAME")
        return self.add("MatMul", value, weights)


def _write_out(builder: GraphBuilder, node: Node, shape: Shape) -> list[str]:
    """Add the steps of a node; gives what stands for its outputs. ``shape`` is that of its first input, if known."""
    steps = shape[1] if shape else node.attrs["steps"]
    if not 0 < steps <= MAX_STEPS:
        found = f"{steps} steps" if steps else "any number of steps"
        where = f"node '{node.name}' ({node.op})"
        raise ModelError(f"{where}: {found}; written out are 1 to {MAX_STEPS}", code="model.steps")
    x, kernel, *_ = node.inputs
    m, cell = _NodeMaker(builder, node), cell_of(node.op, node.attrs)
    each = list(m.several("Unpack", x, axis=1, num=steps).outputs)
    inputs = [m.split(v, cell.gates) for v in (each[::-1] if node.attrs["go_backwards"] else each)]
    others = optional_inputs(node.op, node.inputs)
    given = list(others.states)
    if not given and shape:
        given = [m.constant("zeros", np.zeros((shape[0], *shape[2:-1], shape[-1] // cell.gates)))] * cell.states
    states = given or [m.add("ZerosLike", inputs[0][0])] * cell.states

    def columns(gates: Sequence[int]) -> str:
        if len(gates) == cell.gates:
            return kernel
        parts = m.once("kernel", lambda: m.several("Split", kernel, num_split=cell.gates, axis=m.last).name)
        chosen = [value_name(parts, g) for g in gates]
        return m.add("ConcatV2", *chosen, axis=m.last) if len(chosen) > 1 else chosen[0]

    def product(value: str, gates: Sequence[int]) -> list[str]:
        part = m.once(f"kernel {gates}", lambda: columns(gates))
        return m.split(m.product(value, part), len(gates))

    biases = m.split(m.add("Reshape", others.bias, shape=[1, -1]), cell.gates) if others.bias else []
    masks = _masks(m, others.mask, steps)
    outputs = []
    for step, taken in zip(inputs, masks[::-1] if node.attrs["go_backwards"] else masks, strict=True):
        new = list(cell.step(Step(
            m, step, biases, states, product, ACTIVATIONS[node.attrs["activation"]],
            ACTIVATIONS[node.attrs.get("recurrent_activation", "linear")],
        )))
        states = [m.add("SelectV2", taken, *both) for both in zip(new, states, strict=True)] if taken else new
        outputs.append(states[0])
    return [m.add("Pack", *outputs, axis=1), *states]


def _masks(m: _NodeMaker, mask: str, steps: int) -> list[str]:
    """For each step whether each row takes it, [batch, 1] or [batch, 1, 1, 1]; "" without a mask."""
    if not mask:
        return [""] * steps
    taken = m.add("Cast", mask, DstT="bool")
    for _ in range(m.last):
        taken = m.add("ExpandDims", taken, axis=-1)
    return list(m.several("Unpack", taken, axis=1, num=steps).outputs)
