"""What programs that run models would refuse in a graph, told before anything is written for them."""

from tfjslab.targets.refusal import TargetRefusal
from tfjslab.targets.registry import TARGETS, RunTarget, refused_everywhere, target_called

__all__ = ["TARGETS", "RunTarget", "TargetRefusal", "refused_everywhere", "target_called"]
