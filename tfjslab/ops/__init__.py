"""The meaning of every op, defined once.

Importing this package registers all ops. There is one module per family; ``registry`` holds them, ``conformance``
yields their test cases with float64 answers, and ``expr`` is the language of the elementwise ones.
"""

from tfjslab.ops import conv, elementwise, matmul, normalization, pool, reduction

__all__ = ["conv", "elementwise", "matmul", "normalization", "pool", "reduction"]
