"""Models from files, on a backend. ``load_model`` is the entry point."""

from tfjslab.model.load import load_graph_model, load_layers_model, load_model, load_tflite_model
from tfjslab.model.model import Model

__all__ = ["Model", "load_graph_model", "load_layers_model", "load_model", "load_tflite_model"]
