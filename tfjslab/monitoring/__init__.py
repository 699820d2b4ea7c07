"""Watching models in production: what pages and programs tell of their predictions, who collects it, and alarms.

A name is loaded when it is first used, so that importing the package stays cheap.
"""

from tfjslab.base.lazy import lazily

__getattr__, __dir__ = lazily(__name__, {
    "tfjslab.monitoring.batch": "Batch read_batch",
    "tfjslab.monitoring.collector": "Collector collector",
    "tfjslab.monitoring.histogram": "LatencyHistogram",
    "tfjslab.monitoring.model_monitor": "ModelMonitor monitor",
    "tfjslab.monitoring.rules": "AlarmRule FallbackRule MonitorRules parse_alarm read_rules",
    "tfjslab.monitoring.site": "CollectorSettings",
    "tfjslab.monitoring.store": "MonitorStore",
    "tfjslab.monitoring.summary": "MonitorSummary summarize",
    "tfjslab.lab.monitor_panel": "panel",
})
