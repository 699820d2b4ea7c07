"""``tfjslab`` and ``python -m tfjslab``: the command line as a process, which Ctrl-C may end at any moment."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

_STDERR, _INTERRUPTED = 2, 130


def program() -> int:
    """Run the command line; its exit code. Ctrl-C gives 130 and one line, from here to the end of the process."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # a shell's background job hears none
        from tfjslab.cli.app import main  # noqa: PLC0415 - see below

        return main()
    signal.signal(signal.SIGINT, _end)  # while packages are loaded, there is nothing to give back
    from tfjslab.base.interrupts import Presses  # noqa: PLC0415
    from tfjslab.cli.app import main  # noqa: PLC0415

    try:
        signal.signal(signal.SIGINT, Presses())
        return main()
    except KeyboardInterrupt:  # before `main` takes care of it, or while it does
        sys.stderr.write("tfjslab: interrupted\n")
        return _INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is to give back what is held


def _end(_number: int, _frame: FrameType | None) -> None:
    os.write(_STDERR, b"tfjslab: interrupted\n")
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(program())
