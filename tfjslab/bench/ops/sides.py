"""The two sides of a row: a compiled plan of ours, and the functions of TensorFlow.js in a program of its own.

Both have their inputs where they compute, run, and give the memory of the result back; neither reads the result, but
for that of a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tfjslab.backends.base import Buffer, Plan
from tfjslab.base.closing import Disposing
from tfjslab.base.dtypes import Array
from tfjslab.bench.ops.making import MODEL_FILE, feeds_of, model_of
from tfjslab.bench.ops.row import OpRow, RowStep
from tfjslab.bench.ops.samples import METER, Meter, Sample, take_samples
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import Peer
from tfjslab.engine.meter import works_alone
from tfjslab.model.coverage import coverage
from tfjslab.model.run import Run
from tfjslab.model.summary import count_flops


class OwnOp(Disposing):
    """A row as a compiled plan of a backend, which holds its inputs. Close it: it is a context manager."""

    def __init__(self, row: OpRow, folder: Path, backend: str, threads: int | None, meter: Meter = METER) -> None:
        self.model = model_of(row, folder, backend, threads)
        self._meter = meter
        try:
            self.feeds = feeds_of(row, self.model)
            self._executor, self._program = self.model.compiled(self.feeds)
            session = self._executor.session
            self._buffers: dict[str, Any] = {
                p.value: session.put(self.feeds[p.name], p.dtype) for p in self.model.inputs
            }
        except BaseException:
            self.model.dispose()
            raise
        where, plan = self.model.backend, self._program.single_plan
        self._alone = works_alone(where)
        # What depends on data ends on the host; and a GPU has finished when its results have been read.
        self._call = self._run_and_read if plan is None or where.adapter_type else partial(self._run_and_free, plan)

    def samples(self, calls: int, count: int) -> list[Sample]:
        """See ``OpSide``."""
        return take_samples(self._call, calls, count, alone=self._alone, meter=self._meter)

    def _run_and_read(self) -> None:
        self._executor.run(self._buffers, tuple(p.value for p in self.model.outputs), Run())

    def _run_and_free(self, plan: Plan) -> None:
        for result in plan.run(self._buffers, keep=True).values():
            if isinstance(result, Buffer):
                self._executor.session.free(result)

    def outputs(self) -> list[tuple[str, Array]]:
        """Run once; the outputs with their names."""
        values = self.model.execute(self.feeds, [p.name for p in self.model.outputs])
        return [(p.name, v) for p, v in zip(self.model.outputs, values, strict=True)]

    def kernels(self) -> tuple[int, int]:
        """How many kernels run, and how many of them on the host."""
        found = coverage(self.model, self.feeds)
        on_host = sum(found.fallback.values())
        return found.kernels + on_host, on_host

    def work(self) -> tuple[int, int]:
        """Nominal operations, and bytes of inputs, weights and outputs, each once; 0 where they depend on data."""
        specs = [self._program.schedule.specs[p.value] for p in self.model.outputs]
        written = sum(s.num_bytes for s in specs) if all(s.shape is not None for s in specs) else None
        read = sum(a.nbytes for a in self.feeds.values()) + self.model.weight_bytes
        return count_flops(self.model.graph) or 0, 0 if written is None else read + written

    def dispose(self) -> None:
        """Dispose the model."""
        self.model.dispose()


class PeerOp:
    """The row in TensorFlow.js, with its tensors made."""

    def __init__(self, peer: Peer, row: OpRow, feeds: Mapping[str, Array], folder: Path) -> None:
        """``folder`` is the one that ours was made with: a layer's model lies there."""
        self._peer = peer
        self._alone = peer.hello.get("threads") == 1
        self._folder = folder
        if row.layer is not None:
            tfjs.load(peer, folder / MODEL_FILE, feeds, folder)
        else:
            tfjs.make_op(peer, [_request(step) for step in row.steps], row.arrays(), folder)

    def samples(self, calls: int, count: int) -> list[Sample]:
        """See ``OpSide``."""
        found = self._peer.ask("burst", calls=calls, count=count)["samples"]
        return [Sample(calls, float(wall), float(cpu), int(switches), self._alone) for wall, cpu, switches in found]

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Run once; the outputs in order."""
        return tfjs.outputs(self._peer, self._folder)


def _request(step: RowStep) -> dict[str, Any]:
    """A step as the peer is told it: the function's name, its tensors and its attributes in order."""
    variadic = any(n.startswith("*") for n in step.definition.inputs)
    attrs = {name: _told(value) for name, value in step.attrs.items()}
    return {"name": step.name, "api": step.definition.api, "inputs": step.inputs, "list": variadic, "attrs": attrs}


def _told(value: Any) -> Any:
    """An attribute in JSON, which has no infinity: None is the function's own default."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
