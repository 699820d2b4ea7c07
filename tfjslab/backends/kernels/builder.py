"""Collects the kernel calls of a plan: where values lie, what is constant, which call needs what.

Lowerings talk to a builder of their backend, which adds how values lie there. The result is pure data that a plan runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from tfjslab.backends.kernels.memory_plan import Lifetime
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group

_ARENA = "arena:"
_MOST_STEPS = 250_000  # of a plan: as many take half a minute and 2 GB to compile


@dataclass(frozen=True)
class Place:
    """Where a value lies: a slot, which is ``arena:name``, ``const:number``, ``in:value`` or ``out:value``."""

    slot: str

    @property
    def constant(self) -> bool:
        """Whether only the session writes it."""
        return self.slot.startswith("const:")


@dataclass(frozen=True, eq=False)
class Constant:
    """Memory of the session: its key, what makes its content, and the array whose identity is part of the key."""

    key: Hashable
    make: Callable[[], Any]
    source: Array | None


P = TypeVar("P", bound=Place)
C = TypeVar("C")  # a kernel call
K = TypeVar("K", bound=Constant)


@dataclass(frozen=True)
class HostStep(Generic[P]):
    """A node that numpy runs. Inputs are places with what lies there, arrays, or None for optional absent ones."""

    node: Node
    inputs: tuple[tuple[P, Spec] | Array | None, ...]
    outputs: tuple[tuple[P, Spec], ...]


@dataclass
class Record(Generic[P, C]):
    """What one line of a profile covers: the group and its calls, or a host step with the reason."""

    group: Group
    kernel_name: str
    reason: str
    first_step: int
    calls: list[C] = field(default_factory=list)
    host: HostStep[P] | None = None


class Builder(ABC, Generic[P, C, K]):
    """State of one lowering. Steps are numbered by call, host steps included; lifetimes are in these numbers."""

    kind: ClassVar[str]  # of kernels, as reasons name it

    def __init__(self, program: Specialized, outputs: Collection[str]) -> None:
        self.graph = program.graph
        self.specs = program.specs
        self.outputs = frozenset(outputs)
        self.records: list[Record[P, C]] = []
        self.constants: dict[str, K] = {}
        self._buffers: dict[str, tuple[int, int]] = {}  # of the arena: bytes, and the step that each is made at
        self._last_uses: dict[str, int] = {}
        self._slots: dict[Hashable, str] = {}  # of constants, by key
        self._made_outputs: dict[str, int] = {}  # the step that each is first written at
        self._step = 0

    # ---- what a backend adds -----------------------------------------------------------------------------------

    @abstractmethod
    def new(self, value: str) -> P:
        """Room for a value that is about to be computed, row-major."""

    @abstractmethod
    def constant(self, key: Hashable, make: Callable[[], Array], source: Array | None = None) -> P:
        """A constant, made and stored once per session under ``key``.

        What is made from a ``source`` array belongs to that very array: graphs of one session may use names twice.
        """

    @abstractmethod
    def _read_by_host(self, value: str) -> tuple[P, Spec] | Array:
        """Where numpy finds a value, or the array itself."""

    # ---- values ------------------------------------------------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Calls and host steps so far."""
        return self._step

    def spec(self, value: str) -> Spec:
        """Shape and dtype of a value."""
        return self.specs[value]

    def shape(self, value: str) -> tuple[int, ...]:
        """Shape of a value; all are known in a plan."""
        return self.specs[value].known_shape

    def constant_array(self, value: str) -> Array | None:
        """The array of a constant value, else None; for what looks into it while planning."""
        return self.graph.constants.get(value)

    def moved_bytes(self, spec: Spec) -> int:
        """Bytes of a value that is read or written once."""
        return spec.num_bytes

    def packed(self, value: str, how: Hashable, make: Callable[[Array], Any]) -> P | None:
        """A constant value laid out by ``make``, once per session; None when the value is not constant."""
        array = self.constant_array(value)
        return None if array is None else self.constant((value, how), lambda: make(array), array)

    def lifetimes(self) -> list[Lifetime]:
        """The arena's buffers."""
        return [Lifetime(n, size, first, self._last_uses[n]) for n, (size, first) in self._buffers.items()]

    def output_lifetimes(self) -> list[Lifetime]:
        """The outputs, which lie outside of the arena, each from when it is made to the end."""
        return [Lifetime(v, self.spec(v).num_bytes, s, self._step) for v, s in self._made_outputs.items()]

    def _output_slot(self, value: str) -> str:
        """The slot of an output that is about to be computed."""
        self._made_outputs.setdefault(value, self._step)
        return f"out:{value}"

    def _arena_slot(self, name: str, num_bytes: int) -> str:
        """The slot of a new buffer in the arena; without a name it is only the current group's."""
        name = name or f"temporary {self._step} {len(self._buffers)}"
        self._buffers[name], self._last_uses[name] = (num_bytes, self._step), self._step
        return _ARENA + name

    def _constant_slot(self, constant: K) -> str:
        slot = self._slots.setdefault(constant.key, f"const:{len(self._slots)}")
        self.constants.setdefault(slot, constant)
        return slot

    # ---- calls -------------------------------------------------------------------------------------------------

    def open(self, group: Group, kernel_name: str, reason: str = "") -> None:
        """Start the record of a group; later calls belong to it."""
        self.records.append(Record(group, kernel_name, reason, self._step))

    def host(self, node: Node) -> None:
        """Add a host step for a node."""
        ins = tuple(self._read_by_host(v) if v else None for v in node.inputs)
        outs = tuple((self.new(v), self.spec(v)) for v in node.outputs)
        self._touch(i[0] for i in (*ins, *outs) if isinstance(i, tuple))
        self.records[-1].host = HostStep(node, ins, outs)
        self._step += 1

    def refuse(self, node: Node, what: str) -> None:
        """Let numpy run a node that turns out to have no kernel for ``what``."""
        self.records[-1].reason = f"no {self.kind} kernel for {what}"
        self.host(node)

    def _add(self, call: C, places: Iterable[P]) -> None:
        """Add a call that reads and writes ``places``; BackendError when there are too many to compile."""
        if self._step > _MOST_STEPS:
            node = self.records[-1].group.nodes[-1]
            raise BackendError(
                f"node '{node.name}' ({node.op}): the calls of {self.kind} kernels so far are more than "
                f"{_MOST_STEPS:,}; a smaller batch needs fewer, backend 'cpu' none", code="backend.limit")
        self._touch(places)
        self.records[-1].calls.append(call)
        self._step += 1

    def _touch(self, places: Iterable[P]) -> None:
        """What lies at ``places`` is needed up to now."""
        for p in places:
            if p.slot.startswith(_ARENA):
                self._last_uses[p.slot.removeprefix(_ARENA)] = self._step
