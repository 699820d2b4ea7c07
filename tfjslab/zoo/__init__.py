"""Models to start with: real architectures built here, with seeded random weights, and where the real weights are.

``digits`` is small enough to ship with real weights.
"""

from tfjslab.zoo.entry import ZooEntry
from tfjslab.zoo.opening import open_model
from tfjslab.zoo.registry import ENTRIES, build, get, load

__all__ = ["ENTRIES", "ZooEntry", "build", "get", "load", "open_model"]
