"""Writes weights: quantization for storage, a manifest, and shards of a given size.

Quantized weights are smaller files and nothing else: TF.js and this reader turn them into float32 when loading. A
weight that came from such a file and was not touched is written as the bytes that it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import ModelError, UsageError, did_you_mean
from tfjslab.formats.strict_json import show
from tfjslab.formats.weights import dequantized
from tfjslab.graph.ir import Quantization

QUANTIZATIONS = ("float16", "uint8", "uint16")
_STORED = {"float32": "<f4", "int32": "<i4", "bool": "u1", "complex64": "<c8"}
_SCALED = ("float32", "int32")  # what files can hold as a scale times integers
_LENGTH_BYTES = 4
_MATRIX = 2


def check_quantization(name: str | None) -> None:
    """UsageError unless ``name`` is None or a known kind."""
    if name is not None and name not in QUANTIZATIONS:
        known = ", ".join(QUANTIZATIONS)
        raise UsageError(f"quantize is {name!r}; expected one of {known}, or None{did_you_mean(name, QUANTIZATIONS)}")


def write_weights(
    weights: Mapping[str, Array], folder: Path, shard_bytes: int, stored: Mapping[int, Quantization],
) -> list[dict[str, Any]]:
    """Write the shards into ``folder`` and return the ``weightsManifest``; ``stored`` is by the arrays' identity."""
    if not weights:
        return []
    specs: list[dict[str, Any]] = []
    data: list[bytes] = []
    for name, array in weights.items():
        spec, encoded = encode(name, array, stored.get(id(array)))
        specs.append(spec)
        data.append(encoded)
    count = max(-(-sum(map(len, data)) // shard_bytes), 1)
    names = [f"group1-shard{i + 1}of{count}.bin" for i in range(count)]
    for name, chunks in zip(names, _shards(data, shard_bytes, count), strict=True):
        with (folder / name).open("wb") as f:
            f.writelines(chunks)
    return [{"paths": names, "weights": specs}]


def encode(name: str, array: Array, stored: Quantization | None) -> tuple[dict[str, Any], bytes]:
    """The manifest's entry and the stored bytes of one weight, quantized as ``stored`` says where that is possible."""
    dtype = of_array(array)
    spec: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": dtype}
    if dtype == "string":
        return spec, b"".join(_string(v, name) for v in array.ravel())
    found = None if stored is None else _quantized(array, stored)
    if found is None:
        return spec, array.astype(_STORED[dtype]).tobytes()
    how, values = found
    scaled = {} if how.dtype == "float16" else {"min": how.minimum, "scale": how.scale}
    return {**spec, "quantization": {"dtype": how.dtype, **scaled, "original_dtype": dtype}}, values.tobytes()


def as_loaded(array: Array, stored: Quantization) -> tuple[Array, Quantization | None]:
    """What a reader makes of a weight that is written so, and how it is stored then; None where it stays as it is."""
    found = _quantized(array, stored)
    return (array, None) if found is None else (dequantized(found[1], found[0], of_array(array)), found[0])


def _string(value: object, name: str) -> bytes:
    if not isinstance(value, (str, bytes)):
        raise ModelError(f"weight {show(name)} holds {show(value)}, expected strings", code="model.weight_spec")
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return len(data).to_bytes(_LENGTH_BYTES, "little") + data


def _quantized(array: Array, how: Quantization) -> tuple[Quantization, Array] | None:
    """How the array is stored, and its stored values; None when its values have to stay as they are.

    What was stored so stays as it was. What has changed since is stored with the same dtype in a range of its own. But
    vectors (biases, slopes) that have changed stay float32 where one step is no longer one of float16: they are few
    bytes, and their error would come on top of every sum.
    """
    if of_array(array) not in _SCALED or array.size == 0 or not np.isfinite(array).all():
        return None
    if how.scale is not None and (values := _same(array, how)) is not None:
        return how, values
    vector = how.scale is not None and how.dtype != "float16" and array.ndim < _MATRIX
    return None if vector or of_array(array) != "float32" else _in_own_range(array, how.dtype)


def _same(array: Array, how: Quantization) -> Array | None:
    """The stored values that give exactly this array; None when there are none."""
    target = np.dtype(how.dtype).newbyteorder("<")
    with np.errstate(over="ignore"):
        if how.dtype == "float16":
            values = array.astype(target)
        else:
            steps = (array.astype(np.float64) - how.minimum) / (how.scale or 1.0)
            values = np.clip(np.rint(steps), 0, np.iinfo(how.dtype).max).astype(target)
    return values if np.array_equal(dequantized(values, how, of_array(array)), array) else None


def _in_own_range(array: Array, kind: str) -> tuple[Quantization, Array] | None:
    """Stored in a range from the smallest to the largest value; None when this kind cannot hold it."""
    if kind == "float16":
        fits = float(np.abs(array).max()) <= float(np.finfo(np.float16).max)
        return (Quantization(kind), array.astype("<f2")) if fits else None
    steps = float(np.iinfo(kind).max)
    low, high = float(array.min()), float(array.max())
    # A constant keeps its value exactly; otherwise zero, the most frequent weight, gets a step of its own.
    scale = (high - low) / steps if high > low else 1.0
    if low < 0 < high:
        low = -round(-low / scale) * scale
    if not scale > 0:
        return None
    values = np.clip(np.rint((array.astype(np.float64) - low) / scale), 0, steps)
    return Quantization(kind, scale, low), values.astype(np.dtype(kind).newbyteorder("<"))


def _shards(stored: Iterable[bytes], shard_bytes: int, count: int) -> Iterator[list[memoryview]]:
    """Cut the stream of weights into ``count`` pieces, all full but the last, without joining it first."""
    shards: list[list[memoryview]] = [[]]
    room = shard_bytes
    for data in stored:
        view = memoryview(data)
        while view.nbytes:
            if not room:
                shards.append([])
                room = shard_bytes
            shards[-1].append(view[:room])
            taken = shards[-1][-1].nbytes
            room -= taken
            view = view[taken:]
    return iter(shards[:count])
