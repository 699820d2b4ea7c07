"""``%tfprofile`` and ``%%tfprofile`` in real shells."""

import asyncio
import json
import re
import statistics

import pytest
from IPython.core.error import UsageError
from IPython.utils.capture import capture_output

import tfjslab as tf
from tfjslab.backends import registry
from tfjslab.engine.state import STATE
from tfjslab.magics.code import finish
from tfjslab.magics.measure import _dispose_unreachable
from tfjslab.records.profile import from_json

MODEL = """
from tfjslab.graph.ir import Graph, Node, Port
weights = {"w": np.ones(3, np.float32)}
nodes = (Node("sum", "Add", ("x", "w")), Node("answer", "Relu", ("sum",), layer="end"))
model = tf.Model(Graph((Port("x", "x", (None, 3), "float32"),), (Port("y", "answer", None, ""),), nodes, weights))
x = np.ones((2, 3), np.float32)
"""


@pytest.fixture
def with_model(cells):
    """Cells with a small ``model`` and its input ``x``."""
    cells(MODEL)
    yield cells
    cells["model"].dispose()


def counters():
    """What must be as before."""
    return vars(STATE.counters).copy(), len(STATE.local.scopes), len(STATE.local.recorders), registry.get_backend()


def test_a_line_is_run_ten_times_after_three_and_its_kernels_are_shown(with_model):
    with_model("calls = []")
    found = with_model("%tfprofile calls.append(1) or model.predict(x)")
    assert len(with_model["calls"]) == 3 + 10
    assert [(k.name, k.node) for k in found.kernels] == [("Add", "sum"), ("Relu", "answer")]
    assert len(found.times_ms) == 10
    undisturbed = found.profile.disturbance.of_kept(found.times_ms)
    assert found.profile.wall_ms == pytest.approx(statistics.median(undisturbed))
    assert found.value.tolist() == [[2, 2, 2], [2, 2, 2]]
    assert repr(found) == "<Profile of calls.append(1) or model.predict(x) on cpu: 2 kernels, 10 runs>"


def test_a_cell_is_run_once_and_its_own_value_still_shows(with_model):
    found = with_model("%%tfprofile\ny = model.predict(x)\ny.shape")
    assert found.value == (2, 3)
    assert with_model["y"].shape == (2, 3)
    shown = with_model.shown.stdout
    assert "(2, 3)" in shown
    assert "<Profile of the cell on cpu: 2 kernels, 1 run>" in shown
    assert shown.index("(2, 3)") < shown.index("<Profile")


def test_a_semicolon_hides_the_value_and_not_the_profile(with_model):
    with_model("%%tfprofile\nmodel.predict(x).shape;")
    assert "(2, 3)" not in with_model.shown.stdout
    assert "<Profile of the cell" in with_model.shown.stdout


def test_the_text_is_a_table_with_what_holds_for_all_rows(with_model):
    text = str(with_model("%tfprofile -r 2 -w 1 model.predict(x)"))
    title, columns, *rows = text.splitlines()
    assert title == "model.predict(x) on cpu"
    assert columns.split() == ["node", "kernel", "ms", "share", "FLOPs", "GFLOP/s", "bytes", "fallback"]
    assert {tuple(r.split()[:2]) for r in rows[:2]} == {("sum", "Add"), ("answer", "Relu")}
    assert "= wall" in rows[2]
    assert rows[3].startswith("2 runs after 1 that do not count: median ")
    assert rows[4].startswith("cpu: numpy ")


def test_without_a_warm_up_it_says_that_compiling_may_be_part_of_it(with_model):
    text = str(with_model("%%tfprofile\nmodel.predict(x)"))
    assert "1 run; nothing was warmed up, so compiling may be part of it: -w 1 leaves that out" in text


def test_html_has_the_table_and_a_chart(with_model):
    html = with_model("%tfprofile model.predict(x)")._repr_html_()
    assert "<td" in html
    assert ">sum<" in html
    assert html.count('<img src="data:image/png;base64,') == 1
    assert "<script" not in html


def test_what_comes_from_code_is_escaped(cells):
    html = cells("%%tfprofile -o found\ntf.tidy(lambda: tf.add(1.0, 2.0).numpy())", "found")._repr_html_()
    assert "<b>the cell on cpu</b>" in html
    html = cells('%tfprofile -r 1 tf.tidy(lambda: tf.add(1.0, 2.0).numpy()) < "<script>"[0:0].count("x") + 9')
    assert "<script>" not in html._repr_html_()
    assert "&lt;script&gt;" in html._repr_html_()


def test_more_than_fifteen_nodes_are_folded_away(cells):
    found = cells("from tfjslab import zoo\nm = zoo.load('blazeface')\ninput = m.sample()",
                  "%tfprofile -r 1 -w 0 m.predict(input)")
    html = found._repr_html_()
    assert "the 15 slowest of" in html
    assert "<details><summary>all nodes</summary>" in html
    assert len(str(found).splitlines()) < 25
    assert html.count("<tr>") > len(found.by_node) + 15
    cells("m.dispose()")


def test_memory_adds_what_is_alive_at_the_peak(with_model):
    found = with_model("%tfprofile --memory -r 1 model.predict(x)")
    assert "at the peak, while" in str(found)
    assert found._repr_html_().count("<img ") == 2
    assert "at the peak" not in str(with_model("%tfprofile -r 1 model.predict(x)"))


def test_a_result_reaches_everything(with_model):
    found = with_model("%tfprofile -r 1 model.predict(x)")
    assert [r.key for r in found.by_layer] == [r.key for r in sorted(found.by_layer, key=lambda r: -r.time_ms)]
    assert {r.key for r in found.by_layer} == {"sum", "end"}
    assert {r.key for r in found.by_kernel} == {"Add", "Relu"}
    assert [p.node for p in found.memory] == ["sum", "answer"]
    assert {e["name"] for e in found.trace["traceEvents"]} >= {"Add", "Relu", "end"}


def test_eager_ops_and_models_are_profiled_together(with_model):
    found = with_model("%%tfprofile\nwith tf.tidy():\n    total = tf.sum(model.predict(tf.tensor(x))).item()\ntotal")
    assert [k.name for k in found.kernels] == ["Add", "Relu", "Sum"]
    assert found.value == 12


def test_a_cell_without_kernels_says_so(cells):
    assert "No kernel ran." in cells("%%tfprofile\n1 + 1")._repr_html_()


def test_o_keeps_the_result_in_a_variable(with_model):
    found = with_model("%%tfprofile -o kept\nmodel.predict(x)")
    assert with_model["kept"] is found


def test_q_shows_nothing_of_the_profile_but_the_cells_value(with_model):
    assert with_model("%tfprofile -q -o kept model.predict(x)") is None
    assert with_model.shown.stdout == ""
    assert len(with_model["kept"].kernels) == 2
    with_model("%%tfprofile -q\nmodel.predict(x).shape")
    assert "(2, 3)" in with_model.shown.stdout
    assert "Profile" not in with_model.shown.stdout


def test_an_assignment_takes_the_result(with_model):
    with_model("p = %tfprofile -r 1 model.predict(x)")
    assert len(with_model["p"].kernels) == 2


def test_save_and_trace_write_files(with_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = with_model("%tfprofile -r 2 --save first --trace 'the trace.json' model.predict(x)")
    assert from_json(json.loads((tmp_path / "first.json").read_text())) == found.profile
    assert json.loads((tmp_path / "the trace.json").read_text()) == found.trace


def test_a_timeline_is_shown_and_written_for_each_backend(with_model, tmp_path):
    found = with_model(f"%tfprofile -r 2 --view {tmp_path}/one.html model.predict(x)")
    assert repr(found.timeline) == "View(timeline of model.predict(x) on cpu; save it with .save('view.html'))"
    assert (tmp_path / "one.html").read_text() == found.timeline.to_html()
    with_model(f"%tfprofile -b cpu,wasm-plain -r 1 --view {tmp_path}/t.html model.predict(x)")
    assert {p.name for p in tmp_path.glob("t.*")} == {"t.cpu.html", "t.wasm-plain.html"}


def test_a_file_that_cannot_be_written_is_one_line(with_model):
    with pytest.raises(UsageError) as caught:
        with_model("%tfprofile -r 1 --save no/such/folder model.predict(x)")
    assert str(caught.value) == "--save no/such/folder.json: cannot be written (No such file or directory)"


def test_several_backends_are_compared_and_the_current_one_stays(with_model, tmp_path):
    files = f"--trace {tmp_path}/t.json --save {tmp_path}/s"
    found = with_model(f"%tfprofile -b cpu,wasm-plain -r 2 -w 1 {files} model.predict(x)")
    assert registry.get_backend() == "cpu"
    assert repr(found) == "<Profiles of model.predict(x) on cpu, wasm-plain>"
    assert [r.profile.environment.backend for r in found] == ["cpu", "wasm-plain"]
    assert [b.median_ms for b in found.bench] == [sum(r.times_ms) / 2 for r in found]
    rows = str(found).splitlines()
    assert [r.split()[0] for r in rows[2:4]] == ["cpu", "wasm-plain"]
    assert "1.0x" in str(found)
    assert found._repr_html_().count("<details>") == 2
    assert sorted(json.loads((tmp_path / "s.json").read_text())) == ["cpu", "wasm-plain"]
    assert {p.name for p in tmp_path.glob("t*")} == {"t.cpu.json", "t.wasm-plain.json"}
    with pytest.raises(tf.TfjslabError) as caught:
        found["cpus"]
    assert str(caught.value) == "'cpus' was not measured; measured: cpu, wasm-plain; did you mean 'cpu'?"
    assert found["wasm-plain"] is found.results[1]


def test_a_model_with_a_backend_of_its_own_is_named_where_it_ran(with_model):
    with_model("own = tf.Model(model.graph, 'wasm-plain')")
    found = with_model("%tfprofile -r 1 own.predict(x)")
    assert found.profile.environment.backend == "wasm-plain"
    both = with_model("%%tfprofile\nown.predict(x)\nmodel.predict(x)")
    assert both.profile.environment.backend == "wasm-plain and cpu"
    with_model("own.dispose()")


def test_many_runs_leave_what_one_leaves(cells):
    cells("a = tf.ones([4])")
    before = tf.memory().num_tensors
    found = cells("%%tfprofile -r 5 -w 2\nb = tf.add(a, a)\nc = tf.mul(b, b)")
    assert tf.memory().num_tensors == before + 2
    assert found.profile.new_tensors == 2
    assert "a run leaves +2 tensors and 32 B behind" in str(found)
    assert cells["c"].numpy().tolist() == [4, 4, 4, 4]
    tf.dispose([cells["b"], cells["c"]])
    cells("%tfprofile -r 5 -w 2 -q -o kept tf.add(a, a)")
    assert tf.memory().num_tensors == before + 1
    assert cells["kept"].value.numpy().tolist() == [2, 2, 2, 2]
    cells["kept"].value.dispose()


def test_tensors_that_the_code_keeps_are_never_disposed(cells):
    cells("held = []", "%tfprofile -r 3 -w 1 -q held.append(tf.ones([2]))")
    assert [t.is_disposed for t in cells["held"]] == [False] * 4


def test_only_tensors_that_nobody_can_reach_or_has_promised_to_dispose_are_disposed():
    reached = tf.ones([1])
    made = [reached, tf.keep(tf.ones([2])), tf.ones([3]), tf.ones([4])]
    _dispose_unreachable(made, 3)
    assert [t.shape for t in made] == [[1], [2], [4]]
    assert tf.memory().num_tensors == 3
    tf.dispose(made)


@pytest.mark.parametrize("options", ["", "-r 3 -w 2", "-b cpu,wasm-plain"])
def test_an_exception_passes_through_and_leaves_counters_as_they_were(cells, options):
    before = counters()
    cells("mine = RuntimeError('mine')")
    cell = f"%%tfprofile {options}\na = tf.ones([3])\nwith tf.tidy():\n    b = tf.add(a, a)\n    raise mine"
    with pytest.raises(RuntimeError) as caught:
        cells(cell)
    assert caught.value is cells["mine"]
    assert counters() == before
    assert cells["a"].is_disposed


def test_an_exception_in_a_later_run_takes_the_earlier_ones_back(cells):
    before = counters()
    with pytest.raises(ZeroDivisionError):
        cells("n = 3", "%%tfprofile -r 5\nkept = tf.ones([2])\nn -= 1\n1 / n")
    assert counters() == before


def test_a_traceback_shows_the_cell_and_not_the_profiler(cells):
    with pytest.raises(ValueError, match="here"):
        cells("%%tfprofile\nx = 1\nraise ValueError('here')")
    shown = cells.shown.stdout
    assert "----> 2 raise ValueError('here')" in shown
    assert "magics/" not in shown


def test_a_traceback_names_the_cell_that_runs(cells):
    with capture_output() as shown:
        cells.shell.run_cell("%%tfprofile\n1 / 0", store_history=True)
    assert re.findall(r"ipython-input-(\d+)-", shown.stdout) == ["1", "1"]  # the magic and the code below it


def test_wrong_python_is_a_syntax_error(cells):
    with pytest.raises(SyntaxError):
        cells("%%tfprofile\nx = = 1")


def test_magics_and_braces_work_inside(cells):
    found = cells("%%tfprofile\nplace = %pwd\n{'a': '$b'}")
    assert found.value == {"a": "$b"}
    assert cells["place"]
    assert cells("b = 2", "%tfprofile -r 1 {'a': b}").value == {"a": 2}


def test_the_names_of_a_function_are_seen(cells):
    cells("def f():\n    inner = 5\n    p = %tfprofile -r 1 inner + 1\n    return p.value")
    assert cells("f()") == 6


def test_code_that_starts_with_a_dash_comes_after_two(cells):
    assert cells("n = 4", "%tfprofile -r 1 -- -n + 1").value == -3


def test_a_cell_may_await(with_model):
    cell = "%%tfprofile -r 2\nimport asyncio\nawait asyncio.sleep(0)\ny = await model.predict_async(x)\ny.shape"
    done = asyncio.run(with_model.shell.run_cell_async(cell, transformed_cell=with_model.shell.transform_cell(cell)))
    assert done.error_in_exec is None
    assert done.result.value == (2, 3)
    assert [k.name for k in done.result.kernels] == ["Add", "Relu"]


def test_awaited_futures_are_those_of_the_notebooks_own_loop(with_model):
    shell = with_model.shell

    async def notebook():
        shell.user_ns["future"] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(shell.user_ns["future"].set_result, 7)
        for cell in ("%tfprofile -r 1 -w 0 await future", "p = %tfprofile -r 1 await future"):
            done = await shell.run_cell_async(cell, transformed_cell=shell.transform_cell(cell))
            done.raise_error()
            yield done.result

    async def both():
        return [found async for found in notebook()]

    assert asyncio.run(both())[0].value == 7
    assert with_model["p"].value == 7


def test_an_exception_while_awaiting_leaves_counters_as_they_were(cells):
    before = counters()
    cell = "%%tfprofile\nimport asyncio\na = tf.ones([3])\nawait asyncio.sleep(0)\n1 / 0"
    done = asyncio.run(cells.shell.run_cell_async(cell, transformed_cell=cells.shell.transform_cell(cell)))
    assert isinstance(done.error_in_exec, ZeroDivisionError)
    assert counters() == before


def test_functions_that_await_are_no_reason_to_await(cells):
    cell = "%%tfprofile\nasync def later():\n    await nothing\n1"
    assert "await get_ipython" not in cells.shell.transform_cell(cell)
    assert "await get_ipython" in cells.shell.transform_cell("%tfprofile await later()")
    assert "await get_ipython" not in cells.shell.transform_cell("def f():\n    %tfprofile await later()")
    assert "await get_ipython" not in cells.shell.transform_cell("%time await later()")


def test_a_coroutine_that_waits_cannot_be_finished_at_once():
    async def waits():
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match=r"^code without an await waited for something$"):
        finish(waits())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%tfprofile", "%tfprofile: nothing to run; write an expression behind it, or %%tfprofile over a cell"),
        ("%tfprofile -z", "unrecognized arguments: -z; see '%tfprofile --help'"),
        ("%tfprofile -r 0 x", "argument -r/--runs: '0' is not an integer of at least 1; see '%tfprofile --help'"),
        ("%tfprofile -b cpux x", "backend 'cpux' is unknown; known: "),
        ("%tfprofile -o 1a x", "-o 1a: expected the name of a variable"),
        ("%%tfprofile -r 2 x\n1", "%%tfprofile x: the code belongs below this line; see '%tfprofile --help'"),
    ],
)
def test_wrong_usage_is_one_line(cells, line, message):
    with pytest.raises(UsageError) as caught:
        cells(line)
    assert str(caught.value).startswith(message)
    assert "Traceback" not in cells.shown.stdout + cells.shown.stderr


def test_a_backend_that_is_not_there_is_reported_before_anything_runs(cells, monkeypatch):
    cells("calls = []")
    monkeypatch.setitem(registry._STATE.asked, "wasm-plain", registry.Availability(available=False, reason="gone"))
    with pytest.raises(UsageError, match=r"^backend 'wasm-plain' is not available: gone$"):
        cells("%tfprofile -b cpu,wasm-plain calls.append(1)")
    assert cells["calls"] == []


def test_help_lists_the_options_of_the_command_line(cells):
    assert cells("%tfprofile --help") is None
    for option in ("--backend", "--runs", "--warmup", "--memory", "--trace", "--view", "--save", "--output", "--quiet"):
        assert option in cells.shown.stdout


def test_a_terminal_gets_the_table(terminal):
    terminal("%%tfprofile\nwith tf.tidy():\n    v = tf.add(1.0, 2.0).item()\nv")
    shown = terminal.shown.stdout
    assert "3.0" in shown
    assert "node  kernel" in shown
    assert "Add" in shown
    assert "<Profile" not in shown


def test_unloading_takes_everything_away(cells):
    cells("%unload_ext tfjslab")
    assert "await get_ipython" not in cells.shell.transform_cell("%tfprofile await later()")
    with pytest.raises(UsageError, match="tfprofile"):
        cells("%tfprofile 1")
    cells("%load_ext tfjslab", "%reload_ext tfjslab")
    assert cells("%tfprofile -r 1 1 + 1").value == 2
    assert cells.shell.transform_cell("%tfprofile await later()").count("await get_ipython") == 1
