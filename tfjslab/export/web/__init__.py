"""The web module: a model as WebAssembly and one ES module, which run in any browser without TensorFlow.js."""

from __future__ import annotations

from tfjslab.export.web.export import WebExport, export_web
from tfjslab.export.web.picture import Picture
from tfjslab.export.web.proof import Effort, prove
from tfjslab.export.web.report import WebReport

__all__ = ["Effort", "Picture", "WebExport", "WebReport", "export_web", "prove"]
