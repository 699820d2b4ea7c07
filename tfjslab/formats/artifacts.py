"""Models as one mapping, in the keys of TensorFlow.js's ``ModelArtifacts``: what handlers load and save.

``modelTopology`` and ``weightSpecs`` are JSON, ``weightData`` is the bytes of all weights, one behind the other; the
other keys of a ``model.json`` (``format``, ``signature``, ``userDefinedMetadata``, ...) stand beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tfjslab.base.errors import ModelError, UsageError
from tfjslab.base.files import scratch_folder
from tfjslab.formats.document import Document
from tfjslab.formats.sources import MODEL_FILE, Files, FolderFiles, Source
from tfjslab.formats.weights import parse_manifest

Artifacts = Mapping[str, Any]
Bytes = bytes | bytearray | memoryview
MANIFEST, SPECS, DATA, _SHARD = "weightsManifest", "weightSpecs", "weightData", "weights.bin"


@runtime_checkable
class LoadHandler(Protocol):
    """Gives a model's artifacts; what ``load_model`` takes in place of a path."""

    def load(self) -> Artifacts:
        """The model as one mapping; see ``tfjslab.formats.artifacts``."""
        ...


@runtime_checkable
class SaveHandler(Protocol):
    """Takes a model's artifacts; what ``model.save`` takes in place of a path."""

    def save(self, artifacts: Artifacts) -> Any:
        """Keep the model; what is returned is what ``model.save`` returns."""
        ...


def joined(data: Bytes | Sequence[Bytes]) -> bytes:
    """Weights as one piece; UsageError for what are no bytes."""
    parts = [data] if isinstance(data, Bytes) else data
    if not isinstance(parts, (list, tuple)) or not all(isinstance(p, Bytes) for p in parts):
        raise UsageError(f"weight data is {type(data).__name__}; expected bytes, or a list of them")
    return b"".join(parts)


@contextmanager
def unpacked(artifacts: Artifacts) -> Iterator[Path]:
    """A folder with the model's files, for as long as the block runs. ModelError when they are no artifacts."""
    if not isinstance(artifacts, Mapping) or "modelTopology" not in artifacts:
        found = sorted(artifacts) if isinstance(artifacts, Mapping) else type(artifacts).__name__
        raise ModelError(f"the handler gave {found}; expected a mapping with modelTopology, weightSpecs and weightData")
    told = {k: v for k, v in artifacts.items() if k not in (SPECS, DATA)}
    specs, data = artifacts.get(SPECS) or [], joined(artifacts.get(DATA) or b"")
    manifest = [{"paths": [_SHARD], "weights": list(specs)}] if specs else []
    with scratch_folder() as folder:
        (folder / MODEL_FILE).write_text(json.dumps({**told, MANIFEST: manifest}), encoding="utf-8")
        (folder / _SHARD).write_bytes(data)
        yield folder


def saved_by(handler: SaveHandler, write: Callable[[Path], object]) -> Any:
    """What ``handler`` makes of the artifacts of a model that ``write`` writes into a folder."""
    with scratch_folder() as folder:
        write(folder)
        return handler.save(packed(Source(FolderFiles(folder), MODEL_FILE)))


def packed(source: Source, shards: Files | None = None) -> dict[str, Any]:
    """The artifacts of a model's files; the shards lie beside the model file where no other place is given."""
    document = Document(source)
    told = {k: v for k, v in document.json.items() if k != MANIFEST}
    manifest = document.json.get(MANIFEST) or []
    files = shards or source.files
    groups = parse_manifest(manifest, document.name)
    data = b"".join(files.local(p, "weight shard").read_bytes() for g in groups for p in g.paths)
    return {**told, SPECS: [w for group in manifest for w in group["weights"]], DATA: data}
