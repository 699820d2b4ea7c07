"""Profiling as data: ``collect`` makes the records of ``tfjslab.records.profile``, all other modules read them.

A name is loaded when it is first used, so that importing the package stays cheap.
"""

from tfjslab.base.lazy import lazily

__getattr__, __dir__ = lazily(__name__, {
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
    "tfjslab.profiling.runs": "join_runs single_run",
    "tfjslab.records.profile": "Environment KernelRecord Phases Profile from_json to_json",
})
