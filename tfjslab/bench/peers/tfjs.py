"""TensorFlow.js in Node, as the peer to compare with: finding it, starting it, and the requests to it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype, of_array
from tfjslab.base.errors import UsageError
from tfjslab.bench.peers.process import Peer, PeerError

PEERS_VARIABLE = "TFJSLAB_PEERS"
VERSION = "4.22.0"
PACKAGES = ("@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm")
PROGRAM = Path(__file__).with_name("tfjs.mjs")
TIMEOUT_S = 120.0
# V8 first compiles WebAssembly in a hurry, and again for speed once a function has run for long. A single op may never
# come to that while it is measured; with this every function is compiled for speed when it is first called.
COMPILE_FOR_SPEED = ("--no-liftoff",)
# The peer's backend and binary that each of ours is compared with: the same instructions, the same threads.
VARIANTS = {
    "cpu": ("cpu", "plain"), "wasm-plain": ("wasm", "plain"), "wasm-simd": ("wasm", "simd"),
    "wasm-threads": ("wasm", "threads"),
}


def find_peers(given: str | None) -> Path:
    """The folder whose ``node_modules`` is used: ``given``, else ``$TFJSLAB_PEERS``, else one here or above.

    Raises UsageError that says what is missing, Node or a package, and the command that installs it.
    """
    folder = peers_folder(given)
    wanted = " ".join(f"{p}@{VERSION}" for p in PACKAGES)
    install = f"npm install --prefix {folder} {wanted}"
    if shutil.which("node") is None:
        raise UsageError(f"node is not found; install Node.js with npm, then run: {install}")
    if missing := _missing(folder):
        raise UsageError(f"{' and '.join(missing)} not found in {folder / 'node_modules'}; run: {install}")
    return folder


def peers_folder(given: str | None) -> Path:
    """Where ``node_modules`` should be: ``given``, else ``$TFJSLAB_PEERS``, else here or above."""
    named = given or os.environ.get(PEERS_VARIABLE)
    return Path(named) if named else _nearest(Path.cwd())


def _nearest(here: Path) -> Path:
    """The folder with the packages, ``here`` or above it, as Node itself looks for them; "." when there is none."""
    return next((f for f in (here, *here.parents) if not _missing(f)), Path())


def _missing(folder: Path) -> list[str]:
    return [p for p in PACKAGES if not (folder / "node_modules" / p / "package.json").is_file()]


def check_backend(name: str) -> None:
    """UsageError for a backend that TensorFlow.js has no counterpart of in Node."""
    if name not in VARIANTS:
        raise UsageError(f"backend '{name}' has no counterpart in TensorFlow.js under Node; those with one: "
                         f"{', '.join(VARIANTS)}")


def start_tfjs(
    folder: Path, backend: str, threads: int, timeout_s: float = TIMEOUT_S, flags: Sequence[str] = (),
) -> Peer:
    """Start TensorFlow.js as the counterpart of our ``backend``; ``flags`` are for Node.

    PeerError when its threads are not ``threads``. Its ``cpu`` backend always has one, numpy may have more.
    """
    check_backend(backend)
    count = 1 if backend == "cpu" else threads
    command = [shutil.which("node") or "node", *flags, str(PROGRAM), str(folder), *VARIANTS[backend], str(count)]
    peer = Peer(command, "TensorFlow.js", timeout_s)
    found = peer.hello.get("threads")
    if found != count:
        peer.close()
        raise PeerError(f"TensorFlow.js runs on {found} thread(s); expected {count}")
    return peer


def load(peer: Peer, model: Path, feeds: Mapping[str, Array], folder: Path) -> dict[str, Any]:
    """Load ``model`` (a model.json) and run it once on ``feeds``, which are passed as files in ``folder``."""
    return peer.ask("load", model=str(model), inputs=_as_files(feeds, folder))


def make_op(peer: Peer, steps: Sequence[Mapping[str, Any]], operands: Mapping[str, Array], folder: Path) -> None:
    """Make tensors of ``operands`` and run the steps once; ``tfjs_ops.mjs`` tells what a step is."""
    peer.ask("op", steps=list(steps), inputs=_as_files(operands, folder))


def _as_files(arrays: Mapping[str, Array], folder: Path) -> list[dict[str, Any]]:
    """What the peer is told of arrays that are written for it."""
    told = []
    for i, (name, value) in enumerate(arrays.items()):
        dtype, path = of_array(value), folder / f"input{i}.bin"
        path.write_bytes(np.asarray(value, numpy_dtype(dtype), order="C").tobytes())
        told.append({"name": name, "shape": list(value.shape), "dtype": dtype, "file": str(path)})
    return told


def outputs(peer: Peer, folder: Path) -> list[tuple[str, Array]]:
    """Run once; the outputs in the model's order, with their names."""
    path = folder / "outputs.bin"
    described = peer.ask("outputs", file=str(path))["outputs"]
    data, start, found = path.read_bytes(), 0, []
    for output in described:
        dtype = numpy_dtype(output["dtype"])
        count = int(np.prod(output["shape"], dtype=object))
        found.append((str(output["name"]), np.frombuffer(data, dtype, count, start).reshape(output["shape"])))
        start += count * dtype.itemsize
    return found
