"""``tfjslab inspect``: what a model is made of, which of its ops each backend leaves to the host, and its kernels."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from tfjslab import arguments as options
from tfjslab.backends import registry, rows
from tfjslab.base.errors import BackendError, BackendUnavailableError, InputError, UsageError
from tfjslab.base.text import NOTHING, count, scaled, shape
from tfjslab.cli import browsers, matrix
from tfjslab.cli.command import Command, Outcome
from tfjslab.cli.feeds import add_shape, sampled, shaped
from tfjslab.cli.file_facts import file_facts, show_file
from tfjslab.cli.models import add_model, open_model
from tfjslab.cli.output import print_report, print_table
from tfjslab.cli.progress import progress
from tfjslab.export import targets
from tfjslab.formats.stored import stored_bytes, stored_text
from tfjslab.graph.ir import Port
from tfjslab.model.coverage import coverage
from tfjslab.model.model import Model
from tfjslab.model.node_kernel import NodeKernel, node_kernel
from tfjslab.model.summary import overview
from tfjslab.profiling import files
from tfjslab.views import graph, save_node_data

_COMMENTS = {"wat": ";;", "wgsl": "//"}  # how a line of comment begins, by the suffix of a kernel's source


def _configure(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    options.add_backend(parser, many=True)
    options.add_adapter(parser)
    add_shape(parser)
    parser.add_argument("--matrix", action="store_true",
                        help="show ops by backends: what are kernels, and each step left to the host with its reason")
    parser.add_argument("--target", metavar="T[,T]", action="append", default=[],
                        help=f"what these would refuse in the model: {', '.join(targets.NAMES)}; or all")
    browsers.configure(parser)
    parser.add_argument("--kernel", metavar="NODE",
                        help="show the generated text of the kernels that compute this node on one backend instead")
    parser.add_argument("--graph", metavar="FILE", help="write the graph as a page to explore (.html)")
    parser.add_argument("--node-data", metavar="FILE",
                        help="write FLOPs, or with --profile times, of nodes as JSON for Model Explorer")
    parser.add_argument("--profile", metavar="FILE",
                        help="a profile of the model (of tfjslab profile --json), for --graph and --node-data")


def _run(args: argparse.Namespace) -> Outcome:
    return _overview(args) if args.kernel is None else _kernel(args)


def _overview(args: argparse.Namespace) -> Outcome:
    wanted = matrix.chosen_targets(args.target)
    names = [r.name for r in rows.ROWS if not r.alias_of] if args.backend is None else (
        options.chosen_backends(args.backend))
    with progress() as report, open_model(args.model, "cpu", None, report, real=args.real_weights) as model:
        ports = shaped(model.inputs, args.shape)
        facts = overview(model.graph.with_inputs(ports))
        data = {
            "model": args.model,
            "inputs": _ports(model, model.inputs),
            "outputs": _ports(model, model.outputs),
            "nodes": facts.nodes,
            "ops": facts.ops,
            "parameters": facts.parameters,
            "flops": facts.flops,
            "weight_bytes": facts.weight_bytes,
            "file_bytes": stored_bytes(model.graph),
            "stored": stored_text(model.graph),
            "backends": [_coverage(model, name, ports) for name in names],
            "targets": [matrix.target_row(model, name, ports) for name in wanted],
            "file": file_facts(model.graph.metadata),
        }
        data["matrix"] = matrix.matrix(facts.ops, data["backends"])
        found = browsers.found(args, model, ports)
        data["browsers"] = found and found.to_json()
        if args.graph or args.node_data:
            _write_views(args, model, ports)

    def show(console: Console) -> None:
        _show(console, data, matrix_too=args.matrix)
        if found is not None:
            print_report(console, found)

    return Outcome(data, show)


def _write_views(args: argparse.Namespace, model: Model, ports: Sequence[Port]) -> None:
    """The graph with what is known of its nodes, on the first backend that is named."""
    backend = None if args.backend is None else options.chosen_backends(args.backend)[0]
    profile = None if args.profile is None else files.load(args.profile)
    shapes = {p.name: tuple(filter(None, p.shape)) for p in ports if p.shape and None not in p.shape}
    with Model(model.graph, backend, name=model.name) as there:
        view = graph(there, profile, shapes=shapes)
    if args.graph:
        view.save(args.graph)
    if args.node_data:
        save_node_data(view, args.node_data)


def _kernel(args: argparse.Namespace) -> Outcome:
    names = [registry.get_backend()] if args.backend is None else options.chosen_backends(args.backend)
    if len(names) > 1:
        raise UsageError(f"--kernel shows one backend; --backend names {len(names)}: {', '.join(names)}")
    with progress() as report, open_model(args.model, names[0], None, report, real=args.real_weights) as model:
        found = node_kernel(model, sampled(shaped(model.inputs, args.shape)), args.kernel)
    data = {"node": found.node, "kernel": found.kernel, "backend": found.backend,
            "functions": [asdict(f) for f in found.functions]}
    return Outcome(data, lambda console: _show_kernel(console, found))


def _show_kernel(console: Console, found: NodeKernel) -> None:
    """The text as a compiler takes it; all that is said about it stands in comments."""
    if not found.functions:
        console.print(f"{found.node} on {found.backend}: {found.kernel} shares the bytes of its input, nothing runs")
        return
    mark = _COMMENTS[found.functions[0].source.rpartition(".")[2]]
    title = f"{found.node} on {found.backend}: {found.kernel} as {len(found.functions)} function(s)"
    lines = [title, f"computes {', '.join(found.nodes)}"]
    for f in found.functions:
        lines += [f"{f.name}, rendered from kernels/{f.source}", *(f"  {k} = {v}" for k, v in f.parameters.items())]
        for line in lines:
            console.print(f"{mark} {line}", soft_wrap=True)
        console.print(f.text, soft_wrap=True)
        lines.clear()


def _ports(model: Model, ports: Sequence[Port]) -> list[dict[str, Any]]:
    """What is declared of each; of quantized ones also which real numbers the integers stand for."""
    quantized = model.graph.metadata.get("quantization", {})
    return [{"name": p.name, "shape": None if p.shape is None else list(p.shape), "dtype": p.dtype or None,
             **quantized.get(p.name, {})} for p in ports]


def _dtype(port: dict[str, Any]) -> str:
    """Such as ``float32``, or ``int8, 0.5 x (q - 3)``."""
    text = port["dtype"] or NOTHING
    return f"{text}, {port['scale']:.6g} x (q - {port['zero_point']})" if "scale" in port else text


_COUNTED = ("fallback", "compiled_later")  # by op, of a backend's row


def _coverage(model: Model, backend: str, ports: Sequence[Port]) -> dict[str, Any]:
    """What falls back on one backend; None with a reason where that cannot be found out."""
    row: dict[str, Any] = {"name": backend, "available": registry.availability(backend).available, "reason": "",
                           "kernels": None, "fallback": None, "fallback_reasons": None, "compiled_later": None,
                           "host_steps": None, "in_kernels": None, "control": None}
    try:
        with Model(model.graph, backend) as there:
            found = coverage(there, sampled(ports))
    except (BackendUnavailableError, BackendError, InputError) as e:
        return {**row, "reason": str(e)}
    return {**row, "kernels": found.kernels, "fallback": dict(found.fallback), "fallback_reasons": dict(found.reasons),
            "compiled_later": dict(found.later), "host_steps": [asdict(step) for step in found.host],
            "in_kernels": dict(found.in_kernels), "control": dict(found.control)}


def _show(console: Console, data: dict[str, Any], *, matrix_too: bool) -> None:
    flops = "depends on the data" if data["flops"] is None else scaled(data["flops"])
    files = f" ({scaled(data['file_bytes'], 'B')} in files, as {data['stored']})" if data["stored"] else ""
    console.print(
        f"{data['model']}: {data['nodes']} nodes, {scaled(data['parameters'])} parameters, "
        f"{scaled(data['weight_bytes'], 'B')} of weights{files}, FLOPs of one run: {flops}",
    )
    for title in ("inputs", "outputs"):
        rows = [(p["name"], _dtype(p), shape(p["shape"])) for p in data[title]]
        print_table(console, title.capitalize(), ("name", "dtype", "shape"), rows, left=3)
    if matrix_too:
        matrix.show_matrix(console, data)
    else:
        print_table(console, "Ops", ("op", "nodes"), list(data["ops"].items()))
    if data["file"]:
        show_file(console, data["file"], data["nodes"])
    print_table(console, "Backends", ("backend", "kernels", "left to the host", "compiled later"), [
        (b["name"], count(b["kernels"]), *(NOTHING if b[k] is None else sum(b[k].values()) for k in _COUNTED))
        for b in data["backends"]
    ])
    for line, backends in _explanations(data["backends"]).items():
        console.print(f"{', '.join(backends)}: {line}")
    matrix.show_targets(console, data["targets"])


def _explanations(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Why something is left to the host or unknown, with the backends of which that is true."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["reason"]:
            found.setdefault(row["reason"], []).append(row["name"])
        reasons = row["fallback_reasons"] or {}
        for reason in dict.fromkeys(reasons.values()):
            listed = ", ".join(f"{op} x{row['fallback'][op]}" for op in sorted(reasons) if reasons[op] == reason)
            found.setdefault(f"on the host, because {reason}: {listed}", []).append(row["name"])
        if row["compiled_later"]:
            listed = ", ".join(f"{op} x{n}" for op, n in row["compiled_later"].items())
            found.setdefault(f"compiled when a run has found the shapes: {listed}", []).append(row["name"])
    return found


COMMAND = Command(
    "inspect", "Show what a model is made of, and which of its ops each backend leaves to the host.",
    ("tfjslab inspect mobilenet_v2", "tfjslab inspect path/to/model.json --backend wasm-simd --json facts.json",
     "tfjslab inspect mobilenet_v2 --matrix --target tfjs-wasm,tflite,web-module",
     "tfjslab inspect mobilenet_v2 --browsers --isolated", "tfjslab inspect digits --browsers --audience visits.csv",
     "tfjslab inspect mobilenet_v2 --graph graph.html --node-data flops.json",
     "tfjslab inspect mobilenet_v2 --kernel Conv1/Relu6 --backend wasm-simd"),
    _configure, _run,
)
