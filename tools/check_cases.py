"""Runs cases with known answers through a model reader and a backend, and tells which differ.

    python tools/check_cases.py FOLDER --kind ops,layers,keras3 --backends cpu,wasm-simd,webgpu
    python tools/check_cases.py FOLDER --kind ops --only 'Conv2D*' --verbose

FOLDER holds ``ops.jsonl`` (graph models of one op, a line each, with what TensorFlow.js answers) and the folders
``layers`` and ``keras3`` (a model a folder, ``io.json`` with inputs and answers). Where TensorFlow.js itself gives an
error, any array and any typed error will do. Cases in which TensorFlow.js is known to be wrong are listed in
``tools/known_differences.json`` with the rule that is followed instead.
"""

from __future__ import annotations

import argparse
import base64
import fnmatch
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tfjslab as tf
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import TfjslabError

KINDS = ("ops", "layers", "keras3")
KNOWN = Path(__file__).with_name("known_differences.json")
RELATIVE, ABSOLUTE = 1e-4, 1e-5  # of the largest value, as for whole models
MEANS_APART = 0.5  # standard deviations between the means of random values
_NUMPY = {"float32": "<f4", "int32": "<i4", "bool": "?"}


@dataclass(frozen=True, eq=False)
class Case:
    """One model with inputs and answers; ``answers`` is None where the other side gives an error."""

    kind: str
    name: str
    folder: Path
    inputs: Any
    outputs: list[str] | None
    answers: list[Array] | None
    error: str = ""
    statistical: bool = False


def decoded(value: Mapping[str, Any]) -> Array:
    """An array as the case files hold it: text and complex numbers as ``values``, other numbers in base64."""
    if value["dtype"] == "complex64":
        return np.array(value["values"], np.float32).view(np.complex64).reshape(value["shape"])
    if value["dtype"] == "string":
        return np.array(value["values"], object).reshape(value["shape"])
    found = np.frombuffer(base64.b64decode(value["b64"]), _NUMPY[value["dtype"]])
    return found.reshape(value["shape"])


def op_cases(folder: Path, scratch: Path) -> Iterator[Case]:
    """Graph models of one op; each is written to ``scratch`` as TensorFlow.js would have it."""
    for i, line in enumerate((folder / "ops.jsonl").read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        where = scratch / str(i)
        where.mkdir()
        (where / "w.bin").write_bytes(base64.b64decode(row["weights"]))
        document = {"format": "graph-model", "modelTopology": row["modelTopology"],
                    "weightsManifest": [{"paths": ["w.bin"], "weights": row["weightSpecs"]}]}
        if row["signature"]:
            document["signature"] = row["signature"]
        (where / "model.json").write_text(json.dumps(document), encoding="utf-8")
        told = row["tfjs"]
        odd = "error" in told or any(None in o["shape"] for o in told["outputs"])  # a shape that is none
        answers = None if odd else [decoded(o) for o in told["outputs"]]
        yield Case("ops", row["name"], where, {n: decoded(v) for n, v in row["inputs"].items()}, row["outputs"],
                   answers, str(told.get("error", "")), row["check"] == "stat")


def layer_cases(kind: str, folder: Path) -> Iterator[Case]:
    """Layers models, inputs and answers in order."""
    for where in sorted((folder / kind).iterdir()):
        io = json.loads((where / "io.json").read_text(encoding="utf-8"))
        yield Case(kind, where.name, where, [decoded(v) for v in io["inputs"]], None,
                   [decoded(v) for v in io["outputs"]])


def all_cases(folder: Path, kinds: list[str], scratch: Path) -> Iterator[Case]:
    """Every case of the kinds."""
    for kind in kinds:
        yield from op_cases(folder, scratch) if kind == "ops" else layer_cases(kind, folder)


def answers_of(case: Case, backend: str) -> list[Array]:
    """What this package answers."""
    with tf.load_model(case.folder, backend=backend) as model:
        inputs = case.inputs
        if isinstance(inputs, list):
            inputs = dict(zip((p.name for p in model.inputs), inputs, strict=True))
        found = model.execute(inputs, case.outputs or [p.name for p in model.outputs])
        found = found if isinstance(found, list) else [found]
        return [np.asarray(f.numpy() if hasattr(f, "numpy") else f) for f in found]


def difference(case: Case, found: list[Array]) -> str:
    """What differs, or ""."""
    expected = case.answers or []
    if len(found) != len(expected):
        return f"{len(found)} outputs; expected {len(expected)}"
    return next(filter(None, (_difference(case, f, e) for f, e in zip(found, expected, strict=True))), "")


def _difference(case: Case, found: Array, expected: Array) -> str:
    if found.shape != expected.shape:
        return f"shape {list(found.shape)}; expected {list(expected.shape)}"
    if found.dtype.kind != expected.dtype.kind:
        return f"dtype {found.dtype}; expected {expected.dtype}"
    if case.statistical:
        same = abs(found.mean() - expected.mean()) < MEANS_APART * (expected.std() or 1)
    elif expected.dtype.kind in "fc":
        same = _close(found, expected)
    else:
        same = np.array_equal(found, expected)
    return "" if same else f"{_short(found)}; expected {_short(expected)}"


def _close(found: Array, expected: Array) -> bool:
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return False
    scale = float(np.max(np.abs(expected[finite]), initial=0))
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(found[finite] - expected[finite]) <= RELATIVE * scale + ABSOLUTE))


def _short(a: Array) -> str:
    return np.array2string(a, threshold=8, edgeitems=3).replace("\n", "")


def outcome(case: Case, backend: str) -> tuple[str, str]:
    """``ok``, ``wrong``, ``refused``, ``untyped`` or ``their error``, with what there is to say."""
    try:
        found = answers_of(case, backend)
    except TfjslabError as e:
        return ("their error", str(e)) if case.answers is None else ("refused", f"{e.code}: {e}")
    except Exception as e:  # noqa: BLE001 - that no other error reaches a user is what is tested
        return "untyped", f"{type(e).__name__}: {e}"
    if case.answers is None:
        return "their error", f"{_short(found[0]) if found else ''} (TensorFlow.js: {case.error})"
    text = difference(case, found)
    return ("wrong", text) if text else ("ok", "")


def main() -> None:
    """Run the cases and print what is not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", default=",".join(KINDS))
    parser.add_argument("--backends", default="cpu")
    parser.add_argument("--only", default="*", help="a pattern of case names")
    parser.add_argument("--verbose", action="store_true", help="also the cases in which TensorFlow.js gives an error")
    args = parser.parse_args()
    known = json.loads(KNOWN.read_text(encoding="utf-8")) if KNOWN.is_file() else {}
    failed = 0
    for backend in args.backends.split(","):
        counts: Counter[tuple[str, str]] = Counter()
        with tempfile.TemporaryDirectory() as scratch:
            for case in all_cases(args.folder, args.kind.split(","), Path(scratch)):
                if not fnmatch.fnmatch(case.name, args.only):
                    continue
                result, text = outcome(case, backend)
                name = case.name if case.kind == "ops" else f"{case.kind}/{case.name}"
                if result == "wrong" and name in known:
                    result, text = "known", known[name]
                counts[case.kind, result] += 1
                bad = result in ("wrong", "refused", "untyped")
                failed += bad
                if bad or (args.verbose and result != "ok"):
                    sys.stdout.write(f"{backend} {case.kind} {case.name}: {result}: {text[:300]}\n")
        for (kind, result), n in sorted(counts.items()):
            sys.stdout.write(f"{backend} {kind}: {result} {n}\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
