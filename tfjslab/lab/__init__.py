"""The live dashboard. Only ``dashboard``, ``tabs`` and ``view`` know widgets."""

from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.extras import install


def __getattr__(name: str) -> Any:
    """``Lab``, when it is first asked for: everything but the dashboard works without ipywidgets."""
    if name != "Lab":
        raise AttributeError(f"module 'tfjslab.lab' has no attribute '{name}'")
    try:
        from tfjslab.lab.dashboard import Lab  # noqa: PLC0415 - see above
    except ModuleNotFoundError as e:
        if e.name != "ipywidgets":
            raise
        raise UsageError(f"tf.Lab() needs ipywidgets, which is missing; {install('lab')}") from None
    return Lab
