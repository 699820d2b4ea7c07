"""Files uploaded by the browser, under their own names, in a folder that is deleted when the lab is closed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.formats.registry import model_suffixes


class Uploads:
    """A temporary folder, created for the first file, with a folder of its own for each upload."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def take_model(self, files: Iterable[Mapping[str, Any]]) -> Path:
        """Write uploaded files (``name`` and ``content``) and find the model among them.

        Raises UsageError unless exactly one of them is a model's main file.
        """
        given = [(_plain_name(f), bytes(f["content"])) for f in files]
        models = [name for name, _ in given if name.endswith(model_suffixes())]
        if len(models) != 1:
            names = ", ".join(name for name, _ in given) or "nothing"
            raise UsageError(f"uploaded: {names}; expected one model.json with its weight files, or one .tflite")
        folder = self._new_folder()
        for name, content in given:
            (folder / name).write_bytes(content)
        return folder / models[0]

    def take(self, file: Mapping[str, Any]) -> Path:
        """Write one uploaded file."""
        path = self._new_folder() / _plain_name(file)
        path.write_bytes(file["content"])
        return path

    def close(self) -> None:
        """Delete the files. A second call does nothing."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _new_folder(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="tfjslab-lab-")
        return Path(tempfile.mkdtemp(dir=self._folder.name))


def _plain_name(file: Mapping[str, Any]) -> str:
    """The file's own name, without any folder: it comes from outside."""
    return Path(str(file["name"]).replace("\\", "/")).name
