"""The tab Export: the model that is chosen, as the switches make it, leaves as a web module."""

from __future__ import annotations

import gzip
import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from support.lab import GRAPH

from tfjslab import zoo
from tfjslab.base.errors import UsageError
from tfjslab.export.web.picture import Picture
from tfjslab.lab.dashboard import Lab
from tfjslab.lab.session import RunSettings
from tfjslab.lab.web_job import INPUTS, WebJob
from tfjslab.model import Model
from tfjslab.passes.registry import PASSES

DIGITS = RunSettings("digits", "cpu")


def export(folder, settings=DIGITS, **options):
    """Write a module; what was published on the way, and the job."""
    seen = []
    job = WebJob(settings, folder, options.pop("image", None), seen.append, **options)
    job.start()
    assert job.wait(60)
    return seen, job


def table_of(folder):
    """The table of the loader."""
    line = next(x for x in (folder / "model.js").read_text().splitlines() if x.startswith("export const MODEL = "))
    return json.loads(line.removeprefix("export const MODEL = ").removesuffix(";"))


def test_it_writes_the_model_and_tells_every_step(tmp_path):
    seen, job = export(tmp_path / "web", image=INPUTS["image, 0 to 1"])
    assert {s.phase for s in seen[:-1]} == {"exporting"}
    assert seen[0].text == "loading digits"
    assert "choosing kernels for simd" in [s.text for s in seen]
    last, folder = seen[-1], tmp_path / "web"
    assert (last.phase, last.busy) == ("written", False)
    assert last.text == f"wrote {len(list(folder.iterdir()))} files to {folder}"
    assert job.written.rewrite is None
    assert set(job.written.gzipped) == {p.name for p in folder.iterdir()}
    assert job.written.gzipped["model.js"] == len(gzip.compress((folder / "model.js").read_bytes(), 9, mtime=0))
    assert table_of(folder)["inputs"][0]["picture"] is True


def test_the_switches_decide_what_is_written(tmp_path):
    _, plain = export(tmp_path / "plain")
    _, fused = export(tmp_path / "fused", replace(DIGITS, passes=tuple(PASSES)))
    _, small = export(tmp_path / "small", replace(DIGITS, passes=tuple(PASSES), quantize="float16"))
    seen, whole = export(tmp_path / "int8", replace(DIGITS, passes=tuple(PASSES), quantize="int8"))
    weights = [job.written.export.files["weights.bin"] for job in (fused, small, whole)]
    assert weights == sorted(weights, reverse=True)
    assert weights[1] < 0.6 * weights[0]
    assert weights[2] < 0.5 * weights[0]
    assert fused.written.export.files["kernels.json"] < plain.written.export.files["kernels.json"]
    assert fused.written.rewrite.summary[0].startswith("18 -> 10 nodes")
    assert "quantizing to int8" in [s.text for s in seen]


def test_the_batch_is_that_of_the_settings(tmp_path):
    export(tmp_path / "web", replace(DIGITS, batch=3))
    assert table_of(tmp_path / "web")["inputs"][0]["shape"] == [3, 8, 8, 1]


def test_int8_takes_its_ranges_from_the_data_that_were_given(tmp_path):
    data = np.random.default_rng(1).uniform(0, 1, (5, 8, 8, 1)).astype(np.float32)
    _, job = export(tmp_path / "web", replace(DIGITS, quantize="int8"), calibration=data)
    assert job.written.rewrite.data == "errors on 5 samples of the data that were given"


def test_what_cannot_be_written_is_told_and_nothing_is_left(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    seen, job = export(tmp_path / "mine")
    assert (seen[-1].phase, job.written) == ("failed", None)
    assert "choose another folder" in seen[-1].message
    seen, _ = export(tmp_path / "web", replace(DIGITS, batch=0))
    assert seen[-1].message == "batch is 0; expected an integer >= 1"
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("step", ["loading digits", "comparing outputs", "choosing kernels for relaxed"])
def test_stop_ends_it_between_steps_and_writes_nothing(tmp_path, step):
    seen = []

    def publish(snapshot):
        seen.append(snapshot)
        if snapshot.message == step:
            job._stop.set()

    job = WebJob(replace(DIGITS, passes=("padding",)), tmp_path / "web", None, publish)
    job.start()
    assert job.wait(60)
    assert seen[-1].phase == "stopped"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def lab(no_widgets_left):
    with Model(GRAPH, "cpu", name="small") as model, Lab(model, "cpu") as made:
        yield made


def tab(lab):
    return lab._view.web


@pytest.mark.usefixtures("no_widgets_left")
def test_the_button_writes_and_shows_what_is_in_the_folder(lab, tmp_path):
    tab(lab).folder.value = str(tmp_path / "web")
    tab(lab).export.click()
    assert lab.wait(60)
    assert (tmp_path / "web" / "index.html").is_file()
    told = tab(lab).told.value
    for wanted in ("3 variants: plain, simd, relaxed", "the model as it was loaded", "weights.bin", "http.server"):
        assert wanted in told
    header = lab._view.header
    assert 'data-phase="written"' in header.progress.value
    assert (tab(lab).export.disabled, header.run.disabled, header.stop.disabled) == (False, False, True)


@pytest.mark.usefixtures("no_widgets_left")
def test_errors_are_told_in_the_tab_or_below_the_header(lab, tmp_path):
    tab(lab).folder.value = " "
    tab(lab).export.click()
    assert "no folder is given" in lab._view.message.value
    lab.export_web(tmp_path / "web", Picture(), wait=True)
    assert "a picture needs [1, height, width, channels]" in tab(lab).told.value
    assert not (tmp_path / "web").exists()


@pytest.mark.usefixtures("no_widgets_left")
def test_a_run_and_an_export_exclude_each_other_and_closing_ends_both(tmp_path):
    gate, inside = threading.Event(), threading.Event()

    class Slow(Model):
        """A model that waits when it is asked for its inputs."""

        @property
        def inputs(self):
            """Wait, then tell them."""
            inside.set()
            assert gate.wait(30)
            return super().inputs

    with Slow(GRAPH, "cpu", name="slow") as model, Lab(model, "cpu") as lab:
        lab._model._own = {"slow": lambda _backend, _threads: model}
        lab.export_web(tmp_path / "web")
        assert inside.wait(30)
        with pytest.raises(UsageError, match="a web module is being written"):
            lab.run()
        with pytest.raises(UsageError, match="a web module is being written"):
            lab.export_web(tmp_path / "other")
        header = lab._view.header
        assert (tab(lab).export.disabled, header.run.disabled, header.stop.disabled) == (True, True, False)
        header.stop.click()
        assert 'data-phase="stopping"' in header.progress.value
        gate.set()
    assert list(tmp_path.iterdir()) == []


def test_zoo_models_load_in_the_background(tmp_path, no_widgets_left):
    with Lab("digits", "cpu") as lab:
        lab.export_web(tmp_path / "web", wait=True)
    assert zoo.ENTRIES["digits"].name in (tmp_path / "web" / "README.md").read_text()
