"""The models of the zoo: one row each, one file each."""

from __future__ import annotations

from tfjslab.base.errors import ModelError, did_you_mean
from tfjslab.formats.registry import read_model
from tfjslab.formats.sources import Progress, no_progress
from tfjslab.graph.ir import Graph
from tfjslab.model.model import Model
from tfjslab.zoo import blazeface, digits, mobilenet_v2
from tfjslab.zoo.entry import ZooEntry

ENTRIES: dict[str, ZooEntry] = {e.name: e for e in (blazeface.ENTRY, digits.ENTRY, mobilenet_v2.ENTRY)}


def get(name: str) -> ZooEntry:
    """The entry called ``name``; ModelError lists the names."""
    if name not in ENTRIES:
        raise ModelError(
            f"'{name}' is not in the zoo ({', '.join(ENTRIES)}){did_you_mean(name, ENTRIES)}", code="model.unknown",
        )
    return ENTRIES[name]


def build(name: str, *, real: bool = False, seed: int = 0, progress: Progress = no_progress) -> Graph:
    """The graph: with random weights from ``seed``, or with ``real`` ones, downloaded and kept in the cache.

    A model that ships with real weights has them always.

    ModelError (code ``model.download``) when the real ones are neither in the cache nor reachable.
    """
    entry = get(name)
    if not real or not entry.random:
        return entry.build(seed)
    try:
        return read_model(entry.url, progress=progress)
    except ModelError as e:
        hint = f"; {name} with random weights needs no network" if e.code == "model.download" else ""
        raise ModelError(f"{e}{hint}", code=e.code) from None


def load(
    name: str, *, real: bool = False, seed: int = 0, backend: str | None = None, threads: int | None = None,
    progress: Progress = no_progress,
) -> Model:
    """``build``, ready to run."""
    return Model(build(name, real=real, seed=seed, progress=progress), backend, threads, name=name)
