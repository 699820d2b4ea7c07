"""Readers of Keras layers, one module per family; importing the package fills the table in ``call``."""

from tfjslab.formats.layers_model.layers import (
    activations,
    attention,
    convolution,
    core,
    elementwise,
    intervals,
    lines,
    merging,
    normalizing,
    pooling,
    products,
    rearranging,
    recurrent,
    reductions,
    reshaping,
    surroundings,
)

__all__ = [
    "activations", "attention", "convolution", "core", "elementwise", "intervals", "lines", "merging", "normalizing",
    "pooling", "products", "rearranging", "recurrent", "reductions", "reshaping", "surroundings",
]
