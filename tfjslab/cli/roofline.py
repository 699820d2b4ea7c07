"""``--roofline``: how near kernels come to what their backend can do at most, measured in the same run."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from tfjslab.backends import registry
from tfjslab.backends.ceilings import Ceilings, ceilings_of
from tfjslab.base.machine import cpu_model
from tfjslab.base.text import NOTHING, ms, percent, scaled
from tfjslab.cli.command import Outcome
from tfjslab.cli.inputs import feeds_for
from tfjslab.cli.models import loader
from tfjslab.cli.output import print_table
from tfjslab.cli.progress import progress
from tfjslab.profiling.collect import profile_model
from tfjslab.profiling.reduce import Roofline, RoofRow, roofline
from tfjslab.records.profile import Profile


@dataclass(frozen=True)
class Held:
    """A profile compared with ceilings; without a roofline, ``reason`` says why."""

    profile: Profile
    roofline: Roofline | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Ceilings, rows by kernel and the whole model; None with the reason where there are no ceilings."""
        empty: dict[str, Any] = dict.fromkeys(("ceilings", "kernels", "whole"))
        return {**empty, **(dataclasses.asdict(self.roofline) if self.roofline else {}), "reason": self.reason}


def configure(parser: argparse.ArgumentParser) -> None:
    """The --roofline option."""
    parser.add_argument(
        "--roofline", action="store_true",
        help="also measure what the backend can compute and move at most, and hold each kind of kernel against it",
    )


def hold(profile: Profile, known: dict[tuple[str, int], Ceilings] | None = None) -> Held:
    """Measure the ceilings of where a profile was taken, unless they are ``known`` already, and hold it to them."""
    found = {} if known is None else known
    where = profile.environment
    if where is None:
        return Held(profile, None, "where the profile was taken is not known")
    key = (where.backend, where.threads)
    if key not in found:
        ceilings, reason = ceilings_of(registry.backend(*key))
        if ceilings is None:
            return Held(profile, None, reason)
        found[key] = ceilings
    return Held(profile, roofline(profile, found[key]), "")


def extend(report: Outcome, args: argparse.Namespace) -> Outcome:
    """A report of ``bench`` with a profile of each model on each backend compared with the ceilings."""
    found: list[Held] = []
    known: dict[tuple[str, int], Ceilings] = {}
    with progress() as tell:
        for row in report.data:
            tell(f"{row['model']} on {row['backend']}: profile", 0, None)
            source = loader(row["model"], tell, real=args.real_weights)
            x = feeds_for(row["model"], args.shape, args.input, tell, real=args.real_weights)
            found.append(hold(profile_model(source, x, row["backend"], row["threads"]), known))
    data = [{**row, "roofline": held.to_json()} for row, held in zip(report.data, found, strict=True)]
    return replace(report, data=data, show=_after(report.show, found))


def _after(show_first: Callable[[Console], None], found: list[Held]) -> Callable[[Console], None]:
    def show_all(console: Console) -> None:
        show_first(console)
        for held in found:
            show(console, held)

    return show_all


def show(console: Console, held: Held) -> None:
    """A table of the kinds of kernels and the whole model, and the ceilings that they are compared with."""
    label = held.profile.label
    if held.roofline is None:
        console.print(f"\n{label}: no roofline: {held.reason}", style="bold")
        return
    rows = [*held.roofline.kernels, replace(held.roofline.whole, key="the whole model")]
    print_table(
        console, f"{label}: against the ceilings", ("kernel", "calls", "ms", "GFLOP/s", "GB/s", "of compute",
                                                    "of memory", "limit"),
        [_cells(r) for r in rows],
    )
    console.print(_ceilings_text(held.roofline.ceilings))
    if held.roofline.beyond:
        console.print(
            f"faster than the ceiling: {', '.join(held.roofline.beyond)}; do not trust these shares: the processor's "
            "clock changed, the loops that measure the ceiling suit it badly, or the kernel needs fewer operations "
            "than its definition, by which FLOPs are counted (wasm-plain does for large 1x1 convolutions)",
            style="bold",
        )


def _cells(r: RoofRow) -> tuple[object, ...]:
    return (r.key, r.count, ms(r.time_ms), _rate(r.gflops_per_s), _rate(r.gbytes_per_s), percent(r.compute_share),
            percent(r.bandwidth_share), r.limit or NOTHING)


def _rate(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _ceilings_text(c: Ceilings) -> str:
    """All that was measured, for each thread and in all."""
    def rate(value: float | None) -> str:
        return NOTHING if value is None else f"{value / 1e9:.1f}"

    def each(value: float | None) -> float | None:
        return None if value is None else value / c.threads

    note = f"; {c.note}" if c.note else ""
    processor = f"{c.threads} thread(s), in their own time, on {cpu_model()}"
    return (
        f"ceilings of {c.adapter or processor}: {rate(c.flops_per_s)} GFLOP/s "
        f"({'' if c.adapter else 'for each thread '}mul+add {rate(each(c.mul_add_flops_per_s))}, fused "
        f"{rate(each(c.fma_flops_per_s))}); "
        "kernels that move up to "
        f"{scaled(c.cache_bytes, 'B')}: {rate(c.bytes_per_s(0))} GB/s in {scaled(c.cache_buffer_bytes, 'B')} (copy "
        f"{rate(c.cache_copy_bytes_per_s)}, sum {rate(c.cache_sum_bytes_per_s)}); more: "
        f"{rate(c.bytes_per_s(c.cache_bytes + 1))} GB/s in {scaled(c.memory_buffer_bytes, 'B')} (copy "
        f"{rate(c.memory_copy_bytes_per_s)}, sum {rate(c.memory_sum_bytes_per_s)}){note}"
    )
