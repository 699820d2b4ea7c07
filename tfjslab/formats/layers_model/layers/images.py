"""What layers on images share: data formats, padding words, and 1-D data as images of height 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfjslab.formats.layers_model.layers.call import Call

# As Keras and as TF.js write it.
_LAST, _FIRST = ("channels_last", "channelsLast"), ("channels_first", "channelsFirst")
_TO_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1)}
_TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2)}


def channels_first(c: Call) -> bool:
    """Whether the layer's images have their channels before height and width."""
    return c.text("data_format", "channels_last", (*_LAST, *_FIRST)) in _FIRST


def with_channels_last(c: Call, x: str, run: Callable[[str], str]) -> str:
    """Run on channels-last data, as TF.js does it: transposed there and back when the layer has them first."""
    if not channels_first(c):
        return run(x)
    if c.rank(x) not in _TO_LAST:
        raise c.fail(f"input of rank {c.rank(x)}, expected 3 or 4")
    out = run(c.add("Transpose", x, perm=_TO_LAST[c.rank(x)]))
    return c.add("Transpose", out, perm=_TO_FIRST[c.rank(out)]) if c.rank(out) in _TO_FIRST else out


def padding(c: Call) -> str:
    """SAME or VALID."""
    return c.text("padding", "valid", ("valid", "same")).upper()


def nhwc(pair: Sequence[int]) -> list[int]:
    """Height and width as the four numbers of a window."""
    return [1, *pair, 1]
