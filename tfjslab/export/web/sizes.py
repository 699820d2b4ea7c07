"""What is downloaded, raw and compressed as servers do it: the files of an export, beside those that TF.js needs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfjslab.base.errors import BackendError
from tfjslab.base.progress import Progress, no_progress
from tfjslab.browser.node import NodeProgram
from tfjslab.export.web.variants import VARIANTS

BROTLI = Path(__file__).with_name("files") / "brotli.mjs"
BROTLI_QUALITY, GZIP_LEVEL = 9, 9
_TIMEOUT_S = 300.0
# With its WebAssembly backend and SIMD: the library, the backend, and the binary that it loads.
_TFJS = (
    ("@tensorflow/tfjs", "dist/tf.min.js"), ("@tensorflow/tfjs-backend-wasm", "dist/tf-backend-wasm.min.js"),
    ("@tensorflow/tfjs-backend-wasm", "dist/tfjs-backend-wasm-simd.wasm"),
)


_BESIDE = {v.name: ("worker.js",) for v in VARIANTS if v.threaded}


def code_files(variant: str) -> tuple[str, ...]:
    """The files that a page with a variant loads besides the weights."""
    return ("model.js", f"model-{variant}.wasm", *_BESIDE.get(variant, ()))


@dataclass(frozen=True)
class Size:
    """Bytes of a file, or of several together. None is not measured."""

    name: str
    raw_bytes: int
    gzip_bytes: int
    brotli_bytes: int | None


def sizes(files: Sequence[Path], node: NodeProgram | None, progress: Progress = no_progress) -> tuple[Size, ...]:
    """Measure files. Brotli is Node's; without one, or where it fails, there are no such figures."""
    found = []
    for i, file in enumerate(files):
        progress("compressing files", i, len(files))
        data = file.read_bytes()
        found.append((file.name, len(data), len(gzip.compress(data, GZIP_LEVEL, mtime=0))))
    small = _brotli(files, node)
    progress("compressing files", len(files), len(files))
    return tuple(Size(*f, b) for f, b in zip(found, small, strict=True))


def _brotli(files: Sequence[Path], node: NodeProgram | None) -> list[int] | list[None]:
    if node is None:
        return [None] * len(files)
    try:
        shown = node.run(BROTLI, str(BROTLI_QUALITY), *map(str, files), timeout_s=_TIMEOUT_S)
    except BackendError:
        return [None] * len(files)
    return [int(n) for n in json.loads(shown)]


def together(name: str, parts: Iterable[Size]) -> Size:
    """The sum."""
    listed = list(parts)
    brotli = [p.brotli_bytes for p in listed if p.brotli_bytes is not None]
    return Size(name, sum(p.raw_bytes for p in listed), sum(p.gzip_bytes for p in listed),
                sum(brotli) if len(brotli) == len(listed) else None)


def tfjs_files(peers: Path) -> list[Path]:
    """What a page with TensorFlow.js downloads besides the model, in a folder with ``node_modules``."""
    return [peers / "node_modules" / package / file for package, file in _TFJS]
