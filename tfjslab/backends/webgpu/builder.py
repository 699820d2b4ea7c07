"""Collects the dispatches of a plan: where values lie, what is constant, which call needs what.

All values are row-major and stored as ``Storage`` says. Intermediates share one arena; inputs and outputs have slots of
their own; constants belong to the session.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tfjslab.backends.kernels.memory_plan import Lifetime
from tfjslab.backends.webgpu.capabilities import Capabilities
from tfjslab.backends.webgpu.storage import Storage
from tfjslab.backends.webgpu.text.templates import Kernel
from tfjslab.backends.webgpu.tuning import Trial, Tuner
from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where a value lies: a slot (``arena:name``, ``const:key``, ``in:value``, ``out:value``) and its bytes.

    ``dtype`` is what its elements are, which a copy has to know.
    """

    slot: str
    num_bytes: int
    dtype: str = "float32"

    @property
    def constant(self) -> bool:
        """Whether only the session writes it."""
        return self.slot.startswith("const:")


@dataclass(frozen=True, eq=False)
class Constant:
    """A buffer of the session: its key, what makes it, and the array whose identity is part of the key.

    ``exact`` floats keep their four bytes where others are stored in two.
    """

    key: Hashable
    make: Callable[[], Array]
    source: Array | None
    exact: bool = False


@dataclass(frozen=True)
class Call:
    """One dispatch: the kernel, its buffers in order, the sizes in its uniform, the workgroups."""

    kernel: Kernel
    args: tuple[Place, ...]
    sizes: tuple[int, ...]
    groups: tuple[int, int, int]


@dataclass(frozen=True)
class HostStep:
    """A node that numpy runs on copies of the values; constants are arrays, absent optional inputs None."""

    node: Node
    inputs: tuple[tuple[Place, Spec] | Array | None, ...]
    outputs: tuple[tuple[Place, Spec], ...]


@dataclass
class Record:
    """What one line of a profile covers: the group and its dispatches, or a host step with the reason."""

    group: Group
    kernel_name: str
    calls: list[Call] = field(default_factory=list)
    host: HostStep | None = None
    reason: str = ""
    first_step: int = 0


@dataclass
class _Span:
    size: int
    first: int
    last: int


class Builder:
    """State of one lowering. Steps are numbered by call, host steps included; lifetimes are in these numbers."""

    def __init__(
        self, program: Specialized, outputs: Collection[str], tuner: Tuner, capabilities: Capabilities,
        storage: Storage | None = None,
    ) -> None:
        self.storage = storage or Storage()
        self.graph = program.graph
        self.specs = program.specs
        self.outputs = frozenset(outputs)
        self.capabilities = capabilities
        self.tiles: dict[str, str] = {}
        self._tuner = tuner
        self.records: list[Record] = []
        self.constants: dict[str, Constant] = {}
        self._places: dict[str, Place] = {}
        self._spans: dict[str, _Span] = {}
        self._made: dict[str, int] = {}
        self._step = 0
        for p in program.graph.inputs:
            self._places[p.value] = self._place(f"in:{p.value}", self.spec(p.value))

    @property
    def num_steps(self) -> int:
        """Calls and host steps so far."""
        return self._step

    # ---- values ------------------------------------------------------------------------------------------------

    def spec(self, value: str) -> Spec:
        """Shape and dtype of a value."""
        return self.specs[value]

    def shape(self, value: str) -> tuple[int, ...]:
        """Shape of a value; all are known in a plan."""
        return self.specs[value].known_shape

    def constant_array(self, value: str) -> Array | None:
        """The array of a constant value, else None."""
        return self.graph.constants.get(value)

    def place(self, value: str) -> Place:
        """Where a value lies."""
        if value not in self._places:
            source = self.graph.constants[value]
            made = self.constant((value, "rows"), lambda: source, source)
            self._places[value] = replace(made, dtype=self.spec(value).dtype)
        return self._places[value]

    def new(self, value: str) -> Place:
        """Room for a value that is about to be computed."""
        spec = self.spec(value)
        if value in self.outputs:
            self._made.setdefault(value, self._step)
            self._places[value] = self._place(f"out:{value}", spec)
        else:
            self._places[value] = self._allocate(f"{value}@rows", spec)
        return self._places[value]

    def temporary(self, floats: int) -> Place:
        """Room that only the current group needs."""
        return self._allocate(f"temporary {self._step} {len(self._spans)}", Spec((floats,), "float32"))

    def _allocate(self, name: str, spec: Spec) -> Place:
        place = self._place(f"arena:{name}", spec)
        self._spans[name] = _Span(place.num_bytes, self._step, self._step)
        return place

    def _place(self, slot: str, spec: Spec) -> Place:
        return Place(slot, self.storage.stored_bytes(spec.size, spec.dtype), spec.dtype)

    def alias(self, value: str, source: str) -> None:
        """Let a value be another's bytes (reshape); outputs are copied from wherever they lie."""
        self._places[value] = self.place(source)

    def constant(
        self, key: Hashable, make: Callable[[], Array], source: Array | None = None, *, exact: bool = False,
    ) -> Place:
        """A constant buffer, made once per session under ``key``; its size is known when it is made.

        Buffers made from a ``source`` array belong to that very array: graphs of one session may use names twice.
        """
        whole = (key, None if source is None else id(source))
        slot = f"const:{whole!r}"
        self.constants.setdefault(slot, Constant(whole, make, source, exact))
        return Place(slot, 0)

    def packed(self, value: str, how: Hashable, make: Callable[[Array], Array]) -> Place | None:
        """A constant value laid out by ``make``, once per session; None when the value is not constant."""
        array = self.constant_array(value)
        return None if array is None else self.constant((value, how), lambda: make(array), array)

    def finish(self) -> list[Lifetime]:
        """Keep what outputs share until the end, and return the arena's buffers."""
        for value in self.outputs:
            self._touch([self.place(value)])
        return [Lifetime(n, s.size, s.first, s.last) for n, s in self._spans.items()]

    def output_lifetimes(self) -> list[Lifetime]:
        """The outputs, which lie outside of the arena, each from when it is made to the end."""
        return [Lifetime(v, self.spec(v).num_bytes, s, max(s, self._step)) for v, s in self._made.items()]

    def choose(self, kind: str, candidates: Sequence[T], trial: Callable[[T], Trial], work: int) -> T:
        """The fastest candidate for a class of kernels; noted for the report."""
        found = self._tuner.choose(kind, candidates, trial, work)
        self.tiles[kind] = str(found)
        return found

    # ---- calls -------------------------------------------------------------------------------------------------

    def open(self, group: Group, kernel_name: str, reason: str = "") -> Record:
        """Start the record of a group; later calls belong to it."""
        record = Record(group, kernel_name, reason=reason, first_step=self._step)
        self.records.append(record)
        return record

    def call(
        self, k: Kernel, args: tuple[Place, ...], sizes: Mapping[str, int], groups: tuple[int, int, int],
    ) -> None:
        """Add a dispatch; nothing is added when there is nothing to do."""
        if 0 in groups:
            return
        self._touch(args)
        values = tuple(sizes[name] & 0xFFFFFFFF for name in k.sizes)
        self.records[-1].calls.append(Call(k, args, values, groups))
        self._step += 1

    def host(self, node: Node) -> None:
        """Add a host step for a node."""
        ins = tuple(self._host_input(v) if v else None for v in node.inputs)
        outs = tuple((self.new(v), self.spec(v)) for v in node.outputs)
        self._touch([p for p, _ in (*(i for i in ins if isinstance(i, tuple)), *outs)])
        self.records[-1].host = HostStep(node, ins, outs)
        self._step += 1

    def _host_input(self, value: str) -> tuple[Place, Spec] | Array:
        """A constant as it is: it need not go to the device and back."""
        array = self.constant_array(value)
        return (self.place(value), self.spec(value)) if array is None else array

    def _touch(self, places: Collection[Place]) -> None:
        for p in places:
            if p.slot.startswith("arena:"):
                self._spans[p.slot.removeprefix("arena:")].last = self._step
