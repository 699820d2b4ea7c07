"""Does the cycles of one kind, and tells what the process holds in between. Started by ``soak.py``.

    soak_case.py KIND MODEL COUNT

It prints a line of JSON for each look: the one before anything was opened, about a hundred between cycles, and the one
after everything was closed; or one with ``not_run``, the reason why a kind cannot be done with the model.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from soak_cycles import KINDS, Kind

import tfjslab as tf
from tfjslab.base.errors import TfjslabError
from tfjslab.base.machine import process_memory_bytes
from tfjslab.engine.sessions import release_sessions

LOOKS = 100  # between cycles, so that the first tenth ends with one of them
_TASKS, _DESCRIPTORS = Path("/proc/self/task"), Path("/dev/fd")

Look = dict[str, Any]


def held() -> dict[str, int]:
    """What ``tf.memory()`` counts, by name, without what there is none of."""
    told = tf.memory()
    counts = {"num_tensors": told.num_tensors, "num_data_buffers": told.num_data_buffers, "num_bytes": told.num_bytes}
    counts |= {f"{backend} {name}": n for backend, found in told.backends.items() for name, n in found.items()}
    return {name: n for name, n in counts.items() if n}


def trim() -> None:
    """Let the C library give back the pages that nothing is on; what stays resident then is held by somebody."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if give_back is not None:
        give_back(0)


def entries(folder: Path) -> int | None:
    """How much a folder lists; None where there is no such folder."""
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else None


def widgets() -> dict[str, int]:
    """The widgets and their channels that are open, where something loaded them."""
    if "ipywidgets" not in sys.modules:
        return {}
    import comm  # noqa: PLC0415 - as above
    import ipywidgets  # noqa: PLC0415

    return {"widgets": len(ipywidgets.Widget.get_manager_state()["state"]),
            "comms": len(comm.get_comm_manager().comms)}


def look(cycle: int) -> Look:
    """What the process holds after so many cycles; garbage does not count."""
    gc.collect()
    trim()
    return {
        "cycle": cycle, "memory": held(), "resident": process_memory_bytes(), "blocks": sys.getallocatedblocks(),
        "descriptors": entries(_DESCRIPTORS), "counts": {
            "threads": entries(_TASKS) or threading.active_count(),
            "temporary files": entries(Path(tempfile.gettempdir())), **widgets(),
        },
    }


def marks(count: int) -> set[int]:
    """After which of ``count`` cycles to look: the first, and all of a few, or a hundred times in equal steps."""
    return {1, *(round(count * i / LOOKS) for i in range(1, LOOKS + 1))} - {0}


def soak(kind: Kind, model: str, count: int) -> Iterator[Look]:
    """Do the cycles; every look at what the process holds."""
    release_sessions()
    yield look(0)
    at = marks(count)
    with kind.open(model) as cycle:
        for i in range(1, count + 1):
            cycle()
            if i in at:
                yield look(i)
    release_sessions()  # cached plans of eager ops are no leak as long as they go when nothing needs them
    yield look(count)


def tell(found: Look) -> None:
    """Print a line at once."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main(say: Callable[[Look], None] = tell) -> None:
    """Soak, and tell each look."""
    name, model, count = sys.argv[1:]
    done = 0
    try:
        for found in soak(KINDS[name], model, int(count)):
            done = found["cycle"]
            if done <= 1:
                gc.freeze()  # modules are looked at by no collection that follows: that takes most of a look's time
            say(found)
    except TfjslabError as e:
        # Where not even one cycle ended, the model is nothing for this kind, or the machine has no such backend.
        say({"failed" if done else "not_run": str(e)})
    except Exception:  # noqa: BLE001 - told with the others
        say({"failed": traceback.format_exc()})


if __name__ == "__main__":
    main()
