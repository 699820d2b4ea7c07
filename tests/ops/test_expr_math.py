"""The definitions of derived primitives, run with numpy in float32, against numpy in float64."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

from tfjslab.ops import expr as ex
from tfjslab.ops.expr import Expr, X, Y, prim
from tfjslab.ops.expr_math import DEFINITIONS, exp_of_share, expand

BASIC = {
    *("add", "sub", "mul", "div", "neg", "abs", "sqrt", "min", "max", "floor", "ceil", "nearest", "trunc"),
    *("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "select", "scale2", "exponent", "mantissa", "bitand"),
    *("turned", "far_sin", "far_cos", "far_tan"),
}
SPECIAL = np.array([0, np.inf, -np.inf, np.nan, 1, -1, 0.5, 2, -2, -200, 100, 1e-40, 1e30], np.float32)


def even(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 100_001).astype(np.float32)


def scales(low: float, high: float) -> np.ndarray:
    a = np.geomspace(low, high, 50_001).astype(np.float32)
    return np.concatenate([a, -a])


UNARY = {
    "exp": [even(-87, 88.7)], "expm1": [even(-30, 88.7), scales(1e-30, 1)], "tanh": [even(-12, 12), scales(1e-30, 1)],
    "expm1_negative": [even(-88, 0), -np.abs(scales(1e-30, 1))],
    "sigmoid": [even(-87, 87), scales(1e-30, 1)],
    "sinh": [even(-89, 89), scales(1e-30, 1)], "cosh": [even(-89, 89)],
    "log": [np.abs(scales(1e-44, 3e38)), even(0.5, 2)],
    "log1p": [even(-0.99999, 10), scales(1e-30, 0.9), np.abs(scales(1, 3e38))],
    "asinh": [scales(1e-30, 3e38)], "acosh": [even(1, 3), np.abs(scales(1, 3e38))],
    "atanh": [even(-0.999999, 0.999999), scales(1e-20, 0.9)],
    "sin": [even(-10, 10), scales(1e-30, 3.4e38)], "cos": [even(-10, 10), scales(1e-30, 3.4e38)],
    "tan": [even(-10, 10), scales(1e3, 3.4e38)],
    "asin": [even(-1, 1), scales(1e-20, 1)], "acos": [even(-1, 1)], "atan": [even(-4, 4), scales(1e-30, 1e30)],
    "erf": [even(-6, 6), scales(1e-30, 1)],
}


def run(e: Expr, *inputs: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        out = np.asarray(ex.evaluate(e, inputs, {}))
    assert out.dtype in (np.float32, np.bool_)
    return out


def exact(name: str, *inputs: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(ex.PRIMS[name].numpy(*(a.astype(np.float64) for a in inputs)))


def test_every_primitive_is_basic_or_defined_by_basic_ones() -> None:
    assert set(ex.PRIMS) - BASIC == set(DEFINITIONS)
    for name, definition in DEFINITIONS.items():
        assert {x.op for x in ex.nodes(expand(definition))} <= BASIC | {"in", "const"}, name


@pytest.mark.parametrize("name", UNARY)
def test_unary_definition_is_within_a_few_ulp(name: str) -> None:
    for x in UNARY[name]:
        found, true = run(expand(DEFINITIONS[name]), x), exact(name, x)
        error = np.abs(found - true) / np.maximum(np.abs(true), 2.0**-126)
        assert error[np.abs(true) > 2.0**-126].max() < 3e-7


@pytest.mark.parametrize("name", [n for n in DEFINITIONS if ex.num_inputs(DEFINITIONS[n]) == 1])
def test_unary_definition_is_right_at_special_values(name: str) -> None:
    x = np.concatenate([SPECIAL, [-0.0]]) if name in ("sin", "cos", "tan") else SPECIAL
    if name.endswith("_negative"):
        x = x[~(x > 0)]
    x = x.astype(np.float32)
    with np.errstate(all="ignore"):
        true = exact(name, x).astype(np.float32)
    np.testing.assert_allclose(run(expand(DEFINITIONS[name]), x), true, rtol=3e-7, atol=2e-40)


@pytest.mark.parametrize("name", [n for n in DEFINITIONS if ex.num_inputs(DEFINITIONS[n]) == 2])
def test_binary_definition_is_right_at_special_values(name: str) -> None:
    values = np.array([0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, np.inf, -np.inf, np.nan, 1e5, -1e5], np.float32)
    x, y = (a.ravel() for a in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        true = ex.PRIMS[name].numpy(x, y)
    np.testing.assert_allclose(run(expand(DEFINITIONS[name]), x, y), true, rtol=3e-7)


def test_atan2_tells_minus_zero() -> None:
    y, x = np.array([0, -0.0, 0, -0.0], np.float32), np.array([0, 0, -0.0, -0.0], np.float32)
    np.testing.assert_array_equal(run(expand(DEFINITIONS["atan2"]), y, x), np.arctan2(y, x))


@pytest.mark.parametrize("base_spread", [80.0, 1.0, 1e-2, 1e-5])
def test_pow_is_within_a_few_ulp_up_to_overflow_and_underflow(base_spread: float) -> None:
    rng = np.random.default_rng(1)
    x = np.exp(rng.uniform(-base_spread, base_spread, 100_000)).astype(np.float32)
    y = (rng.uniform(-120, 120, 100_000) / base_spread).astype(np.float32)
    found, true = run(expand(DEFINITIONS["pow"]), x, y), exact("pow", x, y)
    normal = (true > 1.2e-38) & (true < 3.4e38)
    assert (np.abs(found - true) / true)[normal].max() < 5e-7
    assert np.all(found[true < 1.1e-38] == 0)
    assert np.all(np.isinf(found[true > 3.5e38]))


@pytest.mark.parametrize("name", ["floormod", "truncmod"])
def test_remainders_are_exact_up_to_quotients_of_2_to_the_24(name: str) -> None:
    rng = np.random.default_rng(2)
    x, y = (rng.uniform(-s, s, 100_000).astype(np.float32) for s in (1e4, 10))
    y[np.abs(y) < 1e-2] = 1
    assert np.abs(run(expand(DEFINITIONS[name]), x, y) - exact(name, x, y)).max() < 1e-6


def test_overflow_underflow_and_poles() -> None:
    def at(name: str, value: float) -> float:
        return float(run(expand(DEFINITIONS[name]), np.array([value], np.float32))[0])

    assert at("exp", -200) == 0
    assert at("exp", 100) == math.inf
    assert at("exp", 88.72) == pytest.approx(math.exp(np.float32(88.72)), rel=1e-6)
    assert at("log", 0) == -math.inf
    assert math.isnan(at("log", -1))
    assert at("exp", 0) == 1
    assert at("tanh", 20) == 1


def test_exp_of_a_share_is_as_exact_as_a_share_of_a_sum_can_be() -> None:
    x = np.concatenate([even(-20, 0), even(-200, -20)])
    found = run(expand(exp_of_share(X)), x)
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=0, atol=3e-7)
    assert np.all(found[x < -88] < 2.0**-126)
    assert found[x == 0] == 1


def test_native_primitives_are_kept() -> None:
    e = expand(prim("sinh", X), frozenset({"exp"}))
    ops = {x.op for x in ex.nodes(e)}
    assert "exp" in ops
    assert "scale2" not in ops
    assert expand(prim("exp", X), frozenset({"exp"})) is prim("exp", X)


def test_equal_expressions_are_one_object_also_after_copies() -> None:
    e = prim("max", X * 2 + Y, 0)
    assert prim("max", X * 2 + Y, 0) is e
    assert copy.deepcopy(e) is e
    assert pickle.loads(pickle.dumps(e)) is e  # noqa: S301 - its own bytes
    assert prim("add", X, 0.0) is not prim("add", X, -0.0)
    assert prim("add", X, math.nan) is prim("add", X, float("nan"))


def test_deep_chains_of_shared_subtrees_take_no_exponential_time() -> None:
    e = X
    for _ in range(200):
        e = e * 0.5 + e * 0.5
    np.testing.assert_array_equal(run(expand(e), np.ones(3, np.float32)), np.ones(3))
    assert ex.substitute(e, [X], {}) is e
