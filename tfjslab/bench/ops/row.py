"""A row of an op list: what is run, on tensors of which shapes. Inert; both sides are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.text import shape
from tfjslab.ops import registry
from tfjslab.ops.registry import OpDef, T

_SPEAK_FOR_THEMSELVES = ("padding", "mode", "fused_ops", "dtype")


@dataclass(frozen=True)
class RowTensor:
    """A tensor of a row: seeded values, known before the runs (a weight) where ``constant``."""

    name: str
    values: T
    constant: bool = False


@dataclass(frozen=True)
class RowStep:
    """One op: its inputs are operands or results of steps before it; ``attrs`` are resolved, in the op's order."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: Mapping[str, Any]

    @property
    def definition(self) -> OpDef:
        """The op's definition."""
        return registry.get(self.op)


@dataclass(frozen=True)
class RowLayer:
    """A layer of Keras, with its configuration and the weights that it has besides."""

    class_name: str
    config: Mapping[str, Any]
    weights: Mapping[str, T]


@dataclass(frozen=True)
class OpRow:
    """Steps, the last of which gives the result, or one layer.

    ``text`` tells the row from others of its ``op``: shapes and attributes that are not the default.
    """

    group: str
    op: str
    text: str
    operands: tuple[RowTensor, ...]
    steps: tuple[RowStep, ...] = ()
    layer: RowLayer | None = None

    @property
    def label(self) -> str:
        """The op and its text."""
        return f"{self.op} {self.text}"

    def arrays(self) -> dict[str, Array]:
        """The operands' values by name; the same each time."""
        return {o.name: o.values.make(seed) for seed, o in enumerate(self.operands)}


def shapes_text(operands: tuple[RowTensor, ...]) -> str:
    """Shapes as people write them, with dtypes that are not float32: ``1x56x56x64 * 3x3x64x64``."""
    return " * ".join(
        shape(o.values.shape) + ("" if o.values.dtype == "float32" else f" {o.values.dtype}") for o in operands
    )


def attrs_text(definition: OpDef, given: Mapping[str, Any]) -> str:
    """The attributes that a row gives: ``strides 2, SAME``."""
    return ", ".join(_attr_text(a.name, given[a.name]) for a in definition.attrs if a.name in given)


def _attr_text(name: str, value: Any) -> str:
    if name in _SPEAK_FOR_THEMSELVES:
        return "+".join(value) if isinstance(value, list) else str(value)
    if value is True:
        return name
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return f"{name} {str(value).replace(' ', '')}"
