"""A subgraph of a .tflite file while it grows: tensors and operators in the order in which they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tfjslab.base import dtypes
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError
from tfjslab.base.names import reserve
from tfjslab.base.shapes import Shape
from tfjslab.formats.tflite.file import TfliteOperator, TfliteSubgraph, TfliteTensor, default_options
from tfjslab.formats.tflite.schema import ELEMENT_TYPES, TensorScale

TYPES = {t.name: t for t in ELEMENT_TYPES}
NUMBERS = {t.name: i for i, t in enumerate(ELEMENT_TYPES)}


@dataclass
class SubgraphDraft:
    """Tensors are told by their index."""

    tensors: list[TfliteTensor] = field(default_factory=list)
    operators: list[TfliteOperator] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def tensor(
        self, name: str, shape: Shape | Sequence[int | None], dtype: str, data: Array | None = None,
        quantization: TensorScale | None = None,
    ) -> int:
        """Add a tensor of this element type; one with ``data`` is constant."""
        index, unique = len(self.tensors), reserve(name, self.taken)
        self.tensors.append(TfliteTensor(
            index, unique, TYPES[dtype], tuple(shape), data, quantization, is_variable=False, is_sparse=False))
        return index

    def constant(self, name: str, array: Array) -> int:
        """Add a constant tensor of the array's dtype. ModelError for one without elements."""
        if array.size == 0:
            raise ModelError(f"'{name}' has no elements; files cannot tell that from a tensor that is computed",
                             code="model.write")
        return self.tensor(name, array.shape, dtypes.of_value(array), array)

    def operator(self, name: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> None:
        """Add an operator; options that are not given have their defaults."""
        told = {**default_options(name), **options}
        self.operators.append(TfliteOperator(len(self.operators), name, "", tuple(inputs), tuple(outputs), told))

    def made(
        self, name: str, operator: str, inputs: Sequence[int], shape: Shape, dtype: str = "float32", **options: Any,
    ) -> int:
        """Add an operator and the tensor called ``name`` that it makes."""
        out = self.tensor(name, shape, dtype)
        self.operator(operator, inputs, [out], **options)
        return out

    def reshaped(self, index: int, name: str, shape: Shape) -> int:
        """A tensor with other lengths, of its own also where they are the same.

        Scalars are made by squeezing: files cannot tell a constant shape without lengths from one that is missing.
        """
        dtype, dims = self.tensors[index].type.name, self.tensors[index].dims
        if not shape:
            return self.made(name, "SQUEEZE", [index], shape, dtype, squeeze_dims=list(range(len(dims))))
        lengths = self.constant(f"{name}/shape", whole(shape))
        return self.made(name, "RESHAPE", [index, lengths], shape, dtype, new_shape=shape)

    def rename(self, index: int, name: str) -> None:
        """Call a tensor so, or nearly so where the name is taken."""
        tensor = self.tensors[index]
        if tensor.name != name:
            self.taken.discard(tensor.name)
            self.tensors[index] = replace(tensor, name=reserve(name, self.taken))

    def claim(self, index: int, name: str) -> None:
        """Call a tensor so, which is what it is called outside; another one of that name gets another."""
        other = next((t.index for t in self.tensors if t.name == name and t.index != index), None)
        if other is not None:
            self.rename(other, f"{name}/{self.tensors[other].type.name}")
        self.rename(index, name)

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> TfliteSubgraph:
        """What was added, without the tensors that nothing uses."""
        return compact(TfliteSubgraph("main", tuple(self.tensors), tuple(self.operators), tuple(inputs),
                                      tuple(outputs)))


def compact(g: TfliteSubgraph) -> TfliteSubgraph:
    """The subgraph without the tensors that nothing uses; tensors and operators are numbered anew."""
    used = {*g.inputs, *g.outputs, *(i for o in g.operators for i in (*o.inputs, *o.outputs, *o.intermediates))}
    kept = sorted(used - {-1})
    place = {old: new for new, old in enumerate(kept)} | {-1: -1}

    def at(indices: Sequence[int]) -> tuple[int, ...]:
        return tuple(place[i] for i in indices)

    tensors = tuple(replace(g.tensors[i], index=place[i]) for i in kept)
    operators = tuple(
        replace(o, index=n, inputs=at(o.inputs), outputs=at(o.outputs), intermediates=at(o.intermediates))
        for n, o in enumerate(g.operators)
    )
    return replace(g, tensors=tensors, operators=operators, inputs=at(g.inputs), outputs=at(g.outputs))


def whole(values: Any) -> Array:
    """Whole numbers as files have them."""
    return np.asarray(values, np.int32)
