"""Relaxed SIMD instructions of the integer kernels by exact ones, for engines that have none.

The kernels use them where every engine gives the same result (one operand within 0..127, no overflow), so what stands
here is equal to them, and slower.
"""

from __future__ import annotations

_CALLS = {
    "(i16x8.relaxed_dot_i8x16_i7x16_s ": "(call $dot16 ",
    "(i32x4.relaxed_dot_i8x16_i7x16_add_s ": "(call $dot32 ",
    "(i16x8.relaxed_q15mulr_s ": "(i16x8.q15mulr_sat_s ",
}
_FUNCTIONS = """
(func $dot16 (param $a v128) (param $b v128) (result v128) (local $low v128) (local $high v128)
(local.set $low (i16x8.extmul_low_i8x16_s (local.get $a) (local.get $b)))
(local.set $high (i16x8.extmul_high_i8x16_s (local.get $a) (local.get $b)))
(i16x8.add
  (i8x16.shuffle 0 1 4 5 8 9 12 13 16 17 20 21 24 25 28 29 (local.get $low) (local.get $high))
  (i8x16.shuffle 2 3 6 7 10 11 14 15 18 19 22 23 26 27 30 31 (local.get $low) (local.get $high))))
(func $dot32 (param $a v128) (param $b v128) (param $sum v128) (result v128)
(i32x4.add (local.get $sum) (i32x4.extadd_pairwise_i16x8_s (call $dot16 (local.get $a) (local.get $b)))))"""


def exact(functions: str) -> str:
    """The text of functions without relaxed instructions of integers, and what they call instead."""
    found = functions
    for relaxed, call in _CALLS.items():
        found = found.replace(relaxed, call)
    return found if found == functions else found + _FUNCTIONS
