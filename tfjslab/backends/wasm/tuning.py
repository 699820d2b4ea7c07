"""Which tile is fastest on this machine: measured once for each class of kernel, kept on disk, and reported.

What is fastest cannot be derived: Cranelift's register allocation decides whether an accumulator is spilled, and
processors differ in what fused multiply-add gains. So a few candidates, compiled as one module, run on the kernel's
real size against each other (``tfjslab.backends.kernels.race``). When a layer's turn comes, what it reads and writes is
in the caches, but its weights were not touched since the last inference: so candidates share the former and have
weights of their own. The choice changes speed and, with fused multiply-add, the last bit of results; it is
deterministic once made, and kept with how sure it is (``tfjslab.backends.kernels.choices``).
``env().set("WASM_CALIBRATE", False)`` turns measuring off, then the first candidate is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from tfjslab.backends.flags import env
from tfjslab.backends.kernels.choices import Choices, choices_path
from tfjslab.backends.kernels.race import Confidence, Sample, on_this_thread, race, waiting
from tfjslab.backends.kernels.sources import sources_digest
from tfjslab.backends.wasm.run.engine import ENGINE_NAME, Instance, compile_text
from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.backends.wasm.text.emit import Lanes
from tfjslab.backends.wasm.text.templates import WasmKernel, functions, name_function
from tfjslab.base import forks
from tfjslab.base.limits import check_memory
from tfjslab.base.machine import cpu_identity

# What fused multiply-add has to gain. Where it is faster at all it is so by far. While another hardware thread of the
# same core computes, for seconds at a time on a virtual machine, it seemed up to 6% faster where alone it takes a third
# longer.
_FUSED_GAIN = 1.15
_HEAD = '(module (import "env" "memory" (memory 1 65536 shared)) (export "memory" (memory 0))'


@dataclass(frozen=True)
class WasmTile:
    """``outputs`` by ``vectors`` accumulators, steps in one round of the product loop, and fused multiply-add or not.

    ``cut`` ends a basic block after so many vectors of a step (0: not at all), so that the compiler loads them late.
    ``columns`` transposes the product: ``outputs`` vectors of outputs by ``vectors`` pixels, which are splat.
    """

    outputs: int
    vectors: int
    unroll: int
    relaxed: bool = False
    cut: int = 0
    columns: bool = False

    def __str__(self) -> str:
        kind = "fma" if self.relaxed else "mul+add"
        cut = f" cut{self.cut}" if self.cut else ""
        return f"{self.outputs}x{self.vectors} u{self.unroll} {kind}{cut}{' columns' if self.columns else ''}"


@dataclass(frozen=True)
class WasmTrial:
    """A kernel to be measured: how much memory each pointer needs, its scratch, and its units of work."""

    kernel: WasmKernel
    pointer_bytes: tuple[int, ...]
    scratch_bytes: int
    units: int


class TileChoice(Protocol):
    """Who chooses tiles."""

    def choose(
        self, kind: str, tiles: tuple[WasmTile, ...], trial: Callable[[WasmTile], WasmTrial],
    ) -> WasmTile:
        """The tile for kernels of a class. ``trial`` builds the kernel with a candidate, on a real size."""
        ...


class WasmTuner:
    """Choices for one kind of vector, from disk and by measuring. Safe to use from several threads."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        # Choices hold for one processor, one engine and one state of the kernel sources.
        path = choices_path("wasm-tiles", cpu_identity(), ENGINE_NAME, sources_digest("wasm"), lanes.name)
        self._choices = Choices[dict[str, Any]](path, lambda tile: asdict(WasmTile(**tile)))

    def choose(self, kind: str, tiles: tuple[WasmTile, ...], trial: Callable[[WasmTile], WasmTrial]) -> WasmTile:
        """The tile for kernels of a class. ``trial`` builds the kernel with a candidate, on a real size."""
        if not env().get("WASM_CALIBRATE"):
            return tiles[0]
        return WasmTile(**self._choices.find(kind, lambda: self._measure(tiles, trial)))

    def agrees(self, chosen: Mapping[str, WasmTile]) -> bool:
        """Whether all these tiles are what ``choose`` would answer without measuring.

        Without calibration it answers the first candidates, which are known only to who asks.
        """
        return not env().get("WASM_CALIBRATE") or all(self._choices.get(k) == asdict(t) for k, t in chosen.items())

    def doubts(self, kinds: Iterable[str]) -> dict[str, str]:
        """Why the choices of these classes may be wrong, of those that are in doubt."""
        return self._choices.doubts(kinds)

    def _measure(
        self, tiles: tuple[WasmTile, ...], trial: Callable[[WasmTile], WasmTrial],
    ) -> tuple[dict[str, Any], Confidence]:
        """The candidate that runs fastest, and how sure that is."""
        trials = [trial(t) for t in tiles]
        heap = Heap()
        try:
            instance = Instance(_module({f"run{i}": t.kernel for i, t in enumerate(trials)}, self._lanes), heap.memory)
            try:
                runs = _prepare(trials, instance, heap)
                verdict = race([_judged(run, tile) for run, tile in zip(runs, tiles, strict=True)], waiting())
                return asdict(tiles[verdict.fastest]), verdict.confidence
            finally:
                instance.close()
        finally:
            heap.close()


def _judged(run: Callable[[], None], tile: WasmTile) -> Sample:
    """Samples of a candidate, as they count."""
    sample = on_this_thread(run)
    return (lambda: _FUSED_GAIN * sample()) if tile.relaxed else sample


@lru_cache(maxsize=4)
def tuner(lanes: Lanes) -> WasmTuner:
    """The tuner of a kind of vector; choices are read from disk once."""
    return WasmTuner(lanes)


forks.in_child(tuner.cache_clear)  # another thread may have been measuring


def single_module(k: WasmKernel, lanes: Lanes) -> Any:
    """A module with nothing but one kernel, exported as ``run``."""
    return _module({"run": k}, lanes)


def _module(exports: Mapping[str, WasmKernel], lanes: Lanes) -> Any:
    """A module of kernels by the names they are exported as: parts that they share are compiled once."""
    names: dict[WasmKernel, str] = {}
    exported = [f'(export "{name}" (func ${name_function(names, k)}))' for name, k in exports.items()]
    return compile_text("\n".join([_HEAD, *functions(names, lanes), *exported, ")"]))


def _prepare(trials: Sequence[WasmTrial], instance: Instance, heap: Heap) -> list[Callable[[], None]]:
    """Calls of ``run0`` and on, on the same memory but for scratch's size and weights, which each has for itself."""
    pointers = trials[0].kernel.pointers
    scratch = _filled(heap, max(t.scratch_bytes for t in trials))
    shared = [_filled(heap, size, zero=p == "table") for p, size in zip(pointers, trials[0].pointer_bytes, strict=True)]
    runs: list[Callable[[], None]] = []
    for i, t in enumerate(trials):
        own = zip(pointers, t.pointer_bytes, shared, strict=True)
        addresses = [_filled(heap, size) if i and p == "w" else address for p, size, address in own]
        instance.prepare(f"run{i}", 3 + len(pointers))
        runs.append(partial(instance.call, f"run{i}", 0, t.units, scratch, *addresses))
    return runs


def _filled(heap: Heap, num_bytes: int, *, zero: bool = False) -> int:
    """A block of small positive numbers, which keep sums finite and away from denormals, or of zeros: a table."""
    check_memory("a kernel that is measured", num_bytes)  # of hostile attributes: the plan would be refused as well
    address = heap.alloc(num_bytes)
    heap.view(address, (num_bytes // 4,), np.dtype(np.float32))[...] = 0.0 if zero else 0.01
    return address
