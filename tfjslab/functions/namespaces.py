"""The namespaces of TensorFlow.js (``tf.image``, ``tf.linalg``), by the table of functions."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from tfjslab.base.errors import did_you_mean
from tfjslab.engine.eager import functions
from tfjslab.functions.table import NAMESPACES


class Namespace:
    """Functions under one name, each loaded when it is first used."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._places = {
            called: (module, real or called)
            for module, names in NAMESPACES[name].items()
            for called, _, real in (n.partition("=") for n in names.split())
            if module or (real or called) in functions()
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._places:
            hint = "" if name.startswith("_") else did_you_mean(name, self._places)
            raise AttributeError(f"namespace 'tf.{self.__name__}' has no '{name}'{hint}")
        module, real = self._places[name]
        found = getattr(import_module(f"tfjslab.{module}"), real) if module else functions()[real]
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted(self._places)

    def __repr__(self) -> str:
        return f"<tf.{self.__name__}: {', '.join(dir(self))}>"


@cache
def namespace(name: str) -> Namespace:
    """The namespace called ``name``."""
    return Namespace(name)
