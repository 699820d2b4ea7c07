"""What a model keeps from one call to the next: each is an input and an output of its graph, which the model feeds.

There are two kinds: tensors that an operator changes in place, and variables with a name, which are read and assigned.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype, of_value
from tfjslab.base.errors import ModelError
from tfjslab.base.limits import check_limit
from tfjslab.formats.tflite.file import TfliteFile, TfliteTensor
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import INITIAL_STATES, STATES, Port

_FILLS = {"ASSIGN_VARIABLE": 2, "HASHTABLE_IMPORT": 3}  # and how many inputs they have
_MOST_ELEMENTS = 16 << 20  # of what one graph needs and the file does not have, states above all


@dataclass
class State:
    """An input, what it is the first time, and the value that it has by now."""

    port: Port
    first: Array
    now: str


@dataclass
class Variables:
    """The states of one graph. ``constant`` gives what a tensor of the file is in a graph."""

    builder: GraphBuilder
    file: TfliteFile
    constant: Callable[[TfliteTensor], Array]
    initial: dict[str, Array] = field(default_factory=dict)  # of variables, by their names
    tables: dict[int, tuple[Array, Array]] = field(default_factory=dict)  # keys and values, by the table's number
    states: dict[Hashable, State] = field(default_factory=dict)
    elements: int = 0

    def begin(self, key: Hashable, name: str, first: Array) -> str:
        """The value that a state has when the model is called; ``first`` is what it has the first time."""
        value = self.builder.input(name, first.shape, of_value(first))
        self.states[key] = State(self.builder.inputs[-1], first, value)
        return value

    def named(self, name: str, label: str, tensor: TfliteTensor) -> State:
        """The variable of this name; the tensor is what is read from it or assigned to it first."""
        if name not in self.states:
            first = self.initial.get(name)
            self.begin(name, label, self.zeros(tensor, tensor.type.dtype) if first is None else first)
        return self.states[name]

    def grow(self, count: int) -> None:
        """LimitError when so many more elements, which are not in the file, are too many."""
        self.elements += count
        check_limit(f"{self.file.name}: elements that are made for its graph", self.elements, _MOST_ELEMENTS)

    def zeros(self, tensor: TfliteTensor, dtype: str) -> Array:
        """What a tensor begins with: zeros, of int8 what stands for zero."""
        dims = [1 if d is None else d for d in tensor.dims]
        self.grow(math.prod(dims))
        scale = tensor.quantization if tensor.type.name == "int8" else None
        zero = 0 if scale is None else int(scale.zero_point.flat[0])
        return np.full(dims, zero, numpy_dtype(dtype))

    def load(self, number: int) -> None:
        """Take what a subgraph assigns to variables and imports into tables, once, before anything else."""
        where = f"{self.file.name}: subgraph {number}, which sets variables"
        if not 0 <= number < len(self.file.subgraphs):
            raise ModelError(f"{where}, is called and not there", code="model.graph")
        g, handles = self.file.subgraphs[number], dict[int, Any]()
        for o in g.operators:
            if o.name == "VAR_HANDLE" and o.outputs:
                handles[o.outputs[0]] = variable_name(o.options)
            elif o.name == "HASHTABLE" and o.outputs:
                handles[o.outputs[0]] = o.options["table"]
            elif o.name in _FILLS and len(o.inputs) == _FILLS[o.name] and o.inputs[0] in handles:
                tensors = [g.tensors[i] for i in o.inputs[1:]]
                missing = next((t.name for t, i in zip(tensors, o.inputs[1:], strict=True) if i < 0 or t.data is None),
                               None)
                if missing is not None:
                    raise ModelError(f"{where}: '{missing}' is no constant", code="model.graph")
                self._fill(handles[o.inputs[0]], [self.constant(t) for t in tensors])
            else:
                raise ModelError(f"{where}: {o.label} is not supported there", code="model.graph")

    def _fill(self, handle: Any, found: list[Array]) -> None:
        if isinstance(handle, str) and len(found) == 1:
            self.initial[handle] = found[0]
        elif isinstance(handle, int) and len(found) > 1:
            self.tables[handle] = found[0], found[1]
        else:
            raise ModelError(f"{self.file.name}: a table is assigned to, or a variable is filled as a table",
                             code="model.graph")

    def assign(self, key: Hashable, value: str) -> None:
        """What is read from now on, and the next time."""
        self.states[key].now = value

    def finish(self) -> tuple[list[Port], dict[str, Any]]:
        """The outputs that the next call gets, and what the graph's metadata says; what never changes is a constant."""
        ends: list[Port] = []
        names: dict[str, str] = {}
        first: dict[str, Array] = {}
        for state in self.states.values():
            port = state.port
            if state.now == port.value:
                self.builder.inputs.remove(port)
                self.builder.constants[port.value] = state.first
                continue
            ends.append(Port(f"{port.name}/next", state.now, port.shape, port.dtype))
            names[port.name] = ends[-1].name
            if state.first.any():
                first[port.name] = state.first
        metadata = {STATES: names, INITIAL_STATES: first} if first else {STATES: names} if names else {}
        return ends, metadata


def variable_name(options: Mapping[str, Any]) -> str:
    """The value that a handle is, which names a variable in one of some containers."""
    return f"variable {options['container']}/{options['shared_name']}"
