"""What a .tflite file says of itself for people and tools: descriptions, labels, how its input is normalized.

It is a flat buffer of its own in a buffer of the file; files that it names are in a zip archive behind the model.
Nothing of it is needed to run the model, so that damage in it is told and not refused.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.base.errors import ModelError, TfjslabError
from tfjslab.base.limits import check_limit
from tfjslab.formats.tflite.flatbuffer import Bytes, FlatTable
from tfjslab.formats.tflite.schema import METADATA
from tfjslab.graph.ir import Port

ABOUT = {"name": 0, "description": 1, "version": 2, "author": 4, "license": 5}
NORMALIZATION, LABELS = 1, (2, 3)  # the type of a process unit, and of files with labels
_BRIGHTEST = 255  # level of a picture
_MOST_TENSORS, _MOST_BYTES, _MOST_NUMBERS = 100, 4 << 20, 4096
_END, _END_64, _END_SIZE, _MOST_DIRECTORY = b"PK\x05\x06", b"PK\x06\x07", 22, 1 << 20  # of an archive
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, RuntimeError)


def described(told: bytes, whole: bytes, name: str) -> dict[str, Any]:
    """What the metadata ``told`` and the archive at the end of the ``whole`` file say; empty without any.

    ``labels`` are those of the first output that has some. ``damaged`` is the reason where it cannot be read.
    """
    if not told:
        return {}
    try:
        return _read(Bytes(told, f"{name}: {METADATA}").root("the metadata"), whole)
    except TfjslabError as e:
        return {"model_metadata": {"damaged": str(e)}}


def normalized(ports: Sequence[Port], told: Mapping[str, Any]) -> tuple[Port, ...]:
    """The model's inputs with what pixels become, by the mean and deviation that ``described`` found of each.

    Inputs of integers take levels as they are. Means that do not fit an input's channels are left alone.
    """
    ends = (told.get("model_metadata") or {}).get("inputs") or []
    return (*(replace(p, levels=_levels(p, end)) for p, end in zip(ports, ends, strict=False)), *ports[len(ends):])


def _levels(port: Port, end: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    mean, std = end.get("mean", ()), end.get("std", ())
    fits = port.dtype == "float32" and len(mean) == len(std) and len(mean) in (1, (port.shape or (0,))[-1])
    if not fits or not all(math.isfinite(m) and math.isfinite(s) and s for m, s in zip(mean, std, strict=True)):
        return ()
    return tuple((-m / s, (_BRIGHTEST - m) / s) for m, s in zip(mean, std, strict=True))


def _read(root: FlatTable, whole: bytes) -> dict[str, Any]:
    about: dict[str, Any] = {key: root.text(field, key) for key, field in ABOUT.items()}
    files = _Files(whole)
    graph = next(iter(root.tables(3, "subgraph")), None)
    ends: dict[str, list[dict[str, Any]]] = {
        side: [] if graph is None else [_tensor(t, files) for t in graph.tables(field, side)]
        for side, field in (("inputs", 2), ("outputs", 3))
    }
    labels = next((t["labels"] for t in ends["outputs"] if t.get("labels")), None)
    return {"model_metadata": {**about, **ends}, **({"labels": labels} if labels else {})}


def _tensor(t: FlatTable, attached: _Files) -> dict[str, Any]:
    """One input or output: texts, and what there is of normalization, range and labels."""
    found: dict[str, Any] = {"name": t.text(0, "name"), "description": t.text(1, "description")}
    for unit in t.tables(4, "process unit"):
        options = unit.table(1, "options")
        if unit.scalar(0, "<B") == NORMALIZATION and options is not None:
            found |= {"mean": _numbers(options, 0), "std": _numbers(options, 1)}
    stats = t.table(5, "range")
    if stats is not None:
        found |= {"max": _numbers(stats, 0), "min": _numbers(stats, 1)}
    files = [f for f in t.tables(6, "file") if f.scalar(2, "<b") in LABELS]
    # The file for any language comes before those for one.
    for file in sorted(files, key=lambda f: bool(f.text(3, "locale")))[:1]:
        found["labels"] = attached.read(file.text(0, "name")).decode("utf-8", "replace").splitlines()
    return found


def _numbers(t: FlatTable, field: int) -> list[float]:
    found = t.numbers(field, "<f4", "numbers")
    check_limit(f"{t.what}: numbers", found.size, _MOST_NUMBERS)
    return [float(n) for n in found]


@dataclass
class _Files:
    """The archive at the end of a file. How many files are read, and how many bytes, is limited."""

    whole: bytes
    count: int = 0
    size: int = 0

    def read(self, name: str) -> bytes:
        """A file of the archive; ModelError when it cannot be read, is encrypted or too large."""
        where = f"the attached file '{name}'"
        self.count += 1
        check_limit("attached files", self.count, _MOST_TENSORS)
        self._check_directory(where)
        try:
            with zipfile.ZipFile(io.BytesIO(self.whole)) as archive:
                info = archive.getinfo(name)
                if info.compress_type not in _PLAIN or info.flag_bits & 1:
                    raise ModelError(f"{where} is encrypted, or compressed in another way than deflate",
                                     code="model.tflite")
                with archive.open(info) as f:
                    found = f.read(_MOST_BYTES + 1)
        except _DAMAGED as e:
            raise ModelError(f"{where} cannot be read: {e}", code="model.tflite") from None
        self.size += len(found)
        check_limit("bytes of attached files", self.size, _MOST_BYTES)
        return found

    def _check_directory(self, where: str) -> None:
        """Whoever opens an archive reads all of its directory, however long that is."""
        end = self.whole.rfind(_END)
        if end < 0 or end + _END_SIZE > len(self.whole) or self.whole.rfind(_END_64, max(end - _END_SIZE, 0), end) >= 0:
            raise ModelError(f"{where} is not there: the model has no archive behind it", code="model.tflite")
        check_limit("bytes of the archive's directory", struct.unpack_from("<I", self.whole, end + 12)[0],
                    _MOST_DIRECTORY)
