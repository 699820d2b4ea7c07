"""The files of a web module's folder: what is written, from templates under ``files``."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from tfjslab.backends.wasm import faults
from tfjslab.backends.wasm.run.engine import module_bytes
from tfjslab.base.messages import escaped, visible
from tfjslab.base.shapes import size_of
from tfjslab.base.version import __version__
from tfjslab.export.web.lowered import MOST_THREADS
from tfjslab.export.web.module import WebModule
from tfjslab.export.web.plan import WebProgram
from tfjslab.export.web.variants import RELAXED, RELAXED_DOT, Variant
from tfjslab.export.web.weights import checksum
from tfjslab.monitoring import batch
from tfjslab.monitoring.histogram import BUCKET_RULE

FORMAT = 1  # of the folder: raised when a loader of one version could not read another's
WEIGHTS, KERNELS = "weights.bin", "kernels.json"
SIGNATURE = "as WebAssembly, by tfjslab "  # in the first line of model.js
REPORTS = ("report.json", "report.html")  # added when the folder is tried out; they hold times, which differ each time
_SCRIPTS = ("worker.js", "picture.js", "profile.js", "metrics.js", "model.d.ts", "demo.js", "demo-view.js", "demo.css")


@dataclass(frozen=True)
class Built:
    """A variant as it is written: its row of the table, its text, its bytes."""

    variant: Variant
    module: WebModule
    code: bytes
    kernels: tuple[tuple[str, str], ...]

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"model-{self.variant.name}.wasm"


def build(variant: Variant, module: WebModule, kernels: Sequence[tuple[str, str]]) -> Built:
    """Assemble a variant's text."""
    return Built(variant, module, module_bytes(module.text), tuple(kernels))


def folder_files(name: str, web: WebProgram, built: Sequence[Built], weights: bytes) -> dict[str, bytes]:
    """Every file by name. The same model, options and version give the same bytes."""
    kernels = _json({b.variant.name: b.kernels for b in built})
    described = _described(name, web, built, weights, len(kernels))
    texts = {"model": visible(name), "version": __version__, "format": str(FORMAT),
             "inputs": _ports(described["inputs"]), "outputs": _ports(described["outputs"]), **_metrics()}
    quantized = bool(web.quantization)
    texts["quantization"] = _text("quantization.d.ts") if quantized else ""
    in_comments = {**texts, "model": texts["model"].replace("*/", "* /")}
    found = {f: _filled(_text(f), in_comments).encode() for f in _SCRIPTS}
    found["index.html"] = _page(name, built).encode()
    found["README.md"] = _filled(_text("readme.md"), {**texts, "model": escaped(name)}).encode()
    found["NOTICE"] = _filled(_text("notice.txt"), texts).encode()
    loader = _model_js(name, described, built, resets=bool(web.states))
    found["model.js"] = "\n".join([loader, *([_text("quantization.js")] if quantized else [])]).encode()
    found["package.json"] = _package(name, [*found, *(b.file for b in built), WEIGHTS, KERNELS]).encode()
    return {**found, KERNELS: kernels, WEIGHTS: weights, **{b.file: b.code for b in built}}


def _described(
    name: str, web: WebProgram, built: Sequence[Built], weights: bytes, kernels: int,
) -> dict[str, Any]:
    """What the loader has to know: the table ``MODEL`` of model.js."""
    def ports(found: Any) -> list[dict[str, Any]]:
        return [{"name": p.name, "shape": p.shape, "dtype": p.dtype, "size": size_of(p.shape), **_scale(web, p)}
                for p in found]

    return {
        "name": name,
        "inputs": [{**p, "picture": f'"picture{i}"' in built[0].module.text} for i, p in enumerate(ports(web.inputs))],
        "outputs": ports(web.outputs), "maxThreads": MOST_THREADS, "kernels": kernels,
        "weights": {"file": WEIGHTS, "bytes": len(weights), "hash": checksum(weights).lstrip("0") or "0"},
        "variants": {b.variant.name: _variant(web, b) for b in built},
    }


def _metrics() -> dict[str, str]:
    """What metrics.js has to know of the form in which collectors take what it tells."""
    return {"schema": str(batch.SCHEMA), "bucket_rule": json.dumps(BUCKET_RULE), "most_name": str(batch.MOST_NAME),
            "most_message": str(batch.MOST_MESSAGE), "most_kinds": str(batch.MOST_KINDS)}
def _scale(web: WebProgram, port: Any) -> dict[str, Any]:
    """What the integers of a port stand for, where they are quantized."""
    found = web.quantization.get(port.name)
    return {"quantization": {"scale": found["scale"], "zeroPoint": found["zero_point"]}} if found else {}


def _variant(web: WebProgram, b: Built) -> dict[str, Any]:
    at = b.module.layout
    return {
        "file": b.file, "bytes": len(b.code), "probes": [_probe(p) for p in _probes(b)],
        "threaded": b.module.threaded, "end": at.end, "scratchBytes": at.scratch_bytes, "weightsAt": at.file,
        "stamps": at.stamps, "records": b.module.records,
        "inputs": [at.slots[f"in:{p.value}"] for p in web.inputs],
        "outputs": [at.slots[f"out:{p.value}"] for p in web.outputs],
        "lengths": {i: at.slots[f"out:{v}"] for i, v in enumerate(web.lengths) if v},
    }


def _probes(b: Built) -> tuple[str, ...]:
    """What the engine must know: what the variant says, and relaxed SIMD where its kernels use it."""
    more = {"relaxed_": RELAXED, "relaxed_dot_": RELAXED_DOT}
    return (*b.variant.probes, *(probe for used, probe in more.items() if used in b.module.text))


@lru_cache
def _probe(text: str) -> str:
    return base64.b64encode(module_bytes(text)).decode()


def _model_js(name: str, described: Mapping[str, Any], built: Sequence[Built], *, resets: bool) -> str:
    """The loader behind its table. Addresses of files are literals, so that bundlers find them."""
    listed = [*(b.file for b in built), WEIGHTS, KERNELS]
    urls = "\n".join(f"  '{f}': new URL('./{f}', import.meta.url)," for f in listed)
    head = f"// {json.dumps(name)} {SIGNATURE}{__version__}. Folder format {FORMAT}; see README.md."
    table = json.dumps(described, separators=(",", ":"))
    told = _told(built)
    loader = _filled(_text("model.js"), {"reset": "reset: () => live().reset()," if resets else ""})
    return f"{head}\nexport const MODEL = {table};\nconst FILES = {{\n{urls}\n}};\n{told}\n{loader}"


def _told(built: Sequence[Built]) -> str:
    """The loader's words for a run that stopped; those for wrong values only where kernels look at values."""
    if not any(faults.WRITES in b.module.text for b in built):
        return "const told = ({ message }) => `the module stopped: ${message}`;\n"
    return f"const CHECKS = {json.dumps(faults.TEXTS)};\n{_text('checks.js')}"


def _page(name: str, built: Sequence[Built]) -> str:
    """The page that tries the model, with a choice of the variants that were written."""
    choices = "\n".join(
        f'      <label><input type="radio" name="variant" value="{b.variant.name}"> <b>{b.variant.name}</b>'
        f" <span>{escaped(b.variant.doc)}</span></label>" for b in built
    )
    return _filled(_text("index.html"), {
        "model": escaped(name), "version": __version__, "variants": choices, "threads": str(MOST_THREADS),
    })


def _package(name: str, listed: Sequence[str]) -> str:
    plain = "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-") or "model"
    return json.dumps({
        "name": f"{plain}-web", "version": "1.0.0", "description": f"{name} as WebAssembly, without TensorFlow.js",
        "type": "module", "exports": "./model.js", "types": "./model.d.ts", "sideEffects": False,
        "files": sorted({*listed, "package.json"}),
    }, indent=2) + "\n"


def _ports(ports: Sequence[Mapping[str, Any]]) -> str:
    shapes = (" x ".join(map(str, p["shape"])) or "scalar" for p in ports)
    rows = (f"| {_code(p['name'])} | {shape} | {_stands_for(p)} |" for p, shape in zip(ports, shapes, strict=True))
    return "\n".join(("| name | shape | dtype |", "| --- | --- | --- |", *rows))


def _code(name: str) -> str:
    """A name in Markdown as code, where nothing in it ends the cell or is HTML."""
    shown = visible(name)
    if not set("`|<&") & set(shown):
        return f"`{shown}`"
    inside = html.escape(shown).replace("|", "&#124;").replace("`", "&#96;")
    return f"<code>{inside}</code>"


def _stands_for(port: Mapping[str, Any]) -> str:
    found = port.get("quantization")
    return f"{port['dtype']}, for {found['scale']:.6g} * (x - {found['zeroPoint']})" if found else str(port["dtype"])


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _filled(text: str, values: Mapping[str, str]) -> str:
    """``text`` with every ``{{key}}`` replaced."""
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    return text


@lru_cache
def _text(name: str) -> str:
    return (files("tfjslab.export.web") / "files" / name).read_text(encoding="utf-8")
