"""Interactive views of profiles and graphs: JavaScript modules with their data, for notebooks and as single files."""

from tfjslab.views.timeline import timeline as timeline
from tfjslab.views.view import View as View
