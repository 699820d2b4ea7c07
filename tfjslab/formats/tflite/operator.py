"""One operator on its way into a graph: what its tensors and options are, and how its nodes are added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, is_short, numpy_dtype
from tfjslab.base.errors import ModelError
from tfjslab.formats.tflite.file import TfliteOperator, TfliteSubgraph, TfliteTensor
from tfjslab.formats.tflite.schema import ELEMENT_TYPES
from tfjslab.formats.tflite.variables import Variables
from tfjslab.graph.builder import GraphBuilder, Supplied
from tfjslab.graph.ir import Node

Values = Sequence[str]  # of the outputs, in order
_INT32 = next(t for t in ELEMENT_TYPES if t.name == "int32")
# Activations that a file may name and that no kernel of LiteRT but the recurrent ones computes.
LEFT_OUT = ("TANH", "SIGN_BIT")
# What TensorFlow calls an activation that is fused, and what our graph adds for the others.
_FUSED = {"RELU": "Relu", "RELU6": "Relu6"}
_OWN: dict[str, tuple[str, dict[str, Any]]] = {
    "TANH": ("Tanh", {}), "RELU_N1_TO_1": ("ClipByValue", {"clip_value_min": -1.0, "clip_value_max": 1.0}),
}


@dataclass
class Operator:
    """What converters are given. Values are names in the graph; "" is an input that is absent."""

    told: TfliteOperator
    subgraph: TfliteSubgraph
    builder: GraphBuilder
    values: dict[int, str]
    constants: dict[str, Array]
    functions: Callable[[int], str]  # from a subgraph's number to the name of its function
    where: str
    short: Callable[[TfliteTensor, bool], str]  # the value of a constant of short integers: stored, or what it means
    variables: Variables
    widened: bool = False  # whether short integers are int32 here

    def option(self, name: str) -> Any:
        """An option."""
        return self.told.options[name]

    @property
    def count(self) -> int:
        """How many inputs the file names."""
        return len(self.told.inputs)

    def tensor(self, i: int) -> TfliteTensor:
        """The tensor that is input ``i``; ModelError when there is none."""
        if i >= self.count or self.told.inputs[i] < 0:
            raise self.fail(f"input {i} is missing")
        found = self.subgraph.tensors[self.told.inputs[i]]
        return replace(found, type=_INT32) if self.widened and is_short(found.type.name) else found

    def has(self, i: int) -> bool:
        """Whether there is an input ``i``."""
        return i < self.count and self.told.inputs[i] >= 0

    @property
    def integers(self) -> bool:
        """Whether it computes with stored integers: a tensor that is no constant has them."""
        used = (self.subgraph.tensors[i] for i in (*self.told.inputs, *self.told.outputs) if i >= 0)
        return any(t.is_stored_integers for t in used)

    def value(self, i: int) -> str:
        """Input ``i`` as a value of the graph."""
        tensor = self.tensor(i)
        if tensor.index not in self.values and tensor.data is not None:
            return self.short(tensor, self.integers)
        found = self.values.get(tensor.index)
        if found is None and 0 in tensor.dims and tensor.type.dtype:  # a constant without elements has no bytes
            array = np.zeros([d or 0 for d in tensor.dims], numpy_dtype(tensor.type.dtype))
            found = self.values[tensor.index] = self.make_constant(array, "empty")
        if found is None:
            raise self.fail(f"input {i} ('{self.tensor(i).name}') is computed by no operator before it")
        return found

    @property
    def all_values(self) -> list[str]:
        """All inputs as values."""
        return [self.value(i) for i in range(self.count)]

    def constant(self, i: int) -> Array | None:
        """Input ``i`` where it is known now, as it is in the graph."""
        return self.constants.get(self.value(i))

    def weights(self, i: int) -> Array:
        """Input ``i``, which has to be known now."""
        found = self.constant(i)
        if found is None:
            raise self.fail(f"input {i} ('{self.tensor(i).name}') is no constant, which is not supported here")
        return found

    def add(self, tf_op: str, *given: str, **attrs: Any) -> str:
        """Add a node named after the operator's output, and give its value, the first one where there are several.

        An attribute may be ``Supplied``, by a value at run time.
        """
        return self.builder.node(self.name, tf_op, given, **attrs).name

    def several(self, tf_op: str, *given: str, **attrs: Any) -> Node:
        """``add`` for what has several outputs: the node."""
        return self.builder.node(self.name, tf_op, given, **attrs)

    def called(self, op: str, given: Sequence[str], **attrs: Any) -> list[str]:
        """Add a node that calls functions; its outputs are the operator's."""
        count = len(self.told.outputs)
        self.builder.nodes.append(Node(self.builder.unique(self.name), op, tuple(given), attrs, num_outputs=count))
        return list(self.builder.nodes[-1].outputs)

    def attr(self, i: int) -> Any:
        """Input ``i`` as an attribute: what it is, or that it is ``Supplied`` at run time."""
        found = self.constant(i)
        return Supplied(self.value(i)) if found is None else found.item() if found.ndim == 0 else found.tolist()

    def single(self, i: int) -> Any:
        """``attr`` for one number, which files may hold in a vector."""
        if self.tensor(i).dims == ():
            return self.attr(i)
        found = self.constant(i)
        if found is None:
            return Supplied(self.add("Reshape", self.value(i), shape=[]))
        if found.size != 1:
            raise self.fail(f"input {i} has {found.size} numbers; expected one")
        return found.item()

    @property
    def name(self) -> str:
        """What its nodes are called: as its first output is, of which the converter joined several names."""
        outputs = self.told.outputs
        given = self.subgraph.tensors[outputs[0]].name if outputs else self.told.name
        return node_name(given) or self.told.name

    def make_constant(self, array: Array, suffix: str) -> str:
        """A constant that was made from the file's, such as weights in another order."""
        value = self.builder.constant(f"{self.name}/{suffix}", np.asarray(array, order="C"))  # a scalar stays one
        self.constants[value] = array
        return value

    def activated(self, value: str) -> str:
        """The operator's own activation on top."""
        name = self.option("activation")
        return value if name in LEFT_OUT else self.bent(value, name)

    def bent(self, value: str, name: str) -> str:
        """An activation by its name on top."""
        if name == "NONE":
            return value
        if name in _FUSED:
            return self.add(_FUSED[name], value)
        if name not in _OWN:
            raise self.fail(f"activation {name} is not supported")
        op, attrs = _OWN[name]
        return self.add(op, value, **attrs)

    @property
    def fused(self) -> str:
        """The activation where a kernel may have it in it, else ""."""
        return _FUSED.get(self.option("activation"), "")

    def keep(self, i: int, value: str) -> None:
        """Input ``i`` is a state: what it is from now on, and when the model is called again."""
        tensor = self.tensor(i)
        if not tensor.is_variable:
            raise self.fail(f"input {i} ('{tensor.name}') is changed, but it is no variable")
        self.values[tensor.index] = value
        self.variables.assign(tensor.index, value)

    def fail(self, why: str) -> ModelError:
        """An error that names the operator."""
        return ModelError(f"{self.where}: {self.told.label}: {why}", code="model.operator")


Converter = Callable[[Operator], "str | Values"]
_CONVERTERS: dict[str, Converter] = {}
_INTEGER_CONVERTERS: dict[str, Converter] = {}


def _register(table: dict[str, Converter], names: Sequence[str]) -> Callable[[Converter], Converter]:
    def register(converter: Converter) -> Converter:
        table.update(dict.fromkeys(names, converter))
        return converter

    return register


def operator(*names: str) -> Callable[[Converter], Converter]:
    """Decorate the converter of operators on floats; custom ones by their own names."""
    return _register(_CONVERTERS, names)


def integer_operator(*names: str) -> Callable[[Converter], Converter]:
    """Decorate the converter of operators on stored integers."""
    return _register(_INTEGER_CONVERTERS, names)


def converters() -> dict[str, Converter]:
    """All converters of operators on floats by the operator's name."""
    return _CONVERTERS


def integer_converters() -> dict[str, Converter]:
    """All converters of operators on stored integers by the operator's name."""
    return _INTEGER_CONVERTERS


def node_name(given: str) -> str:
    """A tensor's name as a node's: the first of several that were joined, without what has a meaning in ours."""
    return given.partition(";")[0].replace(":", "_").replace("^", "_").replace(" ", "_").strip("/")
