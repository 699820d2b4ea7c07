"""A model's layers as a table, and the weights of one of them."""

from __future__ import annotations

from collections import Counter

from matplotlib.axes import Axes

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.base.text import counted
from tfjslab.graph.ir import Graph
from tfjslab.model.layers import Layer, find_layer, layers_of
from tfjslab.model.model import Model
from tfjslab.model.summary import dims_text
from tfjslab.vis.canvas import Chart, Charts, blank
from tfjslab.vis.given import is_model, takes
from tfjslab.vis.render.histogram import histogram
from tfjslab.vis.render.table import table
from tfjslab.vis.stats import stats_of
from tfjslab.vis.style import label
from tfjslab.vis.surfaces import SurfaceLike
from tfjslab.vis.visor import surface_of

SUMMARY = ("Layer Name", "Ops", "Output Shape", "# Of Params", "Trainable")
WEIGHTS = ("Weight Name", "Shape", "Min", "Max", "# Params", "# Zeros", "# NaNs", "# Infinity")
MAX_HISTOGRAMS = 6


@takes("a model, from tf.load_model, or its graph", is_model, at=1)
def model_summary(surface: SurfaceLike, model: Model | Graph, *, ax: Axes | None = None) -> Chart:
    """Show each layer with its ops, output shape (``?`` for the batch), number of parameters, and if it is trainable.

    The last row has the sum. Weights of a graph model are constants, which nothing can train.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        model: a Model or its graph.
        ax: where to draw instead of in a new figure.

    Example:
        >>> from tfjslab import zoo
        >>> figure, axes = model_summary(None, zoo.build("blazeface"))
        >>> axes.tables[0][1, 0].get_text().get_text()
        'conv2d'

    """
    layers = layers_of(_graph(model))
    values = [[layer.name, _ops(layer), _shape(layer), layer.parameters, layer.trainable] for layer in layers]
    total = ["Total", counted(len(layers), "layer"), "", sum(layer.parameters for layer in layers)]
    return table(surface, {"headers": SUMMARY, "values": [*values, total]}, ax=ax)


def _has_layer(given: object) -> bool:
    return isinstance(given, Layer) or is_model(given)


@takes('a layer, as model.get_layer("name"), or a model and the name or number of one', _has_layer, at=1)
def layer(surface: SurfaceLike, model: Layer | Model | Graph, which: str | int | None = None) -> Charts:
    """Show the weights of one layer: a table with shape and statistics, and a histogram of each.

    As in tfjs-vis, ``show.layer(surface, model.get_layer("conv2d"))``; or with a model and the layer's name.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        model: a layer, or a Model or its graph.
        which: of a model, the layer's name, or its number in ``model_summary``.

    Example:
        >>> from tfjslab import zoo
        >>> figure, axes = layer(None, zoo.build("blazeface"), "conv2d")
        >>> axes[0].tables[0][0, 0].get_text().get_text()
        'Weight Name'

    """
    if (which is None) != isinstance(model, Layer):
        raise UsageError(f"which is {which!r}; expected a name or a number for a model, and none for a layer")
    found = model if isinstance(model, Layer) else find_layer(_graph(model), which or 0)
    shown = list(found.weights.items())[:MAX_HISTOGRAMS]
    lines = (max(len(found.weights), 1) + 1) * 24
    figure = blank(780, lines + 230 * len(shown) + 30)
    axes = figure.subplots(1 + len(shown), squeeze=False, height_ratios=[lines, *[230] * len(shown)])[:, 0]
    rows = [_weight_row(name, values) for name, values in found.weights.items()]
    as_text = table(None, {"headers": WEIGHTS, "values": rows or [["no weights"]]}, ax=axes[0])
    title = f"{label(found.name, 60)}: {_ops(found)}{', trainable' * found.trainable}"
    as_text.axes.set_title(title, fontsize=10, loc="left")
    for place, (name, values) in zip(axes[1:], shown, strict=True):
        histogram(None, values, stats=False, max_bins=40, ax=place)
        place.set_title(label(name, 80), fontsize=9, loc="left")
    target = surface_of(surface)
    if target is not None:
        target.show(figure)
    return Charts(figure, tuple(axes))


def _graph(model: Model | Graph) -> Graph:
    return model.graph if isinstance(model, Model) else model


def _ops(layer: Layer) -> str:
    return ", ".join(f"{op} {n}x" if n > 1 else op for op, n in Counter(layer.ops).items())


def _shape(layer: Layer) -> str:
    return "depends on data" if layer.shape is None else dims_text(layer.shape)


def _weight_row(name: str, values: Array) -> list[object]:
    stats = stats_of(values)
    shape = dims_text(values.shape) if values.ndim else "Scalar"
    return [name, shape, stats.min, stats.max, values.size, stats.num_zeros, stats.num_nans, stats.num_infs]
