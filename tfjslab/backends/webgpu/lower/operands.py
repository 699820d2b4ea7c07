"""Where the operands of a group's expression lie, and the epilogue that reads them behind a core."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.operands import Operand, kind_of, prepare
from tfjslab.backends.webgpu.builder import Builder, Place
from tfjslab.backends.webgpu.emit import Function
from tfjslab.backends.webgpu.templates import Binding
from tfjslab.passes.fusion import Group


def place_operand(b: Builder, o: Operand) -> Place:
    """The operand row-major."""
    array = o.array
    if array is None or o.name in b.graph.constants:
        return b.place(o.name)
    return b.constant((o.name, "rows"), lambda: array)  # computed: the name is a digest of the content


@dataclass(frozen=True)
class Epilogue:
    """What a core's kernel does with its results: a function of them and of operands of these kinds."""

    function: Function
    kinds: tuple[str, ...]
    places: tuple[Place, ...]

    def bindings(self, lanes: int) -> tuple[Binding, ...]:
        """Storage bindings ``e0``, ``e1``, ... Vectors only where rows are whole vectors."""
        kind = "vec4<f32>" if lanes > 1 else "f32"
        return tuple(Binding(f"e{i}", kind, p.constant) for i, p in enumerate(self.places))


def epilogue(b: Builder, group: Group, lanes: int) -> Epilogue:
    """The epilogue of a group with a core, on values of ``lanes``."""
    expr, operands = prepare(b, group)
    out = b.shape(group.output)
    kinds = tuple(kind_of(o.shape, out) for o in operands)
    function = Function(expr, (False,) * (1 + len(operands)), lanes)
    return Epilogue(function, kinds, tuple(place_operand(b, o) for o in operands))
