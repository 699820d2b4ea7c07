"""What browsers have or lack and the speed of a model depends on: one row each, read by data, rules and docs."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.base.errors import UsageError, each_with_nearest


@dataclass(frozen=True)
class BrowserFeature:
    """``paths`` are its places in browser-compat-data: a browser has the feature when it has all of them."""

    name: str
    doc: str
    paths: tuple[str, ...]


FEATURES = {f.name: f for f in (
    BrowserFeature("wasm", "WebAssembly", ("webassembly.api",)),
    BrowserFeature("simd", "SIMD128 of WebAssembly", ("webassembly.fixed-width-SIMD",)),
    BrowserFeature("relaxed-simd", "relaxed SIMD of WebAssembly", ("webassembly.relaxed-SIMD",)),
    BrowserFeature("threads", "threads of WebAssembly, on pages that are cross-origin isolated",
                   ("webassembly.threads-and-atomics", "api.crossOriginIsolated")),
    BrowserFeature("webgl", "WebGL 1", ("api.WebGLRenderingContext",)),
    BrowserFeature("webgl2", "WebGL 2", ("api.WebGL2RenderingContext",)),
    BrowserFeature("webgpu", "WebGPU, on secure pages", ("api.GPU",)),
    BrowserFeature("shader-f16", "float16 in shaders of WebGPU", ("api.GPUSupportedFeatures.feature_shader-f16",)),
    BrowserFeature("memory64", "memories of WebAssembly above 4 GB", ("webassembly.memory64",)),
)}


def check_features(names: tuple[str, ...], where: str) -> None:
    """UsageError that lists the names which are no features, each with the nearest one."""
    unknown = [n for n in names if n not in FEATURES]
    if unknown:
        raise UsageError(f"{where}: no features of browsers: {each_with_nearest(unknown, FEATURES)}; "
                         f"known: {', '.join(FEATURES)}")
