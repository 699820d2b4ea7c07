"""The model formats: one row each. A new format is a folder, or a file, and a row here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfjslab.base.errors import ModelError, UsageError, did_you_mean
from tfjslab.base.out_of_memory import tells_memory
from tfjslab.formats.document import Document
from tfjslab.formats.graph_model import reader as tfjs_graph
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.formats.layers_model import reader as tfjs_layers
from tfjslab.formats.sources import Progress, no_progress, open_source
from tfjslab.formats.tflite import reader as tflite
from tfjslab.formats.tflite.save import save_tflite
from tfjslab.graph.ir import Graph
from tfjslab.graph.promote import with_casts
from tfjslab.graph.tables import with_table_lengths


@dataclass(frozen=True)
class Format:
    """One format: how to recognise, read and, where there is a writer, write it.

    ``suffixes`` are those of its main files, with the dot. ``sniff`` only looks, at a binary file no further than at
    its ``head``. ``signatures`` tells whether its files may have several entry points.
    """

    name: str
    doc: str
    suffixes: tuple[str, ...]
    sniff: Callable[[Document], bool]
    read: Callable[[Document], Graph]
    write: Callable[[Graph, str | os.PathLike[str]], Path] | None = None
    signatures: bool = False


_JSON = (".json",)

FORMATS = (
    Format(tfjs_graph.FORMAT, "TensorFlow.js graph model", _JSON, tfjs_graph.sniff, tfjs_graph.read, save_graph_model),
    Format(tfjs_layers.FORMAT, "TensorFlow.js layers model", _JSON, tfjs_layers.sniff, tfjs_layers.read),
    Format(tflite.FORMAT, "TensorFlow Lite flat buffer", (tflite.SUFFIX,), tflite.sniff, tflite.read, save_tflite,
           signatures=True),
)


def model_suffixes() -> tuple[str, ...]:
    """How the main files of models end, with the dot."""
    return tuple(dict.fromkeys(suffix for row in FORMATS for suffix in row.suffixes))


@tells_memory("reading a model")
def read_model(
    source: str | os.PathLike[str], *, format_name: str = "", progress: Progress = no_progress,
    cache: Path | None = None, signature: str = "",
) -> Graph:
    """Read the model at a path or address into a verified Graph; the format is sniffed unless it is named.

    Raises ModelError (or a subclass) that names the file and the reason.
    """
    document = Document(open_source(source, model_suffixes(), progress=progress, cache=cache), signature)
    row = _recognised(document)
    if format_name not in ("", row.name):
        raise ModelError(f"{document.name}: found a {row.name}, expected a {format_name}", code="model.format")
    if signature and not row.signatures:
        raise UsageError(f"{document.name}: signature {signature!r} is asked for; a {row.doc} has no choice of them")
    with np.errstate(all="ignore"):  # weights, scales and options may be anything, and what is computed of them too
        return with_table_lengths(with_casts(row.read(document)))


def _recognised(document: Document) -> Format:
    # The formats in JSON come last: they parse the whole file, and a binary one fails there.
    for row in sorted(FORMATS, key=lambda f: f.suffixes == _JSON):
        if row.sniff(document):
            return row
    known = ", ".join(f.doc for f in FORMATS)
    raise ModelError(f"{document.name}: not a known model format; expected one of: {known}", code="model.format")


def format_written(path: str | os.PathLike[str], format_name: str = "") -> str:
    """The format that a model is written in at ``path``: the one that is named, else that of the path's suffix.

    Any other path is the folder of a TensorFlow.js graph model.
    """
    suffix = Path(path).suffix.lower()
    files = (f.name for f in FORMATS if f.write and f.suffixes != _JSON and suffix in f.suffixes)
    return format_name or next(files, tfjs_graph.FORMAT)


@tells_memory("writing a model")
def write_model(graph: Graph, path: str | os.PathLike[str], format_name: str = "") -> Path:
    """Write a graph in a format that can be written, see ``format_written``; UsageError lists those."""
    format_name = format_written(path, format_name)
    writers = {f.name: f.write for f in FORMATS if f.write}
    write = writers.get(format_name)
    if write is None:
        known = ", ".join(writers)
        hint = did_you_mean(format_name, writers)
        raise UsageError(f"format {format_name!r} cannot be written; known: {known}{hint}")
    return write(graph, path)
