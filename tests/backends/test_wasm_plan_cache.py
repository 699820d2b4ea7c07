"""Lowered graphs on disk: what comes back is what lowering would make, and whatever is not right is made again."""

from __future__ import annotations

import shutil
import threading
from dataclasses import asdict, replace

import numpy as np
import pytest
from support.wasm import graph_of

from tfjslab import zoo
from tfjslab.backends.flags import env
from tfjslab.backends.kernels import sources
from tfjslab.backends.kernels.choices import KeptChoice
from tfjslab.backends.kernels.race import Confidence
from tfjslab.backends.wasm import plan_cache, tuning
from tfjslab.backends.wasm.backend import create
from tfjslab.backends.wasm.executable import lower
from tfjslab.backends.wasm.run import module_cache
from tfjslab.backends.wasm.text.packing import whole
from tfjslab.base.user_cache import KEY
from tfjslab.graph.ir import Graph, Node
from tfjslab.graph.specialize import specialize
from tfjslab.model.sample import sample_inputs
from tfjslab.model.schedule import schedule
from tfjslab.ops import registry
from tfjslab.ops.registry import Spec

_RNG = np.random.default_rng(5)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Entries of these tests stay in a folder of their own, and tiles are not measured."""
    monkeypatch.setenv("TFJSLAB_CACHE_DIR", str(tmp_path))
    env().set("WASM_CALIBRATE", value=False)
    tuning.tuner.cache_clear()
    yield
    tuning.tuner.cache_clear()
    env().reset()


@pytest.fixture(name="backend", params=["plain", "simd", "threads"])
def _backend(request):
    backend = create(request.param, 2)
    yield backend
    backend.dispose()


def _node(name, op, inputs, attrs=None):
    return Node(name, op, inputs, registry.get(op).resolve_attrs(attrs or {}, "test"))


def _floats(*shape):
    return _RNG.uniform(-1, 1, shape).astype(np.float32)


# Kernels of all kinds of constants (packed, tables, folded, computed), a host step, two outputs.
_NODES = (
    _node("c", "Conv2D", ("x", "w"), {"padding": "SAME"}),
    _node("scaled", "Multiply", ("c", "scale")),
    _node("shift", "Add", ("bias", "half")),
    _node("s", "Add", ("scaled", "shift")),
    _node("r", "Relu6", ("s",)),
    _node("d", "DepthwiseConv2dNative", ("r", "dw"), {"padding": "SAME", "strides": [1, 2, 2, 1]}),
    _node("p", "AvgPool", ("d",), {"ksize": [1, 3, 3, 1], "strides": [1, 1, 1, 1], "padding": "SAME"}),
    _node("u", "Einsum", ("p",), {"equation": "nhwc->nwhc"}),
    _node("one", "Conv2D", ("u", "pw"), {"padding": "VALID"}),
    _node("big", "ResizeBilinear", ("one",), {"size": [9, 11]}),
    _node("full", "Add", ("one", "map")),
    _node("flat", "Reshape", ("full",), {"shape": [1, 4 * 4 * 8]}),
    _node("y", "BatchMatMul", ("flat", "dense")),
)
_OUTPUTS = ("y", "big")


def _constants():
    return {
        "w": _floats(3, 3, 3, 6), "scale": np.float32(0.5), "bias": _floats(6), "half": np.float32(0.25),
        "dw": _floats(3, 3, 6, 1), "pw": _floats(1, 1, 6, 8), "map": _floats(1, 4, 4, 8), "dense": _floats(128, 70),
    }


_CONSTANTS = _constants()
_X = _floats(1, 8, 8, 3)


def _program(constants=None, nodes=_NODES):
    graph = graph_of(nodes, {"x": _X}, constants or _CONSTANTS, _OUTPUTS)
    return specialize(graph, {"x": Spec(_X.shape, "float32")})


def _reference(constants=None):
    found = {k: np.asarray(v, np.float64) for k, v in {**(constants or _CONSTANTS), "x": _X}.items()}
    for n in _NODES:
        found.update(zip(n.outputs, n.definition.run([found[v] for v in n.inputs], n.attrs), strict=True))
    return [found[v] for v in _OUTPUTS]


def _compile(backend, program=None):
    return backend.open_session().compile(program or _program(), _OUTPUTS)


def _was_kept(plan):
    return plan.info.details["lowering_cached"]


def _results(plan):
    found = plan.run({"x": _X})
    return [found[v] for v in _OUTPUTS]


def _assert_near(found, expected):
    """Within float32's rounding of long sums."""
    for f, e in zip(found, expected, strict=True):
        assert np.abs(f - e).max() < 2e-6 * np.abs(e).max()


def _assert_equal(kept, made):
    """All that a plan takes of a lowering."""
    for name in ("module_key", "slots", "segments", "num_records", "threads", "scratch_bytes", "offsets", "peak_bytes",
                 "lower_bound_bytes", "tiles"):
        found, expected = getattr(kept, name), getattr(made, name)
        if name == "segments":  # specs and nodes are told apart by identity
            found, expected = ([_plain(s) for s in segments] for segments in (found, expected))
        assert found == expected, name
    assert kept.describe() == made.describe()
    assert list(kept.constants) == list(made.constants)
    for slot, constant in kept.constants.items():
        twin = made.constants[slot]
        assert constant.recipe == twin.recipe
        if twin.recipe is not None:
            assert (constant.key, constant.source is twin.source) == (twin.key, True)
        found, expected = whole(constant.make()), whole(twin.make())
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def _plain(segment):
    host = segment.host
    if host is None:
        return segment
    inputs = [None if i is None else (i[0], i[1].shape, i[1].dtype) for i in host.inputs]
    return segment.export, segment.records, host.node.name, inputs, [(p, s.shape) for p, s in host.outputs]


def test_the_second_plan_is_read_and_gives_the_very_same(backend):
    first, second = _compile(backend), _compile(backend)
    assert (_was_kept(first), _was_kept(second)) == (False, True)
    assert second.info.cached
    assert [a.tobytes() for a in _results(first)] == [b.tobytes() for b in _results(second)]
    _assert_near(_results(second), _reference())
    assert list(first.info.commands) == list(second.info.commands)
    ours = replace(first.info, compile_ms=0, commands=(), details={}, cached=True)
    assert ours == replace(second.info, compile_ms=0, commands=(), details={})
    stamps: list[float] = []
    second.run({"x": _X}, stamps=stamps)
    assert len(stamps) == len(second.info.commands)


def test_what_is_read_equals_what_is_lowered(backend):
    program = _program()
    key = plan_cache.plan_key(backend, program, _OUTPUTS)
    made = lower(backend, program, _OUTPUTS)
    plan_cache.save(key, made)
    _assert_equal(plan_cache.load(key, backend, program), made)


@pytest.mark.parametrize("name", ["blazeface", "mobilenet_v2"])
@pytest.mark.parametrize("variant", ["simd", "threads"])
def test_real_models_are_read_as_they_are_lowered(name, variant):
    with zoo.open_model(name, "cpu", None, lambda *_: None) as model:
        graph: Graph = model.graph
        feeds = {p.value: Spec(v.shape, p.dtype) for p, v in zip(
            model.inputs, sample_inputs(model.inputs, 1, 0).values(), strict=True,
        )}
        outputs = tuple(p.value for p in graph.outputs)
        (step,) = schedule(graph, feeds, outputs).steps
        backend = create(variant, 2)
        key = plan_cache.plan_key(backend, step.program, step.outputs)
        made = lower(backend, step.program, step.outputs)
        plan_cache.save(key, made)
        _assert_equal(plan_cache.load(key, backend, step.program), made)


def test_other_weights_of_the_same_shapes_are_packed_anew(backend):
    """Large ones are not part of the key, so the entry is used; its plan computes with the new weights."""
    _compile(backend)
    other = {**_CONSTANTS, "dense": _floats(128, 70)}
    plan = _compile(backend, _program(other))
    assert _was_kept(plan)
    _assert_near(_results(plan), _reference(other))


@pytest.mark.parametrize(("name", "value"), [("scale", np.float32(0.75)), ("bias", _floats(6))])
def test_small_constants_are_compiled_in_and_so_are_part_of_the_key(backend, name, value):
    _compile(backend)
    other = {**_CONSTANTS, name: value}
    plan = _compile(backend, _program(other))
    assert not _was_kept(plan)
    _assert_near(_results(plan), _reference(other))


def test_attributes_outputs_and_variants_are_part_of_the_key():
    backends = [create("plain", 1), create("simd", 1), create("threads", 2), create("threads", 3)]
    keys = {plan_cache.plan_key(b, _program(), _OUTPUTS) for b in backends}
    other = tuple(replace(n, attrs={**n.attrs, "strides": (1, 1)}) if n.name == "p" else n for n in _NODES)
    keys |= {plan_cache.plan_key(backends[1], _program(), ("y",))}
    keys |= {plan_cache.plan_key(backends[1], _program(nodes=(*other[:-1], replace(other[-1], layer="a"))), _OUTPUTS)}
    env().set("WASM_CALIBRATE", value=True)
    keys |= {plan_cache.plan_key(backends[1], _program(), _OUTPUTS)}
    assert len(keys) == 7


def _entries():
    return sorted(p for p in module_cache.cache_folder().iterdir() if p.name != KEY)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"nonsense", b'{"tiles": {"a": {"b": 1}}}', b'{"tiles": 3}'])
def test_an_entry_that_is_none_is_made_again(content, monkeypatch):
    """Whole entries with the wrong content: their digest is right."""
    backend = create("simd", 1)
    key = plan_cache.plan_key(backend, _program(), _OUTPUTS)
    module_cache.write_entry(f"plan-{key}", content)
    plan = _compile(backend)
    assert not _was_kept(plan)
    again = _compile(backend)
    assert _was_kept(again)
    assert _results(again)[0].tobytes() == _results(plan)[0].tobytes()
    backend.dispose()


def test_damaged_entries_are_made_again():
    backend = create("simd", 1)
    expected = _results(_compile(backend))[0].tobytes()
    for damage in (lambda raw: raw[:-5], lambda raw: raw[:40] + b"x" + raw[41:], lambda _: b""):
        for path in _entries():
            path.write_bytes(damage(path.read_bytes()))
        plan = _compile(backend)
        assert (_was_kept(plan), plan.info.cached) == (False, False)
        assert _results(plan)[0].tobytes() == expected
    backend.dispose()


def test_without_its_module_an_entry_is_of_no_use(monkeypatch):
    backend = create("simd", 1)
    _compile(backend)
    monkeypatch.setattr("tfjslab.backends.wasm.plan.find_module", lambda _: None)
    plan = _compile(backend)
    assert not _was_kept(plan)
    assert plan.info.cached
    backend.dispose()


def test_an_entry_with_another_tile_than_would_be_chosen_today_is_not_used(monkeypatch):
    monkeypatch.setattr(tuning.WasmTuner, "_measure", lambda _, tiles, __: (asdict(tiles[0]), None))
    env().set("WASM_CALIBRATE", value=True)
    backend = create("simd", 1)
    assert [_was_kept(_compile(backend)) for _ in range(2)] == [False, True]
    for path in (module_cache.cache_folder().parent / "wasm-tiles").iterdir():
        path.unlink()
    tuning.tuner.cache_clear()
    monkeypatch.setattr(tuning.WasmTuner, "_measure", lambda _, tiles, __: (asdict(tiles[-1]), None))
    assert [_was_kept(_compile(backend)) for _ in range(2)] == [False, True]
    backend.dispose()


def test_a_plan_whose_tiles_are_in_doubt_is_made_again_at_a_later_start(monkeypatch):
    """With what is found then; a start after that uses it."""
    busy = Confidence(1.1, 1.2, 6, agreed=True, waited=0.5)
    monkeypatch.setattr(tuning.WasmTuner, "_measure", lambda _, tiles, __: (asdict(tiles[0]), busy))
    env().set("WASM_CALIBRATE", value=True)
    backend = create("simd", 1)
    first, again = _compile(backend), _compile(backend)
    assert [_was_kept(p) for p in (first, again)] == [False, True]
    doubted = again.info.details["doubted_tiles"]
    assert doubted == dict.fromkeys(again.info.details["tiles"], "the machine was busy")

    quiet = Confidence(1.1, 1.0, 6, agreed=True, waited=0.0)
    monkeypatch.setattr(tuning.WasmTuner, "_measure", lambda _, tiles, __: (asdict(tiles[-1]), quiet))
    tuning.tuner.cache_clear()
    assert _was_kept(_compile(backend))  # a moment later it would be as busy
    monkeypatch.setattr(KeptChoice, "is_due", lambda choice, _: bool(choice.doubts))
    tuning.tuner.cache_clear()
    later = [_compile(backend) for _ in range(2)]
    assert [_was_kept(p) for p in later] == [False, True]
    assert later[1].info.details["doubted_tiles"] == {}
    assert later[1].info.details["tiles"] != first.info.details["tiles"]
    backend.dispose()


def test_plans_share_weights_however_they_were_made():
    backend = create("simd", 1)
    _compile(backend)
    session = backend.open_session()
    kept = session.compile(_program(), _OUTPUTS)
    assert _was_kept(kept)
    one = session.heap.used_bytes
    lowered = session.compile(_program(), ("y",))
    assert not _was_kept(lowered)
    assert session.heap.used_bytes - one < _CONSTANTS["dense"].nbytes
    backend.dispose()


def test_what_was_lowered_by_looking_into_large_weights_is_not_kept():
    """Here a constant that is computed from others while planning, which are too large for the key."""
    nodes = [_node(f"r{i}", "Relu", ("x" if i == 0 else f"r{i - 1}",)) for i in range(plan_cache.MIN_NODES)]
    nodes += [_node("sum", "Add", ("m", "n")), _node("y", "Multiply", (nodes[-1].name, "sum"))]
    x = _floats(1, 40, 40, 4)
    constants = {"m": _floats(1, 40, 40, 4), "n": _floats(1, 40, 40, 4)}
    backend = create("simd", 1)

    def compiled(given):
        graph = graph_of(nodes, {"x": x}, given, ["y"])
        plan = backend.open_session().compile(specialize(graph, {"x": Spec(x.shape, "float32")}), ["y"])
        np.testing.assert_allclose(plan.run({"x": x})["y"], np.maximum(x, 0) * (given["m"] + given["n"]), atol=1e-6)
        return _was_kept(plan)

    assert [compiled(constants), compiled({**constants, "n": _floats(1, 40, 40, 4)})] == [False, False]
    backend.dispose()


def test_a_few_nodes_are_lowered_each_time():
    backend = create("simd", 1)
    nodes = [_node("y", "Relu", ("x",))]
    program = specialize(graph_of(nodes, {"x": _X}, {}, ["y"]), {"x": Spec(_X.shape, "float32")})
    found = [backend.open_session().compile(program, ["y"]) for _ in range(2)]
    assert [_was_kept(p) for p in found] == [False, False]
    backend.dispose()


def test_the_folder_is_bounded_and_keeps_what_was_used_last(monkeypatch):
    monkeypatch.setattr(module_cache, "_MAX_BYTES", 5000)
    monkeypatch.setattr(module_cache, "_MAX_ENTRIES", 8)
    for i in range(20):
        module_cache.write_entry(f"small {i}", bytes(10))
        module_cache.read_entry("small 0")
    assert len(_entries()) == 8
    assert module_cache.read_entry("small 0") == bytes(10)
    for i in range(20):
        module_cache.write_entry(f"large {i}", bytes(900))
    assert sum(p.stat().st_size for p in _entries()) <= 5000
    assert module_cache.cache_folder().stat().st_mode & 0o777 == 0o700


def test_many_may_write_and_read_at_once():
    failures: list[str] = []

    def work(number):
        for i in range(40):
            module_cache.write_entry(f"key {i % 4}", bytes([i % 4]) * 5000)
            found = module_cache.read_entry(f"key {(i + number) % 4}")
            if found not in (None, bytes([(i + number) % 4]) * 5000):
                failures.append(f"{number} {i}")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


def test_every_source_at_any_depth_is_part_of_the_keys(tmp_path, monkeypatch):
    """A stale plan or choice of a tile would be served otherwise."""
    package = plan_cache._ROOT
    for floor in plan_cache._LOWER_FLOORS:
        shutil.copytree(package / floor, tmp_path / floor, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(plan_cache, "_ROOT", tmp_path)
    monkeypatch.setattr(sources, "_BACKENDS", tmp_path / "backends")

    def keys():
        sources.sources_digest.cache_clear()
        plan_cache._code_digest.cache_clear()
        return plan_cache._code_digest(), sources.sources_digest("wasm"), sources.sources_digest("webgpu")

    code, wasm, webgpu = keys()
    for path in sorted((tmp_path / "backends").rglob("*.py")):
        before, folder = path.read_text(), path.relative_to(tmp_path / "backends").parts[0]
        path.write_text(before + "\n# changed\n")
        found = keys()
        path.write_text(before)
        assert found[0] != code, path
        assert [f != k for f, k in zip(found[1:], (wasm, webgpu), strict=True)] == [
            folder in ("kernels", kind) for kind in ("wasm", "webgpu")
        ], path
    moved = tmp_path / "backends" / "wasm" / "lower"
    moved.rename(moved.with_name("lowered"))
    assert keys()[0] != code
    assert keys()[1] != wasm
    monkeypatch.undo()
    assert keys() == (code, wasm, webgpu)
