"""``tfjslab`` and ``python -m tfjslab``: the command line as a process, which Ctrl-C may end at any moment."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

_STDERR, _INTERRUPTED = 2, 130


def program() -> NoReturn:
    """Run the command line and end the process. Ctrl-C gives 130 and one line, from here to the end."""
    hears = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # the background jobs of a shell do not
    if hears:
        signal.signal(signal.SIGINT, _end)  # while packages are loaded, there is nothing to give back
    from tfjslab.base.interrupts import Presses  # noqa: PLC0415 - see above
    from tfjslab.cli.app import main  # noqa: PLC0415

    try:
        if hears:
            presses = Presses()
            sys.unraisablehook = presses.again
            signal.signal(signal.SIGINT, presses)
        code = main()
    except KeyboardInterrupt:  # before `main` takes care of it, or while it does
        sys.stderr.write("tfjslab: interrupted\n")
        code = _INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done
    _leave(code)


def _end(_number: int, _frame: FrameType | None) -> None:
    os.write(_STDERR, b"tfjslab: interrupted\n")
    os._exit(_INTERRUPTED)


def _leave(code: int) -> NoReturn:
    """End now: everything is given back, and to free each object first would take a third of a second."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()  # noqa: SLF001 - Python's own last step has no public name
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    program()
