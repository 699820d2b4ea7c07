"""The kinds of quantization, by the names that users give."""

from tfjslab.formats.weight_writer import QUANTIZATIONS

INT8, DYNAMIC = "int8", "dynamic-int8"
KINDS = (INT8, DYNAMIC, *QUANTIZATIONS)
