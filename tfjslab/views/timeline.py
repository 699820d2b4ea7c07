"""A profile as a timeline: every kernel of a run in order, the layers around it, and the memory below.

A profile holds durations, not starts. Kernels are laid end to end, and the time that no kernel accounts for comes
behind them.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tfjslab.base.errors import InputError
from tfjslab.base.text import counted, shape
from tfjslab.engine.measure import ProfileInfo
from tfjslab.profiling import captions
from tfjslab.profiling.collect import from_info
from tfjslab.profiling.memory import timeline as memory_points
from tfjslab.records.profile import KernelRecord, Profile
from tfjslab.views.spans import parts, spans
from tfjslab.views.view import View

_KINDS = 6  # as many as have colours that can be told apart
_OTHERS = "other kernels"
_LISTED = 20  # single runs to choose from, beside the fastest and the slowest
_DIGITS = 6  # of milliseconds: what clocks tell


def timeline(profile: Profile | ProfileInfo) -> View:
    """An interactive timeline of a run: zoom, pan and search, the layers above the kernels, live bytes below them.

    Args:
        profile: from ``tf.profile_model(...)``, ``tf.profile(...)`` or ``%tfprofile``; InputError for anything else.

    Example:
        >>> import tfjslab as tf
        >>> with tf.tidy():
        ...     tf.views.timeline(tf.profile(lambda: tf.softmax(tf.tensor([1.0, 2.0]))))
        View(timeline of code on cpu; save it with .save('view.html'))

    """
    data = _profile(profile)
    return View("timeline", f"timeline of {data.label}", _data(data))


def _profile(given: Any) -> Profile:
    if isinstance(given, ProfileInfo):
        return from_info(given)
    found = getattr(given, "profile", given)  # what %tfprofile gives
    if isinstance(found, Profile):
        return found
    raise InputError(f"got {type(given).__name__}; expected a profile, from tf.profile_model, tf.profile or %tfprofile")


def _data(profile: Profile) -> dict[str, Any]:
    kinds = _kinds(profile)
    live = [(p.bytes_live, p.tensors_live) for p in memory_points(profile)]
    return {
        "label": profile.label, "place": captions.place(profile), "notes": _notes(profile),
        "warning": _warning(profile),
        "runs": _runs(profile), "lanes": _lanes(profile), "kinds": kinds,
        "spans": [vars(s) for s in spans([parts(k.layer, k.node) for k in profile.kernels])],
        "kernels": [_kernel(k, kinds, *at) for k, at in zip(profile.kernels, live, strict=True)],
    }


def _notes(profile: Profile) -> list[str]:
    """Lines that belong beside the figures: the sum that gives the wall, and what the figures rest on."""
    evidence = getattr(captions, "evidence", None)
    return [captions.totals(profile), *(evidence(profile) if evidence else ())]


def _warning(profile: Profile) -> str:
    """What has to be read first where the figures may be off; empty elsewhere."""
    found = _disturbance(profile)
    return found.text if found and (found.mostly or found.is_makeshift) else ""


def _disturbance(profile: Profile) -> Any:
    """Which runs the machine disturbed, of profiles that tell it."""
    return getattr(profile, "disturbance", None)


def _runs(profile: Profile) -> list[dict[str, Any]]:
    """The times that can be shown: those of the profile itself, and of single runs where each kernel's are known."""
    walls, n = profile.profiled_ms, len(profile.profiled_ms)
    whole = f"median of {counted(n, 'run')}" if n > 1 else "the run"
    runs = [_run(whole, profile.wall_ms, [k.kernel_time_ms for k in profile.kernels])]
    if n > 1 and profile.kernels and all(len(k.times_ms) == n for k in profile.kernels):
        known = {"fastest": {walls.index(min(walls))}, "slowest": {walls.index(max(walls))},
                 "disturbed": set(getattr(_disturbance(profile), "disturbed", ()))}
        for i in sorted({*range(min(n, _LISTED)), *known["fastest"], *known["slowest"]}):
            words = ", ".join(word for word, which in known.items() if i in which)
            name = f"run {i + 1} ({words})" if words else f"run {i + 1}"
            runs.append(_run(name, walls[i], [k.times_ms[i] for k in profile.kernels]))
    return runs


def _run(name: str, wall_ms: float, times_ms: list[float]) -> dict[str, Any]:
    return {"name": name, "wall_ms": wall_ms, "times_ms": [round(t, _DIGITS) for t in times_ms]}


def _lanes(profile: Profile) -> list[str]:
    """Where kernels ran. All threads of a backend share every kernel, so they are one lane."""
    where = profile.environment
    threads = f", {counted(where.threads, 'thread')}" if where and where.threads > 1 else ""
    backend = f"{where.where}{threads}" if where else "kernels"
    return [backend, "host"] if any(k.fallback for k in profile.kernels) else [backend]


def _kind(kernel: KernelRecord) -> str:
    """The main op of a kernel, fused or not."""
    return kernel.name.partition("+")[0].removeprefix("_").removeprefix("Fused")


def _kinds(profile: Profile) -> list[str]:
    """The kinds that take the most time on the backend, and one name for the rest."""
    times: defaultdict[str, float] = defaultdict(float)
    for k in profile.kernels:
        if not k.fallback:
            times[_kind(k)] += k.kernel_time_ms
    most = sorted(times, key=lambda kind: -times[kind])
    return most if len(most) <= _KINDS else [*most[:_KINDS], _OTHERS]


def _kernel(k: KernelRecord, kinds: list[str], bytes_live: int, tensors_live: int) -> dict[str, Any]:
    kind = kinds.index(_kind(k)) if _kind(k) in kinds else len(kinds) - 1
    return {
        "name": k.name, "node": k.node, "nodes": list(k.nodes), "layer": k.layer, "kind": kind,
        "host": k.fallback, "reason": k.reason, "flops": k.flops, "bytes_moved": k.bytes_moved,
        "bytes_live": bytes_live, "tensors_live": tensors_live,
        "range_ms": [min(k.times_ms), max(k.times_ms)] if k.times_ms else [],
        "inputs": [shape(s) for s in k.input_shapes], "outputs": [shape(s) for s in k.output_shapes],
        "buffers": [[b.name, shape(b.shape) if b.dtype else "", b.dtype, b.num_bytes, b.commands] for b in k.buffers],
    }
