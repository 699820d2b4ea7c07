"""Which ops a backend has kernels for: one row an op family, and the words in which a row refuses a node.

A backend with generated kernels has one ``KernelTable``; its lowerings register themselves in it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tfjslab.graph.ir import Node
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group, Rules

B = TypeVar("B")
CHAIN = ""  # stands for the core op of groups that have none
Specs = Mapping[str, Spec]
# Why there is no kernel for this node, or "" when there is one.
Refuses = Callable[[Node, Specs], str]
Lower = Callable[[B, Group], None]


@dataclass(frozen=True)
class Lowering(Generic[B]):
    """``lower`` adds a group to a builder; it may rely on ``refuses`` having returned "".

    One that ``checks`` values is asked also where the outputs have no elements; for others there is nothing to do then.
    """

    lower: Lower[B]
    refuses: Refuses
    takes_epilogue: bool
    takes_padding: bool
    checks: bool

    def makes_nothing(self, node: Node, specs: Specs) -> bool:
        """Whether the outputs of a node have no elements, and nothing has to be done to find that."""
        return not self.checks and all(specs[v].size == 0 for v in node.outputs)


@dataclass(frozen=True)
class KernelTable(Generic[B]):
    """The rows by core op; ``kind`` names the kernels in reasons ("no GPU kernel for ...")."""

    kind: str
    rows: dict[str, Lowering[B]] = field(default_factory=dict)

    def lowering(
        self, *ops: str, refuses: Refuses | None = None, takes_epilogue: bool = False, takes_padding: bool = False,
        checks: bool = False,
    ) -> Callable[[Lower[B]], Lower[B]]:
        """Register a lowering for core ops, or for ``CHAIN``; float32 with data unless ``refuses`` says otherwise."""

        def decorate(lower: Lower[B]) -> Lower[B]:
            row = Lowering(lower, refuses or self.filled_floats, takes_epilogue, takes_padding, checks)
            self.rows.update(dict.fromkeys(ops, row))
            return lower

        return decorate

    def rules(self, reasons: Mapping[str, str], epilogue_reads: Callable[[Spec, Spec], bool]) -> Rules:
        """How nodes are grouped; ``reasons`` tells for each node why it has no kernel."""
        return Rules(
            lambda n: not reasons[n.name], self._takes_epilogue, epilogue_reads,
            lambda core: self.rows[core.op].takes_padding,
        )

    def _takes_epilogue(self, core: Node) -> bool:
        """Epilogues know channels as the last axis."""
        return self.rows[core.op].takes_epilogue and core.attrs.get("data_format", "NHWC") == "NHWC"

    def none_for(self, what: str) -> str:
        """The reason for a host step where ``what`` has no kernel; "" for ""."""
        return what and f"no {self.kind} kernel for {what}"

    def only(self, node: Node, specs: Specs, *dtypes: str) -> str:
        """Refuse other dtypes than these."""
        found = {specs[v].dtype for v in (*node.inputs, *node.outputs) if v} - set(dtypes)
        return self.none_for(", ".join(sorted(found)))

    def floats(self, node: Node, specs: Specs) -> str:
        """Refuse anything but float32."""
        return self.only(node, specs, "float32")

    def filled_floats(self, node: Node, specs: Specs) -> str:
        """Refuse anything but float32, and as ``empty`` does."""
        return empty(node, specs) or self.floats(node, specs)

    def images(self, node: Node, specs: Specs) -> str:
        """Refuse what is not float32 NHWC, and as ``empty`` does."""
        data_format = node.attrs.get("data_format", "NHWC")
        other = "" if data_format == "NHWC" else f"data_format {data_format}"
        return self.none_for(other) or self.filled_floats(node, specs)

    def convolutions(self, node: Node, specs: Specs) -> str:
        """Refuse grouped convolutions, and as ``images`` does."""
        x, w = (specs[v].known_shape for v in node.inputs[:2])
        grouped = f"grouped convolution ({x[3]} channels, filter of {w[2]})" if x[3] != w[2] else ""
        return self.none_for(grouped) or self.images(node, specs)

    def unless(self, case: Refuses, otherwise: Refuses) -> Refuses:
        """Refuse what ``case`` names, then what ``otherwise`` refuses."""
        return lambda node, specs: self.none_for(case(node, specs)) or otherwise(node, specs)


def load(package: str, path: Iterable[str]) -> None:
    """Import all modules of a package of lowerings, which register themselves."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


def empty(node: Node, specs: Specs) -> str:
    """Refuse to make something out of tensors without elements; nothing out of nothing needs no kernel."""
    inputs, outputs = ([specs[v].size for v in part if v] for part in (node.inputs, node.outputs))
    return "empty tensor" if 0 in inputs and any(outputs) else ""
