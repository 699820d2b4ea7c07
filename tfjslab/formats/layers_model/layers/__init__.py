"""Readers of Keras layers, one module per family; importing the package fills the table in ``call``."""

from tfjslab.formats.layers_model.layers import (
    activations,
    conv_recurrent,
    convolution,
    core,
    masking,
    merging,
    normalizing,
    pooling,
    preprocessing,
    recurrent,
    reshaping,
    volumes,
    wrappers,
)

__all__ = [
    "activations", "conv_recurrent", "convolution", "core", "masking", "merging", "normalizing", "pooling",
    "preprocessing", "recurrent", "reshaping", "volumes", "wrappers",
]
