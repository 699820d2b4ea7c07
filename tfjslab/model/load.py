"""From a path or an address to a ``Model``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tfjslab.base.awaiting import settled
from tfjslab.base.collector import collector_paused
from tfjslab.formats.artifacts import LoadHandler, unpacked
from tfjslab.formats.graph_model.reader import FORMAT as GRAPH_MODEL
from tfjslab.formats.layers_model.reader import FORMAT as LAYERS_MODEL
from tfjslab.formats.registry import read_model
from tfjslab.formats.sources import MODEL_FILE, Progress, no_progress
from tfjslab.formats.tflite.reader import FORMAT as TFLITE
from tfjslab.model.model import Model

Source = str | os.PathLike[str] | LoadHandler


def load_model(
    path_or_url: Source, backend: str | None = None, threads: int | None = None, progress: Progress = no_progress,
    format_name: str = "", signature: str = "",
) -> Model:
    """Load a model from a folder, a file, or a ``file://`` or ``http(s)://`` address; its format is recognised.

    Args:
        path_or_url: where the model's main file is; or a handler with a ``load`` method, as those of ``tf.io``.
        backend: where it runs; None follows the current backend.
        threads: for threaded backends; None means ``get_threads_count()``.
        progress: called with the name of a file, bytes so far and bytes in all (None when unknown).
        format_name: insist on this format instead of recognising it.
        signature: which entry point of a ``.tflite`` file; the main one without it.

    Raises ModelError (exit code 3) naming the file and the reason; BackendUnavailableError.

    """
    with collector_paused(), _files(path_or_url) as place:
        graph = read_model(place, format_name=format_name, progress=progress, signature=signature)
    return Model(graph, backend, threads, name=_name(path_or_url))


@contextmanager
def _files(source: Source) -> Iterator[str | os.PathLike[str]]:
    """Where the model's files are, for as long as they are read; those of a handler are written out."""
    if not isinstance(source, LoadHandler):
        yield source
        return
    with unpacked(settled(source.load())) as folder:
        yield folder


def load_graph_model(
    path_or_url: Source, backend: str | None = None, threads: int | None = None, progress: Progress = no_progress,
) -> Model:
    """``load_model`` that takes nothing but a TensorFlow.js graph model."""
    return load_model(path_or_url, backend, threads, progress, GRAPH_MODEL)


def load_layers_model(
    path_or_url: Source, backend: str | None = None, threads: int | None = None, progress: Progress = no_progress,
) -> Model:
    """``load_model`` that takes nothing but a TensorFlow.js layers model."""
    return load_model(path_or_url, backend, threads, progress, LAYERS_MODEL)


def load_tflite_model(
    path_or_url: Source, backend: str | None = None, threads: int | None = None, progress: Progress = no_progress,
    signature: str = "",
) -> Model:
    """``load_model`` that takes nothing but a ``.tflite`` file.

    Its activations are floats; weights may be float32, float16 or quantized, and are float32 once they are read.
    """
    return load_model(path_or_url, backend, threads, progress, TFLITE, signature)


def _name(source: Source) -> str:
    """What people call the model: its folder when the file is a plain ``model.json``, else the file.

    A handler is called by its ``path``, if it has one.
    """
    if isinstance(source, LoadHandler):
        source = str(getattr(source, "path", ""))
    parts = [p for p in os.fspath(source).replace(os.sep, "/").split("?")[0].split("/") if p]
    if parts and parts[-1] == MODEL_FILE:
        parts.pop()
    return parts[-1].removesuffix(".json").removesuffix(".tflite") if parts else "model"
