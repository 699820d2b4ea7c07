"""Packages whose names are loaded when they are first used, so that importing them stays cheap."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from tfjslab.base.errors import did_you_mean


def lazily(package: str, public: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package, by the names that each module defines, with spaces between."""
    module_of = {name: module for module, names in public.items() for name in names.split()}

    def find(name: str) -> Any:
        """Find a public name where it is defined; AttributeError with a suggestion when there is none."""
        if name not in module_of:
            hint = "" if name.startswith("_") else did_you_mean(name, module_of)
            raise AttributeError(f"module '{package}' has no attribute '{name}'{hint}")
        found = getattr(import_module(module_of[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    return find, lambda: sorted(module_of)
