"""Writes what TensorFlow.js has, by backend, from an npm folder: tfjslab/targets/tfjs.json.

    python tools/tfjs_facts.py FOLDER            # writes the file
    python tools/tfjs_facts.py FOLDER --refused  # and lists the cases of our ops that TensorFlow.js refuses

FOLDER holds ``node_modules`` with @tensorflow/tfjs and its backends wasm, webgl and webgpu. Kernels are read from the
packages' sources, and so are the arguments that have to be float32. Which kernels an op asks for is seen by running the
cases of our registry in Node. Rules about attributes are no data: they stand in ``tfjslab/targets/tfjs.py``, and
``--refused`` is what to hold them against.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfjslab.base.closing import Closing
from tfjslab.base.errors import TfjslabError
from tfjslab.bench.peers.process import Peer, PeerError
from tfjslab.cli.progress import progress
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.ops.conformance import Check, cases

TARGET = Path(__file__).parents[1] / "tfjslab" / "targets" / "tfjs.json"
SCRIPT = Path(__file__).with_suffix(".mjs")
BACKENDS = ("cpu", "wasm", "webgl", "webgpu")
_FILE = re.compile(r"from '\./kernels/(\w+)'")
_NAMED = re.compile(r"kernelName: (\w+)|create\w+KernelConfig\((\w+)")
_CONVERTER_OP = re.compile(r"'tfOpName': '(\w+)'")
_RUN = re.compile(r"runKernel\((\w+),")
_ARGUMENT = re.compile(r"convertToTensor\([^,]+, '\w+', [^,)]+(?:, '(\w+)')?\)")
_DTYPES = ("float32", "int32", "bool")
_RUN_ON = ("cpu", "wasm")
_START_SECONDS, _CASE_SECONDS = 60.0, 10.0
_NO_OPS = frozenset({"Placeholder", "Const", "Identity"})


def package(folder: Path, name: str) -> Path:
    """Where npm put a package."""
    return folder / "node_modules" / "@tensorflow" / name


def versions(folder: Path) -> dict[str, str]:
    """The packages that the facts are about."""
    names = ("tfjs", "tfjs-converter", *(f"tfjs-backend-{b}" for b in BACKENDS))
    return {n: json.loads((package(folder, n) / "package.json").read_text())["version"] for n in names}


def kernels(folder: Path) -> dict[str, list[str]]:
    """The backends that register each kernel."""
    found = defaultdict(list)
    for backend in BACKENDS:
        dist = package(folder, f"tfjs-backend-{backend}") / "dist"
        for name in _FILE.findall((dist / "register_all_kernels.js").read_text()):
            source = (dist / "kernels" / f"{name}.js").read_text()
            named = _NAMED.search(source)
            found[named.group(1) or named.group(2) if named else name].append(f"tfjs-{backend}")
    return dict(sorted(found.items()))


def converter_ops(folder: Path) -> list[str]:
    """The ops that a graph model may have."""
    lists = (package(folder, "tfjs-converter") / "dist" / "operations" / "op_list").glob("*.js")
    return sorted({name for path in lists for name in _CONVERTER_OP.findall(path.read_text())})


def float_places(folder: Path) -> dict[str, list[int]]:
    """The places of the arguments that a kernel's op takes in float32 only, those of kernels that have such."""
    found = {}
    for path in sorted((package(folder, "tfjs-core") / "dist" / "ops").rglob("*.js")):
        if path.name.endswith("_test.js"):
            continue
        text = path.read_text()
        places = [i for i, dtype in enumerate(_ARGUMENT.findall(text)) if dtype == "float32"]
        for kernel in set(_RUN.findall(text)) if places else ():
            found[kernel] = places
    return dict(sorted(found.items()))


def graph_of(check: Check) -> Graph:
    """A case as a graph of one node."""
    names = [f"x{i}" for i in range(len(check.inputs))]
    ports = [Port(n, n, x.shape, t.dtype)
             for n, x, t in zip(names, check.inputs, check.case.inputs, strict=True)]
    count = check.op.outputs_of(check.attrs, len(names)) or 1
    node = Node("y", check.op.name, tuple(names), dict(check.attrs), num_outputs=count)
    outputs = tuple(Port(f"out{i}", v, None, "") for i, v in enumerate(node.outputs))
    return Graph(tuple(ports), outputs, (node,))


def written(folder: Path) -> Iterator[tuple[Check, str, Path]]:
    """The cases that a file can hold, each with the op that stands there, and its folder."""
    for i, check in enumerate(cases()):
        if not all(isinstance(x, np.ndarray) and t.dtype in _DTYPES
                   for x, t in zip(check.inputs, check.case.inputs, strict=True)):
            continue
        where = folder / str(i)
        try:
            save_graph_model(graph_of(check), where)
        except TfjslabError:
            continue
        nodes = json.loads((where / "model.json").read_text())["modelTopology"]["node"]
        ops = {n["op"] for n in nodes} - _NO_OPS
        if len(ops) == 1:
            given = [{"name": f"x{j}", "shape": x.shape, "dtype": t.dtype, "values": np.nan_to_num(x).ravel().tolist()}
                     for j, (x, t) in enumerate(zip(check.inputs, check.case.inputs, strict=True))]
            (where / "inputs.json").write_text(json.dumps(given))
            yield check, ops.pop(), where


@dataclass
class Tried(Closing):
    """TensorFlow.js in a program that is started anew behind a case that trapped, or that never ends."""

    folder: Path
    _peer: Peer | None = None

    def ask(self, where: Path, backend: str) -> dict[str, Any]:
        """What a case did: the ``kernels`` that it asked for, and why it was ``refused`` if it was.

        Raises PeerError when TensorFlow.js cannot be started: that is no answer to a case.
        """
        self._peer = self._peer or Peer(("node", str(SCRIPT), str(self.folder)), "TensorFlow.js", _START_SECONDS)
        try:
            row = self._peer.ask("try", folder=str(where), backend=backend, timeout_s=_CASE_SECONDS)
        except PeerError as e:
            row = {"refused": str(e), "kernels": [], "trap": True}
        if row.get("trap"):  # a module that trapped gives nothing but errors afterwards
            self.close()
        return row

    def close(self) -> None:
        """End the program."""
        if self._peer:
            self._peer.close()
            self._peer = None


def seen(folder: Path, scratch: Path) -> list[tuple[Check, str, dict[str, Any]]]:
    """What each case did on cpu and wasm."""
    made, found = list(written(scratch)), []
    with Tried(folder) as tried, progress() as tell:
        for i, (check, op, where) in enumerate(made):
            tell("cases", i, len(made))
            found.append((check, op, {b: tried.ask(where, b) for b in _RUN_ON}))
    return found


def needs(found: list[tuple[Check, str, dict[str, Any]]]) -> dict[str, list[str]]:
    """The kernels that every case of a TensorFlow op has asked for."""
    asked: dict[str, set[str]] = {}
    for _, op, row in found:
        if "refused" not in row["cpu"]:
            asked[op] = asked.get(op, set(row["cpu"]["kernels"])) & set(row["cpu"]["kernels"])
    return {op: sorted(names - {"Identity"}) for op, names in sorted(asked.items())}


def main() -> int:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--refused", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = seen(args.folder, Path(scratch))
    facts = {
        "made_on": dt.datetime.now(dt.UTC).date().isoformat(), "packages": versions(args.folder),
        "converter_ops": converter_ops(args.folder), "kernels": kernels(args.folder), "needs": needs(found),
        "float32_places": float_places(args.folder),
    }
    text = ",\n".join(f'"{k}": {json.dumps(v, separators=(",", ":"))}' for k, v in facts.items())
    TARGET.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    lines = [f"{TARGET.name}: {len(facts['kernels'])} kernels, {len(facts['needs'])} ops seen in {len(found)} cases"]
    if args.refused:
        lines += [f"{check.name} ({op}) on {backend}: {row[backend]['refused']}; {dict(check.attrs)}"
                  for check, op, row in found for backend in _RUN_ON if "refused" in row[backend]]
    sys.stdout.write("\n".join([*lines, ""]))
    return 0


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
