"""What programs that run models would refuse in a graph, told before anything is written for them."""

from tfjslab.targets.refusal import Refusal
from tfjslab.targets.registry import TARGETS, Target, refused_everywhere, target_called

__all__ = ["TARGETS", "Refusal", "Target", "refused_everywhere", "target_called"]
