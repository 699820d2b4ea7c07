"""Inputs of any model: what is fed, the tab where that is chosen, and what is wrong with a choice."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from support.lab import GRAPH, SIX, six_inputs

from tfjslab.base.errors import DTypeError, InputError, ShapeError, UsageError
from tfjslab.graph.ir import Port
from tfjslab.lab import Lab
from tfjslab.lab.inputs import WHERE, InputChoice, feeds_for, lengths_hint, read_choice
from tfjslab.lab.inputs_tab import FILE
from tfjslab.lab.view import PATH, TABS, UPLOAD
from tfjslab.model import Model
from tfjslab.model.load import load_model

STEPS = Port("steps", "steps", (None, None, 2), "float32")


@pytest.fixture
def six(tmp_path):
    """The model of six inputs, in a file."""
    return six_inputs(tmp_path / "six")


@pytest.fixture
def lab(six, no_widgets_left):
    """A lab whose tab Inputs is open, with that model chosen."""
    with Lab(six, "cpu") as made:
        made._view.side.runs.value, made._view.side.warmup.value = 3, 0
        made._view.tabs.selected_index = TABS.index("Inputs")
        made._model.wait()
        yield made


def rows(lab):
    return lab._view.inputs.rows


def run(lab):
    lab._view.header.run.click()
    assert lab.wait(30)
    return html.unescape(lab._view.message.value)


def test_untouched_inputs_are_what_the_model_samples():
    with Model(GRAPH, "cpu", name="small") as model:
        np.testing.assert_array_equal(feeds_for(model, 3)["x"], model.sample(3)["x"])


def test_a_choice_sets_the_seed_the_lengths_or_a_file(six, tmp_path):
    np.save(tmp_path / "c.npy", np.full((1, 4), 7, np.float32))
    with load_model(six, "cpu") as model:
        feeds = feeds_for(model, 1, [
            InputChoice("steps", (1, 5, 2)), InputChoice("c", file=str(tmp_path / "c.npy")), InputChoice("a", seed=9),
        ])
        assert {n: v.shape for n, v in feeds.items()} == {
            "a": (1, 4), "b": (1, 4), "c": (1, 4), "steps": (1, 5, 2), "picture": (1, 8, 6, 3), "factor": (1, 4)}
        assert feeds["c"].tolist() == [[7] * 4]
        np.testing.assert_array_equal(feeds["a"], feeds_for(model, 1, [InputChoice("a", seed=9)])["a"])
        assert not np.array_equal(feeds["a"], feeds_for(model, 1)["a"])


@pytest.mark.parametrize(("choice", "error", "said"), [
    (InputChoice("d"), UsageError, "six has no input 'd'; inputs: a, b, c, steps, picture, factor"),
    (InputChoice("a", file="gone.npy"), InputError, f"gone.npy: no such file; {WHERE}"),
    (InputChoice("a", file="three.npy"), ShapeError,
     f"three.npy: input 'a': shape [3]; expected [?, 4]; {WHERE}"),
    (InputChoice("a", file="whole.npy"), DTypeError, "whole.npy: input 'a': dtype int32 (int64); expected float32"),
])
def test_a_choice_that_cannot_be_says_why_and_where(six, tmp_path, monkeypatch, choice, error, said):
    monkeypatch.chdir(tmp_path)
    np.save("three.npy", np.zeros(3, np.float32))
    np.save("whole.npy", np.zeros((1, 4), int))
    with load_model(six, "cpu") as model, pytest.raises(error) as caught:
        feeds_for(model, 1, [choice])
    assert str(caught.value).startswith(said)


def test_an_input_of_no_declared_shape_needs_one():
    port = Port("x", "x", None, "float32")
    with Model(GRAPH.with_(inputs=(port,)), "cpu", name="any") as model:
        with pytest.raises(InputError, match=f"input 'x' has no declared shape of numbers; .*; {WHERE}"):
            feeds_for(model, 1)
        assert feeds_for(model, 1, [read_choice(port, "[2, 4]", 0, "")])["x"].shape == (2, 4)


def test_lengths_are_read_from_text():
    assert read_choice(STEPS, " [1, 5, 2] ", 0, "") == InputChoice("steps", (1, 5, 2))
    assert read_choice(STEPS, "", 4, " a.npy ") == InputChoice("steps", None, 4, "a.npy")
    with pytest.raises(UsageError, match=r"shape 1,5,3 for steps: does not fit input 'steps', which is \?,\?,2"):
        read_choice(STEPS, "1,5,3", 0, "")


def test_a_hint_names_the_inputs_whose_lengths_are_open():
    assert lengths_hint("no", [STEPS, Port("a", "a", (None, 4), "float32")]) == (
        "; the model leaves lengths of steps open, which the tab Inputs sets")
    assert lengths_hint(f"no; {WHERE}", [STEPS]) == ""
    assert lengths_hint("no", []) == ""


def test_a_model_of_six_inputs_runs_from_its_page(lab):
    assert list(rows(lab)) == list(SIX)
    assert rows(lab)["steps"].shape.placeholder == "?,?,2"
    assert "the model leaves lengths of steps open, which the tab Inputs sets" in run(lab)
    rows(lab)["steps"].shape.value = "1,5,2"
    assert run(lab) == ""
    (made,) = lab.session.runs
    assert made.label == "#1 six on cpu (inputs as chosen)"
    assert made.settings.inputs == (InputChoice("steps", (1, 5, 2), 3),)


def test_optimized_and_quantized_it_is_compared_in_the_chosen_shapes(lab):
    rows(lab)["steps"].shape.value = "1,5,2"
    lab._view.header.optimize.value, lab._view.header.quantize.value = True, "int8"
    assert run(lab) == ""
    assert lab.session.runs[0].rewrite is not None


def test_a_shape_or_a_file_that_is_missing_is_told_before_the_run(lab):
    rows(lab)["steps"].shape.value = "5"
    assert "shape 5 for steps: does not fit input 'steps', which is ?,?,2" in run(lab)
    rows(lab)["steps"].shape.value, rows(lab)["b"].kind.value = "1,5,2", FILE
    assert "input 'b' is to be read from a file; name one" in run(lab)
    assert lab.session.runs == ()


def uploaded(name, data):
    return {"name": name, "type": "", "size": len(data), "content": memoryview(data),
            "last_modified": datetime(2026, 1, 1, tzinfo=UTC)}


def test_an_uploaded_input_is_shown_by_its_name_and_fed(lab, tmp_path):
    np.save(tmp_path / "b.npy", np.zeros((1, 4), np.float32))
    row = rows(lab)["b"]
    row.kind.value = FILE
    row.upload.value = [uploaded("mine.npy", (tmp_path / "b.npy").read_bytes())]
    assert row.file.value == "mine.npy"
    rows(lab)["steps"].shape.value = "1,5,2"
    assert run(lab) == ""
    kept = lab.session.runs[0].settings.inputs[0].file
    assert kept.endswith("mine.npy")
    row.file.value = "other.npy"
    assert "other.npy: no such file" in run(lab)


def test_fields_show_for_what_they_are_about(lab):
    row = rows(lab)["a"]

    def visible():
        return [w.layout.display != "none" for w in (row.seed, row.file, row.upload)]

    assert visible() == [True, False, False]
    row.kind.value = FILE
    assert visible() == [False, True, True]
    assert not row.shape.disabled
    fixed = Port("x", "x", (1, 4), "float32")
    with Model(GRAPH.with_(inputs=(fixed,)), "cpu", name="fixed") as model, Lab(model) as other:
        other._view.tabs.selected_index = TABS.index("Inputs")
        assert rows(other)["x"].shape.disabled


def test_another_model_has_other_inputs_and_choices_stay_with_theirs(lab, tmp_path):
    rows(lab)["steps"].shape.value = "1,5,2"
    lab._view.header.model.value = "digits"
    lab._model.wait()
    assert list(rows(lab)) != list(SIX)
    assert run(lab) == ""
    assert lab.session.runs[0].settings.inputs == ()
    lab._view.header.model.value, lab._view.header.path.value = PATH, str(tmp_path / "nowhere")
    lab._model.wait()
    assert rows(lab) == {}, "none of another model"
    assert "nowhere" in lab._view.inputs.told.value
    assert "tfl-message" in lab._view.inputs.told.value


def test_an_upload_keeps_its_name_and_another_one_of_that_name_is_read_again(lab, six, tmp_path):
    lab._view.header.model.value = UPLOAD
    assert "nothing is uploaded yet" in lab._view.inputs.told.value
    files = sorted(six.parent.iterdir())
    lab._view.header.upload.value = [uploaded(p.name, p.read_bytes()) for p in files]
    lab._model.wait()
    assert list(rows(lab)) == list(SIX)
    rows(lab)["steps"].shape.value = "1,5,2"
    assert run(lab) == ""
    made = lab.session.runs[0]
    assert (made.result.model, made.settings.model) == ("model.json", "model.json")
    assert re.search(r"<b>#1 model\.json on cpu", lab._view.name.value)
    with Model(GRAPH, "cpu", name="small") as model:
        other = model.save(tmp_path / "other")
    lab._view.header.upload.value = [uploaded(p.name, p.read_bytes()) for p in sorted(other.iterdir())]
    lab._model.wait()
    assert list(rows(lab)) == ["x"]
