"""What a .tflite file says of itself, written: the flat buffer that ``metadata`` reads, and the files behind it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfjslab.formats.tflite.builder import Field, FlatBuilder
from tfjslab.formats.tflite.metadata import ABOUT, LABELS, NORMALIZATION
from tfjslab.formats.tflite.schema import METADATA_MARK

_PARSER = "1.0.0"  # the oldest that reads all of it
_THEN = (1980, 1, 1, 0, 0, 0)  # the first date of archives: the same model gives the same bytes
Table = dict[int, Field]


def described_as(about: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """The metadata that a graph's ``model_metadata`` and ``labels`` ask for, and the texts of attached files by name.

    Nothing where there is nothing to tell.
    """
    told = about.get("model_metadata") or {}
    if not told or "damaged" in told:
        told = {}
    outputs = [dict(t) for t in told.get("outputs", ())]
    labels = about.get("labels")
    if labels and not any(t.get("labels") for t in outputs):
        outputs = [{**(outputs[0] if outputs else {}), "labels": labels}, *outputs[1:]]
    if not told and not outputs:
        return b"", {}
    files: dict[str, str] = {}
    graph = {2: [_tensor(t, files) for t in told.get("inputs", ())], 3: [_tensor(t, files) for t in outputs]}
    texts: Table = {field: told[key] for key, field in ABOUT.items() if told.get(key)}
    return FlatBuilder(METADATA_MARK).finish({**texts, 3: [graph], 7: _PARSER}), files


def _tensor(told: Mapping[str, Any], files: dict[str, str]) -> Table:
    """One input or output; its labels become a file."""
    made: Table = {field: told[key] for key, field in (("name", 0), ("description", 1)) if told.get(key)}
    if "mean" in told:
        made[4] = [{0: ("<B", NORMALIZATION), 1: {0: _floats(told["mean"]), 1: _floats(told["std"])}}]
    if "max" in told:
        made[5] = {0: _floats(told["max"]), 1: _floats(told["min"])}
    if told.get("labels"):
        name = "labels.txt" if not files else f"labels_{len(files)}.txt"
        files[name] = "\n".join(told["labels"])
        made[6] = [{0: name, 2: ("<b", LABELS[0])}]
    return made


def _floats(values: Sequence[float]) -> Any:
    return np.array(values, np.float32)


def with_files(data: bytes, files: Mapping[str, str]) -> bytes:
    """The model with an archive of texts behind it."""
    if not files:
        return data
    whole = io.BytesIO(data)
    with zipfile.ZipFile(whole, "a") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _THEN), text)
    return whole.getvalue()
