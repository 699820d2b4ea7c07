"""The flags of the GPU backends. No engine is imported here: listing flags must not need one."""

from __future__ import annotations

from tfjslab.backends.flags import Flag, from_variable

FLAGS = (
    Flag(
        "WEBGPU_CALIBRATE", "whether the fastest tiles are measured (once for each kind of kernel, kept on disk)",
        from_variable("TFJSLAB_CALIBRATE", default=True),
    ),
    Flag(
        "WEBGPU_ANY_PRECISION", "whether models run on 'webgpu-f16' also when their outputs are off by too much",
        from_variable("TFJSLAB_ANY_PRECISION", default=False),
    ),
)
