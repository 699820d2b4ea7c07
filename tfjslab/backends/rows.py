"""The table of backends. A new backend is one row here; menus, the command line, the docs and the tests read it.

Those that users register are added at its end.
A row's module is imported only when the backend is asked about. It offers ``availability(variant)`` and
``create(variant, threads)``, and ``may_be_chosen(variant)`` where priority must not always choose it.
"""

from __future__ import annotations

from functools import partial

from tfjslab.backends.base import BackendDef
from tfjslab.base.errors import UsageError, did_you_mean

_wasm = partial(BackendDef, module="tfjslab.backends.wasm.backend", declares="tfjslab.backends.wasm.flags")
_gpu = partial(
    BackendDef, module="tfjslab.backends.webgpu.backend", declares="tfjslab.backends.webgpu.flags", on_adapter=True,
)

# Priorities are those of TensorFlow.js; 0 is never chosen without being named.
ROWS = [
    _gpu("webgpu", 3, "wgpu on Vulkan, Metal or DirectX 12", "tfjs webgpu", variant="webgpu"),
    _gpu(
        "webgpu-f16", 0, "webgpu with float16 storage and float32 sums; outputs are checked against webgpu",
        "no backend of tfjs", variant="webgpu-f16", checked_against="webgpu",
    ),
    _gpu("webgl", 2, "the same kernels on wgpu's OpenGL adapter", "tfjs webgl", variant="webgl"),
    _wasm(
        "wasm", 2, "the best of wasm-threads, wasm-simd and wasm-plain that the flags allow", "tfjs wasm",
        alias_of=("wasm-threads", "wasm-simd", "wasm-plain"),
    ),
    BackendDef("cpu", 1, "numpy, the reference", "tfjs cpu", "tfjslab.backends.cpu"),
    _wasm("wasm-plain", 0, "WebAssembly, scalar kernels", "tfjs-backend-wasm.wasm", variant="plain"),
    _wasm(
        "wasm-simd", 0, "WebAssembly with SIMD128", "tfjs-backend-wasm-simd.wasm", variant="simd",
        flags=("WASM_HAS_SIMD_SUPPORT",),
    ),
    _wasm(
        "wasm-threads", 0, "WebAssembly with SIMD128 and threads on shared memory",
        "tfjs-backend-wasm-threaded-simd.wasm", variant="threads", threaded=True,
        flags=("WASM_HAS_SIMD_SUPPORT", "WASM_HAS_MULTITHREAD_SUPPORT"),
    ),
]


def row(name: str) -> BackendDef:
    """The row of a backend; UsageError with a suggestion when there is none."""
    for r in ROWS:  # every prediction asks
        if r.name == name:
            return r
    known = [r.name for r in ROWS]
    raise UsageError(f"backend '{name}' is unknown; known: {', '.join(known)}{did_you_mean(name, known)}")


def is_host(name: str) -> bool:
    """Whether a backend is numpy itself, so that what runs on the host is no fallback."""
    return name == "cpu"


def by_priority() -> list[BackendDef]:
    """All rows: highest priority first, then in the order of the table."""
    return sorted(ROWS, key=lambda r: -r.priority)


def checked_against(name: str) -> str:
    """The backend whose outputs those of ``name`` are checked against; empty for those that have all digits."""
    return next((r.checked_against for r in ROWS if r.name == name), "")
