"""What must hold for any shapes: ops against numpy's own indexing and against loops written out."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tfjslab.base.errors import ShapeError
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec
from tfjslab.ops.special import erf

fixed = settings(deadline=None, derandomize=True, max_examples=60)


def run(name: str, *inputs: np.ndarray, **attrs: Any) -> list[np.ndarray]:
    """Run an op and hold its shape rule to the result."""
    op = registry.get(name)
    resolved = op.resolve_attrs(attrs, "test")
    promised = op.infer([Spec(x.shape, _dtype(x)) for x in inputs], resolved)
    outs = op.run(inputs, resolved)
    assert [p.shape for p in promised if p.shape is not None] == [
        o.shape for p, o in zip(promised, outs, strict=True) if p.shape is not None
    ]
    return outs


def _dtype(x: np.ndarray) -> str:
    return {"f": "float32", "i": "int32", "b": "bool"}[x.dtype.kind]


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape) + len(shape)).uniform(-1, 1, shape)


def shapes(min_rank: int = 0, max_rank: int = 4, low: int = 0, high: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(low, high), min_size=min_rank, max_size=max_rank).map(tuple)


# ---- elementwise -----------------------------------------------------------------------------------------------------


@fixed
@given(shapes(), st.data())
def test_broadcasting_is_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    other = tuple(data.draw(st.sampled_from([d, 1])) for d in shape)[data.draw(st.integers(0, len(shape))) :]
    a, b = numbers(*shape), numbers(*other)
    np.testing.assert_array_equal(run("Add", a, b)[0], a + b)
    np.testing.assert_array_equal(run("Less", b, a)[0], b < a)


@fixed
@given(shapes(), shapes())
def test_shapes_that_numpy_cannot_broadcast_are_refused(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        with pytest.raises(ShapeError):
            run("Multiply", numbers(*a), numbers(*b))
    else:
        assert run("Multiply", numbers(*a), numbers(*b))[0].shape == expected


def test_erf_is_the_libms() -> None:
    x = np.concatenate([np.linspace(-7, 7, 5001), np.geomspace(1e-300, 1, 100), [np.inf, -np.inf, 0.0]])
    np.testing.assert_allclose(erf(x), [math.erf(v) for v in x], rtol=1e-14)
    assert np.isnan(erf(np.float32("nan")))


# ---- slicing ---------------------------------------------------------------------------------------------------------

_index = st.integers(-6, 6)
_entry = st.one_of(
    st.builds(slice, st.none() | _index, st.none() | _index, st.integers(-3, 3).filter(bool)),
    st.just(None), st.integers(-4, 3),
)


def masks_of(entries: list[Any]) -> dict[str, Any]:
    """The begin, end, strides and masks that say what a numpy index says."""
    found: dict[str, Any] = {"begin": [], "end": [], "strides": []}
    bits = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    for i, e in enumerate(entries):
        begin, end, stride = 0, 0, 1
        if isinstance(e, slice):
            begin, end, stride = e.start or 0, e.stop or 0, e.step
            bits["begin_mask"] |= (e.start is None) << i
            bits["end_mask"] |= (e.stop is None) << i
        elif e is None:
            bits["new_axis_mask"] |= 1 << i
        elif e is ...:
            bits["ellipsis_mask"] |= 1 << i
        else:
            begin, end = e, e + 1
            bits["shrink_axis_mask"] |= 1 << i
        for name, value in zip(("begin", "end", "strides"), (begin, end, stride), strict=True):
            found[name].append(value)
    return {**found, **bits}


@settings(fixed, max_examples=300)
@given(shapes(low=1), st.lists(_entry, max_size=5), st.integers(0, 6))
def test_strided_slice_is_numpys_indexing(shape: tuple[int, ...], entries: list[Any], ellipsis: int) -> None:
    if ellipsis <= len(entries):
        entries = [*entries[:ellipsis], ..., *entries[ellipsis:]]
    x = numbers(*shape)
    try:
        expected = x[tuple(entries)]
    except IndexError:
        with pytest.raises(ShapeError):
            run("StridedSlice", x, **masks_of(entries))
    else:
        np.testing.assert_array_equal(run("StridedSlice", x, **masks_of(entries))[0], expected)


@fixed
@given(shapes(min_rank=1), st.data())
def test_slice_is_numpys_indexing(shape: tuple[int, ...], data: st.DataObject) -> None:
    begin = [data.draw(st.integers(0, d)) for d in shape]
    size = [data.draw(st.integers(-1, d - b)) for b, d in zip(begin, shape, strict=True)]
    x = numbers(*shape)
    expected = x[tuple(slice(b, None if n == -1 else b + n) for b, n in zip(begin, size, strict=True))]
    np.testing.assert_array_equal(run("Slice", x, begin=begin, size=size)[0], expected)


@fixed
@given(shapes(min_rank=1, low=1), st.data())
def test_joining_undoes_splitting_and_packing_undoes_unpacking(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    first = data.draw(st.integers(0, shape[axis]))
    x = numbers(*shape)
    parts = run("SplitV", x, size_splits=[first, -1], axis=axis)
    np.testing.assert_array_equal(run("Concat", *parts, axis=axis)[0], x)
    np.testing.assert_array_equal(run("Pack", *run("Unpack", x, axis=axis, num=shape[axis]), axis=axis)[0], x)


@fixed
@given(shapes(), st.data())
def test_transposing_back_gives_the_same(shape: tuple[int, ...], data: st.DataObject) -> None:
    perm = data.draw(st.permutations(range(len(shape))))
    there = run("Transpose", numbers(*shape), perm=perm)[0]
    np.testing.assert_array_equal(run("Transpose", there, perm=np.argsort(perm))[0], numbers(*shape))


# ---- windows ---------------------------------------------------------------------------------------------------------

_window = {
    "size": st.tuples(st.integers(1, 6), st.integers(1, 6)), "window": st.tuples(st.integers(1, 3), st.integers(1, 3)),
    "stride": st.integers(1, 3), "dilation": st.integers(1, 2),
    "padding": st.sampled_from(["SAME", "VALID", "EXPLICIT"]),
}


def geometry(size: int, window: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """Output length and padding before, from TensorFlow's definition of the padding kinds."""
    span = (window - 1) * dilation + 1
    if padding == "SAME":
        out = math.ceil(size / stride)
        return out, max((out - 1) * stride + span - size, 0) // 2
    before, after = EXPLICIT if padding == "EXPLICIT" else (0, 0)
    return (size + before + after - span) // stride + 1, before


EXPLICIT = (1, 2)
_PADS = {"EXPLICIT": [0, 0, *EXPLICIT, *EXPLICIT, 0, 0]}


def positions(size: tuple[int, int], window: tuple[int, int], stride: int, dilation: int, padding: str) -> Any:
    """Output size, and for each output pixel the pixels of the image in its window, as (tap, pixel) pairs."""
    (h, top), (w, left) = (geometry(s, k, stride, dilation, padding) for s, k in zip(size, window, strict=True))
    assume(h > 0 and w > 0)
    found = {}
    for y, x in itertools.product(range(h), range(w)):
        taps = []
        for i, j in itertools.product(range(window[0]), range(window[1])):
            row, column = y * stride - top + i * dilation, x * stride - left + j * dilation
            if 0 <= row < size[0] and 0 <= column < size[1]:
                taps.append(((i, j), (row, column)))
        found[y, x] = taps
    return (h, w), found


def _attrs(stride: int, padding: str, **more: Any) -> dict[str, Any]:
    return {"strides": [1, stride, stride, 1], "padding": padding, "explicit_paddings": _PADS.get(padding, []), **more}


@fixed
@given(**_window, channels=st.integers(1, 3), groups=st.integers(1, 2))
def test_conv2d_is_the_naive_loop(
    size: tuple[int, int], window: tuple[int, int], stride: int, dilation: int, padding: str, channels: int,
    groups: int,
) -> None:
    (h, w), taps = positions(size, window, stride, dilation, padding)
    x, kernel = numbers(2, *size, channels * groups), numbers(*window, channels, 2 * groups)
    expected = np.zeros((2, h, w, 2 * groups))
    for (y, c), pairs in taps.items():
        for tap, pixel in pairs:
            for g in range(groups):
                ins, outs = slice(g * channels, (g + 1) * channels), slice(2 * g, 2 * g + 2)
                expected[:, y, c, outs] += x[:, *pixel, ins] @ kernel[tap][:, outs]
    attrs = _attrs(stride, padding, dilations=[1, dilation, dilation, 1])
    np.testing.assert_allclose(run("Conv2D", x, kernel, **attrs)[0], expected, atol=1e-12)


@fixed
@given(**_window, multiplier=st.integers(1, 2))
def test_depthwise_conv2d_is_the_naive_loop(
    size: tuple[int, int], window: tuple[int, int], stride: int, dilation: int, padding: str, multiplier: int,
) -> None:
    (h, w), taps = positions(size, window, stride, dilation, padding)
    x, kernel = numbers(2, *size, 3), numbers(*window, 3, multiplier)
    expected = np.zeros((2, h, w, 3, multiplier))
    for (y, c), pairs in taps.items():
        for tap, pixel in pairs:
            expected[:, y, c] += x[:, *pixel, :, None] * kernel[tap]
    attrs = _attrs(stride, padding, dilations=[1, dilation, dilation, 1])
    found = run("DepthwiseConv2dNative", x, kernel, **attrs)[0]
    np.testing.assert_allclose(found, expected.reshape(2, h, w, -1), atol=1e-12)


@fixed
@given(**_window)
def test_pooling_is_the_naive_loop_and_never_counts_padding(
    size: tuple[int, int], window: tuple[int, int], stride: int, dilation: int, padding: str,
) -> None:
    (h, w), taps = positions(size, window, stride, 1, padding)
    assume(all(taps.values()))
    x = numbers(2, *size, 3)
    largest, mean = (
        np.reshape([f([x[:, *pixel] for _, pixel in pairs], axis=0) for pairs in taps.values()], (h, w, 2, 3))
        for f in (np.max, np.mean)
    )
    attrs = _attrs(stride, padding, ksize=[1, *window, 1])
    np.testing.assert_array_equal(run("MaxPool", x, **attrs)[0], largest.transpose(2, 0, 1, 3))
    np.testing.assert_allclose(run("AvgPool", x, **attrs)[0], mean.transpose(2, 0, 1, 3), atol=1e-12)


@fixed
@given(**{k: v for k, v in _window.items() if k != "dilation"})
def test_transposed_conv_is_the_adjoint_of_conv(
    size: tuple[int, int], window: tuple[int, int], stride: int, padding: str,
) -> None:
    (h, w), _ = positions(size, window, stride, 1, padding)
    x, kernel, y = numbers(2, *size, 3), numbers(*window, 3, 4), numbers(2, h, w, 4)
    attrs = _attrs(stride, padding)
    there = run("Conv2D", x, kernel, **attrs)[0]
    back = run("Conv2DBackpropInput", y, kernel, output_shape=[2, *size, 3], **attrs)[0]
    assert np.vdot(there, y) == pytest.approx(np.vdot(x, back), abs=1e-10)


@pytest.mark.parametrize("name", ["Conv2D", "DepthwiseConv2dNative"])
def test_nchw_computes_what_nhwc_does(name: str) -> None:
    x, kernel = numbers(2, 5, 6, 3), numbers(3, 2, 3, 4)
    last = run(name, x, kernel, strides=[1, 2, 1, 1], padding="SAME")[0]
    first = run(name, x.transpose(0, 3, 1, 2), kernel, strides=[1, 1, 2, 1], padding="same", data_format="NCHW")[0]
    np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))


# ---- moving elements -------------------------------------------------------------------------------------------------


@fixed
@given(shapes(), st.data())
def test_pad_then_slice_gives_the_same(shape: tuple[int, ...], data: st.DataObject) -> None:
    paddings = [data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in shape]
    x = numbers(*shape)
    padded = run("PadV2", x, paddings=paddings, constant_value=7)[0]
    inner = run("Slice", padded, begin=[p[0] for p in paddings], size=shape)[0]
    np.testing.assert_array_equal(inner, x)
    assert np.sum(padded == 7) == padded.size - x.size


@fixed
@given(shapes(min_rank=1, low=1), st.data())
def test_gather_is_numpys_take(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    indices = np.array(data.draw(st.lists(st.integers(0, shape[axis] - 1), max_size=4)), np.int32)
    x = numbers(*shape)
    np.testing.assert_array_equal(run("GatherV2", x, indices, axis=axis)[0], np.take(x, indices, axis))


@fixed
@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
def test_batched_gather_gathers_in_each_batch(batch: int, outer: int, length: int, inner: int, count: int) -> None:
    x = numbers(batch, outer, length, inner)
    indices = np.random.default_rng(count).integers(0, length, (batch, count)).astype(np.int32)
    expected = np.stack([np.take(a, i, 1) for a, i in zip(x, indices, strict=True)])
    np.testing.assert_array_equal(run("GatherV2", x, indices, axis=2, batch_dims=1)[0], expected)


@fixed
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["NHWC", "NCHW"]))
def test_space_and_depth_undo_each_other(block: int, h: int, w: int, c: int, data_format: str) -> None:
    x = numbers(2, h * block, w * block, c) if data_format == "NHWC" else numbers(2, c, h * block, w * block)
    attrs = {"block_size": block, "data_format": data_format}
    np.testing.assert_array_equal(run("DepthToSpace", run("SpaceToDepth", x, **attrs)[0], **attrs)[0], x)


@fixed
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.integers(1, 3))
def test_space_and_batch_undo_each_other(b: int, d: int, before: int, h: int, w: int) -> None:
    x = numbers(2, h, w, 3)
    paddings = [(before, -(h + before) % b), (0, -w % d)]
    there = run("SpaceToBatchND", x, block_shape=[b, d], paddings=paddings)[0]
    assert there.shape[0] == 2 * b * d
    np.testing.assert_array_equal(run("BatchToSpaceND", there, block_shape=[b, d], crops=paddings)[0], x)


@fixed
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9), st.data())
def test_top_k_is_a_stable_sort(values: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(0, len(values)))
    x = np.array(values, np.float64)
    found, where = run("TopK", x, k=k)
    order = sorted(range(len(values)), key=lambda i: (-values[i], i))[:k]
    assert where.tolist() == order
    assert found.tolist() == [values[i] for i in order]


@fixed
@given(st.lists(st.integers(0, 4), max_size=9))
def test_unique_keeps_the_order_of_first_appearance(values: list[int]) -> None:
    found, where = run("Unique", np.array(values, np.int32))
    assert found.tolist() == list(dict.fromkeys(values))
    assert [found[i] for i in where] == values


# ---- resizing, suppression -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ResizeBilinear", "ResizeNearestNeighbor"])
@pytest.mark.parametrize("attrs", [{}, {"align_corners": True}, {"half_pixel_centers": True}])
def test_resizing_to_the_same_size_changes_nothing(name: str, attrs: dict[str, bool]) -> None:
    x = numbers(2, 4, 5, 3)
    np.testing.assert_array_equal(run(name, x, size=[4, 5], **attrs)[0], x)


def test_cropping_the_whole_image_is_resizing_with_aligned_corners() -> None:
    x = numbers(1, 5, 4, 2)
    crop = run("CropAndResize", x, np.array([[0, 0, 1.0, 1.0]]), np.zeros(1, np.int32), crop_size=[7, 3])[0]
    np.testing.assert_allclose(crop, run("ResizeBilinear", x, size=[7, 3], align_corners=True)[0], atol=1e-12)


def naive_suppression(boxes: np.ndarray, scores: np.ndarray, limit: int, threshold: float) -> list[int]:
    """Greedy, by the definition of overlap."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        corners = [sorted((boxes[k][0], boxes[k][2])) + sorted((boxes[k][1], boxes[k][3])) for k in (*kept, i)]
        areas = [(b[1] - b[0]) * (b[3] - b[2]) for b in corners]
        me, area = corners[-1], areas[-1]
        inner = [
            max(min(o[1], me[1]) - max(o[0], me[0]), 0) * max(min(o[3], me[3]) - max(o[2], me[2]), 0)
            for o in corners[:-1]
        ]
        if all(n / (area + a - n) < threshold for n, a in zip(inner, areas, strict=False)) and len(kept) < limit:
            kept.append(i)
    return kept


@pytest.mark.parametrize("seed", range(8))
def test_suppression_is_the_greedy_one_when_it_is_hard(seed: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, scores = rng.uniform(0, 1, (30, 4)), rng.uniform(0, 1, 30)
    found = run("NonMaxSuppressionV3", boxes, scores, max_output_size=12, iou_threshold=0.3)[0]
    assert found.tolist() == naive_suppression(boxes, scores, 12, 0.3)


# ---- normalization and running sums ----------------------------------------------------------------------------------


@fixed
@given(shapes(min_rank=1, low=1), st.data())
def test_softmax_sums_to_one_and_its_logarithm_is_log_softmax(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = numbers(*shape) * 100
    soft = run("Softmax", x, axis=axis)[0]
    np.testing.assert_allclose(soft.sum(axis=axis), 1)
    np.testing.assert_allclose(np.exp(run("LogSoftmax", x, axis=axis)[0]), soft, atol=1e-12)


@fixed
@given(shapes(min_rank=1, low=0), st.data())
def test_exclusive_and_reverse_running_sums_add_up(shape: tuple[int, ...], data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = numbers(*shape)
    forward, backward = run("Cumsum", x, axis=axis)[0], run("Cumsum", x, axis=axis, reverse=True, exclusive=True)[0]
    total = np.broadcast_to(x.sum(axis=axis, keepdims=True), x.shape)
    np.testing.assert_allclose(forward + backward, total, atol=1e-12)


@fixed
@given(shapes(min_rank=1, low=1), st.data())
def test_reductions_over_some_axes_are_numpys(shape: tuple[int, ...], data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True))
    keep = data.draw(st.booleans())
    x = numbers(*shape)
    for name, function in {"Sum": np.sum, "Mean": np.mean, "Max": np.max, "Min": np.min, "Prod": np.prod}.items():
        found = run(name, x, axis=axes, keep_dims=keep)[0]
        np.testing.assert_allclose(found, function(x, axis=tuple(axes), keepdims=keep))
