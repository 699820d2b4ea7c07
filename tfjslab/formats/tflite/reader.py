"""Reader of .tflite files. Weights of operators on floats may be float32, float16 or quantized, and become floats.

What is computed in int8, uint8 or int16 stays as it is stored, in the integer ops of ``tfjslab.ops.tflite``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

import tfjslab.formats.tflite.operators  # noqa: F401 - registers the converters
from tfjslab.base.dtypes import Array, is_short, numpy_dtype
from tfjslab.base.errors import ModelError, TfjslabError, UnknownOpError, UsageError, did_you_mean
from tfjslab.base.limits import LIMITS
from tfjslab.formats.document import Document
from tfjslab.formats.tflite.file import (
    TfliteFile,
    TfliteOperator,
    TfliteSignature,
    TfliteSubgraph,
    TfliteTensor,
    parse,
)
from tfjslab.formats.tflite.metadata import described, normalized
from tfjslab.formats.tflite.operator import Operator, converters, integer_converters, node_name
from tfjslab.formats.tflite.schema import FILE_MARK
from tfjslab.formats.tflite.variables import Variables
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import STATES, Graph, Port

FORMAT = "tflite"
_MARK_AT, SUFFIX = slice(4, 8), ".tflite"
_INT32 = np.iinfo(np.int32)
_MOST_NAMED = 20  # operators that a refusal names
# What arithmetic on shapes and options raises where a file has others than the operator can have.
_DOES_NOT_FIT = (ArithmeticError, LookupError, TypeError, ValueError)


def sniff(document: Document) -> bool:
    """Whether the file has the mark of a .tflite file, or its name."""
    return document.head[_MARK_AT] == FILE_MARK or document.suffix == SUFFIX


def read(document: Document) -> Graph:
    """Read a .tflite file into a verified Graph.

    Raises ModelError for damaged files, UnknownOpError with all operators that are not supported.
    """
    file = parse(document.bytes, document.name)
    _refuse(file)
    entry = _entry(file, document.signature)
    reader = _Reader(file, entry)
    graph = reader.graph(entry.subgraph)
    told = described(file.metadata, document.bytes, document.name)
    # It describes the first subgraph.
    inputs = graph.inputs if entry.subgraph else normalized(graph.inputs, told)
    return graph.with_(inputs=inputs, metadata={
        "format": FORMAT, "source": document.name, "description": file.description,
        "nodes_in_file": sum(len(g.operators) for g in file.subgraphs), "operators": _operators(file),
        "quantized_weights": _quantized_weights(file), "tensors": reader.values,
        "quantization": _ports(file.subgraphs[entry.subgraph], graph), **_signatures(file, entry, graph),
        **told, **graph.metadata,
    })


def _ports(g: TfliteSubgraph, graph: Graph) -> dict[str, dict[str, Any]]:
    """What the stored integers of inputs and outputs stand for, by the port's name."""
    found: dict[str, dict[str, Any]] = {}
    for indices, ports in ((g.inputs, graph.inputs), (g.outputs, graph.outputs)):
        for tensor, port in zip((g.tensors[i] for i in indices), ports, strict=False):  # states come behind them
            q = tensor.quantization
            if q is not None and q.scale.size == 1 and is_short(port.dtype):
                found[port.name] = {"scale": float(q.scale[0]), "zero_point": int(q.zero_point[0])}
    return found


def _operators(file: TfliteFile) -> dict[str, int]:
    """How often the file has each operator, the most frequent first."""
    return dict(Counter(o.custom or o.name for g in file.subgraphs for o in g.operators).most_common())


def _quantized_weights(file: TfliteFile) -> list[dict[str, Any]]:
    """Constants that the file holds as integers with scales; those along an axis are several."""
    return [
        {"name": node_name(t.name), "dtype": t.type.name, "shape": list(t.dims), "axis": t.quantization.axis,
         "scale": t.quantization.scale.tolist(), "zero_point": t.quantization.zero_point.tolist()}
        for g in file.subgraphs for t in g.tensors if t.data is not None and t.quantization is not None
    ]


def _entry(file: TfliteFile, wanted: str) -> TfliteSignature:
    """The signature of this name; without one the first of the main subgraph, or one without names."""
    found = next((s for s in file.signatures if (s.key == wanted if wanted else s.subgraph == 0)), None)
    if found is None and wanted:
        keys = [s.key for s in file.signatures]
        raise UsageError(f"{file.name}: there is no signature {wanted!r}; there are: {', '.join(keys) or 'none'}"
                         f"{did_you_mean(wanted, keys)}")
    return found or TfliteSignature("", 0, (), ())


def _signatures(file: TfliteFile, entry: TfliteSignature, graph: Graph) -> dict[str, Any]:
    """Each signature of the subgraph: its names for inputs and outputs, and what these are called in the graph.

    ``signature`` is the one that is read, whose names may stand for those of the graph.
    """
    main = file.subgraphs[entry.subgraph]
    inputs = dict(zip(main.inputs, (p.name for p in graph.inputs), strict=False))
    outputs = dict(zip(main.outputs, (p.name for p in graph.outputs), strict=False))
    found = {
        s.key: {"inputs": {k: inputs[i] for k, i in s.inputs if i in inputs},
                "outputs": {k: outputs[i] for k, i in s.outputs if i in outputs}}
        for s in file.signatures if s.subgraph == entry.subgraph
    }
    keys = [s.key for s in file.signatures]
    return {"signatures": found, "signature": found.get(entry.key, {}), "entry_points": keys}


def _refuse(file: TfliteFile) -> None:
    """What cannot be read yet, all of it at once."""
    known = converters()
    operators = [o for g in file.subgraphs for o in g.operators]
    unknown = Counter(o.custom or o.name for o in operators if not _is_known(o))
    if unknown:
        listed = ", ".join(f"{n} ({c}x{did_you_mean(n, known)})" for n, c in sorted(unknown.items()))
        raise UnknownOpError(f"{file.name}: {len(unknown)} operator(s) of .tflite that are not supported: {listed}")
    refused = [text for g in file.subgraphs for o in g.operators if (text := _refused_integers(g, o))]
    if refused:
        more = f"; and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
        raise ModelError(f"{file.name}: {'; '.join(refused[:_MOST_NAMED])}{more}", code="model.tflite_integers")


def _refused_integers(g: TfliteSubgraph, o: TfliteOperator) -> str:
    """Why an operator on stored integers that has no converter for them is refused, else ""."""
    if (o.custom or o.name) in integer_converters():
        return ""
    tensors = (g.tensors[i] for i in (*o.inputs, *o.outputs) if i >= 0)
    found = next((t for t in tensors if t.is_stored_integers), None)
    return "" if found is None else (f"{o.label}: tensor '{found.name}' is computed in {found.type.name}, which this "
                                     "operator is not supported on")


def _is_known(o: TfliteOperator) -> bool:
    return any((o.custom or o.name) in table for table in (converters(), integer_converters())) or o.name == "DENSIFY"


@dataclass
class _Reader:
    """Builds the graphs of one file."""

    file: TfliteFile
    entry: TfliteSignature
    values: dict[int, str] = field(default_factory=dict)  # of the main graph's tensors
    built: dict[int, Graph] = field(default_factory=dict)
    stack: list[int] = field(default_factory=list)

    def graph(self, number: int) -> Graph:
        """The graph of a subgraph; those that it calls are its functions."""
        if number in self.built:
            return self.built[number]
        if number in self.stack or len(self.stack) >= LIMITS.function_depth:
            raise ModelError(f"{self.file.name}: subgraph {number} calls itself, or is nested too deeply",
                             code="model.graph")
        self.stack.append(number)
        self.built[number] = self._build(self.file.subgraphs[number])
        self.stack.pop()
        return self.built[number]

    def key(self, tensor: int, side: str) -> str:
        """What the signature calls an input or output of its subgraph; "" in those that this one calls."""
        if len(self.stack) > 1:
            return ""
        ends = self.entry.inputs if side == "inputs" else self.entry.outputs
        return next((name for name, index in ends if index == tensor), "")

    def _build(self, g: TfliteSubgraph) -> Graph:
        builder, values, constants = GraphBuilder(), dict[int, str](), dict[str, Array]()
        variables = Variables(builder, self.file, lambda t: _stored(t, self.file))
        for i in g.inputs:
            tensor = g.tensors[i]
            values[i] = builder.input(node_name(tensor.name) or f"input_{i}", tensor.dims, _dtype(tensor, self.file))
            builder.inputs[-1] = replace(builder.inputs[-1], key=self.key(i, "inputs"))
        for tensor in g.tensors:
            if tensor.data is not None and tensor.index not in values and not is_short(tensor.type.name):
                array = _constant(tensor, self.file)
                value = builder.constant(node_name(tensor.name) or f"constant_{tensor.index}", array)
                values[tensor.index], constants[value] = value, array

            elif tensor.is_variable and tensor.index not in values:
                name, first = node_name(tensor.name), variables.zeros(tensor, _dtype(tensor, self.file))
                values[tensor.index] = variables.begin(tensor.index, name or f"state_{tensor.index}", first)

        def function(number: int) -> str:
            if not 0 <= number < len(self.file.subgraphs):
                raise ModelError(f"{self.file.name}: subgraph {number} is called and not there", code="model.graph")
            name = f"subgraph_{number}"
            builder.functions[name] = self.graph(number)
            return name

        @cache
        def short(tensor: TfliteTensor, stored: bool) -> str:  # noqa: FBT001 - a key of the cache
            array = tensor.data if stored else _constant(tensor, self.file)
            value = builder.constant(node_name(tensor.name) or f"constant_{tensor.index}", np.asarray(array))
            constants[value] = np.asarray(array)
            return value

        for told in g.operators:
            self._convert(Operator(told, g, builder, values, constants, function, self.file.name, short, variables))
        if g is self.file.subgraphs[self.entry.subgraph]:
            self.values.update(values)
        return self._finished(builder, g, values, variables)

    def _convert(self, op: Operator) -> None:
        """Add an operator's nodes, and note what its outputs are."""
        outputs = op.told.outputs
        op.builder.layer = op.name.rpartition("/")[0]
        name, integers = op.told.custom or op.told.name, op.integers
        if name in ("DEQUANTIZE", "DENSIFY") and not integers:  # constants were made floats when they were read
            op.values.update(dict.fromkeys(outputs, op.value(0)))
            return
        try:
            found = (integer_converters() if integers else converters())[name](op)
        except ModelError:
            raise
        except TfjslabError as e:
            raise op.fail(str(e)) from None
        except _DOES_NOT_FIT as e:
            raise op.fail(f"its tensors and options do not fit each other ({e})") from None
        made = [found] if isinstance(found, str) else list(found)
        if len(made) < len(outputs):
            raise op.fail(f"{len(outputs)} outputs; expected at most {len(made)}")
        op.values.update(zip(outputs, made, strict=False))

    def _finished(
        self, builder: GraphBuilder, g: TfliteSubgraph, values: dict[int, str], variables: Variables,
    ) -> Graph:
        ports: list[Port] = []
        states, metadata = variables.finish()
        kept = [*(p for p in builder.inputs if p.name in metadata.get(STATES, ())), *states]
        for i in g.outputs:
            tensor = g.tensors[i]
            if i not in values:
                raise ModelError(f"{self.file.name}: output '{tensor.name}' is computed by no operator",
                                 code="model.graph")
            ports.append(Port(_free(node_name(tensor.name) or f"output_{i}", [*kept, *ports]), values[i], None,
                              _dtype(tensor, self.file), key=self.key(i, "outputs")))
        if states and len(self.stack) > 1:
            raise ModelError(f"{self.file.name}: a subgraph that is called keeps '{states[0].name}' for the next call, "
                             "which is not supported", code="model.graph")
        return builder.build([*ports, *states], metadata)


def _free(name: str, ports: list[Port]) -> str:
    taken = {p.name for p in ports}
    return next(n for n in (name, *(f"{name}_{i}" for i in range(1, len(ports) + 2))) if n not in taken)


def _dtype(tensor: TfliteTensor, file: TfliteFile) -> str:
    if not tensor.type.dtype:
        raise ModelError(f"{file.name}: tensor '{tensor.name}' is {tensor.type.name}, which is not supported",
                         code="model.dtype")
    return tensor.type.dtype


def _stored(tensor: TfliteTensor, file: TfliteFile) -> Array:
    """A constant as a state has it: short integers stay as they are stored."""
    return _constant(tensor, file) if tensor.data is None or not is_short(tensor.type.name) else tensor.data


def _constant(tensor: TfliteTensor, file: TfliteFile) -> Array:
    """A constant as the graph has it: quantized ones as what they mean, float16 widened, int64 narrowed."""
    data, dtype = tensor.data, _dtype(tensor, file)
    if data is None:
        raise ModelError(f"{file.name}: constant '{tensor.name}' of {tensor.type.name} is not supported",
                         code="model.dtype")
    if dtype == "string":
        return data
    if tensor.quantization is not None and data.dtype.kind in "iu":
        return tensor.quantization.real(data)
    if dtype == "int32" and data.dtype.itemsize > 4:  # noqa: PLR2004 - ends of slices may be the largest of 64 bits
        data = data.clip(_INT32.min, _INT32.max)
    return data.astype(np.int32 if is_short(dtype) else numpy_dtype(dtype))
