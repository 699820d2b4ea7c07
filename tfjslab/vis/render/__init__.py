"""The charts of ``tfvis.render``: data in, a chart out. Each takes a surface, data, options and ``ax``.

The surface is ``{"name": ..., "tab": ...}``, a ``Surface``, or None for a figure of its own.
"""

from tfjslab.vis.render.barchart import barchart as barchart
from tfjslab.vis.render.confusion_matrix import confusion_matrix as confusion_matrix
from tfjslab.vis.render.heatmap import heatmap as heatmap
from tfjslab.vis.render.histogram import histogram as histogram
from tfjslab.vis.render.linechart import linechart as linechart
from tfjslab.vis.render.scatterplot import scatterplot as scatterplot
from tfjslab.vis.render.table import table as table
