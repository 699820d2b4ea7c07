"""What a profiling magic returns: a profile to read as text, as HTML with a chart, and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfjslab import views
from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.messages import escaped
from tfjslab.base.tables import Report, Table, as_html
from tfjslab.base.text import NOTHING, count, counted, ms, percent, rate, scaled, tail
from tfjslab.bench.result import BenchResult, ratios, spread
from tfjslab.bench.results import BenchResults
from tfjslab.profiling import captions, export, memory, reduce
from tfjslab.records.profile import KernelRecord, Profile, to_json
from tfjslab.records.verdict import times_words

TOP = 15  # rows before the rest is folded
_NAME_WIDTH = 48
_COLUMNS = ("node", "kernel", "ms", "share", "FLOPs", "GFLOP/s", "bytes", "fallback")


@dataclass(frozen=True, repr=False)
class ProfileResult(Report):
    """A profile of code. ``value`` is what the code's last run gave; times are of ``runs`` profiled runs.

    ``kernels``, ``by_node``, ``by_kernel``, ``by_layer``, ``memory`` (bytes over time), ``timeline`` (to explore) and
    ``trace`` (for Perfetto) are views of the same data; ``profile`` has all of it.
    """

    profile: Profile
    warmup: int
    value: Any = None
    with_memory: bool = False

    @property
    def kernels(self) -> tuple[KernelRecord, ...]:
        """Every kernel in order, with the median of its times."""
        return self.profile.kernels

    @property
    def times_ms(self) -> tuple[float, ...]:
        """The walls of all measured runs, in order."""
        return self.profile.profiled_ms

    @property
    def by_node(self) -> list[reduce.Row]:
        """Time by node, the slowest first."""
        return reduce.by_node(self.profile)

    @property
    def by_kernel(self) -> list[reduce.Row]:
        """Time by kind of kernel, the slowest first."""
        return reduce.by_kernel(self.profile)

    @property
    def by_layer(self) -> list[reduce.Row]:
        """Time by layer, the slowest first."""
        return reduce.by_layer(self.profile)

    @property
    def memory(self) -> tuple[memory.MemoryPoint, ...]:
        """Bytes and tensors alive after each kernel."""
        return memory.timeline(self.profile)

    @property
    def trace(self) -> dict[str, Any]:
        """The run as a Chrome trace."""
        return export.to_chrome_trace(self.profile)

    @property
    def timeline(self) -> views.View:
        """The run to explore: an interactive view, which a notebook shows."""
        return views.timeline(self.profile)

    def to_json(self) -> dict[str, Any]:
        """The profile, as ``tfjslab profile --json`` writes it."""
        return to_json(self.profile)

    def tables(self) -> tuple[Table, ...]:
        """The slowest nodes, with what holds for all of them below; on request what is alive at the peak."""
        return (self._nodes(TOP), *self._peak())

    def _nodes(self, top: int | None) -> Table:
        nodes = self.by_node
        few = f", the {top} slowest of {len(nodes)} nodes" if top is not None and top < len(nodes) else ""
        notes = (captions.totals(self.profile), self._runs(), *self._remaining(), captions.place(self.profile),
                 *captions.evidence(self.profile))
        rows = tuple(self._row(r) for r in nodes[:top])
        return Table(f"{self.profile.label}{few}", _COLUMNS, rows, notes if top else (), left=2)

    def _row(self, row: reduce.Row) -> tuple[object, ...]:
        own = [k for k in self.kernels if k.node == row.key]
        again = f" x{row.count}" if row.count > 1 else ""
        reasons = dict.fromkeys(k.reason or "on the host" for k in own if k.fallback)
        return (
            tail(row.key, _NAME_WIDTH), " ".join(dict.fromkeys(k.name for k in own)) + again, ms(row.time_ms),
            percent(row.share), scaled(row.flops), rate(row.gflops_per_s, row.flops), scaled(row.bytes_moved, "B"),
            "; ".join(reasons),
        )

    def _runs(self) -> str:
        n = len(self.times_ms)
        found = spread(self.profile.disturbance.of_kept(self.times_ms))
        cold = "" if self.warmup else "; nothing was warmed up, so compiling may be part of it: -w 1 leaves that out"
        before = f" after {self.warmup} that do not count" if self.warmup else ""
        if n == 1:
            return f"1 run{before}{cold}"
        return (f"{n} runs{before}: median {ms(found.median)} ms, fastest {ms(found.minimum)}, p95 {ms(found.p95)}, "
                f"middle half within {ms(found.iqr)}{cold}")

    def _remaining(self) -> Iterator[str]:
        if self.profile.new_tensors or self.profile.new_bytes:
            size = scaled(self.profile.new_bytes, "B")
            yield f"a run leaves {self.profile.new_tensors:+d} tensors and {size} behind"

    def _peak(self) -> Iterator[Table]:
        if self.with_memory and self.kernels:
            yield memory.alive_at_peak(self.profile).tables()[0]

    def __repr__(self) -> str:
        host = sum(k.fallback for k in self.kernels)
        on_host = f", {host} on the host" if host else ""
        kernels, runs = counted(len(self.kernels), "kernel"), counted(len(self.times_ms), "run")
        return f"<Profile of {self.profile.label}: {kernels}{on_host}, {runs}>"

    def _repr_html_(self) -> str:
        """Table and charts; rows beyond the slowest are folded away."""
        folded = _details("all nodes", as_html(self._nodes(None))) if len(self.by_node) > TOP else ""
        return _frame("".join([*map(as_html, self.tables()[:1]), folded, self._charts(), *map(as_html, self._peak())]))

    def _charts(self) -> str:
        if not self.kernels:
            return "<p>No kernel ran.</p>"
        made = chart("kernel_time", self.profile)
        return made + chart("memory_timeline", self.memory) if self.with_memory else made


@dataclass(frozen=True, repr=False)
class ProfileComparison(Report):
    """The same code on several backends. ``comparison["cpu"]`` is the result of one; iterating gives them in order."""

    results: tuple[ProfileResult, ...]
    backends: tuple[str, ...]  # as requested; code may run elsewhere, and each result says where

    def __getitem__(self, backend: str) -> ProfileResult:
        if backend not in self.backends:
            known = ", ".join(self.backends)
            raise UsageError(f"'{backend}' was not measured; measured: {known}{did_you_mean(backend, self.backends)}")
        return self.results[self.backends.index(backend)]

    def __iter__(self) -> Iterator[ProfileResult]:
        return iter(self.results)

    @property
    def value(self) -> Any:
        """What the code's last run gave, on the last backend."""
        return self.results[-1].value

    @property
    def bench(self) -> BenchResults:
        """The times as results of a benchmark, for charts and tables of those."""
        return BenchResults(map(_as_bench, self.results))

    def to_json(self) -> dict[str, Any]:
        """The profiles, as ``tfjslab profile --json`` writes them, by backend."""
        return {name: r.to_json() for name, r in zip(self.backends, self.results, strict=True)}

    def tables(self) -> tuple[Table, ...]:
        """A line for each backend, the fastest being 1.0x."""
        rows = zip(self.results, self.bench, ratios(self.bench), strict=True)
        columns = ("backend", "median ms", "fastest", "p95", "kernels ms", "unattributed", "peak", "kernels", "on host",
                   "host time", "ratio")
        first = self.results[0]
        runs = counted(len(first.times_ms), "run")
        how = (f"{runs} each after {first.warmup} that do not count, one backend after the other; ratio: of medians, "
               "to the fastest")
        disturbed = (f"{b.where}: {b.disturbance.text}" for b in self.bench if b.disturbance.text)
        notes = (how, *disturbed, *(captions.place(r.profile) for r in self.results))
        return (Table(f"{first.profile.model} on each backend", columns, tuple(
            (b.place, ms(b.median_ms), ms(b.min_ms), ms(b.p95_ms), ms(r.profile.kernel_ms),
             ms(r.profile.unattributed_ms), scaled(b.peak_bytes, "B"), count(b.num_kernels), count(b.fallback_kernels),
             b.host.part, NOTHING if ratio is None else "1.0x" if ratio <= 1 else times_words(1 / ratio))
            for r, b, ratio in rows
        ), notes),)

    def __repr__(self) -> str:
        return f"<Profiles of {self.results[0].profile.model} on {', '.join(self.backends)}>"

    def _repr_html_(self) -> str:
        """The comparison with its chart; each backend's own profile is folded away."""
        each = [_details(r.profile.label, r._repr_html_()) for r in self.results]
        return _frame("".join([*map(as_html, self.tables()), chart("backend_comparison", self.bench), *each]))


def _as_bench(result: ProfileResult) -> BenchResult:
    p = result.profile
    found = spread(p.disturbance.of_kept(result.times_ms))
    where = p.environment
    return BenchResult(
        p.model, where.backend if where else "", where.threads if where else 1, None, None, None, found.median,
        found.minimum, found.p95, found.iqr, len(result.times_ms), result.warmup, p.peak_bytes, None, None,
        len(p.kernels), sum(k.fallback for k in p.kernels), where.clock if where else "", where.engine if where else "",
        result.times_ms, adapter_type=where.adapter_type if where and where.adapter_type else None,
        host_share=p.host.share, host_reason=p.host.reason, states=p.profiled_states, steal_share=p.steal_share,
        environment=where,
    )


def chart(name: str, data: Any) -> str:
    """A chart as an image, or a line that says what to install for it."""
    try:
        from tfjslab.vis import charts, image  # noqa: PLC0415 - profiling must work where matplotlib is missing
    except ImportError as e:  # which says what to install
        return f"<p>No chart: {escaped(str(e))}</p>"
    figure = getattr(charts, name)(data).figure
    width, _ = image.pixels(figure)
    address = image.data_uri(figure, scale=2, any_page=True)  # sharp on screens of high density and in print
    return f'<p><img src="{address}" alt="{name.replace("_", " ")}" width="{width}" style="max-width:100%"></p>'


def _details(title: str, inner: str) -> str:
    return f"<details><summary>{escaped(title)}</summary>{inner}</details>"


def _frame(inner: str) -> str:
    """Wide tables scroll by themselves instead of widening the page."""
    return f'<div style="overflow-x:auto">{inner}</div>'


def result_of(results: Sequence[ProfileResult], backends: tuple[str, ...]) -> ProfileResult | ProfileComparison:
    """One result as it is, several as a comparison."""
    return results[0] if len(results) == 1 else ProfileComparison(tuple(results), backends)
