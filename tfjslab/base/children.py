"""Programs that this one starts, and that never outlive it: Ctrl-C comes here alone, and they are ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tfjslab.base.interrupts import Uninterrupted


@contextmanager
def child(
    command: Sequence[str], *, piped: bool = True, env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A program that runs while the block runs; at its end it and all that it has started is killed.

    ``piped``: its input and its outputs are pipes of UTF-8, else nothing. OSError where it cannot be started.
    """
    pipe = subprocess.PIPE if piped else subprocess.DEVNULL
    process = None
    try:
        with Uninterrupted():
            process = subprocess.Popen(  # noqa: S603 - commands are ours
                command, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8", errors="replace", env=env,
                start_new_session=True,  # so that Ctrl-C does not reach it
            )
        yield process
    finally:
        if process is not None:
            with Uninterrupted():
                _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()


def run_child(
    command: Sequence[str], *, stdin: str = "", timeout_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with what it wrote. OSError where it cannot be started, subprocess.TimeoutExpired."""
    with child(command) as process:
        out, err = process.communicate(stdin, timeout_s)
    return subprocess.CompletedProcess(command, process.returncode, out, err)
