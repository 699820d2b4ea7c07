"""Where values of a plan lie on the device, and the dispatches on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tfjslab.backends.kernels.builder import Builder, Constant, HostStep, Place, Record
from tfjslab.backends.kernels.memory_plan import Lifetime
from tfjslab.backends.webgpu.capabilities import Capabilities
from tfjslab.backends.webgpu.storage import Storage
from tfjslab.backends.webgpu.text.templates import GpuKernel
from tfjslab.backends.webgpu.trials import GpuTrial
from tfjslab.backends.webgpu.tuning import GpuTuner
from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

T = TypeVar("T")
CHECKS = "checks:"  # the slot of what kernels found wrong


@dataclass(frozen=True)
class GpuPlace(Place):
    """A slot and the bytes in it; ``dtype`` is what the elements are, which a copy has to know."""

    num_bytes: int
    dtype: str = "float32"


@dataclass(frozen=True, eq=False)
class GpuConstant(Constant):
    """``exact`` floats keep their four bytes where others are stored in two."""

    exact: bool = False


@dataclass(frozen=True)
class GpuCall:
    """One dispatch: the kernel, its buffers in order, the sizes in its uniform, the workgroups."""

    kernel: GpuKernel
    args: tuple[GpuPlace, ...]
    sizes: tuple[int, ...]
    groups: tuple[int, int, int]


@dataclass(frozen=True)
class InputCheck:
    """What a kernel looks for in the inputs of a node; ``complain`` raises for what it found, on an axis."""

    node: Node
    complain: Callable[[int, int], None]


GpuRecord = Record[GpuPlace, GpuCall]
GpuHostStep = HostStep[GpuPlace]


class GpuBuilder(Builder[GpuPlace, GpuCall, GpuConstant]):
    """Values are row-major and stored as ``Storage`` says."""

    kind = "GPU"

    def __init__(
        self, program: Specialized, outputs: Collection[str], tuner: GpuTuner, capabilities: Capabilities,
        storage: Storage | None = None,
    ) -> None:
        super().__init__(program, outputs)
        self.storage = storage or Storage()
        self.capabilities = capabilities
        self.tiles: dict[str, str] = {}
        self.checks: list[InputCheck] = []  # each leaves two words in the slot of checks
        self._tuner = tuner
        self._places: dict[str, GpuPlace] = {}
        for p in program.graph.inputs:
            self._places[p.value] = self._place(f"in:{p.value}", self.spec(p.value))

    def place(self, value: str) -> GpuPlace:
        """Where a value lies."""
        if value not in self._places:
            source = self.graph.constants[value]
            made = self.constant((value, "rows"), lambda: source, source)
            self._places[value] = replace(made, dtype=self.spec(value).dtype)
        return self._places[value]

    def new(self, value: str) -> GpuPlace:
        """Room for a value that is about to be computed."""
        spec, is_output = self.spec(value), value in self.outputs
        made = self._place(self._output_slot(value), spec) if is_output else self._in_arena(f"{value}@rows", spec)
        self._places[value] = made
        return made

    def moved_bytes(self, spec: Spec) -> int:
        """As they are stored: two for a float16, four for a truth value."""
        return self.storage.copied_bytes(spec.size, spec.dtype)

    def temporary(self, elements: int, dtype: str = "float32") -> GpuPlace:
        """Room that only the current group needs."""
        return self._in_arena("", Spec((elements,), dtype))

    def _in_arena(self, name: str, spec: Spec) -> GpuPlace:
        return self._place(self._arena_slot(name, self.storage.stored_bytes(spec.size, spec.dtype)), spec)

    def _place(self, slot: str, spec: Spec) -> GpuPlace:
        return GpuPlace(slot, self.storage.stored_bytes(spec.size, spec.dtype), spec.dtype)

    def alias(self, value: str, source: str) -> None:
        """Let a value be another's bytes (reshape); outputs are copied from wherever they lie."""
        self._places[value] = self.place(source)

    def constant(
        self, key: Hashable, make: Callable[[], Array], source: Array | None = None, *, exact: bool = False,
    ) -> GpuPlace:
        """See ``Builder``; its size is known when it is made."""
        whole = (key, None if source is None else id(source))
        return GpuPlace(self._constant_slot(GpuConstant(whole, make, source, exact)), 0)

    def check(self, node: Node, complain: Callable[[int, int], None]) -> tuple[GpuPlace, int]:
        """Where a kernel leaves what is wrong in a node's inputs, the axis plus 1 and the value, and at which place."""
        self.checks.append(InputCheck(node, complain))
        return GpuPlace(CHECKS, 0, "int32"), len(self.checks) - 1

    def finish(self) -> list[Lifetime]:
        """Keep what outputs share until the end, and return the arena's buffers."""
        for value in self.outputs:
            self._touch([self.place(value)])
        return self.lifetimes()

    def choose(self, kind: str, candidates: Sequence[T], trial: Callable[[T], GpuTrial], work: int) -> T:
        """The fastest candidate for a class of kernels; noted for the report."""
        found = self._tuner.choose(kind, candidates, trial, work)
        self.tiles[kind] = str(found)
        return found

    def call(
        self, k: GpuKernel, args: tuple[GpuPlace, ...], sizes: Mapping[str, int], groups: tuple[int, int, int],
    ) -> None:
        """Add a dispatch; nothing is added when there is nothing to do."""
        if 0 in groups:
            return
        values = tuple(sizes[name] & 0xFFFFFFFF for name in k.sizes)
        self._add(GpuCall(k, args, values, groups), args)

    def _read_by_host(self, value: str) -> tuple[GpuPlace, Spec] | Array:
        """A constant as it is: it need not go to the device and back."""
        array = self.constant_array(value)
        return (self.place(value), self.spec(value)) if array is None else array
