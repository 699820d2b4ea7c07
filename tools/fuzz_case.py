"""Loads and runs mutated models, one a line of its input, and tells what became of each. Started by ``fuzz.py``.

A line of input is ``{"source": path, "seed": n, "keep": [0, 1, ...], "backends": [...], "load_only": false}``, an
answer ``{"outcome": ..., "what": ...}``: ``ok`` or the class of a typed error, or what must never be: ``untyped``,
``ugly``, ``left`` and ``differ``.
"""

from __future__ import annotations

import functools
import json
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import fuzz_mutations as mutations

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.base.errors import ELSEWHERE, InputError, TfjslabError
from tfjslab.engine.sessions import release_sessions
from tfjslab.engine.state import STATE
from tfjslab.model.sample import sample_inputs

LONGEST_MESSAGE = 2000  # characters
MOST_DATA = 6 << 30  # bytes that the process may write to, so that a machine survives what it is to find
# What the limits of a run are set to: legal models that are only heavy are no find.
LIMITS = {"MAX_MEMORY_BYTES": 100e6, "MAX_LOOP_SECONDS": 2.0, "MAX_RUN_SECONDS": 2.0, "MAX_NODE_FLOPS": 2e8}
# Errors that another backend need not have: it may be faster, or fuse other nodes.
_ELSEWHERE = ELSEWHERE | {"limit.seconds", "limit.flops"}


@functools.lru_cache(maxsize=64)
def _tflite(path: Path) -> tuple[bytes, list[tuple[int, str]]]:
    data = path.read_bytes()
    return data, mutations.tflite_places(data)


def mutated(source: Path, seed: int, folder: Path, keep: Collection[int] = mutations.ALL) -> Path:
    """A mutated copy of a model in an empty folder, with those of its changes whose numbers are in ``keep``."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    if source.suffix == ".tflite":
        path = folder / "model.tflite"
        path.write_bytes(mutations.mutate_tflite(*_tflite(source), rng, keep))
        return path
    for file in source.iterdir():
        if file.suffix in (".json", ".bin"):
            shutil.copy(file, folder)
    mutations.mutate_folder(folder, rng, keep)
    return folder


def run(path: Path, backend: str, *, load_only: bool) -> str:
    """Load and run; ``ok``, or the class of the typed error. What is untyped is raised."""
    try:
        with tf.load_model(path, backend=backend) as model:
            if load_only:
                return "ok"
            try:
                feeds = sample_inputs(model.inputs)
            except InputError:
                return "loaded"
            model.execute(feeds)
            model.execute(feeds)  # by the plan that the first time made
    except TfjslabError as e:
        text = str(e)
        if len(text) > LONGEST_MESSAGE or not text.isprintable():
            return f"ugly: {type(e).__name__} of {len(text)} characters: {text[:200]!a}"
        return f"elsewhere: {type(e).__name__}" if e.code in _ELSEWHERE else type(e).__name__
    return "ok"


def held() -> dict[str, int]:
    """What is taken at the moment, without what there is none of."""
    release_sessions()
    counts = {f"engine {k}": v for k, v in vars(STATE.counters).items()}
    counts |= {f"{b} {k}": v for b, found in registry.memory().items() for k, v in found.items()}
    return {k: v for k, v in counts.items() if v}


def tried(path: Path, backends: list[str], *, load_only: bool = False) -> dict[str, Any]:
    """What became of a model on each backend."""
    before, found = held(), {}
    for backend in backends:
        try:
            found[backend] = run(path, backend, load_only=load_only)
        except Exception as e:  # noqa: BLE001 - what is looked for
            frames = [f for f in traceback.extract_tb(e.__traceback__) if "tfjslab" in f.filename]
            where = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-4:]))
            return {"outcome": "untyped", "what": f"{type(e).__name__}: {str(e)[:150]!a} at {where} on {backend}"}
    ugly = next((v for v in found.values() if v.startswith("ugly")), "")
    if ugly:
        return {"outcome": "ugly", "what": ugly}
    if held() != before:
        return {"outcome": "left", "what": f"{before} became {held()}"}
    kinds = {v for v in found.values() if not v.startswith("elsewhere")}
    if "ok" in kinds and len(kinds) > 1:
        return {"outcome": "differ", "what": str(found)}
    return {"outcome": found[backends[0]], "what": ""}


def peak_bytes() -> int:
    """The most memory since `reset_peak`; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def reset_peak() -> None:
    """Count the peak from here."""
    refs = Path("/proc/self/clear_refs")
    if refs.exists():
        refs.write_text("5")


def main() -> None:
    """Answer until there is no more."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_DATA, MOST_DATA))
    tf.env().set_flags(LIMITS)
    warnings.simplefilter("error", RuntimeWarning)  # of numpy: not a user's business
    for line in sys.stdin:
        case = json.loads(line)
        with tempfile.TemporaryDirectory() as folder:
            path = mutated(Path(case["source"]), case["seed"], Path(folder), case["keep"])
            reset_peak()
            before, began = peak_bytes(), time.process_time()  # what else a machine does is no find
            told = tried(path, case["backends"], load_only=case["load_only"])
            told |= {"seconds": time.process_time() - began, "bytes": peak_bytes() - before}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
