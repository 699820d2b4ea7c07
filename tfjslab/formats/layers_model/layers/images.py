"""What layers on lines, images and volumes share: data formats and padding words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfjslab.formats.layers_model.layers.call import Call

# As Keras and as TF.js write it.
_LAST, _FIRST = ("channels_last", "channelsLast"), ("channels_first", "channelsFirst")
_TO_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}
_TO_FIRST = {3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}


def channels_first(c: Call) -> bool:
    """Whether the layer's images have their channels before height and width."""
    return c.text("data_format", "channels_last", (*_LAST, *_FIRST)) in _FIRST


def with_channels_last(c: Call, x: str, run: Callable[[str], str]) -> str:
    """Run on channels-last data, as TF.js does it: transposed there and back when the layer has them first."""
    if not channels_first(c):
        return run(x)
    if c.rank(x) not in _TO_LAST:
        raise c.fail(f"input of rank {c.rank(x)}, expected 3, 4 or 5")
    out = run(c.add("Transpose", x, perm=_TO_LAST[c.rank(x)]))
    return c.add("Transpose", out, perm=_TO_FIRST[c.rank(out)]) if c.rank(out) in _TO_FIRST else out


def padding(c: Call) -> str:
    """SAME or VALID."""
    return c.text("padding", "valid", ("valid", "same")).upper()


def nhwc(lengths: Sequence[int]) -> list[int]:
    """Height and width, or depth, height and width, as the numbers of a window."""
    return [1, *lengths, 1]
