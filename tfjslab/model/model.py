"""A loaded model: predict, execute, summary, dispose. The same for every file format and backend."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar, overload
from weakref import WeakSet

import numpy as np

from tfjslab.backends import registry, rows
from tfjslab.backends.base import Backend, PlanInfo, Session
from tfjslab.backends.host import own_array, spec_of
from tfjslab.base import forks
from tfjslab.base.awaiting import settled
from tfjslab.base.closing import Disposing
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DEVICE_LOST, BackendError, DisposedError, InputError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.limits import limited_run
from tfjslab.base.messages import plain
from tfjslab.base.out_of_memory import out_of_memory, tells_memory
from tfjslab.base.tables import Table, as_html
from tfjslab.engine.create import make_tensors
from tfjslab.engine.recorder import active_recorder
from tfjslab.engine.state import STATE, count
from tfjslab.formats.artifacts import SaveHandler, saved_by
from tfjslab.formats.graph_model.reader import FORMAT as TFJS_GRAPH
from tfjslab.formats.registry import format_written, write_model
from tfjslab.graph.digest import graph_digest
from tfjslab.graph.ir import Graph, Port
from tfjslab.model.control import DEAD
from tfjslab.model.executor import Executor
from tfjslab.model.feeds import Feeds
from tfjslab.model.frame import GraphProgram
from tfjslab.model.layers import Layer, find_layer, layers_of, outputs_of_layers
from tfjslab.model.look import looking
from tfjslab.model.precision import Precision, check_precision
from tfjslab.model.run import Recorder, Run
from tfjslab.model.sample import sample_inputs
from tfjslab.model.summary import summary, tables
from tfjslab.targets import refused_everywhere
from tfjslab.targets.refusal import told

T = TypeVar("T")


class RefusedByTargetWarning(UserWarning):
    """A model was written that the program it is written for would not run."""


class Model(Disposing):
    """A model on a backend. Without ``backend`` it follows the current one, moving there when that changes.

    Weights count as tensors in ``tf.memory()``, one each, until ``dispose``. Calls may come from any thread; they
    run one at a time. In a process that is forked it runs in a session of that process.
    """

    @tells_memory("making a model")
    def __init__(self, graph: Graph, backend: str | None = None, threads: int | None = None, name: str = "") -> None:
        self._open: Feeds | None = Feeds(graph)  # None once disposed
        self._chosen = (backend, threads)
        self._lock = threading.RLock()
        self._running: tuple[Backend, Session, Executor] | None = None
        self._checked: tuple[Backend, Precision | None] | None = None
        self._digest = ""
        self._arrays = [c for g in graph.all_graphs() for c in g.constants.values()]
        self.name = plain(name or str(graph.metadata.get("name", "model")))  # it labels whatever is found out
        for array in self._arrays:
            array.setflags(write=False)  # plans, results and other models may look at the same bytes
        registry.backend(backend, threads)  # fail here for an unavailable backend, not at the first predict
        try:
            with Uninterrupted():
                self._count(1)
                _MODELS.add(self)
        except KeyboardInterrupt:
            if self in _MODELS:
                self.dispose()
            raise

    def _count(self, sign: int) -> None:
        n = len(self._arrays)
        with STATE.lock:
            count(sign * n, sign * n, sign * sum(a.nbytes for a in self._arrays))

    @property
    def graph(self) -> Graph:
        """The graph; DisposedError after ``dispose``."""
        return self._feeds.graph

    @property
    def _feeds(self) -> Feeds:
        if self._open is None:
            raise DisposedError(f"model '{self.name}' is disposed and cannot be used", code="model.disposed")
        return self._open

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Inputs with name, shape (None where any length will do) and dtype."""
        return self._feeds.input_ports

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Outputs with name, and shape and dtype where the file has them."""
        return self._feeds.output_ports

    @property
    def backend(self) -> Backend:
        """Where the model runs now."""
        return registry.backend(*self._chosen)

    @property
    def chosen(self) -> tuple[str | None, int | None]:
        """The backend and threads given to the constructor; None follows the current ones."""
        return self._chosen

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights as loaded."""
        return sum(a.nbytes for a in self._arrays)

    @property
    def digest(self) -> str:
        """SHA-256 of the graph and the weights: models with the same ones have the same."""
        if not self._digest:
            self._digest = graph_digest(self.graph)
        return self._digest

    def predict(self, x: Any) -> Any:
        """Run the model on one value, a sequence in the order of ``inputs``, or a mapping by input name.

        numpy arrays and Python numbers give numpy arrays, Tensors give Tensors. One output comes by itself, several
        as a list in the order of ``outputs``; a mapping where the model was written with ``structuredOutputKeys``, as
        in TF.js. Raises InputError, DTypeError or ShapeError naming the input.
        """
        found = self.execute(x)
        keys = self.graph.metadata.get("structured_outputs")
        return dict(zip(keys, found if isinstance(found, list) else [found], strict=True)) if keys else found

    async def predict_async(self, x: Any) -> Any:
        """``predict`` for code that awaits."""
        return self.predict(x)

    def execute(self, feeds: Any, outputs: str | Sequence[str] | None = None) -> Any:
        """Like ``predict``, for any nodes as ``outputs`` (``name`` or ``name:index``), which may be fed as well.

        Inputs and outputs of a signature also go by their keys there. Results are never a mapping.

        Where no backend was named and the automatic choice fails (a lost device, no memory left, a limit, a refused
        shader), the model moves to the next one, with a BackendFallbackWarning; never while a profile is recorded.
        A layer's name stands for its output.
        """
        try:
            with self._lock:
                wanted = outputs_of_layers(self.graph, outputs)
                return self._with_recovery(lambda: self._execute(feeds, wanted))
        except MemoryError as e:
            raise out_of_memory(f"model '{self.name}'", e) from e

    def _execute(self, feeds: Any, outputs: str | Sequence[str] | None) -> Any:
        with self._lock:
            wanted = self._feeds.outputs(outputs)
            arrays, as_tensors = self._feeds.arrays(feeds, wanted)
            recorder = active_recorder()
            if recorder is not None:
                recorder.on(self.backend)
            results = self._checked_executor(arrays, wanted).run(arrays, wanted, Run(recorder))
            asked = len(wanted) - len(self._feeds.states.outputs)
            self._feeds.states.advance(results[asked:])
            owned: list[Array] = []
            for name, result in zip(wanted[:asked], results[:asked], strict=True):
                owned.append(_owned(name, result, owned))
        found = make_tensors(owned) if as_tensors else owned
        return found[0] if isinstance(outputs, str) or (outputs is None and len(found) == 1) else found

    async def execute_async(self, feeds: Any, outputs: str | Sequence[str] | None = None) -> Any:
        """``execute`` for code that awaits."""
        return self.execute(feeds, outputs)

    @tells_memory("running a model")
    def run(
        self, feeds: Any, recorder: Recorder | None = None, outputs: Sequence[str] | None = None,
    ) -> list[Any]:
        """One inference for tools that inspect a model, with a recorder of their own; results in order, as they are.

        Those may be arrays, lists of tensors, or ``DEAD`` for what lies on a branch that was not taken. What stateful
        layers keep stays as it is.
        """
        with self._lock:
            wanted = self._feeds.outputs(outputs)
            arrays = self._feeds.arrays(feeds, wanted)[0]
            found = self._with_recovery(
                lambda: self._checked_executor(arrays, wanted).run(arrays, wanted, Run(recorder)), recorder,
            )
            return found[: len(wanted) - len(self._feeds.states.outputs)]

    def states_aside(self) -> AbstractContextManager[None]:
        """What runs in this context starts with zero states, and leaves those that the model has now."""
        return self._feeds.states.aside()

    def reset_states(self) -> None:
        """Let stateful layers start with zeros again; nothing happens in a model without any."""
        with self._lock:
            self._feeds.states.reset()

    def prepare(self, x: Any) -> tuple[PlanInfo, ...]:
        """Compile for inputs like ``x`` without running; what each plan is and the memory it needs."""
        return tuple(p.info for p in self.compiled(x)[1].plans if p is not None)

    def is_compiled(self, x: Any) -> bool:
        """Whether there is a plan for inputs like ``x`` already, so that ``prepare`` would only find it."""
        with self._lock:
            wanted = self._feeds.outputs(None)
            specs = {k: spec_of(v) for k, v in self._feeds.arrays(x, wanted)[0].items()}
            running = self._running
            return running is not None and running[0] is self.backend and running[2].is_prepared(specs, wanted)

    @tells_memory("compiling a model")
    def compiled(self, x: Any, *, look: bool = False) -> tuple[Executor, GraphProgram]:
        """The program for inputs like ``x`` and the executor that holds it, for tools that inspect a model.

        With ``look`` its plans have commands but cannot run, where the backend can tell them without making plans.
        """
        with self._lock:
            wanted = self._feeds.outputs(None)
            specs = {k: spec_of(v) for k, v in self._feeds.arrays(x, wanted)[0].items()}

            def prepare() -> tuple[Executor, GraphProgram]:
                executor = looking(self._executor(self.backend)) if look else self._executor(self.backend)
                return executor, executor.prepare(specs, wanted)

            return self._with_recovery(prepare)

    @tells_memory("making a sample input")
    def sample(self, batch: int = 1, seed: int = 0) -> dict[str, Array]:
        """Inputs of the declared shapes with seeded values, ``batch`` where a length is open; see ``sample_inputs``."""
        return sample_inputs(self.inputs, batch, seed)

    def with_graph(self, graph: Graph) -> Model:
        """Another model where this one runs, following the current backend if this one does."""
        return Model(graph, *self._chosen, name=self.name)

    def dispose(self) -> None:
        """Free plans and weights. A second call does nothing."""
        with Uninterrupted(), self._lock:
            if self._open is not None:
                self._stop()
                self._count(-1)
                self._open, self._arrays = None, []

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, by the name scopes of their nodes."""
        return layers_of(self.graph)

    def get_layer(self, which: str | int) -> Layer:
        """A layer by name or by number; InputError suggests a close name."""
        return find_layer(self.graph, which)

    def summary(self) -> str:
        """What the model is, as text."""
        return summary(self.graph, self.name)

    @overload
    def save(self, path: str | os.PathLike[str], format: str = ...) -> Path: ...
    @overload
    def save(self, path: SaveHandler, format: str = ...) -> Any: ...
    def save(self, path: Any, format: str = "") -> Any:  # noqa: A002 - public name
        """Write the model and return its path: a folder with a TensorFlow.js graph model, or a ``.tflite`` file.

        Without ``format`` (``tfjs-graph-model`` or ``tflite``; UsageError lists them) the path's suffix decides. Nodes
        are written as they are; ``tf.export_tflite`` fuses them first, and knows other precisions than float32.

        A handler with a ``save`` method, as ``tf.io.with_save_handler`` makes one, gets the model's artifacts in
        place of that, and its result is returned. A RefusedByTargetWarning names what TensorFlow.js would not run of
        the model, on any of its backends.
        """
        if isinstance(path, SaveHandler):
            return settled(saved_by(path, lambda folder: self.save(folder, format)))
        written = write_model(self.graph, path, format)
        if format_written(path, format) == TFJS_GRAPH and (refused := refused_everywhere(self.graph)):
            listed = "; ".join(told(refused))
            warnings.warn(f"model '{self.name}' is written, but TensorFlow.js would not run it: {listed}",
                          RefusedByTargetWarning, stacklevel=2)
        return written

    @property
    def weights(self) -> dict[str, Array]:
        """All weights and constants by name, as read-only arrays that share the model's bytes."""
        return {k: a for g in self.graph.all_graphs() for k, a in g.constants.items()}

    def __repr__(self) -> str:
        if self._open is None:
            return f"Model({self.name}, disposed)"
        ports = ", ".join(p.name for p in self.inputs), ", ".join(p.name for p in self.outputs)
        return plain(f"Model({self.name}: {ports[0]} -> {ports[1]})")

    def _repr_html_(self) -> str:
        return "".join(map(as_html, tables(self.graph, repr(self)))) if self._open else as_html(Table(repr(self)))

    def _with_recovery(self, work: Callable[[], T], recorder: Recorder | None = None) -> T:
        """Call ``work``; see ``execute``. After a lost device the next call opens a new session in any case."""
        while True:
            backend = self.backend
            try:
                return limited_run(work)
            except BackendError as e:
                if e.code == DEVICE_LOST:
                    self._stop()
                watched = recorder is not None or active_recorder() is not None
                if watched or self._chosen[0] is not None or not registry.move_on(backend, e):
                    raise

    def check_precision(self, x: Any) -> Precision | None:
        """Compare the outputs for ``x`` with those of a float32 backend; None where this one computes in float32.

        A model does so by itself before its first answer; see ``tfjslab.model.precision`` for what is refused.
        """
        with self._lock:
            wanted = self._feeds.outputs(None)
            self._check(self.backend, self._feeds.arrays(x, wanted)[0], wanted)
            return self.precision

    @property
    def precision(self) -> Precision | None:
        """The result of that check on the current backend; None before it, and where there is nothing to check."""
        checked = self._checked
        return checked[1] if checked is not None and checked[0] is self.backend else None

    def _check(self, backend: Backend, arrays: Mapping[str, Array], wanted: Sequence[str]) -> None:
        if self._checked is None or self._checked[0] is not backend:
            needed = rows.checked_against(backend.name)
            self._checked = (backend, check_precision(self.graph, arrays, wanted, backend) if needed else None)

    def _checked_executor(self, arrays: Mapping[str, Array], wanted: Sequence[str]) -> Executor:
        """``_executor``, on a backend whose precision was checked."""
        backend = self.backend
        self._check(backend, arrays, wanted)
        return self._executor(backend)

    def _executor(self, backend: Backend) -> Executor:
        """The executor on ``backend``, the current one, moved there if it changed."""
        if self._running is None or self._running[0] is not backend:
            self._stop()
            # Where numpy is the backend it is no fallback, and has what threads it takes.
            is_host = rows.is_host(backend.name)
            reason = "" if is_host else "its shape depends on data or it handles strings, lists or complex numbers"
            with Uninterrupted():
                session = backend.open_session()
                executor = Executor(self.graph, session, reason, threads=0 if is_host else backend.threads)
                self._running = (backend, session, executor)
        return self._running[2]

    def _stop(self) -> None:
        if self._running is not None:
            with Uninterrupted():
                _, session, executor = self._running
                self._running = None
                executor.dispose()
                session.dispose()


    def _in_child(self) -> None:
        """What runs is the parent's, and another thread of it may have held the lock."""
        forks.leave(self._running)
        self._running, self._lock = None, threading.RLock()


_MODELS: WeakSet[Model] = WeakSet()


def _in_child() -> None:
    for model in tuple(_MODELS):
        model._in_child()  # noqa: SLF001 - of the class above


forks.in_child(_in_child)


@contextmanager
def given_away(model: Model) -> Iterator[Model]:
    """A new model that the caller gets when the block is done; it is disposed when the block is not."""
    try:
        yield model
    except BaseException:
        model.dispose()
        raise


def _owned(name: str, result: Any, others: Sequence[Array]) -> Array:
    """The result as an array that only the caller holds; InputError when it is no array."""
    if not isinstance(result, np.ndarray):
        why = "it is on a branch that was not taken" if result is DEAD else "it is a list of tensors"
        raise InputError(f"output '{name}' is not a tensor here: {why}", code="input.output")
    return own_array(result, others)
