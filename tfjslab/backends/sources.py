"""Kernel sources as Jinja templates: the one place that knows the template engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tfjslab.base.resources import kernel_text

if TYPE_CHECKING:
    import jinja2


def template(name: str) -> jinja2.Template:
    """The template ``wasm/conv.wat``; what it includes and imports is named from its own folder."""
    folder, _, file = name.rpartition("/")
    return _environment(folder).get_template(file)


@lru_cache
def _environment(folder: str) -> jinja2.Environment:
    # A start from a cache of compiled kernels renders nothing.
    import jinja2  # noqa: PLC0415
    from jinja2.runtime import Context  # noqa: PLC0415

    class DirectCalls(Context):
        """Sources call macros tens of thousands of times, and Jinja asks each time whether it takes the context."""

        def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            if kwargs:
                kwargs.pop("_block_vars", None)
                kwargs.pop("_loop_vars", None)
            return function(*args, **kwargs)

    def load(name: str) -> str:
        return kernel_text(str(PurePosixPath(folder, name)))

    # Kernel text is not HTML: nothing to escape.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FunctionLoader(load), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    environment.context_class = DirectCalls
    return environment
