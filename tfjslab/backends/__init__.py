"""Where plans run. ``base`` is the protocol, ``registry`` the table, and each backend a module or package.

The package can be called: ``tf.backends()`` is the public name for the list of backends, and importing this package
puts the package itself under that name.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A module that lists the backends when it is called."""

    def __call__(self) -> list[Any]:
        """The rows of ``tfjslab.backends.registry.backends``."""
        from tfjslab.backends.registry import backends  # noqa: PLC0415 - the registry imports this package

        return backends()


sys.modules[__name__].__class__ = _Callable
