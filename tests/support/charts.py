"""Profiles with round numbers, so that heights of bars are known in advance."""

from tfjslab.records.profile import Environment, KernelRecord, Profile, attribute
from tfjslab.records.stream import FrameTimes, StreamResult, StreamSettings


def kernel(name, node, time_ms, *, layer="", fallback=False, flops=1_000_000, moved=500_000, nodes=()):
    return KernelRecord(
        name, node, time_ms, ((1, 4),), ((1, 4),), 16, 64, 1, 4, flops, fallback, nodes or (node,), layer, moved,
    )


KERNELS = (
    kernel("Conv2D", "stem/conv", 2.0, layer="stem"),
    kernel("Relu", "stem/relu", 0.5, layer="stem", flops=0),
    kernel("Conv2D", "block_1/conv", 4.0, layer="block_1"),
    kernel("Cumsum", "head/cumsum", 1.0, layer="head", fallback=True),
)
WHERE = Environment("3.11", "2.0", "a processor", 2, "Linux", "wasm-simd", "wasmtime 50", 1, "a clock")


def profile(kernels=KERNELS, wall_ms=8.0):
    wall_ms, rest = attribute(kernels, wall_ms)
    return Profile(kernels, wall_ms, rest, 64, 0, 0, environment=WHERE, model="net")


def ticks(axis):
    return [t.get_text() for t in axis.get_ticklabels()]


def cells(axes):
    """The texts of the table that was drawn, row by row."""
    made = axes.tables[0].get_celld()
    rows, columns = max(r for r, _ in made) + 1, max(c for _, c in made) + 1
    return [[made[r, c].get_text().get_text() for c in range(columns)] for r in range(rows)]


STREAM = StreamResult(StreamSettings("m", "frames", 50.0, 33.0, "latest", 3), 4, (
    FrameTimes(0, 0.0, 1.0, 0.5, 9.0, 0.1), FrameTimes(1, 20.0, 1.0, 0.5, 40.0, 0.1), FrameTimes(3, 60.0, 9, 1, 9, 1)))
