"""What machine this is: shown with every figure, and part of the keys of what was measured on it."""

from __future__ import annotations

import importlib
import os
import platform
from functools import lru_cache
from pathlib import Path

_SPARE = 0.5  # of a core: what a system does besides
# What tells processors of one name apart, such as those behind a hypervisor.
_IDENTITY = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU part")


@lru_cache(maxsize=1)
def cpu_model() -> str:
    """The processor's name, as well as the system tells it."""
    return _cpu_lines().get("model name") or platform.processor() or platform.machine()


@lru_cache(maxsize=1)
def cpu_identity() -> str:
    """Everything that is known of the processor's kind, as text: a key, not for people."""
    lines = _cpu_lines()
    return repr((platform.machine(), platform.processor(), cpu_model(), [lines.get(k) for k in _IDENTITY]))


def _cpu_lines() -> dict[str, str]:
    """The first processor's entries on systems that list them."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return {}
    first = info.read_text(errors="replace").split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def usable_cores() -> int:
    """Cores that this process may use, which in a container is fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_average() -> float | None:
    """How many programs wanted to run in the last minute; None where the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def crowding(threads: int) -> str:
    """Why ``threads`` may not have a core each: there are fewer, or others compute on them; empty where they have.

    Asked before the threads run: the load of the last minute counts everyone.
    """
    cores = usable_cores()
    if threads > cores:
        return f"{threads} threads on {cores} core{'s' * (cores > 1)}: they take turns, fewer are faster"
    load = load_average() or 0.0
    if threads > 1 and threads > cores - load + _SPARE:
        return (f"{threads} threads on {cores} cores, of which others took {min(load, cores):.1f} in the last minute: "
                "threads that wait for each other suffer most")
    return ""


@lru_cache(maxsize=1)
def cache_sizes() -> dict[int, int]:
    """Bytes of the first processor's data caches by level, as far as the system lists them."""
    found: dict[int, int] = {}
    for folder in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            level, size = (int((folder / n).read_text().strip().removesuffix("K")) for n in ("level", "size"))
            if (folder / "type").read_text().strip() != "Instruction":
                found[level] = size << 10
        except (OSError, ValueError):  # a virtual machine may leave any of it out
            continue
    return found


def process_memory_bytes() -> int | None:
    """Bytes of real memory that this process takes now (its resident set); None where nothing tells."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):  # another system
        return _resident_elsewhere()


def _resident_elsewhere() -> int | None:
    """The same by psutil, which knows the other systems, where it is installed."""
    try:
        return int(importlib.import_module("psutil").Process().memory_info().rss)
    except ImportError:
        return None


def available_memory_bytes() -> int | None:
    """Bytes that this process may still take without being ended; None where the system does not tell.

    The least of what the machine has left and what the process's control group has left.
    """
    found = [_free_memory(), _group_memory()]
    return min((n for n in found if n is not None), default=None)


def total_memory_bytes() -> int | None:
    """Bytes of memory of the machine, or of the process's control group where that has less; None: nothing tells."""
    found = [_memory_line("MemTotal"), _group_limit()]
    return min((n for n in found if n is not None), default=None)


def _free_memory() -> int | None:
    return _memory_line("MemAvailable")


def _memory_line(name: str) -> int | None:
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    lines = (line.partition(":") for line in info.read_text().splitlines())
    kilobytes = {name: value.split() for name, _, value in lines}.get(name)
    return int(kilobytes[0]) << 10 if kilobytes else None


def _group_memory() -> int | None:
    limit, used = _group_limit(), _group_number("memory.current")
    return None if limit is None or used is None else limit - used


def _group_limit() -> int | None:
    return _group_number("memory.max")


def _group_number(name: str) -> int | None:
    try:
        told = (Path("/sys/fs/cgroup") / name).read_text().strip()
        return None if told == "max" else int(told)
    except (OSError, ValueError):  # another kind of control groups, or none
        return None
