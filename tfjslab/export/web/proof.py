"""Proof that an export answers as the model does: it is run in Node and in Chromium, and compared with ``cpu``.

TensorFlow.js itself is asked as well where it is at hand. ``WebReport`` says what comes out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype, of_value
from tfjslab.base.errors import BackendError, BackendUnavailableError, InputError, TfjslabError
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import BY_CTRL_C
from tfjslab.base.machine import usable_cores
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.base.progress import Progress, no_progress
from tfjslab.base.text import counted
from tfjslab.base.version import __version__
from tfjslab.bench.comparison import difference
from tfjslab.bench.peers import tfjs
from tfjslab.bench.peers.process import PeerError
from tfjslab.bench.result import spread
from tfjslab.browser.node import NodeProgram, find_node
from tfjslab.export.web.engines import ENGINES, Engine
from tfjslab.export.web.export import WebExport
from tfjslab.export.web.folder import WEIGHTS
from tfjslab.export.web.report import VariantTrial, WebReport
from tfjslab.export.web.sizes import Size, code_files, sizes, tfjs_files, together
from tfjslab.graph.ir import Graph, Port
from tfjslab.model.inputs import by_name, check_array, require_known
from tfjslab.model.model import Model
from tfjslab.model.sample import sample_inputs
from tfjslab.model.states import state_ports

SEEDS = 3
TFJS = "TensorFlow.js"
_TFJS_BACKEND, _TFJS_FALLBACK = "wasm-simd", "cpu"  # the second one has kernels that the first has not

Feeds = Mapping[str, Array]
Named = Sequence[tuple[str, Array]]


@dataclass(frozen=True)
class Effort:
    """How long each variant is measured in each engine."""

    runs: int = 50
    warm_ms: float = 1000.0  # V8 compiles a second time, for speed, while a module runs
    budget_ms: float = 3000.0


@tells_memory("trying an exported model")
def prove(
    model: Model, made: WebExport, *, inputs: Sequence[Any] = (), source: Path | None = None,
    peers: str | None = None, effort: Effort | None = None, progress: Progress = no_progress,
) -> WebReport:
    """Try ``made``, an export of ``model``, and write ``report.json`` and ``report.html`` into its folder.

    Args:
        model: what was exported; it stays as it is.
        made: what ``export_web`` gave.
        inputs: what to run on, each as for ``model.predict``; a few generated ones without it.
        source: the model.json that TensorFlow.js runs; what ``model.save`` writes without it.
        peers: where npm installed TensorFlow.js; see ``find_peers``.
        effort: how long to measure.
        progress: told what is being done.

    Ctrl-C ends it early: the report then holds what was found until then, and says so.

    """
    ports = [replace(p, shape=made.shapes[p.name]) for p in model.inputs]
    feeds = [_checked(ports, x) for x in inputs] or [sample_inputs(ports, seed=seed) for seed in range(SEEDS)]
    told = f"{counted(len(feeds), 'input')}, " + ("given" if inputs else f"generated (seeds 0 to {SEEDS - 1})")
    proof = _Proof(model, made, feeds, effort or Effort(), progress)
    try:
        proof.expect()
        proof.ask_engines()
        proof.ask_tfjs(source, peers)
        proof.measure_files(peers)
    except KeyboardInterrupt:
        proof.reason = BY_CTRL_C
    report = proof.report(told)
    report.write(made.folder)
    return report


def _checked(ports: Sequence[Port], given: Any) -> Feeds:
    """Arrays for all inputs in the shapes that were exported; InputError for what does not fit or is missing."""
    named = by_name(ports, given)
    known = [p.name for p in ports]
    if unknown := [name for name in named if name not in known]:
        raise require_known(unknown, known)
    missing = [name for name in known if name not in named]
    if missing:
        raise InputError(f"no value for input '{missing[0]}'; inputs: {', '.join(known)}", code="input.missing")
    return {p.name: check_array(p, named[p.name]) for p in ports}


@dataclass
class _Proof:
    """What has been found so far. ``answers`` are those of the trials, ``expected`` those of ``cpu``, by feed."""

    model: Model
    made: WebExport
    feeds: Sequence[Feeds]
    effort: Effort
    progress: Progress
    expected: list[Named] = field(default_factory=list)
    rounding: float | None = None
    trials: list[VariantTrial] = field(default_factory=list)
    answers: list[list[Named] | None] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    tfjs: str = ""
    files: tuple[Size, ...] = ()
    tfjs_files: tuple[Size, ...] = ()
    reason: str = ""

    def expect(self) -> None:
        """What ``cpu`` answers."""
        self.progress("answers of cpu", 0, 1)
        self.expected = _on_cpu(self.made.reference, self.feeds)
        if self.made.reference is not self.model.graph:
            before = _on_cpu(self.model.graph, self.feeds)
            self.rounding = difference(_joined(self.expected), _joined(before))
        self.progress("answers of cpu", 1, 1)

    def ask_engines(self) -> None:
        """Every variant in every engine."""
        for i, (name, opened) in enumerate(ENGINES.items()):
            try:
                with opened(self.made.folder) as engine:
                    for j, variant in enumerate(self.made.variants):
                        self.progress(f"trying it in {name}", j, len(self.made.variants))
                        self._ask(engine, variant)
            except BackendUnavailableError as e:
                self.absent[name] = str(e)
            self.progress("engines", i + 1, len(ENGINES))

    def _ask(self, engine: Engine, variant: str) -> None:
        effort = self.effort
        job = {"variant": variant, "threads": usable_cores(), "feeds": [_encoded(f) for f in self.feeds],
               "runs": effort.runs, "warmMs": effort.warm_ms, "budgetMs": effort.budget_ms}
        answers, trial = None, VariantTrial(variant, engine.name)
        try:
            found = engine.ask(job)
            if "able" in found:
                trial = replace(trial, able=False, reason="this engine cannot run it")
            else:
                answers = [_decoded(y, expected) for y, expected in zip(found["outputs"], self.expected, strict=True)]
                trial = _trial(trial, found, _differences(answers, self.expected))
        except BackendError as e:
            trial = replace(trial, reason=str(e))
        self.trials.append(trial)
        self.answers.append(answers)

    def ask_tfjs(self, source: Path | None, peers: str | None) -> None:
        """What TensorFlow.js answers on the model as it came, and how far the trials are from that."""
        if state_ports(self.model.graph):
            self.absent[TFJS] = "the model keeps states between calls, which a model.json has as inputs and outputs"
            return
        try:
            folder = tfjs.find_peers(peers)
            self.progress(f"answers of {TFJS}", 0, 1)
            with scratch_folder() as scratch:
                path = source or self.model.save(scratch / "model") / "model.json"
                self.tfjs, theirs = _tfjs_answers(folder, path, self.feeds, scratch)
        except TfjslabError as e:
            self.absent[TFJS] = str(e)
        else:
            self.trials = [t if a is None else replace(t, tfjs_difference=difference(_joined(a), _joined(theirs)))
                           for t, a in zip(self.trials, self.answers, strict=True)]
        self.progress(f"answers of {TFJS}", 1, 1)

    def measure_files(self, peers: str | None) -> None:
        """Bytes of all files, and of those of TensorFlow.js where it is at hand."""
        node = _node_or_none()
        self.files = sizes([self.made.folder / n for n in self.made.files], node, self.progress)
        if TFJS not in self.absent:
            self.tfjs_files = sizes(tfjs_files(tfjs.find_peers(peers)), node, self.progress)

    def report(self, told: str) -> WebReport:
        """All of it."""
        return WebReport(
            self.model.name, __version__, self.made.weights, told, f"cpu (numpy {np.__version__})", tuple(self.trials),
            self.files, tuple(_downloads(self.made.variants, self.files, self.tfjs_files)), self.tfjs_files, self.tfjs,
            self.rounding, self.absent, self.reason,
        )


def _on_cpu(graph: Graph, feeds: Sequence[Feeds]) -> list[Named]:
    with Model(graph, "cpu") as model:
        names = [p.name for p in model.outputs]
        return [list(zip(names, model.execute(x, names), strict=True)) for x in feeds]


def _encoded(feeds: Feeds) -> dict[str, Any]:
    return {n: {"dtype": of_value(a), "data": base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()}
            for n, a in feeds.items()}


def _decoded(answer: Mapping[str, str], expected: Named) -> Named:
    """Arrays of a trial's answer. They have no shape of their own: where the count is right it is the expected one."""
    found = []
    for name, like in expected:
        flat = np.frombuffer(base64.b64decode(answer[name]), numpy_dtype(of_value(like)))
        found.append((name, flat.reshape(like.shape) if flat.size == like.size else flat))
    return found


def _differences(ours: Sequence[Named], theirs: Sequence[Named]) -> dict[str, float | None]:
    """The relative difference of each output; None where it does not agree at all."""
    return {a[0]: difference([a], [b]) for a, b in zip(_joined(ours), _joined(theirs), strict=True)}


def _joined(answers: Sequence[Named]) -> Named:
    """Each output for all inputs as one array: one that happens to be small is not held to its own smallness."""
    return [(outputs[0][0], np.concatenate([array.ravel() for _, array in outputs]))
            for outputs in zip(*answers, strict=True)]


def _trial(trial: VariantTrial, found: Mapping[str, Any], differences: Mapping[str, float | None]) -> VariantTrial:
    times = spread(found["times_ms"])
    return replace(
        trial, threads=found["threads"], load_ms=found["load_ms"], first_ms=found["first_ms"],
        median_ms=times.median, min_ms=times.minimum, iqr_ms=times.iqr, runs=len(found["times_ms"]),
        batch=found["batch"], clock_ms=found["clock_ms"], memory_bytes=found["memory_bytes"], differences=differences,
    )


def _tfjs_answers(folder: Path, model: Path, feeds: Sequence[Feeds], scratch: Path) -> tuple[str, list[Named]]:
    """Who answered, and what. PeerError where no backend of TensorFlow.js can."""
    try:
        return _answers_of(_TFJS_BACKEND, folder, model, feeds, scratch)
    except PeerError:
        return _answers_of(_TFJS_FALLBACK, folder, model, feeds, scratch)


def _answers_of(
    backend: str, folder: Path, model: Path, feeds: Sequence[Feeds], scratch: Path,
) -> tuple[str, list[Named]]:
    found: list[Named] = []
    with tfjs.start_tfjs(folder, backend, 1) as peer:
        for x in feeds:
            tfjs.load(peer, model, x, scratch)
            found.append(tfjs.outputs(peer, scratch))
        hello = peer.hello
        return f"{TFJS} {hello['version']}, {hello['backend']}, {hello['runtime']}", found


def _node_or_none() -> NodeProgram | None:
    try:
        return find_node()
    except BackendUnavailableError:
        return None


def _downloads(variants: Sequence[str], files: Sequence[Size], theirs: Sequence[Size]) -> Iterator[Size]:
    """What one page loads: code by variant, weights, and the code of TensorFlow.js."""
    by_name = {s.name: s for s in files}
    if by_name:
        for variant in variants:
            yield together(f"code, {variant}", (by_name[n] for n in code_files(variant)))
        yield replace(by_name[WEIGHTS], name="weights")
    if theirs:
        yield together(f"{TFJS}, without weights", theirs)
