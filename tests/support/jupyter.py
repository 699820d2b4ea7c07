"""JupyterLab on loopback, with one notebook and no settings of the user's."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

REPO = Path(__file__).parents[2]
START_S = 60  # on a machine that has other things to do
NAME = "book.ipynb"


def _free_port():
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _answers(url):
    """Whether the server is up."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - our own loopback address
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _write(root, code):
    """A notebook with one cell, and settings that ask nobody for news."""
    cell = {"cell_type": "code", "id": "only", "metadata": {}, "execution_count": None, "outputs": [], "source": code}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (root / NAME).write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    quiet = root / ".jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')


@contextmanager
def notebook(root, code):
    """The address of a notebook with this code; the server ends with the block."""
    _write(root, code)
    port, token = _free_port(), secrets.token_hex(16)
    names = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    env = os.environ | {name: str(root / f".{name.lower()}") for name in names}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")]))
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
    ]
    log = root / ".server.log"
    with log.open("w") as out, subprocess.Popen(command, env=env, stdout=out, stderr=out) as process:
        try:
            deadline = time.monotonic() + START_S
            while not _answers(f"http://127.0.0.1:{port}/api?token={token}"):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
            yield f"http://127.0.0.1:{port}/lab/tree/{NAME}?token={token}"
        finally:
            process.terminate()


def lab_command(page, name, **arguments):
    """Run one of JupyterLab's own commands."""
    page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments])


def run_cell(page, address, timeout_ms):
    """Open the notebook, wait for its kernel, and run the cell."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=timeout_ms)
    page.wait_for_function(
        """async () => { const context = window.jupyterapp.shell.currentWidget?.sessionContext;
        await context?.ready; const kernel = context?.session?.kernel;
        await kernel?.info; return kernel?.connectionStatus === 'connected' && kernel.status === 'idle'; }""",
        timeout=timeout_ms,
    )
    page.locator(".jp-CodeCell .cm-content").first.click()
    lab_command(page, "notebook:run-cell")
