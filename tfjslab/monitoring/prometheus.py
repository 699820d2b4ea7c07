"""What Prometheus reads, by its official client library.

Labels are those of groups, of which a store holds a bounded number; kinds of errors are bounded, too. The bounds of
histograms are ends of buckets, so that counts below them are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.extras import install
from tfjslab.monitoring.histogram import FIRST_BUCKET, GAMMA, LAST_BUCKET, LatencyHistogram
from tfjslab.monitoring.rules import Alarm
from tfjslab.monitoring.summary import MonitorSummary
from tfjslab.monitoring.totals import PageGroup, Totals

_STEP = 35  # buckets between two bounds, which is about a factor of two
_BOUNDS = range(FIRST_BUCKET, LAST_BUCKET + 1, _STEP)
_GROUP = PageGroup._fields
_TIMES = {
    "load": "Time until a model could be used.",
    "first": "Time of the first prediction.",
    "predict": "Time of the predictions after the first.",
}


def metrics_text(
    groups: Mapping[PageGroup, Totals], summary: MonitorSummary, requests: Mapping[str, int], accept: str = "",
) -> tuple[bytes, str]:
    """The text and its content type, in the version of the format that ``accept`` asks for.

    UsageError without the library.
    """
    core, exposition, registry_of = _library()
    registry = registry_of()
    registry.register(_Families(list(_families(core, groups, summary, requests))))
    encode, kind = exposition.choose_encoder(accept)
    return encode(registry), kind


def _library() -> tuple[Any, Any, Any]:
    try:
        from prometheus_client import CollectorRegistry, core, exposition  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as e:
        if e.name != "prometheus_client":
            raise
        raise UsageError(f"the collector needs prometheus_client, which is missing; {install('monitor')}") from None
    return core, exposition, CollectorRegistry


def check_library() -> None:
    """UsageError where the library is missing, at the start rather than when Prometheus asks."""
    _library()


class _Families:
    """What the library asks for its metrics."""

    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> Iterable[Any]:
        return self._families


def _families(
    core: Any, groups: Mapping[PageGroup, Totals], summary: MonitorSummary, requests: Mapping[str, int],
) -> Iterator[Any]:
    for name, doc in _TIMES.items():
        family = core.HistogramMetricFamily(f"tfjslab_{name}_seconds", doc, labels=_GROUP)
        for group, totals in groups.items():
            family.add_metric(group, *_buckets(getattr(totals, name)))
        yield family
    errors = core.CounterMetricFamily("tfjslab_errors", "Errors of loading and predicting.", labels=(*_GROUP, "kind"))
    fallbacks = core.CounterMetricFamily("tfjslab_fallbacks", "Pages that fell back to something else.", labels=_GROUP)
    for group, totals in groups.items():
        fallbacks.add_metric(group, totals.fallbacks)
        for kind, (count, _) in totals.errors.items():
            errors.add_metric((*group, kind), count)
    yield from (errors, fallbacks)
    growth = core.GaugeMetricFamily("tfjslab_memory_growth_ratio", "Growth of memory since the start, as a part of it, "
                                    f"in the last {summary.minutes} minutes.", labels=_GROUP)
    for found in summary.groups:
        if (ratio := found.totals.memory_growth) is not None:
            growth.add_metric(found.group, ratio)
    yield growth
    yield _alarms(core, summary)
    asked = core.CounterMetricFamily("tfjslab_monitor_requests", "Batches by what became of them.", labels=("result",))
    for result, count in requests.items():
        asked.add_metric((result,), count)
    yield asked


def _buckets(times: LatencyHistogram) -> tuple[list[tuple[str, float]], float]:
    """Cumulative counts below bounds in seconds, and the sum."""
    below = [(repr(GAMMA**bound / 1000), float(times.up_to(bound))) for bound in _BOUNDS]
    return [*below, ("+Inf", float(len(times)))], times.sum_ms / 1000


def _alarms(core: Any, summary: MonitorSummary) -> Any:
    """1 for each group that breaks a rule; a rule that nobody breaks is one row of 0."""
    family = core.GaugeMetricFamily("tfjslab_alarm", "1 where a rule is broken.", labels=("rule", *_GROUP))
    by_rule: dict[str, list[Alarm]] = {rule.text: [] for rule in summary.rules}
    for alarm in summary.alarms:
        by_rule[alarm.rule.text].append(alarm)
    for rule, alarms in by_rule.items():
        for alarm in alarms:
            family.add_metric((rule, *alarm.group), 1)
        if not alarms:
            family.add_metric((rule, "", "", ""), 0)
    return family
