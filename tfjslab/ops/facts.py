"""What holds for every node of an op, so that nobody has to list ops by name.

A fact is set where its op is defined, or follows there from what is known already (an expression, a shape rule). Tests
compare each with the op's rule and reference on every case.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.ops.promotion import Promotion

IMAGE_RANK = 4


@dataclass(frozen=True)
class Like:
    """The same as that of the input with this index."""

    index: int


FIRST = Like(0)


@dataclass(frozen=True)
class Facts:
    """What readers may rely on without running an op; the default of each field claims nothing.

    dtype: of the first output: a name, or that of an input. None: attributes or data decide, or nobody has asked yet.
    rank: the first output's number of axes: a number, or that of an input. None as for ``dtype``.
    passes_on: each output is the input of the same place, whatever the attributes and the other inputs are.
    shares_bytes: the output has the bytes of the only input, perhaps under another shape; nothing has to be computed.
    core: of a fused op the op that it begins with; ``fused_ops`` follow, and read the inputs behind the core's.
    quantized: how a node runs in integers, a name in ``tfjslab.quantization.forms``; "" when it cannot.
    promotes: how inputs of other dtypes than the op computes in are cast; None when such inputs are refused.
    """

    dtype: str | Like | None = None
    rank: int | Like | None = None
    passes_on: bool = False
    shares_bytes: bool = False
    core: str = ""
    quantized: str = ""
    promotes: Promotion | None = None


NO_FACTS = Facts()
LIKE_FIRST = Facts(dtype=FIRST)  # values are moved, whatever they are
