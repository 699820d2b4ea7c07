"""Definitions of the derived primitives (exp, log, sin, pow, erf, ...) by the basic ones, for targets that lack them.

``expand`` replaces every derived primitive that the target does not have. All arithmetic is meant for float32: results
are within a few ulp, right at zero, infinities, NaN, overflow and underflow, except that

* results below the smallest normal number (1.2e-38) are flushed to 0 by exp and pow,
* remainders are exact up to quotients of 2**24,
* -0 counts as 0 in pow.

The coefficients are fitted when the module is loaded, at Chebyshev points and in float64, so that a degree or an
interval is changed in one place. Range reductions are the classical ones (Cody and Waite, "Software Manual for the
Elementary Functions"; Dekker's products in two parts for pow and the remainders).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from tfjslab.ops.expr import Expr, X, Y, prim, substitute, transform
from tfjslab.ops.special import erf

_INF = Expr("const", leaf=math.inf)
_NAN = Expr("const", leaf=math.nan)
_LN2 = math.log(2)
_MIN_NORMAL = 2.0**-126


# ---- fitting and small helpers ---------------------------------------------------------------------------------------


def _fit(f: Callable[[Any], Any], degree: int, low: float, high: float) -> list[float]:
    """Coefficients, lowest first, of the polynomial through ``f`` at Chebyshev points: within a hair of minimax.

    The number of points is made even so that none falls on the middle, where ``f`` may be 0/0.
    """
    fitted: Any = np.polynomial.Chebyshev.interpolate(f, degree + (degree + 1) % 2, [low, high])
    cut: Any = fitted.truncate(degree + 1).convert(kind=np.polynomial.Polynomial)
    return [float(c) for c in cut.coef]


def _fit_squares(f: Callable[[Any], Any], degree: int, high: float) -> list[float]:
    """Like ``_fit`` for a function of z = x * x, given as a function of x, on x in (0, high]."""
    return _fit(lambda z: f(np.sqrt(z)), degree, 0.0, high * high)


def _horner(coefficients: Sequence[float], t: Expr) -> Expr:
    out: Expr | float = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        out = out * t + c
    return prim("add", out, 0.0) if isinstance(out, float) else out


def _estrin(coefficients: Sequence[float], t: Expr) -> Expr:
    """The same polynomial by pairs, pairs of pairs, and so on.

    That is a product more and half the steps that wait for each other, which is what limits a loop of long expressions.
    It is for small t, where sums lose little by another order.
    """
    terms: list[Expr | float] = list(coefficients)
    while len(terms) > 1:
        pairs = [terms[i + 1] * t + terms[i] for i in range(0, len(terms) - 1, 2)]
        terms, t = [*pairs, *terms[2 * len(pairs) :]], t * t
    return prim("add", terms[0], 0.0) if isinstance(terms[0], float) else terms[0]


def _split(value: float, *bits: int) -> list[float]:
    """Cut a constant into parts of so many bits each, and the rest."""
    parts = []
    for b in bits:
        m, e = math.frexp(value)
        parts.append(math.ldexp(round(m * 2**b), e - b))
        value -= parts[-1]
    return [*parts, value]


def _select(condition: Expr, yes: Expr | float, no: Expr | float) -> Expr:
    return prim("select", condition, yes, no)


def _abs(x: Expr) -> Expr:
    return prim("abs", x)


def _signed(x: Expr, magnitude: Expr) -> Expr:
    """``magnitude`` with the sign of x."""
    return _select(prim("lt", x, 0), -magnitude, magnitude)


def _high(x: Expr) -> Expr:
    """The upper half of the bits of x (Veltkamp), so that products of halves are exact."""
    big = x * 4097.0
    return big - (big - x)


def _product(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Give a * b exactly, as rounded product and its error (Dekker)."""
    p, ah, bh = a * b, _high(a), _high(b)
    al, bl = a - ah, b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def _sum(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    """Give a + b as rounded sum and its error, for |a| >= |b| or a = 0."""
    s = a + b
    return s, b - (s - a)


# ---- exponential family ----------------------------------------------------------------------------------------------

_LN2_HIGH, _LN2_LOW = _split(_LN2, 10)
_EXPM1_BY_R = _fit(lambda r: np.expm1(r) / r, 5, -_LN2 / 2 - 1e-3, _LN2 / 2 + 1e-3)
_EXP2M1_BY_R = _fit(lambda r: np.expm1(r * _LN2) / r, 5, -0.501, 0.501)
_SHORT_EXP2M1_BY_R = _fit(lambda r: np.expm1(r * _LN2) / r, 4, -0.501, 0.501)
_OVERFLOW, _UNDERFLOW = 88.8, math.log(_MIN_NORMAL)


def _reduce_exp(x: Expr) -> tuple[Expr, Expr]:
    """Find n and r with x = n ln 2 + r, |r| <= ln 2 / 2; the product n * _LN2_HIGH is exact."""
    n = prim("nearest", x * (1 / _LN2))
    return n, (x - n * _LN2_HIGH) - n * _LN2_LOW


def _scaled(doubled: Expr, n: Expr) -> Expr:
    """Half of that times 2**n, by way of 2**(n-1), because n reaches 128 where 2**n is not a number yet."""
    return prim("scale2", doubled, n - 1)


def _exp(x: Expr) -> Expr:
    n, r = _reduce_exp(prim("min", x, _OVERFLOW))
    # The 2 is added last, so that it is rounded once: other functions take squares of this one.
    return _select(prim("lt", x, _UNDERFLOW), 0.0, _scaled(r * _estrin([2 * c for c in _EXPM1_BY_R], r) + 2, n))


def _sigmoid(x: Expr) -> Expr:
    # 1 / (1 + exp(-x)): the sign goes into constants, and what exp is far below 1 does not matter.
    x = prim("max", prim("min", x, -_UNDERFLOW), -_OVERFLOW)
    n = prim("nearest", x * (-1 / _LN2))
    r = (x + n * _LN2_HIGH) + n * _LN2_LOW
    doubled = [2.0, *(2 * c * (-1) ** (i + 1) for i, c in enumerate(_EXPM1_BY_R))]
    return 1 / (1 + _scaled(_estrin(doubled, r), n))


def exp_of_share(x: Expr) -> Expr:
    """Exp for x <= 0, exact to a few ulp of 1 and not of the result: what a share of a sum needs. Far below it is 0."""
    t = prim("max", x * (1 / _LN2), -127.0)  # 2**-127 is written as 0
    n = prim("nearest", t)
    return prim("scale2", _estrin([1.0, *_SHORT_EXP2M1_BY_R], t - n), n)


def _expm1_within(x: Expr) -> Expr:
    """expm1 between -30 and the overflow."""
    n, r = _reduce_exp(x)
    # 2**n (p + 1) - 1 as twice half * p + (half - 1/2): exact at n = 0, and no cancellation elsewhere.
    half = prim("scale2", 1.0, n - 1)
    return (half * (r * _estrin(_EXPM1_BY_R, r)) + (half - 0.5)) * 2


def _expm1(x: Expr) -> Expr:
    return _expm1_within(prim("max", prim("min", x, _OVERFLOW), -30.0))


def _expm1_negative(x: Expr) -> Expr:
    """expm1 for x <= 0, where one step reduces well enough: what it leaves is small beside a result that goes to -1."""
    t = prim("max", x * (1 / _LN2), -26.0)  # 2**-26 is nothing beside 1
    n = prim("nearest", t)
    r, power = t - n, prim("scale2", 1.0, n)
    return power * (r * _estrin(_EXP2M1_BY_R, r)) + (power - 1)


def _tanh(x: Expr) -> Expr:
    t = _expm1_within(prim("max", prim("min", x, 10.0), -10.0) * 2)
    return t / (t + 2)


_SINH_BY_X = _fit_squares(lambda x: np.sinh(x) / x, 3, 1.0)


def _halves_of_exp(x: Expr) -> tuple[Expr, Expr]:
    """exp(|x|)/2 and exp(-|x|)/2, by the square of exp(|x|/2), which does not overflow before the result does."""
    w = prim("exp", _abs(x) * 0.5)
    return (w * 0.5) * w, (0.5 / w) / w


def _sinh(x: Expr) -> Expr:
    up, down = _halves_of_exp(x)
    return _select(prim("lt", _abs(x), 1), x * _horner(_SINH_BY_X, x * x), _signed(x, up - down))


def _cosh(x: Expr) -> Expr:
    up, down = _halves_of_exp(x)
    return up + down


# ---- logarithm family ------------------------------------------------------------------------------------------------

# log((1 + s) / (1 - s)) = 2 s + s * z * poly(z), z = s * s, on the s that mantissas in [sqrt(1/2), sqrt(2)] give.
_S_MAX = (math.sqrt(2) - 1) / (math.sqrt(2) + 1)
_LOG_BY_S = _fit_squares(lambda s: (2 * np.arctanh(s) - 2 * s) / s**3, 3, _S_MAX)


def _frexp(x: Expr) -> tuple[Expr, Expr]:
    """Find e and f with x = (1 + f) * 2**e, 1 + f in [sqrt(1/2), sqrt(2)), for x > 0 subnormal numbers included."""
    small = prim("lt", x, _MIN_NORMAL)
    scaled = _select(small, x * 2.0**24, x)
    e, m = prim("exponent", scaled) - _select(small, 24.0, 0.0), prim("mantissa", scaled)
    large = prim("gt", m, math.sqrt(2))
    return _select(large, e + 1, e), _select(large, m * 0.5, m) - 1


def _log(x: Expr) -> Expr:
    e, f = _frexp(x)
    s = f / (f + 2)
    z = s * s
    half_square = f * f * 0.5
    tail = s * (half_square + z * _horner(_LOG_BY_S, z)) + e * _LN2_LOW
    body = e * _LN2_HIGH + (f - (half_square - tail))
    outside = _select(prim("eq", x, 0), -math.inf, _NAN)
    return _select(prim("gt", x, 0), _select(prim("eq", x, _INF), _INF, body), outside)


def _log1p(x: Expr) -> Expr:
    # The rounding of 1 + x is made good by the factor x / (u - 1) (Kahan).
    u = x + 1
    body = prim("log", u) * (x / (u - 1))
    return _select(prim("eq", u, 1), x, _select(prim("eq", u, _INF), _INF, body))


_SQUARE_SAFE = 1e8  # beyond it sqrt(x * x + 1) is x, and x * x would overflow later


def _asinh(x: Expr) -> Expr:
    a = _abs(x)
    big = prim("gt", a, _SQUARE_SAFE)
    near = a + a * a / (prim("sqrt", a * a + 1) + 1)
    return _signed(x, prim("log1p", _select(big, a, near)) + _select(big, _LN2, 0.0))


def _acosh(x: Expr) -> Expr:
    t = x - 1
    big = prim("gt", t, _SQUARE_SAFE)
    near = t + prim("sqrt", t * (t + 2))
    value = prim("log1p", _select(big, t, near)) + _select(big, _LN2, 0.0)
    return _select(prim("lt", x, 1), _NAN, value)


def _atanh(x: Expr) -> Expr:
    a = _abs(x)
    return _signed(x, prim("log1p", a * 2 / (1 - a)) * 0.5)


# ---- trigonometry ----------------------------------------------------------------------------------------------------

_PI, _HALF_PI = _split(math.pi, 11, 11), _split(math.pi / 2, 11, 11)
_SIN_BY_WIDE_R = _fit_squares(lambda r: (np.sin(r) - r) / r**3, 4, math.pi / 2 + 1e-3)
_SIN_BY_R = _fit_squares(lambda r: (np.sin(r) - r) / r**3, 3, math.pi / 4 + 1e-3)
_COS_BY_Z = _fit_squares(lambda r: (np.cos(r) - 1 + r * r / 2) / r**4, 2, math.pi / 4 + 1e-3)
_ATAN_BY_T = _fit_squares(lambda t: (np.arctan(t) - t) / t**3, 4, math.tan(math.pi / 8))
_ASIN_BY_T = _fit_squares(lambda t: (np.arcsin(t) - t) / t**3, 5, 0.5)


def _turned_sin(x: Expr, turns: Expr, half_turns: Expr) -> Expr:
    """The sine of what ``half_turns`` times pi leave of x, turned around so many times."""
    r = x
    for part in _PI:
        r = r - half_turns * part
    z = r * r
    return prim("turned", r + r * z * _horner(_SIN_BY_WIDE_R, z), turns)


def _sin_cos(x: Expr) -> tuple[Expr, Expr, Expr]:
    """Give n, sin r and cos r with x = n pi/2 + r, |r| <= pi/4, for what is no large angle."""
    n = prim("nearest", x * (2 / math.pi))
    r = x
    for part in _HALF_PI:
        r = r - n * part
    z = r * r
    return n, r + r * z * _horner(_SIN_BY_R, z), (1 - z * 0.5) + z * z * _horner(_COS_BY_Z, z)


def _odd(n: Expr) -> Expr:
    """Whether the whole number n is odd."""
    half = n * 0.5
    return prim("ne", half, prim("floor", half))


def _sin(x: Expr) -> Expr:
    n = prim("nearest", x * (1 / math.pi))
    return prim("far_sin", _turned_sin(x, n, n), x)


def _cos(x: Expr) -> Expr:
    n = prim("nearest", x * (1 / math.pi) + 0.5)
    return prim("far_cos", _turned_sin(x, n, n - 0.5), x)


def _tan(x: Expr) -> Expr:
    n, s, c = _sin_cos(x)
    return prim("far_tan", _select(_odd(n), -c, s) / _select(_odd(n), s, c), x)


def _odd_series(t: Expr, coefficients: Sequence[float]) -> Expr:
    z = t * t
    return t + t * z * _horner(coefficients, z)


def _atan(x: Expr) -> Expr:
    a = _abs(x)
    steep, middle = prim("gt", a, math.tan(3 * math.pi / 8)), prim("gt", a, math.tan(math.pi / 8))
    t = _select(steep, -1.0, _select(middle, a - 1, a)) / _select(steep, a, _select(middle, a + 1, 1.0))
    base = _select(steep, math.pi / 2, _select(middle, math.pi / 4, 0.0))
    return _signed(x, base + _odd_series(t, _ATAN_BY_T))


def _negative(x: Expr) -> Expr:
    """Whether the sign bit is set; -0 is told from 0 by its reciprocal."""
    return prim("or", prim("lt", x, 0), prim("lt", 1 / x, 0))


def _atan2(y: Expr, x: Expr) -> Expr:
    ax, ay = _abs(x), _abs(y)
    large, small = prim("max", ax, ay), prim("min", ax, ay)
    # 0/0 and inf/inf are the ratios 0 and 1 here.
    t = _select(prim("eq", large, 0), 0.0, _select(prim("eq", small, _INF), 1.0, small / large))
    a = prim("atan", t)
    a = _select(prim("gt", ay, ax), math.pi / 2 - a, a)
    a = _select(_negative(x), math.pi - a, a)
    return _select(_negative(y), -a, a)


def _asin_parts(x: Expr) -> tuple[Expr, Expr]:
    """Whether |x| > 1/2, and asin(|x|) or, there, (pi/2 - asin |x|) / 2."""
    a = _abs(x)
    big = prim("gt", a, 0.5)
    return big, _odd_series(_select(big, prim("sqrt", (1 - a) * 0.5), a), _ASIN_BY_T)


def _asin(x: Expr) -> Expr:
    big, p = _asin_parts(x)
    return _signed(x, _select(big, math.pi / 2 - p * 2, p))


def _acos(x: Expr) -> Expr:
    big, p = _asin_parts(x)
    outer = _select(prim("lt", x, 0), math.pi - p * 2, p * 2)
    return _select(big, outer, math.pi / 2 - _signed(x, p))


# ---- power, remainders, erf ------------------------------------------------------------------------------------------

_LOG2E_2 = _split(2 / _LN2, 24)


def _log2_in_two(x: Expr) -> tuple[Expr, Expr]:
    """log2(x) for x > 0 as a sum of two numbers, good to 2**-32 or so: pow multiplies it by up to 2**7 and more."""
    e, f = _frexp(x)
    d, d_error = _sum(Expr("const", leaf=2.0), f)
    s = f / d
    p, p_error = _product(s, d)
    s_low = ((f - p) - p_error - s * d_error) / d
    z = s * s
    high, low = _sum(s, s * (z * _horner([c / 2 for c in _LOG_BY_S], z)) + s_low)
    p, p_error = _product(high, Expr("const", leaf=_LOG2E_2[0]))
    whole, rest = _sum(e, p)
    return whole, rest + (p_error + high * _LOG2E_2[1] + low * _LOG2E_2[0])


def _pow(x: Expr, y: Expr) -> Expr:
    a = _abs(x)
    high, low = _log2_in_two(a)
    # Far beyond any exponent that still matters, but small enough for exact products.
    exponent = prim("max", prim("min", y, 2.0**33), -(2.0**33))
    p, p_error = _product(exponent, high)
    n = prim("nearest", prim("max", prim("min", p, 200.0), -200.0))
    r = (p - n) + (p_error + exponent * low)
    body = _scaled(_horner([2.0, *(2 * c for c in _EXP2M1_BY_R)], r), prim("min", n, 128.0))
    body = _select(prim("lt", p, -126), 0.0, _select(prim("ge", p, 128), _INF, body))
    body = _select(prim("eq", a, 0), _select(prim("lt", y, 0), _INF, 0.0), body)
    body = _select(prim("eq", a, _INF), _select(prim("lt", y, 0), 0.0, _INF), body)
    outside = _select(prim("eq", a, _INF), body, _NAN)
    whole = prim("eq", prim("floor", y), y)
    odd = prim("and", whole, _odd(y))
    body = _select(prim("lt", x, 0), _select(whole, _select(odd, -body, body), outside), body)
    nan = prim("or", prim("isnan", x), prim("isnan", y))
    one = prim("or", prim("eq", y, 0), prim("eq", x, 1))
    return _select(one, 1.0, _select(nan, _NAN, body))


def _remainder(x: Expr, y: Expr, rounding: str) -> Expr:
    """Give x - q y without rounding of q y; q is a quotient rounded to a whole number, and may be off by one."""
    p, p_error = _product(prim(rounding, x / y), y)
    return (x - p) - p_error


def _truncmod(x: Expr, y: Expr) -> Expr:
    r, b = _remainder(_abs(x), _abs(y), "trunc"), _abs(y)
    r = _select(prim("lt", r, 0), r + b, r)
    r = _select(prim("ge", r, b), r - b, r)
    # A finite x is less than infinity; x - x makes an infinite x NaN.
    return _signed(x, _select(prim("eq", b, _INF), _abs(x) + (x - x), r))


def _floormod(x: Expr, y: Expr) -> Expr:
    r = prim("truncmod", x, y)
    opposite = prim("lt", r * y, 0)
    return _select(opposite, r + y, r)


def _floordiv(x: Expr, y: Expr) -> Expr:
    return prim("floor", x / y)


_ERF_BY_X = _fit_squares(lambda x: erf(x) / x, 5, 1.0)
_LOG_ERFC = _fit(lambda x: np.log(np.array([math.erfc(v) for v in x])), 8, 1.0, 4.0)


def _erf(x: Expr) -> Expr:
    # erf(4) is 1 in float32; log(erfc) is nearly a parabola, and its error counts little because erfc is small.
    a = prim("min", _abs(x), 4.0)
    outer = 1 - prim("exp", _horner(_LOG_ERFC, a))
    return _select(prim("lt", a, 1), x * _horner(_ERF_BY_X, x * x), _signed(x, outer))


DEFINITIONS: dict[str, Expr] = {
    "exp": _exp(X), "expm1": _expm1(X), "expm1_negative": _expm1_negative(X),
    "tanh": _tanh(X), "sigmoid": _sigmoid(X), "sinh": _sinh(X), "cosh": _cosh(X),
    "log": _log(X), "log1p": _log1p(X), "asinh": _asinh(X), "acosh": _acosh(X), "atanh": _atanh(X),
    "sin": _sin(X), "cos": _cos(X), "tan": _tan(X), "asin": _asin(X), "acos": _acos(X), "atan": _atan(X),
    "atan2": _atan2(X, Y), "pow": _pow(X, Y), "erf": _erf(X),
    "floordiv": _floordiv(X, Y), "floormod": _floormod(X, Y), "truncmod": _truncmod(X, Y),
    "isnan": prim("ne", X, X), "isfinite": prim("lt", _abs(X), _INF),
}


@cache
def _definition(op: str, native: frozenset[str]) -> Expr:
    return expand(DEFINITIONS[op], native)


def expand(e: Expr, native: frozenset[str] = frozenset()) -> Expr:
    """``e`` with every derived primitive that is not in ``native`` replaced by its definition."""

    def rule(x: Expr, args: tuple[Expr, ...]) -> Expr:
        if x.op in DEFINITIONS and x.op not in native:
            return substitute(_definition(x.op, native), args, {})
        return Expr(x.op, args, x.leaf)

    return transform(e, rule)
