"""``tf.optimize``: graph passes on a model, with a report of what each did and what it was worth.

The room is called after who does it, because a module ``tfjslab.optimize`` would stand in the way of the function.
"""

from tfjslab.optimizer.optimize import Optimized, optimize
from tfjslab.optimizer.report import OptimizeReport

__all__ = ["OptimizeReport", "Optimized", "optimize"]
