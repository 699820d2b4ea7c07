"""From a kernel source under ``kernels/wasm`` to the text of one WebAssembly function.

The sources are Jinja templates of WebAssembly text with four shorthands that keep them readable:

* ``@x`` is ``(local.get $x)`` and ``#8`` is ``(i32.const 8)``;
* ``V.load``, ``V.store``, ``V.add``, ``V.splat`` ... are the instructions of the variant's vector type, one f32 in the
  scalar variant and f32x4 in the SIMD ones, so one source serves all of them;
* locals need no declaration: the first letters of a name tell the type (``$i_`` i32, ``$l_`` i64, ``$f_`` f32,
  ``$d_`` f64, ``$v_`` vector, ``$m_`` mask);
* ``{{ expr(i, leaves...) }}`` is the text of the kernel's i-th expression;
* ``vector(dtype)`` and ``single(dtype)`` tell how the lanes of a vector, or one element, are loaded and stored;
* ``(call $part0 ...)`` calls the first of the kernels that this one is composed of. A part is a function of its own:
  the compiler allots registers function by function, so one part's loops cannot spoil those of another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tfjslab.backends.kernels.sources import template
from tfjslab.backends.wasm.text.elements import Elements, elements
from tfjslab.backends.wasm.text.emit import SCALAR, SIMD, Emitter, Lanes, const
from tfjslab.backends.wasm.text.far_angles import helpers
from tfjslab.ops.expr import Expr


@dataclass(frozen=True)
class WasmKernel:
    """A kernel source with its parameters; equal kernels become one function.

    ``pointers`` names the address parameters, after ``lo`` and ``hi``, the share of the work to do, and ``scratch``.
    ``parts`` are the kernels that it calls.
    """

    source: str
    params: tuple[tuple[str, Any], ...]
    pointers: tuple[str, ...]
    expressions: tuple[Expr, ...] = ()
    parts: tuple[WasmKernel, ...] = ()


def kernel(
    source: str, pointers: tuple[str, ...], *, expressions: tuple[Expr, ...] = (), parts: tuple[WasmKernel, ...] = (),
    **params: Any,
) -> WasmKernel:
    """Build a kernel; parameters must be hashable."""
    return WasmKernel(source, tuple(sorted(params.items())), pointers, expressions, parts)


_VECTOR = {
    "simd": {
        "load": "v128.load", "store": "v128.store", "splat_load": "v128.load32_splat", "splat": "f32x4.splat",
    },
    "scalar": {"load": "f32.load", "store": "f32.store", "splat_load": "f32.load", "splat": "block (result f32)"},
}
_TYPES = {"i": "i32", "l": "i64", "f": "f32", "d": "f64"}
# The shorthands and the names of locals, one piece of text each.
_PIECE = re.compile(r"(#-?\d+|@[a-z]\w*|\(V\.\w+|\$[ilfdvm]_\w+)")
_LOCAL = re.compile(r"[ilfdvm]_\w+")
_PART = re.compile(r"\$part(\d+)")
_MOST_PIECES = 1 << 16


def name_function(names: dict[WasmKernel, str], k: WasmKernel) -> str:
    """The name of a kernel's function in a module; it and its parts get one when they are new."""
    for part in k.parts:
        name_function(names, part)
    return names.setdefault(k, f"k{len(names)}")


def functions(names: Mapping[WasmKernel, str], lanes: Lanes) -> list[str]:
    """The text of all named functions, and of those that they call."""
    texts = [
        f"(func ${name} {_PART.sub(lambda m, k=k: '$' + names[k.parts[int(m[1])]], render(k, lanes))})"  # type: ignore[misc]
        for k, name in names.items()
    ]
    return [*helpers(texts), *texts]


@lru_cache(maxsize=4096)
def render(k: WasmKernel, lanes: Lanes) -> str:
    """The function's text without its name: parameters, locals, body."""
    emitter = Emitter(lanes)
    scalar = Emitter(SCALAR)

    def expr(index: int, *leaves: str) -> str:
        return emitter.emit(k.expressions[index], leaves)

    def scalar_expr(index: int, *leaves: str) -> str:
        # Temporaries of the scalar tail are floats also where vectors are not.
        text = scalar.emit(k.expressions[index], leaves)
        return text if lanes is SCALAR else text.replace("$v_", "$f_").replace("$m_", "$i_m")

    def vector(dtype: str) -> Elements:
        return elements(dtype, lanes)

    def single(dtype: str) -> Elements:
        return elements(dtype, SCALAR)

    body = template(f"wasm/{k.source}.wat").render(
        {"relaxed": False, **dict(k.params)},
        pointers=k.pointers[1:], L=lanes.count, vconst=lambda v: const(float(v), lanes), expr=expr,
        scalar_expr=scalar_expr, vector=vector, single=single,
    )
    return _finish(body, k, lanes)


class _Spellings(dict[str, str]):
    """What stands for each piece that was seen: looking thousands of them up is what finishing a text costs."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__()
        self._simple = _VECTOR[lanes.name]
        self._type = "f32x4" if lanes is SIMD else "f32"

    def __missing__(self, piece: str) -> str:
        if len(self) >= _MOST_PIECES:
            self.clear()
        self[piece] = text = self._spell(piece)
        return text

    def _spell(self, piece: str) -> str:
        if piece[0] == "#":
            return f"(i32.const {piece[1:]})"
        if piece[0] == "@":
            return f"(local.get ${piece[1:]})"
        if piece[0] == "(":
            op = piece[3:]
            return f"({self._simple.get(op, f'{self._type}.{op}')}"
        return piece


@lru_cache(maxsize=2)
def _spellings(lanes: Lanes) -> _Spellings:
    return _Spellings(lanes)


def _finish(body: str, k: WasmKernel, lanes: Lanes) -> str:
    pieces = _PIECE.split(body)
    found = pieces[1::2]
    pieces[1::2] = map(_spellings(lanes).__getitem__, found)
    params = " ".join(f"(param ${p} i32)" for p in ("lo", "hi", "scratch", *k.pointers))
    types = {**_TYPES, "v": lanes.type, "m": lanes.mask}
    names = sorted({p[1:] for p in set(found) if p[0] in "@$" and _LOCAL.fullmatch(p[1:])} - set(k.pointers))
    declared = " ".join(f"(local ${n} {types[n[0]]})" for n in names)
    return f"{params}\n{declared}\n{''.join(pieces)}"
