"""Where frames come from: a folder, an animation, a film, a camera, arrays in memory, or anything that iterates."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.text import counted
from tfjslab.model.pictures import SUFFIXES, opened, page
from tfjslab.streaming.frame_source import END, FrameSource

PAGED = (".gif", ".webp", ".apng", ".png", ".tif", ".tiff")  # files of Pillow's that may hold several frames
_NUMBER = re.compile(r"(\d+)")
_STACK = (3, 4)  # frames along the first axis: grey ones, or with channels


class RecordedFrames:
    """What the sources share that have their frames already. With ``again`` the first frame follows the last one."""

    fps: float | None = None
    live, held = False, False

    def __init__(self, name: str, length: int, *, again: bool) -> None:
        self.name, self.length = name, None if again else length
        self._count, self._at, self._again = length, 0, again

    def read(self, skip: int = 0) -> tuple[int, Any]:
        """The next frame after ``skip`` others, which are not even decoded."""
        index = self._at + skip
        if index >= self._count and not self._again:
            return 0, END
        self._at = index + 1
        return skip + 1, self.frame(index % self._count)

    def frame(self, index: int) -> Any:
        """The frame of that number."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        """Nothing is held open."""


class Arrays(RecordedFrames):
    """Arrays in memory."""

    held = True

    def __init__(self, arrays: Sequence[Any], *, again: bool) -> None:
        super().__init__(f"{counted(len(arrays), 'array')} in memory", len(arrays), again=again)
        self._arrays = arrays

    def frame(self, index: int) -> Any:
        """One of them, as it is."""
        return self._arrays[index]


class Listed(RecordedFrames):
    """A list of anything else, such as PIL images, which may read their pixels late."""

    def __init__(self, frames: Sequence[Any], *, again: bool) -> None:
        super().__init__(counted(len(frames), "frame"), len(frames), again=again)
        self._frames = frames

    def frame(self, index: int) -> Any:
        """One of them, with its pixels read."""
        return _loaded(self._frames[index])


class Folder(RecordedFrames):
    """The pictures of a folder, in the order of their names; numbers in them count as numbers."""

    def __init__(self, folder: Path, *, again: bool) -> None:
        found = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES]
        if not found:
            raise InputError(f"{folder}: no pictures; expected files that end in {', '.join(SUFFIXES)}")
        super().__init__(f"{counted(len(found), 'picture')} of {folder.name}", len(found), again=again)
        self._paths = sorted(found, key=_natural)

    def frame(self, index: int) -> Any:
        """A picture, decoded."""
        with opened(self._paths[index]) as image:
            return np.asarray(image.convert("RGB"))


class Animation(RecordedFrames):
    """The frames of an animated picture or the pages of a file of several."""

    def __init__(self, path: Path, *, again: bool) -> None:
        self._path = path
        self._held = opened(path)
        with opened(path) as image:
            count, duration = getattr(image, "n_frames", 1), image.info.get("duration")
        super().__init__(f"{counted(count, 'frame')} of {path.name}", count, again=again)
        self.fps = 1e3 / duration if duration else None

    def frame(self, index: int) -> Any:
        """A frame, decoded with those before it that it builds on."""
        return page(self._image, index, self._path)

    def __enter__(self) -> Self:
        self._image = self._held.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._held.__exit__(None, None, None)


class Iterated:
    """Whatever an iterator gives. It is asked on a thread of its own; frames that are passed over are made, too."""

    fps: float | None = None
    length: int | None = None
    live, held = False, False

    def __init__(self, frames: Iterable[Any]) -> None:
        self.name = "frames of an iterator"
        self._frames: Iterator[Any] = iter(frames)

    def read(self, skip: int = 0) -> tuple[int, Any]:
        """The next frame after ``skip`` others, or the last one where there are not so many."""
        found: Any = END
        for done in range(skip + 1):
            one = next(self._frames, END)
            if one is END:
                return done, found if found is END else _loaded(found)
            found = one
        return skip + 1, _loaded(found)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        """The iterator is the caller's."""


def source_of(frames: Any, *, again: bool = False) -> FrameSource:
    """What ``tf.stream`` was given as a source; ``again`` lets one that can begin anew follow its last frame.

    Raises InputError for files that are missing or no frames, and UsageError for what gives no frames.
    """
    if isinstance(frames, (str, os.PathLike)):
        return _of_path(os.fspath(frames), again=again)
    if isinstance(frames, int) and not isinstance(frames, bool):
        return _video(f"camera:{frames}", again=again)
    if isinstance(frames, np.ndarray) and frames.ndim in _STACK:
        frames = list(frames)
    if isinstance(frames, np.ndarray) or not isinstance(frames, Iterable) or hasattr(frames, "convert"):
        what = f"an array of shape {list(frames.shape)}" if isinstance(frames, np.ndarray) else type(frames).__name__
        raise UsageError(f"frames are {what}; expected a folder, a file, a camera, or several frames: a list, an array "
                         "[frames, height, width] or [frames, height, width, channels], or an iterator")
    if not isinstance(frames, Sequence):
        return Iterated(frames)
    if not frames:
        raise InputError("there are no frames: the list is empty")
    return (Arrays if all(isinstance(f, np.ndarray) for f in frames) else Listed)(frames, again=again)


def _of_path(text: str, *, again: bool) -> FrameSource:
    path = Path(text)
    if path.is_dir():
        return Folder(path, again=again)
    if path.is_file() and path.suffix.lower() in {*SUFFIXES, *PAGED}:
        return Animation(path, again=again)
    return _video(text, again=again)


def _video(text: str, *, again: bool) -> FrameSource:
    from tfjslab.streaming.video import Video  # noqa: PLC0415 - OpenCV is an extra, which only films and cameras need

    return Video(text, again=again)


def _natural(path: Path) -> list[Any]:
    """A key that sorts ``frame2`` before ``frame10``."""
    return [int(part) if part.isdecimal() else part for part in _NUMBER.split(path.name)]


def _loaded(frame: Any) -> Any:
    """The frame; the pixels of a PIL image are read here, on the thread that reads."""
    if hasattr(frame, "convert") and hasattr(frame, "load"):
        frame.load()
    return frame
