"""Weights as bytes and back, in the layout of TensorFlow.js's shards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfjslab.base.dtypes import of_array
from tfjslab.base.errors import InputError, did_you_mean
from tfjslab.base.files import scratch_folder
from tfjslab.engine.create import make_tensor
from tfjslab.engine.tensor import Tensor
from tfjslab.formats.artifacts import Bytes, joined
from tfjslab.formats.sources import Files, FolderFiles, UrlFiles
from tfjslab.formats.weight_writer import encode
from tfjslab.formats.weights import parse_manifest, read_weights
from tfjslab.io.handlers import is_http_scheme

_FILE = "weights.bin"


def encode_weights(
    tensors: Mapping[str, Tensor] | Sequence[Mapping[str, Any]], group: str | None = None,
) -> dict[str, Any]:
    """Tensors, by name or as a list of ``{"name", "tensor"}``, as ``{"data": bytes, "specs": [...]}``."""
    named = tensors if isinstance(tensors, Mapping) else {t["name"]: t["tensor"] for t in tensors}
    pairs = [encode(name, tensor.numpy(), None) for name, tensor in named.items()]
    specs = [spec if group is None else {**spec, "group": group} for spec, _ in pairs]
    return {"data": b"".join(data for _, data in pairs), "specs": specs}


def decode_weights(weight_data: Bytes | Sequence[Bytes], specs: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """The tensors that bytes hold, by name; quantized ones become what they stand for. ModelError when sizes differ."""
    with scratch_folder() as folder:
        (folder / _FILE).write_bytes(joined(weight_data))
        return _read([{"paths": [_FILE], "weights": list(specs)}], FolderFiles(folder), None)


def load_weights(
    manifest: Sequence[Mapping[str, Any]], file_path_prefix: str = "", weight_names: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """The tensors of a ``weightsManifest``, or those in ``weight_names``, from a folder or the address of one."""
    is_address = is_http_scheme(file_path_prefix)
    files: Files = (UrlFiles(file_path_prefix.rstrip("/") + "/", "") if is_address else
                    FolderFiles(Path(file_path_prefix)))
    return _read(manifest, files, weight_names)


def _read(
    manifest: Sequence[Mapping[str, Any]], files: Files, names: Collection[str] | None,
) -> dict[str, Tensor]:
    groups = parse_manifest(list(manifest), files.where)
    known = [spec.name for group in groups for spec in group.specs]
    for name in names or ():
        if name not in known:
            raise InputError(f"{files.where}: weight '{name}' is not in the manifest{did_you_mean(name, known)}")
    arrays = read_weights(groups, files)
    return {k: make_tensor(a, of_array(a)) for k, a in arrays.items() if names is None or k in names}


def get_weight_specs(weights_manifest: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The specs of all groups of a manifest, in order."""
    return [spec for group in weights_manifest for spec in group["weights"]]


def concatenate_array_buffers(buffers: Bytes | Sequence[Bytes]) -> bytes:
    """Pieces of bytes as one."""
    return joined(buffers)
