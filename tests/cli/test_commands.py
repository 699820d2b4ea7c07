"""Each command on a small model: its JSON, its tables, its exit code."""

import argparse
import json
import pkgutil
import re
import subprocess
import sys
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tfjslab.backends import registry
from tfjslab.backends.rows import ROWS
from tfjslab.base.machine import usable_cores
from tfjslab.base.version import __version__
from tfjslab.bench.result import BenchResult
from tfjslab.bench.sizes import SizeSweep
from tfjslab.cli import app, commands, output, sizes
from tfjslab.cli.app import main
from tfjslab.cli.command import INTERRUPTED
from tfjslab.cli.commands import COMMANDS, bench, main_job, optimize

DEVICE_KEYS = {"adapter", "adapter_type", "pipelines", "pipeline_compile_ms"}
MORE_BENCH_KEYS = {
    "iqr_ms", "arena_bytes", "reason", "compile_cached", "precision", "host_share", "host_reason", "times_ms", "states",
    "rounds", "disturbance", "steal_share", "environment", "compile_cached_in_process", "device",
    "model_digest",
}
BENCH_KEYS = {
    "model", "backend", "threads", "load_ms", "compile_ms", "first_ms", "median_ms", "min_ms", "p95_ms", "runs",
    "warmup", "peak_bytes", "weight_bytes", "num_kernels", "fallback_kernels", "clock", "engine",
}
KERNEL_KEYS = {
    "name", "node", "kernel_time_ms", "input_shapes", "output_shapes", "bytes_added", "total_bytes_snapshot",
    "tensors_added", "total_tensors_snapshot", "flops", "fallback",
}
PROFILE_KEYS = {"kernels", "wall_ms", "unattributed_ms", "peak_bytes", "new_bytes", "new_tensors"}


def result(capsys, *argv):
    """The JSON that a command writes to stdout, where nothing else may be."""
    assert main([*argv, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)


def shown(capsys, *argv):
    """What a command prints for people."""
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def test_backends_lists_the_whole_registry_with_reasons(capsys):
    rows = result(capsys, "backends")
    assert [r["name"] for r in rows] == [b.name for b in registry.backends()]
    assert {"name", "available", "reason", "priority"} <= set(rows[0])
    assert all(r["available"] or r["reason"] for r in rows)
    assert next(r for r in rows if r["name"] == "cpu")["engine"] == f"numpy {np.__version__}"
    table = shown(capsys, "backends")
    assert all(r["name"] in table for r in rows)


def test_inspect_counts_what_the_model_is_made_of(capsys, model):
    facts = result(capsys, "inspect", model, "--backend", "cpu")
    assert facts["inputs"] == [{"name": "x", "shape": [None, 3], "dtype": "float32"}]
    assert [p["name"] for p in facts["outputs"]] == ["answer"]
    assert sum(facts["ops"].values()) == facts["nodes"]
    assert facts["parameters"] == 8
    assert facts["weight_bytes"] == 32
    assert facts["flops"] > 2 * 3 * 2
    (row,) = facts["backends"]
    assert (row["name"], row["available"], row["fallback"]) == ("cpu", True, {})
    assert "8 parameters" in shown(capsys, "inspect", model, "--backend", "cpu")


def test_inspect_tells_of_every_backend_when_none_is_named(capsys, model):
    rows = result(capsys, "inspect", model)["backends"]
    assert [r["name"] for r in rows] == [r.name for r in ROWS if not r.alias_of]
    assert all(r["fallback"] == {} if r["available"] else r["reason"] for r in rows)


def test_run_gives_the_answer_and_its_digest(capsys, model, tmp_path, image, answer):
    np.save(tmp_path / "x.npy", image)
    target = tmp_path / "o.npz"
    found = result(capsys, "run", model, "--backend", "cpu", "--input", f"x={tmp_path}/x.npy", "--output", str(target))
    assert (found["model"], found["backend"]) == (model, "cpu")
    (output,) = found["outputs"]
    assert (output["name"], output["shape"], output["dtype"]) == ("answer", [2, 2], "float32")
    assert (output["min"], output["max"]) == (answer.min(), answer.max())
    assert len(output["sha256"]) == 64
    with np.load(target) as saved:
        np.testing.assert_allclose(saved["answer"], answer)


def test_run_on_every_backend_gives_the_same_answer(capsys, model, tmp_path, image, answer):
    image.tofile(tmp_path / "x.bin")
    for name in [b.name for b in registry.backends() if b.available]:
        found = result(capsys, "run", model, "--backend", name, "--input", str(tmp_path / "x.bin"))
        assert found["outputs"][0]["mean"] == pytest.approx(answer.mean())


def test_run_without_input_takes_seeded_numbers_that_the_seed_decides(capsys, model):
    first, again, other = (
        result(capsys, "run", model, "--backend", "cpu", "--seed", seed)["outputs"][0]["sha256"] for seed in "001"
    )
    assert first == again != other
    assert "random, seed 0" in shown(capsys, "run", model, "--backend", "cpu")


def test_a_zoo_model_is_run_by_name_and_said_to_have_random_weights(capsys):
    found = result(capsys, "run", "blazeface", "--backend", "cpu")
    assert found["note"].startswith("blazeface: the architecture is real, the weights are seeded random numbers")
    assert "seeded random numbers" in shown(capsys, "bench", "blazeface", "--backend", "cpu", "--runs", "1")


def test_bench_has_the_keys_of_the_contract_for_each_model_and_backend(capsys, model):
    rows = result(capsys, "bench", model, model, "--backend", "cpu, wasm", "--runs", "4", "--warmup", "1")
    assert [(r["model"], r["backend"] == "cpu") for r in rows] == [(model, True), (model, False)] * 2
    for row in rows:
        assert set(row) == BENCH_KEYS | MORE_BENCH_KEYS | DEVICE_KEYS
        assert [row[k] for k in DEVICE_KEYS] == [None] * 4  # only GPU backends have them
        assert (row["runs"], row["warmup"], row["fallback_kernels"], row["weight_bytes"]) == (4, 1, 0, 32)
        assert 0 < row["min_ms"] <= row["median_ms"] <= row["p95_ms"]
    table = shown(capsys, "bench", model, "--backend", "cpu", "--runs", "2")
    assert "1.0x" in table
    assert "after 5 warm-up runs" in table


def test_the_hosts_share_of_the_time_stands_in_run_bench_and_profile(capsys, model, monkeypatch):
    """0 where all are kernels, and not known where the host is the backend."""
    def shares(backend):
        found = [result(capsys, c, model, "-b", backend) for c in ("run", "profile")]
        found += result(capsys, "bench", model, "-b", backend, "--runs", "2")
        return [(f["host_share"], f["host_reason"]) for f in found]

    assert shares("wasm-simd") == [(0.0, "")] * 3
    assert shares("cpu") == [(None, "the host is the backend")] * 3
    assert "on the host" not in shown(capsys, "run", model, "-b", "wasm-simd")
    table = pytest.importorskip("tfjslab.backends.wasm.lower.registry").TABLE
    monkeypatch.delitem(table.rows, "BatchMatMul")
    assert all(0 < share <= 1 and reason == "" for share, reason in shares("wasm-simd"))
    for command in (("run",), ("profile",), ("bench", "--runs", "2")):
        assert re.search(r"on the host.*\d% of the time|\d% of the time on the host", shown(
            capsys, *command, model, "-b", "wasm-simd"))


def test_profile_has_the_keys_of_the_contract_and_adds_up(capsys, model):
    found = result(capsys, "profile", model, "--backend", "cpu")
    assert set(found) >= PROFILE_KEYS
    assert all(set(k) >= KERNEL_KEYS for k in found["kernels"])
    total = sum(k["kernel_time_ms"] for k in found["kernels"]) + found["unattributed_ms"]
    assert total == pytest.approx(found["wall_ms"], rel=1e-12)
    assert found["new_tensors"] == found["new_bytes"] == 0
    table = shown(capsys, "profile", model, "--backend", "cpu", "--top", "1")
    assert "The slowest 1 of " in table
    assert "unattributed" in table


def test_profile_runs_as_often_as_asked_shows_memory_and_writes_a_trace(capsys, model, tmp_path):
    argv = ("profile", model, "-b", "cpu", "-r", "3", "-w", "0")
    assert len(result(capsys, *argv)["profiled_ms"]) == 3
    trace = tmp_path / "trace.json"
    assert "at the peak, while" in shown(capsys, *argv, "--memory", "--trace", str(trace))
    assert {e["ph"] for e in json.loads(trace.read_text())["traceEvents"]} >= {"X", "C", "M"}
    assert error(capsys, *argv, "--trace", f"{tmp_path}/no/t.json") == (
        2, f"tfjslab: error: --trace {tmp_path}/no/t.json: cannot be written (No such file or directory)")


@pytest.fixture
def quick(monkeypatch):
    """The main job with one run of everything."""
    monkeypatch.setattr(main_job, "BUDGET_S", 1e-9)
    monkeypatch.setattr(bench, "DEFAULT_WARMUP", 0)


def test_without_a_command_the_zoo_is_measured_on_every_backend_and_profiled(capsys, quick):
    found = result(capsys)
    available = [r.name for r in ROWS if not r.alias_of and registry.availability(r.name).available]
    assert [(r["model"], r["backend"]) for r in found["bench"]] == [(m, b) for m in main_job.MODELS for b in available]
    assert [p["model"] for p in found["profiles"]] == list(main_job.MODELS)
    assert found["machine"]["cores"] >= 1


def test_the_main_job_prints_ratios_top_kernels_and_that_weights_are_random(capsys, quick):
    text = shown(capsys)
    for piece in ("1.0x", "kinds that take the most time", "unattributed", "the weights are seeded random numbers"):
        assert piece in text


def test_tables_fit_a_narrow_terminal(capsys, model, monkeypatch):
    monkeypatch.setattr(output, "_WIDTH_WITHOUT_TERMINAL", 80)
    for command in ("run", "inspect", "profile", "bench"):
        text = shown(capsys, command, model, "--backend", "cpu")
        assert max(map(len, text.splitlines())) <= 80
    (row,) = (line for line in text.splitlines() if line.startswith("cpu "))
    assert len(row.split()) == 11  # no cell is folded; "32 B" counts twice


def test_json_to_a_file_leaves_the_table_on_stdout(capsys, tmp_path):
    target = tmp_path / "b.json"
    assert "Backends" in shown(capsys, "backends", "--json", str(target))
    assert json.loads(target.read_text())[0]["name"]
    assert main(["--json", str(target), "backends"]) == 0  # before the command's name it means the same


def error(capsys, *argv):
    """Exit code and the one line on stderr of a command that fails."""
    code = main(list(argv))
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return code, line


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["run"], "the following arguments are required: MODEL; see 'tfjslab run --help'"),
        (["run", "m", "--bogus"], "unrecognized arguments: --bogus; see 'tfjslab --help'"),
        (["bench", "m", "--runs", "0"],
         "argument -r/--runs: '0' is not an integer of at least 1; see 'tfjslab bench --help'"),
        (["bench", "m", "--warmup", "x"],
         "argument -w/--warmup: 'x' is not an integer of at least 0; see 'tfjslab bench --help'"),
        (["bench", "m", "--backend", "cpu,,wasm"],
         "--backend cpu,,wasm: an empty name; write names with single commas between them"),
        (["run", "../nothing", "--real-weights"],
         "--real-weights: ../nothing is not a model of the zoo (blazeface, digits, mobilenet_v2)"),
        (["backends", "--json", "no/such/folder/f.json"],
         "--json no/such/folder/f.json: cannot be written (No such file or directory)"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_line(capsys, argv, line):
    assert error(capsys, *argv) == (2, f"tfjslab: error: {line}")


def test_an_unknown_command_is_exit_code_2(capsys):
    code, line = error(capsys, "benhc")
    assert code == 2
    assert "'benhc'" in line


@pytest.mark.parametrize("command", ["run", "bench", "profile", "inspect"])
def test_an_unknown_backend_is_exit_code_2_with_a_suggestion(capsys, model, command):
    code, line = error(capsys, command, model, "--backend", "wasm-smid")
    assert code == 2
    assert line.endswith("; did you mean 'wasm-simd'?")


@pytest.mark.parametrize("command", ["run", "bench", "profile"])
def test_a_backend_that_cannot_run_here_is_exit_code_4_with_the_reason(capsys, model, command, monkeypatch):
    monkeypatch.setitem(registry._STATE.asked, "cpu", registry.Availability(available=False, reason="switched off"))
    assert error(capsys, command, model, "--backend", "cpu") == (
        4, "tfjslab: error: backend 'cpu' is not available: switched off",
    )


def test_ctrl_c_shows_what_was_measured_and_is_exit_code_130(capsys, model, monkeypatch):
    @contextmanager
    def impatient():
        def report(what, _done, _total):
            if what.endswith("steady"):
                raise KeyboardInterrupt

        yield report

    monkeypatch.setattr(bench, "progress", impatient)
    assert main(["bench", model, "--backend", "cpu", "--runs", "10"]) == INTERRUPTED
    told = capsys.readouterr()
    assert "not all was measured: interrupted" in told.out
    assert "cpu" in told.out
    assert told.err == "tfjslab: interrupted\n"


def test_after_ctrl_c_a_chart_that_cannot_be_drawn_is_a_warning(capsys, model, monkeypatch, tmp_path):
    def early(_source, name, *_):
        return SizeSweep(name, (), ())

    monkeypatch.setattr(sizes, "bench_sizes", early)
    chart = str(tmp_path / "sizes.svg")
    assert main(["bench", model, "--backend", "cpu", "--batch", "1,2", "--chart", chart]) == INTERRUPTED
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith(f"tfjslab: warning: --chart {chart}: cannot be written (")
    assert told[1:] == ["tfjslab: interrupted"]


def test_after_ctrl_c_while_optimizing_nothing_is_compared(capsys, monkeypatch, tmp_path):
    def early(model, *_, **_options):
        made, report = before(model, measure=False)
        return made, replace(report, reason="interrupted")

    before = optimize.optimize
    monkeypatch.setattr(optimize, "optimize", early)
    monkeypatch.setattr(optimize, "_peers", lambda _args: tmp_path)
    monkeypatch.setattr(optimize, "before_after", None)
    argv = ["optimize", "digits", "--out", str(tmp_path / "fast"), "--backend", "wasm-simd", "--compare", "tfjs"]
    assert main(argv) == INTERRUPTED
    assert capsys.readouterr().err == "tfjslab: interrupted\n"


def test_ctrl_c_elsewhere_is_exit_code_130_and_one_line(capsys, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "backends", interrupted)
    assert error(capsys, "backends") == (INTERRUPTED, "tfjslab: interrupted")


def test_memory_that_runs_out_is_exit_code_4_and_one_line(capsys, monkeypatch):
    def full():
        raise MemoryError("Unable to allocate 4.00 TiB")

    monkeypatch.setattr(registry, "backends", full)
    code, line = error(capsys, "backends")
    assert code == 4
    assert line.startswith("tfjslab: error: this command: there is not enough memory (Unable to allocate 4.00 TiB);")


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line_on_stderr(capsys, monkeypatch):
    def warn():
        warnings.warn("the first choice\nis gone", registry.BackendFallbackWarning, stacklevel=1)
        return []

    monkeypatch.setattr(registry, "backends", warn)
    assert main(["backends"]) == 0
    assert capsys.readouterr().err == "tfjslab: warning: the first choice is gone\n"


@pytest.mark.parametrize("command", ["", *(c.name for c in COMMANDS)])
def test_help_has_examples_that_parse(capsys, command):
    assert main([*filter(None, [command]), "--help"]) == 0
    text = capsys.readouterr().out
    examples = [line.split() for line in text.partition("examples:")[2].strip().splitlines()]
    assert examples
    for example in examples:
        assert example[0] == "tfjslab"
        if "COMMAND" not in example:
            assert isinstance(app.build_parser().parse_args(example[1:]), argparse.Namespace)


def test_every_module_of_the_commands_is_listed():
    modules = {m.name for m in pkgutil.iter_modules(commands.__path__)} - {"main_job"}
    assert modules == {c.run.__module__.rpartition(".")[2] for c in COMMANDS}


def test_version(capsys):
    assert shown(capsys, "--version") == f"tfjslab {__version__}\n"


def test_a_closed_pipe_is_quiet():
    command = [sys.executable, "-m", "tfjslab", "backends"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == app.CLOSED_PIPE


def test_inspect_writes_the_graph_as_a_page_and_figures_of_nodes_for_model_explorer(capsys, model, tmp_path):
    page, data, saved = (str(tmp_path / name) for name in ("graph.html", "data.json", "profile.json"))
    result(capsys, "inspect", model, "--backend", "cpu", "--graph", page, "--node-data", data)
    assert "<title>Graph of" in Path(page).read_text()
    assert json.loads(Path(data).read_text())["results"]["answer"]["value"] > 0
    shown(capsys, "profile", model, "--backend", "cpu", "--json", saved)
    result(capsys, "inspect", model, "--backend", "cpu", "--node-data", data, "--profile", saved)
    assert json.loads(Path(data).read_text())["name"].endswith("on cpu: time (ms)")


def test_names_wrap_in_a_narrow_terminal_in_place_of_their_ends(capsys, monkeypatch):
    monkeypatch.setattr(output, "_WIDTH_WITHOUT_TERMINAL", 60)
    text = shown(capsys, "profile", "digits", "--backend", "wasm-plain", "-r", "1", "-w", "0")
    rows = text.splitlines()
    assert max(map(len, rows)) <= 60
    assert ".." not in text
    start = next(i for i, line in enumerate(rows) if line.startswith("DepthwiseConv2d"))
    name = "".join(line.split()[0] for line in rows[start: start + 3])
    assert "DepthwiseConv2dNative+FusedBatchNorm+Relu6".startswith(name[:36])


def test_bench_and_profile_take_the_same_files_as_run(capsys, model, tmp_path):
    good, bad = tmp_path / "x.npy", tmp_path / "y.npy"
    np.save(good, np.ones((5, 3), np.float32))
    np.save(bad, np.ones((5, 4), np.float32))
    for command in ("bench", "profile"):
        quick = ["--backend", "cpu", "-r", "1", "-w", "0"]
        assert main([command, model, *quick, "--input", str(good), "--json", str(tmp_path / f"{command}.json")]) == 0
        capsys.readouterr()
        assert main([command, model, *quick, "--input", str(bad)]) == 3
        assert "expected [?, 3]" in capsys.readouterr().err
    kernels = json.loads((tmp_path / "profile.json").read_text())["kernels"]
    assert kernels[0]["output_shapes"][0][0] == 5


def test_threads_above_the_cores_and_the_hosts_share_are_said_beside_the_figures(capsys, monkeypatch):
    many = str(usable_cores() + 2)
    quick = ("-r", "1", "-w", "0", "--threads", many)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["bench", "digits", "--backend", "wasm-threads", *quick]) == 0
    told = capsys.readouterr()
    assert f"warning: backend 'wasm-threads': {many} threads on {usable_cores()} core" in told.err
    assert f"{many} threads on {usable_cores()} core" in told.out
    some = BenchResult("net", "webgpu", 1, None, None, None, 2.0, 1.0, 3.0, 0.5, 3, 1, 1, 1, 1, 3, 1, "c", "e",
                       host_share=0.784)
    assert some.place == "webgpu, 78% on host"
    assert replace(some, host_share=0.0).place == "webgpu"
