"""Models of one op, layers and .tflite files, changed where a reader looks: each runs, or gives a typed error.

`tools/fuzz.py` does the same with real models, in processes of its own.
"""

import contextlib
import importlib
from pathlib import Path

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.layers import CASES, build
from support.op_models import WRITTEN, graph_of, is_plain

import tfjslab as tf
from tfjslab.backends.base import Availability
from tfjslab.base.errors import ModelError
from tfjslab.formats.registry import write_model
from tfjslab.ops.conformance import cases

TOOLS = Path(__file__).parents[2] / "tools"
SHARED = Path(__file__).parents[3] / "shared" / "tflite" / "models"
EACH = 6  # mutated copies of each small model
WRONG = ("untyped", "ugly", "left", "differ")


@pytest.fixture(autouse=True)
def _limits():
    """What a run may take, so that no case takes all of a machine."""
    tf.env().set_flags({"MAX_MEMORY_BYTES": 100e6, "MAX_LOOP_SECONDS": 0.5})
    yield
    tf.env().reset()


@pytest.fixture
def fuzz_case(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("fuzz_case")


def tried(fuzz_case, source, folder, seeds, *, load_only=False):
    """Mutate and run; a list of what must not be."""
    found = []
    for seed in seeds:
        where = folder / f"mutated {seed}"
        where.mkdir()
        path = fuzz_case.mutated(source, seed, where)
        told = fuzz_case.tried(path, ["cpu"], load_only=load_only)
        if told["outcome"] in WRONG:
            found.append((seed, told))
    return found


def written(folder, names):
    """A model of each of these ops whose values can be fed and written; their folders."""
    for name in names:
        check = next((c for c in cases({name}) if is_plain(c.inputs) and is_plain(c.op.run(c.inputs, c.attrs))), None)
        if check is not None:
            with contextlib.suppress(ModelError):  # an attribute that files tell only when shapes are known
                yield write_model(graph_of(check), folder / name / "model")


@pytest.mark.parametrize("part", range(8))
def test_models_of_one_op(fuzz_case, tmp_path, part):
    names = WRITTEN[part::8]
    found = list(written(tmp_path, names))
    assert len(found) > 0.6 * len(names)
    for source in found:
        seed = sum(map(ord, source.parent.name))
        assert tried(fuzz_case, source, source.parent, range(seed, seed + EACH)) == []


@pytest.mark.parametrize("name", CASES)
def test_layers(fuzz_case, tmp_path, name):
    (tmp_path / "model").mkdir()
    path, _, _ = build(tmp_path / "model", CASES[name])
    seed = sum(map(ord, name))
    assert tried(fuzz_case, path.parent, tmp_path, range(seed, seed + EACH)) == []


def small_tflite():
    """A product of integers behind a convolution of floats."""
    tensors = [
        tensor("x", (1, 5, 5, 2)), tensor("w", (3, 3, 3, 2), buffer=1), tensor("b", (3,), buffer=2),
        tensor("c", (1, 3, 3, 3)), tensor("q", (1, 3, 3, 3), "int8", scale=0.1, zero_point=3),
        tensor("v", (4, 27), "int8", buffer=3, scale=np.full(4, 0.02), axis=0),
        tensor("y", (1, 4), "int8", scale=0.3, zero_point=-5),
    ]
    operators = [
        operator(0, [0, 1, 2], [3], {0: ("<b", 1), 1: ("<i", 1), 2: ("<i", 1)}),
        operator(1, [3], [4]), operator(2, [4, 5, -1], [6], {0: ("<b", 0)}),
    ]
    weights = [np.ones((3, 3, 3, 2), np.float32), np.ones(3, np.float32), np.ones((4, 27), np.int8)]
    codes = ["CONV_2D", "QUANTIZE", "FULLY_CONNECTED"]
    return tflite(codes, [subgraph(tensors, operators, [0], [6])], weights)


def test_tflite_files(fuzz_case, tmp_path):
    source = tmp_path / "small.tflite"
    source.write_bytes(small_tflite())
    with tf.load_model(source, backend="cpu") as model:
        assert model.execute(model.sample()).shape == (1, 4)
    assert tried(fuzz_case, source, tmp_path, range(450)) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="no shared models")
@pytest.mark.parametrize("name", ["tflm_mnist_lstm_int8", "tflm_micro_speech_int8", "mww_v2_vad"])
def test_real_tflite_files(fuzz_case, tmp_path, name):
    assert tried(fuzz_case, SHARED / f"{name}.tflite", tmp_path, range(300), load_only=True) == []


def test_a_seed_gives_a_case_again(fuzz_case, tmp_path):
    source = tmp_path / "small.tflite"
    source.write_bytes(small_tflite())
    (tmp_path / "a").mkdir()
    made = {fuzz_case.mutated(source, seed, tmp_path / "a").read_bytes() for seed in (1, 1, 2)}
    assert len(made) == 2


def test_what_is_left_of_a_case_is_what_fails(monkeypatch):
    """Here a made-up process, in which two of the changes together fail."""
    monkeypatch.syspath_prepend(TOOLS)
    fuzz = importlib.import_module("fuzz")

    class Made:
        def ask(self, case, _seconds):
            failed = {2, 5} <= set(case["keep"])
            return {"outcome": "crash" if failed else "ok", "what": "", "seconds": 0, "bytes": 0}

    args = fuzz.parsed(["--models", "x", "--backends", "cpu"])
    case, told = fuzz.minimised(Made(), {"keep": args.keep}, {"outcome": "crash"}, args)
    assert (case["keep"], told["outcome"]) == ([2, 5], "crash")


def test_changes_that_are_left_out_leave_the_others_as_they_are(fuzz_case, tmp_path):
    source = tmp_path / "small.tflite"
    source.write_bytes(small_tflite())
    seed = next(s for s in range(99) if len({made(fuzz_case, source, tmp_path, s, [i]) for i in range(4)}) == 4)
    first, both = (made(fuzz_case, source, tmp_path, seed, keep) for keep in ([0], [0, 1]))
    assert made(fuzz_case, source, tmp_path, seed, []) == source.read_bytes()
    assert source.read_bytes() != first != both


def made(fuzz_case, source, folder, seed, keep):
    """The bytes of a mutated file."""
    return fuzz_case.mutated(source, seed, folder, keep).read_bytes()


def test_a_backend_that_is_not_there_is_told_at_once(monkeypatch, capsys):
    monkeypatch.syspath_prepend(TOOLS)
    fuzz = importlib.import_module("fuzz")
    absent = Availability(available=False, reason="it is elsewhere")
    monkeypatch.setattr(fuzz.registry, "availability", lambda _name: absent)
    with pytest.raises(SystemExit):
        fuzz.parsed(["--models", "x"])
    assert "cpu: it is elsewhere" in capsys.readouterr().err


def test_the_tool_counts_and_prints(monkeypatch, tmp_path, capsys):
    """In processes of its own: outcomes, and 0 where nothing is wrong."""
    monkeypatch.syspath_prepend(TOOLS)
    fuzz = importlib.import_module("fuzz")
    (tmp_path / "small.tflite").write_bytes(small_tflite())
    monkeypatch.setattr("sys.argv", ["fuzz.py", "--models", str(tmp_path), "--count", "20", "--jobs", "1"])
    assert fuzz.main() == 0
    assert "20 cases, 0 failures" in capsys.readouterr().out


def test_a_case_that_hangs_or_ends_its_process_is_an_outcome(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(TOOLS)
    fuzz = importlib.import_module("fuzz")
    monkeypatch.setattr(fuzz.fuzz_case, "__file__", str(tmp_path / "child.py"))
    case = {"source": "m", "seed": 1, "keep": [], "backends": [], "load_only": False}
    for script, outcome in (("import time; time.sleep(60)", "hang"), ("input()", "crash")):
        (tmp_path / "child.py").write_text(script)
        child = fuzz.Child()
        monkeypatch.setattr(fuzz, "_START_SECONDS", 1)
        assert child.ask(case, 1)["outcome"] == outcome
        assert child.process is None
