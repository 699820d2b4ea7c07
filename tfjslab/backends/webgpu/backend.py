"""The backends ``webgpu``, ``webgpu-f16`` and ``webgl``: one class, told apart by the API of their adapter and storage.

wgpu is an optional extra: nothing here imports it before a backend is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING

from tfjslab.backends.base import Availability
from tfjslab.backends.ceilings import Ceilings
from tfjslab.backends.kernels.backend import KernelBackend
from tfjslab.base.errors import FORKED, TfjslabError
from tfjslab.base.extras import install

if TYPE_CHECKING:
    from tfjslab.backends.webgpu.run.device import Device
    from tfjslab.backends.webgpu.session import GpuSession

FLOAT16 = "-f16"  # how the variants end that store float16


def availability(variant: str) -> Availability:
    """Available where wgpu is installed and finds an adapter that fits; details name all adapters."""
    try:
        from tfjslab.backends.webgpu.run.adapters import adapters, choose  # noqa: PLC0415 - imports the optional wgpu

        found = choose(variant)
    except ImportError as e:
        return Availability(available=False, reason=f"wgpu cannot be imported ({e}); {install('gpu')}")
    except TfjslabError as e:
        return Availability(available=False, reason=str(e))
    except Exception as e:  # noqa: BLE001 - whatever stops the drivers is the reason
        return Availability(available=False, reason=f"wgpu cannot list adapters: {type(e).__name__}: {e}")
    return Availability(available=True, details={
        "adapter": found.name, "adapter_type": found.kind, "api": found.api, "driver": found.driver,
        **found.abilities, "adapters": [str(a) for a in adapters()],
    })


def may_be_chosen(variant: str) -> bool:
    """Whether automatic choice may take this backend: only where it is a GPU.

    A software adapter is slower than WebAssembly, and its numbers are no GPU's. Machines without one are told apart
    before any driver is loaded.
    """
    try:
        from tfjslab.backends.webgpu.run.adapters import choose, hardware_possible  # noqa: PLC0415 - the optional wgpu

        return hardware_possible() and not choose(variant).software
    except TfjslabError as e:
        return e.code == FORKED  # then ``availability`` says so, in a warning
    except Exception:  # noqa: BLE001 - what went wrong is the reason that ``availability`` gives
        return False


def create(variant: str, _threads: int) -> GpuBackend:
    """Make a backend; its device is opened with its first session."""
    return GpuBackend(variant)


class GpuBackend(KernelBackend["GpuSession"]):
    """Kernels from ``kernels/webgpu`` on one adapter.

    A device lives as long as it has sessions. When it is lost, the next session opens another one. ``memory()`` counts
    what sessions hold, and the devices' own counters: bytes in use, allocated, pooled.
    """

    counters = (
        "plans", "buffers", "gpu_buffers", "num_bytes_in_gpu", "num_bytes_allocated", "num_bytes_free", "pipelines",
        "query_sets", "devices",
    )

    def __init__(self, variant: str) -> None:
        from tfjslab.backends.webgpu.run.adapters import choose  # noqa: PLC0415 - imports the optional wgpu

        self.float16 = variant.endswith(FLOAT16)
        self.adapter = choose(variant)
        self.adapter_type = self.adapter.kind
        self.kernel_clock = ""  # known with the first device
        storage = ", float16 storage" if self.float16 else ""
        super().__init__(variant, f"wgpu {version('wgpu')}, {self.adapter}{storage}")
        self._devices: list[Device] = []  # the last one is in use; lost ones wait for their sessions to end

    def _open(self) -> GpuSession:
        """A session on the shared device."""
        from tfjslab.backends.webgpu.run.device import Device  # noqa: PLC0415 - imports the optional wgpu
        from tfjslab.backends.webgpu.run.recording import Stamps  # noqa: PLC0415 - imports the optional wgpu
        from tfjslab.backends.webgpu.session import GpuSession  # noqa: PLC0415 - imports the optional wgpu
        from tfjslab.backends.webgpu.storage import Storage  # noqa: PLC0415 - only with the above

        if not self._devices or self._devices[-1].lost:
            self._devices.append(Device(self.adapter))
            self.kernel_clock = Stamps.clock(self._devices[-1])
        return GpuSession(self, self._devices[-1], Storage(self.float16))

    def ceilings(self, _clock: Callable[[], float]) -> Ceilings:
        """What WGSL reaches at most on the adapter, by its own time stamps; see ``HasCeilings``."""
        from tfjslab.backends.webgpu.ceilings import measure_ceilings  # noqa: PLC0415 - imports the optional wgpu

        session = self.open_session()
        try:
            return measure_ceilings(session.device)
        finally:
            session.dispose()

    def forget(self, session: GpuSession) -> None:
        """A session was disposed; with its last one a device goes too."""
        with self._lock:
            super().forget(session)
            device = session.device
            if device in self._devices and all(s.device is not device for s in self._sessions):
                self._devices.remove(device)
                device.destroy()

    def _counted(self) -> Iterable[Mapping[str, int]]:
        return (*super()._counted(), *(d.counters for d in self._devices))
