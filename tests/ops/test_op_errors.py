"""What ops say when their inputs make no sense: the whole text, before anything is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tfjslab.ops  # noqa: F401 - registers all ops
from tfjslab.base.errors import DTypeError, InputError, LimitError, ShapeError, TfjslabError, UsageError
from tfjslab.ops import registry
from tfjslab.ops.lists import TensorList
from tfjslab.ops.registry import Spec
from tfjslab.ops.tables import LookupTable

FLOAT, INT, BOOL, TEXT, COMPLEX = "float32", "int32", "bool", "string", "complex64"


def infer(name: str, *specs: tuple[tuple[int, ...], str], **attrs: Any) -> None:
    op = registry.get(name)
    op.infer([Spec(s, d) for s, d in specs], op.resolve_attrs(attrs, "here"))


SHAPES: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("Add", (((2, 3), FLOAT), ((4,), FLOAT)), {}, "shapes [2, 3] and [4] cannot be broadcast together"),
    ("Conv2D", (((1, 8, 8, 3), FLOAT), ((3, 3, 4, 8), FLOAT)), {},
     "Conv2D: input [1, 8, 8, 3] has 3 channels; filter [3, 3, 4, 8] expects 4"),
    ("Conv2D", (((8, 8, 3), FLOAT), ((3, 3, 3, 8), FLOAT)), {},
     "Conv2D: input: shape [8, 8, 3]; expected rank 4 (NHWC)"),
    ("Conv2D", (((1, 8, 8, 3), FLOAT), ((3, 3, 8), FLOAT)), {},
     "Conv2D: filter [3, 3, 8]; expected [height, width, in, out] with a window of 1 or more"),
    ("Conv2D", (((1, 8, 8, 4), FLOAT), ((3, 3, 2, 7), FLOAT)), {},
     "Conv2D: 7 output channels cannot be divided into 2 groups"),
    ("Conv2D", (((1, 2, 8, 3), FLOAT), ((3, 3, 3, 8), FLOAT)), {}, "a window of 3 does not fit a padded length of 2"),
    ("Conv2D", (((1, 8, 8, 3), FLOAT), ((3, 3, 3, 8), FLOAT)), {"strides": [2, 1, 1, 1]},
     "Conv2D: strides [2, 1, 1, 1]: expected 1 for batch and channels"),
    ("Conv2D", (((1, 8, 8, 3), FLOAT), ((3, 3, 3, 8), FLOAT)), {"strides": [0]},
     "Conv2D: strides [0]: expected 1, 2 or 4 numbers >= 1"),
    ("DepthwiseConv2dNative", (((1, 8, 8, 3), FLOAT), ((3, 3, 4, 1), FLOAT)), {},
     "DepthwiseConv2dNative: input [1, 8, 8, 3] has 3 channels; filter [3, 3, 4, 1] expects 4"),
    ("Conv2DBackpropInput", (((1, 4, 4, 3), FLOAT), ((3, 3, 6, 3), FLOAT)),
     {"output_shape": [1, 9, 8, 6], "strides": [2]},
     "Conv2DBackpropInput: output_shape [1, 9, 8, 6] belongs to an input of (4, 3), found (4, 4)"),
    ("FusedConv2D", (((1, 8, 8, 3), FLOAT), ((3, 3, 3, 8), FLOAT)), {"fused_ops": ["BiasAdd"]},
     "FusedConv2D: fused_ops ['BiasAdd'] take 1 inputs, found 0"),
    ("FusedConv2D", (((1, 8, 8, 3), FLOAT), ((3, 3, 3, 8), FLOAT), ((4,), FLOAT)), {"fused_ops": ["BiasAdd"]},
     "FusedConv2D: an input of shape [4] is fused; expected [8]"),
    ("BatchMatMul", (((2, 3), FLOAT), ((4, 5), FLOAT)), {},
     "BatchMatMul: shapes [2, 3] and [4, 5] with transpose_a=False, transpose_b=False: inner lengths 3 and 4 differ"),
    ("BatchMatMul", (((3,), FLOAT), ((3, 5), FLOAT)), {},
     "BatchMatMul: shapes [3] and [3, 5]; expected rank 2 or more"),
    ("Reshape", (((2, 3), FLOAT),), {"shape": [4, -1]}, "Reshape: shape [2, 3] with 6 elements cannot become [4, -1]"),
    ("Sum", (((2, 3), FLOAT),), {"axis": [2]}, "axis 2 is out of range for rank 2; expected -2 to 1"),
    ("ArgMax", (((2, 0), FLOAT),), {"axis": 1},
     "ArgMax: axis 1 of shape [2, 0] is empty; the index of nothing is not defined"),
    ("Slice", (((4, 5), FLOAT),), {"begin": [1, 2], "size": [4, 2]},
     "Slice: begin [1, 2] with size [4, 2] is not inside shape [4, 5]"),
    ("Slice", (((4, 5), FLOAT),), {"begin": [1], "size": [4]},
     "Slice: begin [1] and size [4]; expected 2 numbers each for shape [4, 5]"),
    ("StridedSlice", (((4,), FLOAT),), {"begin": [0], "end": [4], "strides": [0]},
     "StridedSlice: stride 0 for axis 0; expected not 0"),
    ("StridedSlice", (((4,), FLOAT),), {"begin": [7], "end": [8], "strides": [1], "shrink_axis_mask": 1},
     "StridedSlice: index 7 is out of range for axis 0 of length 4"),
    ("StridedSlice", (((4,), FLOAT),), {"begin": [0, 0], "end": [1, 1], "strides": [1, 1]},
     "StridedSlice: 2 indices for rank 1"),
    ("Concat", (((2, 3), FLOAT), ((3, 3), FLOAT)), {"axis": 1},
     "Concat: shapes [2, 3] and [3, 3] differ outside axis 1"),
    ("Pack", (((2, 3), FLOAT), ((3, 3), FLOAT)), {}, "Pack: shapes [2, 3] and [3, 3] differ"),
    ("SplitV", (((2, 3), FLOAT),), {"axis": 1, "num_split": 2},
     "SplitV: axis 1 of length 3 cannot be cut into 2 equal parts"),
    ("SplitV", (((2, 3), FLOAT),), {"axis": 1, "size_splits": [1, 1]},
     "SplitV: parts [1, 1] do not add up to axis 1 of length 3"),
    ("Unpack", (((2, 3), FLOAT),), {"num": 3}, "Unpack: num 3; axis 0 of shape [2, 3] has length 2"),
    ("Squeeze", (((1, 3), FLOAT),), {"axis": [1]}, "Squeeze: axis 1 of shape [1, 3] has length 3; expected 1"),
    ("Transpose", (((1, 3), FLOAT),), {"perm": [0, 0]},
     "Transpose: perm [0, 0] is not an order of the 2 axes of [1, 3]"),
    ("PadV2", (((1, 3), FLOAT),), {"paddings": [[1, 1]]}, "PadV2: paddings [[1, 1]]; expected 2 pairs >= 0 for [1, 3]"),
    ("MirrorPad", (((2,), FLOAT),), {"paddings": [[2, 0]]}, "MirrorPad: shape [2] is too small to mirror [[2, 0]]"),
    ("GatherNd", (((2,), FLOAT), ((1, 2), INT)), {}, "GatherNd: indices [1, 2] do not point into shape [2]"),
    ("ScatterNd", (((1, 1), INT), ((2,), FLOAT)), {"shape": [4]}, "ScatterNd: updates have shape [2]; expected [1]"),
    ("TopK", (((3,), FLOAT),), {"k": 4},
     "TopK: k 4 with shape [3]; expected rank 1 or more and k at most the last length"),
    ("ResizeBilinear", (((1, 2, 2, 3), FLOAT),), {"size": [0, 4]},
     "ResizeBilinear: from [2, 2] to size [0, 4]; expected a height and a width >= 1"),
    ("NonMaxSuppressionV3", (((5, 3), FLOAT), ((5,), FLOAT)), {"max_output_size": 1},
     "NonMaxSuppressionV3: boxes [5, 3] with scores [5]; expected [n, 4] with [n]"),
    ("DepthToSpace", (((1, 2, 2, 3), FLOAT),), {"block_size": 2},
     "DepthToSpace: 3 channels cannot be divided into blocks of 2 x 2"),
    ("Range", (), {"start": 0, "limit": 5, "delta": 0}, "Range: from 0.0 to 5.0 in steps of 0.0 has no end"),
    ("AddN", (((2,), FLOAT), ((3,), FLOAT)), {}, "AddN: shapes [2] and [3]; expected equal ones"),
    ("Einsum", (((2, 3), FLOAT),), {"equation": "ijk->i"}, "Einsum: equation 'ijk->i' does not fit shapes [2, 3]"),
    ("Einsum", (((2, 3), FLOAT),), {"equation": "i...->i"},
     "Einsum: equation 'i...->i' does not fit shapes [2, 3]; expected letters only, such as 'ij,jk->ik'"),
    ("MatrixBandPart", (((2,), FLOAT),), {"num_lower": 0, "num_upper": 0},
     "MatrixBandPart: shape [2]; expected rank 2 or more"),
    ("SpaceToDepth", (((1, 3, 2, 1), FLOAT),), {"block_size": 2},
     "SpaceToDepth: height 3 and width 2 cannot be divided into blocks of 2"),
    ("SpaceToBatchND", (((1, 3), FLOAT),), {"block_shape": [2], "paddings": [[0, 0]]},
     "SpaceToBatchND: padded lengths [3] cannot be divided into blocks [2]"),
    ("BatchToSpaceND", (((3, 3), FLOAT),), {"block_shape": [2], "crops": [[0, 0]]},
     "BatchToSpaceND: batch 3 cannot be divided into blocks [2]"),
    ("EnsureShape", (((2, 3), FLOAT),), {"shape": [-1, 4]},
     "EnsureShape: shape [2, 3]; expected [-1, 4], where -1 is any length"),
    ("CropAndResize", (((1, 4, 4, 1), FLOAT), ((2, 4), FLOAT), ((3,), INT)), {"crop_size": [2, 2]},
     "CropAndResize: boxes [2, 4] with box_ind [3]; expected [n, 4] with [n]"),
    ("Conv1D", (((8,), FLOAT), ((3, 2, 4), FLOAT)), {},
     ("Conv1D: input [8] with filter [3, 2, 4]; expected rank 3 (NWC), or 2 for one sequence, and a filter of "
      "[width, in, out]")),
    ("Conv1D", (((1, 8, 3), FLOAT), ((3, 2, 4), FLOAT)), {},
     "Conv1D: input [1, 1, 8, 3] has 3 channels; filter [1, 3, 2, 4] expects 2"),
    ("Conv1D", (((1, 8, 2), FLOAT), ((3, 2, 4), FLOAT)), {"padding": "EXPLICIT", "explicit_paddings": [1]},
     "Conv1D: explicit_paddings [1]; expected 6 numbers"),
    ("Conv3D", (((8, 8, 3), FLOAT), ((3, 3, 3, 3, 8), FLOAT)), {},
     "Conv3D: input: shape [8, 8, 3]; expected rank 5 (NDHWC), or 4 for one volume"),
    ("Conv3D", (((1, 8, 8, 8, 3), FLOAT), ((3, 3, 3, 2, 8), FLOAT)), {},
     "Conv3D: input [1, 8, 8, 8, 3] has 3 channels; filter [3, 3, 3, 2, 8] expects 2"),
    ("Conv3D", (((1, 8, 8, 8, 3), FLOAT), ((3, 3, 3, 8), FLOAT)), {},
     "Conv3D: filter [3, 3, 3, 8]; expected [depth, height, width, in, out] with a window of 1 or more"),
    ("Conv3D", (((1, 8, 8, 8, 4), FLOAT), ((3, 3, 3, 2, 7), FLOAT)), {},
     "Conv3D: 7 output channels cannot be divided into 2 groups"),
    ("Conv3D", (((1, 2, 8, 8, 3), FLOAT), ((3, 3, 3, 3, 8), FLOAT)), {},
     "a window of 3 does not fit a padded length of 2"),
    ("Conv3D", (((1, 8, 8, 8, 3), FLOAT), ((3, 3, 3, 3, 8), FLOAT)), {"strides": [2, 1, 1, 1, 1]},
     "Conv3D: strides [2, 1, 1, 1, 1]: expected 1 for batch and channels"),
    ("Conv3D", (((1, 8, 8, 8, 3), FLOAT), ((3, 3, 3, 3, 8), FLOAT)), {"padding": "EXPLICIT"},
     "Conv3D: explicit_paddings []; expected 10 numbers >= 0"),
    ("MaxPool3D", (((1, 8, 8, 8, 3), FLOAT),), {"ksize": [2, 2]},
     "MaxPool3D: ksize [2, 2]: expected 1, 3 or 5 numbers >= 1"),
    ("Conv3DTranspose", (((1, 4, 4, 4, 3), FLOAT), ((3, 3, 3, 6, 3), FLOAT)),
     {"output_shape": [1, 9, 8, 8, 6], "strides": [2]},
     "Conv3DTranspose: output_shape [1, 9, 8, 8, 6] belongs to an input of (4, 3, 3), found (4, 4, 4)"),
    ("Conv3DTranspose", (((1, 4, 4, 4, 3), FLOAT), ((3, 3, 3, 6, 3), FLOAT)), {"output_shape": [6, 6, 6, 6]},
     "Conv3DTranspose: output_shape [6, 6, 6, 6] for an input of shape [1, 4, 4, 4, 3]; expected one rank"),
    ("Dilation2D", (((1, 4, 4, 3), FLOAT), ((2, 2, 1), FLOAT)), {},
     ("Dilation2D: filter [2, 2, 1] for an input of [1, 4, 4, 3]; expected [height, width, 3] with a window of 1 or "
      "more")),
    ("Complex", (((2,), FLOAT), ((3,), FLOAT)), {}, "shapes [2] and [3] cannot be broadcast together"),
    ("FFT", (((), COMPLEX),), {}, "FFT: a scalar; expected rank 1 or more"),
    ("IRFFT", (((4,), COMPLEX),), {"fft_length": [-1]},
     "IRFFT: fft_length [-1] for shape [4]; expected one number >= 1"),
    ("StringSplit", (((), TEXT), ((), TEXT)), {}, "StringSplit: input has shape []; expected rank 1"),
    ("StringSplit", (((2,), TEXT), ((2,), TEXT)), {}, "StringSplit: delimiter has shape [2]; expected a scalar"),
    ("StringNGrams", (((2, 2), TEXT), ((2,), INT)), {"ngram_widths": [1]},
     "StringNGrams: data has shape [2, 2]; expected rank 1"),
    ("SparseFillEmptyRows", (((2, 2), INT), ((3,), FLOAT), ((2,), INT), ((), FLOAT)), {},
     ("SparseFillEmptyRows: indices [2, 2], values [3], dense_shape [2], default []; expected [n, rank], [n], "
      "[rank] and one")),
    ("SparseReshape", (((2, 2), INT), ((3,), INT), ((2,), INT)), {},
     "SparseReshape: input_indices [2, 2] with input_shape [3]; expected [n, rank] with [rank]"),
    ("SparseSegmentSum", (((2, 2), FLOAT), ((3,), INT), ((2,), INT)), {},
     ("SparseSegmentSum: data [2, 2], indices [3], segment_ids [2]; expected rank 1 or more, and one segment for each "
      "index")),
    ("LookupTableImport", (((), "variant"), ((3,), TEXT), ((2,), INT)), {},
     "LookupTableImport: keys [3] with values [2]; expected one for each key"),
    ("ImageProjectiveTransformV3", (((2, 4, 4, 1), FLOAT), ((3, 8), FLOAT)), {},
     "ImageProjectiveTransformV3: transforms [3, 8]; expected [2, 8] or [1, 8]"),
    ("ImageProjectiveTransformV3", (((1, 4, 4, 1), FLOAT), ((1, 8), FLOAT)), {"output_shape": [3]},
     "ImageProjectiveTransformV3: from [4, 4] to output_shape [3]; expected a height and a width"),
    ("RaggedRange", (((2,), INT), ((3,), INT), ((), INT)), {},
     "RaggedRange: shapes [2], [3], []; expected scalars, and vectors of one length"),
    ("RaggedGather", (((2,), FLOAT), ((3,), INT)), {},
     "RaggedGather: no splits, or values of rank 0; expected one or more, and rank 1 or more"),
    ("RaggedGather", (((2,), FLOAT), ((3,), INT), ((3,), INT)), {"output_ragged_rank": 4},
     "RaggedGather: output_ragged_rank is 4; expected 1"),
    ("Switch", (((2,), FLOAT), ((2,), BOOL)), {}, "Switch: the predicate is bool [2]; expected a bool scalar"),
    ("Select", (((3,), BOOL), ((2, 2), FLOAT), ((2, 2), FLOAT)), {},
     "shapes [3, 1] and [2, 2] cannot be broadcast together"),
]


@pytest.mark.parametrize(("name", "specs", "attrs", "text"), SHAPES, ids=[f"{s[0]}-{i}" for i, s in enumerate(SHAPES)])
def test_shapes_that_do_not_fit_are_told(name: str, specs: tuple[Any, ...], attrs: dict[str, Any], text: str) -> None:
    with pytest.raises(ShapeError) as e:
        infer(name, *specs, **attrs)
    assert str(e.value) == text


@pytest.mark.parametrize(("name", "specs", "text"), [
    ("Add", (((2,), FLOAT), ((2,), INT)), "Add: dtypes float32, int32 differ; cast one of them"),
    ("Exp", (((2,), INT),), "Exp: dtype int32; expected float32"),
    ("LogicalAnd", (((2,), FLOAT), ((2,), FLOAT)), "LogicalAnd: dtype float32; expected bool"),
    ("SelectV2", (((2,), FLOAT), ((2,), FLOAT), ((2,), FLOAT)), "SelectV2: dtype float32; expected bool"),
    ("Max", (((2,), BOOL),), "Max: dtype bool; expected float32 or int32"),
    ("GatherV2", (((2,), FLOAT), ((2,), FLOAT)), "GatherV2: indices are float32; expected int32"),
    ("Concat", (((2,), FLOAT), ((2,), INT)), "Concat: dtypes float32, int32 differ; cast them to one"),
    ("Conv3D", (((1, 2, 2, 2, 1), INT), ((1, 1, 1, 1, 1), INT)), "Conv3D: dtype int32; expected float32"),
    ("RFFT", (((4,), COMPLEX),), "RFFT: dtype complex64; expected float32"),
    ("Sqrt", (((4,), COMPLEX),), "Sqrt: dtype complex64; expected float32"),
    ("StringSplit", (((2,), INT), ((), TEXT)), "StringSplit: dtype int32; expected string"),
    ("SparseReshape", (((2, 2), FLOAT), ((2,), INT), ((1,), INT)),
     "SparseReshape: input_indices is float32; expected int32"),
    ("SparseFillEmptyRows", (((2, 2), INT), ((2,), FLOAT), ((2,), INT), ((), INT)),
     "SparseFillEmptyRows: values are float32 and the default is int32; expected one dtype"),
    ("RaggedGather", (((2,), FLOAT), ((3,), FLOAT), ((3,), INT)), "RaggedGather: indices is float32; expected int32"),
])
def test_dtypes_that_do_not_fit_are_told(name: str, specs: tuple[Any, ...], text: str) -> None:
    with pytest.raises(DTypeError) as e:
        infer(name, *specs)
    assert str(e.value) == text


@pytest.mark.parametrize(("name", "specs", "attrs"), [
    ("Fill", (((), FLOAT),), {"dims": [1 << 20, 1 << 20]}), ("Tile", (((1 << 20,), FLOAT),), {"reps": [1 << 20]}),
    ("BroadcastTo", (((), FLOAT),), {"shape": [1 << 40]}), ("OneHot", (((1 << 20,), INT),), {"depth": 1 << 20}),
    ("Range", (), {"start": 0, "limit": 1e15}), ("PadV2", (((1,), FLOAT),), {"paddings": [[0, 1 << 40]]}),
    ("ResizeBilinear", (((1, 1, 1, 1), FLOAT),), {"size": [1 << 20, 1 << 20]}), ("Zeros", (), {"shape": [1 << 40]}),
    ("RFFT", (((8,), FLOAT),), {"fft_length": [1 << 40]}), ("IRFFT", (((8,), COMPLEX),), {"fft_length": [1 << 40]}),
    ("ImageProjectiveTransformV3", (((1, 2, 2, 1), FLOAT), ((1, 8), FLOAT)), {"output_shape": [1 << 20, 1 << 20]}),
    ("MaxPool3D", (((1, 1, 1, 1, 1), FLOAT),), {"ksize": [1 << 31], "padding": "SAME"}),
    ("MaxPool3D", (((1, 1, 1, 1, 1), FLOAT),),
     {"ksize": [1], "padding": "EXPLICIT", "explicit_paddings": [0, 0, *[1 << 15] * 6, 0, 0]}),
    ("Conv3DTranspose", (((1, 2, 2, 2, 1), FLOAT), ((1, 1, 1, 1, 1), FLOAT)),
     {"output_shape": [1, 1 << 15, 1 << 15, 1 << 15, 1], "strides": [1 << 14]}),
    ("SparseToDense", (((1,), INT), ((1,), FLOAT), ((), FLOAT)), {"output_shape": [1 << 40]}),
    ("ScatterNd", (((1, 1), INT), ((1,), FLOAT)), {"shape": [1 << 40]}), ("LinSpace", (),
     {"start": 0, "stop": 1, "num": 1 << 40}),
])
def test_sizes_are_checked_before_anything_is_allocated(
    name: str, specs: tuple[Any, ...], attrs: dict[str, Any],
) -> None:
    with pytest.raises(LimitError, match="number of elements is "):
        infer(name, *specs, **attrs)


_LIST = TensorList((None, np.zeros(2, np.float32)), (2,), "float32")
_OPEN = TensorList((None,), (-1,), "float32")
_SHAPE = {"element_shape": (-1,), "element_dtype": "float32"}


@pytest.mark.parametrize(("name", "inputs", "attrs", "error", "text"), [
    ("GatherV2", (np.zeros(3), np.array([1, 3], np.int32)), {}, InputError,
     "GatherV2: index 3 is out of range for a length of 3"),
    ("GatherNd", (np.zeros(3), np.array([[-1]], np.int32)), {}, InputError,
     "GatherNd: index -1 is out of range for a length of 3"),
    ("Assert", (np.array(False), np.array([1, 2])), {}, InputError,  # noqa: FBT003 - the condition
     "a condition that the model asserts is false; values: [[1, 2]]"),
    ("TensorListGetItem", (_LIST, np.int32(2)), _SHAPE, InputError, "index 2 is out of range for a list of length 2"),
    ("TensorListGetItem", (_OPEN, np.int32(0)), _SHAPE, InputError,
     "element 0 of the list was never written and its shape [-1] is not known"),
    ("TensorListSetItem", (_LIST, np.int32(0), np.zeros(3)), {}, ShapeError,
     "element shapes [3] and [2] contradict each other"),
    ("TensorListSetItem", (_LIST, np.int32(0), np.zeros(2, np.int32)), {}, DTypeError,
     "a int32 tensor is put into a list of float32"),
    ("TensorListStack", (_LIST,), {"num_elements": 5}, InputError,
     "a list of length 2 is stacked; expected length 5"),
    ("TensorListResize", (_LIST, np.int32(-1)), {}, InputError, "a list cannot have length -1"),
    ("SparseFillEmptyRows", (np.int32([[2, 0]]), np.zeros(1), np.int32([2, 2]), np.float32(0)), {}, InputError,
     "SparseFillEmptyRows: index 2 is out of range for a length of 2"),
    ("SparseFillEmptyRows", (np.zeros((0, 1), np.int32), np.zeros(0), np.int32([2**30]), np.float32(0)), {}, LimitError,
     "SparseFillEmptyRows: number of elements is 1073741824, above the limit of 268435456"),
    ("SparseReshape", (np.int32([[0, 0]]), np.int32([2, 3]), np.int32([-1, 4])), {}, InputError,
     "SparseReshape: shape [2, 3] with 6 elements cannot become [-1, 4]"),
    ("SparseReshape", (np.int32([[0, 0]]), np.int32([2, 3]), np.int32([-1, -1])), {}, InputError,
     "SparseReshape: shape [2, 3] with 6 elements cannot become [-1, -1]"),
    ("SparseSegmentSum", (np.zeros((2, 2)), np.int32([0, 1]), np.int32([1, 0])), {}, InputError,
     "SparseSegmentSum: segment_ids [1, 0]; expected numbers >= 0 in order"),
    ("SparseSegmentSum", (np.zeros((2, 2)), np.int32([2]), np.int32([0])), {}, InputError,
     "SparseSegmentSum: index 2 is out of range for a length of 2"),
    ("SparseSegmentSum", (np.zeros((2, 2)), np.int32([0]), np.int32([2**31 - 1])), {}, LimitError,
     "SparseSegmentSum: number of elements is 4294967296, above the limit of 268435456"),
    ("StringNGrams", (np.array(["a"], object), np.int32([0, 2])), {"ngram_widths": [1]}, InputError,
     "StringNGrams: data_splits [0, 2]; expected numbers in order from 0 to 1"),
    ("StringNGrams", (np.array(["a"], object), np.int32([0, 1])), {"ngram_widths": [10**6], "pad_width": -1},
     LimitError, "StringNGrams: number of joined strings is 1000000000000, above the limit of 10000000"),
    ("RaggedRange", (np.int32(0), np.int32(5), np.int32(0)), {}, InputError,
     "RaggedRange: from 0 to 5 in steps of 0 has no end"),
    ("RaggedRange", (np.float32(0), np.float32(np.inf), np.float32(1)), {}, InputError,
     "RaggedRange: from 0.0 to inf in steps of 1.0 has no end"),
    ("RaggedRange", (np.int32([0, 0]), np.int32(2**31 - 1), np.int32(1)), {}, LimitError,
     "RaggedRange: number of elements is 4294967294, above the limit of 268435456"),
    ("RaggedGather", (np.zeros(2), np.int32([2]), np.int32([0, 1, 2])), {}, InputError,
     "RaggedGather: index 2 is out of range for a length of 2"),
    ("RaggedGather", (np.zeros(2), np.int32([0]), np.int32([0, 1, 3])), {}, InputError,
     "RaggedGather: row splits [0, 1, 3]; expected numbers in order up to 2"),
    ("RaggedTensorToTensor", (np.int32([2, 2, 2]), np.zeros(2), np.float64(0), np.int32([0, 2])),
     {"row_partition_types": ["ROW_SPLITS"]}, InputError,
     "RaggedTensorToTensor: shape [2, 2, 2]; expected 2 lengths, -1 for unknown ones"),
    ("RaggedTensorToTensor", (np.int32([2, 2]), np.zeros(1), np.float64(0), np.int32([0, 2])),
     {"row_partition_types": ["ROW_SPLITS"]}, InputError, "RaggedTensorToTensor: 1 values for 2 places"),
    ("RaggedTensorToTensor", (np.int32([2**20, 2**20]), np.zeros(2), np.float64(0), np.int32([0, 2])),
     {"row_partition_types": ["ROW_SPLITS"]}, LimitError,
     "RaggedTensorToTensor: number of elements is 1099511627776, above the limit of 268435456"),
    ("LookupTableFind", (LookupTable("string", "int32", {}), np.int32([1]), np.int32(0)), {}, DTypeError,
     "LookupTableFind: keys are int32; the table has string"),
    ("LookupTableFind", (LookupTable("int32", "int32", {1: 0}, np.int32([[1, 2]])), np.int32([1]), np.int32(0)), {},
     InputError, "LookupTableFind: the default has shape []; values have [2]"),
    ("LookupTableImport", (LookupTable("string", "int32", {}), np.array(["a"], object), np.float32([0])), {},
     DTypeError, "LookupTableImport: values are float32; the table has int32"),
])
def test_values_that_make_no_sense_are_told(
    name: str, inputs: tuple[Any, ...], attrs: dict[str, Any], error: type[TfjslabError], text: str,
) -> None:
    op = registry.get(name)
    with pytest.raises(error) as e:
        op.run(inputs, op.resolve_attrs(attrs, "here"))
    assert str(e.value) == text


@pytest.mark.parametrize(("name", "specs", "attrs", "text"), [
    ("StringToHashBucketFast", (((2,), TEXT),), {"num_buckets": 0},
     "StringToHashBucketFast: num_buckets is 0; expected 1 or more"),
    ("StringNGrams", (((2,), TEXT), ((2,), INT)), {"ngram_widths": [0]},
     "StringNGrams: ngram_widths are [0]; expected numbers of 1 or more"),
    ("StaticRegexReplace", (((2,), TEXT),), {"pattern": "(", "rewrite": ""}, "pattern '(': no ) at 1"),
    ("StaticRegexReplace", (((2,), TEXT),), {"pattern": "(a)", "rewrite": "\\2"},
     "rewrite '\\\\2': \\2; expected \\\\ or \\0 to \\1, groups of the pattern"),
    ("RaggedTensorToTensor", (((2,), INT), ((2,), FLOAT), ((), FLOAT), ((3,), INT)),
     {"row_partition_types": ["VALUE_ROWIDS"]},
     ("RaggedTensorToTensor: row_partition_types ['VALUE_ROWIDS'] for 1 tensors; expected one for each, FIRST_DIM_SIZE "
      "or ROW_SPLITS first, then VALUE_ROWIDS or ROW_SPLITS")),
])
def test_attributes_that_make_no_sense_are_told(
    name: str, specs: tuple[Any, ...], attrs: dict[str, Any], text: str,
) -> None:
    with pytest.raises(UsageError) as e:
        infer(name, *specs, **attrs)
    assert str(e.value) == text


def test_thresholds_of_suppression_are_between_0_and_1() -> None:
    with pytest.raises(UsageError) as e:
        infer("NonMaxSuppressionV5", ((5, 4), FLOAT), ((5,), FLOAT), max_output_size=1, iou_threshold=1.5)
    assert str(e.value) == "NonMaxSuppressionV5: iou_threshold and soft_nms_sigma must be between 0 and 1"


def test_lists_are_never_changed_in_place() -> None:
    names = ("TensorListSetItem", "TensorListPushBack", "TensorListPopBack")
    set_item, push, pop = (registry.get(n).run for n in names)
    one = np.ones(2, np.float32)
    changed = set_item([_LIST, np.int32(0), one], {"element_dtype": "float32"})[0]
    longer = push([changed, one * 2], {"element_dtype": "float32"})[0]
    shorter, last = pop([longer], _SHAPE)
    assert _LIST.items[0] is None
    assert len(changed.items) == len(shorter.items) == 2
    assert len(longer.items) == 3
    np.testing.assert_array_equal(last, one * 2)


def test_control_ops_are_not_kernels() -> None:
    with pytest.raises(UsageError, match=r"^While is run by the executor, not by a kernel$"):
        registry.get("While").run([], {})


def test_control_ops_tell_dtypes_and_how_many_outputs_they_have() -> None:
    loop, branch, merge, switch = (registry.get(n) for n in ("While", "If", "Merge", "Switch"))
    ins = [Spec((2,), FLOAT), Spec((), "variant")]
    found = loop.infer(ins, {})
    assert [(s.shape, s.dtype) for s in found] == [(None, FLOAT), ((), "variant")]
    assert loop.outputs_of({}, 2) == 2
    attrs = branch.resolve_attrs({"then_branch": "a", "else_branch": "b", "Tout": [INT]}, "here")
    assert [s.dtype for s in branch.infer(ins, attrs)] == [INT]
    assert branch.outputs_of(attrs, 2) == 1
    assert [s.shape for s in merge.infer([Spec((2,), FLOAT), Spec((2,), FLOAT)], {})] == [(2,), ()]
    assert merge.infer([Spec((2,), FLOAT), Spec((3,), FLOAT)], {})[0].shape is None
    assert [s.shape for s in switch.infer([Spec((2,), FLOAT), Spec((), BOOL)], {})] == [(2,), (2,)]
    with pytest.raises(DTypeError, match=r"^Merge: dtypes float32, int32 differ$"):
        merge.infer([Spec((2,), FLOAT), Spec((2,), INT)], {})
