"""Kernel sources: as Jinja templates (the one place that knows the template engine), and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tfjslab.base.resources import contents, kernel_text, kernels_root
from tfjslab.ops import expr_math

if TYPE_CHECKING:
    import jinja2


_BACKENDS = Path(__file__).parents[1]


@lru_cache
def sources_digest(kind: str) -> str:
    """Digest of all that decides the text of the kernels under ``kernels/KIND``, for cache keys.

    These are the sources, the code of the backend and what backends share, at any depth, and the expressions.
    """
    code = [(f"{f}/{name}", data) for f in ("kernels", kind) for name, data in contents(_BACKENDS / f, ".py")]
    code += [(p.name, p.read_bytes()) for p in Path(expr_math.__file__).parent.glob("expr*.py")]
    sources = [(p.name, p.read_bytes()) for p in (kernels_root() / kind).iterdir() if p.is_file()]
    return hashlib.sha256(repr(sorted((*code, *sources))).encode()).hexdigest()


def template(name: str) -> jinja2.Template:
    """The template ``wasm/copy.wat``; what it includes and imports is named from its own folder."""
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
