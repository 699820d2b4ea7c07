"""Where the TensorFlow.js that browsers run comes from: a folder in which npm installed it, or an address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfjslab.base.errors import UsageError, did_you_mean
from tfjslab.bench.peers.tfjs import VERSION, peers_folder

_PACKAGE_OF = {
    "cpu": "@tensorflow/tfjs", "webgl": "@tensorflow/tfjs", "wasm": "@tensorflow/tfjs-backend-wasm",
    "webgpu": "@tensorflow/tfjs-backend-webgpu",
}
_SCRIPT_OF = {
    "@tensorflow/tfjs": "dist/tf.min.js", "@tensorflow/tfjs-backend-wasm": "dist/tf-backend-wasm.min.js",
    "@tensorflow/tfjs-backend-webgpu": "dist/tf-backend-webgpu.min.js",
}
WASM_FILES = ("tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm")


def wasm_file(flags: Mapping[str, bool]) -> str:
    """The binary that the wasm backend loads with these flags, where the browser can do all that they allow."""
    plain, simd, threaded = WASM_FILES
    if flags.get("WASM_HAS_MULTITHREAD_SUPPORT"):
        return threaded
    return simd if flags.get("WASM_HAS_SIMD_SUPPORT") else plain


@dataclass(frozen=True)
class TfjsSource:
    """``root`` is a folder with ``node_modules``, or an address below which are ``@tensorflow/tfjs@4.22.0`` and others.

    With None it is looked for. ``wasm_paths`` are addresses or files in place of the wasm backend's own, by name.
    """

    root: str | None = None
    version: str = VERSION
    wasm_paths: Mapping[str, str] = field(default_factory=dict)

    def scripts(self, backend: str) -> list[str | Path]:
        """The scripts of a backend in order. UsageError that says what is missing and what installs it."""
        names = dict.fromkeys(("@tensorflow/tfjs", _PACKAGE_OF[backend]))
        return [self._find(name, _SCRIPT_OF[name]) for name in names]

    def wasm_files(self) -> dict[str, str | Path]:
        """The binaries of the wasm backend by name."""
        package = _PACKAGE_OF["wasm"]
        return {name: self.wasm_paths.get(name) or self._find(package, f"dist/{name}") for name in WASM_FILES}

    def _find(self, package: str, file: str) -> str | Path:
        if self.root is not None and _is_address(self.root):
            return f"{self.root.rstrip('/')}/{package}@{self.version}/{file}"
        folder = peers_folder(self.root)
        found = folder / "node_modules" / package / file
        if not found.is_file():
            raise UsageError(
                f"TensorFlow.js is not complete: {package} is not found in {folder / 'node_modules'}; run: "
                f"npm install --prefix {folder} {package}@{self.version} (or name an address: tf.set_tfjs(...))",
                code="usage.no_tfjs",
            )
        return found


_chosen = TfjsSource()


def tfjs_source() -> TfjsSource:
    """What ``set_tfjs`` and ``set_wasm_paths`` have chosen."""
    return _chosen


def set_tfjs(root: str | os.PathLike[str] | None, version: str = VERSION) -> None:
    """Where browsers get TensorFlow.js from.

    Args:
        root: a folder in which ``npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm`` ran; an ``http(s)``
            address with the layout of the package mirrors; None looks in ``$TFJSLAB_PEERS`` and here and above.
        version: for addresses; what npm installed has its own.

    Raises UsageError for a folder that does not exist.

    """
    global _chosen  # noqa: PLW0603 - one setting of the process, like its flags
    text = None if root is None else os.fspath(root)
    if text is not None and not _is_address(text) and not Path(text).is_dir():
        raise UsageError(f"set_tfjs: {text} is no folder and no http(s) address")
    _chosen = replace(_chosen, root=text, version=version)


def set_wasm_paths(
    paths: str | Mapping[str, str] | None,
    use_platform_fetch: bool = False,  # noqa: ARG001, FBT001, FBT002 - the signature of TensorFlow.js
) -> None:
    """Where TensorFlow.js in a browser finds the binaries of its wasm backend, as ``setWasmPaths`` has it there.

    Our own backends have no use for it: their modules are generated in the process.

    Args:
        paths: an address or folder that ends where file names begin, or addresses or files by the names of the three
            binaries; None means those beside TensorFlow.js.
        use_platform_fetch: accepted, since scripts pass it; browsers have one way to fetch.

    Raises UsageError for names that the backend does not have.

    """
    global _chosen  # noqa: PLW0603 - as above
    if isinstance(paths, str):
        prefix = paths if paths.endswith("/") else f"{paths}/"
        paths = {name: prefix + name for name in WASM_FILES}
    for name in paths or {}:
        if name not in WASM_FILES:
            known = ", ".join(WASM_FILES)
            raise UsageError(f"set_wasm_paths: '{name}' is unknown; expected {known}{did_you_mean(name, WASM_FILES)}")
    _chosen = replace(_chosen, wasm_paths=dict(paths or {}))


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://"))
