"""Firefox of the system, headless, driven over its own WebDriver BiDi socket: no driver program is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import closing, contextmanager
from itertools import count

import pytest

TIMEOUT_S = 180


class Firefox:
    """One tab."""

    def __init__(self, socket):
        self._socket, self._numbers = socket, count(1)
        self.version = self._ask("session.new", capabilities={})["capabilities"]["browserVersion"]
        self._tab = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def _ask(self, method, **params):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (reply := json.loads(self._socket.recv())).get("id") != number:
            pass  # events
        assert reply["type"] == "success", reply
        return reply["result"]

    def open(self, url):
        """Go to an address and wait until it is loaded."""
        self._ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression):
        """What an expression comes to, awaited, through JSON."""
        wrapped = f"(async () => JSON.stringify(await ({expression})))()"
        found = self._ask("script.evaluate", expression=wrapped, target={"context": self._tab}, awaitPromise=True)
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])


@contextmanager
def firefox(folder):
    """A tab of Firefox with a new profile in ``folder``; skips where there is none."""
    websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if program is None:
        pytest.skip("firefox is not installed")
    command = [program, "--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port=0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=os.environ | {"HOME": str(folder)}) as process:
        try:
            found = (re.search(r"WebDriver BiDi listening on (ws://\S+)", line) for line in process.stderr)
            address = next((m[1] for m in found if m), None)
            if address is None:
                pytest.skip("firefox did not start")
            opened = websocket.create_connection(f"{address}/session", timeout=TIMEOUT_S, suppress_origin=True)
            with closing(opened) as socket:
                yield Firefox(socket)
        finally:
            process.terminate()
            process.communicate()
