"""Profiling as data: ``record`` holds the inert types, ``collect`` fills them, everything else reads them.

Names are loaded when they are first used: the engine imports the record types, and must not load what stands on it.
"""

from importlib import import_module
from typing import Any

from tfjslab.base.errors import did_you_mean

_HOME = {
    "collect": "from_info profile_model",
    "compare": "Combined ProfileDiff combine diff",
    "export": "to_chrome_trace to_dataframe",
    "files": "load save",
    "leaks": "LeakReport leak_report",
    "memory": "MemoryPoint PeakReport alive_at_peak timeline",
    "numeric": "NumericDiff numeric_diff",
    ".records.profile": "Environment KernelRecord Phases Profile from_json to_json",
    "reduce": "by_kernel by_layer by_node hot overhead_ms overhead_share roofline",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Find a public name where it is defined; AttributeError with a suggestion when there is none."""
    if name not in _MODULE_OF:
        hint = "" if name.startswith("_") else did_you_mean(name, _MODULE_OF)
        raise AttributeError(f"module 'tfjslab.profiling' has no attribute '{name}'{hint}")
    found = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    """All public names."""
    return sorted(_MODULE_OF)
