"""The adapters of this machine: which there are, which one a backend takes, and what helps where there is none."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import wgpu

from tfjslab.backends.registry import ADAPTER_VARIABLE
from tfjslab.backends.webgpu.run.failures import check_process
from tfjslab.base.errors import BackendUnavailableError

FLOAT16, TIMESTAMPS = "shader-f16", "timestamp-query"
_APIS = {"webgpu": ("Vulkan", "Metal", "D3D12"), "webgl": ("OpenGL", "OpenGLES")}
_KINDS = {"DiscreteGPU": "discrete", "IntegratedGPU": "integrated", "CPU": "software"}
_BEST_FIRST = ("discrete", "integrated", "unknown", "software")
_COMPUTES = {"": (4, 3), "ES ": (3, 1)}  # the first versions of OpenGL and OpenGL ES with compute shaders
_DRIVERS = {
    "webgpu": {"apt-get": "mesa-vulkan-drivers", "dnf": "mesa-vulkan-drivers", "pacman": "-S vulkan-swrast"},
    "webgl": {"apt-get": "libegl1 libgl1-mesa-dri", "dnf": "mesa-libEGL mesa-dri-drivers", "pacman": "-S mesa"},
}


@dataclass(frozen=True, eq=False)
class Adapter:
    """One adapter: the name its driver gives, its kind (discrete, integrated, software, unknown) and its API."""

    name: str
    kind: str
    api: str
    driver: str
    handle: Any

    @property
    def software(self) -> bool:
        """Whether it computes on the processor: its times say nothing about a GPU."""
        return self.kind == "software"

    @property
    def abilities(self) -> dict[str, Any]:
        """What decides how kernels run and are timed there, and how large values may be."""
        features, limits = self.handle.features, self.handle.limits
        return {
            "time_stamps": TIMESTAMPS in features, "float16": FLOAT16 in features,
            "max_binding_bytes": limits["max-storage-buffer-binding-size"],
            "max_buffer_bytes": limits["max-buffer-size"],
        }

    @property
    def missing(self) -> str:
        """Why no kernel can run there, or "". Some drivers give wgpu an old OpenGL, whatever they are able to."""
        version = re.search(r"(ES )?(\d+)\.(\d+)", self.driver) if self.api in _APIS["webgl"] else None
        if version is None:
            return ""
        es, found = version[1] or "", (int(version[2]), int(version[3]))
        if found >= _COMPUTES[es]:
            return ""
        needed = ".".join(map(str, _COMPUTES[es]))
        return f"{self} gives OpenGL {es}{found[0]}.{found[1]}; compute shaders need {es}{needed}: try webgpu"

    def __str__(self) -> str:
        return f"{self.name} ({self.kind} adapter, {self.api})"


@lru_cache(maxsize=1)
def adapters() -> tuple[Adapter, ...]:
    """All adapters, the fastest kinds first. Asked once: drivers are loaded for it."""
    with _quiet_egl():
        found = [_adapter(a) for a in wgpu.gpu.enumerate_adapters_sync()]
    return tuple(sorted(found, key=lambda a: _BEST_FIRST.index(a.kind)))


def _adapter(handle: Any) -> Adapter:
    info = handle.info
    kind = _KINDS.get(info["adapter_type"], "unknown")
    return Adapter(info["device"], kind, info["backend_type"], info["description"], handle)


@contextmanager
def _quiet_egl() -> Iterator[None]:
    """Without a runtime folder, Wayland's client library complains on stderr while EGL looks for displays."""
    name = "XDG_RUNTIME_DIR"
    missing = name not in os.environ
    if missing:
        os.environ[name] = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - nothing is written there
    try:
        yield
    finally:
        if missing:
            del os.environ[name]


def choose(variant: str) -> Adapter:
    """The adapter that backend ``variant`` uses: what the variable names (part of a name, or a kind), or the fastest.

    Variants that end in ``-f16`` store float16, for which the adapter needs the feature ``shader-f16``. Raises
    BackendUnavailableError with what helps.
    """
    check_process(variant)
    api, _, float16 = variant.partition("-")
    found = _choose(api)
    if float16 and FLOAT16 not in found.handle.features:
        raise BackendUnavailableError(f"{found} has no float16: its driver does not offer '{FLOAT16}'")
    return found


def _choose(variant: str) -> Adapter:
    of_api = [a for a in adapters() if a.api in _APIS[variant]]
    fitting = [a for a in of_api if not a.missing]
    if of_api and not fitting:
        raise BackendUnavailableError(of_api[0].missing)
    wanted = os.environ.get(ADAPTER_VARIABLE, "")
    named = [a for a in fitting if wanted.lower() in a.name.lower() or wanted == a.kind]
    if fitting and not named:
        listed = ", ".join(f"'{a.name}' ({a.kind})" for a in fitting)
        raise BackendUnavailableError(f"'{wanted}' ({ADAPTER_VARIABLE}) names none of the adapters {listed}")
    if not named:
        raise BackendUnavailableError(f"no {' or '.join(_APIS[variant])} adapter on this machine; {_help(variant)}")
    return named[0]


def _help(variant: str) -> str:
    """The one command that helps on this platform."""
    tool = next((t for t in _DRIVERS[variant] if shutil.which(t)), "")
    if sys.platform != "linux" or not tool:
        return "install the graphics driver of this machine"
    install = "" if tool == "pacman" else "install "
    return f"'{tool} {install}{_DRIVERS[variant][tool]}' installs a software one"


def hardware_possible() -> bool:
    """Whether this machine may have a GPU at all, without loading a driver; on Linux its device files tell."""
    if sys.platform != "linux":
        return True
    nodes = (*Path("/dev/dri").glob("renderD*"), Path("/dev/nvidiactl"), Path("/dev/dxg"))
    return any(n.exists() for n in nodes)
