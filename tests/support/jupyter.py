"""JupyterLab as people have it, on loopback, for tests that look at notebooks in a browser."""

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
START_S, STEP_MS = 60, 60_000  # on a machine that has other things to do


def free_port():
    with closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(url):
    """Whether the server is up."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 - our own loopback address
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def jupyter_lab(root):
    """JupyterLab on the folder ``root``, without the user's settings; gives a function from a file to its address."""
    port, token = free_port(), secrets.token_hex(16)
    quiet = root / ".jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    env = os.environ | {
        name: str(root / f".{name.lower()}")
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
    }
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(REPO), os.environ.get("PYTHONPATH")]))
    command_line = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
    ]
    log = root / ".server.log"
    with log.open("w") as out, subprocess.Popen(command_line, env=env, stdout=out, stderr=out) as process:
        try:
            deadline = time.monotonic() + START_S
            while not answers(f"http://127.0.0.1:{port}/api?token={token}"):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
            yield lambda name: f"http://127.0.0.1:{port}/lab/tree/{name}?token={token}"
        finally:
            process.terminate()


def write_notebook(path, *cells):
    """A notebook of code cells."""
    made = [{"cell_type": "code", "id": f"c{i}", "source": source, "metadata": {}, "outputs": [],
             "execution_count": None} for i, source in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.write_text(json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}))


def command(page, name, **arguments):
    """Run a command of JupyterLab."""
    page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, arguments])


def open_notebook(page, address):
    """Open a notebook, wait for its kernel, and run its first cell."""
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=STEP_MS)
    page.wait_for_function(
        """async () => { const context = window.jupyterapp.shell.currentWidget?.sessionContext;
        await context?.ready; const kernel = context?.session?.kernel;
        await kernel?.info; return kernel?.connectionStatus === 'connected' && kernel.status === 'idle'; }""",
        timeout=STEP_MS,
    )
    page.locator(".jp-CodeCell .cm-content").first.click()
    command(page, "notebook:run-cell")


def use_theme(page, theme):
    """Switch to ``JupyterLab Light`` or ``JupyterLab Dark``."""
    command(page, "apputils:change-theme", theme=theme)
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg=str(theme.endswith("Light")).lower())
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=STEP_MS)
