"""The WGSL of the kernels that compute a node; see ``tfjslab.backends.kernels.kernel_texts``."""

from __future__ import annotations

from tfjslab.backends.kernels.kernel_texts import KernelText, parameters_text
from tfjslab.backends.webgpu.plan import GpuPlan
from tfjslab.backends.webgpu.text.templates import render


def kernel_texts(plan: GpuPlan, node: str, *, float16: bool) -> tuple[KernelText, ...]:
    """The shaders of the groups with ``node`` in them, each once. Sizes are uniforms: they are not in the text.

    What it was rewritten to, or cut into, is named after it.
    """
    calls = [
        c for r in plan.records if any(f"{n.name} ".startswith(f"{node} ") for n in r.group.nodes) for c in r.calls
    ]
    return tuple(
        KernelText(f"k{i}", f"webgpu/{k.source}.wgsl", parameters_text(k.params), render(k, float16=float16))
        for i, k in enumerate(dict.fromkeys(c.kernel for c in calls))
    )
