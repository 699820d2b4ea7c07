"""Relaxed SIMD instructions of the integer kernels by exact ones, for engines that have none.

The kernels use them where every engine gives the same result (one operand within 0..127, no overflow), so what stands
here is equal to them. It is written out in place: with calls the kernels would take twenty times as long.
"""

from __future__ import annotations

from collections.abc import Callable

_DOT16, _DOT32 = "(i16x8.relaxed_dot_i8x16_i7x16_s ", "(i32x4.relaxed_dot_i8x16_i7x16_add_s "
_SAME = {
    "(i16x8.relaxed_q15mulr_s ": "(i16x8.q15mulr_sat_s ",
    "(i32x4.relaxed_trunc_f32x4_s ": "(i32x4.trunc_sat_f32x4_s ",
}
_LOCALS = "(local $x_low v128) (local $x_high v128)"
_EVEN = "i8x16.shuffle 0 1 4 5 8 9 12 13 16 17 20 21 24 25 28 29"
_ODD = "i8x16.shuffle 2 3 6 7 10 11 14 15 18 19 22 23 26 27 30 31"
_FUNCTION = "(func $"


def exact(functions: str) -> str:
    """The text of kernels' functions without relaxed instructions of integers."""
    for relaxed, same in _SAME.items():
        functions = functions.replace(relaxed, same)
    return _FUNCTION.join(map(_exact, functions.split(_FUNCTION)))


def _exact(function: str) -> str:
    found = _replaced(_replaced(function, _DOT32, _dot32), _DOT16, _dot16)
    if found == function:
        return function
    head, end, body = found.partition("\n")  # the first line of a kernel holds its parameters
    return f"{head} {_LOCALS}{end}{body}"


def _dot16(a: str, b: str) -> str:
    """Sums of two products each, as 16 bits."""
    low = f"(local.tee $x_low (i16x8.extmul_low_i8x16_s {a} {b}))"
    high = f"(local.tee $x_high (i16x8.extmul_high_i8x16_s {a} {b}))"
    return f"(i16x8.add ({_EVEN} {low} {high}) ({_ODD} (local.get $x_low) (local.get $x_high)))"


def _dot32(a: str, b: str, total: str) -> str:
    """Sums of four products each, on top of others."""
    return f"(i32x4.add {total} (i32x4.extadd_pairwise_i16x8_s {_dot16(a, b)}))"


def _replaced(text: str, instruction: str, by: Callable[..., str]) -> str:
    """``text`` with every use of an instruction replaced by what ``by`` makes of its operands."""
    first, *rest = text.split(instruction)
    parts = [first]
    for part in rest:
        operands, end = _operands(part)
        parts += [by(*operands), part[end:]]
    return "".join(parts)


def _operands(text: str) -> tuple[list[str], int]:
    """The operands at the start of ``text``, and where the instruction that they belong to ends."""
    found: list[str] = []
    depth = start = 0
    for at, c in enumerate(text):
        if c == "(":
            start = at if depth == 0 else start
            depth += 1
        elif c == ")" and depth == 0:
            return found, at + 1
        elif c == ")":
            depth -= 1
            if depth == 0:
                found.append(text[start : at + 1])
    raise ValueError(f"an instruction has no end: {text[:80]}")
