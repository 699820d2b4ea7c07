"""What decides which forms of kernels suit a device, found out on the device itself."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from tfjslab.backends.webgpu.run.device import SUBGROUPS, Device
from tfjslab.backends.webgpu.run.recording import dispatch_all

_GROUP = 64
READERS = 8  # invocations that read for their subgroup
# Every invocation asks each of the first eight of its subgroup which it is. In a smaller subgroup some do not answer.
_PROBE = f"""
@group(0) @binding(0) var<storage, read_write> c: array<u32>;
@compute @workgroup_size({_GROUP})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(subgroup_invocation_id) place: u32) {{
  var right = 0u;
  {" ".join(f"right += select(0u, 1u, subgroupBroadcast(place, {i}u) == {i}u);" for i in range(READERS))}
  c[lane] = right;
}}
"""


_FOUND: WeakKeyDictionary[Device, bool] = WeakKeyDictionary()


@dataclass(frozen=True)
class Capabilities:
    """Whether a device's adapter is software, and whether eight of a subgroup can broadcast to each other."""

    device: Device

    @property
    def software(self) -> bool:
        """Whether it computes on the processor."""
        return self.device.adapter.software

    @property
    def subgroups(self) -> bool:
        """Tried on the device when first asked for: the sizes of subgroups that drivers state are ranges."""
        if self.device not in _FOUND:
            _FOUND[self.device] = SUBGROUPS in self.device.features and _broadcasts(self.device)
        return _FOUND[self.device]


def _broadcasts(device: Device) -> bool:
    answers = device.buffer(4 * _GROUP, what="a look at subgroups")
    try:
        pipeline = device.pipeline(_PROBE, "subgroups")
        group = device.bind(pipeline, [(answers, 0, 4 * _GROUP)], "a look at subgroups")
        encoder = device.encoder()
        dispatch_all(encoder, [(pipeline, group, (1, 1, 1))])
        (found,) = device.submit(encoder, [(answers, 0, 4 * _GROUP)])
    finally:
        device.drop_pipeline(_PROBE)
        device.release(answers)
    return bool(np.all(found == READERS))
