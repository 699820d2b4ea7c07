"""Integers and truth values in elementwise kernels: bit for bit what the reference computes, without the host."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from support.wasm import run_nodes

from tfjslab.backends.wasm.backend import create
from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_SPECIAL = {
    "float32": [
        0.0, -0.0, 1.0, -1.5, np.nan, np.inf, -np.inf, 1e-40, 2.0**31, -(2.0**31), 2.0**31 + 256, 2.0**32 - 256,
        2.0**32, -(2.0**32) - 512, 2.0**63, 3e38, -3e38, 2147483520.0, -0.99, 16777217.0,
    ],
    "int32": [0, 1, -1, 2**31 - 1, -(2**31), 65536, -65537, 46341, 16777217, 2**31 - 64],
    "bool": [False, True],
}
_NUMPY = {"float32": np.float32, "int32": np.int32, "bool": np.bool_}
_NUMBERS, _ALL = ("float32", "int32"), ("float32", "int32", "bool")
# (op, dtypes of its inputs)
_OPS = [
    *[(op, (t, t)) for t in _NUMBERS for op in (
        "Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "Add", "Sub", "Multiply",
        "SquaredDifference",
    )],
    *[(op, ("int32", "int32")) for op in (
        "Maximum", "Minimum", "RealDiv", "FloorDiv", "Mod", "Pow", "BitwiseAnd",
    )],
    *[(op, ("int32",)) for op in ("Neg", "Abs", "Square", "Sign", "Relu", "Relu6", "ClipByValue")],
    *[(op, ("float32",)) for op in ("Neg", "Abs", "IsNan", "IsInf", "IsFinite")],
    *[(op, ("bool", "bool")) for op in ("LogicalAnd", "LogicalOr", "LogicalXor", "Equal", "NotEqual")],
    ("LogicalNot", ("bool",)), ("AddN", ("int32", "int32", "int32")),
    *[("SelectV2", ("bool", t, t)) for t in _ALL],
    *[(op, (t,)) for t in _ALL for op in ("ZerosLike", "OnesLike", "Identity", "Reshape")],
]


@pytest.fixture(name="session", params=["plain", "simd", "threads"])
def _session(request):
    backend = create(request.param, 2)
    yield backend.open_session()
    backend.dispose()


def _random(rng, shape, dtype):
    """Ordinary values and, in every third place, special ones."""
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(np.bool_)
    plain = rng.integers(-5, 6, shape) * (0.5 if dtype == "float32" else 1)
    special = rng.choice(np.array(_SPECIAL[dtype], _NUMPY[dtype]), shape)
    return np.asarray(np.where(rng.integers(0, 3, shape) == 0, special, plain)).astype(_NUMPY[dtype])


def _node(name, op, inputs, **attrs):
    return Node(name, op, inputs, registry.get(op).resolve_attrs(attrs, "test"))


def _expected(nodes, values):
    """All values, by the reference in float32."""
    found = dict(values)
    with np.errstate(all="ignore"):
        for n in nodes:
            (found[n.name],) = registry.get(n.op).run([found[v] for v in n.inputs], n.attrs)
    return found


def _assert_bits(found, want, what):
    assert (found.dtype, found.shape) == (want.dtype, want.shape), what
    if want.dtype == np.float32:
        assert np.array_equal(np.isnan(found), np.isnan(want)), what
        found, want = (np.where(np.isnan(a), np.float32(0), a).view(np.int32) for a in (found, want))
    elif want.dtype == np.bool_:
        assert found.view(np.uint8).max(initial=0) <= 1, what
    np.testing.assert_array_equal(found, want, str(what))


def _check(session, nodes, feeds, outputs, constants=None):
    """Run without a host step; gives what the commands are."""
    want = _expected(nodes, feeds | (constants or {}))
    ran, infos = run_nodes(session, nodes, feeds, constants or {}, outputs)
    assert [i.reason for i in infos if i.fallback] == []
    for name in outputs:
        _assert_bits(ran[name], want[name], (name, [v.shape for v in feeds.values()]))
    return [i.kernel for i in infos]


def _some_shape(rng):
    return tuple(int(n) for n in rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 13, 33, 70], rng.integers(0, 4), p=[
        0.02, *[0.098] * 10,
    ]))


def _broadcast_to(rng, out):
    """A shape that broadcasts to ``out``: some axes of length 1, some leading ones missing."""
    kept = tuple(d if rng.integers(0, 2) else 1 for d in out)
    return kept[int(rng.integers(0, len(out) + 1)) if rng.integers(0, 3) == 0 else 0 :]


@pytest.mark.parametrize(("op", "dtypes"), _OPS, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_each_op_over_random_shapes(session, op, dtypes):
    """Whole operands, broadcast over any axis, constant ones; the smallest shapes are empty and scalar."""
    rng = np.random.default_rng(len(op))
    for turn in range(6):
        out = _some_shape(rng)
        shapes = [_broadcast_to(rng, out) if turn % 2 and op != "AddN" else out for _ in dtypes]
        values = {f"x{i}": _random(rng, s, t) for i, (s, t) in enumerate(zip(shapes, dtypes, strict=True))}
        constants = {k: v for k, v in values.items() if turn >= 4 and k != "x1"} if len(values) > 1 else {}
        feeds = {k: v for k, v in values.items() if k not in constants}
        attrs = {"shape": (-1,)} if op == "Reshape" else {}
        if op == "Reshape" and 0 in out:
            continue
        _check(session, [_node("y", op, tuple(values), **attrs)], feeds, ["y"], constants)


# Masks, integers and floats in one loop and across loops; every value of it is an output in one of the runs.
_CHAIN = (
    _node("less", "Less", ("f", "g")), _node("sum", "Add", ("i", "j")), _node("large", "Greater", ("sum", "i")),
    _node("both", "LogicalAnd", ("less", "large")), _node("either", "LogicalXor", ("both", "b")),
    _node("ints", "SelectV2", ("either", "sum", "j")), _node("floats", "SelectV2", ("either", "f", "g")),
    _node("truths", "SelectV2", ("less", "b", "either")), _node("cast", "Cast", ("ints",), dtype="float32"),
    _node("scaled", "Multiply", ("cast", "floats")), _node("mask", "Cast", ("truths",), dtype="float32"),
    _node("kept", "Multiply", ("mask", "g")),
)
_ENDS = (["kept", "scaled"], [n.name for n in _CHAIN])


@pytest.mark.parametrize("n", range(71))
def test_a_chain_over_all_types_at_every_length(session, n):
    rng = np.random.default_rng(n)
    dtypes = {"f": "float32", "g": "float32", "i": "int32", "j": "int32", "b": "bool"}
    shape = (n,) if n % 2 else (3, n)
    feeds = {k: _random(rng, shape if k in "fib" or n % 3 else (1,) * len(shape), t) for k, t in dtypes.items()}
    for outputs in _ENDS:
        _check(session, _CHAIN, feeds, outputs)


def test_what_is_written_is_nothing_but_the_output(session):
    """Threads share a long loop, and its bytes lie side by side; a second output follows at once."""
    rng = np.random.default_rng(0)
    feeds = {"f": _random(rng, (3, 70_001), "float32"), "g": _random(rng, (70_001,), "float32")}
    nodes = [_node("less", "Less", ("f", "g")), _node("not", "LogicalNot", ("less",)), _node("nan", "IsNan", ("f",))]
    _check(session, nodes, feeds, ["less", "not", "nan"])


@pytest.mark.parametrize("source", _ALL)
@pytest.mark.parametrize("target", _ALL)
def test_casts(session, source, target):
    """Every special value, and random bits: JavaScript's rule for floats that int32 does not hold."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 4099, dtype=np.uint32)
    x = bits % 2 == 0 if source == "bool" else bits.view(_NUMPY[source])
    x = np.concatenate([np.array(_SPECIAL[source], _NUMPY[source]), x])
    _check(session, [_node("y", "Cast", ("x",), dtype=target)], {"x": x}, ["y"])


@pytest.mark.parametrize("dtype", _ALL)
def test_select_chooses_whole_rows(session, dtype):
    rng = np.random.default_rng(0)
    for rows, condition in ((5, (5,)), (5, ()), (5, (5, 1, 1)), (1, (1,))):
        feeds = {"c": _random(rng, condition, "bool"), **{k: _random(rng, (rows, 3, 7), dtype) for k in "xy"}}
        _check(session, [_node("y0", "Select", ("c", "x", "y"))], feeds, ["y0"])


@pytest.mark.parametrize("source", _ALL)
@pytest.mark.parametrize("target", [*_ALL, None])
@pytest.mark.parametrize("dims", [(), (1,), (5, 7), (0, 3), (70,)], ids=str)
def test_fill(session, source, target, dims):
    for value in _SPECIAL[source]:
        if target in (None, source) or np.isfinite(value):
            feeds = {"x": np.array(value, _NUMPY[source])}
            if source == "float32" and target == "int32" and abs(value) >= 2**31:
                continue  # the reference is numpy's, which does not say what it makes of these
            _check(session, [_node("y", "Fill", ("x",), dims=dims, dtype=target)], feeds, ["y"])


@pytest.mark.parametrize("op", ["Zeros", "Ones"])
@pytest.mark.parametrize("dtype", _ALL)
def test_large_constants_of_every_type(session, op, dtype):
    """Small ones are folded."""
    _check(session, [_node("y", op, (), shape=(301, 303), dtype=dtype)], {}, ["y"])


@pytest.mark.parametrize("value", [0, 1, 0.5, 300, np.nan])
def test_truth_values_are_padded_and_joined(session, value):
    """Everything but 0 is true."""
    feeds = {"x": np.arange(35).reshape(5, 7) % 3 == 0, "z": np.ones((5, 1), np.bool_)}
    nodes = [
        _node("p", "PadV2", ("x",), paddings=((1, 2), (0, 3)), constant_value=value),
        _node("j", "Concat", ("z", "x", "z"), axis=1), _node("e", "ExpandDims", ("j",), axis=0),
    ]
    _check(session, nodes, feeds, ["p", "j", "e"])


def test_integers_with_a_bound_that_is_none_are_left_to_the_host(session):
    x = np.arange(1, 7, dtype=np.int32)
    node = _node("y", "ClipByValue", ("x",), clip_value_max=2.5)
    found, (info,) = run_nodes(session, [node], {"x": x}, {}, ["y"])
    assert info.reason == "no WebAssembly kernel for fraction of int32"
    _assert_bits(found["y"], _expected([node], {"x": x})["y"], "y")


def _convolution():
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-2, 3, s).astype(np.float32) for s in ((1, 7, 6, 4), (1, 1, 4, 8)))
    return _node("c", "Conv2D", ("x", "w"), padding="SAME"), {"x": x}, {"w": w}


@pytest.mark.parametrize("op", ["IsNan", "Greater"])
def test_truth_values_are_no_epilogue(session, op):
    """A convolution writes floats, whatever follows it."""
    conv, feeds, constants = _convolution()
    constants["zero"] = np.zeros(1, np.float32)
    nodes = [conv, _node("y", op, ("c", "zero")[: 1 + (op == "Greater")])]
    assert _check(session, nodes, feeds, ["y"], constants) == ["Conv2D", op]


def test_a_condition_of_floats_inside_an_epilogue(session):
    """Masks that only live in lanes do no harm there, but truth values from memory do."""
    conv, feeds, constants = _convolution()
    constants |= {"low": np.zeros(8, np.float32), "b": np.arange(8) % 2 == 0}
    inside = [conv, _node("m", "Greater", ("c", "low")), _node("y", "SelectV2", ("m", "c", "low"))]
    beside = [conv, _node("y", "SelectV2", ("b", "c", "low"))]
    assert _check(session, inside, feeds, ["y"], constants) == ["Conv2D+Greater+SelectV2", "Transpose"]
    assert _check(session, beside, feeds, ["y"], constants) == ["Conv2D", "SelectV2"]


def test_what_is_one_loop(session):
    """Comparison and choice; a cast and the floats behind it."""
    rng = np.random.default_rng(0)
    feeds = {k: _random(rng, (4, 9), t) for k, t in (("f", "float32"), ("g", "float32"), ("i", "int32"))}
    one = [_node("m", "Less", ("f", "g")), _node("y", "SelectV2", ("m", "f", "g"))]
    two = [_node("m", "Cast", ("i",), dtype="bool"), _node("y", "SelectV2", ("m", "f", "g"))]
    three = [_node("m", "Cast", ("i",), dtype="float32"), _node("a", "Add", ("m", "f")), _node("y", "Sub", ("a", "g"))]
    four = [_node("m", "Cast", ("f",), dtype="float32"), _node("y", "Neg", ("m",))]
    for nodes in (one, two, three, four):
        kernel = "+".join(n.op for n in nodes)
        assert _check(session, nodes, feeds, ["y"]) == [kernel]


def test_scalar_constants_of_every_type(session):
    """They are folded into the expression: as masks, integers or floats, whatever is wanted there."""
    rng = np.random.default_rng(0)
    feeds = {"b": _random(rng, (11,), "bool"), "i": _random(rng, (11,), "int32"), "f": _random(rng, (11,), "float32")}
    constants = {"yes": np.array(True), "low": np.array(-(2**31), np.int32), "odd": np.array(16777217, np.int32)}  # noqa: FBT003
    nodes = [
        _node("y0", "LogicalAnd", ("b", "yes")), _node("y1", "Sub", ("i", "odd")), _node("y2", "Equal", ("i", "low")),
        _node("y3", "SelectV2", ("yes", "f", "f")), _node("y4", "SelectV2", ("b", "low", "i")),
        _node("s", "Add", ("low", "odd")), _node("y5", "Maximum", ("s", "i")), _node("y6", "NotEqual", ("b", "yes")),
    ]
    _check(session, nodes, feeds, [f"y{i}" for i in range(7)], constants)


def test_large_integer_constants_wrap_too(session):
    """Sums of constants that are too large to be folded while the graph is prepared."""
    big = np.full(3001, 2**31 - 1, np.int32)
    nodes = [_node("s", "Add", ("big", "big")), _node("y", "Sub", ("x", "s"))]
    _check(session, nodes, {"x": np.arange(3001, dtype=np.int32)}, ["y"], {"big": big})


@pytest.mark.parametrize(("op", "dtype", "count"), [
    ("Abs", "int32", 40), ("Mod", "int32", 12), ("FloorDiv", "int32", 12), ("Pow", "int32", 12),
    ("LeakyRelu", "float32", 40),
])
def test_a_long_chain_whose_parts_are_shared_is_one_loop(session, op, dtype, count):
    """Written out as a tree, its expression would double or more with each op."""
    names = ("x", *(f"n{i}" for i in range(count)))
    inputs = len(registry.get(op).inputs)
    nodes = [_node(b, op, (a, "y")[:inputs]) for a, b in pairwise(names)]
    feeds = {"x": np.arange(-9, 10).astype(dtype), "y": (np.arange(19) % 7 - 3).astype(dtype)}
    assert len(_check(session, nodes, {k: feeds[k] for k in ("x", "y")[:inputs]}, [names[-1]])) == 1


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 5, 31, -1, -2, 2**31 - 1, -(2**31)])
def test_powers_of_integers_with_a_known_exponent(session, exponent):
    feeds = {"x": np.array([*_SPECIAL["int32"], 3, -3, 7], np.int32)}
    _check(session, [_node("n", "Pow", ("x", "y"))], feeds, ["n"], {"y": np.array(exponent, np.int32)})
