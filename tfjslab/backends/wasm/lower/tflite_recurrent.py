"""Recurrent operators by TensorFlow Lite's rules."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfjslab.backends.kernels.quantized import not_constant
from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.ops.tflite.recurrent import gate_multipliers, hidden_multiplier, svdf_multipliers
from tfjslab.ops.tflite.transcendental import SHORT
from tfjslab.passes.fusion import Group

_VECTOR = 8  # bytes that are multiplied at once
_GATES, _MOST_BITS = 4, 8
_DEEPEST = 1 << 16  # bytes whose products always have a sum of 32 bits


class Constants(NamedTuple):
    """Those of gemmlowp's functions of 16 bits."""

    third: int
    eighth: int
    powers: tuple[int, ...]
    start: int
    slope: int


@packer
def pack_rows_of_bytes(features: Array, pitch: int) -> Array:
    """Weights [inputs, filters] as a row for each filter, with zeros behind."""
    return np.pad(features.T, ((0, 0), (0, pitch - len(features))))


def _refuses_svdf(node: Node, specs: Specs) -> str:
    deep = specs[node.inputs[1]].known_shape[0] > _DEEPEST
    return (TABLE.only(node, specs, "int8", "int16", "int32") or empty(node, specs)
            or TABLE.none_for(f"more than {_DEEPEST} inputs" if deep else ""))


@lowering("TflSvdf", refuses=_refuses_svdf)
def lower_svdf(b: WasmBuilder, group: Group) -> None:
    """Units one after the other, with what their filters remember."""
    node = group.core_node
    x, features, filters, state, *bias = (v for v in node.inputs if v)
    (depth, count), (_, memory), rank = b.shape(features), b.shape(filters), node.attrs["rank"]
    pitch = -(-depth // _VECTOR) * _VECTOR
    weights = b.packed(features, ("rows of bytes", pitch), pack_rows_of_bytes(pitch))
    if weights is None:
        not_constant(b, node)
        return
    newest, out = svdf_multipliers(node.attrs)
    given = ("x", "w", "filters", "before", *(["bias"] if bias else []))
    made = kernel(
        "tfl_svdf", (*given, "c", "after"), depth=depth, pitch=pitch, memory=memory, rank=rank, units=count // rank,
        zero=node.attrs["x_zero"], newest=newest, out=out, out_zero=node.attrs["out_zero"], biased=bool(bias),
    )
    units = b.spec(node.name).size
    results = (b.new(v) for v in node.outputs)
    b.call(made, (b.rows(x), weights, *map(b.rows, (filters, state, *bias)), *results), units,
           flops=2 * units * rank * (depth + memory))


def _refuses_lstm(node: Node, specs: Specs) -> str:
    deep = max(specs[node.inputs[i]].known_shape[0] for i in (1, 3)) > _DEEPEST
    return (TABLE.only(node, specs, "int8", "int16", "int32", "float32") or empty(node, specs)
            or TABLE.none_for(f"more than {_DEEPEST} inputs" if deep else "")
            or TABLE.none_for("a memory of so many integer bits" if node.attrs["cell_bits"] > _MOST_BITS else ""))


@lowering("TflUnidirectionalSequenceLstm", refuses=_refuses_lstm)
def lower_lstm(b: WasmBuilder, group: Group) -> None:
    """Step by step; batches may run beside each other."""
    node = group.core_node
    x, w, scale, rw, recurrent_scale, bias, h, c = node.inputs
    (batch, steps, depth), units, a = b.shape(x), b.shape(rw)[0], node.attrs
    pitches = [-(-n // _VECTOR) * _VECTOR for n in (depth, units)]
    weights = [b.packed(v, ("rows of bytes", p), pack_rows_of_bytes(p)) for v, p in zip((w, rw), pitches, strict=True)]
    scales = [b.constant_array(v) for v in (scale, recurrent_scale)]
    if None in weights or any(s is None for s in scales):
        not_constant(b, node)
        return
    of_x, of_h = (_pairs(*gate_multipliers(s, np.asarray(by))) for s, by in zip(
        (a["x_scale"], a["out_scale"]), scales, strict=True))
    made = kernel(
        "tfl_lstm", ("x", "w", "rw", "bias", "h0", "c0", "c", "h", "memory"), depth=depth, pitch=pitches[0],
        h_pitch=pitches[1], units=units, steps=steps, x_zero=a["x_zero"], h_zero=a["out_zero"], of_x=of_x, of_h=of_h,
        bits=a["cell_bits"], clip=a["cell_clip"], hidden=_pairs(*hidden_multiplier(a))[0],
        hidden_zero=a["hidden_zero"], k=Constants(**SHORT.constants),
    )
    given = (b.rows(x), *(place for place in weights if place is not None), *map(b.rows, (bias, h, c)))
    b.call(made, (*given, *(b.new(v) for v in node.outputs)), batch, scratch_bytes=2 * _GATES * units,
           flops=2 * batch * steps * _GATES * units * (depth + units))


def _pairs(multiplier: Array, shift: Array) -> tuple[tuple[int, int], ...]:
    """Multipliers with their shifts."""
    return tuple((int(m), int(s)) for m, s in zip(np.atleast_1d(multiplier), np.atleast_1d(shift), strict=True))
