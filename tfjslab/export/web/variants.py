"""The variants of a web module: what each needs of a browser, and how its kernels are generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfjslab.backends.wasm.text.emit import SCALAR, SIMD, Lanes
from tfjslab.base.errors import UsageError, did_you_mean

# Whether the engine knows what a variant uses: modules of a few bytes that must be valid, and start.
_SIMD = "(module (func (result v128) (f32x4.add (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0))))"
RELAXED = ("(module (func (param v128) (result v128)"
            " (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))")
# V8 11.3, behind its flag, gives wrong sums: this one traps where -100 * (1 + 2 + 3 + 4) is not -1000.
RELAXED_DOT = """(module (func $check (if (i32.ne (i32.const -1000) (i32x4.extract_lane 0
(i32x4.relaxed_dot_i8x16_i7x16_add_s (v128.const i32x4 0x9c9c9c9c 0 0 0) (v128.const i32x4 0x04030201 0 0 0)
(v128.const i32x4 0 0 0 0)))) (then unreachable))) (start $check))"""
_THREADS = "(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))"


@dataclass(frozen=True)
class Variant:
    """One module of the folder. ``probes`` are the texts that an engine must accept for it to run."""

    name: str
    doc: str
    lanes: Lanes
    probes: tuple[str, ...] = ()
    relaxed: bool = False
    threaded: bool = False


# From the slowest to the fastest: a loader takes the last that the engine allows.
VARIANTS = (
    Variant("plain", "scalar, runs in every browser with WebAssembly", SCALAR),
    Variant("simd", "SIMD128", SIMD, (_SIMD,)),
    Variant("relaxed", "SIMD128 with relaxed multiply-add", SIMD, (_SIMD,), relaxed=True),
    Variant("threads", "SIMD128 on several threads, on cross-origin isolated pages", SIMD, (_SIMD, _THREADS),
            threaded=True),
    Variant("threads-relaxed", "the same with relaxed multiply-add", SIMD, (_SIMD, _THREADS), relaxed=True,
            threaded=True),
)
_BY_NAME = {v.name: v for v in VARIANTS}


def chosen_variants(only: Sequence[str] | None) -> tuple[Variant, ...]:
    """Those named, or all, in the order of the table. UsageError for an unknown name, or none."""
    names = list(_BY_NAME) if only is None else list(only)
    for name in names:
        if name not in _BY_NAME:
            known = ", ".join(_BY_NAME)
            raise UsageError(f"variant {name!r} is unknown; known: {known}{did_you_mean(name, _BY_NAME)}")
    if not names:
        raise UsageError(f"no variant is named; known: {', '.join(_BY_NAME)}")
    return tuple(v for v in VARIANTS if v.name in names)
