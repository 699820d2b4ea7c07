"""What a layer's reader gets: its options, its inputs, its weights, and ways to add nodes; and the table of layers.

Shapes come from the ops' own rules: every node is inferred twice with different lengths in place of the open ones,
and what differs is open. So no shape rule is written a second time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import ModelError, TfjslabError
from tfjslab.formats.layers_model.layer_weights import LayerWeights
from tfjslab.formats.layers_model.topology import LayerConfig, ModelConfig
from tfjslab.formats.strict_json import show, typed
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Dims, Node, Port
from tfjslab.ops.registry import Spec

# Two lengths for open batches and two for other open dimensions, large enough for any window.
_PROBES = ((2, 224), (3, 288))
_MOVES = ("Reshape", "ExpandDims", "Squeeze", "Transpose")
_FEW = 64  # numbers that are followed through arithmetic: lengths of axes
Probe = tuple[Spec, ...]
_LARGEST = float(np.finfo(np.float32).max)


@dataclass
class Workbench:
    """The graph being built, with what is known of its values.

    ``masks`` has for a value the mask that goes with it: true where a step of it counts. ``kept`` are the states of
    stateful layers: the input that the next call gets, and the value that it gets.
    """

    builder: GraphBuilder
    specs: dict[str, Probe] = field(default_factory=dict)
    keras_3: bool = False  # whether Keras 3 wrote the file, whose hard sigmoid is another
    by_tfjs: bool = False  # whether TF.js built and trained the model, so that what it does differently is meant
    masks: dict[str, str] = field(default_factory=dict)
    kept: list[tuple[Port, str]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)  # inputs that are integers, whatever their declared dtype

    def feed(self, value: str, shape: Dims, dtype: str) -> None:
        """Note an input."""
        self.specs[value] = tuple(
            Spec(tuple((batch if i == 0 else other) if d is None else d for i, d in enumerate(shape)), dtype)
            for batch, other in _PROBES
        )

    def constant(self, name: str, array: Array) -> str:
        """Add a constant."""
        value = self.builder.constant(name, array)
        self.specs[value] = (Spec(array.shape, of_array(array), array),) * len(_PROBES)
        return value

    def node(self, name: str, tf_op: str, values: Sequence[str], attrs: Mapping[str, Any]) -> Node:
        """Add a node and infer its outputs."""
        node = self.builder.node(name, tf_op, values, **attrs)
        inferred = [self._infer(node, i) for i in range(len(_PROBES))]
        for value, *specs in zip(node.outputs, *inferred, strict=True):
            self.specs[value] = tuple(specs)
        return node

    def _infer(self, node: Node, probe: int) -> Sequence[Spec]:
        """What a node gives for one choice of the open lengths, with the numbers where they follow from shapes."""
        definition, ins = node.definition, [self.specs[v][probe] for v in node.inputs if v]
        supplied = {a: self.specs[v][probe].value for a, v in node.attr_inputs.items()}
        attrs = definition.resolve_attrs({**node.attrs, **supplied}, f"node '{node.name}'") if supplied else node.attrs
        outs = definition.infer(ins, attrs)
        known = ins and all(s.value is not None and s.size <= _FEW for s in ins) and len(ins) == len(node.inputs)
        if not known or any(o.value is not None or o.size > _FEW for o in outs):
            return outs
        found = definition.run([s.value for s in ins], attrs)
        return [replace(o, value=v) for o, v in zip(outs, found, strict=True)]

    def note_ids(self, value: str) -> None:
        """Note that the input of the model that a value only reshapes holds integers."""
        producers = {n.outputs[0]: n for n in self.builder.nodes if n.op in _MOVES}
        while value in producers:
            value = producers[value].inputs[0]
        self.ids.add(value)

    def state(self, name: str, shape: tuple[int, ...]) -> str:
        """Add an input for what a layer keeps between calls."""
        value = self.builder.input(name, shape)
        self.feed(value, shape, "float32")
        return value

    def keep(self, state: str, value: str) -> None:
        """Note what the next call gets for a state."""
        port = next(p for p in self.builder.inputs if p.value == state)
        self.kept.append((port, value))

    def shape(self, value: str) -> Dims:
        """The shape, with None for open lengths."""
        first, second = (s.known_shape for s in self.specs[value])
        return tuple(a if a == b else None for a, b in zip(first, second, strict=True))

    def dtype(self, value: str) -> str:
        """The dtype."""
        return self.specs[value][0].dtype


class Value(str):
    """A value of the graph, among arguments that are none."""

    __slots__ = ()


@dataclass
class Call:
    """One call of a layer. ``where`` names it in messages, ``scope`` prefixes the nodes it adds.

    ``inputs`` are the tensors that it is called on, in order and without masks; ``args`` and ``kwargs`` are the call as
    it was written, in which a tensor is a Value. ``wrapped`` are the layers and cells among the options; ``run_model``
    calls a model that is one of them.
    """

    bench: Workbench
    scope: str
    where: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    weights: LayerWeights
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrapped: Mapping[str, tuple[LayerConfig, ...]] = field(default_factory=dict)
    run_model: Callable[[ModelConfig, Sequence[str], LayerWeights], Sequence[str]] = lambda _model, _feeds, _weights: ()

    @property
    def x(self) -> str:
        """The only input."""
        if len(self.inputs) != 1:
            raise self.fail(f"{len(self.inputs)} inputs, expected one")
        return self.inputs[0]

    @property
    def mask(self) -> str:
        """The mask of the first input: that which the call is given, else that which comes with it; "" without one."""
        given = self.kwargs.get("mask")
        return given if isinstance(given, Value) else self.bench.masks.get(self.inputs[0], "")

    def pass_mask(self, *outputs: str) -> None:
        """Note the mask of the first input as that of outputs which have none of their own."""
        for value in outputs if self.mask else ():
            self.bench.masks.setdefault(value, self.mask)

    def part(self, inner: LayerConfig, *inputs: str, mask: str = "") -> Call:
        """The call of a layer or cell among the options, to be read by its own reader."""
        where = f"{self.where}: {show(inner.name)} ({inner.class_name})"
        return replace(
            self, scope=f"{self.scope}/{inner.name}", where=where, config=inner.config, inputs=inputs,
            weights=self.weights.wrapped(inner.name), args=tuple(map(Value, inputs)),
            kwargs={"mask": Value(mask)} if mask else {}, wrapped=inner.wrapped,
        )

    def run(self, inner: LayerConfig, *inputs: str, mask: str = "") -> Sequence[str]:
        """Call a layer among the options, which may be a model; ``mask`` is given to a layer that reads one."""
        if inner.model is not None:
            return self.run_model(inner.model, inputs, self.weights.wrapped(inner.name))
        return all_layers()[inner.class_name](self.part(inner, *inputs, mask=mask))

    def fail(self, reason: str) -> ModelError:
        """The error that names this layer."""
        return ModelError(f"{self.where}: {reason}", code="model.layer")

    def add(self, tf_op: str, *values: str, **attrs: Any) -> str:
        """Add a node, spelled as in TensorFlow files, and give its first value."""
        return self._node(tf_op, values, attrs).name

    def several(self, tf_op: str, count: int, *values: str, **attrs: Any) -> list[str]:
        """Add a node of ``count`` outputs and give them."""
        outputs = self._node(tf_op, values, attrs).outputs
        if len(outputs) != count:
            raise self.fail(f"{tf_op} gives {len(outputs)} values, expected {count}")
        return list(outputs)

    def _node(self, tf_op: str, values: Sequence[str], attrs: Mapping[str, Any]) -> Node:
        try:
            return self.bench.node(f"{self.scope}/{tf_op.lstrip('_')}", tf_op, values, attrs)
        except ModelError:
            raise
        except TfjslabError as e:
            raise self.fail(str(e)) from None

    def find_weight(self, name: str) -> Array:
        """The array of the layer's weight of that name (``kernel``), or of one of a layer inside of it.

        The latter has the name of that layer in front (``query/kernel``); see ``LayerWeights.find``.
        """
        return self.weights.find(name)

    def weight(self, name: str) -> str:
        """The layer's weight of that name."""
        return self.bench.constant(f"{self.scope}/{name}", self.find_weight(name))

    def filters(self, name: str, rank: int) -> Array:
        """The array of a weight that must have this rank."""
        found = self.find_weight(name)
        if found.ndim != rank:
            raise self.fail(f"weight '{name}' has shape {list(found.shape)}, expected rank {rank}")
        return found

    def reshaped(self, name: str, shape: Sequence[int]) -> str:
        """The layer's weight in another shape of as many elements."""
        found = self.find_weight(name)
        if found.size != math.prod(shape):
            raise self.fail(f"weight '{name}' has shape {list(found.shape)}, expected {list(shape)}")
        return self.bench.constant(f"{self.scope}/{name}", found.reshape(shape))

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """A constant that the layer's options imply."""
        return self.bench.constant(f"{self.scope}/{name}", np.asarray(values, dtype))

    def shape(self, value: str) -> Dims:
        """Shape of a value, None for open lengths."""
        return self.bench.shape(value)

    def rank(self, value: str) -> int:
        """Rank of a value."""
        return len(self.bench.shape(value))

    def dtype(self, value: str) -> str:
        """Dtype of a value."""
        return self.bench.dtype(value)

    # Options. Absent and null mean the default, which is Keras's.

    def flag(self, key: str, *, default: bool) -> bool:
        """A true or false option."""
        value = self.config.get(key)
        return default if value is None else typed(value, bool, f"{self.where}: '{key}'")

    def number(self, key: str, default: float) -> float:
        """A number that float32 can hold."""
        value = self.config.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
            raise self.fail(f"option '{key}' is {show(value)}, expected a number")
        return float(value)

    def numbers(self, key: str, default: float) -> float | list[float]:
        """A number or a list of numbers."""
        value = self.config.get(key)
        if not isinstance(value, list):
            return self.number(key, default)
        if any(isinstance(v, bool) or not isinstance(v, (int, float)) or abs(v) > _LARGEST for v in value):
            raise self.fail(f"option '{key}' is {show(str(value))}, expected numbers")
        return value

    def text(self, key: str, default: str, choices: Sequence[str]) -> str:
        """One of some words."""
        value = self.config.get(key)
        value = default if value is None else value
        if value not in choices:
            raise self.fail(f"option '{key}' is {show(value)}, expected {' or '.join(choices)}")
        return str(value)

    def integers(self, key: str, default: Sequence[int], count: int = 0) -> tuple[int, ...]:
        """A list of integers; with ``count``, one of that length, for which a single integer may stand."""
        value = self.config.get(key)
        if value is None:
            return tuple(default)
        values = value if isinstance(value, list) else [value] * max(count, 1)
        if any(type(v) is not int for v in values) or (count and len(values) != count):
            raise self.fail(f"option '{key}' is {show(str(value))}, expected {count or 'some'} integers")
        return tuple(values)


Layer = Callable[[Call], Sequence[str]]
_Read = TypeVar("_Read", bound=Callable[[Call], str | Sequence[str]])
_LAYERS: dict[str, Layer] = {}


def layer(*class_names: str, rank: int = 0, masks: bool = False) -> Callable[[_Read], _Read]:
    """Register the reader of a layer class: a function that adds its nodes and returns its output or outputs.

    With ``rank``, it has one input of that rank. With ``masks``, the mask of its first input is that of its output.
    """

    def decorate(read: _Read) -> _Read:
        def checked(call: Call) -> Sequence[str]:
            if rank and call.rank(call.x) != rank:
                raise call.fail(f"input {list(call.shape(call.x))}, expected rank {rank}")
            try:
                found = read(call)
            except TfjslabError:
                raise
            except (ArithmeticError, LookupError, TypeError, ValueError) as e:  # options and arguments may be anything
                raise call.fail(f"cannot be read: {type(e).__name__}: {show(str(e))}") from e
            outputs = (found,) if isinstance(found, str) else found
            if masks:
                call.pass_mask(outputs[0])
            return outputs

        _LAYERS.update(dict.fromkeys(class_names, checked))
        return read

    return decorate


def forget(class_name: str) -> None:
    """Take a class out of the table."""
    del _LAYERS[class_name]


def all_layers() -> Mapping[str, Layer]:
    """Readers by class name."""
    return _LAYERS
