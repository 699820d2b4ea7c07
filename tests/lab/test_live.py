"""The live charts and the figures: what they draw of known data."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tfjslab.base import plots
from tfjslab.bench.result import BenchResult
from tfjslab.lab import live, live_memory, markup
from tfjslab.lab.cards import profile_cards, timing_cards
from tfjslab.lab.figures import FIGURES, texts
from tfjslab.lab.panels import Column, kernel_table, table
from tfjslab.lab.session import LabSession, RunSettings
from tfjslab.lab.style import CSS
from tfjslab.records.profile import KernelRecord, Profile


def kernel(name, ms, **more):
    values = {"bytes_added": 0, "total_bytes_snapshot": 10**6, "tensors_added": 1, "total_tensors_snapshot": 4,
              "flops": 2 * 10**6, "fallback": False}
    return KernelRecord(name, f"node/{name}", ms, ((1, 2),), ((1, 2),), **values | more)


PROFILE = Profile(
    (kernel("Conv2D", 3.0), kernel("Add", 1.0, total_bytes_snapshot=4 * 10**6), kernel("<Relu>", 2.0, fallback=True)),
    8.0, 2.0, 4 * 10**6, 0, 0,
)


def points(drawn):
    """Coordinates of the first polyline."""
    return [tuple(map(float, p.split(","))) for p in re.search(r'points="([^"]*)"', drawn)[1].split()]


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.9, 1), (1, 1), (1.2, 1.5), (7, 8), (8.1, 10), (130, 150)])
def test_axes_end_at_round_numbers(value, top):
    assert plots.nice_top(value) == pytest.approx(top)


def test_the_trace_runs_over_all_runs_that_are_to_come():
    drawn = live.latency_trace([1.0, 2.0, 1.0], 5)
    assert points(drawn) == [(0, 50), (100, 0), (200, 50)]
    assert "median 1.00 ms" in drawn
    assert ">2 ms<" in drawn


def test_a_long_trace_is_thinned_but_keeps_the_outlier():
    times = [1.0] * 100_000
    times[77_777] = 9.0
    drawn = points(live.latency_trace(times, len(times)))
    assert len(drawn) <= plots.MOST_POINTS + 2
    assert min(y for _, y in drawn) == 10  # 9 of 10 ms
    assert len({y for _, y in drawn}) == 2


def test_of_few_runs_the_end_is_seen_and_of_many_the_past_fills_the_chart():
    assert ">50<" in live.latency_trace([1.0], 100_000)
    assert ">150<" in live.latency_trace([1.0] * 120, 100_000)
    assert ">120<" in live.latency_trace([1.0] * 120, 120)


def test_the_distribution_counts_every_run():
    drawn = live.latency_distribution([1.0] * 3 + [2.0])
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"', drawn)]
    assert sorted(heights) == pytest.approx([100 / 3, 100], abs=0.1)
    assert ">3 runs<" in drawn


def test_runs_that_all_took_the_same_time_are_drawn():
    assert "rect" in live.latency_distribution([2.0, 2.0])


def test_lines_are_of_the_runs_that_count():
    times = [1.0, 9.0, 9.0, 1.0, 9.0]
    assert "median 1.00 ms" in live.latency_trace(times, 5, (0, 3))
    assert "median 1.00 ms, 5 runs, 3 disturbed" in live.latency_distribution(times, (0, 3))
    assert "median 9.00 ms, 5 runs<" in live.latency_distribution(times)


def test_top_kernels_are_sorted_and_what_no_kernel_accounts_for_is_shown():
    drawn = live.top_kernels(PROFILE)
    assert re.findall(r'<th title="([^"]*)"', drawn) == ["Conv2D", "&lt;Relu&gt;", "Add", "outside kernels"]
    assert re.findall(r"<td>(\d+%)</td>", drawn) == ["38%", "25%", "12%", "25%"]


def test_what_the_host_ran_has_its_colour_and_its_cost():
    drawn = live.top_kernels(PROFILE)
    assert "1 kernel on the host: 2.00 ms, 25.0%" in drawn
    relu, conv = (re.search(rf"<tr title=.{name}.*?</tr>", drawn)[0] for name in ("&lt;Relu&gt;", "Conv2D"))
    assert '<b class="tfl-host" style="width:66.7%"></b>' in relu
    assert "2.00 ms of it on the host" in relu
    assert "tfl-host" not in conv
    assert "on the host" not in live.top_kernels(replace(PROFILE, kernels=PROFILE.kernels[:2]))
    both = replace(PROFILE, kernels=(kernel("Add", 1.0), kernel("Add", 3.0, fallback=True)))
    assert re.findall(r'<b class="(\S*)" style="width:([\d.]+%)', live.top_kernels(both))[:2] == [
        ("tfl-host", "75.0%"), ("", "25.0%")], "a kind that ran in both places has both colours"


def test_rows_of_the_host_and_its_figures_are_marked():
    rows = re.findall(r"<tr([^>]*)><td[^>]*>(\d+)</td>", kernel_table(PROFILE, "#"))
    assert rows == [("", "1"), ("", "2"), (' class="tfl-host"', "3")]
    assert markup.strip(RESULT, PROFILE).startswith('<div class="tfl-strip tfl-fell">')
    assert markup.strip(replace(RESULT, fallback_kernels=0), PROFILE).startswith('<div class="tfl-strip">')
    known = {f.name for f in FIGURES}
    (rule,) = re.findall(r"[.]tfl-fell :is[(](.*?)[)]", CSS)
    assert set(re.findall(r'data-figure="([^"]*)"', rule)) == {"fallbacks", "on host", "host cost"} <= known


def test_the_hosts_share_stands_beside_the_backends_name():
    run = LabSession().with_run(RunSettings("m", "cpu"), RESULT, None, ended="2026-11-27T09:08:07").runs[0]
    said = markup.of_run(run)
    assert "<b>#1 m on cpu, 09:08:07</b>" in said
    assert "78% of the time on the host" in said
    assert "host" not in markup.of_run(replace(run, result=replace(RESULT, host_share=0.0)))


def test_more_threads_than_cores_are_cautioned():
    assert markup.cautions(2, 2) == ""
    assert "threads is 3, but this process may use 2 cores" in markup.cautions(3, 2)


def test_memory_names_its_peak():
    drawn = live_memory.memory_timeline(PROFILE)
    assert "peak 4.0 MB at Add" in drawn
    assert "at most 4" in drawn


def test_without_data_charts_say_so():
    for drawn in (*timing_cards([], 50, ()).values(), *profile_cards(None).values()):
        assert "tfl-empty" in drawn


RESULT = BenchResult(
    "m", "cpu", 1, None, 2.0, 3.0, 4.0, 3.5, 6.0, 0.5, 10, 2, 3_400_000, 0, 0, 12, 1, "a clock", "an engine",
    host_share=0.784,
)


def test_figures_have_units_and_what_was_not_measured_is_a_dash():
    shown = {f.name: f"{text} {f.unit}".strip() for f, text in texts(RESULT, PROFILE)}
    assert shown == {
        "load": "- ms", "compile": "2.00 ms", "first": "3.00 ms", "median": "4.00 ms", "p95": "6.00 ms",
        "peak": "3.4 MB", "tensors": "4", "kernels": "12", "fallbacks": "1",
        "on host": "78%", "host cost": "2.00 ms",
    }


def test_each_figure_says_how_it_was_measured():
    drawn = markup.strip(RESULT, PROFILE)
    assert drawn.count("a clock") == len(FIGURES)
    assert drawn.count("an engine") == len(FIGURES)
    assert all(f.how for f in FIGURES)
    assert "not measured yet" in markup.strip(None, None)


@pytest.mark.parametrize(("by", "ascending", "order"), [
    ("ms", False, ["1", "3", "2"]), ("ms", True, ["2", "3", "1"]), ("kernel", False, ["3", "2", "1"]),
    ("#", False, ["1", "2", "3"]), ("where", False, ["1", "2", "3"]),
])
def test_the_kernel_table_sorts_by_any_column(by, ascending, order):
    rows = re.findall(r"<tr[^>]*><td[^>]*>(\d+)</td>", kernel_table(PROFILE, by, ascending=ascending))
    assert rows == order


def test_long_names_of_nodes_are_cut_where_they_are_alike():
    assert '<td class="tfl-text tfl-end" title="node/Add"><bdi>node/Add</bdi></td>' in kernel_table(PROFILE)


def test_tables_escape_what_models_are_called_and_end_somewhere():
    column = Column("<c>", 1, str)
    drawn = table([column], ["<script>"] * 1000, head=False)
    assert "<script>" not in drawn
    assert "600 more rows" in drawn
