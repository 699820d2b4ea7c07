"""Handlers: where a model's artifacts come from, and where they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.formats.artifacts import Artifacts, Bytes, LoadHandler, SaveHandler, packed
from tfjslab.formats.registry import model_suffixes
from tfjslab.formats.sources import Progress, UrlFiles, no_progress, open_source

_SCHEMES = ("http://", "https://")


@dataclass(frozen=True)
class MemoryHandler:
    """Artifacts that are in memory."""

    artifacts: Artifacts

    def load(self) -> Artifacts:
        """The artifacts."""
        return self.artifacts


@dataclass(frozen=True)
class FunctionHandler:
    """A function that takes artifacts."""

    function: Callable[[Artifacts], Any]

    def save(self, artifacts: Artifacts) -> Any:
        """Call the function."""
        return self.function(artifacts)


@dataclass(frozen=True)
class HttpHandler:
    """A model behind an address that needs headers, or whose weights are elsewhere."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    weight_path_prefix: str = ""
    progress: Progress = no_progress

    def load(self) -> Artifacts:
        """Download the model, or take from the cache what the server says has not changed."""
        source = open_source(self.path, model_suffixes(), progress=self.progress, headers=self.headers)
        if not self.weight_path_prefix:
            return packed(source)
        prefix = self.weight_path_prefix.rstrip("/") + "/"
        return packed(source, UrlFiles(prefix, "", None, self.progress, self.headers))


def is_http_scheme(url: str) -> bool:
    """Whether this is an ``http://`` or ``https://`` address."""
    return url.startswith(_SCHEMES)


def from_memory(
    model_artifacts: Artifacts, weight_specs: Sequence[Mapping[str, Any]] | None = None,
    weight_data: Bytes | None = None,
) -> LoadHandler:
    """A handler for ``load_model`` with a model that is in memory.

    ``model_artifacts`` has the keys of TensorFlow.js (``modelTopology``, ``weightSpecs``, ``weightData``, ...); with
    ``weight_specs`` and ``weight_data`` it is the topology alone.
    """
    if weight_specs is None and weight_data is None:
        return MemoryHandler(model_artifacts)
    return MemoryHandler(
        {"modelTopology": model_artifacts, "weightSpecs": weight_specs or [], "weightData": weight_data or b""})


def http(
    path: str, *, request_init: Mapping[str, Any] | None = None, weight_path_prefix: str = "",
    on_progress: Progress = no_progress,
) -> LoadHandler:
    """A handler for ``load_model`` with a model behind an address.

    Args:
        path: the address of the ``model.json``, or of its folder.
        request_init: ``{"headers": {...}}``, sent with every request.
        weight_path_prefix: the address of the folder where the shards are, when it is another one.
        on_progress: called with the name of a file, bytes so far and bytes in all (None when unknown).

    Raises UsageError for other schemes and options.

    """
    for address in filter(None, (path, weight_path_prefix)):
        if not is_http_scheme(address):
            raise UsageError(f"io.http: {address!r}; expected an address with http:// or https://")
    unknown = sorted({*(request_init or ())} - {"headers"})
    if unknown:
        raise UsageError(f"io.http: request_init has {', '.join(unknown)}; expected headers only")
    return HttpHandler(path, dict((request_init or {}).get("headers") or {}), weight_path_prefix, on_progress)


def with_save_handler(save_handler: Callable[[Artifacts], Any]) -> SaveHandler:
    """A handler for ``model.save`` that calls a function with the model's artifacts."""
    return FunctionHandler(save_handler)
