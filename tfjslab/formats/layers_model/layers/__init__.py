"""Readers of Keras layers, one module per family; importing the package fills the table in ``call``."""

from tfjslab.formats.layers_model.layers import (
    activations,
    attention,
    conv_recurrent,
    convolution,
    core,
    elementwise,
    intervals,
    lines,
    masking,
    merging,
    normalizing,
    pooling,
    preprocessing,
    products,
    rearranging,
    recurrent,
    reductions,
    reshaping,
    surroundings,
    volumes,
    wrappers,
)

__all__ = [
    "activations", "attention", "conv_recurrent", "convolution", "core", "elementwise", "intervals", "lines", "masking",
    "merging", "normalizing", "pooling", "preprocessing", "products", "rearranging", "recurrent", "reductions",
    "reshaping", "surroundings", "volumes", "wrappers",
]
