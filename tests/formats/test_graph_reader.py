"""Graph models become verified graphs: names, order, attributes, constants, functions."""

import base64
import json
import re

import numpy as np
import pytest

from tfjslab.base.errors import LimitError, ModelError, TfjslabError, UnknownOpError
from tfjslab.formats.registry import read_model


def fails(path, error=ModelError):
    with pytest.raises(error) as caught:
        read_model(path)
    text = str(caught.value)
    assert "\n" not in text
    return text.replace(f"{path}: ", ""), caught.value.code


def test_a_small_model_with_a_signature(kit, run, tmp_path):
    graph = read_model(kit.affine().write(tmp_path))
    assert [(p.name, p.shape, p.dtype) for p in graph.inputs] == [("x", (None, 3), "float32")]
    assert [(p.name, p.value, p.shape) for p in graph.outputs] == [("y", "y", (None, 2))]
    assert [n.op for n in graph.nodes] == ["BatchMatMul", "Add", "Relu"]
    assert graph.metadata["signature"] == {"inputs": {"image": "x"}, "outputs": {"scores": "y"}}
    np.testing.assert_array_equal(run(graph, {"x": np.ones((1, 3), np.float32)})[0], [[9.5, 0]])


def test_a_folder_a_file_and_a_file_address_are_the_same_model(kit, tmp_path):
    path = kit.affine().write(tmp_path)
    for source in (path, str(path), tmp_path, path.as_uri()):
        assert len(read_model(source).nodes) == 3


def test_the_signature_in_user_metadata_comes_first_as_in_tfjs(kit, tmp_path):
    model = kit.affine()
    model.json["userDefinedMetadata"] = {"signature": {"outputs": kit.entries(sum=("s:0", [-1, 2]))}}
    graph = read_model(model.write(tmp_path))
    assert [p.name for p in graph.outputs] == ["s"]
    assert [n.name for n in graph.nodes] == ["p", "s"], "what the outputs do not need is dropped"
    assert [p.name for p in graph.inputs] == ["x"]


def test_without_a_signature_placeholders_are_inputs_and_unread_nodes_outputs(kit, tmp_path):
    model = kit.affine()
    del model.json["signature"]
    nodes = model.json["modelTopology"]["node"]
    nodes += [kit.node("z", "Neg", "p"), kit.node("ready", "NoOp", "^z")]
    graph = read_model(model.write(tmp_path))
    assert [p.name for p in graph.inputs] == ["x"]
    assert [p.name for p in graph.outputs] == ["y"], "z is read by a control edge"


def test_outputs_keep_the_order_of_the_signature_but_array_keys_come_first_as_in_javascript(kit, tmp_path):
    model = kit.affine()
    outs = kit.entries(b=("y:0", []), a=("s:0", []))
    outs.update({"10": {"name": "p:0"}, "2": {"name": "x:0"}})
    model.json["signature"]["outputs"] = outs
    assert [p.name for p in read_model(model.write(tmp_path)).outputs] == ["x", "p", "y", "s"]


def test_signature_entries_without_a_node_are_left_out_and_named(kit, tmp_path):
    model = kit.affine()
    model.json["signature"]["outputs"].update(kit.entries(gone=("gone:0", [])))
    graph = read_model(model.write(tmp_path))
    assert [p.name for p in graph.outputs] == ["y"]
    assert graph.metadata["absent"] == ["gone"]
    model.json["signature"]["outputs"] = kit.entries(gone=("gone:0", []))
    model.json["modelTopology"]["node"] = [kit.placeholder("x")]
    assert fails(model.write(tmp_path)) == (
        "the graph has no outputs; the signature's 'gone' are not in it",
        "model.signature",
    )


def test_placeholders_that_outputs_need_are_inputs_even_if_not_signed(kit, tmp_path):
    model = kit.affine()
    model.json["modelTopology"]["node"] += [kit.placeholder("scale", [])]
    model.json["modelTopology"]["node"][4]["input"][1] = "scale"
    assert [p.name for p in read_model(model.write(tmp_path)).inputs] == ["x", "scale"]


def test_a_placeholder_with_default_that_is_not_fed_passes_its_default_on(kit, run, tmp_path):
    half = np.float32(0.5)
    model = kit.Model(
        [
            kit.placeholder("x"),
            kit.const("half", half),
            kit.node("d", "PlaceholderWithDefault", "half"),
            kit.node("y", "Mul", "x", "d"),
        ],
        {"half": half},
        signature={"inputs": kit.entries(x=("x:0", [-1, 3])), "outputs": kit.entries(y=("y:0", [-1, 3]))},
    )
    graph = read_model(model.write(tmp_path))
    np.testing.assert_array_equal(run(graph, np.ones((1, 3), np.float32))[0], np.full((1, 3), 0.5))


def test_uint8_placeholders_are_int32_as_in_tfjs(kit, tmp_path):
    model = kit.Model([kit.placeholder("x", dtype="DT_UINT8"), kit.node("y", "Identity", "x")])
    assert read_model(model.write(tmp_path)).inputs[0].dtype == "int32"


def test_a_signature_that_knows_more_of_a_shape_is_kept_beside_it(kit, tmp_path):
    model = kit.affine()
    model.json["signature"]["inputs"] = kit.entries(image=("x:0", [5, 3]))
    graph = read_model(model.write(tmp_path))
    assert graph.inputs[0].shape == (None, 3), "what TF.js accepts"
    assert graph.metadata["signature_shapes"] == {"x": [5, 3]}


def test_scalar_shapes_of_old_placeholders_mean_unknown(kit, tmp_path):
    model = kit.Model([kit.placeholder("x", []), kit.node("y", "Identity", "x")])
    assert read_model(model.write(tmp_path)).inputs[0].shape == ()
    model.json["modelTopology"]["versions"]["producer"] = 21
    assert read_model(model.write(tmp_path)).inputs[0].shape is None


CONV_ATTRS = {
    "strides": {"list": {"i": ["1", "2", "2", "1"]}},
    "padding": {"s": base64.b64encode(b"SAME").decode()},
    "epsilon": {"f": "Infinity"},
    "fused_ops": {"list": {"s": [base64.b64encode(b"BiasAdd").decode()]}},
    "num_args": {"i": 1},
    "T": {"type": "DT_BFLOAT16"},
}


def test_attributes_of_all_kinds(kit, tmp_path):
    w = np.zeros((1, 1, 3, 4), np.float32)
    model = kit.Model(
        [
            kit.placeholder("x", [1, 8, 8, 3]),
            kit.const("w", w),
            kit.const("b", w[0, 0, 0]),
            kit.node("y", "_FusedConv2D", "x", "w", "b", **CONV_ATTRS),
        ],
        {"w": w, "b": w[0, 0, 0]},
    )
    attrs = read_model(model.write(tmp_path)).nodes[0].attrs
    assert attrs["strides"] == (1, 2, 2, 1)
    assert attrs["padding"] == "SAME"
    assert attrs["epsilon"] == np.inf
    assert attrs["fused_ops"] == ("BiasAdd",)
    # Strings may also be lists of byte codes.
    model.json["modelTopology"]["node"][3]["attr"]["padding"] = {"s": list(b"VALID")}
    assert read_model(model.write(tmp_path)).nodes[0].attrs["padding"] == "VALID"


@pytest.mark.parametrize(
    ("attr", "message"),
    [
        ({"s": "U0F%"}, "node 'y': attribute 'padding': 'U0F%' is neither base64 nor a list of bytes"),
        ({"s": [300]}, "node 'y': attribute 'padding': a list is neither base64 nor a list of bytes"),
        ({"i": "7"}, "node 'y': Conv2D: attribute 'padding' is 7; expected a string"),
        (
            {"s": list(b"SOME")},
            ("node 'y': Conv2D: attribute 'padding' is 'SOME'; expected one of SAME, VALID, EXPLICIT; "
            "did you mean 'SAME'?"),
        ),
        (
            {"x": 1},
            "node 'y': attribute 'padding': found 'x', expected one of s, i, f, b, type, shape, tensor, list, func",
        ),
        ([], "node 'y': 'padding'"),
    ],
)
def test_attributes_of_the_wrong_kind(kit, tmp_path, attr, message):
    w = np.zeros((1, 1, 3, 4), np.float32)
    conv = kit.node("y", "Conv2D", "x", "w", strides=CONV_ATTRS["strides"], padding=attr)
    model = kit.Model([kit.placeholder("x", [1, 8, 8, 3]), kit.const("w", w), conv], {"w": w})
    path = model.write(tmp_path)
    if attr == []:
        assert read_model(path).nodes[0].attrs["padding"] == "VALID", "an empty attribute is an absent one"
    else:
        assert fails(path) == (message, "model.attribute")


def test_attributes_that_ask_for_something_else_are_refused(kit, tmp_path):
    model = kit.affine()
    nodes = model.json["modelTopology"]["node"]
    nodes[4] = kit.node("s", "BiasAdd", "p", "b", data_format={"s": list(b"NCDHW")})
    assert fails(model.write(tmp_path)) == (
        "node 's': BiasAdd with data_format 'NCDHW'; only 'NHWC' is supported",
        "model.attribute",
    )


def test_tensors_that_are_attributes_become_values_or_attribute_inputs(kit, run, tmp_path):
    nodes = [
        kit.placeholder("x", [2, 6]),
        kit.placeholder("shape", [2], "DT_INT32"),
        kit.const("axes", np.int32([1])),
        kit.node("r", "Reshape", "x", "shape"),
        kit.node("y", "Sum", "r", "axes", keep_dims={"b": True}),
    ]
    graph = read_model(kit.Model(nodes, {"axes": np.int32([1])}).write(tmp_path))
    reshape, total = graph.nodes
    assert reshape.attr_inputs == {"shape": "shape"}
    assert total.attrs == {"axis": (1,), "keep_dims": True}
    assert "axes" not in graph.constants, "it is an attribute now"
    feeds = {"x": np.ones((2, 6), np.float32), "shape": np.int32([4, 3])}
    np.testing.assert_array_equal(run(graph, feeds)[0], np.full((4, 1), 3))


def test_outputs_of_nodes_with_several(kit, tmp_path):
    nodes = [
        kit.placeholder("x", [2, 6]),
        kit.const("k", np.int32(2)),
        kit.node("top", "TopKV2", "x", "k"),
        kit.node("y", "Identity", "top:1"),
    ]
    model = kit.Model(
        nodes,
        {"k": np.int32(2)},
        signature={
            "inputs": kit.entries(x=("x:0", [2, 6])),
            "outputs": kit.entries(indices=("top:1", [2, 2]), values=("top", [2, 2]), same=("y:0", [])),
        },
    )
    graph = read_model(model.write(tmp_path))
    assert [(p.name, p.value) for p in graph.outputs] == [("top:1", "top:1"), ("top", "top"), ("y", "y")]


def test_a_reference_to_an_output_that_is_not_there(kit, tmp_path):
    model = kit.affine()
    model.json["modelTopology"]["node"][5]["input"] = ["s:1"]
    message = "graph: node 'y': value 's:1' does not exist, or is made later"
    assert fails(model.write(tmp_path)) == (message, "graph.invalid")


FUNCTIONS = {
    "function": [
        {
            "signature": {
                "name": "cond",
                "inputArg": [{"name": "i", "type": "DT_INT32"}, {"name": "v", "type": "DT_FLOAT"}],
                "outputArg": [{"name": "go", "type": "DT_BOOL"}],
            },
            "nodeDef": [
                {
                    "name": "three",
                    "op": "Const",
                    "attr": {
                        "dtype": {"type": "DT_INT32"},
                        "value": {"tensor": {"dtype": "DT_INT32", "tensorShape": {}, "intVal": [3]}},
                    },
                },
                {"name": "less", "op": "Less", "input": ["i", "three:output:0"]},
            ],
            "ret": {"go": "less:z:0"},
        },
        {
            "signature": {
                "name": "body",
                "inputArg": [{"name": "i", "type": 3}, {"name": "v", "type": 1}],
                "outputArg": [{"name": "j", "type": 3}, {"name": "w", "type": 1}],
            },
            "nodeDef": [
                {
                    "name": "one",
                    "op": "Const",
                    "attr": {
                        "dtype": {"type": 3},
                        "value": {"tensor": {"dtype": 3, "tensorShape": {}, "tensorContent": "AQAAAA=="}},
                    },
                },
                {"name": "next", "op": "AddV2", "input": ["i", "one:output:0"]},
                {"name": "double", "op": "AddV2", "input": ["v", "v", "^next"]},
            ],
            "ret": {"j": "next:z:0", "w": "double:z:0"},
        },
    ]
}


def loop_model(kit):
    """Doubles v three times, by a loop over functions."""
    zero = np.int32(0)
    nodes = [
        kit.placeholder("v", [2]),
        kit.const("zero", zero),
        kit.node(
            "loop", "StatelessWhile", "zero", "v", cond={"func": {"name": "cond"}}, body={"func": {"name": "body"}}
        ),
        kit.node("y", "Identity", "loop:1"),
    ]
    model = kit.Model(nodes, {"zero": zero})
    model.json["modelTopology"]["library"] = json.loads(json.dumps(FUNCTIONS))
    return model


def test_the_function_library(kit, run, tmp_path):
    graph = read_model(loop_model(kit).write(tmp_path))
    assert set(graph.functions) == {"cond", "body"}
    np.testing.assert_array_equal(run(graph, np.float32([1, 2]))[0], [8, 16])


def test_functions_that_are_missing_twice_there_or_endless(kit, tmp_path):
    model = loop_model(kit)
    functions = model.json["modelTopology"]["library"]["function"]
    functions[0]["signature"]["name"] = "body"
    assert fails(model.write(tmp_path)) == ("library.function[1]: function 'body' is defined twice", "model.graph")
    functions[0]["signature"]["name"] = "other"
    assert fails(model.write(tmp_path)) == ("node 'loop': function 'cond' is not in the library", "model.graph")
    functions[0]["signature"]["name"] = "cond"
    functions[0]["nodeDef"].append(kit.node("again", "PartitionedCall", "i", f={"func": {"name": "cond"}}))
    functions[0]["ret"]["go"] = "again:output:0"
    assert fails(model.write(tmp_path)) == ("node 'again': function 'cond' calls itself", "model.graph")


def test_functions_that_do_not_fit_their_caller(kit, tmp_path):
    model = loop_model(kit)
    model.json["modelTopology"]["node"][2]["input"].append("v")
    text, code = fails(model.write(tmp_path))
    assert text == (
        "graph: node 'loop': function 'cond' of attribute 'cond' has 2 inputs and 1 outputs, expected 3 and 1"
    )
    assert code == "graph.invalid"


def test_unknown_ops_are_listed_at_once_with_counts_but_only_those_that_would_run(kit, tmp_path):
    model = loop_model(kit)
    nodes = model.json["modelTopology"]["node"]
    nodes[3:] = [
        kit.node("m", "MatMull", "loop:1"),
        kit.node("n", "MatMull", "m"),
        kit.node("y", "Zap", "n", "^unused"),
        kit.node("unused", "NeverRun", "v"),
    ]
    model.json["modelTopology"]["library"]["function"][1]["nodeDef"][2]["op"] = "Zap"
    model.json["signature"] = {"inputs": {}, "outputs": kit.entries(y=("y:0", []))}
    text, code = fails(model.write(tmp_path), UnknownOpError)
    assert text == "2 unknown op(s): MatMull (2x at 'n', 'm'; did you mean 'MatMul'?), Zap (2x at 'y', 'double')"
    assert code == "model.unknown_op"


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        (lambda n: n.append(n[3]), "node[6]: name 'p' is used twice", "model.graph"),
        (lambda n: n[3].update(name="a:b"), "node[3]: name 'a:b' is not a node name", "model.graph"),
        (lambda n: n[3].update(name="line\nbreak"), r"node[3]: name 'line\nbreak' is not a node name", "model.graph"),
        (lambda n: n[3].update(name=7), "node[3]: 'name': found 7, expected a string", "model.json"),
        (lambda n: n[3].update(input="x"), "node: node 'p': 'input': found 'x', expected a list", "model.json"),
        (
            lambda n: n[3].update(input=["x", "nowhere"]),
            "'nowhere', read by node 'p', is not in the graph",
            "model.graph",
        ),
        (lambda n: n[3].update(input=["x"]), "node 'p': MatMul has 1 inputs, expected 2", "model.graph"),
        (lambda n: n[3].update(input=["x", "w", "b"]), "node 'p': MatMul has 3 inputs, expected 2", "model.graph"),
        (lambda n: n[3].update(input=["y", "w"]), "node 'y' depends on itself", "model.graph"),
        (
            lambda n: n[3].update(input=["x:-1", "w"]),
            "node: node 'p': 'x:-1' is not the name of a value",
            "model.graph",
        ),
        (
            lambda n: n[1]["attr"]["value"]["tensor"].update(dtype="DT_INT32"),
            "constant 'w': its weight is float32 [3, 2], the graph declares int32 [3, 2]",
            "model.weight_spec",
        ),
        (
            lambda n: n[1]["attr"]["value"]["tensor"].update(tensorShape={"dim": [{"size": "6"}]}),
            "constant 'w': its weight is float32 [3, 2], the graph declares float32 [6]",
            "model.weight_spec",
        ),
        (lambda n: n[1].update(name="v"), "'w', read by node 'p', is not in the graph", "model.graph"),
        (
            lambda n: n[0]["attr"]["dtype"].update(type="DT_QINT32"),
            ("node 'x': dtype 'DT_QINT32' of a TensorFlow file is not supported; supported: "
            "DT_FLOAT, DT_DOUBLE, DT_HALF, DT_BFLOAT16, DT_INT32, DT_INT64, DT_UINT8, DT_INT8, DT_INT16, DT_UINT16, "
            "DT_UINT32, DT_UINT64, DT_BOOL, DT_COMPLEX64, DT_COMPLEX128, DT_STRING, DT_VARIANT, DT_RESOURCE"),
            "model.dtype",
        ),
    ],
)
def test_damaged_graphs_name_the_node(kit, tmp_path, change, message, code):
    model = kit.affine()
    change(model.json["modelTopology"]["node"])
    assert fails(model.write(tmp_path)) == (message, code)


def test_a_constant_without_a_value(kit, tmp_path):
    model = kit.affine()
    model.specs.pop()
    model.data = model.data[:24]
    assert fails(model.write(tmp_path)) == (
        "constant 'b' has no value, in weightsManifest or the node",
        "model.missing_weight",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"modelTopology": ', "not valid JSON: Expecting value: line 1 column 19 (char 18)"),
        ("[]", "found a list, expected an object"),
        ('{"a": 1, "a": 2}', "not valid JSON: key 'a' occurs twice in one object"),
        ('{"a": NaN}', "not valid JSON: NaN is not a JSON number"),
        ('{"a": 1e999}', "not valid JSON: number 1e999 is too large"),
        (
            '{"name": "npm-package"}',
            ("not a known model format; expected one of: TensorFlow.js graph model, "
            "TensorFlow.js layers model, TensorFlow Lite flat buffer"),
        ),
        ('{"modelTopology": {"node": {}}}', "node: found an object, expected a list"),
        (r'{"a": "\ud800"}', "not UTF-8 text (surrogates not allowed)"),
    ],
)
def test_files_that_are_no_model(kit, tmp_path, text, message):
    path = tmp_path / "model.json"
    path.write_text(text)
    assert fails(path)[0] == message


def test_bottomless_nesting_is_refused_before_parsing(tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert fails(path, LimitError)[0] == f"{path}: nesting of the JSON is 100001, above the limit of 200".replace(
        f"{path}: ", ""
    )
    path.write_text('{"a": "' + "[" * 100_000 + '"}')
    assert re.match("not a known model format", fails(path)[0]), "brackets in strings do not nest"


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "model.json"
    path.write_bytes(b'{"a": "\xff"}')
    assert fails(path)[0] == "not UTF-8 text (invalid start byte)"


def test_a_format_can_be_insisted_on(kit, tmp_path):
    path = kit.affine().write(tmp_path)
    with pytest.raises(ModelError, match="found a tfjs-graph-model, expected a tfjs-layers-model"):
        read_model(path, format_name="tfjs-layers-model")


def test_every_error_of_the_reader_ends_in_exit_code_3(kit, tmp_path):
    path = tmp_path / "model.json"
    path.write_text("{")
    with pytest.raises(TfjslabError) as caught:
        read_model(path)
    assert caught.value.exit_code == 3
