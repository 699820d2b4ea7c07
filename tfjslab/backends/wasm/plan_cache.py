"""Lowered graphs on disk, so that the second start of a model neither lowers, nor plans memory, nor writes kernels.

The key is a digest of all that lowering looks at: the graph with its attributes, shapes and small constants (shape
arithmetic and folding read those), the outputs, the variant and its threads, the code that lowers and the machine.
Large weights are not part of it: what was lowered by looking into them is not kept. The entry is JSON, never code; how
constants are laid out is told by name (``tfjslab.backends.wasm.text.packing``). What cannot be read is lowered again.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfjslab.backends.base import BufferLife, CommandInfo
from tfjslab.backends.flags import env
from tfjslab.backends.kernels.sources import sources_digest
from tfjslab.backends.wasm.builder import WasmConstant, WasmHostStep, WasmPlace
from tfjslab.backends.wasm.executable import Executable
from tfjslab.backends.wasm.run.engine import ENGINE_NAME
from tfjslab.backends.wasm.run.module_cache import read_entry, write_entry
from tfjslab.backends.wasm.text.packing import PACKERS, Packing
from tfjslab.backends.wasm.text.program import Segment
from tfjslab.backends.wasm.tuning import WasmTile, tuner
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError
from tfjslab.base.limits import RUN_LIMITS
from tfjslab.base.resources import contents
from tfjslab.base.version import __version__
from tfjslab.graph.ir import Graph
from tfjslab.graph.specialize import MAX_FOLDED_ELEMENTS, Specialized
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.wasm.backend import WasmBackend

_FORMAT = 1
_FLAGS = ("WASM_CALIBRATE", "WASM_STRASSEN", "WASM_WINOGRAD")  # those that lowering asks
# Lowering a few nodes takes less time than looking for them, and eager ops would fill the folder.
MIN_NODES = 8
_INLINE_BYTES = 1 << 16
# What of an executable is JSON as it is.
_PLAIN = ("module_key", "num_records", "threads", "scratch_bytes", "offsets", "peak_bytes", "lower_bound_bytes")
_ROOT = Path(__file__).parents[2]
_LOWER_FLOORS = ("base", "ops", "graph", "passes", "backends")


@lru_cache(maxsize=1)
def _code_digest() -> str:
    """Digest of the code on whose account a graph is lowered one way or another."""
    digest = hashlib.sha256(f"{__version__} {sources_digest('wasm')}".encode())
    for floor in _LOWER_FLOORS:
        for name, data in contents(_ROOT / floor, ".py"):
            digest.update(f"{floor}/{name}\0".encode())
            digest.update(data)
    return digest.hexdigest()


def plan_key(backend: WasmBackend, program: Specialized, outputs: Sequence[str]) -> str:
    """The digest of all that lowering depends on, but for the tiles chosen on this machine, which an entry lists."""
    graph = program.graph
    digest = hashlib.sha256(repr((
        _FORMAT, _code_digest(), ENGINE_NAME, backend.lanes.name, backend.threads, *map(bool, map(env().get, _FLAGS)),
        RUN_LIMITS.node_flops,
        tuple(outputs), [_port(program, p.value) for p in graph.inputs], sorted(program.static),
    )).encode())
    for part in _nodes(graph):
        digest.update(part)
    for name, array in graph.constants.items():
        small = array.size <= MAX_FOLDED_ELEMENTS
        digest.update(f"\0{name}\0{array.dtype.str}{array.shape}{small}\0".encode())
        if small:
            digest.update(array.tobytes() if array.dtype != object else repr(array.tolist()).encode())
    return digest.hexdigest()


def _port(program: Specialized, value: str) -> tuple[Any, ...]:
    spec = program.specs[value]
    return (value, spec.shape, spec.dtype, None if spec.value is None else _attribute(spec.value))


def _nodes(graph: Graph) -> Iterator[bytes]:
    for n in graph.nodes:
        attrs = [(k, _attribute(v)) for k, v in n.attrs.items()]
        yield repr((n.name, n.op, n.inputs, attrs, [*n.attr_inputs.items()], n.num_outputs, n.layer)).encode()


def _attribute(value: Any) -> Any:
    """What stands for an attribute in the key: repr() of a long array would leave values out."""
    return (value.dtype.str, value.shape, value.tolist()) if isinstance(value, np.ndarray) else value


def load(key: str, backend: WasmBackend, program: Specialized) -> Executable | None:
    """The entry for ``key``; None when there is none, it is damaged, or another tile would be chosen today."""
    data = read_entry(f"plan-{key}")
    if data is None:
        return None
    try:
        found = json.loads(data)
        tiles = {kind: WasmTile(**t) for kind, t in found["tiles"].items()}
        if not tuner(backend.lanes).agrees(tiles):
            return None
        return _decode(found, tiles, program)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def save(key: str, lowered: Executable) -> None:
    """Keep what was lowered, if it can be told as data."""
    constants = {slot: _encode_constant(c) for slot, c in lowered.constants.items()}
    if not lowered.keeps or None in constants.values():
        return
    entry = {name: getattr(lowered, name) for name in (*_PLAIN, "slots")} | {
        "segments": [_encode_segment(s) for s in lowered.segments], "constants": constants,
        "tiles": {kind: asdict(t) for kind, t in lowered.tiles.items()},
        # Text inside of text: it is parsed when somebody asks what the commands are.
        "commands": json.dumps([astuple(c) for c in lowered.describe()]),
    }
    write_entry(f"plan-{key}", json.dumps(entry).encode())


def _decode(found: Mapping[str, Any], tiles: Mapping[str, WasmTile], program: Specialized) -> Executable:
    nodes = {n.name: n for n in program.graph.nodes}

    def place(p: list[Any] | None, value: str) -> tuple[WasmPlace, Spec] | None:
        return None if p is None else (WasmPlace(p[0], p[1]), program.specs[value])

    def host(h: Mapping[str, Any] | None) -> WasmHostStep | None:
        if h is None:
            return None
        node = nodes[h["node"]]
        ins = tuple(place(p, v) for p, v in zip(h["inputs"], node.inputs, strict=True))
        outs = tuple(place(p, v) for p, v in zip(h["outputs"], node.outputs, strict=True))
        return WasmHostStep(node, ins, tuple(o for o in outs if o))

    commands = found["commands"]
    return Executable(
        **{name: found[name] for name in _PLAIN}, slots=tuple(found["slots"]), tiles=tiles,
        segments=tuple(Segment(s["export"], (s["first"], s["last"]), host(s["host"])) for s in found["segments"]),
        constants={s: _decode_constant(c, program) for s, c in found["constants"].items()},
        describe=lambda: _decode_commands(commands), text=_no_text, keeps=True,
    )


def _no_text() -> str:
    raise BackendError("a plan from the cache holds no text")


def _encode_segment(s: Segment) -> dict[str, Any]:
    host = None if s.host is None else {
        "node": s.host.node.name,
        "inputs": [astuple(i[0]) if isinstance(i, tuple) else None for i in s.host.inputs],
        "outputs": [astuple(place) for place, _ in s.host.outputs],
    }
    return {"export": s.export, "first": s.records[0], "last": s.records[1], "host": host}


def _encode_constant(c: WasmConstant) -> dict[str, Any] | None:
    """The recipe, or the bytes of small ones, which the key decides; None when it is neither."""
    if c.recipe is not None:
        value, how, packing = c.recipe
        return {"value": value, "how": how, "packer": packing.packer, "params": packing.params}
    block = c.make()
    if not isinstance(block, np.ndarray) or block.nbytes > _INLINE_BYTES:
        return None
    data = base64.b64encode(np.ascontiguousarray(block).tobytes()).decode()
    return {"data": data, "dtype": block.dtype.str, "shape": block.shape}


def _decode_constant(c: Mapping[str, Any], program: Specialized) -> WasmConstant:
    if "data" in c:
        raw = base64.b64decode(c["data"], validate=True)
        block = np.frombuffer(raw, np.dtype(c["dtype"])).reshape(c["shape"])
        return WasmConstant(("inline", c["dtype"], tuple(c["shape"]), raw), lambda: block, None)
    array, how = program.graph.constants[c["value"]], _tuples(c["how"])
    packing = Packing(c["packer"], _tuples(c["params"]))
    if packing.packer not in PACKERS:
        raise KeyError(packing.packer)
    make = _maker(packing, array)
    return WasmConstant(((c["value"], how), id(array)), make, array, (c["value"], how, packing))


def _maker(packing: Packing, array: Array) -> Callable[[], Any]:
    return lambda: packing(array)


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _decode_commands(text: str) -> tuple[CommandInfo, ...]:
    names = [f.name for f in fields(CommandInfo)]
    found = []
    for row in json.loads(text):
        values = {name: _tuples(v) for name, v in zip(names, row, strict=True)}
        values["buffers"] = tuple(BufferLife(*b) for b in values["buffers"])
        found.append(CommandInfo(**values))
    return tuple(found)
