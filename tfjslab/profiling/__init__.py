"""Profiling as data: ``collect`` makes the records of ``tfjslab.records.profile``, all other modules read them.

A name is loaded when it is first used, so that importing the package stays cheap.
"""

from importlib import import_module
from typing import Any

from tfjslab.base.errors import did_you_mean

_PUBLIC = {
    "tfjslab.profiling.ceilings": "ceilings",
    "tfjslab.profiling.collect": "from_info profile_model",
    "tfjslab.profiling.combined": "Combined combine",
    "tfjslab.profiling.compare": "ProfileDiff diff",
    "tfjslab.profiling.export": "to_chrome_trace to_dataframe",
    "tfjslab.profiling.files": "load save",
    "tfjslab.profiling.leaks": "LeakReport leak_report",
    "tfjslab.profiling.memory": "MemoryPoint PeakReport alive_at_peak timeline",
    "tfjslab.profiling.numeric": "NumericDiff numeric_diff",
    "tfjslab.profiling.reduce": "by_kernel by_layer by_node hot overhead_ms overhead_share roofline",
    "tfjslab.records.profile": "Environment KernelRecord Phases Profile from_json to_json",
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Find a public name where it is defined; AttributeError with a suggestion when there is none."""
    if name not in _MODULE_OF:
        hint = "" if name.startswith("_") else did_you_mean(name, _MODULE_OF)
        raise AttributeError(f"module 'tfjslab.profiling' has no attribute '{name}'{hint}")
    found = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
    return found


def __dir__() -> list[str]:
    """All public names."""
    return sorted(_MODULE_OF)
