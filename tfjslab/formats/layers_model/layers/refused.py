"""Layers that are known, but cannot be read from a file, and why."""

from __future__ import annotations

_CODE = "it holds Python code"
_HASH = "it hashes, which is not supported"
_VOCABULARY = "its vocabulary is not in the file"
_SPECTRA = "spectra are not supported"

REFUSED = {
    "Lambda": _CODE, "TFSMLayer": _CODE, "TorchModuleWrapper": _CODE, "JaxLayer": _CODE, "FlaxLayer": _CODE,
    "Hashing": _HASH, "HashedCrossing": _HASH,
    "StringLookup": _VOCABULARY, "IntegerLookup": _VOCABULARY, "TextVectorization": _VOCABULARY,
    "MelSpectrogram": _SPECTRA, "STFTSpectrogram": _SPECTRA,
    "RandomCrop": "what it does outside of training depends on the version of Keras",
}
