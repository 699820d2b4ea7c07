"""How nodes run in integers, one file per family. Importing this registers all forms in ``FORMS``."""

from tfjslab.quantization.forms import movement, pools, sums, weighted
from tfjslab.quantization.forms.form import FORMS, Form

__all__ = ["FORMS", "Form", "movement", "pools", "sums", "weighted"]
