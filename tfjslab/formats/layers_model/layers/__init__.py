"""Readers of Keras layers, one module per family; importing the package fills the table in ``call``."""

from tfjslab.formats.layers_model.layers import (
    activations,
    convolution,
    core,
    merging,
    normalizing,
    pooling,
    recurrent,
    reshaping,
)

__all__ = [
    "activations", "convolution", "core", "merging", "normalizing", "pooling", "recurrent", "reshaping",
]
