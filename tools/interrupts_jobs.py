"""The commands that ``interrupts.py`` interrupts: a small typical job for each, and what it has to leave."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfjslab import zoo

SHOW_S = 3.0  # that a command which ends by Ctrl-C alone is watched
_FACTS = ("model", "backend", "dtype", "shape", "sha256", "op", "setting", "precision", "variant")


@dataclass(frozen=True)
class Job:
    """One command line. ``{peers}`` in it is the folder in which npm installed TensorFlow.js.

    ``outputs`` are the files and folders it writes, ``json`` its result among them. ``ends`` is False for what runs
    until it is interrupted; ``code`` is its exit code then. ``talks``: stderr has what people need to use it.
    """

    name: str
    line: str
    outputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    ends: bool = True
    code: int = 130
    talks: bool = False
    json: bool = True

    def arguments(self, peers: str) -> list[str]:
        """The words behind ``tfjslab``."""
        more = " --json out.json" if self.json else ""
        return f"{self.line}{more}".format(peers=peers).split()

    @property
    def written(self) -> tuple[str, ...]:
        """Everything that may lie in the folder afterwards."""
        return (*self.outputs, *(("out.json",) if self.json else ()))


_DATA = "--input images.npy --labels labels.npy"
_NODE, _CHROMIUM = ("node",), ("chromium",)
JOBS = (
    Job("backends", "backends"),
    Job("run", "run digits -b wasm-simd --output out.npz", ("out.npz",)),
    Job("run threads", "run digits -b wasm-threads --threads 2"),
    Job("run webgpu", "run digits -b webgpu"),
    Job("inspect", "inspect digits --browsers --matrix --graph graph.html", ("graph.html",)),
    Job("bench", "bench digits -b cpu,wasm-simd,wasm-threads -r 200 -w 5 --max-time 1 --store=kept.sqlite",
        ("kept.sqlite",)),
    Job("bench batches", "bench digits -b wasm-simd --batch 1,4 -r 50 --chart sizes.svg", ("sizes.svg",)),
    Job("bench roofline", "bench digits -b wasm-simd -r 50 --roofline"),
    Job("bench ops", "bench --ops builtin --filter Relu -b wasm-simd --rounds 2"),
    Job("bench ops tfjs", "bench --ops builtin --filter Relu -b wasm-simd --rounds 2 --compare tfjs "
        "--peers {peers}", needs=_NODE),
    Job("bench tfjs", "bench digits -b wasm-simd -r 100 --compare tfjs --peers {peers}", needs=_NODE),
    Job("bench chromium", "bench digits --in chromium -b wasm-simd,tfjs-wasm-simd --tfjs {peers} -r 20 --max-time 1 "
        "--store=kept.sqlite", ("kept.sqlite",), _CHROMIUM),
    Job("profile", "profile digits -b wasm-simd -r 30 --trace trace.json --view view.html --store=kept.sqlite",
        ("trace.json", "view.html", "kept.sqlite")),
    Job("profile processes", "profile digits -b wasm-simd -r 10 --processes 2"),
    Job("optimize", "optimize digits --out fast -b wasm-simd", ("fast",)),
    Job("optimize tflite", "optimize digits --out fast.tflite --no-measure", ("fast.tflite",)),
    Job("optimize tfjs", "optimize digits --out fast -b wasm-simd --compare tfjs --peers {peers} --rounds 2",
        ("fast",), _NODE),
    Job("quantize", "quantize digits --kind uint8 --out small -b wasm-simd -r 5", ("small",)),
    Job("quantize int8", "quantize digits --kind int8 --calibration images.npy --report -b wasm-simd -r 5 "
        "--store=kept.sqlite", ("kept.sqlite",)),
    Job("evaluate", f"evaluate digits {_DATA} -b wasm-simd"),
    Job("sweep", f"sweep digits {_DATA} --calibration images.npy -b wasm-simd -r 10 --chart sweep.svg "
        "--store=kept.sqlite", ("sweep.svg", "kept.sqlite")),
    Job("recommend", "recommend digits --scenario compatibility -b wasm-plain,cpu -r 10 --batch 1,2"),
    Job("recommend chromium", "recommend digits --scenario compatibility --in chromium -b wasm-simd,tfjs-cpu "
        "--tfjs {peers} -r 10 --max-time 1", needs=_CHROMIUM),
    Job("report", "report digits --after optimized,int8 --data images.npy --labels labels.npy --rounds 2 -r 10 "
        "-o report.html", ("report.html",)),
    Job("report tfjs", "report digits --before tfjs-wasm-simd --after optimized --rounds 2 -r 10 --peers {peers} "
        "-o report.html", ("report.html",), _NODE),
    Job("report chromium", "report digits --after optimized --in chromium --rounds 2 -r 10 -o report.html",
        ("report.html",), _CHROMIUM),
    Job("history", "history --model digits --store=base.sqlite --chart history.svg", ("history.svg",)),
    Job("stream", "stream digits pictures --fps 100 --frames 150 -b wasm-simd"),
    Job("export web", "export digits --out web --only plain --only simd --peers {peers}", ("web",), _NODE),
    Job("export tune", "export digits --out web --only simd --tune chromium --no-proof", ("web",), _CHROMIUM),
    Job("export tflite", "export digits --out model.tflite --precision float16", ("model.tflite",)),
    Job("serve", "serve digits -b wasm-simd --idle 60", ends=False, talks=True),
    Job("monitor", "monitor --port 0 --store monitor.sqlite", ("monitor.sqlite",), ends=False, code=0, talks=True),
    Job("lab", "lab --no-browser --allow-root --folder books", ("books",), ends=False, talks=True, json=False),
)


def make_inputs(folder: Path) -> None:
    """What the jobs read: pictures, samples with labels, a store with some results."""
    from tfjslab.bench.bench import bench_model  # noqa: PLC0415 - loads engines
    from tfjslab.store import open_store  # noqa: PLC0415

    images = np.random.default_rng(0).uniform(0, 1, (8, 8, 8, 1)).astype(np.float32)
    np.save(folder / "images.npy", images)
    with zoo.load("digits", backend="cpu") as model, open_store(folder / "base.sqlite") as store:
        np.save(folder / "labels.npy", np.argmax(np.asarray(model.predict(images)), 1))
        for _ in range(3):
            store.add(bench_model(model, runs=3, warmup=0))
    pictures = folder / "pictures"
    pictures.mkdir()
    for i, image in enumerate(images):
        Image.fromarray((image[:, :, 0] * 255).astype(np.uint8)).save(pictures / f"{i}.png")


def able(job: Job, peers: str) -> bool:
    """Whether this machine has what a job needs."""
    found = {"node": bool(shutil.which("node") and peers), "chromium": bool(shutil.which("chromium") and peers)}
    return all(found[n] for n in job.needs)


def facts(document: Any) -> list[tuple[str, str]]:
    """What a result tells that is the same each time: names, digests, sizes, but no times."""
    return sorted(set(_facts(document, "")))


def _facts(document: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(document, dict):
        for k, value in document.items():
            yield from _facts(value, k)
    elif isinstance(document, list) and key != "shape":
        for value in document:
            yield from _facts(value, key)
    elif key in _FACTS and not isinstance(document, float):  # a time that a model took
        yield key, json.dumps(document)


def whole(path: Path) -> bool:
    """Whether a file, or all of a folder, can be read to its end."""
    if path.is_dir():
        return all(whole(p) for p in path.iterdir())
    data = path.read_bytes()
    ends = {".html": (b"</html>", b"</main>"), ".svg": (b"</svg>",)}
    if path.suffix in ends:
        return data.rstrip().endswith(ends[path.suffix])
    try:
        if path.suffix == ".json":
            json.loads(data)
        elif path.suffix == ".npz":
            with np.load(path) as held:
                [held[name] for name in held.files]
        elif path.suffix == ".tflite" or path.name == "model.json":
            from tfjslab.model.load import load_model  # noqa: PLC0415 - loads engines

            load_model(path, "cpu").dispose()
    except Exception:  # noqa: BLE001 - what is looked for
        return False
    return bool(data)
