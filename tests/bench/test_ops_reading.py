"""Op lists: the built-in one, what is read from files, and every way in which a file can be wrong."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from tfjslab.base.errors import TfjslabError
from tfjslab.bench.ops.making import graph_of
from tfjslab.bench.ops.reading import read_rows

RELU = {"group": "g", "op": "Relu", "inputs": [[2, 3]]}
# One convolution each, as published: input, filter, and what is not the default.
PUBLISHED = """
1x62x62x32 * 3x3x32x32, VALID
1x61x61x32 * 3x3x32x32, SAME
1x56x56x64 * 3x3x64x64, SAME
1x28x28x128 * 3x3x128x128, SAME
1x14x14x256 * 3x3x256x256, SAME
1x7x7x512 * 3x3x512x512, SAME
1x112x112x16 * 3x3x16x16, SAME
1x56x56x64 * 3x3x64x128, strides 2, SAME
1x224x224x3 * 7x7x3x64, strides 2, SAME
1x28x28x32 * 5x5x32x32, SAME
1x56x56x24 * 5x5x24x24, SAME
1x14x14x96 * 7x7x96x96, SAME
1x128x128x3 * 6x6x3x32, VALID
1x62x62x32 * 6x6x32x32, VALID
1x33x33x64 * 4x4x64x64, strides 2, SAME
1x17x17x128 * 1x1x128x128, strides 2, SAME
1x56x56x32 * 3x3x32x32, SAME, dilations 2
"""


def read(tmp_path, *rows, **more):
    path = tmp_path / "ops.json"
    path.write_text(json.dumps({"rows": list(rows), **more}))
    return read_rows(str(path))


def refusal(tmp_path, row, **more):
    """What the error says behind the name of the file."""
    with pytest.raises(TfjslabError) as caught:
        read(tmp_path, row, **more)
    return str(caught.value).removeprefix(str(tmp_path / "ops.json")).removeprefix(": ")


def test_the_built_in_list_covers_what_models_are_made_of():
    rows = read_rows("builtin")
    assert len(rows) >= 80
    assert {r.group for r in rows} >= {
        "convolution 3x3", "convolution 3x3, strides 2", "convolution 5x5", "convolution 7x7", "convolution 1x1",
        "convolution 1x1, strides 2", "convolution, few channels", "convolution, dilated", "convolution, grouped",
        "convolution, transposed", "convolution, depthwise", "convolution, 1-D", "dense", "attention", "recurrent",
        "normalization", "pooling", "image", "movement", "elementwise", "reduction", "indexing",
    }
    assert [label for label, n in Counter(r.label for r in rows).items() if n > 1] == []


def test_the_published_convolutions_are_all_there():
    found = {r.text for r in read_rows("builtin") if r.op == "Conv2D"}
    assert [text for text in PUBLISHED.strip().splitlines() if text not in found] == []


def test_every_row_of_steps_makes_a_verified_graph():
    for row in read_rows("builtin"):
        if row.steps:
            graph = graph_of(row)
            assert len(graph.nodes) == len(row.steps)
            assert len(graph.inputs) + len(graph.constants) == len(row.operands)


def test_a_row_has_its_values_shapes_and_attributes(tmp_path):
    (row,) = read(tmp_path, {"group": "g", "op": "Conv2D", "attrs": {"strides": [2]}, "inputs": [
        [1, 8, 8, 3], {"constant": [3, 3, 3, 4], "low": 0.5, "high": 0.5}]})
    assert row.label == "Conv2D 1x8x8x3 * 3x3x3x4, strides 2"
    arrays = row.arrays()
    assert np.array_equal(arrays["x1"], np.full((3, 3, 3, 4), 0.5, np.float32))
    assert np.array_equal(arrays["x0"], row.arrays()["x0"])
    assert row.steps[0].attrs["dilations"] == (1,)
    assert [o.constant for o in row.operands] == [False, True]


def test_steps_read_inputs_and_steps_before_them(tmp_path):
    (row,) = read(tmp_path, {"group": "g", "name": "Twice", "inputs": {"x": [4]}, "steps": [
        {"as": "a", "op": "Relu", "inputs": ["x"]}, {"as": "b", "op": "Add", "inputs": ["a", "x"]}]})
    assert (row.label, [s.inputs for s in row.steps]) == ("Twice 4", [("x",), ("a", "x")])
    assert [p.name for p in graph_of(row).outputs] == ["b"]


@pytest.mark.parametrize(("change", "message"), [
    ({"op": "Rellu"}, "row 1: op 'Rellu' is not in the registry; did you mean 'Relu'?"),
    ({"op": "While"}, "row 1: While cannot be measured by itself; expected an op that is a function of tensors"),
    ({"op": "Add"}, "row 1: Add has 1 inputs; expected 2"),
    ({"attrs": {"axis": 1}}, "row 1: Relu has no attribute 'axis'"),
    ({"attrs": []}, "row 1: 'attrs': found a list, expected an object"),
    ({"inputs": None}, "row 1: 'inputs': found None, expected a list"),
    ({"inputs": []}, "row 1: all inputs are constants, so there is nothing to run; expected one that is not"),
    ({"inputs": [{"constant": [1]}]},
     "row 1: all inputs are constants, so there is nothing to run; expected one that is not"),
    ({"inputs": [[-1]]}, "row 1: input 'x0': shape [-1]; expected integers >= 0"),
    ({"inputs": [[True]]}, "row 1: input 'x0': shape [True]; expected integers >= 0"),
    ({"inputs": [[1 << 40, 1 << 40]]},
     "row 1: input 'x0': number of elements is 1208925819614629174706176, above the limit of 2147483648"),
    ({"inputs": [[1 << 29]]}, "row 1: bytes of all inputs is 2147483648, above the limit of 1073741824"),
    ({"inputs": [7]}, "row 1: input 'x0': found 7, expected an object"),
    ({"inputs": [{"shape": [1], "constant": [1]}]}, "row 1: input 'x0': expected either 'shape' or 'constant'"),
    ({"inputs": [{"shape": [1], "dtype": "int8"}]},
     "row 1: input 'x0': dtype 'int8'; expected one of float32, int32, bool; did you mean 'int32'?"),
    ({"inputs": [{"shape": [1], "low": 2}]}, "row 1: input 'x0': 'low' 2 is above 'high' 1"),
    ({"inputs": [{"shape": [1], "high": 1e30}]},
     "row 1: input 'x0': 'high' is 1e+30; expected a number of at most 2147483647"),
    ({"inputs": [{"shape": [1], "hihg": 1}]},
     "row 1: input 'x0': unknown key 'hihg'; expected constant, dtype, high, low, shape; did you mean 'high'?"),
    ({"group": 3}, "row 1: 'group': found 3, expected a string"),
    ({"layer": "LSTM"}, "row 1: has op and layer of op, steps, layer; expected one"),
    ({"op": "BroadcastTo", "attrs": {"shape": [1 << 20, 1 << 9, 3]}, "inputs": [[3]]},
     "row 1: bytes of the result of BroadcastTo is 6442450944, above the limit of 1073741824"),
    ({"op": "BroadcastTo", "attrs": {"shape": [1 << 30, 3]}, "inputs": [[3]]},
     "row 1: BroadcastTo: number of elements is 3221225472, above the limit of 2147483648"),
    ({"op": "BatchMatMul", "inputs": [[2, 3], [4, 5]]}, None),
])
def test_what_is_wrong_in_a_row_is_named(tmp_path, change, message):
    found = refusal(tmp_path, {**RELU, **change})
    if message is None:  # the op's own words
        assert found.startswith("row 1: BatchMatMul: ")
    else:
        assert found == message


@pytest.mark.parametrize(("steps", "message"), [
    ([], "row 1: no steps; expected one or more"),
    ([{"as": "a", "op": "Relu", "inputs": ["y"]}],
     "row 1: step 1: input 'y' is neither an input of the row nor an earlier step"),
    ([{"as": "x", "op": "Relu", "inputs": ["x"]}], "row 1: step 1: the name 'x' is taken"),
    ([{"op": "Relu", "inputs": ["x"]}], "row 1: step 1: 'as' is missing, expected a string"),
])
def test_what_is_wrong_in_steps_is_named(tmp_path, steps, message):
    assert refusal(tmp_path, {"group": "g", "name": "n", "inputs": {"x": [4]}, "steps": steps}) == message


def test_a_layer_has_one_input(tmp_path):
    row = {"group": "g", "layer": "LSTM", "inputs": [[1, 2, 3], [1, 2]]}
    assert refusal(tmp_path, row) == "row 1: a layer has one input here, which is no constant"


def test_a_file_that_is_no_list_of_rows_is_refused(tmp_path):
    assert refusal(tmp_path, RELU, more=1) == "unknown key 'more'; expected rows"
    path = tmp_path / "broken.json"
    path.write_text('{"rows": [NaN]}')
    with pytest.raises(TfjslabError, match=r"broken\.json: not valid JSON: NaN is not a JSON number$"):
        read_rows(str(path))
    with pytest.raises(TfjslabError) as caught:
        read_rows(str(tmp_path / "absent.json"))
    assert str(caught.value) == (
        f"--ops {tmp_path / 'absent.json'}: cannot be read (No such file or directory); give a file, or 'builtin'"
    )
    assert caught.value.exit_code == 3
