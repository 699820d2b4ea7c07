"""An opened model file, read once: what the formats sniff at and read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.limits import LIMITS
from tfjslab.formats.sources import Source
from tfjslab.formats.strict_json import parse_object

_TFLITE_MARK = b"TFL3"
_MARK_AT = slice(4, 8)
# What a model.json says of itself; readers keep it in the graph's metadata.
TOLD = ("generatedBy", "convertedBy", "userDefinedMetadata")


@dataclass(frozen=True)
class Document:
    """A model file. ``json`` is its content, or empty when it is not a JSON file (``flatbuffer``)."""

    source: Source
    json: dict[str, Any] = field(default_factory=dict)
    flatbuffer: bool = False

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.source.name

    @property
    def topology(self) -> dict[str, Any]:
        """``modelTopology`` of a TensorFlow.js model, or empty."""
        found = self.json.get("modelTopology")
        return found if isinstance(found, dict) else {}


def open_document(source: Source) -> Document:
    """Read and parse the model file; ModelError when it is neither JSON nor a flat buffer."""
    data = source.read(LIMITS.model_json_bytes)
    if data[_MARK_AT] == _TFLITE_MARK or source.main.endswith(".tflite"):
        return Document(source, flatbuffer=True)
    return Document(source, parse_object(data, source.name))
