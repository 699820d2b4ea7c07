"""``tf.evaluate``: how often a model is right on labelled data, and how far it is from another one without labels.

The room is called after what it does, because a module ``tfjslab.evaluate`` would stand in the way of the function.
"""

from tfjslab.evaluation.evaluate import evaluate
from tfjslab.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate"]
