"""The public names of TensorFlow.js, each with its counterpart here or the reason why there is none.

The names and the reasons are data, in ``tfjs_names.json``; whether a counterpart exists is asked of the package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from typing import Any

TENSOR = "tensor"  # the namespace of the methods that every tensor has


@dataclass(frozen=True)
class TfjsName:
    """A name of TensorFlow.js, with its namespace in front: ``image.flipLeftRight``.

    ``here`` is what it is called here (``image.flip_left_right``), or ""; then ``because`` says why.
    """

    name: str
    here: str
    because: str = ""

    @property
    def namespace(self) -> str:
        """``image``, or "" for those of ``tf`` itself."""
        return self.name.rpartition(".")[0]


def snake_case(name: str) -> str:
    """``basicLSTMCell`` as ``basic_lstm_cell``."""
    parted = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", parted).lower()


@cache
def tfjs_names() -> tuple[TfjsName, ...]:
    """All names, sorted within their namespaces."""
    data = _data()
    reasons = {name: group["because"] for group in data["not_here"] for name in _words(group["names"])}
    found = []
    for namespace, names in data["names"].items():
        for name in _words(names):
            full = f"{namespace}.{name}".lstrip(".")
            here = _spelled(full, data["counterparts"])
            here = here if _exists(here) else ""
            found.append(TfjsName(full, here, "" if here else reasons.get(full, "")))
    return tuple(found)


def why_not(name: str) -> str:
    """Why TensorFlow.js's ``name``, in its spelling or this package's, is not here; "" for any other name."""
    groups = ((group["because"], _words(group["names"])) for group in _data()["not_here"])
    return next((because for because, names in groups if name in names or name in map(snake_case, names)), "")


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((resources.files(__package__) / "tfjs_names.json").read_text("utf-8"))
    return found


def differences() -> list[dict[str, str]]:
    """What works differently here on purpose: ``names``, and how it is ``here`` and in ``tfjs``."""
    return list(_data()["differences"])


def version() -> str:
    """The release of TensorFlow.js that the names are of."""
    return str(_data()["version"])


def _words(lines: Iterable[str]) -> list[str]:
    return " ".join(lines).split()


def _spelled(full: str, counterparts: dict[str, str]) -> str:
    """What the name may be called here: classes, and kernels, keep their names."""
    namespace, _, name = full.rpartition(".")
    own = name if name[0].isupper() else snake_case(name)
    return counterparts.get(full, f"{namespace}.{own}".lstrip("."))


def _exists(here: str) -> bool:
    """Whether the package, or a tensor, has this name."""
    namespace, _, name = here.rpartition(".")
    if namespace == TENSOR:
        return bool(import_module("tfjslab.functions.methods").has_method(name))  # loads all eager functions
    package = import_module("tfjslab")
    if namespace:
        return namespace in dir(package) and name in dir(getattr(package, namespace))
    return name in dir(package)
