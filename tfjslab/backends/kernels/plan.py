"""A compiled graph: one run at a time, kept outputs that a failure gives back, and one end."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tfjslab.backends.base import Buffer, PlanInfo
from tfjslab.backends.host_threads import host_threads
from tfjslab.backends.kernels.builder import Constant
from tfjslab.backends.kernels.session import CountedConstants, KernelSession
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError
from tfjslab.base.interrupts import Heard, Uninterrupted
from tfjslab.base.out_of_memory import backend_out_of_memory
from tfjslab.graph.specialize import Specialized

Feeds = Mapping[str, Array | Buffer]


class KernelPlan(ABC):
    """What a backend adds makes the plan, runs it and gives its memory back.

    It sets what ``_release`` needs before it calls this ``__init__``, which gives everything back when making fails.
    """

    def __init__(
        self, session: KernelSession[Any], constants: CountedConstants[Any, Any], program: Specialized,
        outputs: Sequence[str],
    ) -> None:
        start = time.perf_counter()
        self._session = session
        self._constants = constants
        self._held: list[Hashable] = []  # keys of constants
        self._inputs = tuple(p.value for p in program.graph.inputs)
        self._outputs = tuple(outputs)
        self._specs = program.specs
        self._host_threads = 0  # for numpy, in a plan that has host steps; ``_build`` sets it
        self._lock = threading.Lock()
        self._disposed = False
        try:
            with Heard():
                self.info = self._build(program, start)
        except BaseException:
            with Uninterrupted():
                self._give_back()
            raise

    # ---- what a backend adds -----------------------------------------------------------------------------------

    @abstractmethod
    def _build(self, program: Specialized, start: float) -> PlanInfo:
        """Lower and lay out; ``start`` is when making began."""

    @abstractmethod
    def _run(self, feeds: Feeds, stamps: list[float] | None) -> dict[str, Array | Buffer]:
        """Compute fresh arrays."""

    @abstractmethod
    def _run_into(self, kept: Mapping[str, Buffer], feeds: Feeds, stamps: list[float] | None) -> None:
        """Compute the outputs into buffers."""

    @abstractmethod
    def _release(self) -> None:
        """Give back what was made so far, but for constants."""

    # ---- running -----------------------------------------------------------------------------------------------

    def run(
        self, feeds: Feeds, *, stamps: list[float] | None = None, keep: bool = False,
    ) -> dict[str, Array | Buffer]:
        """Compute the outputs by value name; see ``tfjslab.backends.base.Plan``."""
        with self._lock:
            if self._disposed:
                raise BackendError(f"this {self._session.backend.name} plan has been disposed")
            try:
                with host_threads(self._host_threads):
                    return self._run_kept(feeds, stamps) if keep else self._run(feeds, stamps)
            except MemoryError as e:
                raise backend_out_of_memory(f"{self._session.backend.name}: a run of a plan", e) from e

    def _run_kept(self, feeds: Feeds, stamps: list[float] | None) -> dict[str, Array | Buffer]:
        """Run with new buffers as outputs; they are given back when it fails."""
        kept: dict[str, Any] = {}
        try:
            for v in self._outputs:
                kept[v] = self._session.new_buffer(self._specs[v])
            self._run_into(kept, feeds, stamps)
        except BaseException:
            for buffer in kept.values():
                self._session.free(buffer)
            raise
        return kept

    def _hold(self, constant: Constant) -> tuple[Any, int]:
        """Where a constant is, and its bytes; the plan holds it to its end."""
        with Uninterrupted():
            found = self._constants.hold(constant)
            self._held.append(constant.key)
        return found

    def dispose(self) -> None:
        """Free the plan's memory and its hold on weights."""
        with Uninterrupted(), self._lock:
            if self._disposed:
                return
            self._disposed = True
            self._give_back()
            self._session.forget(self)

    def _give_back(self) -> None:
        self._release()
        for key in self._held:
            self._constants.let_go(key)
