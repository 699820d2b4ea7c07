"""``tf.quantize``: a smaller or faster model, with a report of what that changed and what it cost.

The room is called after who does it, because a module ``tfjslab.quantize`` would stand in the way of the function.
"""

from tfjslab.quantizer.kinds import DYNAMIC, INT8, KINDS
from tfjslab.quantizer.quantize import quantize
from tfjslab.quantizer.result import Quantized

__all__ = ["DYNAMIC", "INT8", "KINDS", "Quantized", "quantize"]
