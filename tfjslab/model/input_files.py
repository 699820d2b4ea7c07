"""Files that hold an input: numpy's, raw bytes, JSON, pictures. What is read is checked before it takes memory."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfjslab.base.dtypes import Array, element_type
from tfjslab.base.errors import InputError, TfjslabError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import checked_shape, size_of
from tfjslab.graph.ir import Port
from tfjslab.model.inputs import check_array, find_port
from tfjslab.model.pictures import SUFFIXES, read_picture

_NPY_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0,
}
_NPY_KINDS = "biufcUS"  # the rest is pickled or has fields


def read_array(path: str) -> Array:
    """A .npy file of any shape; InputError when it cannot be read."""
    return _read(Path(path), {".npy": _read_npy}, "expected a .npy file")


def read_input(path: Path, port: Port) -> Array:
    """What a file holds for an input; the suffix says what it is, see ``suffixes``. It is not checked against the port.

    .npy has an array; .npz and .json objects have it by the input's name, or only one; .bin has raw little-endian
    values in the port's shape and dtype; .json has nested lists. A picture is brought to the port's size and channels,
    and becomes floats from 0 to 1 or integers from 0 to 255, of int8 from -128 to 127. Raises InputError naming the
    file.
    """
    readers = {suffix: partial(reader, port=port) for suffix, reader in _READERS.items()}
    return _read(path, readers, f"input files end in {', '.join(list(readers)[:-1])} or {list(readers)[-1]}")


def suffixes() -> tuple[str, ...]:
    """How names of input files may end."""
    return tuple(_READERS)


def _read(path: Path, readers: Mapping[str, Callable[[Path], Array]], expected: str) -> Array:
    """What the reader for the file's suffix makes of it; ``expected`` says which suffixes there are."""
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: {expected}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return reader(path)
    except OSError as e:
        raise InputError(f"{path}: cannot be read: {e.strerror or e}") from None


def _read_npy(path: Path, port: Port | None = None) -> Array:  # noqa: ARG001 - as all readers
    with path.open("rb") as f:
        return _npy(f, path.stat().st_size, str(path))


def _npy(f: IO[bytes], size: int, where: str) -> Array:
    """The array in a stream of ``size`` bytes. Nothing is allocated before the header has been compared with them."""
    try:
        shape, by_columns, dtype = _NPY_HEADERS[np.lib.format.read_magic(f)](f)
    except (ValueError, KeyError):
        raise InputError(f"{where}: not a .npy file; expected one that numpy.save wrote") from None
    if dtype.kind not in _NPY_KINDS or not dtype.itemsize:
        raise InputError(f"{where}: holds values of {dtype}; expected numbers, bools or text")
    expected, found = size_of(checked_shape(shape, where)) * dtype.itemsize, size - f.tell()
    if found < expected:
        raise InputError(f"{where}: holds {found} bytes of values; expected {expected} for {list(shape)} of {dtype}")
    values = f.read(expected)
    if len(values) < expected:
        raise InputError(f"{where}: ends after {len(values)} bytes of values; expected {expected}")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if by_columns else "C")


def _read_npz(path: Path, port: Port) -> Array:
    """The array of the port's name, or the only one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
            info = _for_port(members, port, path)
            with archive.open(info) as f:
                return _npy(f, info.file_size, f"{path}: {info.filename}")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as e:
        raise InputError(f"{path}: not a .npz file that numpy.savez wrote: {e}") from None


def _for_port(found: Mapping[str, Any], port: Port, path: Path) -> Any:
    """What is there under the port's name, or the only thing that is there."""
    name = next((n for n in found if find_port([port], n)), None)
    if name is None and len(found) != 1:
        raise InputError(f"{path}: holds nothing for input '{port.name}'; it has {', '.join(found) or 'nothing'}")
    return found[next(iter(found)) if name is None else name]


def _read_bin(path: Path, port: Port) -> Array:
    """Raw little-endian values in the model's dtype; at most one free length is worked out from the file's size."""
    dtype = element_type(port.dtype).numpy.newbyteorder("<")
    if dtype.hasobject:
        raise InputError(f"{path}: input '{port.name}' is {port.dtype}, which has no raw form; use .npy")
    shape, size = port.shape, path.stat().st_size
    if shape is None or shape.count(None) > 1:
        raise InputError(f"{path}: the model does not say the shape of input '{port.name}'; use --shape or .npy")
    one = size_of([1 if d is None else d for d in shape]) * dtype.itemsize
    free = size // one if None in shape and one else 1
    if one * free != size:
        raise InputError(f"{path}: {size} bytes; input '{port.name}' {list(shape)} of {port.dtype} takes {one}")
    return np.fromfile(path, dtype).reshape([free if d is None else d for d in shape])


def _read_json(path: Path, port: Port) -> Array:
    """Nested lists, alone or by the names of inputs, as values of the port's dtype."""
    check_limit(f"{path}: size in bytes", path.stat().st_size, LIMITS.model_json_bytes)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as e:
        raise InputError(f"{path}: not JSON: {e or 'nested too deep'}") from None
    if isinstance(value, dict):
        value = _for_port(value, port, path)
    try:
        return check_array(port, value)
    except TfjslabError as e:
        raise type(e)(f"{path}: {e}", code=e.code) from None


_READERS: Mapping[str, Callable[..., Array]] = {
    ".npy": _read_npy, ".npz": _read_npz, ".bin": _read_bin, ".json": _read_json,
    **dict.fromkeys(SUFFIXES, read_picture),
}
