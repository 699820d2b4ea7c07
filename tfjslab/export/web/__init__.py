"""The web module: a model as WebAssembly and one ES module, which run in any browser without TensorFlow.js."""

from __future__ import annotations

from tfjslab.export.web.export import WebExport, export_web

__all__ = ["WebExport", "export_web"]
