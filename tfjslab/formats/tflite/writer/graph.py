"""A graph as the data of a .tflite file, in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tfjslab.formats.tflite.writer.operators  # noqa: F401 - registers the writers
from tfjslab.base.errors import ModelError, TfjslabError, UnknownOpError
from tfjslab.base.shapes import Shape
from tfjslab.base.text import counted
from tfjslab.base.version import __version__
from tfjslab.formats.tflite.file import TfliteFile, TfliteSignature
from tfjslab.formats.tflite.writer.activations import with_activations
from tfjslab.formats.tflite.writer.channels_last import channels_last
from tfjslab.formats.tflite.writer.draft import SubgraphDraft
from tfjslab.formats.tflite.writer.node import NodeWriter, NotWrittenError, writers
from tfjslab.graph.ir import STATES, Graph, Node, Port
from tfjslab.graph.specialize import Specialized, specialize
from tfjslab.graph.unroll_recurrent import unrolled
from tfjslab.ops.registry import Spec

SIGNATURE = "serving_default"  # what TensorFlow calls the only one
_DTYPES = ("float32", "int32", "bool")
_ADVICE = ("Replace these nodes, or end the model before them; 'tfjslab export' to a folder writes it as WebAssembly "
           "instead")


def tflite_file(graph: Graph, shapes: Mapping[str, Shape] | None = None) -> TfliteFile:
    """The file that holds ``graph``, with a signature of its inputs and outputs.

    All shapes are fixed: those of inputs are in ``shapes`` by name, or declared, with 1 for an open batch.

    Raises UnknownOpError with every node that no operators compute, ModelError for other models that cannot be written.
    """
    _check(graph)
    fed = {p.value: _fed(p, shapes or {}) for p in graph.inputs}
    program = unrolled(specialize(graph, fed))
    if (turned := channels_last(program)) is not program.graph:
        program = specialize(turned, fed)
    draft, values = SubgraphDraft(), dict[str, int]()
    for port in program.graph.inputs:
        spec = program.specs[port.value]
        values[port.value] = draft.tensor(port.name, spec.known_shape, spec.dtype)
    _write_nodes(program, draft, values)
    inputs = [values[p.value] for p in program.graph.inputs]
    outputs = _outputs(program, draft, values, inputs)
    main = with_activations(draft.finish(inputs, outputs))
    ends = (_ends(graph, side, indices) for side, indices in (("inputs", main.inputs), ("outputs", main.outputs)))
    return TfliteFile("", f"tfjslab {__version__}", (main,), (TfliteSignature(SIGNATURE, 0, *ends),))


def _check(graph: Graph) -> None:
    """ModelError for a graph whose execution a file of floats cannot tell."""
    if running := graph.metadata.get("execution"):
        raise ModelError(f"this model runs in {running}, whose integers are not those of TensorFlow Lite; write the "
                         "float32 model that it was made from, with --precision int8", code="model.integer_execution")
    if states := graph.metadata.get(STATES):
        raise ModelError(f"this model keeps {', '.join(states)} from one call to the next, which is not written to "
                         ".tflite; save it as a model.json and write that: states are inputs and outputs then",
                         code="model.write")


def _fed(port: Port, shapes: Mapping[str, Shape]) -> Spec:
    """What an input is, with all lengths. ModelError for one that only the caller can tell."""
    dims = shapes.get(port.name, port.shape)
    if dims is None or any(d is None or d < 0 for d in dims[1:]):
        told = "no declared rank" if dims is None else f"shape {['?' if d is None else d for d in dims]}"
        raise ModelError(f"input '{port.name}' has {told}; give its lengths, with --shape or shapes=",
                         code="model.write")
    return Spec(tuple(1 if d is None or d < 0 else d for d in dims), port.dtype or "float32")


def _write_nodes(program: Specialized, draft: SubgraphDraft, values: dict[str, int]) -> None:
    refused, behind = list[str](), 0
    for node in program.graph.nodes:
        if any(values.get(v, 0) < 0 for v in node.uses):
            behind += 1
            values.update(dict.fromkeys(node.outputs, -1))
            continue
        before = len(draft.tensors)
        try:
            _name(node, _written(node, program, draft, values), draft, values, before)
        except (NotWrittenError, TfjslabError) as e:
            refused.append(f"'{node.name}' ({node.op}): {e}")
            values.update(dict.fromkeys(node.outputs, -1))
    if refused:
        told = "; ".join([*refused, *([f"and {counted(behind, 'node')} behind them"] if behind else [])])
        raise UnknownOpError(f"{counted(len(refused), 'node')} cannot be written to .tflite: {told}. {_ADVICE}",
                             code="model.tflite_write")


def _written(node: Node, program: Specialized, draft: SubgraphDraft, values: dict[str, int]) -> Sequence[int]:
    """The tensors of a node's outputs. NotWrittenError says why there are none."""
    writer = writers().get(node.op)
    strange = [s for s in (program.specs[v] for v in (*node.uses, *node.outputs)) if not _is_tensor(s)]
    if strange and strange[0].dtype not in ("", *_DTYPES):
        raise NotWrittenError(f"it works on {strange[0].dtype}; {', '.join(_DTYPES)} are written")
    if node.definition.control:
        raise NotWrittenError("loops, branches and calls are not written; a loop of a known length can be unrolled")
    if node.attr_inputs or strange:
        raise NotWrittenError(f"{_computed(node)} depends on data, and files have fixed shapes")
    if writer is None:
        raise NotWrittenError("no operator of .tflite computes it, nor do any together that are known here")
    found = writer(NodeWriter(node, draft, program.specs, program.graph.constants, values))
    return [found] if isinstance(found, int) else found


def _computed(node: Node) -> str:
    """What of a node is known only when it runs."""
    names = [f"'{name}'" for name in node.attr_inputs]
    return f"its {', '.join(names)}" if names else "the shape of what it reads or makes"


def _is_tensor(spec: Spec) -> bool:
    """Whether a tensor of the file can be this: of known shape, and numbers or truth values."""
    return spec.shape is not None and spec.dtype in _DTYPES


def _name(
    node: Node, found: Sequence[int], draft: SubgraphDraft, values: dict[str, int], before: int,
) -> None:
    """Note which tensors a node's outputs are; those made for it get their names."""
    for value, index in zip(node.outputs, found, strict=False):
        values[value] = index
        if index >= before:
            draft.rename(index, value)


def _outputs(
    program: Specialized, draft: SubgraphDraft, values: dict[str, int], inputs: Sequence[int],
) -> list[int]:
    """The tensors of the outputs, each of its own and under its name: what is an input or known is copied."""
    found: list[int] = []
    for port in program.graph.outputs:
        if port.value not in values:
            values[port.value] = draft.constant(port.value, program.graph.constants[port.value])
        index = values[port.value]
        tensor = draft.tensors[index]
        if index in (*inputs, *found) or tensor.data is not None:
            index = draft.reshaped(index, port.name, program.specs[port.value].known_shape)
        draft.claim(index, port.name)
        found.append(index)
    return found


def _ends(graph: Graph, side: str, indices: Sequence[int]) -> tuple[tuple[str, int], ...]:
    """One side of the signature, under the keys of the file that the graph came from."""
    ports = graph.inputs if side == "inputs" else graph.outputs
    keys = {name: key for key, name in (graph.metadata.get("signature") or {}).get(side, {}).items()}
    return tuple((p.key or keys.get(p.name, p.name), i) for p, i in zip(ports, indices, strict=True))
