"""The flags of the wasm backends. No engine is imported here: listing flags must not need one."""

from __future__ import annotations

from tfjslab.backends.flags import Flag, from_variable
from tfjslab.backends.registry import availability

FLAGS = (
    Flag(
        "WASM_CALIBRATE", "whether the fastest tiles are measured (once for each kind of kernel, kept on disk)",
        from_variable("TFJSLAB_CALIBRATE", default=True),
    ),
    Flag(
        "WASM_STRASSEN",
        "whether wasm-plain computes large 1x1 convolutions with an eighth fewer multiplications, at other roundings",
        from_variable("TFJSLAB_STRASSEN", default=True),
    ),
    Flag(
        "WASM_WINOGRAD",
        "whether convolutions of 3x3 and larger take fewer multiplications where that gains, at other roundings",
        from_variable("TFJSLAB_WINOGRAD", default=True),
    ),
    Flag(
        "WASM_HAS_SIMD_SUPPORT", "whether 'wasm' may choose SIMD kernels",
        lambda: availability("wasm-simd").available,
    ),
    Flag(
        "WASM_HAS_MULTITHREAD_SUPPORT", "whether 'wasm' may choose threaded kernels",
        lambda: availability("wasm-threads").available,
    ),
)
