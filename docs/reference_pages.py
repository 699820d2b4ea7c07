"""Writes the reference: a hook of MkDocs that makes its pages from docstrings and registries while the site is built.

No list of names is kept here. Public names come from ``dir``, commands, backends, flags, passes, charts and ops from
their registries.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import tfjslab as tf
from tfjslab.backends import registry as backend_registry
from tfjslab.backends.kernels.table import CHAIN
from tfjslab.backends.wasm import lower as _wasm  # noqa: F401 - fills the table
from tfjslab.backends.wasm.lower.registry import TABLE as WASM_TABLE
from tfjslab.backends.webgpu import lower as _gpu  # noqa: F401 - fills the table
from tfjslab.backends.webgpu.lower.registry import TABLE as GPU_TABLE
from tfjslab.base.text import NOTHING
from tfjslab.cli.app import COMMANDS, main
from tfjslab.formats.layers_model.layers.call import all_layers
from tfjslab.formats.layers_model.layers.refused import REFUSED
from tfjslab.formats.registry import FORMATS
from tfjslab.formats.tflite.operator import converters, integer_converters
from tfjslab.formats.tflite.schema import CUSTOM, OPERATORS
from tfjslab.functions.table import NAMESPACES
from tfjslab.functions.tfjs_names import TENSOR, TfjsName, differences, tfjs_names, version
from tfjslab.ops.attrs import REQUIRED
from tfjslab.ops.decompose import unfused
from tfjslab.ops.registry import OpDef, all_ops
from tfjslab.passes.base import TARGETS
from tfjslab.passes.registry import PASSES
from tfjslab.vis import metrics, registry, visor

_HELP_COLUMNS = "90"
_ROOM = 3  # parts of a module's name that make a heading: tfjslab.vis.charts


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for name, page in PAGES.items():
        files.append(File.generated(config, f"reference/{name}.md", content=page()))
    return files


# ---- text ------------------------------------------------------------------------------------------------------


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *([_cell(c) for c in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def code(words: Iterable[str]) -> str:
    """Words as code, with commas."""
    return ", ".join(f"`{w}`" for w in words)


def documented(objects: Iterable[Any]) -> str:
    """What the docstrings of functions and classes say, below a heading for each room."""
    rooms: dict[str, list[str]] = {}
    for o in objects:
        rooms.setdefault(".".join(o.__module__.split(".")[:_ROOM]), []).append(f"::: {o.__module__}.{o.__qualname__}")
    return "\n\n".join(
        "\n\n".join((f"## {module.removeprefix('tfjslab.')}", _summary(importlib.import_module(module)), *names))
        for module, names in sorted(rooms.items())
    )


def _summary(o: Any) -> str:
    return _first_paragraph(inspect.getdoc(o) or "")


def _first_paragraph(doc: str) -> str:
    """In one line, with Markdown's marks for code."""
    return " ".join(doc.partition("\n\n")[0].split()).replace("``", "`")


# ---- pages -----------------------------------------------------------------------------------------------------


def python() -> str:
    """Public names, without those that the other pages have."""
    found = [getattr(tf, name) for name in dir(tf)]
    ours = [o for o in found if (inspect.isfunction(o) or inspect.isclass(o)) and o.__module__ != tf.__name__]
    return (
        "# Python\n\n`import tfjslab as tf`: the names below are `tf.NAME`, grouped by the module that defines them. "
        "Functions that run one op (`tf.add`, `tf.conv2d`) are on the page [Ops](ops.md), `tf.profiling` is on "
        f"[Profiles](profiling.md), `tf.vis` on [Charts](vis.md).\n\n{documented(ours)}"
    )


def namespaces() -> str:
    """What ``tf.image``, ``tf.io`` and the others hold."""
    rows = [(f"`tf.{n}`", code(dir(getattr(tf, n)))) for n in sorted([*NAMESPACES, "io"])]
    members = [o for n in (*NAMESPACES, "io") for o in _members(getattr(tf, n)) if o.__module__ != tf.__name__]
    told = ("The namespaces of TensorFlow.js. Those of its functions that run one op are on the page [Ops](ops.md); "
            "`tf.browser` is on [Browsers](browsers.md).")
    listed = table(("namespace", "functions"), rows)
    return f"# Namespaces\n\n{told}\n\n{listed}\n\n{documented(dict.fromkeys(members))}"


def tensorflow_js() -> str:
    """Every public name of TensorFlow.js, with its counterpart or the reason why it has none."""
    names = tfjs_names()
    here = [n for n in names if n.here]
    parts: dict[str, list[TfjsName]] = {}
    for n in here:
        parts.setdefault(n.namespace, []).append(n)
    told = (f"All public names of TensorFlow.js {version()}: {len(here)} of {len(names)} have a counterpart. Arguments "
            "stand in the same order and have the same defaults, with names in snake_case. "
            "Functions that end in `_async` are awaited; the others that TensorFlow.js awaits are not.")
    tables = [
        f"## {_title(space)}\n\n{table(('TensorFlow.js', 'here'), _pairs(found))}" for space, found in parts.items()
    ]
    because: dict[str, list[str]] = {}
    for n in names:
        if not n.here:
            because.setdefault(n.because, []).append(n.name)
    rows = [(code(missing), reason) for reason, missing in because.items()]
    others = [(code(d["names"].split()), d["here"], d["tfjs"]) for d in differences()]
    return "\n\n".join((
        f"# TensorFlow.js names\n\n{told}",
        f"## Differences\n\n{table(('TensorFlow.js', 'here', 'in TensorFlow.js'), others)}", *tables,
        f"## Not here\n\n{table(('TensorFlow.js', 'because'), rows)}",
    ))


def _title(namespace: str) -> str:
    return {"": "tf", TENSOR: "Methods of tensors"}.get(namespace, f"tf.{namespace}")


def _pairs(names: Iterable[TfjsName]) -> list[tuple[str, str]]:
    """Each name beside what it is called here, as it is written in a program."""
    return [(_written(n.name), _written(n.here)) for n in names]


def _written(name: str) -> str:
    return f"`x.{name.removeprefix(TENSOR + '.')}`" if name.startswith(f"{TENSOR}.") else f"`tf.{name}`"


def profiling() -> str:
    """What ``tf.profiling`` has."""
    return f"# Profiles\n\n`tf.profiling`: profiles as data.\n\n{documented(_members(tf.profiling))}"


def _members(module: Any) -> list[Any]:
    return [getattr(module, name) for name in dir(module)]


def vis() -> str:
    """All charts, by their registry, and what collects them."""
    rows = [(f"`tf.vis.{c.name}`", c.doc, c.takes) for c in registry.CHARTS]
    of_metrics = [o for o in vars(metrics).values() if inspect.isfunction(o) and o.__module__ == metrics.__name__
                  and not o.__name__.startswith("_")]
    functions = [*(c.function for c in registry.CHARTS), *of_metrics, tf.vis.Surface, tf.vis.Visor, visor]
    return (f"# Charts\n\n{_summary(tf.vis)}\n\n{table(('chart', 'what it shows', 'data'), rows)}\n\n"
            f"{documented(functions)}")


def views() -> str:
    """What there is to look at and explore."""
    shown = [o for o in _members(tf.views) if inspect.isfunction(o) or inspect.isclass(o)]
    return f"# Views\n\n{_summary(tf.views)}\n\n{documented(shown)}"


def browsers() -> str:
    """What measures in browsers, and what can run there."""
    shown = [o for o in _members(tf.browser) if inspect.isfunction(o) or inspect.isclass(o)]
    rows = [(f"`{p.name}`", p.text) for p in tf.browser.PROGRAMS.values()]
    return "\n\n".join((
        "# Browsers", _summary(tf.browser), documented(shown),
        "## Programs", table(("program", "what it is"), rows),
    ))


def command_line() -> str:
    """What ``--help`` prints, of every command."""
    parts = [f"## tfjslab {c.name}\n\n{c.summary}\n\n```text\n{_help(c.name)}```" for c in COMMANDS]
    return f"# Command line\n\n```text\n{_help()}```\n\n" + "\n\n".join(parts)


def _help(*command: str) -> str:
    shown = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _HELP_COLUMNS
    try:
        with contextlib.redirect_stdout(shown):
            main([*command, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        os.environ.update({} if before is None else {"COLUMNS": before})
    return shown.getvalue()


def backends() -> str:
    """Backends, flags and formats."""
    told = ("The highest priority that can run is chosen where nobody names a backend. Priority 0 is never chosen by "
            "itself. `tfjslab backends` tells which of them this machine has.")
    rows = [(f"`{b.name}`", b.doc, b.stands_for, str(b.priority)) for b in backend_registry.backends()]
    flags = [(f"`{f.name}`", f.doc) for f in tf.env()._flags.values()]  # noqa: SLF001 - their texts, not their values
    formats = [(f"`{f.name}`", f.doc, "yes" if f.write else "no") for f in FORMATS]
    return "\n\n".join((
        "# Backends and flags", told, table(("backend", "what runs", "stands for", "priority"), rows),
        "## Flags", "`tf.env().get(NAME)` and `tf.env().set(NAME, True)`.", table(("flag", "what it decides"), flags),
        "## Model formats", "A format that is recognised and cannot be read says so when a model is opened.",
        table(("format", "what it is", "can be written"), formats),
    ))


def passes() -> str:
    """Graph passes in their order."""
    told = ("In the order in which they run. An exact pass keeps every bit of the outputs; the others round weights "
            "once more.")
    rows = [(f"`{p.name}`", p.doc, "yes" if p.exact else "no") for p in PASSES.values()]
    targets = [(f"`{t.name}`", t.doc, code(sorted(t.activations))) for t in TARGETS.values()]
    return "\n\n".join((
        "# Graph passes", told, table(("pass", "what it does", "exact"), rows),
        "## Targets", table(("target", "who runs the result", "activations in fused ops"), targets),
    ))


def scenarios() -> str:
    """Scenarios, the rules of a recommendation, and the features of browsers that they speak of."""
    fields = ("target_latency_ms", "percentile", "memory_mb", "download_mb", "missing", "batch")
    rows = [(f"`{s.name}`", s.doc, *(_limit(getattr(s, f)) for f in fields)) for s in tf.decide.SCENARIOS.values()]
    limits = [(rule.name, rule.doc) for rule in tf.decide.LIMITS]
    known = [(f"`{f.name}`", f.doc, code(f.paths)) for f in tf.decide.FEATURES.values()]
    return "\n\n".join((
        "# Scenarios and rules", "What [`tf.recommend`](../guide/recommend.md) decides by.",
        table(("scenario", "what for", *(f.replace("_", " ") for f in fields)), rows),
        "## What a candidate must pass", table(("rule", "it passes where"), limits),
        "## Which of the others is chosen", table(("in this order", "rule"), tf.decide.ORDER),
        "## Features of browsers", table(("feature", "what it is", "in browser-compat-data"), known),
    ))


def _limit(value: object) -> str:
    return NOTHING if value in (None, ()) else code(value) if isinstance(value, tuple) else f"{value:g}"


def layers() -> str:
    """Layer classes that files may have, and how files of Keras 3 are read."""
    told = ("A model with such a layer, or with an unknown one, is refused. All of them are named at once, with their "
            "places in the model.")
    refused = [(f"`{name}`", reason) for name, reason in REFUSED.items()]
    return "\n\n".join((
        "# Layers", _LAYERS, code(sorted(all_layers())), "## Not read", told, table(("layer", "why"), refused),
    ))


_LAYERS = """A layers model is what TensorFlow.js saves, and what the converter writes of a Keras model. Its layers
become a graph, as inference runs them. Files of Keras 3 are read too, which TensorFlow.js 4.22 does not load:

- weights by the names of `.h5` files and by the places of `.keras` files (`layers/dense_1/vars/0`);
- operations as layers (`x + 1`, `x[:, 1:3]`, `keras.ops.mean`), with numbers, slices and arrays among their arguments;
- `hard_sigmoid` by the rule of the version that wrote the file: Keras 3 has `relu6(x + 3) / 6`, Keras 2 and
  TensorFlow.js have `clip(0.2 * x + 0.5, 0, 1)`;
- layers with a policy of mixed precision or float16 compute in float32, as every model does in TensorFlow.js. Keras
  rounds to float16 between its operations: its answers differ by that rounding, a thousandth or so.

These classes are read, those of layers and those of operations:"""


def ops() -> str:
    """All ops with what computes them."""
    told = ("Every op runs on every backend: where it has no kernel, numpy runs it on the host and profiles mark it. "
            "*Kernels* says where there is one; it may still refuse a dtype or a shape, and then gives the reason.")
    rows = [(_call(o), _first_paragraph(o.doc), code(f.op for f in o.tf) or NOTHING, _kernels(o))
            for o in all_ops().values()]
    return f"# Ops\n\n{told}\n\n{table(('op', 'what it computes', 'TensorFlow ops', 'kernels'), rows)}"


def _call(o: OpDef) -> str:
    """The op's name and, where it has an eager function, how that is called."""
    given = [*o.inputs, *(a.name if a.default is REQUIRED else f"{a.name}={a.default!r}" for a in o.attrs)]
    return f"**{o.name}**" + (f" `tf.{o.api}({', '.join(given)})`" if o.api else "")


def _kernels(o: OpDef) -> str:
    """An elementwise op has kernels wherever expressions become code, a fused one where its core has them."""
    core = CHAIN if o.expr else unfused(o.name)
    return ", ".join(t.kind for t in (WASM_TABLE, GPU_TABLE) if core in t.rows) or "host"


def tflite_operators() -> str:
    """Every operator of the schema of .tflite files, and custom ones that are read."""
    floats, integers = converters(), integer_converters()
    either = {*floats, *integers}
    known = [name for name in (*OPERATORS, *sorted(either - {*OPERATORS})) if name in either]
    told = ("*Floats* also stands for int32, int64 and truth values; *integers* are int8, uint8 and int16 as a file "
            "stores them. A file with others is refused with all of them and their places.")
    rows = [(f"`{name}`", *("yes" if name in found else NOTHING for found in (floats, integers))) for name in known]
    missing = [name for name in OPERATORS if name not in {*either, CUSTOM, "DENSIFY"}]
    return "\n\n".join((
        "# Operators of .tflite", told, table(("operator", "floats", "integers"), rows), "## Not read", code(missing),
    ))


PAGES: dict[str, Callable[[], str]] = {p.__name__: p for p in (
    python, namespaces, tensorflow_js, profiling, vis, views, browsers, command_line, backends, passes, ops, layers,
    tflite_operators,
    scenarios,
)}
