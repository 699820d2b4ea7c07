"""Another program that measures, driven line by line so that its runs can alternate with ours.

The program answers each line of JSON on its stdin with one line of JSON on its stdout. It is a child of this process
and never outlives the ``with`` block it was started in. Every wait for it has a timeout.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import IO, Any

from tfjslab.base.closing import Closing
from tfjslab.base.errors import TfjslabError
from tfjslab.base.files import scratch_folder
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.threads import start_thread

_STDERR_LINES = 3  # the end of its output: enough for an error with its place, short enough for one line
_LINE_CHARACTERS = 200
REFUSED = "peer.refused"  # it could not do that, and goes on


class PeerError(TfjslabError):
    """The other program refused, died, did not answer in time, or sent what is no JSON."""

    default_code = "peer.failed"
    exit_code = 4


class Peer(Closing):
    """A started program. ``hello`` is its first line, which it must send within ``timeout_s`` of being started.

    Raises PeerError, with the end of the program's stderr where it has any, and stops the program.
    """

    def __init__(self, command: Sequence[str], name: str, timeout_s: float) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._held = ExitStack()
        try:
            # A file and not a pipe: it need not be read while the program runs, and it cannot fill up.
            self._stderr = tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace")  # noqa: SIM115
            self._held.callback(self._stderr.close)
            # What it leaves behind when it is killed goes with this folder.
            folder = str(self._held.enter_context(scratch_folder("tfjslab-peer-")))
            with Uninterrupted():
                self._start(command, dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder))
            self.hello = self._answer("to start", timeout_s)
        except BaseException:
            self.close()
            raise

    def _start(self, command: Sequence[str], temporary: Mapping[str, str]) -> None:
        """The program, and the thread that reads what it writes."""
        try:
            # A session of its own: Ctrl-C reaches this process alone, which then ends the program in good order.
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, encoding="utf-8",
                errors="replace", start_new_session=True, env={**os.environ, **temporary},
            )
        except OSError as e:
            raise PeerError(f"{self.name} cannot be started: {e.strerror or e}") from None
        self._reader = threading.Thread(target=self._read, name=f"tfjslab-peer-{self.name}", daemon=True)
        self._held.callback(self._end)
        start_thread(self._reader)

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    def ask(self, command: str, *, timeout_s: float | None = None, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer, at most ``timeout_s`` (else the one given at the start)."""
        line = json.dumps({"command": command, **arguments}, allow_nan=False)
        stdin = self._pipe(self._process.stdin)
        try:
            stdin.write(f"{line}\n")
            stdin.flush()
        except (OSError, ValueError):  # it has ended; its last output says why
            raise self._failure(f"ended when asked to {command}") from None
        return self._answer(f"to {command}", timeout_s or self._timeout_s)

    def close(self) -> None:
        """End the program and its reader. A second call does nothing."""
        with Uninterrupted():
            self._held.close()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._reader.ident is not None:  # None: it could not be started
            self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                self._pipe(pipe).close()
            except OSError:  # unsent data; the program is gone
                continue

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        if pipe is None:
            raise PeerError("the program was started without pipes")
        return pipe

    def _read(self) -> None:
        for line in self._pipe(self._process.stdout):
            self._lines.put(line)
        self._lines.put(None)

    def _answer(self, what: str, timeout_s: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise self._failure(f"did not answer within {timeout_s:g} s when asked {what}") from None
        if line is None:
            raise self._failure(f"ended when asked {what}")
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._failure(f"answered {line.strip()[:_LINE_CHARACTERS]!r} when asked {what}; expected JSON")
        if "error" in found:
            raise PeerError(f"{self.name} refused {what}: {found['error']}", code=REFUSED)
        return found

    def _failure(self, what: str) -> PeerError:
        """The error for a program that can be used no more: it is stopped, and its last output is quoted."""
        self._process.kill()
        code = self._process.wait()
        self._stderr.seek(0)
        said = [line.strip()[:_LINE_CHARACTERS] for line in self._stderr if line.strip()][-_STDERR_LINES:]
        output = f"; it said: {' / '.join(said)}" if said else f"; it said nothing (exit status {code})"
        return PeerError(f"{self.name} {what}{output}")
