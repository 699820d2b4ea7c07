"""What MODEL means on the command line: a name of the zoo, or else a path or an address."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from tfjslab import zoo
from tfjslab.base.errors import UsageError
from tfjslab.cli.progress import Report
from tfjslab.model.model import Model

MODEL_HELP = f"a folder with a model.json, a model file, a URL, or a name of the zoo ({', '.join(zoo.ENTRIES)})"


def add_model(parser: argparse.ArgumentParser, *, many: bool = False) -> None:
    """The MODEL argument (``many``: any number), and whether zoo models are to have their real weights."""
    if many:
        parser.add_argument("models", metavar="MODEL", nargs="*", help=MODEL_HELP)
    else:
        parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("--real-weights", action="store_true",
                        help="give zoo models the published weights, downloaded once; default: seeded random ones")


def open_model(name: str, backend: str | None, threads: int | None, report: Report, *, real: bool) -> Model:
    """Load a model. Raises ModelError, or UsageError where only models of the zoo have what is asked for."""
    if real and name not in zoo.ENTRIES:
        raise UsageError(f"--real-weights: {name} is not a model of the zoo ({', '.join(zoo.ENTRIES)})")
    return zoo.open_model(name, backend, threads, report, real=real)


def loader(name: str, report: Report, *, real: bool) -> Callable[[str | None, int | None], Model]:
    """``open_model`` for those who measure how long it takes."""
    return lambda backend, threads: open_model(name, backend, threads, report, real=real)


def model_file(name: str) -> Path | None:
    """The model.json that a name means on this machine; None for models of the zoo and for addresses."""
    path = Path(name)
    path = path / "model.json" if path.is_dir() else path
    return path if name not in zoo.ENTRIES and path.is_file() else None


def weights_note(names: Sequence[str], *, real: bool) -> str:
    """What has to be said about the weights of zoo models; empty when there is nothing to say."""
    random = [n for n in dict.fromkeys(names) if n in zoo.ENTRIES and zoo.ENTRIES[n].random and not real]
    if not random:
        return ""
    return (f"{' and '.join(random)}: the architecture is real, the weights are seeded random numbers; times are those "
            f"of the real model, answers mean nothing (--real-weights downloads the published ones)")
