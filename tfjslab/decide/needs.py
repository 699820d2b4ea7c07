"""What programs need of a browser: read from the tables of programs, variants and backends, never listed again."""

from __future__ import annotations

from functools import cache

from tfjslab.backends.wasm.text.emit import SIMD
from tfjslab.browser.jobs.programs import LITERT, MODULE, PROGRAMS, DeviceProgram
from tfjslab.export.web.variants import VARIANTS, Variant

# Of GPU backends, whose tables say nothing of browsers: the names of TensorFlow.js, LiteRT.js and this package.
_GPU = {"webgl": ("webgl",), "webgpu": ("webgpu",), "webgpu-f16": ("webgpu", "shader-f16")}


def needs_of_variant(variant: Variant) -> tuple[str, ...]:
    """The features that a variant of the web module needs."""
    return ("wasm", *["simd"] * (variant.lanes is SIMD), *["relaxed-simd"] * variant.relaxed,
            *["threads"] * variant.threaded)


def needs_of_program(program: DeviceProgram) -> tuple[str, ...]:
    """The features that a program for browsers needs; none for JavaScript."""
    if program.kind == MODULE:
        return needs_of_variant(next(v for v in VARIANTS if v.name == program.backend))
    if program.backend != "wasm":
        return _GPU.get(program.backend, ())
    simd = program.kind == LITERT or program.flags["WASM_HAS_SIMD_SUPPORT"]
    return ("wasm", *["simd"] * simd, *["threads"] * program.threaded)


@cache
def needs_of(name: str) -> tuple[str, ...]:
    """The features that a program, or what stands for a backend of this package in a page, needs."""
    return needs_of_program(PROGRAMS[name]) if name in PROGRAMS else _GPU.get(name, ())
