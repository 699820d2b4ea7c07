"""Layers around another layer: TimeDistributed and Bidirectional."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tfjslab.formats.layers_model.layers.call import Call, layer
from tfjslab.formats.layers_model.layers.sizes import steps_in_batch
from tfjslab.formats.layers_model.topology import LayerConfig
from tfjslab.formats.strict_json import show


def _inner(c: Call) -> LayerConfig:
    found = c.wrapped.get("layer", ())
    if len(found) != 1:
        raise c.fail(f"option 'layer' has {len(found)} layers, expected one")
    return found[0]


@layer("SpectralNormalization")
def _spectral(c: Call) -> str:
    """The layer inside: its filters are divided by their norm in training, and are stored so."""
    return c.run(_inner(c), c.x)[0]


@layer("TimeDistributed", masks=True)
def _time_distributed(c: Call) -> str:
    """The layer on each step: on all of them at once, for no layer looks beyond a row of its batch."""
    if c.rank(c.x) < 3:  # noqa: PLR2004 - batch, steps and something
        raise c.fail(f"input {list(c.shape(c.x))}, expected rank 3 or more")
    together, apart = steps_in_batch(c, c.x)
    outputs = c.run(_inner(c), together)
    if len(outputs) != 1:
        raise c.fail(f"its layer gives {len(outputs)} values, expected one")
    return apart(outputs[0])


_MERGES: dict[str, Callable[[Call, str, str], str]] = {
    "concat": lambda c, a, b: c.add("ConcatV2", a, b, axis=-1),
    "sum": lambda c, a, b: c.add("AddV2", a, b),
    "mul": lambda c, a, b: c.add("Mul", a, b),
    "ave": lambda c, a, b: c.add("Mul", c.add("AddV2", a, b), c.constant("half", 0.5)),
}


@layer("Bidirectional")
def _bidirectional(c: Call) -> Sequence[str]:
    """A recurrent layer forwards, another one backwards, and their outputs merged step by step.

    Initial states are those of the first, then those of the second; states come back so, too.
    """
    x, *given = c.inputs
    half = len(given) // 2
    forward, *states = c.run(_directed(c, "forward"), x, *given[:half], mask=c.mask)
    backward, *more = c.run(_directed(c, "backward"), x, *given[half:], mask=c.mask)
    mask = c.bench.masks.get(forward, "")
    if _inner(c).config.get("return_sequences"):
        backward = c.add("ReverseV2", backward, axis=[1])
    mode = c.config.get("merge_mode", "concat")
    if mode is not None and mode not in _MERGES:
        raise c.fail(f"option 'merge_mode' is {show(mode)}, expected {', '.join(_MERGES)} or null")
    outputs = (forward, backward) if mode is None else (_MERGES[mode](c, forward, backward),)
    if mask:
        c.bench.masks.update(dict.fromkeys(outputs, mask))
    return (*outputs, *states, *more)


def _directed(c: Call, direction: str) -> LayerConfig:
    """The layer for a direction: that of the options, or for the way back the same with the other order of steps."""
    inner = _inner(c)
    config = dict(inner.config)
    if direction == "backward":
        inner, *_ = (*c.wrapped.get("backward_layer", ()), inner)
        config = {**inner.config, "go_backwards": not config.get("go_backwards")}
    # Keras 3 writes the names that the layers have, others the name that they are made of.
    name = inner.name if inner.name.startswith(f"{direction}_") else f"{direction}_{inner.name}"
    return replace(inner, name=name, config=config)
