"""What ``soak.py`` does again and again: one row of `KINDS` for each kind of cycle.

A kind opens what its cycles share (a loaded model, say) and gives what one cycle does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import TfjslabError
from tfjslab.bench.settings import Settings
from tfjslab.model import Model

Cycle = Callable[[], object]
SIMD, THREADS, WEBGPU = "wasm-simd", "wasm-threads", "webgpu"
SOME_BATCHES = range(1, 13)
_FEW = Settings(runs=3, warmup=1, budget_s=1.0)
_FRAMES = 8


@dataclass(frozen=True)
class Kind:
    """One kind of cycle, and how many of them there are; ``open`` is called with the name or path of a model."""

    what: str
    count: int
    open: Callable[[str], AbstractContextManager[Cycle]]
    needs_model: bool = True


@contextmanager
def predicting(name: str, backend: str) -> Iterator[Cycle]:
    """One prediction of a model that stays loaded."""
    with zoo.open_model(name, backend) as model:
        x = model.sample()
        yield lambda: model.predict(x)


@contextmanager
def batches(name: str) -> Iterator[Cycle]:
    """Predictions of more shapes than plans are kept for."""
    with zoo.open_model(name, SIMD) as model:
        feeds = [model.sample(batch) for batch in SOME_BATCHES]
        yield lambda: [model.predict(x) for x in feeds]


@contextmanager
def loading(name: str, backend: str) -> Iterator[Cycle]:
    """Loaded, run once, disposed."""
    def cycle() -> None:
        with zoo.open_model(name, backend) as model:
            model.predict(model.sample())

    yield cycle


@contextmanager
def making(name: str, make: Callable[[Model], Any]) -> Iterator[Cycle]:
    """Another model made of one that stays loaded, run once, disposed."""
    with zoo.open_model(name, SIMD) as model:
        x = model.sample()

        def cycle() -> None:
            with make(model).model as made:
                made.predict(x)

        yield cycle


def quantized(model: Model) -> Any:
    """In int8, with ranges of generated inputs."""
    return tf.quantize(model, calibration=tf.generated_inputs(model.inputs, 2))


def optimized(model: Model) -> Any:
    """By all passes, both models measured a few times."""
    return tf.optimize(model, settings=_FEW)


@contextmanager
def writing(name: str, write: Callable[[Model, Path], Any]) -> Iterator[Cycle]:
    """Files written to a folder that is removed afterwards."""
    with zoo.open_model(name, SIMD) as model:
        def cycle() -> None:
            with tempfile.TemporaryDirectory() as folder:
                write(model, Path(folder))

        yield cycle


def web_module(model: Model, folder: Path) -> None:
    """All variants."""
    tf.export_web(model, folder / "web")


def tflite_file(model: Model, folder: Path) -> None:
    """Fused, and measured against the model."""
    tf.export_tflite(model, folder / "model.tflite")


def saved(model: Model, folder: Path, file: str) -> None:
    """Written as it is, read again, run once."""
    with tf.load_model(model.save(folder / file), SIMD) as read:
        read.predict(read.sample())


@contextmanager
def streaming(name: str) -> Iterator[Cycle]:
    """A stream of frames that a thread of its own reads ahead."""
    with zoo.open_model(name, SIMD) as model:
        x = model.sample()

        def cycle() -> None:
            frames = (np.zeros((4, 4, 3), np.uint8) for _ in range(_FRAMES))
            tf.stream(model, frames, fps=1000, drop=None, preprocess=lambda _: x).run()

        yield cycle


@contextmanager
def profiling(name: str) -> Iterator[Cycle]:
    """A profile of the model, and one of a block."""
    with zoo.open_model(name, SIMD) as model:
        x = model.sample()

        def cycle() -> None:
            tf.profile_model(model, x, runs=2, warmup=1)
            with tf.profile() as profile, tf.tidy():
                tf.square(tf.ones([8])).sum()
            str(profile.info.profile)

        yield cycle


@contextmanager
def eager(_name: str) -> Iterator[Cycle]:
    """Ops, a variable, a value read, and tensors that are disposed one by one."""
    tf.set_backend(SIMD)

    def cycle() -> None:
        with tf.tidy():
            x = tf.random_normal([16, 16])
            state = tf.variable(x)
            state.assign(tf.softmax(tf.mat_mul(x, state.relu())))
            state.sum().data_sync()
            state.dispose()
        whole = tf.linspace(0, 1, 12)
        tf.dispose([whole, *tf.split(whole, 3)])

    yield cycle


@contextmanager
def failing(name: str) -> Iterator[Cycle]:
    """Calls that are refused: a shape that does not fit, a file that is not there, an op with wrong operands."""
    with zoo.open_model(name, SIMD) as model:
        wrong = {n: a[..., None] for n, a in model.sample().items()}

        def multiplied() -> None:
            with tf.tidy():
                tf.mat_mul(tf.ones([2, 3]), tf.ones([2, 3]))

        def cycle() -> None:
            refused(lambda: model.predict(wrong))
            refused(lambda: zoo.open_model("no-such-folder/model.json", SIMD))
            refused(multiplied)

        yield cycle


def refused(call: Callable[[], object]) -> None:
    """Call what must give a typed error."""
    try:
        call()
    except TfjslabError:
        return
    raise RuntimeError("a wrong call was not refused")


@contextmanager
def dashboards(name: str) -> Iterator[Cycle]:
    """A dashboard that is shown, measures, draws each of its tabs, and is closed."""
    from IPython.core.formatters import DisplayFormatter  # noqa: PLC0415 - only here, and heavy

    notebook = DisplayFormatter()

    def cycle() -> None:
        with tf.Lab(name, SIMD) as lab:
            notebook.format(lab)
            lab.run(wait=True)
            tabs, drawer = lab._view.tabs, lab._tabs.drawer  # noqa: SLF001 - as a person turns them, and looks
            for i in range(len(tabs.children)):
                tabs.selected_index = i
                drawer.wait()
            if lab.snapshot.phase != "done":
                raise RuntimeError(f"the dashboard says: {lab.snapshot.message}")

    yield cycle


KINDS: dict[str, Kind] = {
    "predict-simd": Kind("predictions on wasm-simd", 10_000, partial(predicting, backend=SIMD)),
    "predict-threads": Kind("predictions on wasm-threads", 10_000, partial(predicting, backend=THREADS)),
    "predict-webgpu": Kind("predictions on webgpu", 1_000, partial(predicting, backend=WEBGPU)),
    "batches": Kind("predictions of 12 batch sizes", 100, batches),
    "load-simd": Kind("loaded, run once on wasm-simd, disposed", 200, partial(loading, backend=SIMD)),
    "load-threads": Kind("the same on wasm-threads", 200, partial(loading, backend=THREADS)),
    # A software adapter (llvmpipe) settles late: bare wgpu, one dispatch on each device, takes 4.7 MB in 500 devices.
    "load-webgpu": Kind("the same on webgpu", 1_000, partial(loading, backend=WEBGPU)),
    "quantize": Kind("quantized to int8, run once", 50, partial(making, make=quantized)),
    "optimize": Kind("optimized and measured, run once", 50, partial(making, make=optimized)),
    "export-web": Kind("exported as a web module", 50, partial(writing, write=web_module)),
    "export-tflite": Kind("exported to .tflite", 50, partial(writing, write=tflite_file)),
    "save-tflite": Kind("saved to .tflite, loaded, run once", 50,
                        partial(writing, write=partial(saved, file="model.tflite"))),
    "save-graph": Kind("the same with a graph model", 50, partial(writing, write=partial(saved, file="model"))),
    "stream": Kind("streams of 8 frames", 100, streaming),
    "profile": Kind("profiles", 100, profiling),
    "errors": Kind("calls that are refused", 500, failing),
    "eager": Kind("some eager ops", 2_000, eager, needs_model=False),
    "dashboard": Kind("dashboards shown, run, every tab drawn, closed", 50, dashboards),
}
