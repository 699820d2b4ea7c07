"""Sine, cosine and tangent of large angles in WGSL: see ``tfjslab.ops.far_angles``.

The functions of the primitives do nothing but compare where no angle is large.
"""

from __future__ import annotations

import math

from tfjslab.ops.far_angles import FIRST_EXPONENT, NEAR, REST_UNIT, WORDS

_CASES = "".join(f"    case {i}u: {{ return {w}u; }}\n" for i, w in enumerate(WORDS[:-1]))
_TURN = f"""fn two_over_pi(at: u32) -> u32 {{
  switch at {{
{_CASES}    default: {{ return {WORDS[-1]}u; }}
  }}
}}
fn product_high(a: u32, b: u32) -> u32 {{
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}}
fn word_of(at: u32, shift: u32) -> u32 {{
  return (two_over_pi(at) << shift) | ((two_over_pi(at + 1u) >> 1u) >> (31u - shift));
}}
// Sine and cosine of |x|.
fn far_turn(x: f32) -> vec2<f32> {{
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  if (bits >= 0x7f800000u) {{ return vec2<f32>(bitcast<f32>(nan_bits)); }}
  let place = (bits >> 23u) - {FIRST_EXPONENT}u;
  let m = (bits & 0x7fffffu) | 0x800000u;
  let at = place >> 5u;
  let shift = place & 31u;
  let second = word_of(at + 1u, shift);
  let middle = m * second;
  var low = middle + product_high(m, word_of(at + 2u, shift));
  var high = m * word_of(at, shift) + product_high(m, second) + select(0u, 1u, low < middle);
  let quarter = (high + 0x20000000u) >> 30u;
  high -= quarter << 30u;
  let below = high >= 0x80000000u;
  if (below) {{
    low = ~low + 1u;
    high = ~high + select(0u, 1u, low == 0u);
  }}
  let rest = (f32(high) * 4294967296.0 + f32(low)) * {REST_UNIT!r}f;
  let z = rest * rest;
  let sine = select(rest, -rest, below) * {{sine}};
  let cosine = {{cosine}};
  let pair = select(vec2<f32>(sine, cosine), vec2<f32>(cosine, -sine), (quarter & 1u) == 1u);
  return select(pair, -pair, (quarter & 2u) == 2u);
}}
"""
_FUNCTION = """fn {name}(near: F, x: F) -> F {{
  if (all(abs(x) <= F({limit}))) {{ return near; }}
  return select({far}, near, abs(x) <= F({limit}));
}}
"""
_VALUES = {
    "far_sin": "far_turn({x}).x * sign({x})", "far_cos": "far_turn({x}).y",
    "far_tan": "far_turn({x}).x / far_turn({x}).y * sign({x})",
}


def _series(first: int, count: int) -> str:
    """The series of sine (from 1) or cosine (from 0) in z, the square of the angle, without a factor in front."""
    text = ""
    for i in reversed(range(count)):
        term = f"{(-1) ** i / math.factorial(first + 2 * i)!r}"
        text = f"({text} * z + {term})" if text else f"({term})"
    return text


def far_angles(functions: str, lanes: int) -> str:
    """What functions of angles call, for single values or vectors of four; nothing where none do."""
    called = [n for n in _VALUES if f"{n}(" in functions]
    turn = _TURN.replace("{sine}", _series(1, 5)).replace("{cosine}", _series(0, 6))
    texts = [turn] if called else []
    for name in called:
        places = [f"x.{axis}" for axis in "xyzw"] if lanes > 1 else ["x"]
        values = ", ".join(_VALUES[name].format(x=x) for x in places)
        texts.append(_FUNCTION.format(name=name, limit=NEAR, far=f"F({values})"))
    return "".join(texts)
