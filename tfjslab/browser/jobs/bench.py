"""``tf.browser.bench``: models measured in a browser, with the records of every other benchmark."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from tfjslab import zoo
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, ModelError
from tfjslab.base.files import scratch_folder
from tfjslab.base.progress import Progress, no_progress
from tfjslab.bench.compare import model_file
from tfjslab.browser.jobs.headless import headless_session
from tfjslab.browser.jobs.job import TFLITE, HowToRun, JobSubject, make_job
from tfjslab.browser.jobs.programs import DeviceProgram, counterpart, find_program
from tfjslab.browser.jobs.records import JobRecord
from tfjslab.browser.jobs.results import DeviceResult, results_of
from tfjslab.browser.jobs.session import DeviceSession
from tfjslab.model.inputs import by_name
from tfjslab.model.model import Model
from tfjslab.model.subject import ModelSource

DEFAULT_BACKENDS = ("wasm-simd", "tfjs-wasm-simd")
Seen = Callable[[DeviceResult], None]


def bench(
    models: ModelSource | Sequence[ModelSource], backends: Sequence[str] = DEFAULT_BACKENDS, *, inputs: Any = None,
    compare: bool = False, how: HowToRun | None = None, session: DeviceSession | None = None,
    browser: str = "chromium", progress: Progress = no_progress, seen: Seen = lambda _: None,
    stop: Callable[[], bool] = lambda: False, together: bool = False,
) -> list[DeviceResult]:
    """Measure models in a browser.

    Args:
        models: paths, addresses, names of the zoo or loaded models, one or several.
        backends: names of ``tf.browser.PROGRAMS``: ours (``wasm-simd``), those of TensorFlow.js (``tfjs-webgl``) and
            of LiteRT.js (``litert-wasm``), which reads ``.tflite`` files, and no others.
        inputs: what ``predict`` takes, for a single model; None for seeded values in the declared shapes.
        compare: run TensorFlow.js beside each of ours, with the same instructions, taking turns in one page.
        how: runs, rounds, budget, threads.
        session: of a page that is open somewhere (``tf.browser.serve``); None starts ``browser``, headless.
        browser: which one, without a session.
        progress: told what is being done.
        seen: gets each result as it comes.
        stop: asked again and again; True ends the job.
        together: all ``backends`` take turns in one page; at most one of them may be of TensorFlow.js.

    What a program cannot do stands in the result's ``reason``. Raises BackendUnavailableError without a browser,
    UsageError without TensorFlow.js.

    """
    wanted = [tuple(map(find_program, backends))] if together else _jobs(backends, compare=compare)
    given = list(models) if isinstance(models, list | tuple) else [cast("ModelSource", models)]
    found: list[DeviceResult] = []
    with _session(session, browser) as page:
        for source in given:
            with closing(_run(page, source, wanted, inputs, how or HowToRun(), progress, stop)) as jobs:
                for results in jobs:
                    for result in results:
                        seen(result)
                    found += results
                    if stop():
                        return found
    return found


def _jobs(backends: Sequence[str], *, compare: bool) -> list[tuple[DeviceProgram, ...]]:
    """The programs of each job: one, or one of ours and its counterpart."""
    programs = [find_program(name) for name in backends]
    return [(p, counterpart(p.name)) for p in programs] if compare else [(p,) for p in programs]


@contextmanager
def _session(given: DeviceSession | None, browser: str) -> Iterator[DeviceSession]:
    if given is not None:
        yield given
        return
    with headless_session(browser) as made:
        yield made


def _run(
    page: DeviceSession, source: ModelSource, wanted: Sequence[tuple[DeviceProgram, ...]], inputs: Any, how: HowToRun,
    progress: Progress, stop: Callable[[], bool],
) -> Generator[list[DeviceResult], None, None]:
    """The jobs of one model, which is loaded, written and answered by ``cpu`` once for all of them."""
    with scratch_folder() as folder, _subject(source, folder) as subject:
        scratch, feeds = folder, _arrays(subject.model, inputs)
        expected = answers_of_cpu(subject.model, feeds)
        for programs in wanted:
            job = make_job(subject, programs, feeds, how, scratch)
            record = page.run(job, progress, lambda _: stop()) if job.programs else JobRecord([])
            yield results_of(programs, job, record, expected)


@contextmanager
def _subject(source: ModelSource, scratch: Path) -> Iterator[JobSubject]:
    """The model loaded, and the file of it that others read, which is written where there is none."""
    model: Model | None
    if not isinstance(source, str | os.PathLike) or Path(source).suffix != TFLITE:
        with _loaded(source) as model:
            yield _written(model, source, scratch)
        return
    if not Path(source).is_file():
        raise ModelError(f"{os.fspath(source)} does not exist", code="model.not_found")
    with contextlib.ExitStack() as stack:
        try:
            model, why = stack.enter_context(_loaded(source)), ""
        except ModelError as e:  # LiteRT.js may be able to read it
            model, why = None, str(e)
        yield JobSubject(Path(source).stem, Path(source), model, why)


def _written(model: Model, source: ModelSource, scratch: Path) -> JobSubject:
    """The model with its file; without one, such as a model in integers has it, our module still runs."""
    try:
        return JobSubject(model.name, model_file(model, source, scratch), model)
    except ModelError as e:
        return JobSubject(model.name, None, model, no_file=str(e))


@contextmanager
def _loaded(source: ModelSource) -> Iterator[Model]:
    if isinstance(source, Model):
        yield source
        return
    model = source(None, None) if callable(source) else zoo.open_model(str(source))
    with model:
        yield model


def answers_of_cpu(model: Model | None, feeds: Mapping[str, Array]) -> list[tuple[str, Array]]:
    """The answers of ``cpu``, in the order of the outputs; none without a model."""
    if model is None:
        return []
    names = [p.name for p in model.outputs]
    with Model(model.graph, "cpu", name=model.name) as reference:
        return list(zip(names, reference.execute(feeds, names), strict=True))


def _arrays(model: Model | None, inputs: Any) -> Mapping[str, Array]:
    if model is None:
        given = {} if inputs is None else inputs
        if not isinstance(given, Mapping):
            raise InputError("inputs of a .tflite model are given by name: {name: array}")
        return {name: np.asarray(value) for name, value in given.items()}
    given = model.sample() if inputs is None else inputs
    return {name: np.asarray(value) for name, value in by_name(model.inputs, given).items()}
