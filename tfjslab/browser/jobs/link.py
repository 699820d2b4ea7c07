"""A link that any device can open: its browser then measures what the lab asks for."""

from __future__ import annotations

import io
import threading
import time
from contextlib import ExitStack

import segno

from tfjslab.base.closing import Closing
from tfjslab.base.messages import escaped
from tfjslab.base.threads import start_thread
from tfjslab.browser.jobs.session import LOOPBACK, DeviceSession, device_session

IDLE_S = 1800.0


class DeviceLink(Closing):
    """An open server with the address of its page; close it, or use it as a context manager.

    It ends by itself when for ``idle_s`` seconds no page has asked for anything and no job ran. Show it in a notebook
    to see the address and its QR code.
    """

    def __init__(self, host: str = LOOPBACK, port: int = 0, idle_s: float = IDLE_S) -> None:
        self._stack = ExitStack()
        self.session: DeviceSession = self._stack.enter_context(device_session(host, port))
        self.session.connect_s = idle_s
        self._closed = threading.Event()
        self._began = time.monotonic()
        self._watch = threading.Thread(target=self._end_when_idle, args=(idle_s,), name="tfjslab-link", daemon=True)
        try:
            start_thread(self._watch)
        except BaseException:
            self._stack.close()
            raise

    @property
    def url(self) -> str:
        """The address, with its token: whoever has it can send results."""
        return self.session.url

    @property
    def is_open(self) -> bool:
        """Whether the server still listens."""
        return not self._closed.is_set()

    def close(self) -> None:
        """End the server. A second time does nothing."""
        if not self._closed.is_set():
            self._closed.set()
            self._stack.close()
        if threading.current_thread() is not self._watch:
            self._watch.join()

    def qr_text(self) -> str:
        """The QR code of the address for a terminal."""
        out = io.StringIO()
        segno.make(self.url).terminal(out=out, compact=True)
        return out.getvalue()

    def _end_when_idle(self, idle_s: float) -> None:
        while not self._closed.wait(min(idle_s, 1.0)):
            last = max(self._began, self.session.site.seen)
            if not self.session.busy and time.monotonic() - last > idle_s:
                self.close()

    def __repr__(self) -> str:
        return f"DeviceLink({self.url}{'' if self.is_open else ', closed'})"

    def _repr_html_(self) -> str:
        """The address as a link, and its QR code."""
        shown = escaped(self.url)
        code = segno.make(self.url).svg_inline(scale=4, light="white")
        return f'<div><p>Open on the device: <a href="{shown}" target="_blank">{shown}</a></p>{code}</div>'


def serve(host: str = LOOPBACK, port: int = 0, *, idle_s: float = IDLE_S) -> DeviceLink:
    """Serve the lab's page, for a device to open; give the result's ``session`` to ``tf.browser.bench``.

    Args:
        host: ``127.0.0.1`` is this machine alone; ``0.0.0.0`` is every network that it is in, which a phone needs.
        port: 0 takes a free one.
        idle_s: seconds after which it ends when no page asks for anything.

    Browsers allow threads and WebGPU on secure pages only: on this machine, or behind https.
    Raises UsageError where nothing can listen.

    """
    return DeviceLink(host, port, idle_s)
