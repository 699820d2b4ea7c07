"""Writes weights: quantization for storage, a manifest, and shards of a given size.

Quantized weights are smaller files and nothing else: TF.js and this reader turn them into float32 when loading.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.errors import ModelError, UsageError, did_you_mean
from tfjslab.formats.strict_json import show

QUANTIZATIONS = ("float16", "uint8", "uint16")
_STORED = {"float32": "<f4", "int32": "<i4", "bool": "u1", "complex64": "<c8"}
_LENGTH_BYTES = 4


def check_quantization(name: str | None) -> None:
    """UsageError unless ``name`` is None or a known kind."""
    if name is not None and name not in QUANTIZATIONS:
        known = ", ".join(QUANTIZATIONS)
        raise UsageError(f"quantize is {name!r}; expected one of {known}, or None{did_you_mean(name, QUANTIZATIONS)}")


def write_weights(
    weights: Mapping[str, Array], folder: Path, shard_bytes: int, quantize: str | None,
) -> list[dict[str, Any]]:
    """Write the shards into ``folder`` and return the ``weightsManifest``.

    float32 weights are quantized when that is possible (finite, and for float16 within its range).
    """
    if not weights:
        return []
    specs: list[dict[str, Any]] = []
    stored: list[bytes] = []
    for name, array in weights.items():
        spec, data = encode(name, array, quantize)
        specs.append(spec)
        stored.append(data)
    count = max(-(-sum(map(len, stored)) // shard_bytes), 1)
    names = [f"group1-shard{i + 1}of{count}.bin" for i in range(count)]
    for name, chunks in zip(names, _shards(stored, shard_bytes, count), strict=True):
        with (folder / name).open("wb") as f:
            f.writelines(chunks)
    return [{"paths": names, "weights": specs}]


def encode(name: str, array: Array, quantize: str | None) -> tuple[dict[str, Any], bytes]:
    """The manifest's entry and the stored bytes of one weight."""
    dtype = of_array(array)
    spec: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": dtype}
    if dtype == "string":
        return spec, b"".join(_string(v, name) for v in array.ravel())
    quantized = _quantized(array, quantize) if dtype == "float32" and quantize else None
    if quantized is None:
        return spec, array.astype(_STORED[dtype]).tobytes()
    details, values = quantized
    return {**spec, "quantization": {**details, "original_dtype": dtype}}, values.tobytes()


def decoded(spec: Mapping[str, Any], data: bytes) -> Array:
    """The float32 array that TF.js makes of a quantized weight which ``encode`` gave."""
    q = spec["quantization"]
    stored = np.frombuffer(data, np.dtype(q["dtype"]).newbyteorder("<")).reshape(spec["shape"])
    # In double precision, then rounded once: as TF.js does.
    return np.asarray(stored.astype(np.float64) * q.get("scale", 1.0) + q.get("min", 0.0), np.float32)


def _string(value: object, name: str) -> bytes:
    if not isinstance(value, (str, bytes)):
        raise ModelError(f"weight {show(name)} holds {show(value)}, expected strings", code="model.weight_spec")
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return len(data).to_bytes(_LENGTH_BYTES, "little") + data


def _quantized(array: Array, kind: str) -> tuple[dict[str, Any], Array] | None:
    """How the array is stored, or None when this kind cannot hold it."""
    if array.size == 0 or not np.isfinite(array).all():
        return None
    if kind == "float16":
        fits = float(np.abs(array).max()) <= float(np.finfo(np.float16).max)
        return ({"dtype": kind}, array.astype("<f2")) if fits else None
    steps = float(np.iinfo(kind).max)
    low, high = float(array.min()), float(array.max())
    # A constant keeps its value exactly; otherwise zero, the most frequent weight, gets a step of its own.
    scale = (high - low) / steps if high > low else 1.0
    if low < 0 < high:
        low = -round(-low / scale) * scale
    if not scale > 0:
        return None
    values = np.clip(np.rint((array.astype(np.float64) - low) / scale), 0, steps)
    return {"dtype": kind, "min": low, "scale": scale}, values.astype(np.dtype(kind).newbyteorder("<"))


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
