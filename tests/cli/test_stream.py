"""``tfjslab stream``: what it prints and writes, how it ends, and what it refuses."""

import json

import numpy as np
import pytest
from PIL import Image

from tfjslab.cli.app import main
from tfjslab.model.model import Model


@pytest.fixture
def frames(tmp_path):
    """A folder of three pictures."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(3):
        Image.fromarray(np.full((16, 16), 80 * i, np.uint8)).save(folder / f"{i}.png")
    return str(folder)


def test_it_goes_through_the_frames_and_tells_what_they_took(frames, tmp_path, capsys):
    target = tmp_path / "stream.json"
    argv = ["stream", "digits", frames, "--fps", "500", "--frames", "20", "--drop", "none", "--budget-ms", "60000",
            "-b", "cpu", "--json", str(target)]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert "digits on cpu, 3 pictures of frames at 500 frames/s" in shown
    assert "done  20 of 20" in shown
    assert "waiting to be taken up" in shown
    told = json.loads(target.read_text())
    assert (told["n"], told["done"], told["dropped"], told["late"], told["drop"]) == (20, 20, 0, 0, None)
    assert told["prepared"] == "frames stretched to 8 x 8, 0 to 255 become 0 to 1"
    assert set(told["parts_ms"]) == {"waiting", "preprocess", "model", "postprocess", "decode", "outside"}


def test_range_crop_and_order_say_how_frames_become_the_input(frames, capsys):
    argv = ["stream", "digits", frames, "--fps", "500", "-b", "cpu", "--json", "-"]
    assert main([*argv, "--range=-1,1", "--crop"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["prepared"] == "frames the middle cropped to 8 x 8, 0 to 255 become -1 to 1"
    assert main([*argv, "--crop"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["prepared"] == "frames the middle cropped to 8 x 8, 0 to 255 become 0 to 1"


def test_ctrl_c_tells_what_there_was_until_then(frames, monkeypatch, capsys):
    predict, calls = Model.predict, []

    def interrupted(model, x):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return predict(model, x)

    monkeypatch.setattr(Model, "predict", interrupted)
    argv = ["stream", "digits", frames, "--fps", "500", "--frames", "20", "--drop", "none", "-b", "cpu", "--json", "-"]
    assert main(argv) == 130
    told = json.loads(capsys.readouterr().out)
    assert (told["ended"], told["done"]) == ("stopped", 4)  # three warmed up, and the eighth ended it


@pytest.mark.parametrize(("options", "code", "said"), [
    (["gone"], 3, "gone: no such file or folder; expected pictures, a film, or camera:0"),
    (["FRAMES"], 2, "have no rate of their own; give fps, frames a second"),
    (["FRAMES", "--fps", "0"], 2, "argument --fps: '0' is not a number above 0"),
    (["FRAMES", "--fps", "5", "--range", "1"], 2, "--range 1: expected two numbers, the smaller first"),
])
def test_what_cannot_be_streamed_is_refused(frames, capsys, options, code, said):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    argv = [frames if o == "FRAMES" else o for o in options]
    assert main(["stream", "digits", *argv, "-b", "cpu"]) == code
    assert said in capsys.readouterr().err
