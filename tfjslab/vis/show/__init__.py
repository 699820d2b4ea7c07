"""``tfvis.show``: trainings, accuracies, tensors, layers and models, drawn with the charts of ``render``."""

from tfjslab.vis.show.history import fit_callbacks as fit_callbacks
from tfjslab.vis.show.history import history as history
from tfjslab.vis.show.model import layer as layer
from tfjslab.vis.show.model import model_summary as model_summary
from tfjslab.vis.show.quality import per_class_accuracy as per_class_accuracy
from tfjslab.vis.show.tensor import values_distribution as values_distribution
