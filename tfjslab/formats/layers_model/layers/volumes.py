"""Convolutions of volumes (a kernel of their own, or numpy's, depends on the backend)."""

from __future__ import annotations

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.convolution import bias_and_activation, transposed, window
from tfjslab.formats.layers_model.layers.images import padding, with_channels_last


@layer("Conv3D", "Convolution3D", rank=5)
def _conv3d(c: Call) -> str:
    attrs = {**window(c, 3), "padding": padding(c)}
    return with_channels_last(
        c, c.x, lambda x: bias_and_activation(c, c.add("Conv3D", x, c.weight("kernel"), **attrs)),
    )


@layer("Conv3DTranspose", "Convolution3DTranspose", rank=5)
def _conv3d_transpose(c: Call) -> str:
    return transposed(c, "Conv3DBackpropInputV2", 3)
