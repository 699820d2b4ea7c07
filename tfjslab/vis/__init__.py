"""tfjs-vis in Python, and the charts it never had. The only room that knows matplotlib.

``render`` draws data, ``show`` draws models, tensors and trainings, ``metrics`` computes without drawing, ``visor``
collects what was drawn in tabs, and ``charts`` shows where time and memory go. Names, data shapes and options are
those of tfjs-vis, in snake_case; options may also be given in camelCase or in a mapping, as JavaScript has them.

Example:
    >>> import tfjslab as tf
    >>> figure, axes = tf.vis.render.barchart(None, [{"index": "a", "value": 2}, {"index": "b", "value": 1}])
    >>> [float(bar.get_height()) for bar in axes.patches]
    [2.0, 1.0]

"""

from importlib.util import find_spec

from tfjslab.base.extras import install

if find_spec("matplotlib") is None:
    raise ImportError(f"charts are drawn with matplotlib, which is missing; {install('lab')}")

from tfjslab.vis import charts as charts
from tfjslab.vis import metrics as metrics
from tfjslab.vis import render as render
from tfjslab.vis import show as show
from tfjslab.vis.registry import CHARTS as CHARTS
from tfjslab.vis.visor import Surface as Surface
from tfjslab.vis.visor import Visor as Visor
from tfjslab.vis.visor import visor as visor
