"""``tfjslab inspect --kernel``: the generated text of what computes a node, and why there may be none."""

import json

import numpy as np
import pytest
from support.available import need

from tfjslab.base.errors import UsageError
from tfjslab.cli.app import main
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port
from tfjslab.model.model import Model
from tfjslab.model.node_kernel import node_kernel


def shown(capsys, *arguments):
    assert main(["inspect", "digits", "--kernel", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys, *arguments):
    """The one line on stderr of a command that exits with 2."""
    assert main(["inspect", "digits", "--kernel", *arguments]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(("backend", "vector"), [("wasm-simd", "f32x4.add"), ("wasm-plain", "f32.add")])
def test_webassembly_kernels_are_shown_as_text_that_compiles(capsys, backend, vector):
    wasmtime = pytest.importorskip("wasmtime")
    text = shown(capsys, "mean", "--backend", backend)
    assert text.startswith(f";; mean on {backend}: Mean as 1 function(s)\n;; computes mean\n")
    assert ";; k0, rendered from kernels/wasm/reduce.wat\n" in text
    assert ";;   n = 16\n" in text
    assert f"({vector} " in text
    assert wasmtime.wat2wasm(f'(module (import "env" "memory" (memory 1)) {text})')


def test_gpu_kernels_are_shown_as_one_shader(capsys):
    need("webgpu")
    text = shown(capsys, "mean", "--backend", "webgpu")
    assert text.startswith("// mean on webgpu: Mean as 1 function(s)\n")
    assert "// k0, rendered from kernels/webgpu/reduce.wgsl\n" in text
    assert text.count("@compute @workgroup_size(") == 1


@pytest.mark.parametrize(("backend", "source"), [
    ("wasm-simd", "wasm/pointwise"), ("wasm-plain", "wasm/pointwise"), ("webgpu", "webgpu/conv"),
])
def test_the_json_has_every_function_with_its_tile_and_parameters(capsys, backend, source):
    """On WebAssembly the product of patches comes last."""
    need(backend)
    data = json.loads(shown(capsys, "conv1/Conv2D", "--backend", backend, "--json", "-"))
    assert (data["node"], data["backend"]) == ("conv1/Conv2D", backend)
    assert data["kernel"].startswith("Conv2D+FusedBatchNorm+Relu6")
    assert set(data) == {"node", "kernel", "backend", "functions"}
    assert {frozenset(f) for f in data["functions"]} == {frozenset(("name", "source", "parameters", "text"))}
    convolution = data["functions"][-1]
    assert convolution["source"].partition(".")[0].endswith(source)
    assert {"tile", "rows"} & set(convolution["parameters"])


def test_an_unknown_node_is_an_error_with_the_closest_name(capsys):
    assert refused(capsys, "meen", "--backend", "wasm-simd") == (
        "tfjslab: error: node 'meen' is not in the model; did you mean 'mean'?\n")


def test_numpy_has_no_kernels_to_show(capsys):
    assert refused(capsys, "mean", "--backend", "cpu") == (
        "tfjslab: error: backend 'cpu' runs numpy and has no kernels to show; name another one with --backend\n")


def test_only_one_backend_can_be_shown(capsys):
    assert refused(capsys, "mean", "--backend", "wasm-simd,wasm-plain") == (
        "tfjslab: error: --kernel shows one backend; --backend names 2: wasm-simd, wasm-plain\n")


X = np.array([1, -2, 3, 0], np.float32)


@pytest.fixture
def odd():
    """A model of one op on ``X`` in a node called ``odd``, on wasm-simd."""
    def made(op, *constants, **attrs):
        g = GraphBuilder()
        x = g.input("x", X.shape)
        given = [x, *(g.constant(f"c{i}", c) for i, c in enumerate(constants))]
        value = g.value("odd", op, *given, **attrs)
        return Model(g.build([Port("y", value, None, "")], {}), "wasm-simd")

    return made


def test_a_node_on_the_host_is_refused_with_the_reason_of_the_backend(odd):
    with odd("Einsum", equation="i->i") as model, pytest.raises(UsageError) as caught:
        node_kernel(model, X, "odd")
    assert str(caught.value) == (
        "node 'odd' has no kernel on 'wasm-simd', it runs on the host: no WebAssembly kernel for Einsum")


def test_a_node_whose_shape_depends_on_data_is_refused_with_that_reason(odd):
    with odd("Where") as model, pytest.raises(UsageError) as caught:
        node_kernel(model, X, "odd")
    assert str(caught.value) == (
        "node 'odd' has no kernel on 'wasm-simd': it runs on the host, because its shape depends on data or it "
        "handles strings, lists or complex numbers")


def test_a_node_that_shares_the_bytes_of_its_input_has_no_functions():
    g = GraphBuilder()
    pooled = g.value("pooled", "Mean", g.input("x", (2, 2, 4)), axis=(2,))
    g.value("flat", "Reshape", pooled, shape=(4,))
    g.value("soft", "Softmax", "flat")
    with Model(g.build([Port("y", "soft", None, "")], {}), "wasm-simd") as model:
        assert node_kernel(model, np.ones((2, 2, 4), np.float32), "flat").functions == ()
