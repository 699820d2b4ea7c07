"""What goes wrong on a device as typed errors, and guards for what wgpu answers by ending the process.

wgpu-native panics, and the process with it, when a submission fails its last checks: a device that is lost, a buffer
that is still mapped or was destroyed, a query set that was destroyed. ``Device`` is written so that none of these can
reach it: a recording is finished, which tells of a lost device as an error, right before it is submitted; buffers and
query sets are never destroyed but let go of, and live on for as long as anything recorded needs them; a buffer whose
mapping did not end well is not used again. Its WGSL parser overflows the stack on expressions that are nested deeply.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import wgpu

from tfjslab.base.errors import DEVICE_LOST, FORKED, BackendError, BackendUnavailableError

_MOST_NESTED = 512  # parentheses, brackets and braces; the parser fell over at some thousands


def _worth_logging(record: logging.LogRecord) -> bool:
    """Whether wgpu's log line is news: a device that is given back is reported as lost, one that is lost raises."""
    text = record.getMessage()
    return "DEVICE LOST" not in text and "device was lost" not in text


logging.getLogger("wgpu").addFilter(_worth_logging)


_PROCESS = os.getpid()  # that loaded wgpu, and with it drivers, which have threads


def check_process(what: str) -> None:
    """BackendUnavailableError (``backend.forked``) in a fork of the process that loaded wgpu: calls may hang."""
    if os.getpid() != _PROCESS:
        raise BackendUnavailableError(
            f"{what}: process {_PROCESS}, of which this one is a fork, has loaded the drivers of the GPU, and those do "
            "not work on in a fork; let multiprocessing 'spawn' processes, or fork before a GPU backend is asked about",
            code=FORKED,
        )


@contextmanager
def typed_errors(what: str, code: str = "backend.failed", on_lost: Callable[[], Any] = lambda: None) -> Iterator[None]:
    """Errors of wgpu as BackendError with a code that tells what may be done about it.

    ``code`` is for what has no code of its own; ``on_lost`` is called when the device turns out to be lost.
    """
    check_process(what)
    try:
        yield
    except wgpu.GPUOutOfMemoryError as e:
        raise BackendError(f"{what}: the adapter is out of memory", code="backend.out_of_memory") from e
    except (wgpu.GPUError, RuntimeError) as e:
        text = " ".join(str(e).split())
        if "lost" in text.lower() or "destroyed" in text.lower():
            on_lost()
            raise BackendError(f"{what}: the device was lost", code=DEVICE_LOST) from e
        raise BackendError(f"{what}: {text[:400]}", code=code) from e


def check_nesting(code: str, what: str) -> None:
    """BackendError (``backend.shader``) for a shader that the parser may not survive."""
    depth = deepest = 0
    for c in code:
        if c in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in ")]}":
            depth -= 1
    if deepest > _MOST_NESTED:
        raise BackendError(
            f"{what}: expressions are nested {deepest} deep; at most {_MOST_NESTED} are handed to the compiler",
            code="backend.shader",
        )
