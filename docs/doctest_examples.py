"""Extension of Griffe: a section ``Example:`` with a doctest is shown as code, as ``Examples:`` is."""

from __future__ import annotations

import re
from typing import Any

import griffe

_SECTION = re.compile(r"^Example:(?=\n\s+>>>)", re.MULTILINE)


class DoctestExamples(griffe.Extension):
    """The docstrings use the singular, which Griffe takes for plain text."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename the section before the docstring is parsed."""
        if obj.docstring:
            obj.docstring.value = _SECTION.sub("Examples:", obj.docstring.value)
