"""ConvLSTM2D: a long short-term memory whose products are convolutions.

The convolution of the inputs is one for all steps; the steps are written out.
"""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.formats.layers_model.layers.activations import activation_name
from tfjslab.formats.layers_model.layers.call import Call
from tfjslab.formats.layers_model.layers.convolution import window
from tfjslab.formats.layers_model.layers.images import channels_first, padding
from tfjslab.formats.layers_model.layers.recurrent import Steps, cell
from tfjslab.formats.layers_model.layers.sizes import steps_in_batch
from tfjslab.ops.cells import ACTIVATIONS, CELLS, Apply, Step

_RANK, _MOST_STEPS = 5, 2048
_CELL = CELLS["LSTM"]
# Of images with channels first, and of their sequences, to channels last and back.
_TO_LAST, _TO_FIRST = {4: (0, 2, 3, 1), 5: (0, 1, 3, 4, 2)}, {4: (0, 3, 1, 2), 5: (0, 1, 4, 2, 3)}


@cell("ConvLSTM2DCell", "ConvLSTM2D", states=_CELL.states)
def _conv_lstm(c: Call, s: Steps) -> Sequence[str]:
    if c.rank(s.x) != _RANK:
        raise c.fail(f"input {list(c.shape(s.x))}, expected rank {_RANK}")
    steps = c.shape(s.x)[1]
    if steps is None or not 0 < steps <= _MOST_STEPS:
        raise c.fail(f"input {list(c.shape(s.x))}; expected a known number of steps, 1 to {_MOST_STEPS}")
    each = c.several("Unpack", steps, _convolved(c, _last(c, s.x)), axis=1, num=steps)
    kernel = c.weight("recurrent_kernel")

    def product(value: str, _gates: Sequence[int]) -> Sequence[str]:
        return _split(c, c.add("Conv2D", value, kernel, strides=[1, 1, 1, 1], padding="SAME"))

    activations = _activation(c, "activation", "tanh"), _activation(c, "recurrent_activation", "hard_sigmoid")
    masks, outputs, states = _masks(c, s.mask, steps), [""] * steps, _first_states(c, s, each[0])
    order = range(steps)[::-1] if s.backwards else range(steps)
    for i, t in enumerate(order):
        new = _CELL.step(Step(c, _split(c, each[t]), [], states, product, *activations))
        states = [c.add("SelectV2", masks[t], *both) for both in zip(new, states, strict=True)] if masks else list(new)
        outputs[i] = states[0]
    return [_first(c, v) for v in (c.add("Pack", *outputs, axis=1), *states)]


def _split(c: Call, value: str) -> Sequence[str]:
    """The channels of each gate."""
    return c.several("Split", _CELL.gates, value, num_split=_CELL.gates, axis=3)


def _last(c: Call, value: str) -> str:
    return c.add("Transpose", value, perm=_TO_LAST[c.rank(value)]) if channels_first(c) else value


def _first(c: Call, value: str) -> str:
    return c.add("Transpose", value, perm=_TO_FIRST[c.rank(value)]) if channels_first(c) else value


def _convolved(c: Call, x: str) -> str:
    """What the inputs of all steps give all gates."""
    together, apart = steps_in_batch(c, x)
    out = c.add("Conv2D", together, c.weight("kernel"), padding=padding(c), **window(c))
    return apart(c.add("BiasAdd", out, c.weight("bias")) if c.flag("use_bias", default=True) else out)


def _first_states(c: Call, s: Steps, gates: str) -> list[str]:
    """The states before the first step; zeros in the shape of what the inputs give a gate."""
    like = _split(c, gates)[0]
    n, height, width, channels = c.shape(like)
    given = s.first((n, channels, height, width) if channels_first(c) else (n, height, width, channels))
    return [_last(c, v) for v in given] if given else [c.add("ZerosLike", like)] * _CELL.states


def _masks(c: Call, mask: str, steps: int) -> Sequence[str]:
    """For each step which rows of the batch take it, [batch, 1, 1, 1]; empty without a mask."""
    if not mask:
        return ()
    spread = c.add("Reshape", c.add("Cast", mask, DstT="bool"), shape=[-1, steps, 1, 1, 1])
    return c.several("Unpack", steps, spread, axis=1, num=steps)


def _activation(c: Call, option: str, default: str) -> Apply:
    return ACTIVATIONS[activation_name(c, c.config.get(option) or default)]
