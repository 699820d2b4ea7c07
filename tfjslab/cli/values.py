"""Arrays in and out: input files for a model's ports, and the digests that stand for its outputs."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfjslab.base.arrays import encoded
from tfjslab.base.dtypes import Array, dtype_info
from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.shapes import checked_shape, size_of
from tfjslab.cli.feeds import split_name
from tfjslab.graph.ir import Port

_NPY_HEADERS: dict[tuple[int, int], Callable[[BinaryIO], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0,
}
_NPY_KINDS = "biufcUS"  # the rest is pickled or has fields


def read_inputs(given: Sequence[str], ports: Sequence[Port]) -> dict[str, tuple[Array, str]]:
    """Arrays for ``F`` or ``NAME=F`` arguments, by input name, each with the file that it came from.

    Raises UsageError for a name that the model does not have, InputError for a file that cannot be the input.
    """
    found: dict[str, tuple[Array, str]] = {}
    for text in given:
        # A file's own name may hold a '='.
        whole = len(ports) == 1 and Path(text).exists()
        port, path = (ports[0], text) if whole else split_name("--input", text, ports)
        if port.name in found:
            raise UsageError(f"--input {text}: input '{port.name}' is given twice")
        found[port.name] = (_read_for(Path(path), port), path)
    return found


def read_array(path: str) -> Array:
    """A .npy file of any shape; InputError when it cannot be read."""
    return _read(Path(path), {".npy": _read_npy}, "expected a .npy file")


def _read_for(path: Path, port: Port) -> Array:
    readers: dict[str, Callable[[Path], Array]] = {".npy": _read_npy, ".bin": partial(_read_bin, port=port)}
    return _read(path, readers, f"input files end in {' or '.join(readers)}")


def _read(path: Path, readers: Mapping[str, Callable[[Path], Array]], expected: str) -> Array:
    """What the reader for the file's suffix makes of it; ``expected`` says which suffixes there are."""
    if path.suffix not in readers:
        raise InputError(f"{path}: {expected}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return readers[path.suffix](path)
    except OSError as e:
        raise InputError(f"{path}: cannot be read: {e.strerror}") from None


def _read_npy(path: Path) -> Array:
    """The array. Nothing is allocated before the header has been compared with the file's length."""
    with path.open("rb") as f:
        try:
            shape, by_columns, dtype = _NPY_HEADERS[np.lib.format.read_magic(f)](f)
        except (ValueError, KeyError):
            raise InputError(f"{path}: not a .npy file; expected one that numpy.save wrote") from None
        if dtype.kind not in _NPY_KINDS or not dtype.itemsize:
            raise InputError(f"{path}: holds values of {dtype}; expected numbers, bools or text")
        count = size_of(checked_shape(shape, str(path)))
        expected, found = count * dtype.itemsize, path.stat().st_size - f.tell()
        if found < expected:
            raise InputError(f"{path}: holds {found} bytes of values; expected {expected} for {list(shape)} of {dtype}")
        return np.fromfile(f, dtype, count).reshape(shape, order="F" if by_columns else "C")


def _read_bin(path: Path, port: Port) -> Array:
    """Raw little-endian values in the model's dtype; at most one free length is worked out from the file's size."""
    dtype = dtype_info(port.dtype).numpy.newbyteorder("<")
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


def digest(name: str, array: Array) -> dict[str, Any]:
    """What ``run`` tells of an array: name, shape, dtype, sha256 of its bytes, and min, max and mean of finite values.

    ``non_finite`` counts NaNs and infinities, which JSON cannot hold; with no finite value min, max and mean are None.
    """
    numeric = array.dtype.kind in "fiub"
    finite = array[np.isfinite(array)].astype(np.float64) if numeric else np.empty(0)
    some = finite.size > 0
    return {
        "name": name,
        "shape": list(array.shape),
        "dtype": array.dtype.name if numeric else "string",
        "sha256": hashlib.sha256(_little_endian_bytes(array)).hexdigest(),
        "min": float(finite.min()) if some else None,
        "max": float(finite.max()) if some else None,
        "mean": float(finite.mean()) if some else None,
        "non_finite": array.size - finite.size if numeric else 0,
    }


def _little_endian_bytes(array: Array) -> bytes:
    """The same bytes on every machine; strings are UTF-8 with a zero after each."""
    if array.dtype.kind in "OSU":
        return b"".join(encoded(str(v)) + b"\0" for v in array.ravel())
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).tobytes()


def write_outputs(path: str, outputs: Mapping[str, Array]) -> None:
    """Save outputs by name as ``.npz``. Raises UsageError when that cannot be done."""
    if not path.endswith(".npz"):
        raise UsageError(f"--output {path}: expected a name that ends in .npz")
    try:
        # Not numpy's savez: it takes the names as keyword arguments and so cannot save one that is called "file".
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in outputs.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    plain = array.astype(str) if array.dtype.hasobject else array
                    np.lib.format.write_array(member, plain, allow_pickle=False)
    except OSError as e:
        raise UsageError(f"--output {path}: cannot be written ({e.strerror})") from None
