"""Programs in forms that there are WebAssembly kernels for."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.backends.kernels.channels import channels_last
from tfjslab.backends.kernels.rewrites import long_sums
from tfjslab.graph.specialize import Specialized
from tfjslab.graph.unroll_recurrent import unrolled
from tfjslab.ops.recurrent import CONVOLVED


def with_kernels(program: Specialized, outputs: Sequence[str]) -> Specialized:
    """The program with channels last, long sums in parts, and convolutional memories written out step by step."""
    return channels_last(unrolled(program, (CONVOLVED,)), outputs, (long_sums,))
