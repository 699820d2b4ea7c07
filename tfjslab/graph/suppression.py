"""Non-maximum suppression with outputs of a fixed size, where a graph asks for as many as there are.

How many boxes are kept depends on data, and so would all shapes behind. Instead the padded form of the op makes outputs
of the largest size and a count, which has kernels; they are cut to the count where somebody reads them so. Detectors
mostly fill them up with zeros again, and then nothing is cut at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.names import reserve
from tfjslab.graph.ir import Node, value_name
from tfjslab.graph.specialize import Specialized, specialize
from tfjslab.ops.registry import Spec

# The padded form of each op, and its outputs that are cut; the count follows them.
_PADDED = {
    "NonMaxSuppressionV3": ("NonMaxSuppressionV4", 1), "NonMaxSuppressionV4": ("NonMaxSuppressionV4", 1),
    "NonMaxSuppressionV5": ("NonMaxSuppressionV5", 2),
}
_PAD = "pad_to_max_output_size"
_MOST_PADDED = 1024  # larger outputs are not padded beyond the number of boxes
# What passes a single number on.
_SAME_NUMBER = ("Reshape", "Identity", "Squeeze", "ExpandDims", "Pack", "StridedSlice", "Slice")


def fix_suppressions(program: Specialized, feeds: Mapping[str, Spec]) -> Specialized:
    """The program with suppressions of fixed sizes, specialized again for the same ``feeds``."""
    for rewrite in (_pad_all, _fill_up):
        nodes = rewrite(program)
        if set(map(id, nodes)) == set(map(id, program.graph.nodes)):
            break
        program = specialize(program.graph.with_(nodes=nodes), feeds)
    return program


def cut_outputs(program: Specialized, outputs: Collection[str]) -> dict[str, tuple[str, str]]:
    """Outputs that are cut and that no node reads: the padded value of each, and the length to cut it to."""
    makers = program.graph.producers()
    read = {v for n in program.graph.nodes for v in n.uses}
    found = {}
    for value in outputs:
        node = makers.get(value)
        length = makers.get(node.attr_inputs.get("size", "")) if node is not None and node.op == "Slice" else None
        if node is None or length is None or value in read:
            continue
        whole = makers.get(_number(length.name, makers, program.specs).partition(":")[0])
        if whole is not None and whole.op in dict(_PADDED.values()) and node.inputs[0] in whole.outputs:
            found[value] = node.inputs[0], length.name
    return found


def cut(value: Callable[[str], Array], how: tuple[str, str]) -> Array:
    """An output of ``cut_outputs`` from its padded value and its length; ``value`` gives arrays by name."""
    whole, length = map(value, how)
    return whole[: int(length.item())]


def _pad_all(program: Specialized) -> tuple[Node, ...]:
    """The nodes with suppressions padded, and cut for their readers under the old names; lengths become counts."""
    nodes: list[Node] = []
    counts: dict[str, str] = {}  # of values that are cut
    names = {n.name for n in program.graph.nodes} | set(program.specs)
    for node in program.graph.nodes:
        if node.op in _PADDED and node.name in _fixed(program, node):
            nodes += _pad(node, program.specs, counts, names)
        elif node.op == "Shape" and node.inputs[0] in counts:
            nodes.append(replace(node, op="Reshape", inputs=(counts[node.inputs[0]],), attrs={"shape": (1,)}))
        else:
            nodes.append(node)
    return tuple(nodes)


def _fixed(program: Specialized, node: Node) -> set[str]:
    """The node's name, if only the data stand in the way of a fixed size."""
    known = not node.attr_inputs and all(program.specs[v].shape is not None for v in node.inputs)
    wanted = known and not node.attrs.get(_PAD, False) and node.attrs["max_output_size"] > 0
    return {node.name} if wanted and program.specs[node.inputs[0]].size else set()


def _pad(node: Node, specs: Mapping[str, Spec], counts: dict[str, str], names: set[str]) -> list[Node]:
    op, cut = _PADDED[node.op]
    size, boxes = node.attrs["max_output_size"], specs[node.inputs[0]].known_shape[0]
    attrs = {**node.attrs, _PAD: True, "max_output_size": size if size <= _MOST_PADDED else min(size, boxes)}
    padded = replace(node, name=reserve(f"{node.name}/padded", names), op=op, attrs=attrs, num_outputs=cut + 1)
    count = padded.outputs[cut]
    name = reserve(f"{node.name}/length", names)
    length = Node(name, "Reshape", (count,), {"shape": (1,)}, layer=node.layer)
    made = [padded, length]
    for i, value in enumerate(padded.outputs[:cut]):
        name = value_name(node.name, i)
        made.append(Node(name, "Slice", (value,), {"begin": (0,)}, {"size": length.name}, layer=node.layer))
        counts[name] = count
    if node.num_outputs > cut:
        made.append(Node(value_name(node.name, cut), "Identity", (count,), layer=node.layer))
    return made


def _fill_up(program: Specialized) -> tuple[Node, ...]:
    """The nodes, with the padded value itself where a cut one is filled up with zeros to the size that it had."""
    makers = program.graph.producers()
    return tuple(_filled(n, makers, program.specs) or n for n in program.graph.nodes)


def _filled(node: Node, makers: Mapping[str, Node], specs: Mapping[str, Spec]) -> Node | None:
    if node.op != "Concat" or len(node.inputs) != 2 or node.attrs["axis"] not in (0, -1):  # noqa: PLR2004 - and zeros
        return None
    cut, fill = (makers.get(v) for v in node.inputs)
    if cut is None or fill is None or cut.op != "Slice" or fill.op != "Fill" or fill.inputs[0] == "":
        return None
    (whole,), zero = specs[cut.inputs[0]].known_shape, specs[fill.inputs[0]].value
    length, missing = cut.attr_inputs.get("size"), fill.attr_inputs.get("dims")
    if length is None or missing is None or zero is None or zero.tobytes().strip(b"\0"):
        return None
    rest = makers.get(_number(missing, makers, specs))
    if rest is None or rest.op != "Sub" or _number(rest.inputs[1], makers, specs) != _number(length, makers, specs):
        return None
    total = specs[rest.inputs[0]].value
    same = total is not None and total.size == 1 and int(np.ravel(total)[0]) == whole
    return replace(node, op="Identity", inputs=cut.inputs, attrs={}) if same else None


def _number(value: str, makers: Mapping[str, Node], specs: Mapping[str, Spec]) -> str:
    """The value that a number comes from, through nodes that only change its shape."""
    while True:
        node = makers.get(value)
        plain = node is not None and node.op in _SAME_NUMBER and len(node.inputs) == 1 and not node.attr_inputs
        if node is None or not plain or any(specs[v].shape is None or specs[v].size != 1 for v in node.uses):
            return value
        value = node.inputs[0]
