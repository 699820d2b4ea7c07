"""A model file that is about to be recognised and read: its first bytes, its JSON or all of its bytes, when asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from tfjslab.base.limits import LIMITS
from tfjslab.formats.sources import Source
from tfjslab.formats.stand_ins import HEAD_BYTES, refuse_stand_in
from tfjslab.formats.strict_json import parse_object

_HEAD_BYTES = 64


@dataclass(frozen=True)
class Document:
    """A model file. Nothing is read before it is asked for, nothing larger than its limit, and nothing twice.

    ``signature`` is the entry point that is wanted of a file with several; the first one where it is empty.
    """

    source: Source
    signature: str = ""

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.source.name

    @property
    def suffix(self) -> str:
        """How the file's name ends, with the dot."""
        return PurePosixPath(self.source.main).suffix

    @cached_property
    def head(self) -> bytes:
        """The first bytes, where binary formats have their marks."""
        return self.source.head(_HEAD_BYTES)

    @cached_property
    def json(self) -> dict[str, Any]:
        """The content of a JSON file; ModelError when it is none."""
        refuse_stand_in(self.source.head(HEAD_BYTES), self.name, "model file")
        return parse_object(self.source.read(LIMITS.model_json_bytes), self.name)

    @cached_property
    def bytes(self) -> bytes:
        """The content of a binary file, weights included."""
        return self.source.read(LIMITS.weight_bytes)
