"""Convolutions and pooling that are made of others, and the fused ones as TensorFlow.js calls them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfjslab.base.errors import ShapeError, UsageError, did_you_mean
from tfjslab.engine.tensor import Tensor
from tfjslab.functions.base import Value, as_tensor, check_rank, composed, op
from tfjslab.ops.activations import ACTIVATIONS, BIAS

Window = int | Sequence[int]
Pad = str | int | Sequence[Sequence[int]]
_POOLS = {"avg": "avg_pool", "max": "max_pool"}
_IMAGE = 4


@composed
def separable_conv2d(
    x: Value, depthwise_filter: Value, pointwise_filter: Value, strides: Window = 1, pad: Pad = "valid",
    dilation: Window = 1, data_format: str = "NHWC",
) -> Tensor:
    """A depthwise convolution, then one of 1x1 across the channels; channels last."""
    if data_format.upper() != "NHWC":
        raise UsageError(f"separable_conv2d: data_format is {data_format!r}; expected NHWC")
    depthwise, pointwise = as_tensor(depthwise_filter), as_tensor(pointwise_filter)
    check_rank("separable_conv2d", "depthwise_filter", depthwise, _IMAGE)
    check_rank("separable_conv2d", "pointwise_filter", pointwise, _IMAGE)
    wanted = [1, 1, depthwise.shape[2] * depthwise.shape[3]]
    if pointwise.shape[:3] != wanted:
        raise ShapeError(f"separable_conv2d: pointwise_filter {pointwise.shape}; expected {[*wanted, 'channels']}")
    return op.conv2d(op.depthwise_conv2d(x, depthwise, strides, pad, data_format, dilation), pointwise)


@composed
def pool(
    input: Value, window_shape: Window, pooling_type: str, pad: Pad = "valid", dilations: Window = 1,
    strides: Window = 1,
) -> Tensor:
    """Mean (``"avg"``) or largest value (``"max"``) of windows with elements ``dilations`` apart; channels last."""
    if pooling_type not in _POOLS:
        raise UsageError(f"pool: pooling_type is {pooling_type!r}; expected one of {', '.join(_POOLS)}")
    run: Callable[..., Tensor] = getattr(op, _POOLS[pooling_type])
    steps, step = _pair(dilations), _pair(strides)
    if steps == (1, 1):
        return run(input, window_shape, strides, pad)
    if step != (1, 1):
        raise UsageError(f"pool: strides {list(step)} and dilations {list(steps)}; expected one of them to be 1")
    given = as_tensor(input)
    check_rank("pool", "input", given, _IMAGE - 1, _IMAGE)
    image = given if given.rank == _IMAGE else op.expand_dims(given, 0)
    before, after = zip(*_around(_pair(window_shape), steps, pad), strict=True)
    filled = [-(n + b + a) % s for n, b, a, s in zip(image.shape[1:3], before, after, steps, strict=True)]
    paddings = [[b, a + f] for b, a, f in zip(before, after, filled, strict=True)]
    parts = op.space_to_batch_nd(image, steps, paddings)
    out = op.batch_to_space_nd(run(parts, window_shape), steps, [[0, f] for f in filled])
    return out if given.rank == _IMAGE else op.squeeze(out, [0])


def _around(window: Sequence[int], steps: Sequence[int], pad: Pad) -> list[tuple[int, int]]:
    """Zeros before and after each axis so that a window of this reach keeps the size; none for ``"valid"``.

    TensorFlow.js pads with zeros here too, which then are among the values; numbers and lists do not count in it.
    """
    if pad not in ("same", "SAME"):
        return [(0, 0)] * len(window)
    reach = [(w - 1) * s for w, s in zip(window, steps, strict=True)]
    return [(r // 2, r - r // 2) for r in reach]


def _pair(value: Window) -> tuple[int, ...]:
    numbers = (value,) * 2 if isinstance(value, int) else tuple(value)
    return numbers * 2 if len(numbers) == 1 else numbers


def _steps(bias: Value | None, activation: str, weights: Value | None) -> tuple[list[str], list[Value]]:
    """What is fused, by name, and its values."""
    if activation not in ACTIVATIONS:
        known = [n for n in ACTIVATIONS if n.isalnum() and n.islower()]
        raise UsageError(f"activation {activation!r} is unknown; known: {', '.join(known)}"
                         f"{did_you_mean(activation, known)}")
    fused = [*([] if bias is None else [BIAS]), *([] if activation == "linear" else [activation])]
    return fused, [v for v in (bias, weights if activation == "prelu" else None) if v is not None]


@composed
def fused_conv2d(
    x: Value, filter: Value, strides: Window = 1, pad: Pad = "valid", data_format: str = "NHWC",
    dilations: Window = 1, *, bias: Value | None = None, activation: str = "linear",
    prelu_activation_weights: Value | None = None, leakyrelu_alpha: float = 0.2,
) -> Tensor:
    """``conv2d``, then a bias and an activation (``relu``, ``relu6``, ``prelu``, ...), in one kernel."""
    names, values = _steps(bias, activation, prelu_activation_weights)
    return op.fused_conv2d(x, filter, values, strides, pad, data_format, dilations, fused_ops=names,
                           leakyrelu_alpha=leakyrelu_alpha)


@composed
def fused_depthwise_conv2d(
    x: Value, filter: Value, strides: Window = 1, pad: Pad = "valid", data_format: str = "NHWC",
    dilations: Window = 1, *, bias: Value | None = None, activation: str = "linear",
    prelu_activation_weights: Value | None = None, leakyrelu_alpha: float = 0.2,
) -> Tensor:
    """``depthwise_conv2d``, then a bias and an activation, in one kernel."""
    names, values = _steps(bias, activation, prelu_activation_weights)
    return op.fused_depthwise_conv2d(x, filter, values, strides, pad, data_format, dilations, fused_ops=names,
                                     leakyrelu_alpha=leakyrelu_alpha)


@composed
def fused_mat_mul(
    a: Value, b: Value, transpose_a: bool = False, transpose_b: bool = False, *, bias: Value | None = None,
    activation: str = "linear", prelu_activation_weights: Value | None = None, leakyrelu_alpha: float = 0.2,
) -> Tensor:
    """``mat_mul``, then a bias and an activation, in one kernel."""
    names, values = _steps(bias, activation, prelu_activation_weights)
    options: dict[str, Any] = {"fused_ops": names, "leakyrelu_alpha": leakyrelu_alpha}
    return op.fused_mat_mul(a, b, values, transpose_a, transpose_b, **options)
