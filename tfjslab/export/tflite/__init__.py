"""A model as a .tflite file, in float32, float16 or int8: ``tf.export_tflite``."""

from tfjslab.export.tflite.export import export_tflite
from tfjslab.export.tflite.precisions import PRECISIONS
from tfjslab.export.tflite.report import TfliteExport

__all__ = ["PRECISIONS", "TfliteExport", "export_tflite"]
