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
from tfjslab.base.errors import InputError, TfjslabError, UsageError
from tfjslab.base.limits import LIMITS, check_limit
from tfjslab.base.shapes import checked_shape, size_of
from tfjslab.graph.ir import Port
from tfjslab.model.inputs import check_array, find_port

_NPY_HEADERS: dict[tuple[int, int], Callable[[IO[bytes]], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0,
}
_NPY_KINDS = "biufcUS"  # the rest is pickled or has fields
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # by the length of the last axis
_MOST = 255.0  # of a channel
_PICTURE_DTYPES = ("", "float32", "int32", "uint8", "int8")


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


def _read_picture(path: Path, port: Port) -> Array:
    """Pixels in the size and with the channels that the port fixes; of a port with open lengths, the picture's own."""
    try:
        from PIL import Image  # noqa: PLC0415 - only pictures need it
    except ImportError:
        raise UsageError("a picture as input needs Pillow, which is not installed; run pip install pillow",
                         code="usage.missing_extra") from None
    height, width, channels = _picture_shape(path, port)
    try:
        with Image.open(path) as opened:
            size = width or opened.width, height or opened.height
            size_of(checked_shape([*size, channels], str(path)))
            pixels = np.asarray(opened.convert(_CHANNELS[channels]).resize(size, Image.Resampling.BILINEAR))
    except Image.DecompressionBombError as e:
        raise InputError(f"{path}: {e}") from None
    except (OSError, ValueError, SyntaxError):
        raise InputError(f"{path}: not a picture that can be read") from None
    values = _pixels(pixels, port.dtype)
    leading = len(port.shape or ()) - 3  # height, width, channels
    return values.reshape((1,) * leading + (size[1], size[0], channels))


def _pixels(pixels: Array, dtype: str) -> Array:
    """Bytes of a picture as values of a dtype: floats from 0 to 1, integers from 0 or, of int8, from -128 on."""
    if dtype in ("", "float32"):
        return pixels.astype(np.float32) / np.float32(_MOST)
    return (pixels ^ 0x80).view(np.int8) if dtype == "int8" else pixels.astype(element_type(dtype).numpy)


def _picture_shape(path: Path, port: Port) -> tuple[int | None, int | None, int]:
    """Height, width and channels of a picture for the port; InputError for a port that takes none."""
    shape = [None if d is not None and d < 0 else d for d in port.shape or ()]
    channels = (shape[-1] or 3) if shape else 0
    if len(shape) not in (3, 4) or channels not in _CHANNELS or port.dtype not in _PICTURE_DTYPES:
        told = "of any shape" if port.shape is None else str(shape)
        raise InputError(f"{path}: input '{port.name}' is {told} of {port.dtype or 'any dtype'} and takes no picture; "
                         "expected numbers in [height, width, channels], after a batch or not, with 1, 3 or 4 channels")
    return shape[-3], shape[-2], channels


_READERS: Mapping[str, Callable[..., Array]] = {
    ".npy": _read_npy, ".npz": _read_npz, ".bin": _read_bin, ".json": _read_json,
    **dict.fromkeys(PICTURES, _read_picture),
}
