"""What is said in other ops before it is lowered, convolutions in groups, crops, and integers that are divided."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sessions import adapter_session
from support.wasm import run_nodes

from tfjslab.graph.ir import Node
from tfjslab.ops import image, registry

_many = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_small, _seeds = st.integers(1, 4), st.integers(0, 9999)


@pytest.fixture(name="session", scope="module", params=["webgpu", "webgl"])
def _session(request):
    with adapter_session(request.param) as session:
        yield session


def node(name, op, inputs, **attrs):
    return Node(name, op, tuple(inputs), registry.get(op).resolve_attrs(attrs, "test"))


def numbers(seed, *shape):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def check(session, nodes, feeds, constants=None):
    """Run without a host step, near the answer in float64; gives the commands' kernels."""
    values = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in (feeds | (constants or {})).items()}
    for n in nodes:
        (values[n.name],) = registry.get(n.op).run([values[v] for v in n.inputs], n.attrs)
    want = values[nodes[-1].name]
    found, infos = run_nodes(session, nodes, feeds, constants or {}, [nodes[-1].name])
    assert [i.reason for i in infos if i.fallback] == []
    assert found[nodes[-1].name].shape == want.shape
    np.testing.assert_allclose(found[nodes[-1].name], want, rtol=1e-5, atol=1e-5 * np.abs(want).max(initial=1))
    return [i.kernel for i in infos]


# ---- channels first --------------------------------------------------------------------------------------------------


def test_images_stay_turned_between_nodes_that_want_them_so(session):
    """Only what comes in and what goes out is transposed."""
    first = {"data_format": "NCHW", "padding": "SAME"}
    nodes = [
        node("a", "Conv2D", ("x", "w"), strides=[1, 1, 2, 1], **first),
        node("b", "DepthwiseConv2dNative", ("a", "v"), dilations=[1, 1, 2, 1], **first),
        node("c", "MaxPool", ("b",), ksize=[1, 1, 3, 2], strides=[1, 1, 1, 2], **first),
        node("y", "Conv2DBackpropInput", ("c", "u"), output_shape=[2, 3, 8, 7], strides=[1, 1, 2, 2], **first),
    ]
    constants = {"w": numbers(1, 3, 3, 5, 8), "v": numbers(2, 3, 3, 8, 1), "u": numbers(3, 3, 2, 3, 8)}
    kernels = check(session, nodes, {"x": numbers(0, 2, 5, 8, 7)}, constants)
    assert kernels == ["Transpose", "Conv2D", "DepthwiseConv2dNative", "MaxPool", "Conv2DBackpropInput", "Transpose"]


def test_a_turned_image_that_is_read_by_others_is_turned_back(session):
    nodes = [
        node("a", "Conv2D", ("x", "w"), data_format="NCHW", padding="VALID"), node("r", "Relu", ("a",)),
        node("b", "AvgPool", ("a",), ksize=[2], data_format="NCHW"), node("m", "Mean", ("b",), axis=[2, 3]),
        node("s", "Sum", ("r",), axis=[2, 3]), node("y", "Add", ("m", "s")),
    ]
    kernels = check(session, nodes, {"x": numbers(0, 1, 3, 6, 5)}, {"w": numbers(1, 2, 2, 3, 4)})
    assert kernels.count("Transpose") == 3


def test_what_is_elementwise_between_is_fused_as_it_is_with_channels_last(session):
    """Bias, residual, activation; what has a value for each column is no business of channels."""
    first = {"data_format": "NCHW", "padding": "SAME"}
    nodes = [
        node("a", "Conv2D", ("x", "w"), **first), node("b", "Add", ("a", "bias")), node("c", "Relu", ("b",)),
        node("d", "Conv2D", ("c", "v"), **first), node("e", "Add", ("d", "c")), node("f", "Multiply", ("e", "half")),
        node("y", "Sub", ("f", "columns")),
    ]
    constants = {
        "w": numbers(1, 3, 3, 5, 8), "v": numbers(2, 3, 3, 8, 8), "bias": numbers(3, 8, 1, 1),
        "half": np.full((1, 1), 0.5, np.float32), "columns": numbers(4, 7),
    }
    kernels = check(session, nodes, {"x": numbers(0, 2, 5, 8, 7)}, constants)
    assert kernels == ["Transpose", "Reshape", "Conv2D+Add+Relu", "Conv2D+Add+Multiply", "Transpose", "Sub"]


def test_padding_that_is_written_out_is_turned_too(session):
    attrs = {"data_format": "NCHW", "padding": "EXPLICIT", "explicit_paddings": [0, 0, 0, 0, 1, 2, 0, 3]}
    constants = {"w": numbers(1, 3, 3, 3, 4)}
    check(session, [node("y", "Conv2D", ("x", "w"), **attrs)], {"x": numbers(0, 1, 3, 5, 6)}, constants)


# ---- groups ----------------------------------------------------------------------------------------------------------


@_many
@given(groups=_small, cin=_small, width=st.sampled_from([1, 2, 3, 4, 8]), size=st.tuples(_small, _small),
       stride=st.tuples(_small, _small), dilation=st.integers(1, 2), padding=st.sampled_from(["SAME", "VALID"]),
       constant=st.booleans(), seed=_seeds)
def test_convolutions_in_groups(session, groups, cin, width, size, stride, dilation, padding, constant, seed):
    """Bias, residual and activation are fused."""
    attrs = {"strides": (1, *stride, 1), "dilations": [dilation], "padding": padding}
    x, w = numbers(seed, 2, 9, 8, groups * cin), numbers(seed + 1, *size, cin, groups * width)
    nodes = [node("c", "Conv2D", ("x", "w"), **attrs), node("b", "Add", ("c", "bias")), node("y", "Relu", ("b",))]
    constants = {"bias": numbers(seed, groups * width)} | ({"w": w} if constant else {})
    kernels = check(session, nodes, {"x": x} | ({} if constant else {"w": w}), constants)
    assert kernels == ["Conv2D+Add+Relu"]


def test_filters_in_groups_are_not_cut_by_columns(session):
    """Too large to be bound, each column belongs to channels of its own: the host runs it."""
    limit = session.device.max_binding
    session.device.max_binding = 16 << 10
    try:
        nodes = [node("y", "Conv2D", ("x", "w"))]
        feeds, constants = {"x": numbers(0, 1, 3, 3, 32)}, {"w": numbers(1, 3, 3, 8, 128)}
        _, infos = run_nodes(session, nodes, feeds, constants, ["y"])
    finally:
        session.device.max_binding = limit
    assert infos[0].reason.startswith("value 'w' takes ")


# ---- Einsum and products ---------------------------------------------------------------------------------------------

_LENGTHS = {"a": 2, "b": 3, "c": 4, "d": 5, "e": 1}


@pytest.mark.parametrize("equation", [
    "ab,bc->ac", "ab,cb->ca", "abc,abd->acd", "abc,dc->dab", "ab,cd->acbd", "ab,ab->", "abc,bd->dca", "ab,b->a",
    "a,a->a", "ab,bc,cd->da", "abc,d->ab", "abcd->cb", "abc->bca", "ab,ac,ad->bcd", "ae,eb->ba", "abc,cde,ea->bd",
])
def test_einsum(session, equation):
    terms = equation.partition("->")[0].split(",")
    feeds = {f"x{i}": numbers(i, *(_LENGTHS[c] for c in t)) for i, t in enumerate(terms)}
    check(session, [node("y", "Einsum", feeds, equation=equation)], feeds)


def test_a_diagonal_is_left_to_the_host(session):
    found, infos = run_nodes(session, [node("y", "Einsum", "x", equation="ii->i")], {"x": numbers(0, 3, 3)}, {}, ["y"])
    np.testing.assert_array_equal(found["y"], np.diag(numbers(0, 3, 3)))
    assert infos[0].reason == "no GPU kernel for Einsum"


@pytest.mark.parametrize(("left", "right"), [
    ((2, 1, 3, 4), (5, 4, 2)), ((5, 3, 4), (2, 1, 4, 2)), ((2, 1, 3, 4), (1, 5, 4, 2)),
])
def test_batches_that_are_broadcast_along_some_axes(session, left, right):
    nodes = [node("y", "BatchMatMul", ("x", "w"))]
    check(session, nodes, {"x": numbers(0, *left), "w": numbers(1, *right)})


@_many
@given(batch=st.integers(1, 3), m=_small, k=st.integers(0, 9), n=_small, flags=st.tuples(st.booleans(), st.booleans()),
       shared=st.booleans(), seed=_seeds)
def test_products_of_integers_and_of_nothing(session, batch, m, k, n, flags, shared, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-(2**31), 2**31, (batch, *((k, m) if flags[0] else (m, k)))).astype(np.int32)
    w = rng.integers(-9, 9, (*(() if shared else (batch,)), *((n, k) if flags[1] else (k, n)))).astype(np.int32)
    made = node("y", "BatchMatMul", ("x", "w"), transpose_a=flags[0], transpose_b=flags[1])
    (want,) = registry.get("BatchMatMul").run([x, w], made.attrs)
    found, infos = run_nodes(session, [made], {"x": x, "w": w}, {}, ["y"])
    assert [i.reason for i in infos if i.fallback] == []
    np.testing.assert_array_equal(found["y"], want)
    if k == 0:
        nodes = [made, node("z", "Add", ("y", "bias"))]
        check(session, nodes, {"x": x.astype(np.float32), "w": w.astype(np.float32)}, {"bias": numbers(seed, n)})


# ---- images ----------------------------------------------------------------------------------------------------------


@_many
@given(size=st.tuples(st.integers(1, 9), st.integers(1, 9)), crop=st.tuples(st.integers(1, 6), st.integers(1, 6)),
       channels=st.sampled_from([1, 3, 4, 8]), method=st.sampled_from(["bilinear", "nearest"]), seed=_seeds)
def test_boxes_are_cut_out(session, size, crop, channels, method, seed):
    """Pixels whose position rounding may carry over a step are left out; boxes of images that are not there are 0."""
    rng = np.random.default_rng(seed)
    boxes = rng.integers(-1, 9, (5, 4)).astype(np.float32) / 8
    which = rng.integers(-1, 3, 5).astype(np.int32)
    made = node("y", "CropAndResize", ("x", "b", "i"), crop_size=crop, method=method, extrapolation_value=7)
    x = numbers(seed, 2, *size, channels)
    (want,) = registry.get("CropAndResize").run([x, boxes, which], made.attrs)
    found, infos = run_nodes(session, [made], {"x": x, "b": boxes, "i": which}, {}, ["y"])
    assert [i.reason for i in infos if i.fallback] == []
    sure = [_sure(boxes[:, i], boxes[:, i + 2], size[i], crop[i]) for i in range(2)]
    compared = sure[0][:, :, None] & sure[1][:, None, :]
    np.testing.assert_allclose(found["y"][compared], want[compared], atol=1e-4)
    np.testing.assert_array_equal(found["y"][(which < 0) | (which > 1)], 0)


def _sure(first, last, old, new):
    """Positions that are exact, at the ends of a box, or far from the edges of pixels and of the image."""
    at = image._crop_positions(first, last, old, new)
    ends = np.isin(np.arange(new), (0, new - 1))
    return ends | (np.abs(2 * at - np.rint(2 * at)) > 1e-3)


@pytest.mark.parametrize(("lower", "upper"), [(0, 0), (1, -1), (-1, 2), (2**40, 1), (3, 2**33)])
def test_diagonals_are_kept(session, lower, upper):
    check(session, [node("y", "MatrixBandPart", "x", num_lower=lower, num_upper=upper)], {"x": numbers(0, 2, 5, 7)})


@pytest.mark.parametrize("radius", [0, 1, 5, 2**40])
def test_local_response_of_any_radius(session, radius):
    attrs = {"depth_radius": radius, "bias": 0.5, "alpha": 0.3, "beta": 0.75}
    check(session, [node("y", "LRN", "x", **attrs)], {"x": numbers(0, 1, 3, 4, 6)})


def test_a_negative_radius_is_left_to_the_host(session):
    made = node("y", "LRN", "x", depth_radius=-1, bias=4.0)
    found, infos = run_nodes(session, [made], {"x": numbers(0, 1, 2, 2, 6)}, {}, ["y"])
    np.testing.assert_allclose(found["y"], numbers(0, 1, 2, 2, 6) / 2, rtol=1e-6)
    assert infos[0].reason == "no GPU kernel for a depth_radius of -1"


# ---- integers --------------------------------------------------------------------------------------------------------

_EDGES = [0, 1, -1, 2, -2, 3, 7, -7, 2**31 - 1, -(2**31), 65536, -65537]


@pytest.mark.parametrize("op", ["RealDiv", "FloorDiv", "Mod"])
def test_integers_are_divided_as_the_reference_does(session, op):
    """Rounded down; 0 where it is by 0; the one quotient that is too large wraps."""
    x, y = (a.reshape(-1).astype(np.int32) for a in np.meshgrid(_EDGES, _EDGES))
    made = node("y", op, ("a", "b"))
    with np.errstate(all="ignore"):
        (want,) = registry.get(op).run([x, y], made.attrs)
    found, infos = run_nodes(session, [made], {"a": x, "b": y}, {}, ["y"])
    assert [i.reason for i in infos if i.fallback] == []
    np.testing.assert_array_equal(found["y"], want)


def test_powers_of_integers(session):
    """Exact where float64 holds them; the fraction of negative powers is cut off."""
    x, y = (a.reshape(-1).astype(np.int32) for a in np.meshgrid([0, 1, -1, 2, -2, 3, 10, -11], [0, 1, 2, 3, 9, -1, -2]))
    keep = (x != 0) | (y >= 0)
    feeds = {"a": x[keep], "b": y[keep]}
    found, infos = run_nodes(session, [node("y", "Pow", ("a", "b"))], feeds, {}, ["y"])
    assert [i.reason for i in infos if i.fallback] == []
    (want,) = registry.get("Pow").run(list(feeds.values()), {})
    np.testing.assert_array_equal(found["y"], want)


def test_bits_of_integers(session):
    feeds = {"a": np.array([_EDGES]).astype(np.int32), "b": np.array([_EDGES]).T.astype(np.int32)}
    found, _ = run_nodes(session, [node("y", "BitwiseAnd", ("a", "b"))], feeds, {}, ["y"])
    np.testing.assert_array_equal(found["y"], feeds["a"] & feeds["b"])
