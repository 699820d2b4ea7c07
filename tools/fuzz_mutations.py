"""Changes to model files that know their structure: the numbers, places and names that a reader acts on.

A mutated file is made of a file, a random number generator and nothing else, so that a seed gives it again. ``keep``
are the numbers of the changes that are made, of at most `MOST_CHANGES`: those that a failure needs.
"""

from __future__ import annotations

import contextlib
import copy
import json
import random
import struct
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tfjslab.base.errors import TfjslabError
from tfjslab.formats.tflite import file as tflite_file
from tfjslab.formats.tflite.flatbuffer import Bytes, Kind

JSON_FILE = "model.json"
MOST_CHANGES = 16
ALL = range(MOST_CHANGES)
_MANIFEST = "weightsManifest"
_LONGEST = 3000  # times that an element is repeated
_DEEPEST = 220  # a little beyond what readers allow
_WORDS = 32  # of a vector, how many are places to change
_WHOLE_NUMBERS = (
    0, 1, 2, 3, 7, -1, -2, 255, 256, 65535, 2**20, 2**24, 2**31 - 1, 2**31, -(2**31), 2**32, 2**40, 2**53, 2**62,
    2**63, 10**30, -(10**30))
_FRACTIONS = (0.5, -0.5, 1e-45, 1e38, 3.5e38, 1e308, -1e308, 5e-324)
_TEXTS = (
    "", "x", "NaN", "Infinity", "-1", "1e999", "../../../etc/passwd", "/dev/zero", "a\0b", "\x1b[31mred", "\u202eright",
    "<img src=x onerror=alert(1)>", "\ud800", "n" * 100_000, "DT_FLOAT", "DT_INT64", "DT_STRING", "DT_RESOURCE", "SAME",
    "VALID", "AAAA", "^x", "x:1", "x:99999999999999999999")
_OTHERS = (None, True, False, [], {}, [[]], [0], [-1], [2**31, 2**31], ["a"], [None])
_EXTREMES: tuple[Any, ...] = (*_WHOLE_NUMBERS, *_FRACTIONS, *_TEXTS, *_OTHERS)


def changes(rng: random.Random, counts: tuple[int, ...], keep: Collection[int]) -> Iterator[random.Random]:
    """A generator for each of some changes: where one is left out, the others draw what they drew before."""
    for i in range(rng.choice(counts)):
        own = random.Random(rng.getrandbits(64))  # noqa: S311 - no secret
        if i in keep:
            yield own


# ---- JSON ------------------------------------------------------------------------------------------------------------

def _now_and_then(rng: random.Random, share: float) -> bool:
    """True in this share of calls."""
    return rng.random() < share


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each element as its list or object and its index or key; without recursion, as files may be deep."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        for key in holder if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], (dict, list)):
                waiting.append(holder[key])


def mutate_json(model: Any, rng: random.Random, keep: Collection[int] = ALL) -> None:
    """Change one to four places of a JSON value, itself."""
    for own in changes(rng, (1, 1, 2, 4), keep):
        found = list(places(model))
        if not found:
            return
        holder, key = own.choice(found)
        own.choice(_JSON_CHANGES)(holder, key, found, own)


def _extreme(holder: Any, key: Any, _found: list[tuple[Any, Any]], rng: random.Random) -> None:
    """Another value; mostly one of the kind that is there, as it comes further."""
    old = holder[key]
    if isinstance(old, str) and old.lstrip("-").isdigit():
        holder[key] = str(rng.choice(_WHOLE_NUMBERS))
    elif isinstance(old, (int, float)) and not isinstance(old, bool) and _now_and_then(rng, 0.8):
        holder[key] = rng.choice(_WHOLE_NUMBERS + _FRACTIONS)
    elif isinstance(old, str) and _now_and_then(rng, 0.5):
        holder[key] = rng.choice(_TEXTS)
    else:
        holder[key] = copy.deepcopy(rng.choice(_EXTREMES))


def _away(holder: Any, key: Any, _found: list[tuple[Any, Any]], _rng: random.Random) -> None:
    del holder[key]


def _another(holder: Any, key: Any, found: list[tuple[Any, Any]], rng: random.Random) -> None:
    """What stands elsewhere: the name of another node, the shape of another weight."""
    old = holder[key]
    for _ in range(20):
        other, place = rng.choice(found)
        value = other[place] if isinstance(other, dict) and place in other else None
        if value is not None and type(value) is type(old):
            with contextlib.suppress(RecursionError):  # of what was made deep before
                holder[key] = copy.deepcopy(value)
            return


def _many(holder: Any, key: Any, _found: list[tuple[Any, Any]], rng: random.Random) -> None:
    """A list with an element many times: inputs of a node, nodes of a graph, lengths of a shape."""
    value = holder[key]
    if isinstance(value, list) and value:
        value.extend([value[rng.randrange(len(value))]] * rng.choice((1, 2, 100, _LONGEST)))


def _deep(holder: Any, key: Any, _found: list[tuple[Any, Any]], rng: random.Random) -> None:
    """The value inside of many lists or objects."""
    for _ in range(rng.choice((1, 3, _DEEPEST))):
        holder[key] = [holder[key]] if _now_and_then(rng, 0.5) else {"config": holder[key]}


_JsonChange = Callable[[Any, Any, list[tuple[Any, Any]], random.Random], None]
_JSON_CHANGES: tuple[_JsonChange, ...] = (_extreme,) * 6 + (_another,) * 3 + (_away, _many, _deep)


# ---- models of TensorFlow.js -----------------------------------------------------------------------------------------

def mutate_folder(folder: Path, rng: random.Random, keep: Collection[int] = ALL) -> None:
    """Change the model in a folder: its JSON, what it says of its weights, or their bytes."""
    path = folder / JSON_FILE
    model = json.loads(path.read_bytes())
    change = rng.choice(("topology", "topology", "topology", "manifest", "constants", "bytes"))
    if change == "manifest" and model.get(_MANIFEST):
        mutate_json(model[_MANIFEST], rng, keep)
    elif change == "constants" and model.get(_MANIFEST):
        _mutate_constants(folder, model[_MANIFEST], rng, keep)
    elif change == "bytes":
        for shard in sorted(folder.glob("*.bin"))[:1]:
            shard.write_bytes(mutate_bytes(shard.read_bytes(), rng, keep))
    else:
        mutate_json(model, rng, keep)
    path.write_text(json.dumps(model), encoding="utf-8", errors="surrogatepass")


def _mutate_constants(folder: Path, manifest: list[Any], rng: random.Random, keep: Collection[int]) -> None:
    """Extremes in integer weights, which are shapes, axes, sizes and repeats of ops."""
    group = rng.choice(manifest)
    at, found = 0, []
    for spec in group["weights"]:
        count, size = 1, {"int32": 4, "float32": 4, "bool": 1}.get(spec["dtype"])
        for n in spec["shape"]:
            count *= n
        if size is None or "quantization" in spec:
            break  # where the next ones begin would need the whole format
        if spec["dtype"] == "int32":
            found += [at + 4 * i for i in range(min(count, _WORDS))]
        at += size * count
    shard = folder / group["paths"][0]
    if found and shard.is_file():
        data = bytearray(shard.read_bytes())
        for own in changes(rng, (1, 1, 3), keep):
            place = own.choice(found)
            if place + 4 <= len(data):
                struct.pack_into("<I", data, place, own.choice(_WHOLE_NUMBERS) & 0xFFFFFFFF)
        shard.write_bytes(data)


def mutate_bytes(data: bytes, rng: random.Random, keep: Collection[int] = ALL) -> bytes:
    """Bytes flipped, cut off, or put in between."""
    made = bytearray(data)
    for own in changes(rng, (1, 1, 4, MOST_CHANGES), keep):
        if made:
            made[own.randrange(len(made))] = own.randrange(256)
    if _now_and_then(rng, 0.3) and made:
        del made[rng.randrange(len(made)):]
    if _now_and_then(rng, 0.2):
        at = rng.randrange(len(made) + 1)
        made[at:at] = rng.randbytes(rng.choice((1, 4, 64)))
    return bytes(made)


# ---- .tflite ---------------------------------------------------------------------------------------------------------

class _Followed(Bytes):
    """A file that remembers which numbers are read of it: offsets, counts, vtables, scalars, elements of vectors."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, "model")
        self.read: set[tuple[int, Kind]] = set()

    def unpack(self, kind: Kind, at: int, what: str) -> Any:
        value = super().unpack(kind, at, what)
        self.read.add((at, kind))
        return value

    def check(self, at: int, count: int, what: str) -> None:
        super().check(at, count, what)
        self.read.update((at + 4 * i, "<I") for i in range(min(count // 4, _WORDS)))


def tflite_places(data: bytes) -> list[tuple[int, Kind]]:
    """Where a reader of this file finds numbers, and how they are stored; in order."""
    followed = _Followed(data)
    with mock.patch.object(tflite_file, "Bytes", return_value=followed), contextlib.suppress(TfjslabError):
        tflite_file.parse(data, "model")  # where it fails, what was read until then is what there is to change
    return sorted(followed.read)


def mutate_tflite(
    data: bytes, found: list[tuple[int, Kind]], rng: random.Random, keep: Collection[int] = ALL,
) -> bytes:
    """One to eight of its numbers changed, at times its end cut off; ``found`` is of `tflite_places`."""
    made = bytearray(data)
    for own in changes(rng, (1, 1, 2, 4, 8), keep):
        at, kind = own.choice(found)
        size = struct.calcsize(kind)
        old = int.from_bytes(made[at : at + size], "little")
        there, like = own.choice(found)
        value = own.choice((
            0, 1, old + 1, old - 1, 2 * old, 2**31 - 1, 2**31, 2**32 - 1, 0x7F800000, 0x7FC00000, len(data),
            own.randrange(256), own.getrandbits(8 * size), there - at,
            int.from_bytes(made[there : there + struct.calcsize(like)], "little")))
        made[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")
    if _now_and_then(rng, 0.05):
        del made[rng.randrange(8, len(made)):]
    return bytes(made)
