"""How long models take, measured so that the numbers can be compared."""

from tfjslab.bench.bench import bench_model, bench_models
from tfjslab.bench.result import BenchResult, ratios
from tfjslab.bench.results import BenchResults
from tfjslab.bench.settings import Settings
from tfjslab.bench.sizes import SizeSweep, bench_sizes, run_sizes

__all__ = ["BenchResult", "BenchResults", "Settings", "SizeSweep", "bench_model", "bench_models", "bench_sizes",
           "ratios", "run_sizes"]
