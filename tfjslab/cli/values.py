"""Arrays in and out: input files for a model's ports, and the digests that stand for its outputs."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, dtype_info
from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.shapes import size_of
from tfjslab.cli.feeds import split_name
from tfjslab.graph.ir import Port


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
        found[port.name] = (_read(Path(path), port), path)
    return found


def read_array(path: str) -> Array:
    """A .npy file of any shape; InputError when it cannot be read."""
    file = Path(path)
    if file.suffix != ".npy":
        raise InputError(f"{path}: expected a .npy file")
    if not file.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return _load(file)
    except (OSError, ValueError, EOFError) as e:
        raise InputError(f"{path}: not readable as npy: {e}") from None


def _read(path: Path, port: Port) -> Array:
    readers = {".npy": _read_npy, ".bin": _read_bin}
    if path.suffix not in readers:
        raise InputError(f"{path}: input files end in {' or '.join(readers)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return readers[path.suffix](path, port)
    except (OSError, ValueError, EOFError) as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"{path}: not readable as {path.suffix[1:]}: {e}") from None


def _read_npy(path: Path, _port: Port) -> Array:
    return _load(path)


def _load(path: Path) -> Array:
    # Mapped, not read: numpy then compares the header's shape with the file's length before it allocates anything,
    # and refuses pickled objects.
    return np.array(np.load(path, mmap_mode="r", allow_pickle=False))


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
        return b"".join(str(v).encode() + b"\0" for v in array.ravel())
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
