"""Charts that tfjs-vis does not have: where time and memory go. One chart a file, of inert data, with ``ax=None``."""

from tfjslab.vis.charts.backend_comparison import backend_comparison as backend_comparison
from tfjslab.vis.charts.figure_history import figure_history as figure_history
from tfjslab.vis.charts.graph_view import graph_view as graph_view
from tfjslab.vis.charts.kernel_time import kernel_time as kernel_time
from tfjslab.vis.charts.latency import latency_distribution as latency_distribution
from tfjslab.vis.charts.latency import latency_trace as latency_trace
from tfjslab.vis.charts.layer_time import layer_time as layer_time
from tfjslab.vis.charts.memory_timeline import memory_timeline as memory_timeline
from tfjslab.vis.charts.node_errors import node_errors as node_errors
from tfjslab.vis.charts.pareto import pareto as pareto
from tfjslab.vis.charts.roofline import roofline as roofline
from tfjslab.vis.charts.size_time import size_time as size_time
from tfjslab.vis.charts.stream_timeline import stream_timeline as stream_timeline
