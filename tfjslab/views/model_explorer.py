"""Figures of nodes in the form that Google's Model Explorer lays over a graph as custom node data.

The form is that of ``GraphNodeData`` and ``NodeDataResult`` in ``node_data_builder.py`` of
github.com/google-ai-edge/model-explorer. A file without the id of a graph is laid over the graph that is open there, so
it fits whatever Model Explorer made of ``model.json``: it keeps the names of nodes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.base.files import write_whole
from tfjslab.graph.ir import Graph
from tfjslab.model.model import Model
from tfjslab.records.profile import Profile
from tfjslab.views.graph import graph
from tfjslab.views.graph_runs import Ran, add_profile
from tfjslab.views.view import View

# From light to dark, so that it reads in grey and by any eye (ColorBrewer's YlGnBu).
_GRADIENT = ((0.0, "#ffffd9"), (0.5, "#41b6c4"), (1.0, "#081d58"))


def to_model_explorer(shown: Profile | View | Model | Graph, overlay: str | None = None) -> dict[str, Any]:
    """Node data for Model Explorer: ``results`` by the name of the node, each with a ``value``, and a ``gradient``.

    Args:
        shown: a profile, what ``tf.views.graph`` gave, or a model or graph for its FLOPs.
        overlay: ``time``, ``flops``, ``bytes``, ``host``, ``difference`` or ``error``; None for the first there is.

    UsageError lists the overlays that there are when this one is not among them.

    """
    title, overlays = _overlays(shown)
    if not overlays:
        raise UsageError("there are no figures of nodes here; give a profile, or shapes for the inputs")
    key = next(iter(overlays)) if overlay is None else overlay
    if key not in overlays:
        raise UsageError(f"no overlay '{key}' here; there are: {', '.join(overlays)}{did_you_mean(key, overlays)}")
    what, values = overlays[key]
    return {
        "name": f"{title}: {what}", "results": {name: {"value": value} for name, value in values.items()},
        "gradient": [{"stop": stop, "bgColor": colour} for stop, colour in _GRADIENT],
    }


def save_node_data(
    shown: Profile | View | Model | Graph, path: str | os.PathLike[str], overlay: str | None = None,
) -> Path:
    """Write ``to_model_explorer`` to a JSON file. UsageError when the file cannot be written."""
    target = Path(path)
    try:
        write_whole(target, json.dumps(to_model_explorer(shown, overlay), indent=1))
    except OSError as e:
        raise UsageError(f"{target}: cannot be written ({e.strerror})") from None
    return target


def _overlays(shown: Profile | View | Model | Graph) -> tuple[str, dict[str, tuple[str, dict[str, float]]]]:
    """A title, and by key what it is with its unit, and values by node."""
    if isinstance(shown, Profile):
        ran = Ran()
        add_profile(ran, shown)
        return shown.label, {o.key: (_named(o.title, o.unit), dict(o.values)) for o in ran.overlays}
    data = (shown if isinstance(shown, View) else graph(shown)).data
    names = [n["name"] for n in data["nodes"]]
    return data["title"], {
        o["key"]: (_named(o["title"], o["unit"]), {names[i]: v for i, v in o["values"].items()})
        for o in data["overlays"]
    }


def _named(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title
