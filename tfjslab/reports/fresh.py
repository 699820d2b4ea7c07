"""A program: one whole start of a model in a process of its own. ``start_ms`` runs it.

``python -m tfjslab.reports.fresh JSON`` loads a model, predicts once, and prints the milliseconds of both. What Python
itself takes to start and to import is not part of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfjslab.base.children import run_child
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError, TfjslabError
from tfjslab.model.load import load_model

_TIMEOUT_S = 300.0


def start_ms(file: Path, backend: str, threads: int | None, x: Mapping[str, Array], scratch: Path) -> float:
    """Milliseconds from nothing to the first answer, in a fresh process; BackendError says why there is none."""
    inputs = {}
    for i, (name, value) in enumerate(x.items()):
        inputs[name] = str(scratch / f"start{i}.npy")
        np.save(inputs[name], value, allow_pickle=False)
    told = json.dumps({"file": str(file), "backend": backend, "threads": threads, "inputs": inputs})
    command = [sys.executable, "-m", "tfjslab.reports.fresh", told]
    try:
        done = run_child(command, timeout_s=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise BackendError(f"a fresh process did not answer within {_TIMEOUT_S:g} s") from None
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise BackendError(f"a fresh process ended with {done.returncode}: {last}")
    return float(done.stdout)


def main(text: str) -> int:
    """Do it here; the exit code is that of the error, whose message goes to stderr."""
    told = json.loads(text)
    feeds = {name: np.load(path, allow_pickle=False) for name, path in told["inputs"].items()}
    before = time.perf_counter()
    try:
        with load_model(told["file"], told["backend"], told["threads"]) as model:
            model.predict(feeds)
            took = time.perf_counter() - before
    except TfjslabError as e:
        sys.stderr.write(f"{' '.join(str(e).split())}\n")
        return e.exit_code
    sys.stdout.write(f"{took * 1e3}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
