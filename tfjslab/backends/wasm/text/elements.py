"""How elements of each dtype come from memory into the lanes of a variant, and back.

Truth values are bytes in memory and masks in lanes, so a vector of them is four bytes. Any byte but 0 is true.
"""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.wasm.text.emit import SCALAR, SIMD, Lanes

_ZERO = "(v128.const i32x4 0 0 0 0)"
_WIDE = "(i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero {0})))"
_FIRST_BYTES = " ".join(["0 4 8 12"] * 4)
_ONES = " ".join(["1"] * 16)


@dataclass(frozen=True)
class Elements:
    """Text of one dtype on one variant; {0} stands for an address, {1} for the lanes.

    ``local`` is the first letter of the names of locals that hold such lanes.
    """

    load: str
    splat: str
    store: str
    local: str
    one: str = "{0}"  # a lane, with the lanes for {0} and its number for {1}, as a single element is held

    def lane(self, number: int) -> str:
        """The text of one lane; {0} stands for the lanes."""
        return self.one.format("{0}", number)


_SIMD_WORDS = ("(v128.load {0})", "(v128.load32_splat {0})", "(v128.store {0} {1})")
_INTEGER_LANE = "(i32x4.extract_lane {1} {0})"
_INTEGER = "(i32.load {0})"
_BYTE = "(i32.ne (i32.load8_u {0}) (i32.const 0))"
_BYTES_STORED = (
    f"(v128.store32_lane 0 {{0}} (v128.and (i8x16.shuffle {_FIRST_BYTES} (local.tee $m_narrow {{1}})"
    f" (local.get $m_narrow)) (v128.const i8x16 {_ONES})))"
)
_OF: dict[Lanes, dict[str, Elements]] = {
    SIMD: {
        "float32": Elements(*_SIMD_WORDS, "v", "(f32x4.extract_lane {1} {0})"),
        "int32": Elements(*_SIMD_WORDS, "m", _INTEGER_LANE),
        "bool": Elements(f"(i32x4.gt_s {_WIDE} {_ZERO})", f"(i8x16.ne (v128.load8_splat {{0}}) {_ZERO})",
                         _BYTES_STORED, "m", f"(i32.and {_INTEGER_LANE} (i32.const 1))"),
    },
    SCALAR: {
        "float32": Elements("(f32.load {0})", "(f32.load {0})", "(f32.store {0} {1})", "v"),
        "int32": Elements(_INTEGER, _INTEGER, "(i32.store {0} {1})", "m"),
        "bool": Elements(_BYTE, _BYTE, "(i32.store8 {0} {1})", "m"),
    },
}


def elements(dtype: str, lanes: Lanes) -> Elements:
    """How ``dtype`` is read and written."""
    return _OF[lanes][dtype]
