"""A .tflite file of floats as one of int8: every operator that can computes in integers, the others stay as they are.

A tensor is there as real numbers, as int8, or both, whichever its readers ask for: QUANTIZE and DEQUANTIZE stand where
that changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tfjslab.export.tflite import scales
from tfjslab.export.tflite.rules import FIXED, JOINED, PLACE, RULES, SAME, SEEN, WEIGHTED, Int8Rule
from tfjslab.formats.tflite.file import TfliteFile, TfliteOperator, TfliteSubgraph, TfliteTensor
from tfjslab.formats.tflite.schema import TensorScale
from tfjslab.formats.tflite.writer.draft import SubgraphDraft
from tfjslab.quantization.scheme import Scale

_INT8, _FLOAT = "int8", "float32"


@dataclass(frozen=True)
class Placed:
    """How an operator computes, ``int8`` or ``float32`` with the reason; ``name`` is what its output is called."""

    name: str
    operator: str
    precision: str
    reason: str = ""


def with_integers(file: TfliteFile, seen: Mapping[int, Scale]) -> tuple[TfliteFile, tuple[Placed, ...]]:
    """The file in int8, also its inputs and outputs, and how each operator that was in it computes.

    ``file`` is of float32, with one subgraph. ``seen`` has the encoding of each computed float tensor by its index, in
    the integers from 0 to ``scales.STEPS``.
    """
    main = file.subgraphs[0]
    work = _Integers(main, {i: scales.activation(s) for i, s in _joined(main, seen).items()})
    work.begin()
    placed = tuple(work.place(o) for o in main.operators)
    made = work.finish()
    places = dict(zip((*main.inputs, *main.outputs), (*made.inputs, *made.outputs), strict=True))

    def at(ends: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
        return tuple((key, places[i]) for key, i in ends)

    signatures = tuple(replace(s, inputs=at(s.inputs), outputs=at(s.outputs)) for s in file.signatures)
    return replace(file, subgraphs=(made,), signatures=signatures), placed


def _joined(g: TfliteSubgraph, seen: Mapping[int, Scale]) -> dict[int, Scale]:
    """What is made for nothing but to be joined has the scale of the whole at once, and is rounded once less."""
    readers = Counter([i for o in g.operators for i in o.inputs] + list(g.outputs))
    free = {o.outputs[0] for o in g.operators if o.name in RULES and RULES[o.name].kind in (WEIGHTED, SEEN)}
    found = dict(seen)
    for o in reversed(g.operators):
        if o.name in RULES and RULES[o.name].kind == JOINED and o.outputs[0] in found:
            found |= {i: found[o.outputs[0]] for i in o.inputs if i in free and readers[i] == 1}
    return found


@dataclass
class _Integers:
    """``whole`` and ``real`` have the new tensors by the old ones' numbers."""

    old: TfliteSubgraph
    seen: Mapping[int, TensorScale]
    draft: SubgraphDraft = field(default_factory=SubgraphDraft)
    whole: dict[int, int] = field(default_factory=dict)
    real: dict[int, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Add the inputs."""
        for i in self.old.inputs:
            if self._is_float(i):
                self.whole[i] = self._copy(self.old.tensors[i], _INT8, None, self.seen[i])
            else:
                self.as_real(i)

    def place(self, o: TfliteOperator) -> Placed:
        """Add an operator, in integers where that can be."""
        rule, told = RULES.get(o.name), self.old.tensors[o.outputs[0]].name
        reason = self._reason(o, rule)
        if rule is None or reason:
            self._as_it_is(o)
            return Placed(told, o.name, _FLOAT, reason)
        if rule.kind == WEIGHTED:
            self._weighted(o, rule)
        else:
            self._plain(o, rule)
        return Placed(told, o.name, _INT8)

    def finish(self) -> TfliteSubgraph:
        """The subgraph; its inputs and outputs are called as before."""
        ends = [[self.as_whole(i) if self._is_float(i) else self.as_real(i) for i in side]
                for side in (self.old.inputs, self.old.outputs)]
        for index, i in zip(ends[1], self.old.outputs, strict=True):
            self.draft.claim(index, self.old.tensors[i].name)
        return self.draft.finish(*ends)

    # ---- what operators are asked ------------------------------------------------------------------------------------

    def _reason(self, o: TfliteOperator, rule: Int8Rule | None) -> str:
        """Why an operator stays in float32; "" when it need not."""
        if not any(self._is_float(i) for i in (*o.inputs, *o.outputs) if i >= 0):
            return "it works on other numbers than floats"
        if rule is None:
            return f"{o.name} has no int8 form here"
        if rule.kind == WEIGHTED:
            given = [self.old.tensors[o.inputs[i]] for i in (rule.weights, rule.bias) if self._has(o, i)]
            return "" if all(t.data is not None for t in given) else "its weights are computed when the model runs"
        if rule.kind in (SAME, JOINED) and not any(i in self.whole for i in self._given(o, rule)):
            return "what it moves is not in int8"
        return ""

    def _has(self, o: TfliteOperator, i: int) -> bool:
        return i < len(o.inputs) and o.inputs[i] >= 0

    def _given(self, o: TfliteOperator, rule: Int8Rule) -> list[int]:
        """The inputs with real numbers, by their old numbers."""
        return [o.inputs[i] for i in (range(len(o.inputs)) if rule.inputs is None else rule.inputs)]

    def _is_float(self, i: int) -> bool:
        return self.old.tensors[i].type.name == _FLOAT

    # ---- tensors -----------------------------------------------------------------------------------------------------

    def as_real(self, i: int) -> int:
        """An old tensor as it was."""
        if i not in self.real:
            t = self.old.tensors[i]
            if i in self.whole:
                name = f"{t.name}/dequantize"
                self.real[i] = self.draft.made(name, "DEQUANTIZE", [self.whole[i]], self._shape(t))
            else:
                self.real[i] = self._copy(t, t.type.name, t.data)
        return self.real[i]

    def as_whole(self, i: int, wanted: TensorScale | None = None) -> int:
        """An old tensor in int8, and in the scale that is wanted."""
        t = self.old.tensors[i]
        if t.data is not None:
            q = wanted or scales.constant(t.data)
            return self._copy(t, _INT8, scales.encoded(t.data, q), q)
        if i not in self.whole:
            self.whole[i] = self._quantized(self.as_real(i), f"{t.name}/quantize", t, self.seen[i])
        found = self.draft.tensors[self.whole[i]]
        if wanted is None or _equal(found.quantization, wanted):
            return self.whole[i]
        return self._quantized(self.whole[i], f"{t.name}/requantize", t, wanted)

    def _quantized(self, source: int, name: str, t: TfliteTensor, q: TensorScale) -> int:
        made = self.draft.tensor(name, self._shape(t), _INT8, None, q)
        self.draft.operator("QUANTIZE", [source], [made])
        return made

    def _copy(
        self, t: TfliteTensor, dtype: str, data: np.ndarray | None, q: TensorScale | None = None,
    ) -> int:
        return self.draft.tensor(t.name, self._shape(t), dtype, data, q)

    def _shape(self, t: TfliteTensor) -> tuple[int, ...]:
        return tuple(1 if d is None else d for d in t.dims)

    def _scale(self, index: int) -> float:
        q = self.draft.tensors[index].quantization
        return float(q.scale[0]) if q is not None else 1.0

    # ---- operators ---------------------------------------------------------------------------------------------------

    def _as_it_is(self, o: TfliteOperator) -> None:
        inputs = [-1 if i < 0 else self.as_real(i) for i in o.inputs]
        self.draft.operator(o.name, inputs, [self.as_real(i) for i in o.outputs], **o.options)

    def _weighted(self, o: TfliteOperator, rule: Int8Rule) -> None:
        """Weights and bias in steps that follow from the input's."""
        assert rule.inputs is not None  # noqa: S101 - for the type checker: those of weights are told
        inputs = [-1 if i < 0 or self._is_float(i) else self.as_real(i) for i in o.inputs]
        x = inputs[rule.inputs[0]] = self.as_whole(o.inputs[rule.inputs[0]])
        weights = self.old.tensors[o.inputs[rule.weights]]
        bias = self.old.tensors[o.inputs[rule.bias]] if self._has(o, rule.bias) else None
        real = None if bias is None else bias.data
        stored, q = scales.weights(np.asarray(weights.data), rule.axis, real, self._scale(x))
        inputs[rule.weights] = self._copy(weights, _INT8, stored, q)
        if bias is not None and real is not None:
            whole, steps = scales.bias_of(real, self._scale(x), q)
            inputs[rule.bias] = self._copy(bias, "int32", whole, steps)
        self.draft.operator(o.name, inputs, self._outputs(o, self.seen[o.outputs[0]]), **o.options)

    def _plain(self, o: TfliteOperator, rule: Int8Rule) -> None:
        given = self._given(o, rule)
        wanted = self.seen[o.outputs[0]] if rule.kind == JOINED else None
        inputs = {i: self.as_whole(i, wanted) for i in given[:1]}
        first = self.draft.tensors[inputs[given[0]]].quantization
        inputs |= {i: self.as_whole(i, first if rule.kind == SAME else wanted) for i in given[1:]}
        out = {
            SEEN: self.seen.get(o.outputs[0]), JOINED: wanted, SAME: first, PLACE: None,
            FIXED: scales.one_scale(rule.scale, rule.zero),
        }[rule.kind]
        told = [inputs[i] if i in inputs else -1 if i < 0 else self.as_real(i) for i in o.inputs]
        self.draft.operator(o.name, told, self._outputs(o, out), **o.options)

    def _outputs(self, o: TfliteOperator, q: TensorScale | None) -> list[int]:
        """Tensors for an operator's outputs: int8 of this scale, or as they were where there is none."""
        if q is None:
            return [self.as_real(i) for i in o.outputs]
        self.whole |= {i: self._copy(self.old.tensors[i], _INT8, None, q) for i in o.outputs}
        return [self.whole[i] for i in o.outputs]


def _equal(a: TensorScale | None, b: TensorScale) -> bool:
    return a is not None and a.scale[0] == b.scale[0] and a.zero_point[0] == b.zero_point[0]
