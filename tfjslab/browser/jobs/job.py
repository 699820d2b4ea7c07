"""A job for a browser: one model, the programs that take turns running it, and how."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype, of_value
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.browser.jobs.litert_source import litert_files
from tfjslab.browser.jobs.programs import LITERT, TFJS, DeviceProgram
from tfjslab.browser.jobs.site import Content
from tfjslab.browser.jobs.tfjs_source import tfjs_source
from tfjslab.export.web import export_web
from tfjslab.formats.document import Document
from tfjslab.formats.sources import MODEL_FILE, open_source
from tfjslab.model.model import Model

TFLITE = ".tflite"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class JobSubject:
    """What a job is about: the file that others read, and our model of it.

    Either is None, with ``no_file`` or ``why``, where there is none. ``export`` is the folder of a web module that was
    made of it before; without it one is made.
    """

    name: str
    file: Path | None
    model: Model | None
    why: str = ""
    no_file: str = ""
    export: Path | None = None


@dataclass(frozen=True)
class HowToRun:
    """Steady runs of each program in ``rounds``, within a budget for all of one's; ``profiles`` are profiled runs."""

    runs: int = 50
    warmup: int = 5
    rounds: int = 5
    budget_s: float = 10.0
    profiles: int = 5
    threads: int = 0  # 0 leaves it to the program


@dataclass(frozen=True)
class DeviceJob:
    """``told`` is what the page gets, ``files`` what it may then ask for.

    ``refused`` are programs that cannot be tried at all, with the reason: TensorFlow.js is not here, or the model
    cannot be a web module.
    """

    id: str
    programs: tuple[DeviceProgram, ...]
    told: Mapping[str, Any]
    files: Mapping[str, Content]
    refused: Mapping[str, str]


def make_job(
    subject: JobSubject, programs: Sequence[DeviceProgram], inputs: Mapping[str, Array], how: HowToRun, scratch: Path,
) -> DeviceJob:
    """Gather what a browser needs: the model's files, who runs them, and our module of it, written to ``scratch``."""
    number = f"job{next(_numbers)}"
    files: dict[str, Content] = {}
    fed = [_input(files, f"{number}/input{i}.bin", name, value) for i, (name, value) in enumerate(inputs.items())]
    sides, able, refused = [], [], {}
    for p in programs:
        try:
            sides.append(_side(files, number, p, subject, how, scratch))
            able.append(p)
        except TfjslabError as e:
            refused[p.name] = str(e)
    told = {
        "id": number, "name": subject.name, "runner": "./page/run.js", "inputs": fed, "sides": sides, "runs": how.runs,
        "warmup": how.warmup, "rounds": how.rounds, "budget_ms": how.budget_s * 1e3, "profiles": how.profiles,
    }
    return DeviceJob(number, tuple(able), told, files, refused)


def _input(files: dict[str, Content], path: str, name: str, value: Array) -> dict[str, Any]:
    dtype = of_value(value)
    files[path] = np.asarray(value, numpy_dtype(dtype), order="C").tobytes()
    return {"name": name, "shape": list(value.shape), "dtype": dtype, "url": f"./{path}"}


def _side(
    files: dict[str, Content], number: str, program: DeviceProgram, subject: JobSubject, how: HowToRun, scratch: Path,
) -> dict[str, Any]:
    told = {
        "name": program.name, "kind": program.kind, "backend": program.backend, "flags": dict(program.flags),
        "threads": how.threads if program.threaded else 1,
    }
    if program.kind not in (TFJS, LITERT):
        return {**told, "variant": program.backend, "module": _module(files, number, program, subject, scratch)}
    if subject.file is None:
        raise UsageError(subject.no_file)
    if (subject.file.suffix == TFLITE) != (program.kind == LITERT):
        read = f"{TFLITE} files" if program.kind == LITERT else "TensorFlow.js models"
        raise UsageError(f"{program.name} reads {read} only; {subject.file.name} is none")
    if program.kind == LITERT:
        files[f"{number}/model{TFLITE}"] = subject.file
        return {**told, "litert": _litert(files), "file": f"./{number}/model{TFLITE}"}
    return {**told, **_tfjs(files, program), "model": _model(files, number, subject.file)}


def _litert(files: dict[str, Content]) -> dict[str, str]:
    found = litert_files()
    files.update({f"litert/{name}": text for name, text in found.scripts.items()})
    files.update({f"litert/wasm/{name}": path for name, path in found.wasm.items()})
    return {"script": "./litert/index.js", "wasm": "./litert/wasm/", "version": found.version}


def _tfjs(files: dict[str, Content], program: DeviceProgram) -> dict[str, Any]:
    source = tfjs_source()

    def address(found: str | Path) -> str:
        if isinstance(found, str):
            return found
        files[f"tfjs/{found.name}"] = found
        return f"./tfjs/{found.name}"

    wasm = source.wasm_files() if program.backend == "wasm" else {}
    return {
        "scripts": [address(s) for s in source.scripts(program.backend)],
        "wasm": {name: address(found) for name, found in wasm.items()},
    }


def _model(files: dict[str, Content], number: str, model_file: Path) -> dict[str, Any]:
    """The model.json and its shards, under numbers: their names are the model's, and so may be anything."""
    source = open_source(model_file, (".json",))
    groups = Document(source).json.get("weightsManifest", [])
    files[f"{number}/{MODEL_FILE}"] = model_file
    addresses = {}
    for i, name in enumerate(path for group in groups for path in group["paths"]):
        files[f"{number}/shard{i}.bin"] = source.files.local(name, "weights")
        addresses[name] = f"./{number}/shard{i}.bin"
    return {"url": f"./{number}/{MODEL_FILE}", "files": addresses}


def _module(
    files: dict[str, Content], number: str, program: DeviceProgram, subject: JobSubject, scratch: Path,
) -> dict[str, Any]:
    """Our module, with the one variant that the program is."""
    if subject.model is None:
        raise UsageError(subject.why)
    folder = subject.export or scratch / number / program.name
    if subject.export is None:
        export_web(subject.model, folder, only=[program.backend])
    for file in folder.iterdir():
        files[f"{number}/{program.name}/{file.name}"] = file
    return {"url": f"./{number}/{program.name}/model.js"}

