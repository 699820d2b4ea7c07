"""Storage in float16 as a rewriting of a kernel's text: bindings hold float16, reads widen, writes round.

No kernel source knows of it. ``a[i]`` of a binding declared as floats becomes ``vec4<f32>(a[i])``, and
``c[i] = x;`` becomes ``c[i] = vec4<f16>(x);``. So arithmetic, sums above all, stays in float32, and half of the bytes
are moved. Adapters that multiply float16 faster would gain more; none was at hand to measure it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tfjslab.base.errors import BackendError

ENABLE = "enable f16;\n"
_ASSIGNS = re.compile(r"\s*=(?!=)")
_COMPOUND = re.compile(r"\s*(?:[-+*/%&|^]|<<|>>)=")


def float16_type(type_: str) -> str:
    """The stored type for a WGSL type of floats; others as they are."""
    return type_.replace("f32", "f16")


def widened(body: str, types: Mapping[str, str]) -> str:
    """``body`` with every access to the bindings in ``types`` (their WGSL types of floats) converted."""
    if not types:
        return body
    access = re.compile(rf"\b({'|'.join(map(re.escape, types))})\[")
    return _rewrite(body, access, types)


def _rewrite(text: str, access: re.Pattern[str], types: Mapping[str, str]) -> str:
    parts: list[str] = []
    at = 0
    while found := access.search(text, at):
        name, start = found.group(1), found.end()
        end = _closing(text, start, "[", "]")
        place = f"{name}[{_rewrite(text[start:end], access, types)}]"
        parts.append(text[at : found.start()])
        at = end + 1
        if _COMPOUND.match(text, at):
            raise BackendError(f"kernel text changes '{name}' in place, which float16 cannot be", code="backend.shader")
        if assigns := _ASSIGNS.match(text, at):
            stop = text.index(";", assigns.end())
            value = _rewrite(text[assigns.end() : stop].strip(), access, types)
            parts.append(f"{place} = {float16_type(types[name])}({value})")
            at = stop
        else:
            parts.append(f"{types[name]}({place})")
    return "".join((*parts, text[at:]))


def _closing(text: str, at: int, opens: str, closes: str) -> int:
    """Where the bracket that was opened before ``at`` closes."""
    depth = 1
    while depth:
        depth += (text[at] == opens) - (text[at] == closes)
        at += 1
    return at - 1
