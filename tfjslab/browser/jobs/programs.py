"""What can run a model in a browser: one row for each, which commands, tables and docs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tfjslab.base.errors import UsageError, did_you_mean

TFJS, LITERT, MODULE = "tfjs", "litert", "module"
PRODUCTS = {TFJS: "TensorFlow.js", LITERT: "LiteRT.js"}


@dataclass(frozen=True, eq=False)
class DeviceProgram:
    """A program with a backend. ``kind`` says whose it is: TensorFlow.js, LiteRT.js, or our web module of the model.

    ``backend`` is the backend of TensorFlow.js, the accelerator of LiteRT.js, or the variant of the module; ``flags``
    are set with ``tf.env()``.
    """

    name: str
    kind: str
    backend: str
    text: str
    flags: Mapping[str, bool] = field(default_factory=dict)
    threaded: bool = False


def _wasm(*, simd: bool, threads: bool) -> dict[str, bool]:
    return {"WASM_HAS_SIMD_SUPPORT": simd, "WASM_HAS_MULTITHREAD_SUPPORT": threads}


PROGRAMS = {p.name: p for p in (
    DeviceProgram("wasm-plain", MODULE, "plain", "our web module, scalar"),
    DeviceProgram("wasm-simd", MODULE, "simd", "our web module, SIMD"),
    DeviceProgram("wasm-relaxed", MODULE, "relaxed", "our web module, relaxed SIMD"),
    DeviceProgram("wasm-threads", MODULE, "threads", "our web module, SIMD and threads", threaded=True),
    DeviceProgram("tfjs-cpu", TFJS, "cpu", "TensorFlow.js, JavaScript"),
    DeviceProgram("tfjs-wasm-plain", TFJS, "wasm", "TensorFlow.js, WebAssembly", _wasm(simd=False, threads=False)),
    DeviceProgram("tfjs-wasm-simd", TFJS, "wasm", "TensorFlow.js, SIMD", _wasm(simd=True, threads=False)),
    DeviceProgram("tfjs-wasm-threads", TFJS, "wasm", "TensorFlow.js, SIMD and threads", _wasm(simd=True, threads=True),
                  threaded=True),
    DeviceProgram("tfjs-webgl", TFJS, "webgl", "TensorFlow.js, WebGL"),
    DeviceProgram("tfjs-webgpu", TFJS, "webgpu", "TensorFlow.js, WebGPU"),
    DeviceProgram("litert-wasm", LITERT, "wasm", "LiteRT.js, SIMD, for .tflite files"),
    DeviceProgram("litert-wasm-threads", LITERT, "wasm", "LiteRT.js, SIMD and threads, for .tflite files",
                  threaded=True),
    DeviceProgram("litert-webgpu", LITERT, "webgpu", "LiteRT.js, WebGPU, for .tflite files"),
)}
# What ours is compared with: the same instructions, the same threads.
COUNTERPARTS = {name: f"tfjs-{name}" for name in ("wasm-plain", "wasm-simd", "wasm-threads")} | {
    "wasm-relaxed": "tfjs-wasm-simd",
}


def find_program(name: str) -> DeviceProgram:
    """The row of that name; UsageError with a suggestion when there is none."""
    if name not in PROGRAMS:
        known = ", ".join(PROGRAMS)
        raise UsageError(f"'{name}' is no program for browsers; expected one of: {known}{did_you_mean(name, PROGRAMS)}")
    return PROGRAMS[name]


def counterpart(name: str) -> DeviceProgram:
    """What TensorFlow.js has in place of a program of ours; UsageError where there is nothing to compare."""
    if name not in COUNTERPARTS:
        raise UsageError(f"'{name}' has no counterpart in TensorFlow.js; those with one: {', '.join(COUNTERPARTS)}")
    return PROGRAMS[COUNTERPARTS[name]]
