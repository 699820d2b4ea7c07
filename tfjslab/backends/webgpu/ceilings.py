"""The ceilings of an adapter: what WGSL reaches at most there, by the clock that kernels are timed with.

How many independent values keep the arithmetic units busy, and in what order the memory is best walked over, differs
among adapters. So several of both are tried, and the very kernels that elementwise ops and sums are. A loop is made
longer until it takes some milliseconds, so that starting it is nothing. Everything runs several times, and the fastest
counts: a ceiling is what is possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tfjslab.backends.ceilings import Ceilings
from tfjslab.backends.webgpu.run.device import Device
from tfjslab.backends.webgpu.text.emit import function
from tfjslab.backends.webgpu.text.templates import Binding, grid, kernel
from tfjslab.backends.webgpu.trials import GpuTrial, Timed, Trials
from tfjslab.base.errors import BackendError
from tfjslab.base.machine import cache_sizes
from tfjslab.ops.expr import Expr, X, Y

_ROUNDS = 5
_LONG_ENOUGH_S = 4e-3
_MOST_LOOPS = 1 << 16  # of a loop inside of a kernel: drivers end what takes seconds
_LONGER = 4
_UNROLL, _MOVES = 16, 4  # of ceiling.wgsl
_VECTOR_BYTES, _LANES = 16, 4
_GROUP, _INVOCATIONS = 64, 1 << 16  # that compute: a GPU has a hundred thousand lanes
# Vectors of four in registers. llvmpipe keeps eight invocations in a register of each lane.
_SOFTWARE_SUMS, _SUMS = (1, 2, 3, 4), (2, 4, 8)
# Invocations of a workgroup that moves data, and the vectors that each moves before it goes elsewhere.
_SOFTWARE_WALKS, _WALKS = ((8, 16),), ((256, 4), (256, 16))
_ROW = 4096  # floats that are summed together
_MIB = 1 << 20
_UNKNOWN_CACHE = 2 * _MIB
_MEMORY_LEAST, _MEMORY_MOST, _TIMES_CACHE = 64 * _MIB, 256 * _MIB, 4


@dataclass(frozen=True)
class _Loop:
    """A kernel that does ``amount`` in each of its rounds; ``vectors`` is the size of what it reads and may write."""

    work: str
    group: int
    invocations: int
    sums: int = 1
    fused: bool = False
    steps: int = _MOVES
    vectors: int = 2

    @property
    def repeats(self) -> bool:
        """Whether rounds can be added."""
        return True

    @property
    def amount(self) -> int:
        """Operations, or bytes read and written, of a round."""
        if self.work == "flops":
            return (2 if self.fused else 1) * _LANES * self.sums * _UNROLL * self.invocations
        return (2 if self.work == "copy" else 1) * _VECTOR_BYTES * _MOVES * self.invocations

    @property
    def rounds(self) -> int:
        """The least that there are: what goes over a buffer goes over all of it."""
        return 1 if self.work == "flops" else self.steps // _MOVES

    def trial(self, rounds: int) -> GpuTrial:
        """The loop, ready to be timed."""
        written = self.vectors if self.work == "copy" else self.invocations
        sizes = {"rounds": rounds, "steps": self.steps, "mask": self.vectors - 1, "last": written - 1}
        k = kernel(
            "ceiling", (Binding("a", "vec4<f32>", constant=True), Binding("c", "vec4<f32>")), tuple(sizes),
            group=self.group, work=self.work, sums=self.sums, fused=self.fused,
            unroll=_UNROLL if self.work == "flops" else _MOVES,
        )
        return GpuTrial(k, (self.vectors, written), tuple(sizes.values()), grid(self.invocations // self.group))


@dataclass(frozen=True)
class _Kernel:
    """A kernel as it is, which does ``amount`` once."""

    made: GpuTrial
    amount: int
    rounds: int = 1
    repeats: bool = False

    def trial(self, _rounds: int) -> GpuTrial:
        """The kernel, ready to be timed."""
        return self.made


def measure_ceilings(device: Device) -> Ceilings:
    """Measure on one adapter, for a second or two."""
    software = device.adapter.software
    caches = cache_sizes() if software else {}
    cache = _power_of_two(caches.get(2, _UNKNOWN_CACHE))
    largest = max(caches.values(), default=0)
    wanted = min(max(_TIMES_CACHE * largest, _MEMORY_LEAST), _MEMORY_MOST) if software else _MEMORY_MOST
    large = min(_power_of_two(wanted), 2 * _power_of_two(device.max_binding))
    small = min(cache // 2, large)

    def most(loops: Iterable[_Loop | _Kernel]) -> float:
        return max(_rate(device, loop) for loop in loops)

    notes = [
        "" if software else f"adapters do not tell the size of their caches; {cache // _MIB} MiB are taken",
        f"the large buffer of {large // _MIB} MiB fits the largest cache, {largest // _MIB} MiB"
        if large <= largest else "",
        "" if device.has_timestamps else "timed by the host's clock, submitting and waiting included",
    ]
    return Ceilings(
        1, most(_computing(device, fused=False)), most(_computing(device, fused=True)),
        most(_moving(device, "copy", small)), most(_moving(device, "sum", small)),
        most(_moving(device, "copy", large)), most(_moving(device, "sum", large)), cache, small, large,
        "; ".join(filter(None, notes)), str(device.adapter),
    )


def _power_of_two(n: int) -> int:
    """The largest that is not above ``n``."""
    return 1 << (n.bit_length() - 1)


def _computing(device: Device, *, fused: bool) -> Iterable[_Loop]:
    for sums in _SOFTWARE_SUMS if device.adapter.software else _SUMS:
        yield _Loop("flops", _GROUP, _INVOCATIONS, sums, fused)


def _moving(device: Device, work: str, num_bytes: int) -> Iterable[_Loop | _Kernel]:
    """Copying from one half of ``num_bytes`` to the other, or summing all of them."""
    vectors = num_bytes // _VECTOR_BYTES // (2 if work == "copy" else 1)
    for group, steps in _SOFTWARE_WALKS if device.adapter.software else _WALKS:
        yield _Loop(work, group, vectors // steps, steps=steps, vectors=vectors)
    yield _Kernel(_copying(vectors) if work == "copy" else _summing(vectors), num_bytes)


def _copying(vectors: int) -> GpuTrial:
    """An elementwise kernel that does nothing."""
    bindings = Binding("c", "vec4<f32>"), Binding("x0", "vec4<f32>")
    k = kernel(
        "elementwise", bindings, ("count", "columns"), functions=(function(X, "float32"),), group=_GROUP,
        kinds=("full",), dtypes=("float32",), boolean=False, dims=0,
    )
    return GpuTrial(k, (vectors, vectors), (vectors, 1), grid(vectors // _GROUP))


def _summing(vectors: int) -> GpuTrial:
    """Sums of rows that lie together."""
    functions = (
        function(X + Y, "float32", "float32", lanes=1), function(X, "float32", lanes=1),
        function(Expr("const", leaf=0.0), lanes=1), function(X, "float32", lanes=1),
    )
    k = kernel(
        "reduce", (Binding("a", "f32"), Binding("c", "f32")), ("n", "inner", "count"), functions=functions, lanes=1,
        group=_GROUP, together=True, whole=False, takes_bool=False, gives_bool=False,
    )
    rows = _LANES * vectors // _ROW
    return GpuTrial(k, (vectors, rows), (_ROW, 1, rows), grid(rows))


def _rate(device: Device, loop: _Loop | _Kernel) -> float:
    """The most that it did in a second."""
    rounds = loop.rounds
    while True:
        with Trials(device) as trials:
            timed = trials.prepare(loop.trial(rounds))
            found = _best(timed)
        if found >= _LONG_ENOUGH_S or not loop.repeats or rounds * _LONGER > _MOST_LOOPS:
            break
        rounds *= _LONGER
    if found <= 0:
        raise BackendError("ceilings cannot be measured with a clock that stands still")
    return loop.amount * rounds / found


def _best(timed: Timed) -> float:
    return min(timed.seconds() for _ in range(_ROUNDS))
