"""The namespaces of TensorFlow.js: functions under one name, such as ``tf.signal.stft``, by one table."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tfjslab.base.errors import did_you_mean
from tfjslab.engine.eager import functions

# Namespace, then module below ``tfjslab`` ("" for ops) and names.
NAMESPACES = {
    "signal": {"engine.signal": "frame hamming_window hann_window stft"},
    "sparse": {"": "sparse_fill_empty_rows sparse_reshape sparse_segment_mean sparse_segment_sum"},
    "spectral": {"": "fft ifft irfft rfft"},
    "string": {"": "static_regex_replace string_n_grams string_split string_to_hash_bucket_fast"},
}


class Namespace:
    """Functions under one name, each loaded when it is first used."""

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._modules = {n: module for module, names in NAMESPACES[name].items() for n in names.split()}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._modules:
            hint = "" if name.startswith("_") else did_you_mean(name, self._modules)
            raise AttributeError(f"namespace 'tf.{self.__name__}' has no '{name}'{hint}")
        module = self._modules[name]
        return getattr(import_module(f"tfjslab.{module}"), name) if module else functions()[name]

    def __dir__(self) -> list[str]:
        return sorted(self._modules)

    def __repr__(self) -> str:
        return f"<tf.{self.__name__}: {', '.join(dir(self))}>"


signal, sparse, spectral, string = map(Namespace, NAMESPACES)
