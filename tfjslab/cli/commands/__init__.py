"""The commands: a module each, which defines ``COMMAND``. A new one is a module and its name here."""

from __future__ import annotations

from importlib import import_module

from tfjslab.cli.command import Command

# In the order in which --help lists them.
_NAMES = ("run", "bench", "profile", "inspect", "optimize", "quantize", "export", "evaluate", "sweep", "recommend",
          "report", "history", "stream", "serve", "monitor", "backends", "lab")
COMMANDS: tuple[Command, ...] = tuple(import_module(f"{__name__}.{name}").COMMAND for name in _NAMES)
