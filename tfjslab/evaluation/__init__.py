"""``tf.evaluate``: how often a model is right on labelled data, and how far it is from another one without labels.

The package is not called ``evaluate``, because a module ``tfjslab.evaluate`` would hide the function of that name.
"""

from tfjslab.evaluation.evaluate import evaluate
from tfjslab.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate"]
