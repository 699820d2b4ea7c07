"""One run over several sizes: which sizes there are, and where the order of backends turns."""

from __future__ import annotations

import json

import pytest
from support.candidates import result

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import InputError, UsageError
from tfjslab.bench.settings import Settings
from tfjslab.bench.sizes import RunSize, SizeSweep, bench_sizes, run_sizes
from tfjslab.cli.app import main
from tfjslab.graph.ir import Port
from tfjslab.vis import charts

PORTS = (Port("x", "x", (None, 8), "float32"), Port("y", "y", (None, 2), "float32"))


def sweep(**times):
    """A sweep of batches 1, 2, 4; ``times`` are the milliseconds of each backend at each."""
    sizes = run_sizes(PORTS, (1, 2, 4))
    found = [result(name.replace("_", "-"), ms[i]) for i in range(len(sizes)) for name, ms in times.items()]
    return SizeSweep("net", sizes, tuple(found))


def test_batches_and_shapes_are_all_combined():
    found = run_sizes(PORTS, (1, 4), [{"x": (1, 16)}, {"x": (1, 32)}])
    assert [(s.batch, s.shapes["x"], s.shapes["y"]) for s in found] == [
        (1, (1, 16), (1, 2)), (4, (4, 16), (4, 2)), (1, (1, 32), (1, 2)), (4, (4, 32), (4, 2)),
    ]
    assert [s.label for s in run_sizes(PORTS, (1, 4))] == ["batch 1", "batch 4"]
    assert found[1].feeds()["x"].shape == (4, 16)


def test_a_batch_of_a_model_with_a_fixed_length_is_refused():
    with pytest.raises(UsageError) as e:
        run_sizes((Port("x", "x", (1, 8), "float32"),), (1, 4))
    assert str(e.value) == "batch 4: input 'x' is 1x8, which has no open first length"
    with pytest.raises(UsageError, match="the size 'batch 2' is there twice"):
        run_sizes(PORTS, (2, 2))


def test_the_order_turns_where_another_backend_becomes_the_fastest():
    found = sweep(wasm_simd=(1.0, 2.0, 4.0), wasm_threads=(1.5, 2.1, 2.5))
    (turn,) = found.turns()
    assert (turn.before, turn.after, turn.small.batch, turn.large.batch, turn.is_sure) == (
        "wasm-simd", "wasm-threads", 2, 4, True)
    assert turn.at_large.ratio == pytest.approx(1.6, rel=0.01)
    assert turn.text.startswith("wasm-simd is the fastest at batch 2 (1.05x faster (95%:")
    assert [r["fastest_of_size"] for r in found.to_json()] == [True, False, True, False, False, True]
    assert found.to_json()[5]["ms_per_example"] == pytest.approx(2.5 / 4, rel=0.01)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_turn_that_noise_explains_is_called_so():
    (turn,) = sweep(a=(1.0, 2.0, 4.0), b=(1.001, 2.001, 3.99)).turns()
    assert not turn.is_sure
    assert turn.text.endswith("noise may explain it")


def test_sizes_at_which_noise_hides_the_order_are_passed_over():
    (turn,) = sweep(a=(1.0, 2.0, 4.0), b=(1.5, 1.99, 2.0)).turns()
    assert (turn.small.batch, turn.large.batch, turn.is_sure) == (1, 4, True)


def test_without_a_turn_the_fastest_is_told():
    found = sweep(a=(1.0, 2.0, 4.0), b=(2.0, 3.0, 5.0))
    assert found.turns() == ()
    assert "a is the fastest at every size" in str(found)


def test_the_chart_has_a_line_for_each_backend_and_marks_the_turn():
    axes = charts.size_time(sweep(wasm_simd=(1.0, 2.0, 4.0), wasm_threads=(1.5, 2.1, 2.5))).axes
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    assert lines["wasm-threads"].get_xdata().tolist() == [1.0, 2.0, 4.0]
    assert lines["wasm-threads"].get_ydata().tolist() == pytest.approx([1.5, 2.1, 2.5], rel=0.01)
    (mark,) = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert 2 < mark.get_xdata()[0] < 4
    assert [t.get_text() for t in axes.texts] == ["wasm-threads is faster from here"]
    assert (axes.get_xlabel(), axes.get_xscale()) == ("examples in a batch", "log")


def test_a_chart_of_nothing_measured_is_refused():
    sizes = run_sizes(PORTS, (1,))
    nothing = result("a", 1.0)
    with pytest.raises(InputError, match="nothing was measured at any size"):
        charts.size_time(SizeSweep("net", sizes, (nothing.__class__(**{**nothing.__dict__, "times_ms": ()}),)))


def test_a_model_is_measured_at_every_size():
    with zoo.load("digits", backend="cpu") as model:
        found = bench_sizes(model, "digits", ["cpu", None], run_sizes(model.inputs, (1, 3)), settings=Settings(5, 1))
        assert [(r.model, r.backend, r.runs) for r in found.results] == [
            ("digits, batch 1", "cpu", 5), ("digits, batch 1", "cpu", 5),
            ("digits, batch 3", "cpu", 5), ("digits, batch 3", "cpu", 5),
        ]
    assert repr(found) == "<SizeSweep of digits: batch 1, batch 3 on cpu>"
    with pytest.raises(UsageError, match="no size is given"):
        tf.bench.bench_sizes("digits", "digits", ["cpu"], [])


def test_the_command_measures_sizes_and_draws_them(capsys, tmp_path):
    chart = tmp_path / "sizes.png"
    argv = ["bench", "digits", "-b", "cpu", "--batch", "1,2", "--runs", "3", "--warmup", "0", "--chart", str(chart)]
    assert main([*argv, "--json", "-"]) == 0
    assert [(r["batch"], r["runs"]) for r in json.loads(capsys.readouterr().out)] == [(1, 3), (2, 3)]
    assert chart.read_bytes().startswith(b"\x89PNG")
    shapes = ["--shape", "1,8,8,1", "--shape", "4,8,8,1"]
    assert main(["bench", "digits", "-b", "cpu", *shapes, "--runs", "3", "--json", "-"]) == 0
    assert [r["shapes"] for r in json.loads(capsys.readouterr().out)] == [{"image": [1, 8, 8, 1]},
                                                                          {"image": [4, 8, 8, 1]}]


@pytest.mark.parametrize(("more", "told"), [
    (["--batch", "1,2", "--in", "chromium", "-b", "tfjs-cpu,tfjs-webgl"],
     "tfjs-cpu and tfjs-webgl cannot take turns in one page; name one program of TensorFlow.js"),
    (["--batch", "1,2", "--compare", "tfjs"], "do not go together with --compare"),
    (["--chart", "x.png"], "--chart is for several sizes"),
    (["--batch", "1,x"], "'x' is not an integer of at least 1"),
    (["blazeface", "--batch", "1,2"], "several sizes are of one model; 2 are given"),
])
def test_what_does_not_go_together_is_refused(capsys, more, told):
    assert main(["bench", "digits", *more]) == 2
    assert told in capsys.readouterr().err


def test_a_size_knows_its_elements():
    assert RunSize("s", 2, (Port("x", "x", (2, 3), "float32"), Port("y", "y", (4,), "int32"))).elements == 10
