"""Writer of TensorFlow.js graph models. TF.js itself loads what it writes, and so does this project's reader."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfjslab.base import dtypes
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ModelError, UsageError
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.version import __version__
from tfjslab.formats.graph_model.graphdef_writer import GraphDefWriter, library_json, shape_json
from tfjslab.formats.sources import MODEL_FILE
from tfjslab.formats.stored import stored_as
from tfjslab.formats.weight_writer import check_quantization, write_weights
from tfjslab.graph.ir import Graph, Port
from tfjslab.graph.unroll_recurrent import unroll
from tfjslab.graph.verify import verify

SHARD_BYTES = 4 << 20
# The GraphDef version that is claimed for graphs that did not come from a file.
_PRODUCER = 1994


def save_graph_model(
    graph: Graph, directory: str | os.PathLike[str], *, shard_bytes: int = SHARD_BYTES, quantize: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``graph`` as a TensorFlow.js graph model into ``directory`` and return that path.

    The folder appears, or changes to the new model, at once: everything is written beside it first.

    Args:
        graph: what to write; it is verified first. Recurrent layers are written out step by step.
        directory: the folder; if it exists it must be empty or hold a model, which is replaced. Other files stay.
        shard_bytes: size of the weight files; the last is shorter.
        quantize: store float weights as ``float16``, ``uint8`` or ``uint16``; None for how the model was stored, or
            ``tf.quantize`` left it.
        metadata: goes to ``userDefinedMetadata``.

    Raises UsageError for bad options, ModelError for what files cannot express, OSError when writing fails.

    """
    if running := graph.metadata.get("execution"):
        raise ModelError(
            f"this model runs in {running}, which a TensorFlow.js model cannot hold: it has no ops for it and would "
            "run as float32; save the float32 model it was made from, or store weights small with float16, uint8 or "
            "uint16",
            code="model.integer_execution",
        )
    check_quantization(quantize)
    if quantize is not None:
        graph = stored_as(graph, quantize)
    if shard_bytes < 1:
        raise UsageError(f"shard_bytes is {shard_bytes}; expected 1 or more")
    verify(graph)
    graph = unroll(graph)
    target = Path(directory)
    if target.exists() and not (target / MODEL_FILE).exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: exists and is not a model; expected a new, an empty or a model's folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(f".{target.name}.", target.parent) as work:
        (work / "new").mkdir()
        _write_files(graph, work / "new", shard_bytes, metadata)
        _swap(work, target)
    return target


def _write_files(
    graph: Graph, folder: Path, shard_bytes: int, metadata: Mapping[str, Any] | None,
) -> None:
    weights: dict[str, Array] = {}
    topology, signature = graphdef(graph, weights)
    stored = {id(g.constants[n]): q for g in graph.all_graphs() for n, q in g.stored.items() if n in g.constants}
    told = dict(graph.metadata.get("userDefinedMetadata") or {})
    # TF.js would read an old signature there before the new one.
    told.pop("signature", None)
    told.update(metadata or {})
    model = {
        "format": "graph-model", "generatedBy": str(graph.metadata.get("generatedBy", f"tfjslab {__version__}")),
        "convertedBy": f"tfjslab {__version__}", "signature": signature,
        **({"userDefinedMetadata": told} if told else {}),
        "modelTopology": topology, "weightsManifest": write_weights(weights, folder, shard_bytes, stored),
    }
    (folder / MODEL_FILE).write_text(json.dumps(model, allow_nan=False), encoding="utf-8")


def _swap(work: Path, target: Path) -> None:
    """Put the new folder in place of the old one, which is put aside until that has worked."""
    if not target.exists():
        (work / "new").replace(target)
        return
    _keep_others(target, work / "new")
    with Uninterrupted():
        target.replace(work / "old")
        try:
            (work / "new").replace(target)
        except OSError:
            (work / "old").replace(target)
            raise


def _keep_others(old: Path, new: Path) -> None:
    """Copy what lies beside the old model (a licence, notes), but neither it nor its shards."""
    own = {MODEL_FILE}
    try:
        manifest = json.loads((old / MODEL_FILE).read_bytes())["weightsManifest"]
        own |= {path for group in manifest for path in group["paths"]}
    except (OSError, ValueError, KeyError, TypeError):
        pass  # an old model that cannot be read keeps its files
    for item in old.iterdir():
        if item.name in own or (new / item.name).exists():
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.copytree(item, new / item.name, symlinks=True)
        else:
            shutil.copy2(item, new / item.name, follow_symlinks=False)


def graphdef(graph: Graph, weights: dict[str, Array]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The topology and the signature as JSON; fills ``weights`` with what Const nodes refer to."""
    writer = GraphDefWriter(weights, frames=True)
    for port in graph.inputs:
        writer.placeholder(port)
    writer.graph(graph)
    outputs = {p.name: writer.output(p) for p in graph.outputs}
    library = library_json(graph, weights)
    topology = {
        "node": writer.nodes, "library": library,
        "versions": {"producer": int(graph.metadata.get("producer", _PRODUCER)), "minConsumer": 12},
    }
    keys = graph.metadata.get("signature") or {}
    signature = {
        "inputs": _entries(graph.inputs, {p.name: p.value for p in graph.inputs}, keys.get("inputs", {})),
        "outputs": _entries(graph.outputs, outputs, keys.get("outputs", {})),
    }
    return topology, signature


def _entries(ports: tuple[Port, ...], names: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, Any]:
    """One side of a signature, under the keys of the file that the graph came from."""
    key_of = {name: key for key, name in keys.items()}
    return {
        key_of.get(p.name, p.name): {
            "name": names[p.name] if ":" in names[p.name] else f"{names[p.name]}:0",
            "dtype": dtypes.to_tf(p.dtype or "float32"), "tensorShape": shape_json(p.shape),
        }
        for p in ports
    }
