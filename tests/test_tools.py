"""The scripts of `tools/`."""

import argparse
import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tfjslab import zoo
from tfjslab.backends import registry
from tfjslab.records.profile import KernelRecord, Phases, Profile, stamp_environment

REPO = Path(__file__).parents[1]


def block(kind, *lines):
    return "\n".join([f"```{kind}", *lines, "```", ""])


def test_examples_are_run_and_what_they_print_is_written_behind_them(tool, tmp_path):
    page = "\n".join([
        "# Page\n", block("python", "x = 20"), block("python", "print(x + 1)"), block("text", "old"),
        block("sh", "echo two; echo unseen >&2"), block("text"), block("sh", "exit 1"), "The end.\n",
    ])
    filled = tool("fill_examples").filled(page, tmp_path)
    assert filled == page.replace("old", "21").replace(block("text"), block("text", "two"))


def test_an_example_that_fails_is_an_error_and_not_a_page(tool, tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        tool("fill_examples").filled(f"{block('sh', 'exit 3')}\n{block('text', 'kept')}", tmp_path)


PEER = {"median_ms": 4.0, "ratio": 2.0, "ratio_min": 1.5, "ratio_max": 2.5, "load_ms": 3.0, "first_ms": 2.0,
        "load_first_ratio": 2.5, "difference": 1.2e-6}
OURS = {"backend": "wasm-simd", "threads": 1, "median_ms": 2.0, "load_ms": 0.5, "compile_ms": 1.0, "first_ms": 0.5}


def test_the_page_of_performance_has_a_line_for_each_backend_with_the_load_beside_it(tool):
    tools = tool("measure_performance")
    rows = tools.bench_rows(tools.Figures("Model", 0.125, [{**OURS, "peer": PEER}, {**OURS, "peer": PEER}]))
    page = tools.page("Measured here.", rows, [], [])
    line = "`wasm-simd`, 1 | 2.00 | 4.00 | 2.00 (1.50 to 2.50) | 2.00 | 5.00 | 2.5 | 1.2e-06"
    assert page.endswith(f"| Model | {line} | 0.12 |\n|  | {line} |  |\n")
    assert "## int8" not in page


def test_what_the_peer_did_not_measure_is_a_dash(tool):
    tools = tool("measure_performance")
    failed = dict.fromkeys(PEER)
    (row,) = tools.bench_rows(tools.Figures("Model", None, [{**OURS, "peer": failed}]))
    assert row[3:] == ["-", "-", "2.00", "-", "-", "-", "-"]


def test_a_path_needs_a_label_so_that_no_page_names_it(tool):
    labelled = tool("measure_performance").labelled
    assert labelled("A, b=path/to/it") == ("A, b", "path/to/it")
    assert labelled("digits") == ("digits", "digits")
    with pytest.raises(argparse.ArgumentTypeError, match="give a label"):
        labelled("path/to/it")


def op_row(backend, text="1x4", **more):
    return {
        "group": "maps", "op": "Relu", "text": text, "backend": backend, "threads": 1, "ms": 2.0, "peer_ms": 4.0,
        "ratio": 2.0, "ratio_min": 1.5, "ratio_max": 2.5, "gflops_per_s": 12.34, "compute_share": 0.25,
        "memory_share": 0.5, "wrong": False, "disturbed": 0, "reason": "", **more,
    }


def test_the_page_of_ops_has_a_line_for_each_op_with_its_backends_side_by_side(tool):
    tools = tool("measure_ops")
    summary = {"threads": 1, "rows": 2, "compared": 1, "geometric_mean": 2.0, "worst": 2.0, "worst_row": "Relu 1x4",
               "slower": [], "on_host": ["Relu 8"], "disturbed": 0}
    refused = {"ratio": None, "peer_ms": None, "reason": "no such function"}
    found = {
        "summaries": [{**summary, "backend": "wasm-plain"}, {**summary, "backend": "wasm-simd"}],
        "rows": [op_row("wasm-plain", ms=9.0), op_row("wasm-plain", "8", **refused),
                 op_row("wasm-simd", wrong=True, compute_share=1.5), op_row("wasm-simd", "8", **refused)],
    }
    page = tools.page("Measured here.", found)
    assert "| `wasm-simd`, 1 | 2 | 1 | 2.00 | 2.00 Relu 1x4 | 0 | 1 | 0 |" in page
    both = "2.00 (1.50 to 2.50) | 2.00 (1.50 to 2.50), wrong"
    assert f"## Maps\n\n{tools.table(tools.columns(['wasm-plain', 'wasm-simd'], 'wasm-simd'), [])}" in page
    assert f"| Relu | `1x4` | {both} | 2.00 | 4.00 | 12.3 | >100% |\n" in page
    assert "| Relu | `8` | - | - | 2.00 | - | 12.3 | 50.0% |\n" in page
    assert page.endswith("## Not measured or not compared\n\n- Relu 8: no such function\n")


def kernel(times, flops):
    shapes = ((1,),)
    return KernelRecord("Relu", "n", times[0], shapes, shapes, 0, 0, 0, 0, flops, fallback=False, times_ms=times)


def test_the_page_of_a_gpu_sums_kernels_run_by_run(tool):
    tools = tool("measure_gpu")
    phases = Phases(1.0, 1.0, 1.0, (9.0, 7.0, 8.0))
    where = stamp_environment("webgpu", "wgpu", 1, "ticks", "discrete")
    profile = Profile((kernel((1.0, 4.0, 2.0), 3_000_000), kernel((2.0, 1.0, 3.0), 3_000_000)), 9.0, 1.0, 0, 0, 0,
                      phases=phases, environment=where)
    found = tools.of_profile("net", "webgpu", profile)
    assert (found.kernels_ms, found.fastest_ms, found.predict_ms, found.flops) == (5.0, 3.0, 8.0, 6_000_000)
    slow = dataclasses.replace(found, kernels_ms=9.0, fastest_ms=8.0, predict_ms=20.0)
    assert tools.of_rounds([slow, found, found]) == found
    failed = tools.Measured("net", "webgpu-f16", reason="no shader-f16")
    assert tools.of_rounds([found, failed]) == failed
    page = tools.page("Here", tools.Adapter("A", "discrete", 20.0, "as given"), [found, failed])
    assert "Here; discrete adapter A; peak: 20 GFLOP/s, as given; clock of kernels: ticks." in page
    assert "| net | `webgpu` | 5.00 | 3.00 | 8.00 | 2.0 | 10.0% | 0 of 2 |\n" in page
    assert page.endswith("| net | `webgpu-f16` | - | - | - | - | - | no shader-f16 |\n")
    assert tools.IMITATED not in page


def test_the_page_of_a_gpu_says_when_it_is_none(tool):
    tools = tool("measure_gpu")
    page = tools.page("Here", tools.Adapter("llvmpipe", "software"), [])
    assert tools.IMITATED in page
    assert "software adapter llvmpipe; peak: -;" in page


def test_the_gpu_tool_measures_products_where_there_is_an_adapter(tool):
    tools = tool("measure_gpu")
    if not registry.availability("webgpu").available:
        pytest.skip(registry.availability("webgpu").reason)
    found = tools.measure("small", tools.product(16), "webgpu", 2)
    assert (found.reason, found.flops, found.kernels) == ("", 2 * 16**3, 1)
    assert 0 < found.fastest_ms <= found.kernels_ms
    assert tools.measure("small", tools.product(16), "nonesuch", 2).reason.startswith("backend 'nonesuch'")


@pytest.mark.parametrize(("slowest", "ends_with"), [(2.1, 0), (2.3, 1)])
def test_calibrations_beside_busy_loops_are_compared_with_the_quiet_one(tool, monkeypatch, capsys, slowest, ends_with):
    """Each in a folder of its own; while they run, so many loops do; the loops are gone before plans are compared."""
    check, begun, loops = tool("check_calibration"), [], []
    monkeypatch.setattr(check.subprocess, "Popen", lambda *_: loops.append(loop := _Loop()) or loop)

    def calibrate(model, folder):
        begun.append((model, Path(folder).name, sum(not loop.ended for loop in loops)))
        return {"ms": 1000.0, "classes": 20, "doubted": 3}

    def fastest(model, folders):
        assert all(loop.ended for loop in loops)
        return [2.0, slowest] if "Mobile" in model else [4.0, 4.0]

    monkeypatch.setattr(check, "calibrate_apart", calibrate)
    monkeypatch.setattr(check, "fastest_ms", fastest)
    assert check.main(["--fresh", "1", "--neighbours", "3"]) == ends_with
    assert begun == [(model, *how) for model in check.MODELS for how in (("quiet", 0), ("busy 1", 3))]
    told = capsys.readouterr().out.splitlines()
    assert told[1] == (f"MobileNetV2    busy 1      {slowest:.3f} ms, {slowest / 2:.3f} of quiet; made in 1000 ms, "
                       "3 of 20 classes in doubt")
    assert len(told) == 4


class _Loop:
    """A process that runs until it is ended."""

    def __init__(self):
        self.ended = False

    def kill(self):
        self.ended = True

    def wait(self):
        assert self.ended


@pytest.mark.parametrize(("text", "kind"), [
    ("same within 4%", "same"), ("1.15x slower (95%: 1.04 to 1.27)", "slower"),
    ("1.20x faster (95%: 1.1 to 1.3)", "faster"),
    ("cannot tell (95%: 1.10x slower to 1.10x faster; most runs were disturbed)", "cannot tell"),
])
def test_the_check_of_trust_reads_verdicts(tool, text, kind):
    assert tool("check_trust").kind_of(text) == kind


def test_the_check_of_trust_plants_work_that_changes_no_answer(tool):
    tools = tool("check_trust")
    with zoo.load("digits", backend="cpu") as model:
        nodes = [n for n in model.graph.nodes if "Conv2D" in n.op]
        graph = tools.repeated(model.graph, nodes)
        x = model.sample()
        with model.with_graph(graph) as slower:
            first, *others = slower.predict(x)
            assert len(others) == len(nodes) > 0
            np.testing.assert_array_equal(first, model.predict(x))


def test_pairs_in_the_predicted_order_are_counted_and_the_others_told(tool):
    tools = tool("measure_prediction")
    slow, fast, wrong = (tools.Point(m, "wasm-simd", p, q) for m, p, q in (("a", 4, 8), ("b", 1, 2), ("c", 2, 9)))
    order = tools.order_of([slow, fast, wrong])
    assert (order.pairs, order.right, order.wrong) == (3, 2, ((slow, wrong),))
    assert tools.order_of([slow, tools.Point("d", "x", 1, 8.2)]).pairs == 0, "they are as good as equal"
    page = tools.page([slow, fast, wrong], ["d, `wasm-simd`: no kernel"], "here.")
    assert "2 of 3 pairs are in the predicted order: 66.7%" in page
    assert "| a | `wasm-simd` | 4.00 | 8.00 | 2.00 |" in page
    assert "Not measured: d, `wasm-simd`: no kernel" in page


def test_a_transfer_factor_has_its_error(tool):
    factor, error = tool("measure_prediction").factor_of(
        [tool("measure_prediction").Point("a", "x", 1, q) for q in (1, 4)])
    assert (factor, error) == (2, pytest.approx(np.exp(np.std(np.log([1, 4]), ddof=1))))


def test_points_are_of_programs_that_were_measured_on_both_sides(tool):
    here = [{"backend": "wasm-simd", "median_ms": 1.0, "peer": {"median_ms": 2.0}}]
    there = [{"backend": "wasm-simd", "median_ms": 1.5}, {"backend": "tfjs-wasm-simd", "median_ms": None}]
    (point,) = tool("measure_prediction").points_of("m", here, there)
    assert (point.program, point.predicted, point.measured) == ("wasm-simd", 1.0, 1.5)
