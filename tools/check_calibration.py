"""Checks that calibration beside busy programs finds tiles as fast as calibration on a quiet machine.

    python tools/check_calibration.py [--fresh 3] [--neighbours 2] [--limit 1.1]

For MobileNetV2 and a small ResNet of 3x3 convolutions, tiles are measured on the machine as it is, then several times
afresh beside busy loops, each in a process and a folder of its own. Afterwards, with the busy loops gone, the plans of
all of them run in turn in one process, judged by the fastest of many runs in the thread's own time. Prints how much
longer each takes than the quiet one, and how long its calibration took; ends with 1 when a plan is above the limit.
Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tfjslab.backends.base import Plan
from tfjslab.backends.ceilings import thread_clock
from tfjslab.backends.wasm import tuning
from tfjslab.backends.wasm.backend import create
from tfjslab.base.user_cache import CACHE_VARIABLE
from tfjslab.graph.ir import Graph
from tfjslab.model.sample import sample_inputs
from tfjslab.model.schedule import PlanStep, schedule
from tfjslab.ops.registry import Spec
from tfjslab.zoo import registry as zoo
from tfjslab.zoo.random_net import RandomNet

_SIZE = 112
_STAGES = ((32, 1), (64, 2), (128, 2), (256, 2))  # channels, and stride of the first convolution
_ROUNDS, _IN_A_ROUND = 25, 3
_BUSY_LOOP = "while True: pass"


def resnet() -> Graph:
    """Residual blocks of two 3x3 convolutions each, two a stage, with random weights."""
    net = RandomNet("resnet3x3", 0, "input", _SIZE)
    x, channels = net.conv("stem", net.input, 7, (3, _STAGES[0][0]), stride=2, activation="Relu"), _STAGES[0][0]
    for stage, (wide, stride) in enumerate(_STAGES):
        same = x if stride == 1 else net.conv(f"{stage}_same", x, 1, (channels, wide), stride=stride)
        x = _block(net, f"{stage}_a", x, same, (channels, wide), stride)
        x = _block(net, f"{stage}_b", x, x, (wide, wide), 1)
        channels = wide
    x = net.add("pool", "Mean", x, axis=[1, 2], keep_dims=False)
    return net.graph([(x, (None, channels))], "A small ResNet")


def _block(net: RandomNet, name: str, x: str, same: str, channels: tuple[int, int], stride: int) -> str:
    y = net.conv(f"{name}_1", x, 3, channels, stride=stride, activation="Relu")
    y = net.add(f"{name}_add", "AddV2", same, net.conv(f"{name}_2", y, 3, (channels[1], channels[1])))
    return net.add(f"{name}_relu", "Relu", y)


MODELS = {"MobileNetV2": lambda: zoo.build("mobilenet_v2"), "ResNet of 3x3": resnet}


@contextmanager
def calibrated(model: str, folder: str) -> Iterator[tuple[Plan, dict[str, Any], float]]:
    """The plan of a model with the tiles of a folder, what is fed to it, and the milliseconds that making it took."""
    graph = MODELS[model]()
    feeds = sample_inputs(graph.inputs)
    outputs = [port.value for port in graph.outputs]
    (step,) = schedule(graph, {name: Spec(x.shape, "float32") for name, x in feeds.items()}, outputs).steps
    if not isinstance(step, PlanStep):
        raise TypeError(f"{model} is not one plan")
    os.environ[CACHE_VARIABLE] = folder
    tuning.tuner.cache_clear()
    backend = create("simd", 1)
    try:
        start = time.perf_counter()
        plan = backend.open_session().compile(step.program, step.outputs)
        yield plan, feeds, (time.perf_counter() - start) * 1e3
    finally:
        backend.dispose()


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Busy loops beside what the block does."""
    running = [subprocess.Popen([sys.executable, "-c", _BUSY_LOOP]) for _ in range(count)]  # noqa: S603 - our own
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def calibrate_apart(model: str, folder: str) -> dict[str, Any]:
    """Calibrate in a process of its own; gives its milliseconds, classes and doubts."""
    command = [sys.executable, __file__, "--calibrate", model, "--folder", folder]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, text=True))  # noqa: S603 - ourselves
    return found


def fastest_ms(model: str, folders: Sequence[str]) -> list[float]:
    """The fastest run of the plan with the tiles of each folder, all in turn."""
    with ExitStack() as stack:
        runs = [stack.enter_context(calibrated(model, folder))[:2] for folder in folders]
        best = [float("inf")] * len(runs)
        for _ in range(_ROUNDS):
            for i, (plan, feeds) in enumerate(runs):
                for _ in range(_IN_A_ROUND):
                    before = thread_clock()
                    plan.run(feeds)
                    best[i] = min(best[i], thread_clock() - before)
        return [s * 1e3 for s in best]


def check(model: str, fresh: int, loops: int, root: Path) -> float:
    """Print the ratios of a model; gives the largest."""
    names = ["quiet", *(f"busy {i + 1}" for i in range(fresh))]
    folders = [str(root / model / name) for name in names]
    found = [calibrate_apart(model, folders[0])]
    with neighbours(loops):
        found += [calibrate_apart(model, folder) for folder in folders[1:]]
    times = fastest_ms(model, folders)
    for name, told, ms in zip(names, found, times, strict=True):
        sys.stdout.write(f"{model:14} {name:8} {ms:8.3f} ms, {ms / times[0]:.3f} of quiet; "
                         f"made in {told['ms']:.0f} ms, {told['doubted']} of {told['classes']} classes in doubt\n")
    return max(times) / times[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see above. 1 when a plan is above the limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fresh", type=int, default=3, help="calibrations beside busy loops")
    parser.add_argument("--neighbours", type=int, default=2, help="busy loops")
    parser.add_argument("--limit", type=float, default=1.1, help="the largest time over that of the quiet plan")
    parser.add_argument("--calibrate", choices=MODELS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.calibrate:
        with calibrated(given.calibrate, given.folder) as (plan, _, ms):
            details = plan.info.details
            told = {"ms": ms, "classes": len(details["tiles"]), "doubted": len(details["doubted_tiles"])}
            sys.stdout.write(json.dumps(told))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        largest = [check(model, given.fresh, given.neighbours, Path(folder)) for model in MODELS]
    return int(max(largest) > given.limit)


if __name__ == "__main__":
    sys.exit(main())
