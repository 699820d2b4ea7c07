"""Frames from folders, animations, films, cameras and iterators: order, errors, and that everything is given back."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from PIL import Image
from support.streams import exact, numbers, small

from tfjslab.base.errors import InputError, UsageError
from tfjslab.streaming import stream
from tfjslab.streaming.frame_source import END
from tfjslab.streaming.sources import source_of

SIZE = (6, 4)  # width and height


@pytest.fixture(autouse=True)
def _no_thread_left():
    yield
    assert [t.name for t in threading.enumerate() if t.name == "tfjslab-frames"] == []


def grey(level):
    return Image.new("RGB", SIZE, (level, level, level))


def four(frame):
    """A frame's level as the input of the small model."""
    return np.full((1, 4), np.asarray(frame).flat[0], np.float32)


def levels(source, count=99):
    """The first level of each frame that a source gives."""
    with source:
        found = []
        while len(found) < count and (frame := source.read()[1]) is not END:
            assert np.asarray(frame).shape == (SIZE[1], SIZE[0], 3)
            found.append(int(np.asarray(frame).flat[0]))
    return found


def test_a_folder_gives_its_pictures_in_the_order_of_the_numbers_in_their_names(tmp_path):
    for i in (2, 10, 1):
        grey(i).save(tmp_path / f"frame{i}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    assert levels(source_of(tmp_path)) == [1, 2, 10]
    assert levels(source_of(tmp_path, again=True), 5) == [1, 2, 10, 1, 2]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: no pictures; expected files that end in \.png"):
        source_of(tmp_path / "empty")


def test_passing_over_frames_does_not_decode_them(tmp_path):
    grey(1).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"damaged")
    grey(3).save(tmp_path / "c.png")
    with source_of(tmp_path) as source:
        assert source.read()[1].flat[0] == 1
        assert source.read(skip=1)[1].flat[0] == 3
        assert source.read() == (0, END)


def test_an_animation_gives_its_frames_and_its_rate(tmp_path):
    path = tmp_path / "a.gif"
    grey(0).save(path, save_all=True, append_images=[grey(80), grey(160)], duration=40)
    source = source_of(path)
    assert (levels(source), source.fps, source.length) == ([0, 80, 160], 25, 3)
    assert levels(source_of(path, again=True), 4) == [0, 80, 160, 0]


def test_a_film_gives_its_frames_and_its_rate(tmp_path, model):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    path = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for i in range(6):
        writer.write(np.full((48, 64, 3), (0, 0, 40 * i), np.uint8))  # OpenCV's order: only red
    writer.release()
    with source_of(path) as source:
        assert source.fps == pytest.approx(20)
        first, third = source.read()[1], source.read(skip=1)[1]
        assert third.shape == (48, 64, 3)
        assert np.abs(np.int32([first[0, 0, 0], *third[0, 0]]) - [0, 80, 0, 0]).max() < 12
        assert source.read(skip=1)[1] is not END
        assert source.read(skip=3) == (1, END), "what is passed over is counted"
    result = stream(model, path, count=8, drop=None, fps=500, preprocess=four).run()
    assert (result.done, result.settings.source) == (8, "film.avi")
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    with pytest.raises(InputError, match=r"broken\.mp4: cannot be opened as a film"):
        stream(model, tmp_path / "broken.mp4", fps=5).run()


class Camera:
    """What OpenCV's camera looks like; it never ends."""

    is_there = True

    def __init__(self, number):
        self.number, self.released, self.count = number, False, 0
        self.isOpened, self.get, self.grab = (lambda: Camera.is_there), (lambda _what: 0.0), (lambda: True)
        Camera.last = self

    def retrieve(self):
        """Another picture."""
        self.count += 1
        return True, np.full((4, 6, 3), self.count % 250, np.uint8)

    def release(self):
        """Nobody needs it any more."""
        self.released = True


def test_a_camera_has_its_own_rate_and_is_given_back(monkeypatch, model):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    frames = stream(model, "camera:0", preprocess=four)
    indices = []
    for frame in frames:
        indices.append(frame.index)
        if len(indices) == 5:
            break
    assert Camera.last.released
    assert indices == sorted(set(indices))
    result = frames.result
    assert (result.settings.fps, result.done, result.dropped) == (None, 5, indices[-1] - 4)
    assert [f.waiting_ms >= 0 and f.ready and f.decode_ms is None for f in result.frames] == [True] * 5
    with pytest.raises(UsageError, match="fps is 30, but camera:0 has a rate of its own; leave it out"):
        stream(model, 0, fps=30)
    with pytest.raises(UsageError, match="drop is None, but camera:0 is live"):
        stream(model, 0, drop=None)
    monkeypatch.setattr(Camera, "is_there", False)
    with pytest.raises(InputError, match="camera:0: cannot be opened as a camera or stream"):
        stream(model, 0).run()


def test_films_without_opencv_name_the_extra(monkeypatch, model):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UsageError) as caught:
        stream(model, "film.mp4")
    assert str(caught.value).startswith("film.mp4: films and cameras are read with OpenCV, which is missing; "
                                        "run pip install '.[video]'")
    assert caught.value.code == "usage.missing_extra"


def test_a_path_that_is_not_there_and_a_camera_without_a_number_are_named(model):
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    with pytest.raises(InputError, match=r"gone/: no such file or folder; expected pictures, a film, or camera:0"):
        stream(model, "gone/")
    with pytest.raises(UsageError, match=r"camera:x: expected camera: and a number, such as camera:0"):
        stream(model, "camera:x")


def test_an_iterator_is_read_ahead_on_another_thread_in_order(time, model):
    readers = set()

    def made():
        for array in numbers(40):
            readers.add(threading.current_thread().name)
            yield array

    frames = exact(time, made(), model, work_s=0.5, fps=64, drop=None)
    assert [int(f.frame[0]) for f in frames] == list(range(40))
    assert readers == {"tfjslab-frames"}
    assert all(f.decode_ms is not None for f in frames.result.frames)


def test_an_overloaded_iterator_loses_frames_and_never_the_last(model):
    result = stream(model, iter(numbers(60)), fps=1e9).run()  # all have come before the first one is done
    indices = [f.index for f in result.frames]
    assert indices == sorted(set(indices))
    assert (indices[-1], result.n) == (59, 60)
    assert 0 < result.dropped == 60 - result.done
    assert all(f.waiting_ms >= 0 for f in result.frames), "no frame is taken before it has come"


def test_a_source_that_is_too_slow_is_told_from_a_model_that_is(time, model):
    def slow():
        for array in numbers(5):
            time.now += 1.0
            yield array

    result = exact(time, slow(), model, work_s=0, fps=4, drop=None).run()
    assert result.behind >= 1
    assert "the source was too slow: " in str(result)
    assert result.parts_ms["decode"] == pytest.approx(1000)


def test_an_error_of_the_source_comes_after_the_frames_before_it(time, model):
    def broken():
        yield from numbers(3)
        message = "the cable is out"
        raise OSError(message)

    frames = exact(time, broken(), model, work_s=0, fps=64, drop=None)
    with pytest.raises(OSError, match="the cable is out"):
        frames.run()
    assert [f.index for f in frames.result.frames] == [0, 1, 2]
    with pytest.raises(InputError, match="there are no frames: frames of an iterator gave none"):
        stream(model, iter(()), fps=5).run()


def test_an_interrupt_gives_back_the_thread_and_the_model(tmp_path, model):
    for i in range(3):
        grey(i).save(tmp_path / f"{i}.png")
    opened = []

    def load(_backend, _threads):
        opened.append(small())
        return opened[-1]

    def interrupt(_y):
        raise KeyboardInterrupt

    frames = stream(load, tmp_path, fps=50, preprocess=four, postprocess=interrupt)
    with pytest.raises(KeyboardInterrupt):
        frames.run()
    assert frames.result.ended == "stopped"
    assert repr(opened[0]) == "Model(small, disposed)"
    assert repr(model) == "Model(small: x -> y)", "a model that was handed in stays"
