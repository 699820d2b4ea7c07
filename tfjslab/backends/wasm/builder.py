"""Collects the kernel calls of a plan: where values lie, what is constant, which call needs what.

Lowerings (``tfjslab.backends.wasm.lower``) talk to a ``Builder``; the result is pure data that ``program.py`` turns
into a module and ``plan.py`` runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field

from tfjslab.backends.kernels.memory_plan import Lifetime
from tfjslab.backends.kernels.strides import collapse
from tfjslab.backends.wasm.text.emit import Lanes
from tfjslab.backends.wasm.text.layouts import Layout, pitch, plane_floats
from tfjslab.backends.wasm.text.packing import Block, Packing, as_it_is
from tfjslab.backends.wasm.text.templates import Kernel, kernel
from tfjslab.backends.wasm.tuning import Tile, TileChoice, Trial, tuner
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import MAX_FOLDED_ELEMENTS, Specialized
from tfjslab.ops.expr import X
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group

# Less work than this, some 2 us, is not worth a barrier. Moving an element counts as much as several operations.
_SHARED_FLOPS = 100_000
_FLOPS_OF_A_COPY = 8


@dataclass(frozen=True)
class Place:
    """An address: a slot (``arena:name``, ``const:number``, ``in:value``, ``out:value``) and a byte offset in it."""

    slot: str
    offset: int = 0

    def __add__(self, num_bytes: int) -> Place:
        return Place(self.slot, self.offset + num_bytes)


@dataclass(frozen=True, eq=False)
class Constant:
    """A block of the session: its key, what makes it, and the array whose identity is part of the key.

    ``recipe`` are the constant value, the name of its layout and the packing, where that is all there is to it.
    """

    key: Hashable
    make: Callable[[], Block]
    source: Array | None
    recipe: tuple[str, Hashable, Packing] | None = None


@dataclass(frozen=True)
class Call:
    """One kernel call; ``units`` is the extent of the work that threads share, 1 when they do not."""

    kernel: Kernel
    args: tuple[Place, ...]
    units: int
    parallel: bool


@dataclass(frozen=True)
class HostStep:
    """A node that numpy runs, over views of the plan's memory; absent optional inputs are None."""

    node: Node
    inputs: tuple[tuple[Place, Spec] | None, ...]
    outputs: tuple[tuple[Place, Spec], ...]


@dataclass
class Record:
    """What one line of a profile covers: the group and its calls, or a host step with the reason."""

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
        self, program: Specialized, outputs: Collection[str], lanes: Lanes, choice: TileChoice | None = None, *,
        sums_weights: bool = True,
    ) -> None:
        self.graph = program.graph
        self.specs = program.specs
        self.outputs = frozenset(outputs)
        self.tuner = choice or tuner(lanes)
        self.sums_weights = sums_weights  # whether constants may be computed from weights, not only laid out
        self.lanes = lanes.count
        self.tiles: dict[str, Tile] = {}
        # Whether what was lowered depends on the content of large constants otherwise than by packing them.
        self.reads_weights = False
        self.records: list[Record] = []
        self.constants: dict[str, Constant] = {}
        self.scratch_bytes = 0
        self._places: dict[tuple[str, Layout], Place] = {}
        self._spans: dict[str, _Span] = {}
        self._slots: dict[Hashable, str] = {}  # of constants, by key
        self._made_outputs: dict[str, int] = {}  # the step that each is first written at
        self._room: dict[str, int] = {}  # floats that a value's planes are to have room for
        self._step = 0
        for p in program.graph.inputs:
            self._places[p.value, Layout.ROWS] = Place(f"in:{p.value}")

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
        """The array of a constant value, else None; for what looks into it while planning."""
        array = self.graph.constants.get(value)
        if array is not None and array.size > MAX_FOLDED_ELEMENTS:
            self.reads_weights = True
        return array

    def has_planes(self, value: str) -> bool:
        """Whether the value already lies as channel planes."""
        return (value, Layout.PLANES) in self._places

    def rows(self, value: str) -> Place:
        """The value row-major, converted if it lies as planes."""
        if (value, Layout.ROWS) not in self._places:
            if value in self.graph.constants:
                self._places[value, Layout.ROWS] = self._packed(value, "rows", as_it_is())
            else:
                self._to_rows(value, self.new(value, Layout.ROWS))
        return self._places[value, Layout.ROWS]

    def planes(self, value: str) -> Place:
        """The rank-4 value as channel planes, converted if it lies row-major."""
        if (value, Layout.PLANES) not in self._places:
            source = self.rows(value)
            n, h, w, c = self.shape(value)
            out = self.new(value, Layout.PLANES)
            step = pitch(h * w, w)
            self.copy(source, out, (n, c, h * w), (h * w * c, 1, c), (c * step, step, 1))
        return self._places[value, Layout.PLANES]

    def _to_rows(self, value: str, out: Place) -> None:
        n, h, w, c = self.shape(value)
        step = pitch(h * w, w)
        self.copy(self._places[value, Layout.PLANES], out, (n, h * w, c), (c * step, 1, step), (h * w * c, c, 1))

    def new(self, value: str, layout: Layout = Layout.ROWS) -> Place:
        """Room for a value that is about to be computed."""
        spec = self.spec(value)
        if layout is Layout.ROWS and value in self.outputs:
            place = Place(f"out:{value}")
            self._made_outputs.setdefault(value, self._step)
        else:
            planes = layout is Layout.PLANES
            floats = max(plane_floats(spec.known_shape), self._room.get(value, 0)) if planes else 0
            size = floats * 4 or spec.size * numpy_dtype(spec.dtype).itemsize
            place = self._allocate(f"{value}@{layout.value}", size)
        self._places[value, layout] = place
        return place

    def reserve(self, value: str, larger: str) -> None:
        """Let the planes of a value be made with room behind them for those of ``larger``, which begins with them."""
        self._room[value] = plane_floats(self.shape(larger))

    def grow_planes(self, value: str, larger: str) -> Place | None:
        """Let ``larger`` be the planes of a value and the room behind them; gives that, None where there is none."""
        place = self._places.get((value, Layout.PLANES))
        if value not in self._room or larger in self.outputs or place != Place(f"arena:{value}@{Layout.PLANES.value}"):
            return None
        self._places[larger, Layout.PLANES] = place
        return place + 4 * plane_floats(self.shape(value))

    def temporary(self, num_bytes: int) -> Place:
        """Room that only the current group needs."""
        return self._allocate(f"temporary {self._step} {len(self._spans)}", num_bytes)

    def _allocate(self, name: str, num_bytes: int) -> Place:
        self._spans[name] = _Span(num_bytes, self._step, self._step)
        return Place(f"arena:{name}")

    def alias(self, value: str, source: str) -> None:
        """Let a value be another's bytes (reshape); an output gets its own copy."""
        place = self.rows(source)
        if value in self.outputs:
            words = -(-self.spec(value).num_bytes // 4)  # a rest of bytes is rounded, as in _copy_out
            self.copy(place, self.new(value), (1, words), (words, 1), (words, 1))
        else:
            self._places[value, Layout.ROWS] = place

    def alias_planes(self, value: str, source: str) -> None:
        """Let a value be another's planes."""
        self._places[value, Layout.PLANES] = self.planes(source)

    def constant(self, key: Hashable, make: Callable[[], Block], source: Array | None = None) -> Place:
        """A constant block, made and stored once per session under ``key``.

        Blocks made from a ``source`` array belong to that very array: graphs of one session may use names twice.
        """
        return self._constant(Constant((key, None if source is None else id(source)), make, source))

    def packed(self, value: str, how: Hashable, make: Callable[[Array], Block]) -> Place | None:
        """A constant value laid out by ``make``, once per session; None when the value is not constant.

        Where ``make`` is a ``Packing``, the plan can be kept on disk.
        """
        return self._packed(value, how, make) if value in self.graph.constants else None

    def _packed(self, value: str, how: Hashable, make: Callable[[Array], Block]) -> Place:
        array = self.graph.constants[value]
        recipe = (value, how, make) if isinstance(make, Packing) else None
        return self._constant(Constant(((value, how), id(array)), lambda: make(array), array, recipe))

    def _constant(self, constant: Constant) -> Place:
        slot = self._slots.setdefault(constant.key, f"const:{len(self._slots)}")
        self.constants.setdefault(slot, constant)
        return Place(slot)

    def finish(self) -> list[Lifetime]:
        """Put outputs where they belong, each under a record of its own, and return the arena's buffers."""
        for value in sorted(self.outputs):
            place = self._places.get((value, Layout.ROWS))
            if place != Place(f"out:{value}"):
                copied = Group(None, (Node(value, "Identity", (value,)),), X, (value,), value)
                self.open(copied, "Identity" if place or value in self.graph.constants else "Transpose")
                self._copy_out(value, place)
        return [Lifetime(n, s.size, s.first, s.last) for n, s in self._spans.items()]

    def output_lifetimes(self) -> list[Lifetime]:
        """The outputs, which lie outside of the arena, each from when it is made to the end."""
        return [Lifetime(v, self.spec(v).num_bytes, s, self._step) for v, s in self._made_outputs.items()]

    def _copy_out(self, value: str, place: Place | None) -> None:
        source = self.rows(value) if place or value in self.graph.constants else None
        out = self.new(value)
        if source is None:
            self._to_rows(value, out)
        else:
            words = -(-self.spec(value).num_bytes // 4)  # blocks end on a cache line, so a rest of bytes may be rounded
            self.copy(source, out, (1, words), (words, 1), (words, 1))

    def choose(self, kind: str, tiles: tuple[Tile, ...], trial: Callable[[Tile], Trial]) -> Tile:
        """The fastest tile for a class of kernels; noted for the report."""
        tile = self.tuner.choose(kind, tiles, trial)
        self.tiles[kind] = tile
        return tile

    # ---- calls -------------------------------------------------------------------------------------------------

    def open(self, group: Group, kernel_name: str, reason: str = "") -> Record:
        """Start the record of a group; later calls belong to it."""
        record = Record(group, kernel_name, reason=reason, first_step=self._step)
        self.records.append(record)
        return record

    def call(self, k: Kernel, args: tuple[Place, ...], units: int, *, flops: int = 0, scratch_bytes: int = 0) -> None:
        """Add a kernel call. ``flops`` decides whether it is shared among threads."""
        if units == 0:
            return
        self.scratch_bytes = max(self.scratch_bytes, scratch_bytes)
        self._touch(args)
        self.records[-1].calls.append(Call(k, args, units, parallel=units > 1 and flops >= _SHARED_FLOPS))
        self._step += 1

    def host(self, node: Node) -> None:
        """Add a host step for a node."""
        ins = tuple((self.rows(v), self.spec(v)) if v else None for v in node.inputs)
        outs = tuple((self.new(v), self.spec(v)) for v in node.outputs)
        self._touch([p for p, _ in (*(i for i in ins if i), *outs)])
        self.records[-1].host = HostStep(node, ins, outs)
        self._step += 1

    def _touch(self, places: Collection[Place]) -> None:
        for p in places:
            if p.slot.startswith("arena:"):
                span = self._spans[p.slot.removeprefix("arena:")]
                span.last = self._step

    def copy(
        self, source: Place, out: Place, dims: tuple[int, ...], source_strides: tuple[int, ...],
        out_strides: tuple[int, ...],
    ) -> None:
        """Strided copy of 4-byte elements, strides in elements."""
        if 0 in dims:
            return
        d, s, o = collapse(dims, (source_strides, out_strides))
        k = kernel("copy", ("x", "c"), dims=d, src=s, dst=o)
        self.call(k, (source, out), d[0], flops=_FLOPS_OF_A_COPY * size_of(d))

    def fill(self, out: Place, floats: int, value: float) -> None:
        """Set ``floats`` floats, rounded up to a vector, to one value."""
        if floats:
            self.call(kernel("fill", ("c",), n=floats, value=value), (out,), 1)
