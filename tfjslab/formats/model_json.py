"""What both formats of TensorFlow.js have in their ``model.json``: topology, weight manifest and where it is from."""

from __future__ import annotations

from typing import Any

from tfjslab.formats.document import Document
from tfjslab.formats.weights import WeightGroup, parse_manifest

# What a model.json says of itself; readers keep it in the graph's metadata.
_TOLD = ("generatedBy", "convertedBy", "userDefinedMetadata")


def topology(document: Document) -> dict[str, Any]:
    """``modelTopology``, or empty."""
    found = document.json.get("modelTopology")
    return found if isinstance(found, dict) else {}


def weight_groups(document: Document) -> list[WeightGroup]:
    """The groups of ``weightsManifest``, checked; none when the file has no manifest."""
    return parse_manifest(document.json.get("weightsManifest") or [], document.name)


def told(document: Document) -> dict[str, Any]:
    """What the file says of its maker, as it stands there."""
    return {k: document.json[k] for k in _TOLD if k in document.json}
