"""How long models take, measured so that the numbers can be compared."""

from tfjslab.bench.bench import bench_model, bench_models
from tfjslab.bench.result import BenchResult, ratios
from tfjslab.bench.results import BenchResults
from tfjslab.bench.settings import Settings

__all__ = ["BenchResult", "BenchResults", "Settings", "bench_model", "bench_models", "ratios"]
