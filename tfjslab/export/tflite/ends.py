"""Floats at the ends of a file of integers: QUANTIZE behind its inputs, DEQUANTIZE before its outputs."""

from __future__ import annotations

from dataclasses import replace

from tfjslab.formats.tflite.file import TfliteFile, TfliteSubgraph
from tfjslab.formats.tflite.writer.draft import SubgraphDraft


def with_float_ends(file: TfliteFile) -> TfliteFile:
    """The file, whose int8 inputs and outputs are float32 under the same names."""
    main = file.subgraphs[0]
    made = _wrapped(main)
    inputs, outputs = (dict(zip(old, new, strict=True)) for old, new in (
        (main.inputs, made.inputs), (main.outputs, made.outputs)))
    signatures = tuple(replace(s, inputs=tuple((key, inputs[i]) for key, i in s.inputs),
                               outputs=tuple((key, outputs[i]) for key, i in s.outputs)) for s in file.signatures)
    return replace(file, subgraphs=(made,), signatures=signatures)


def _wrapped(g: TfliteSubgraph) -> TfliteSubgraph:
    draft = SubgraphDraft(list(g.tensors), taken={t.name for t in g.tensors})

    def floats(i: int) -> int:
        """A float tensor that is called as int8 tensor ``i`` was."""
        name = draft.tensors[i].name
        draft.rename(i, f"{name}/int8")
        return draft.tensor(name, tuple(d or 1 for d in draft.tensors[i].dims), "float32")

    inputs, outputs = [*g.inputs], [*g.outputs]
    for place, i in enumerate(g.inputs):
        if g.tensors[i].type.name == "int8":
            inputs[place] = floats(i)
            draft.operator("QUANTIZE", [inputs[place]], [i])
    draft.operators += g.operators
    for place, i in enumerate(g.outputs):
        if g.tensors[i].type.name == "int8":
            outputs[place] = floats(i)
            draft.operator("DEQUANTIZE", [i], [outputs[place]])
    return draft.finish(inputs, outputs)
