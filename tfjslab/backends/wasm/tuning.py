"""Which tile is fastest on this machine: measured once for each class of kernel, kept on disk, and reported.

What is fastest cannot be derived: Cranelift's register allocation decides whether an accumulator is spilled, and
processors differ in what fused multiply-add gains. So a few candidates run on the kernel's real size, interleaved, and
the smallest of several times wins. The choice changes speed and, with fused multiply-add, the last bit of results;
it is deterministic once made. ``env().set("WASM_CALIBRATE", False)`` turns measuring off, then the first candidate is
taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.backends.registry import env
from tfjslab.backends.wasm.emit import Lanes
from tfjslab.backends.wasm.engine import ENGINE_NAME, Instance, compile_text
from tfjslab.backends.wasm.heap import Heap
from tfjslab.backends.wasm.templates import Kernel, functions, name_function, sources_digest
from tfjslab.base.machine import cpu_identity
from tfjslab.base.user_cache import cache_root, write_atomically

_ROUNDS = 5
_HEAD = '(module (import "env" "memory" (memory 1 65536 shared)) (export "memory" (memory 0))'


@dataclass(frozen=True)
class Tile:
    """``outputs`` by ``vectors`` accumulators, steps in one round of the product loop, and fused multiply-add or not.

    ``cut`` ends a basic block after so many vectors of a step (0: not at all), so that the compiler loads them late.
    ``columns`` turns the product round: ``outputs`` vectors of outputs by ``vectors`` pixels, which are multiplied out.
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
class Trial:
    """A kernel to be measured: how much memory each pointer needs, its scratch, and its units of work."""

    kernel: Kernel
    pointer_bytes: tuple[int, ...]
    scratch_bytes: int
    units: int


class Tuner:
    """Choices for one kind of vector, from disk and by measuring. Safe to use from several threads."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._lock = threading.RLock()
        self._path = _choices_path(lanes)
        self._choices: dict[str, dict[str, Any]] = _read(self._path)

    def choose(self, kind: str, tiles: tuple[Tile, ...], trial: Callable[[Tile], Trial]) -> Tile:
        """The tile for kernels of a class. ``trial`` builds the kernel with a candidate, on a real size."""
        if not env().get("WASM_CALIBRATE"):
            return tiles[0]
        with self._lock:
            if kind not in self._choices:
                self._choices[kind] = asdict(self._measure(tiles, trial))
                with contextlib.suppress(OSError):  # a cache that cannot be written only costs time
                    write_atomically(self._path, json.dumps(self._choices, indent=1).encode())
            return Tile(**self._choices[kind])

    def agrees(self, chosen: Mapping[str, Tile]) -> bool:
        """Whether all these tiles are what ``choose`` would answer without measuring.

        Without calibration it answers the first candidates, which are known only to who asks.
        """
        with self._lock:
            return not env().get("WASM_CALIBRATE") or all(self._choices.get(k) == asdict(t) for k, t in chosen.items())

    def _measure(self, tiles: tuple[Tile, ...], trial: Callable[[Tile], Trial]) -> Tile:
        """Run all candidates in turn, several rounds, and take the one with the smallest time."""
        trials = [trial(t) for t in tiles]
        heap = Heap()
        instances = [Instance(single_module(t.kernel, self._lanes), heap.memory) for t in trials]
        try:
            runs = [_prepare(t, i, heap) for t, i in zip(trials, instances, strict=True)]
            best = np.min([[_time(run) for run in runs] for _ in range(_ROUNDS)], axis=0)
        finally:
            for i in instances:
                i.close()
            heap.close()
        return tiles[int(np.argmin(best))]


@lru_cache(maxsize=4)
def tuner(lanes: Lanes) -> Tuner:
    """The tuner of a kind of vector; choices are read from disk once."""
    return Tuner(lanes)


def single_module(k: Kernel, lanes: Lanes) -> Any:
    """A module with nothing but one kernel, exported as ``run``."""
    names: dict[Kernel, str] = {}
    name = name_function(names, k)
    return compile_text("\n".join([_HEAD, *functions(names, lanes), f'(export "run" (func ${name})))']))


def _prepare(t: Trial, instance: Instance, heap: Heap) -> Callable[[], None]:
    """A call on memory of its own. Small positive numbers keep sums finite and away from denormals."""
    addresses = []
    for num_bytes in (t.scratch_bytes, *t.pointer_bytes):
        address = heap.alloc(num_bytes)
        heap.view(address, (num_bytes // 4,), np.dtype(np.float32))[...] = 0.01
        addresses.append(address)
    table = next((a for a, p in zip(addresses[1:], t.kernel.pointers, strict=True) if p == "table"), None)
    if table is not None:
        heap.view(table, (t.pointer_bytes[t.kernel.pointers.index("table")] // 4,), np.dtype(np.int32))[...] = 0
    instance.prepare("run", 3 + len(t.kernel.pointers))
    return lambda: instance.call("run", 0, t.units, *addresses)


def _time(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _choices_path(lanes: Lanes) -> Path:
    """Choices hold for one processor, one engine and one state of the kernel sources."""
    parts = (cpu_identity(), ENGINE_NAME, sources_digest(), lanes.name)
    return cache_root() / "wasm-tiles" / f"{hashlib.sha256(repr(parts).encode()).hexdigest()}.json"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The choices on disk; whatever is not readable is measured again."""
    try:
        found = json.loads(path.read_bytes())
        return {k: asdict(Tile(**v)) for k, v in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
