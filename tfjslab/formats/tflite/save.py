"""Writing .tflite files: a graph's operators, what it says of itself, and how its weights are stored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.files import write_whole
from tfjslab.formats.tflite.file import TfliteFile
from tfjslab.formats.tflite.metadata_writer import described_as, with_files
from tfjslab.formats.tflite.serialize import serialize
from tfjslab.formats.tflite.writer.graph import tflite_file
from tfjslab.graph.ir import Graph


def save_tflite(graph: Graph, path: str | os.PathLike[str]) -> Path:
    """Write ``graph`` in float32 to a .tflite file and return its path; an open batch becomes 1.

    Raises UnknownOpError with every node that the format has no operators for, UsageError for a folder.
    """
    return write_bytes(tflite_bytes(tflite_file(graph), graph.metadata), path)


def tflite_bytes(file: TfliteFile, about: Mapping[str, Any]) -> bytes:
    """The bytes of a file, with the metadata and labels of a graph's ``about``."""
    told, attached = described_as(about)
    return with_files(serialize(replace(file, metadata=told)), attached)


def write_bytes(data: bytes, path: str | os.PathLike[str]) -> Path:
    """Write a file at once: it has its old bytes or all of the new ones. UsageError where there is a folder."""
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target}: a folder; a .tflite model is one file, such as {target / 'model.tflite'}")
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(target, data)
