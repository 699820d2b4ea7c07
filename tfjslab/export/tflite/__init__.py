"""A model as a .tflite file, in float32, float16 or int8: ``tf.export_tflite``."""

from tfjslab.export.tflite.export import TfliteExport, export_tflite
from tfjslab.export.tflite.precisions import PRECISIONS

__all__ = ["PRECISIONS", "TfliteExport", "export_tflite"]
