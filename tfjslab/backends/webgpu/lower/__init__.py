"""From ops to dispatches, one file per family. Importing this registers all of them."""

from tfjslab.backends.kernels.table import load

load(__name__, __path__)
