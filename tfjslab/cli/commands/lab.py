"""``tfjslab lab``: JupyterLab on the notebooks."""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tfjslab import arguments as options
from tfjslab.base.errors import UsageError
from tfjslab.base.extras import install
from tfjslab.base.files import write_whole
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.resources import REPOSITORY, notebooks_root
from tfjslab.base.user_cache import documents_root
from tfjslab.cli.command import INTERRUPTED, OK, Command, Outcome

_LARGEST_PORT = 65535
_END_S = 5.0


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", metavar="DIR",
        help="work in this folder, into which the notebooks are copied; default: a folder among your documents, in a "
             "checkout its own notebooks",
    )
    parser.add_argument("--no-browser", action="store_true", help="only start the server, which prints its address")
    parser.add_argument("--port", metavar="N", type=options.positive, help="of the server; default: the first free one")
    parser.add_argument("--allow-root", action="store_true", help="start even for the user root, as in a container")


def _run(args: argparse.Namespace) -> Outcome:
    folder = prepare_folder(args.folder)
    command = launch_command(folder, args.port, browser=not args.no_browser, allow_root=args.allow_root)
    code = _run_server(command)
    if code not in (OK, INTERRUPTED):
        raise UsageError(f"JupyterLab ended with exit code {code}; it was started by {shlex.join(command)}")
    return Outcome({"folder": str(folder)}, lambda console: console.print(f"the notebooks are in {folder}"), code)


def _run_server(command: Sequence[str]) -> int:
    """The server's exit code. Ctrl-C is how one leaves it: it is told to end, with its kernels and files."""
    process = None
    try:
        with Uninterrupted():
            process = _started(command)
        return process.wait()
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        if process is not None:
            with Uninterrupted():
                _end(process)


def _started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """The server, which the terminal's Ctrl-C reaches too: until it listens for that it would print where it was."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # programs begin with what their parent ignores
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - it is made of checked parts
    finally:
        signal.signal(signal.SIGINT, before)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def prepare_folder(given: str | None) -> Path:
    """The folder to work in, with the notebooks in it. A notebook that is there already is the user's and stays.

    Raises UsageError when there are no notebooks, or the folder cannot be written.
    """
    source = notebooks_root()
    if given is None and source == REPOSITORY / "notebooks":
        return REPOSITORY / "notebooks"
    folder = Path(given).expanduser().resolve() if given else documents_root()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for notebook in source.iterdir():
            target = folder / notebook.name
            if notebook.name.endswith(".ipynb") and not target.exists():
                write_whole(target, notebook.read_bytes())
    except OSError as e:
        raise UsageError(f"{folder}: the notebooks cannot be copied there ({e.strerror})") from None
    return folder


def launch_command(folder: Path, port: int | None, *, browser: bool, allow_root: bool) -> list[str]:
    """The command that starts JupyterLab on a folder. UsageError when it is not installed, or the port cannot be."""
    if find_spec("jupyterlab") is None:
        raise UsageError(f"JupyterLab is not installed; {install('lab')}", code="install.lab")
    if port is not None and port > _LARGEST_PORT:
        raise UsageError(f"--port {port}: expected at most {_LARGEST_PORT}")
    # The interpreter that has tfjslab is the one whose kernel the notebooks need.
    return [
        sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}",
        *([f"--ServerApp.port={port}"] if port else []), *([] if browser else ["--no-browser"]),
        *(["--allow-root"] if allow_root else []),
    ]


COMMAND = Command(
    "lab", "Open JupyterLab on the notebooks.",
    ("tfjslab lab", "tfjslab lab --no-browser --port 8899", "tfjslab lab --folder my/notebooks"), _configure, _run,
)
