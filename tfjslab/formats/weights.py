"""Weight manifests of TensorFlow.js: groups of shards, many tensors in one byte stream, three kinds of quantization.

Sizes are computed and compared with the files before a byte is allocated. Tensors that are stored as they are used
become views of one buffer a group; the rest (quantized, bool, string) is converted by the rules of TF.js 4.22
(``decodeWeights``): computed in double precision, then rounded to float32.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, dtype_info, numpy_dtype
from tfjslab.base.errors import ModelError, ShapeError, did_you_mean
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import Shape, checked_shape, size_of
from tfjslab.formats.sources import Files
from tfjslab.formats.stand_ins import HEAD_BYTES, refuse_stand_in
from tfjslab.formats.strict_json import each, member, optional, show, typed
from tfjslab.graph.ir import Graph, Quantization

_STORED: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"), "int32": np.dtype("<i4"), "bool": np.dtype("u1"),
    "complex64": np.dtype("<c8"),
}
_QUANTIZED: dict[str, np.dtype[Any]] = {
    "uint8": np.dtype("u1"), "uint16": np.dtype("<u2"), "float16": np.dtype("<f2"),
}
_LENGTH_BYTES = 4


@dataclass(frozen=True)
class WeightSpec:
    """One tensor of a manifest."""

    name: str
    shape: Shape
    dtype: str
    quantization: Quantization | None

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """The element type in the file (not for strings)."""
        return _QUANTIZED[self.quantization.dtype] if self.quantization else _STORED[self.dtype]

    @property
    def stored_bytes(self) -> int | None:
        """Exact bytes in the file; None for strings, whose lengths stand in the data."""
        return None if self.dtype == "string" else size_of(self.shape) * self.stored_dtype.itemsize


@dataclass(frozen=True)
class WeightGroup:
    """The shards that, one after the other, hold the tensors of ``specs``."""

    paths: tuple[str, ...]
    specs: tuple[WeightSpec, ...]


def parse_manifest(manifest: object, where: str) -> list[WeightGroup]:
    """Check a ``weightsManifest`` and return its groups; ModelError says what is wrong and where."""
    groups = [_parse_group(g, f"{where}: weightsManifest[{i}]") for i, g in enumerate(typed(manifest, list, where))]
    check_limit(f"{where}: number of weight shards", sum(len(g.paths) for g in groups), LIMITS.shards)
    names = Counter(s.name for g in groups for s in g.specs)
    twice = [n for n, c in names.items() if c > 1]
    if twice:
        count = names[twice[0]]
        raise ModelError(f"{where}: weight {show(twice[0])} is listed {count} times", code="model.weight_spec")
    total = sum(s.stored_bytes or 0 for g in groups for s in g.specs)
    check_limit(f"{where}: bytes of all weights", total, LIMITS.weight_bytes)
    return groups


def _parse_group(raw: object, where: str) -> WeightGroup:
    group = typed(raw, dict, where)
    paths = each(member(group, "paths", list, where), str, f"{where}.paths")
    weights = each(member(group, "weights", list, where), dict, f"{where}.weights")
    return WeightGroup(tuple(paths), tuple(_parse_spec(w, f"{where}.weights[{i}]") for i, w in enumerate(weights)))


def _parse_spec(raw: dict[str, Any], where: str) -> WeightSpec:
    name = member(raw, "name", str, where)
    where = f"{where} {show(name)}"
    dtype = member(raw, "dtype", str, where)
    if dtype not in (*_STORED, "string"):
        known = (*_STORED, "string")
        hint = did_you_mean(dtype, known)
        raise ModelError(f"{where}: unknown dtype {show(dtype)}; expected {', '.join(known)}{hint}", code="model.dtype")
    try:
        shape = checked_shape(member(raw, "shape", list, where), where)
    except ShapeError as e:
        raise ModelError(str(e), code="model.weight_spec") from None
    quantized = optional(raw, "quantization", dict, {}, where)
    quantization = _parse_quantization(quantized, dtype, where) if quantized else None
    spec = WeightSpec(name, shape, dtype, quantization)
    check_limit(f"{where}: bytes", size_of(shape) * max(dtype_info(dtype).bytes_per_element, 4), LIMITS.tensor_bytes)
    return spec


def _parse_quantization(raw: dict[str, Any], dtype: str, where: str) -> Quantization:
    stored = member(raw, "dtype", str, f"{where}: quantization")
    allowed = {"float32": tuple(_QUANTIZED), "int32": ("uint8", "uint16")}.get(dtype, ())
    if stored not in allowed:
        expected = f"expected {', '.join(allowed)}" if allowed else "expected none"
        raise ModelError(
            f"{where}: quantization {show(stored)} of a {dtype} weight; {expected}", code="model.quantization",
        )
    if stored == "float16":
        return Quantization(stored)
    scale, minimum = (_number(raw, key, where) for key in ("scale", "min"))
    largest = float(np.iinfo(_QUANTIZED[stored]).max)
    # A scale of zero or below never comes from a quantizer, and an infinite range would only show as wrong answers.
    reach = max(abs(minimum), abs(largest * scale + minimum))
    if not scale > 0 or not reach <= float(np.finfo(np.float32).max):
        raise ModelError(
            f"{where}: quantization scale {scale} and min {minimum}; expected finite numbers with scale > 0",
            code="model.quantization",
        )
    return Quantization(stored, scale, minimum)


def _number(raw: dict[str, Any], key: str, where: str) -> float:
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ModelError(
            f"{where}: quantization '{key}' is {show(value)}; expected a finite number", code="model.quantization",
        )
    return float(value)


def read_weights(groups: Sequence[WeightGroup], files: Files) -> dict[str, Array]:
    """All tensors of the manifest by name, as read-only arrays.

    Raises ModelError that names the shard when one is missing, short or long (``model.missing_shard``,
    ``model.shard_size``) or lies outside of the model's folder (``model.path``).
    """
    found: dict[str, Array] = {}
    for group in groups:
        shards = [(p, files.local(p, "weight shard")) for p in group.paths]
        sizes = [path.stat().st_size for _, path in shards]
        try:
            _check_sizes(group, files, sizes)
        except ModelError:
            for name, path in shards:
                with path.open("rb") as f:
                    refuse_stand_in(f.read(HEAD_BYTES), files.describe(name), "weight shard")
            raise
        buffer = _read_shards([path for _, path in shards], sizes, files)
        found.update(_decode_group(group, buffer, files.describe(group.paths[-1]) if group.paths else files.where))
    return found


def _check_sizes(group: WeightGroup, files: Files, sizes: Sequence[int]) -> None:
    """Compare what the files hold with what the specs need, and name the shard that is wrong."""
    known = [s.stored_bytes for s in group.specs]
    strings = sum(size_of(s.shape) for s, k in zip(group.specs, known, strict=True) if k is None)
    expected = sum(k for k in known if k is not None) + strings * _LENGTH_BYTES
    total = sum(sizes)
    check_limit(f"{files.where}: bytes of a weight group", total, LIMITS.weight_bytes)
    if total == expected or (strings and total > expected):
        return
    if not group.paths:
        raise ModelError(f"{files.where}: a weight group without shards, {expected} bytes", code="model.shard_size")
    # Converters fill all shards but the last to one size, so the first that departs from it is the damaged one.
    counts = Counter(sizes)
    usual = max(counts, key=lambda s: (counts[s], s))
    left = expected
    for path, size in zip(group.paths, sizes, strict=True):
        wanted = left if path == group.paths[-1] else min(usual, left)
        left -= wanted
        if size != wanted or path == group.paths[-1]:
            break
    in_all = f" ({len(sizes)} shards hold {total} bytes, the weights take {expected})" if len(sizes) > 1 else ""
    raise ModelError(f"{files.describe(path)}: found {size} bytes, expected {wanted}{in_all}", code="model.shard_size")


def _read_shards(paths: Sequence[Path], sizes: Sequence[int], files: Files) -> memoryview:
    # Not a bytearray: that would write zeros first, which for tens of megabytes takes as long as reading them.
    buffer = np.empty(sum(sizes), np.uint8).data
    start = 0
    for path, size in zip(paths, sizes, strict=True):
        with path.open("rb") as f:
            got = f.readinto(buffer[start : start + size])
        if got != size:
            raise ModelError(f"{path}: read {got} bytes, expected {size}; it has changed", code="model.shard_size")
        files.progress(path.name, size, size)
        start += size
    return buffer.toreadonly()


def _decode_group(group: WeightGroup, buffer: memoryview, where: str) -> dict[str, Array]:
    found: dict[str, Array] = {}
    start = 0
    for spec in group.specs:
        if spec.stored_bytes is None:
            found[spec.name], start = _strings(spec, buffer, start, where)
            continue
        found[spec.name] = _decode(spec, buffer[start : start + spec.stored_bytes])
        start += spec.stored_bytes
    if start != len(buffer):
        raise ModelError(f"{where}: found {len(buffer)} bytes in its group, expected {start}", code="model.shard_size")
    return found


def _decode(spec: WeightSpec, data: memoryview) -> Array:
    stored = np.frombuffer(data, spec.stored_dtype).reshape(spec.shape)
    q = spec.quantization
    if q is None:
        out = np.asarray(stored != 0) if spec.dtype == "bool" else _aligned(stored)
    else:
        out = dequantized(stored, q, spec.dtype)
    out.flags.writeable = False
    return out


def dequantized(stored: Array, q: Quantization, dtype: str) -> Array:
    """What TF.js makes of stored values: float32, or int32 where the weight is one."""
    if q.dtype == "float16":
        return stored.astype(np.float32)
    # asarray: numpy turns arithmetic on 0-d arrays into scalars.
    values = np.asarray(stored.astype(np.float64) * (q.scale or 1.0) + q.minimum)
    # JavaScript's Math.round: halves go up.
    exact = values if dtype == "float32" else np.asarray(np.floor(values + 0.5))
    return exact.astype(numpy_dtype(dtype))


def with_storage(graph: Graph, groups: Sequence[WeightGroup], weights: Mapping[str, Array]) -> Graph:
    """The graph, knowing of each constant that is a weight of the file, or a view of one, how the file holds it."""
    specs = {s.name: s.quantization for g in groups for s in g.specs if s.quantization}
    if not specs:
        return graph
    return _with_storage(graph, {id(weights[name]): q for name, q in specs.items()})


def _with_storage(graph: Graph, of: Mapping[int, Quantization]) -> Graph:
    stored = {name: of[id(_owner(array))] for name, array in graph.constants.items() if id(_owner(array)) in of}
    return graph.with_(stored=stored, functions={k: _with_storage(f, of) for k, f in graph.functions.items()})


def _owner(array: Array) -> Array:
    """The array whose elements this one shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _aligned(view: Array) -> Array:
    """The view itself where kernels can read it as it is, else a copy (odd offsets after uint8 neighbours)."""
    return view if view.flags.aligned and view.dtype.isnative else view.astype(view.dtype.newbyteorder("="))


def _strings(spec: WeightSpec, buffer: memoryview, start: int, where: str) -> tuple[Array, int]:
    """Strings are a 4 byte length and UTF-8 bytes each; other bytes survive as surrogates."""
    out = np.empty(size_of(spec.shape), dtype=object)
    for i in range(out.size):
        text = start + _LENGTH_BYTES
        end = text + int.from_bytes(buffer[start:text], "little")
        if end > len(buffer):
            raise ModelError(
                f"{where}: string {i} of weight {show(spec.name)} ends at byte {end}, found {len(buffer)}",
                code="model.shard_size",
            )
        out[i] = bytes(buffer[text:end]).decode("utf-8", "surrogateescape")
        start = end
    out = out.reshape(spec.shape)
    out.flags.writeable = False
    return out, start
