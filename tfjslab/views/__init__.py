"""Interactive views of profiles and graphs: JavaScript modules with their data, for notebooks and as single files."""

from tfjslab.views.graph import graph as graph
from tfjslab.views.model_explorer import save_node_data as save_node_data
from tfjslab.views.model_explorer import to_model_explorer as to_model_explorer
from tfjslab.views.timeline import timeline as timeline
from tfjslab.views.view import View as View
