"""From a kernel source under ``kernels/webgpu`` to the text of one WGSL shader.

The sources are Jinja templates of what stands inside of ``main`` and of the functions it needs. Bindings, the uniform
``s`` with the sizes, and the kernel's expressions as functions ``f0``, ``f1``, ... are put in front of them. Sizes are
uniforms, so that layers that differ only in them share a pipeline: compiling is what a cold start waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tfjslab.backends.kernels.sources import template
from tfjslab.backends.webgpu.text.emit import Function, emit, helpers, prelude
from tfjslab.backends.webgpu.text.float16 import ENABLE, float16_type, widened

MAX_GROUPS = 65535  # in one dimension, by the standard


@dataclass(frozen=True)
class Binding:
    """A storage buffer of a kernel: its name, its element type, whether it is read only.

    ``exact`` floats have four bytes also where others are stored in two.
    """

    name: str
    type: str
    constant: bool = False
    exact: bool = False

    def stored(self, *, float16: bool) -> str:
        """The type of what lies in the buffer."""
        return float16_type(self.type) if float16 and not self.exact else self.type


@dataclass(frozen=True)
class GpuKernel:
    """A kernel source with its parameters; equal kernels share a pipeline. ``sizes`` names the uniform's fields."""

    source: str
    params: tuple[tuple[str, Any], ...]
    bindings: tuple[Binding, ...]
    sizes: tuple[str, ...]
    functions: tuple[Function, ...]
    lanes: int
    group: int


def kernel(
    source: str, bindings: Sequence[Binding], sizes: Sequence[str], *, functions: Sequence[Function] = (),
    lanes: int = 4, group: int = 64, **params: Any,
) -> GpuKernel:
    """Build a kernel; parameters must be hashable. ``group`` is the number of invocations of a workgroup."""
    ordered = tuple(sorted(params.items()))
    return GpuKernel(source, ordered, tuple(bindings), tuple(sizes), tuple(functions), lanes, group)


@lru_cache(maxsize=1024)
def render(k: GpuKernel, *, float16: bool = False) -> str:
    """The whole shader; with ``float16`` its buffers of floats hold float16."""
    stored = {b.name: b.stored(float16=float16) for b in k.bindings}
    declared = [
        f"@group(0) @binding({i}) var<storage, {'read' if b.constant else 'read_write'}> {b.name}: "
        f"array<{stored[b.name]}>;" for i, b in enumerate(k.bindings)
    ]
    fields = ", ".join(f"{name}: u32" for name in k.sizes)
    declared.append(f"struct Sizes {{ {fields} }}\n@group(0) @binding({len(declared)}) var<uniform> s: Sizes;")
    functions = [emit(f, f"f{i}") for i, f in enumerate(k.functions)]
    body = template(f"webgpu/{k.source}.wgsl").render(dict(k.params), lanes=k.lanes, group=k.group)
    narrow = {b.name: b.type for b in k.bindings if stored[b.name] != b.type}
    enabled = ENABLE if narrow else ""
    called = filter(None, [helpers(functions, k.lanes)])
    return enabled + "\n".join((prelude(k.lanes), *declared, *called, *functions, widened(body, narrow)))


def grid(groups: int) -> tuple[int, int, int]:
    """Workgroups of a one-dimensional dispatch, folded where one dimension cannot hold them."""
    rows = -(-groups // MAX_GROUPS)
    return (-(-groups // rows), rows, 1) if rows else (0, 1, 1)
