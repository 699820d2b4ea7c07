"""Folders of models: copied, moved, listed and removed with all their shards and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfjslab.base.errors import ModelError, UsageError
from tfjslab.formats.artifacts import DATA, MANIFEST, SPECS, joined
from tfjslab.formats.document import Document
from tfjslab.formats.registry import model_suffixes
from tfjslab.formats.sources import MODEL_FILE, FolderFiles, Source, open_source
from tfjslab.formats.weights import parse_manifest

Place = str | os.PathLike[str]


@dataclass(frozen=True)
class ModelArtifactsInfo:
    """How large the parts of a model are in bytes, and when it was saved."""

    date_saved: datetime
    model_topology_type: str
    model_topology_bytes: int
    weight_specs_bytes: int
    weight_data_bytes: int


def get_model_artifacts_info_for_json(model_artifacts: Mapping[str, Any]) -> ModelArtifactsInfo:
    """What ``ModelArtifactsInfo`` tells, of artifacts that are in memory; saved now."""
    topology, specs = model_artifacts.get("modelTopology"), model_artifacts.get(SPECS)
    return _info(datetime.now(UTC), topology, specs, len(joined(model_artifacts.get(DATA) or b"")))


def _info(saved: datetime, topology: object, specs: object, data_bytes: int) -> ModelArtifactsInfo:
    return ModelArtifactsInfo(saved, "JSON", _json_bytes(topology), _json_bytes(specs), data_bytes)


def _json_bytes(part: object) -> int:
    return 0 if part is None else len(json.dumps(part, separators=(",", ":")).encode())


def _files(source: Source) -> dict[str, Path]:
    """The model's files by their names: the model file and its shards."""
    names = [p for g in parse_manifest(Document(source).json.get(MANIFEST) or [], source.name) for p in g.paths]
    return {source.main: source.files.local(source.main, "model file"),
            **{n: source.files.local(n, "weight shard") for n in names}}


def _local(place: Place) -> Source:
    source = open_source(place, model_suffixes())
    if not isinstance(source.files, FolderFiles):
        raise UsageError(f"{os.fspath(place)}: an address; expected a local folder or file")
    return source


def copy_model(source: Place, destination: Place) -> ModelArtifactsInfo:
    """Copy a model, from a folder, a file or an address, byte by byte into a new or empty folder."""
    target = Path(destination)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: exists; expected a new or an empty folder")
    found = _files(open_source(source, model_suffixes()))
    for name, path in found.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)
    return _describe(_local(target))


def move_model(source: Place, destination: Place) -> ModelArtifactsInfo:
    """Copy a local model, then remove it from where it was."""
    _local(source)
    info = copy_model(source, destination)
    remove_model(source)
    return info


def remove_model(source: Place) -> ModelArtifactsInfo:
    """Delete a local model: its model file, its shards, and the folder when nothing else is in it."""
    model = _local(source)
    info, found = _describe(model), _files(model)
    for path in found.values():
        path.unlink()
    folder = next(iter(found.values())).parent
    if not any(folder.iterdir()):
        folder.rmdir()
    return info


def list_models(folder: Place = ".") -> dict[str, ModelArtifactsInfo]:
    """The models at any depth below a folder, by path; what cannot be read is left out."""
    found = {}
    for path in sorted(Path(folder).rglob(MODEL_FILE)):
        try:
            found[str(path.parent)] = _describe(_local(path))
        except ModelError:
            continue
    return found


def _describe(source: Source) -> ModelArtifactsInfo:
    document = Document(source)
    main, *shards = _files(source).values()
    saved = datetime.fromtimestamp(main.stat().st_mtime, UTC)
    specs = [w for group in document.json.get(MANIFEST) or [] for w in group["weights"]]
    return _info(saved, document.json.get("modelTopology"), specs, sum(p.stat().st_size for p in shards))
