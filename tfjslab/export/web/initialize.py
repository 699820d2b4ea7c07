"""The function ``init`` of a web module: it lays the file of weights out for the kernels, then clears the file."""

from __future__ import annotations

from collections.abc import Mapping

from tfjslab.backends.kernels.strides import collapse
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.export.web.copies import StridedCopy
from tfjslab.export.web.lowered import PackedConstant
from tfjslab.export.web.weights import Stored, WeightFile
from tfjslab.export.web.widening import Widening

_HALF, _FULL = 2, 4  # bytes of a float16 and of a float32

# 2**112 lifts the exponent of a float16 to that of a float32, subnormal ones as well; infinity and NaN come after.
_WIDEN = """(func $widen (param $from i32) (param $to i32) (param $count i32) (local $h i32) (local $b i32)
(loop $next (if (local.get $count) (then
  (local.set $h (i32.load16_u (local.get $from)))
  (local.set $b (i32.reinterpret_f32 (f32.mul
    (f32.reinterpret_i32 (i32.shl (i32.and (local.get $h) (i32.const 0x7fff)) (i32.const 13)))
    (f32.reinterpret_i32 (i32.const 0x77800000)))))
  (if (i32.eq (i32.and (local.get $h) (i32.const 0x7c00)) (i32.const 0x7c00))
    (then (local.set $b (i32.or (local.get $b) (i32.const 0x7f800000)))))
  (i32.store (local.get $to)
    (i32.or (local.get $b) (i32.shl (i32.and (local.get $h) (i32.const 0x8000)) (i32.const 16))))
  (local.set $from (i32.add (local.get $from) (i32.const 2)))
  (local.set $to (i32.add (local.get $to) (i32.const 4)))
  (local.set $count (i32.sub (local.get $count) (i32.const 1)))
  (br $next)))))"""


def init_text(
    constants: Mapping[str, PackedConstant], slots: Mapping[str, int], file: int, wide: int,
    weights: WeightFile, *, resets: bool,
) -> tuple[str, dict[WasmKernel, str]]:
    """The function, and the kernels that it calls by name. ``file`` and ``wide`` are addresses (``ModuleLayout``).

    With ``resets`` it ends by what sets states to what they are at first.
    """
    names: dict[WasmKernel, str] = {}
    lines = []
    for slot, c in constants.items():
        stored = c.stored
        source = wide + stored.offset * _FULL // _HALF if stored.halved else file + stored.offset
        if c.copies is None:
            lines.append(f"(memory.copy (i32.const {slots[slot]}) (i32.const {source}) (i32.const {stored.num_bytes}))")
        elif c.wider is None:
            lines += [_call(names, copy, c.item_bytes, source, slots[slot]) for copy in c.copies]
        else:
            lines += _widened(names, c.wider, c.factors, (file, source), slots[slot])
    halves, plain = weights.float16_bytes, weights.plain_bytes
    widen = f"(call $widen (i32.const {file + plain}) (i32.const {wide}) (i32.const {halves // _HALF}))"
    clear = f"(memory.fill (i32.const {file}) (i32.const 0) (i32.const {wide + _FULL * halves // _HALF - file}))"
    body = "\n".join([*([widen] if halves else []), *lines, clear, *(["(call $reset)"] if resets else [])])
    return "\n".join([*([_WIDEN] if halves else []), f'(func (export "init")\n{body})']), names


def _widened(
    names: dict[WasmKernel, str], wider: Widening, factors: Stored | None, sources: tuple[int, int], target: int,
) -> list[str]:
    """Bytes laid out in the upper half of the block, which then is widened from its start on."""
    file, source = sources
    narrow = target + wider.size
    pad = f"(memory.fill (i32.const {narrow}) (i32.const {wider.zero & 255}) (i32.const {wider.size}))"
    made = kernel("widen_int8", ("x", "f", "c"), lines=wider.lines, width=wider.width, zero=wider.zero,
                  scaled=factors is not None, sign="s" if wider.signed else "u")
    name = names.setdefault(made, f"init{len(names)}")
    widen = (f"(call ${name} (i32.const 0) (i32.const {wider.groups}) (i32.const 0) (i32.const {narrow})"
             f" (i32.const {file + (factors.offset if factors else 0)}) (i32.const {target}))")
    return [*([pad] if wider.zero else []), *(_call(names, c, 1, source, narrow) for c in wider.copies), widen]


def _call(names: dict[WasmKernel, str], copy: StridedCopy, item_bytes: int, source: int, target: int) -> str:
    dims, src, dst = collapse(copy.counts, (copy.source_steps, copy.target_steps))
    if item_bytes == 1:
        run = 1
        if src[-1] == dst[-1] == 1:
            dims, src, dst, run = dims[:-1], src[:-1], dst[:-1], dims[-1]
        made = kernel("copy_int8", ("x", "c"), n=run, dims=dims, src=src, dst=dst)
    else:
        made = kernel("copy", ("x", "c"), dims=dims, src=src, dst=dst)
    name = names.setdefault(made, f"init{len(names)}")
    start, end = source + copy.source * item_bytes, target + copy.target * item_bytes
    return (f"(call ${name} (i32.const 0) (i32.const {dims[0]}) (i32.const 0)"
            f" (i32.const {start}) (i32.const {end}))")
