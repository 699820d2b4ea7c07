"""Films and cameras, read with OpenCV."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.extras import install
from tfjslab.streaming.frame_source import END

CAMERA = "camera:"
_LIVE = ("rtsp://", "rtp://", "udp://")
_REMOTE = ("http://", "https://")


class Video:
    """A film, an address of a stream, or ``camera:0``. Frames are RGB, uint8 [height, width, 3].

    It is opened in a ``with`` block, by the thread that reads it; before that only what it is called is checked.
    """

    held = False
    length: int | None = None  # what containers say of it is often wrong
    fps: float | None = None
    _capture: Any

    def __init__(self, text: str, *, again: bool) -> None:
        self._cv = _opencv(text)
        number = text.removeprefix(CAMERA)
        is_camera = text.startswith(CAMERA)
        if is_camera and not number.isdecimal():
            raise UsageError(f"{text}: expected camera: and a number, such as {CAMERA}0")
        self.live = is_camera or text.startswith(_LIVE)
        if not self.live and not text.startswith(_REMOTE) and not Path(text).is_file():
            raise InputError(f"{text}: no such file or folder; expected pictures, a film, or {CAMERA}0")
        self.name = text if self.live else Path(text).name
        self._text, self._where = text, int(number) if is_camera else text
        self._again = again and not self.live

    def read(self, skip: int = 0) -> tuple[int, Any]:
        """The next frame after ``skip`` others, which are not turned into pictures."""
        for passed in range(skip + 1):
            if not self._grab():
                return passed, END
        done, frame = self._capture.retrieve()
        return skip + 1, self._cv.cvtColor(frame, self._cv.COLOR_BGR2RGB) if done else END

    def _grab(self) -> bool:
        """Go on to the next frame; whether there is one."""
        if self._capture.grab():
            return True
        if not self._again:
            return False
        self._capture.set(self._cv.CAP_PROP_POS_FRAMES, 0)
        return bool(self._capture.grab())

    def __enter__(self) -> Self:
        self._capture = self._cv.VideoCapture(self._where)
        if not self._capture.isOpened():
            self._capture.release()
            raise InputError(f"{self._text}: cannot be opened as a {'camera or stream' if self.live else 'film'}")
        told = self._capture.get(self._cv.CAP_PROP_FPS)
        self.fps = told if math.isfinite(told) and told > 0 else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._capture.release()


def _opencv(text: str) -> Any:
    """The module; UsageError says how to get it."""
    try:
        import cv2  # noqa: PLC0415 - see above
    except ImportError:
        raise UsageError(f"{text}: films and cameras are read with OpenCV, which is missing; {install('video')}",
                         code="usage.missing_extra") from None
    return cv2
