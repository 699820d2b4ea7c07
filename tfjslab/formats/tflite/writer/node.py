"""One node on its way into a .tflite file: what it reads, and how its operators are added."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape
from tfjslab.formats.tflite.writer.draft import NUMBERS, SubgraphDraft, whole
from tfjslab.graph.ir import Node
from tfjslab.ops.registry import Spec


class NotWrittenError(Exception):
    """Why a node cannot be written; whoever writes the graph tells all of them at once."""


@dataclass
class NodeWriter:
    """What writers of ops are given. A tensor is its index in the draft."""

    node: Node
    draft: SubgraphDraft
    specs: Mapping[str, Spec]
    constants: Mapping[str, Array]
    values: dict[str, int]  # from values of the graph to tensors

    def attr(self, name: str) -> Any:
        """An attribute."""
        return self.node.attrs[name]

    @property
    def count(self) -> int:
        """How many inputs there are."""
        return len(self.node.inputs)

    def x(self, i: int = 0) -> int:
        """Input ``i`` as a tensor; a constant is added when it is first asked for."""
        value = self.node.inputs[i]
        if value not in self.values:
            self.values[value] = self.draft.constant(value, self.constants[value])
        return self.values[value]

    @property
    def all_inputs(self) -> list[int]:
        """All inputs as tensors."""
        return [self.x(i) for i in range(self.count)]

    def shape(self, i: int = 0) -> Shape:
        """The shape of input ``i``."""
        return self.specs[self.node.inputs[i]].known_shape

    def dtype(self, i: int = 0) -> str:
        """The dtype of input ``i``."""
        return self.specs[self.node.inputs[i]].dtype

    def rank(self, i: int = 0) -> int:
        """How many axes input ``i`` has."""
        return len(self.shape(i))

    def axis(self, value: int, rank: int) -> int:
        """An axis counted from the front."""
        return value % rank if rank else 0

    def constant(self, i: int) -> Array | None:
        """Input ``i`` where it is known."""
        return self.constants.get(self.node.inputs[i])

    @property
    def out(self) -> Spec:
        """What the first output is."""
        return self.specs[self.node.name]

    def ints(self, suffix: str, values: Any) -> int:
        """Whole numbers as a constant of their own."""
        return self.add(suffix, whole(values))

    def number(self, suffix: str, value: float, dtype: str = "float32") -> int:
        """A scalar as a constant of its own."""
        return self.add(suffix, np.array(value, dtypes.numpy_dtype(dtype)))

    def add(self, suffix: str, array: Array) -> int:
        """A constant that belongs to this node."""
        return self.draft.constant(f"{self.node.name}/{suffix}", np.ascontiguousarray(array).reshape(array.shape))

    def op(
        self, operator: str, inputs: Sequence[int], shape: Shape | None = None, dtype: str = "", **options: Any,
    ) -> int:
        """Add an operator; without a shape its tensor is like the node's output, whose name the last one gets."""
        out = self.out.known_shape if shape is None else shape
        name = f"{self.node.name}/{operator.lower()}"
        return self.draft.made(name, operator, inputs, out, dtype or self.out.dtype, **options)

    def full(self, number: float) -> int:
        """The output, with one number everywhere."""
        value, shape = self.number("value", number, self.out.dtype), self.out.known_shape
        return self.op("FILL", [self.ints("shape", shape), value]) if shape else value

    def reshaped(self, x: int, shape: Shape) -> int:
        """A tensor with other lengths."""
        return self.draft.reshaped(x, f"{self.node.name}/reshape", shape)

    def cast(self, i: int, dtype: str) -> int:
        """Input ``i`` as this dtype."""
        if self.dtype(i) == dtype:
            return self.x(i)
        kinds = {"input_type": NUMBERS[self.dtype(i)], "output_type": NUMBERS[dtype]}
        return self.op("CAST", [self.x(i)], self.shape(i), dtype, **kinds)

    def broadcast(self, i: int) -> int:
        """Input ``i`` in the shape of the output, for operators that do not broadcast it."""
        shape = self.out.known_shape
        if self.shape(i) == shape:
            return self.x(i)
        return self.op("BROADCAST_TO", [self.x(i), self.ints("shape", shape)], shape, self.dtype(i))

    def several(self, operator: str, inputs: Sequence[int], **options: Any) -> list[int]:
        """Add an operator that makes all outputs of the node."""
        specs = [self.specs[v] for v in self.node.outputs]
        made = [self.draft.tensor(v, s.known_shape, s.dtype) for v, s in zip(self.node.outputs, specs, strict=True)]
        self.draft.operator(operator, inputs, made, **options)
        return made

    def fail(self, reason: str) -> NotWrittenError:
        """The error to raise."""
        return NotWrittenError(reason)


OpWriter = Callable[[NodeWriter], "int | list[int]"]
_WRITERS: dict[str, OpWriter] = {}


def writes(*ops: str) -> Callable[[OpWriter], OpWriter]:
    """Decorate the writer of nodes of these ops; it gives the tensors that are their outputs."""

    def register(writer: OpWriter) -> OpWriter:
        _WRITERS.update(dict.fromkeys(ops, writer))
        return writer

    return register


def writers() -> Mapping[str, OpWriter]:
    """All writers by the op's name."""
    return _WRITERS
