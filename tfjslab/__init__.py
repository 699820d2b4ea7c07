"""tfjslab: a performance lab for TensorFlow.js models, in Python. ``import tfjslab as tf`` reads like TensorFlow.js.

Names are loaded when they are first used, so that importing the package is quick and loads no engine.
"""

from importlib import import_module
from typing import Any

from tfjslab.base.version import __version__ as __version__
from tfjslab.functions.table import FUNCTIONS, NAMESPACES

# Where each public name is defined. What is made of ops comes on top, from the table of functions, and every op with
# an eager function, from the op registry.
_HOME = {
    "backends": "backends",
    "backends.extend": "register_backend remove_backend",
    "backends.flags": "env",
    "backends.registry": "BackendFallbackWarning ThreadsWarning backend get_backend get_threads_count ready "
    "set_adapter set_backend set_threads_count",
    "base.errors": "TfjslabError",
    "browser": "browser",
    "browser.jobs.litert_source": "set_litert",
    "browser.jobs.tfjs_source": "set_tfjs set_wasm_paths",
    "bench": "bench bench_model bench_models",
    "bench.sweep": "sweep",
    "decide": "Scenario compatibility decide recommend",
    "export.targets": "refusals",
    "export.tflite": "export_tflite",
    "export.web": "export_web",
    "export.web.picture": "Picture",
    "engine.create": "eye fill linspace ones random_normal random_uniform range scalar tensor tensor1d "
    "tensor2d tensor3d tensor4d tensor5d tensor6d zeros",
    "engine.debugging": "NotFiniteWarning",
    "engine.measure": "memory profile time",
    "engine.scopes": "dispose get_tensors_in_container keep tidy",
    "engine.tensor": "Tensor",
    "engine.variable": "Variable variable",
    "evaluation": "evaluate",
    "io": "io",
    "magics": "load_ipython_extension unload_ipython_extension",
    "formats.layers_model.layers.extend": "deregister_layer register_layer",
    "lab": "Lab",
    "monitoring.model_monitor": "monitor",
    "monitoring": "monitoring",
    "model": "Model load_graph_model load_layers_model load_model load_tflite_model",
    "quantization.generate": "generated_inputs",
    "quantizer": "quantize",
    "reports.build": "report",
    "store": "open_store",
    "streaming": "stream",
    "ops.extend": "deregister_op register_op",
    "optimizer": "optimize",
    "passes.registry": "PASSES",
    "profiling": "profiling",
    "profiling.collect": "profile_model",
    "profiling.leaks": "leak_report",
    "profiling.numeric": "numeric_diff",
    "views": "views",
    "vis": "vis",
    "zoo": "zoo",
    **FUNCTIONS,
}
_MODULES = {"backends", "bench", "browser", "decide", "io", "monitoring", "profiling", "views", "vis", "zoo"}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Find a public name where it is defined; AttributeError with a suggestion when there is none."""
    if name in _MODULES:
        found: Any = import_module(f"tfjslab.{name}")
    elif name in _MODULE_OF:
        found = getattr(import_module(f"tfjslab.{_MODULE_OF[name]}"), name)
    elif name in NAMESPACES:
        found = import_module("tfjslab.functions.namespaces").namespace(name)
    elif name.startswith("_"):
        raise AttributeError(f"module 'tfjslab' has no attribute '{name}'")
    else:
        found = _eager(name)
    globals()[name] = found  # the next look-up is as quick as for any module
    return found


def _eager(name: str) -> Any:
    from tfjslab.base.errors import did_you_mean  # noqa: PLC0415 - see the module's docstring
    from tfjslab.engine.eager import functions  # noqa: PLC0415
    from tfjslab.functions.tfjs_names import why_not  # noqa: PLC0415

    if name not in functions():
        reason = why_not(name)
        hint = f": {reason}" if reason else did_you_mean(name, [*_MODULE_OF, *NAMESPACES, *functions()])
        raise AttributeError(f"module 'tfjslab' has no attribute '{name}'{hint}")
    return functions()[name]


def __dir__() -> list[str]:
    """All public names, the eager functions included."""
    from tfjslab.engine.eager import functions  # noqa: PLC0415 - see the module's docstring

    return sorted({*_MODULE_OF, *NAMESPACES, *functions(), "__version__"})
