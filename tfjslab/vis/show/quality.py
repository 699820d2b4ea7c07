"""The accuracy of each class, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from tfjslab.base.errors import InputError
from tfjslab.vis.canvas import Chart
from tfjslab.vis.data import field, is_list, labels
from tfjslab.vis.given import takes
from tfjslab.vis.render.table import table
from tfjslab.vis.surfaces import SurfaceLike


@takes("a list of {accuracy, count}", at=1)
def per_class_accuracy(
    surface: SurfaceLike, class_accuracy: Any, class_labels: Sequence[str] | None = None, *, ax: Axes | None = None,
) -> Chart:
    """Show class, accuracy (from 0 to 1) and number of samples, in the order of the classes.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        class_accuracy: a list of ``{"accuracy", "count"}``, from ``metrics.per_class_accuracy``.
        class_labels: a name for each class; None for their numbers.
        ax: where to draw instead of in a new figure.

    Example:
        >>> figure, axes = per_class_accuracy(None, [{"accuracy": 0.5, "count": 2}], ["cat"])
        >>> axes.tables[0][1, 0].get_text().get_text()
        'cat'

    """
    if not is_list(class_accuracy):
        raise InputError(f"class_accuracy is a {type(class_accuracy).__name__}; expected a list of {{accuracy, count}}")
    names = labels(class_labels, len(class_accuracy), "class_labels") or [str(i) for i in range(len(class_accuracy))]
    values = [
        [name, field(found, "accuracy", f"class {i}"), field(found, "count", f"class {i}")]
        for i, (name, found) in enumerate(zip(names, class_accuracy, strict=True))
    ]
    return table(surface, {"headers": ["Class", "Accuracy", "# Samples"], "values": values}, ax=ax)
