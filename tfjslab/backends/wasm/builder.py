"""Where values of a plan lie in linear memory, and the kernel calls on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.kernels.builder import Builder, Constant, HostStep, Place, Record
from tfjslab.backends.kernels.memory_plan import Lifetime
from tfjslab.backends.kernels.strides import collapse
from tfjslab.backends.wasm.text.emit import Lanes
from tfjslab.backends.wasm.text.layouts import Layout, pitch, plane_floats
from tfjslab.backends.wasm.text.packing import Block, Packing, as_it_is
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.backends.wasm.text.transposition import transposed_blocks
from tfjslab.backends.wasm.tuning import TileChoice, WasmTile, WasmTrial, tuner
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.ir import Node
from tfjslab.graph.specialize import MAX_FOLDED_ELEMENTS, Specialized
from tfjslab.ops.expr import X
from tfjslab.ops.registry import Spec
from tfjslab.passes.fusion import Group

# Less work than this, some 2 us, is not worth a barrier. Moving an element counts as much as several operations.
_SHARED_FLOPS = 100_000
_FLOPS_OF_A_COPY = 8
_BYTES_OF_A_FLOP = 16  # of a run that stays together
_WORD = 4  # bytes


@dataclass(frozen=True)
class WasmPlace(Place):
    """An address: a byte offset in a slot."""

    offset: int = 0

    def __add__(self, num_bytes: int) -> WasmPlace:
        return WasmPlace(self.slot, self.offset + num_bytes)


@dataclass(frozen=True, eq=False)
class WasmConstant(Constant):
    """Made as a ``Block``.

    ``recipe`` are the constant value, the name of its layout and the packing, where that is all there is to it.
    """

    recipe: tuple[str, Hashable, Packing] | None = None


@dataclass(frozen=True)
class WasmCall:
    """One kernel call; ``units`` is the extent of the work that threads share, 1 when they do not."""

    kernel: WasmKernel
    args: tuple[WasmPlace, ...]
    units: int
    parallel: bool


WasmRecord = Record[WasmPlace, WasmCall]
WasmHostStep = HostStep[WasmPlace]


class WasmBuilder(Builder[WasmPlace, WasmCall, WasmConstant]):
    """Values lie row-major, or as channel planes: each where it was first wanted so."""

    kind = "WebAssembly"

    def __init__(
        self, program: Specialized, outputs: Collection[str], lanes: Lanes, choice: TileChoice | None = None, *,
        sums_weights: bool = True,
    ) -> None:
        super().__init__(program, outputs)
        self.tuner = choice or tuner(lanes)
        self.sums_weights = sums_weights  # whether constants may be computed from weights, not only laid out
        self.lanes = lanes.count
        self.tiles: dict[str, WasmTile] = {}
        # Whether what was lowered depends on the content of large constants otherwise than by packing them.
        self.reads_weights = False
        self.scratch_bytes = 0
        self._places: dict[tuple[str, Layout], WasmPlace] = {}
        self._room: dict[str, int] = {}  # floats that a value's planes are to have room for
        for p in program.graph.inputs:
            self._places[p.value, Layout.ROWS] = WasmPlace(f"in:{p.value}")

    # ---- values ------------------------------------------------------------------------------------------------

    def constant_array(self, value: str) -> Array | None:
        """See ``Builder``; the content of large constants is not part of a plan's key."""
        array = super().constant_array(value)
        if array is not None and array.size > MAX_FOLDED_ELEMENTS:
            self.reads_weights = True
        return array

    def item(self, value: str) -> int:
        """Bytes of an element of a value."""
        return numpy_dtype(self.spec(value).dtype).itemsize

    def has_planes(self, value: str) -> bool:
        """Whether the value already lies as channel planes."""
        return (value, Layout.PLANES) in self._places

    def rows(self, value: str) -> WasmPlace:
        """The value row-major, converted if it lies as planes."""
        if (value, Layout.ROWS) not in self._places:
            made = self.packed(value, "rows", as_it_is())
            if made:
                self._places[value, Layout.ROWS] = made
            else:
                self._to_rows(value, self.new(value))
        return self._places[value, Layout.ROWS]

    def planes(self, value: str) -> WasmPlace:
        """The rank-4 value as channel planes, converted if it lies row-major."""
        if (value, Layout.PLANES) not in self._places:
            source = self.rows(value)
            n, h, w, c = self.shape(value)
            out = self.new(value, Layout.PLANES)
            step = pitch(h * w, w)
            self.copy(source, out, (n, c, h * w), (h * w * c, 1, c), (c * step, step, 1))
        return self._places[value, Layout.PLANES]

    def _to_rows(self, value: str, out: WasmPlace) -> None:
        n, h, w, c = self.shape(value)
        step = pitch(h * w, w)
        self.copy(self._places[value, Layout.PLANES], out, (n, h * w, c), (c * step, 1, step), (h * w * c, c, 1))

    def new(self, value: str, layout: Layout = Layout.ROWS) -> WasmPlace:
        """Room for a value that is about to be computed."""
        spec = self.spec(value)
        if layout is Layout.ROWS and value in self.outputs:
            place = WasmPlace(self._output_slot(value))
        else:
            planes = layout is Layout.PLANES
            floats = max(plane_floats(spec.known_shape), self._room.get(value, 0)) if planes else 0
            size = floats * 4 or spec.size * self.item(value)
            place = WasmPlace(self._arena_slot(f"{value}@{layout.value}", size))
        self._places[value, layout] = place
        return place

    def reserve(self, value: str, larger: str) -> None:
        """Let the planes of a value be made with room behind them for those of ``larger``, which begins with them."""
        self._room[value] = plane_floats(self.shape(larger))

    def grow_planes(self, value: str, larger: str) -> WasmPlace | None:
        """Let ``larger`` be the planes of a value and the room behind them; gives that, None where there is none."""
        place = self._places.get((value, Layout.PLANES))
        own = WasmPlace(f"arena:{value}@{Layout.PLANES.value}")
        if value not in self._room or larger in self.outputs or place != own:
            return None
        self._places[larger, Layout.PLANES] = place
        return place + 4 * plane_floats(self.shape(value))

    def temporary(self, num_bytes: int) -> WasmPlace:
        """Room that only the current group needs."""
        return WasmPlace(self._arena_slot("", num_bytes))

    def alias(self, value: str, source: str) -> None:
        """Let a value be another's bytes (reshape); an output gets its own copy."""
        place = self.rows(source)
        if value in self.outputs:
            self._copy_words(value, place)
        else:
            self._places[value, Layout.ROWS] = place

    def alias_planes(self, value: str, source: str) -> None:
        """Let a value be another's planes."""
        self._places[value, Layout.PLANES] = self.planes(source)

    def constant(self, key: Hashable, make: Callable[[], Block], source: Array | None = None) -> WasmPlace:
        """See ``Builder``; made as any block."""
        whole = (key, None if source is None else id(source))
        return WasmPlace(self._constant_slot(WasmConstant(whole, make, source)))

    def packed(self, value: str, how: Hashable, make: Callable[[Array], Block]) -> WasmPlace | None:
        """See ``Builder``; a ``Packing`` is data, which plans on disk and web modules need."""
        array = self.graph.constants.get(value)
        if array is None:
            return None
        recipe = (value, how, make) if isinstance(make, Packing) else None
        constant = WasmConstant(((value, how), id(array)), lambda: make(array), array, recipe)
        return WasmPlace(self._constant_slot(constant))

    def finish(self) -> list[Lifetime]:
        """Put outputs where they belong, each under a record of its own, and return the arena's buffers."""
        for value in sorted(self.outputs):
            place = self._places.get((value, Layout.ROWS))
            if place != WasmPlace(f"out:{value}"):
                rows = bool(place) or value in self.graph.constants
                copied = Group(None, (Node(value, "Identity", (value,)),), X, (value,), value)
                self.open(copied, "Identity" if rows else "Transpose")
                if rows:
                    self._copy_words(value, self.rows(value))
                else:
                    self._to_rows(value, self.new(value))
        return self.lifetimes()

    def _copy_words(self, value: str, source: WasmPlace) -> None:
        """Copy to an output; blocks end on a cache line, so a rest of bytes may be rounded up."""
        words = -(-self.spec(value).num_bytes // 4)
        self.copy(source, self.new(value), (1, words), (words, 1), (words, 1))

    def choose(self, kind: str, tiles: tuple[WasmTile, ...], trial: Callable[[WasmTile], WasmTrial]) -> WasmTile:
        """The fastest tile for a class of kernels; noted for the report."""
        tile = self.tuner.choose(kind, tiles, trial)
        self.tiles[kind] = tile
        return tile

    # ---- calls -------------------------------------------------------------------------------------------------

    def call(
        self, k: WasmKernel, args: tuple[WasmPlace, ...], units: int, *, flops: int = 0, scratch_bytes: int = 0,
    ) -> None:
        """Add a kernel call. ``flops`` decides whether it is shared among threads."""
        if units == 0:
            return
        self.scratch_bytes = max(self.scratch_bytes, scratch_bytes)
        parallel = units > 1 and flops >= _SHARED_FLOPS
        self._add(WasmCall(k, args, units, parallel), args)

    def _read_by_host(self, value: str) -> tuple[WasmPlace, Spec]:
        return self.rows(value), self.spec(value)

    def copy(
        self, source: WasmPlace, out: WasmPlace, dims: tuple[int, ...], source_strides: tuple[int, ...],
        out_strides: tuple[int, ...], item: int = _WORD,
    ) -> None:
        """Strided copy of elements of ``item`` bytes (4 or 1), strides in elements."""
        if 0 in dims:
            return
        d, s, o = collapse(dims, (source_strides, out_strides))
        k, units, work = (_copies_words if item == _WORD else _copies_bytes)(d, s, o)
        self.call(k, (source, out), units, flops=work)

    def fill(self, out: WasmPlace, count: int, value: float, dtype: str = "float32") -> None:
        """Set ``count`` elements, words rounded up to a vector, to one value."""
        if not count:
            return
        with np.errstate(all="ignore"):
            of_dtype = np.asarray(value).astype(numpy_dtype(dtype))
        if of_dtype.itemsize == _WORD:
            k = kernel("fill", ("c",), n=count, bits=int(of_dtype.view(np.int32)))
        else:
            k = kernel("fill_int8", ("c",), n=count, value=int(of_dtype.view(np.int8)))
        self.call(k, (out,), 1)


def _copies_words(dims: Shape, source: Shape, out: Shape) -> tuple[WasmKernel, int, int]:
    """A kernel, the extent of its work, and how much that is."""
    work = _FLOPS_OF_A_COPY * size_of(dims)
    turned = transposed_blocks(dims, source, out)
    if turned:
        return kernel("transpose", ("x", "c"), **vars(turned)), turned.units, work
    return kernel("copy", ("x", "c"), dims=dims, src=source, dst=out), dims[0], work


def _copies_bytes(dims: Shape, source: Shape, out: Shape) -> tuple[WasmKernel, int, int]:
    run = 1
    if source[-1] == out[-1] == 1:  # bytes that stay together
        dims, source, out, run = dims[:-1], source[:-1], out[:-1], dims[-1]
    work = size_of(dims) * (_FLOPS_OF_A_COPY + run // _BYTES_OF_A_FLOP)
    return kernel("copy_int8", ("x", "c"), dims=dims, src=source, dst=out, n=run), dims[0], work
