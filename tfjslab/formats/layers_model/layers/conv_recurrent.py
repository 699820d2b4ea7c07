"""ConvLSTM2D: a long short-term memory whose products are convolutions; that of the inputs is one for all steps."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.formats.layers_model.layers.call import Call
from tfjslab.formats.layers_model.layers.convolution import window
from tfjslab.formats.layers_model.layers.images import channels_first, padding
from tfjslab.formats.layers_model.layers.recurrent import Steps, add_steps, cell, gate_activation
from tfjslab.formats.layers_model.layers.sizes import steps_in_batch
from tfjslab.ops.recurrent import CONVOLVED

_RANK = 5
# Of images with channels first, and of their sequences, to channels last and back.
_TO_LAST, _TO_FIRST = {4: (0, 2, 3, 1), 5: (0, 1, 3, 4, 2)}, {4: (0, 3, 1, 2), 5: (0, 1, 4, 2, 3)}


@cell("ConvLSTM2DCell", "ConvLSTM2D", states=2)
def _conv_lstm(c: Call, s: Steps) -> Sequence[str]:
    if c.rank(s.x) != _RANK:
        raise c.fail(f"input {list(c.shape(s.x))}, expected rank {_RANK}")
    x, units = _convolved(c, _last(c, s.x)), c.filters("recurrent_kernel", 4).shape[2]
    batch, _, height, width, _ = c.shape(x)
    states = s.first((batch, units, height, width) if channels_first(c) else (batch, height, width, units))
    named = {
        "x": x, "recurrent_kernel": c.weight("recurrent_kernel"), "mask": s.mask,
        **dict(zip(("h", "c"), (_last(c, v) for v in states), strict=False)),
    }
    return [_first(c, v) for v in add_steps(c, s, CONVOLVED, named, gate_activation(c))]


def _last(c: Call, value: str) -> str:
    return c.add("Transpose", value, perm=_TO_LAST[c.rank(value)]) if channels_first(c) else value


def _first(c: Call, value: str) -> str:
    return c.add("Transpose", value, perm=_TO_FIRST[c.rank(value)]) if channels_first(c) else value


def _convolved(c: Call, x: str) -> str:
    """What the inputs of all steps give all gates."""
    together, apart = steps_in_batch(c, x)
    out = c.add("Conv2D", together, c.weight("kernel"), padding=padding(c), **window(c))
    return apart(c.add("BiasAdd", out, c.weight("bias")) if c.flag("use_bias", default=True) else out)
