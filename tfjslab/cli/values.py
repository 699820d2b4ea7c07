"""Arrays in and out: input files for a model's ports, and the digests that stand for its outputs."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.arrays import encoded
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.base.files import replacing
from tfjslab.cli.feeds import split_names
from tfjslab.graph.ir import Port
from tfjslab.model.input_files import read_input


def read_inputs(given: Sequence[str], ports: Sequence[Port]) -> dict[str, tuple[Array, str]]:
    """Arrays for ``F`` or ``NAME=F`` arguments, by input name, each with the file that it came from.

    Raises UsageError for a name that the model does not have, InputError for a file that cannot be the input.
    """
    found: dict[str, tuple[Array, str]] = {}
    # A file's own name may hold a '='.
    whole = len(ports) == 1 and all(Path(text).exists() for text in given)
    split = [(ports[0], text) for text in given] if whole else split_names("--input", given, ports)
    for text, (port, path) in zip(given, split, strict=True):
        if port.name in found:
            raise UsageError(f"--input {text}: input '{port.name}' is given twice")
        found[port.name] = (read_input(Path(path), port), path)
    return found


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
        "dtype": "string" if array.dtype.kind in "OSU" else array.dtype.name,
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
        with replacing(path) as work, zipfile.ZipFile(work, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in outputs.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    plain = array.astype(str) if array.dtype.hasobject else array
                    np.lib.format.write_array(member, plain, allow_pickle=False)
    except OSError as e:
        raise UsageError(f"--output {path}: cannot be written ({e.strerror})") from None
