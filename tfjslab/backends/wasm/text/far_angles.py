"""Sine, cosine and tangent of large angles in WebAssembly: see ``tfjslab.ops.far_angles``.

A primitive is one comparison where no angle is large, and else a call of the functions here, which a module gets when
one of its kernels calls them. They compute in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from tfjslab.ops.far_angles import FIRST_EXPONENT, NEAR, REST_UNIT, WORDS

_NAMES = ("far_sin", "far_cos", "far_tan")
# The result for near angles is computed first: an angle that is used twice is in a local by then.
_PATTERN = (
    "(block (result {type}) (local.set $v_near {{0}}) (if (result {type}) {far}"
    " (then (call ${name} (local.get $v_near) {{1}})) (else (local.get $v_near))))"
)
SCALAR_PATTERNS = {
    name: _PATTERN.format(type="f32", name=name, far=f"(f32.gt (f32.abs {{1}}) (f32.const {NEAR}))") for name in _NAMES
}
SIMD_PATTERNS = {
    name: _PATTERN.format(
        type="v128", name=f"{name}_lanes",
        far=f"(v128.any_true (f32x4.gt (f32x4.abs {{1}}) (v128.const f32x4 {' '.join([str(NEAR)] * 4)})))",
    )
    for name in _NAMES
}

_PAIRS = [hi << 32 | lo for hi, lo in pairwise(WORDS)]
_LABELS = range(len(_PAIRS))
# Two words of 2/pi from word $k on.
_WORDS_FUNCTION = f"""(func $two_over_pi (param $k i32) (result i64)
{''.join(f'(block $p{i} ' for i in reversed(_LABELS))}
(br_table {' '.join(f'$p{i}' for i in _LABELS)} $p{_LABELS[-1]} (local.get $k))
{''.join(f') (return (i64.const {_PAIRS[i]}))' for i in _LABELS[:-1])}) (i64.const {_PAIRS[-1]}))"""
# Quarter turns of |x| modulo 4, in units of 2**-62.
_TURN_FUNCTION = f"""(func $far_turn (param $x f32) (result i64)
(local $bits i32) (local $place i32) (local $shift i64) (local $m i64) (local $next i64)
(local.set $bits (i32.and (i32.reinterpret_f32 (local.get $x)) (i32.const 0x7fffffff)))
(local.set $place (i32.sub (i32.shr_u (local.get $bits) (i32.const 23)) (i32.const {FIRST_EXPONENT})))
(local.set $shift (i64.extend_i32_u (i32.and (local.get $place) (i32.const 31))))
(local.set $place (i32.shr_u (local.get $place) (i32.const 5)))
(local.set $m (i64.extend_i32_u (i32.or (i32.and (local.get $bits) (i32.const 0x7fffff)) (i32.const 0x800000))))
(local.set $next (call $two_over_pi (i32.add (local.get $place) (i32.const 2))))
(i64.add
  (i64.mul (local.get $m) (i64.or
    (i64.shl (call $two_over_pi (local.get $place)) (local.get $shift))
    (i64.shr_u (i64.shr_u (local.get $next) (i64.const 1)) (i64.sub (i64.const 63) (local.get $shift)))))
  (i64.shr_u
    (i64.mul (local.get $m) (i64.shr_u (i64.shl (local.get $next) (local.get $shift)) (i64.const 32)))
    (i64.const 32))))"""


def _series(first: int, count: int) -> str:
    """The series of sine (from 1) or cosine (from 0) in $z, the square of the angle, without a factor in front."""
    terms = [(-1) ** i / math.factorial(first + 2 * i) for i in range(count)]
    text = f"(f64.const {terms[-1]!r})"
    for term in reversed(terms[:-1]):
        text = f"(f64.add (f64.mul {text} (local.get $z)) (f64.const {term!r}))"
    return text


# Sine (0) or cosine (1) of an angle that is $quarter, an odd number of quarters for the other one, and $rest.
_PART_FUNCTION = f"""(func $far_part (param $quarter i32) (param $rest f64) (result f64) (local $z f64) (local $y f64)
(local.set $z (f64.mul (local.get $rest) (local.get $rest)))
(local.set $y (if (result f64) (i32.and (local.get $quarter) (i32.const 1))
  (then {_series(0, 7)}) (else (f64.mul (local.get $rest) {_series(1, 6)}))))
(if (result f64) (i32.and (local.get $quarter) (i32.const 2))
  (then (f64.neg (local.get $y))) (else (local.get $y))))"""
_VALUES = {
    "far_sin": "(f64.mul (f64.copysign (f64.const 1) (f64.promote_f32 (local.get $x))) {part0})",
    "far_cos": "{part1}",
    "far_tan": "(f64.mul (f64.copysign (f64.const 1) (f64.promote_f32 (local.get $x))) (f64.div {part0} {part1}))",
}


def _function(name: str) -> str:
    """One angle; $near where it is not large. Of infinity there is no value: x - x makes it NaN."""
    parts = {
        f"part{i}": f"(call $far_part (i32.add (local.get $quarter) (i32.const {i})) (local.get $rest))" for i in (0, 1)
    }
    return f"""(func ${name} (param $near f32) (param $x f32) (result f32)
(local $turn i64) (local $quarter i32) (local $rest f64)
(if (i32.eqz (f32.gt (f32.abs (local.get $x)) (f32.const {NEAR}))) (then (return (local.get $near))))
(local.set $turn (call $far_turn (local.get $x)))
(local.set $quarter (i32.wrap_i64 (i64.shr_u (i64.add (local.get $turn) (i64.const {1 << 61})) (i64.const 62))))
(local.set $rest (f64.mul (f64.const {REST_UNIT!r}) (f64.convert_i64_s
  (i64.sub (local.get $turn) (i64.shl (i64.extend_i32_u (local.get $quarter)) (i64.const 62))))))
(f32.add (f32.demote_f64 {_VALUES[name].format(**parts)}) (f32.sub (local.get $x) (local.get $x))))"""


def _lanes_function(name: str) -> str:
    """The same for four angles, one after the other."""
    lane = "(f32x4.extract_lane {i} (local.get ${v}))"
    value = "(local.get $near)"
    for i in range(4):
        one = f"(call ${name} {lane.format(i=i, v='near')} {lane.format(i=i, v='x')})"
        value = f"(f32x4.replace_lane {i} {value} {one})"
    return f"(func ${name}_lanes (param $near v128) (param $x v128) (result v128)\n{value})"


def helpers(functions: Sequence[str]) -> list[str]:
    """The functions that the texts of others call, and what those call in turn."""
    called = [n for n in _NAMES if any(f"(call ${n}" in f for f in functions)]
    if not called:
        return []
    lanes = [_lanes_function(n) for n in called if any(f"${n}_lanes " in f for f in functions)]
    return [_WORDS_FUNCTION, _TURN_FUNCTION, _PART_FUNCTION, *map(_function, called), *lanes]
