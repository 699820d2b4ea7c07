"""How long models take, measured so that the numbers can be compared."""

from tfjslab.bench.bench import bench_model, bench_models
from tfjslab.bench.result import BenchResult, ratios

__all__ = ["BenchResult", "bench_model", "bench_models", "ratios"]
