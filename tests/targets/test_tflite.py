"""What a .tflite file cannot hold."""

import pytest

from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.ops import registry
from tfjslab.targets import TARGETS
from tfjslab.targets.tflite import BUILTINS, WRITTEN_WITH


def refused(op, shape=(1, 4, 4, 2), dtype="float32", **attrs):
    resolved = registry.get(op).resolve_attrs(attrs, "y")
    graph = Graph((Port("x", "x", shape, dtype),), (Port("y", "y", None, ""),), (Node("y", op, ("x",), resolved),))
    return [r.reason for r in TARGETS["tflite"].refusals(graph)]


@pytest.mark.parametrize(("case", "reasons"), [
    ({"op": "Abs"}, []),
    ({"op": "Softplus"}, []),
    ({"op": "Erf"}, ["there is no builtin operator for it, nor are there builtins to write it with"]),
    ({"op": "MaxPool", "ksize": [2], "strides": [2], "data_format": "NCHW", "padding": "SAME"}, []),
    ({"op": "AvgPool", "ksize": [2], "strides": [2], "padding": "EXPLICIT",
      "explicit_paddings": [0, 0, 1, 1, 1, 1, 0, 0]},
     ["explicit paddings of a mean: AVERAGE_POOL_2D pads with SAME or not at all"]),
    ({"op": "Squeeze", "dtype": "string"}, ["it works on string, which SQUEEZE does not take"]),
])
def test_a_node_is_refused_with_its_reason(case, reasons):
    assert refused(**case) == reasons


def test_the_table_has_ops_of_the_registry_each_once():
    known = set(registry.all_ops())
    assert {*BUILTINS, *WRITTEN_WITH} - known == set()
    assert set(BUILTINS) & set(WRITTEN_WITH) == set()
