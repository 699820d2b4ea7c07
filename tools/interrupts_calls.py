"""Library calls with Ctrl-C at random moments and lines, in a loop in one process. Started by ``interrupts.py``.

    python tools/interrupts_calls.py quantize 50 0     # a call, how often, a seed; the answer is JSON

Each call is interrupted in turn at a random moment, by a timer, and at a random line of this package, which finds gaps
that take microseconds. KeyboardInterrupt has to reach the caller (or results that say ``interrupted``), counters,
threads, descriptors, processes and temporary files have to be as before, and the next call has to answer as the first.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from fuzz_case import held

import tfjslab as tf
from tfjslab import zoo

IMAGES = np.random.default_rng(0).uniform(0, 1, (8, 8, 8, 1)).astype(np.float32)
INTERRUPTED = "interrupted"
_SETTLED_S = 2.0  # for threads and processes to be gone
_RERUN = 3
_SHARE = 1.2  # of the time of a run left alone, over which moments are spread
_MOST_LINES = 20  # failures told in full


def digits(backend: str = "wasm-simd") -> Any:
    """The small model."""
    return zoo.load("digits", backend=backend)


def of(*values: Any) -> str:
    """What stands for an answer."""
    return hashlib.sha256(b"".join(np.asarray(v).tobytes() for v in values)).hexdigest()


def predicted(backend: str) -> Callable[[Path], Any]:
    """Load, and predict twice: by a new plan and by the one that is there."""
    def work(_folder: Path) -> Any:
        with digits(backend) as model:
            return of(model.predict(IMAGES), model.predict(IMAGES))

    return work


def long_prediction(_folder: Path) -> Any:
    """One call of many samples."""
    with digits() as model:
        return of(model.predict(np.repeat(IMAGES, 256, 0)))


def eager(_folder: Path) -> Any:
    """Ops that are called by hand."""
    def chain() -> Any:
        x = tf.tensor(IMAGES[..., 0].reshape(8, 64))
        for _ in range(8):
            x = tf.relu(tf.mat_mul(tf.mat_mul(x, tf.transpose(x)), x))
            x = tf.div(x, tf.max(x))
        return x.numpy()

    tf.set_backend("wasm-simd")
    return of(tf.tidy(chain))


def profiled(_folder: Path) -> Any:
    """Times of kernels."""
    with digits() as model:
        return [k.name for k in tf.profile_model(model, IMAGES, runs=10).kernels]


def optimized(_folder: Path) -> Any:
    """The passes, measured."""
    with digits() as model:
        found = tf.optimize(model)
        with found.model as made:
            return found.report.reason or of(made.predict(IMAGES))


def quantized(_folder: Path) -> Any:
    """Calibrated int8."""
    with digits() as model, tf.quantize(model, calibration=[IMAGES]).model as made:
        return of(made.predict(IMAGES))


def evaluated(_folder: Path) -> Any:
    """Accuracy against labels and another model."""
    with digits() as model, digits("cpu") as other:
        return repr(tf.evaluate(model, IMAGES, np.arange(8), reference=other, batch_size=2))


def swept(_folder: Path) -> Any:
    """Every setting."""
    from tfjslab.bench.settings import Settings  # noqa: PLC0415

    with digits() as model:
        found = tf.sweep(model, [IMAGES], [IMAGES], settings=Settings(5, 1))
        return next((r.reason for r in found.results if r.reason), len(found.rows))


def recommended(_folder: Path) -> Any:
    """A choice, by measurements of two backends."""
    from tfjslab.bench.settings import Settings  # noqa: PLC0415

    with digits() as model:
        found = tf.recommend(model, "compatibility", backends=["wasm-plain", "cpu"], settings=Settings(5, 1),
                             batches=())
        return len(found.candidates)


def reported(folder: Path) -> Any:
    """Before and after, with fresh processes and a page."""
    with digits() as model:
        found = tf.report(model, ["optimized", "int8"], rounds=2, runs=3, warmup=0)
    found.save(folder / "report.html")
    return found.reason or len(found.sides)


def streamed(_folder: Path) -> Any:
    """Frames at a rate."""
    with digits() as model:
        return tf.stream(model, list(IMAGES), fps=200, count=60, preprocess=lambda x: x[None]).run().done > 0


def exported(folder: Path) -> Any:
    """A folder for browsers."""
    with digits() as model:
        return sorted(tf.export_web(model, folder / "web", only=["plain", "simd"]).files)


def exported_tflite(folder: Path) -> Any:
    """An int8 file."""
    with digits() as model:
        tf.export_tflite(model, folder / "model.tflite", "int8", [IMAGES])
    return of(np.frombuffer((folder / "model.tflite").read_bytes(), np.uint8))


def saved(folder: Path) -> Any:
    """Both formats, over what is there."""
    with digits() as model:
        model.save(folder / "saved")
        model.save(folder / "saved.tflite")
    with tf.load_model(folder / "saved", "cpu") as a, tf.load_model(folder / "saved.tflite", "cpu") as b:
        return of(a.predict(IMAGES), b.predict(IMAGES[:1]))


def benched(_folder: Path) -> Any:
    """Two backends, interleaved."""
    from tfjslab.bench.settings import Settings  # noqa: PLC0415

    with digits() as model:
        found = tf.bench_models([model], ["cpu", "wasm-threads"], settings=Settings(30, 2))
    return next((r.reason for r in found if r.reason), len(found))


def compared(_folder: Path) -> Any:
    """Node by node on two backends."""
    with digits() as model:
        return repr(tf.numeric_diff(model, IMAGES, ("cpu", "wasm-simd")))


def stored(folder: Path) -> Any:
    """Results in and out of a store."""
    with tf.open_store(folder / "kept.sqlite") as store, digits() as model:
        store.add(tf.bench_model(model, runs=5, warmup=0))
        return store.results()[-1].record.get("reason") or True


def ops_benched(_folder: Path) -> Any:
    """Rows of an op list."""
    from tfjslab.bench.ops.bench import OpSettings, bench_ops  # noqa: PLC0415
    from tfjslab.bench.ops.reading import BUILTIN, read_rows  # noqa: PLC0415

    rows = [r for r in read_rows(BUILTIN) if "Relu" in r.label][:6]
    found = bench_ops(rows, ["wasm-simd"], None, OpSettings(rounds=2))
    return found.reason or next((r.reason for r in found.rows if r.reason), len(found.rows))


def in_browser(_folder: Path) -> Any:
    """In Chromium."""
    how = tf.browser.HowToRun(runs=6, rounds=2, warmup=1, budget_s=2.0, profiles=2)
    with digits() as model:
        found = tf.browser.bench(model, ["wasm-simd"], how=how)
    return next((r.bench.reason for r in found if r.bench.reason), len(found))


def in_dashboard(_folder: Path) -> Any:
    """A run in the lab."""
    with digits() as model, tf.Lab(model, "wasm-simd") as lab:
        lab.run(wait=True)
        return len(lab.session.runs)


CALLS: dict[str, Callable[[Path], Any]] = {
    "load, predict cpu": predicted("cpu"), "load, predict wasm-simd": predicted("wasm-simd"),
    "load, predict wasm-threads": predicted("wasm-threads"), "load, predict webgpu": predicted("webgpu"),
    "predict, long": long_prediction, "eager ops": eager, "profile_model": profiled, "optimize": optimized,
    "quantize": quantized, "evaluate": evaluated, "sweep": swept, "recommend": recommended, "report": reported,
    "stream": streamed, "export_web": exported, "export_tflite": exported_tflite, "save": saved,
    "bench_models": benched, "bench_ops": ops_benched, "numeric_diff": compared, "open_store": stored,
    "browser.bench": in_browser, "Lab.run": in_dashboard,
}
NAMES = tuple(CALLS)


# A press that is not heard here: no call of Python's follows it, so Python looks for signals where the traced code next
# lets it.
_PRESS = defaultdict(functools.partial(ctypes.CDLL(None)["raise"], int(signal.SIGINT)))


def at_step(work: Callable[[], Any], interrupt_at: int, steps: str = "line") -> int:
    """Call ``work`` with SIGINT at a step of the package, counted from 1; gives how many steps there were.

    Steps are lines, or instructions for ``opcode``; it counts no further where it came. Python hears it at the first
    place after it where it hears signals, as it would one that came by itself. 0: it does not come.
    """
    count = 0

    def step(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        if event == steps:
            count += 1
            if count == interrupt_at:
                sys.settrace(None)  # else the next call of this function would hear it, at a place that may hear none
                _PRESS[count]
        return step

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        if "/tfjslab/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = steps == "opcode"
        return step

    _PRESS.clear()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(None)
    return count


def at_moment(work: Callable[[], Any], seconds: float) -> None:
    """Call ``work`` with SIGINT so many seconds after its start."""
    def ring(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        work()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def taken() -> dict[str, int]:
    """All that a call has to give back."""
    found = held()
    found["threads"] = threading.active_count()
    found["processes"] = len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    found["descriptors"] = len(list(Path("/proc/self/fd").iterdir()))
    found["temporary files"] = len(list(Path(tempfile.gettempdir()).iterdir()))
    return found


def settled(before: dict[str, int]) -> dict[str, tuple[int, int]]:
    """What is not as before, a moment later."""
    until = time.monotonic() + _SETTLED_S
    while True:
        gc.collect()
        now = taken()
        if now == before or time.monotonic() > until:
            return {k: (before.get(k, 0), now.get(k, 0)) for k in {*before, *now} if before.get(k) != now.get(k)}
        time.sleep(0.02)


class Tried:
    """A call, its right answer, and what became of it when it was interrupted."""

    def __init__(self, name: str, folder: Path) -> None:
        self._call, self._folder = CALLS[name], folder
        self.answer: Any = ""
        self.hit, self.slowest, self.where = 0, 0.0, ""
        self.work()
        self.right = self.answer
        self.lines = at_step(self.work, 0)
        began = time.perf_counter()
        self.work()
        self.took = time.perf_counter() - began

    def work(self) -> None:
        """Call it."""
        self.answer = ""
        self.answer = self._call(self._folder)

    def at_moment(self, moment: float) -> str:
        """Interrupt it there; gives what was wrong and where it came."""
        began = time.perf_counter()
        try:
            return self._ended(lambda: at_moment(self.work, moment))
        finally:
            self.slowest = max(self.slowest, time.perf_counter() - began - min(moment, self.took))

    def at_line(self, line: int) -> str:
        """The same at a line. Who swallows it goes on as if nobody had pressed, which is wrong."""
        came = False

        def work() -> None:
            nonlocal came
            came = at_step(self.work, line) >= line

        wrong = self._ended(work)
        return wrong or (f"not heard at line {line} of {self.lines}" if came and self.answer == self.right else "")

    def _ended(self, work: Callable[[], None]) -> str:
        self.where = ""
        try:
            work()
        except KeyboardInterrupt as e:
            self.hit += 1
            ours = [f for f in traceback.extract_tb(e.__traceback__) if "/tfjslab/" in f.filename]
            self.where = " < ".join(f"{f.filename.partition('/tfjslab/')[2]}:{f.lineno}" for f in reversed(ours[-4:]))
            return ""
        except Exception as e:  # noqa: BLE001 - what is looked for
            return f"{type(e).__name__}: {e}"
        self.hit += self.answer == INTERRUPTED
        return "" if self.answer in (self.right, INTERRUPTED) else f"answered {self.answer!r:.100}"


def interrupted(name: str, count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Interrupt a call ``count`` times."""
    rng, failures = random.Random(f"{seed} {name}"), Counter[str]()  # noqa: S311 - no secret
    call = Tried(name, folder)
    before = taken()
    for i in range(count):
        moment, at = rng.uniform(0, call.took * _SHARE), rng.randrange(1, max(call.lines, 1) + 1)
        found = call.at_line(at) if i % 2 else call.at_moment(moment)
        if left := settled(before):
            found += f" left {left}"
            before = taken()
        where = call.where
        if not found and (i % _RERUN == 0 or i == count - 1):
            call.work()
            found = "" if call.answer == call.right else f"next call answered {call.answer!r:.100}"
        if found:
            failures[f"{found} ({where})"] += 1
    return {"tries": count, "hit": call.hit, "slowest": call.slowest,
            "failures": dict(failures.most_common(_MOST_LINES))}


def in_process(name: str, count: int, seed: int) -> dict[str, Any]:
    """The same in a process with a folder for temporary files of its own."""
    with tempfile.TemporaryDirectory(prefix="interrupts-") as folder:
        ended = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, __file__, name, str(count), str(seed)], capture_output=True, text=True, check=False,
            env={**os.environ, "TMPDIR": folder})
    if ended.returncode:
        return {"tries": count, "hit": 0, "slowest": 0.0, "failures": {
            f"ended with {ended.returncode}: {ended.stderr.strip()[-500:]}": 1}}
    told: dict[str, Any] = json.loads(ended.stdout.strip().rpartition("\n")[2])
    return told


def main() -> None:
    """One call, by the command line."""
    name, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")  # files that an interrupt leaves open, which Python closes
    os.environ["PYTHONWARNINGS"] = "ignore"
    temporary = Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=temporary.parent) as folder:
        told = interrupted(name, count, seed, Path(folder))
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
