"""What the run that is shown is compared with, and what is different."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from tfjslab.base.errors import TfjslabError
from tfjslab.lab import markup, panels
from tfjslab.lab.drawing import Drawer
from tfjslab.lab.picker import FILE
from tfjslab.lab.session import LabRun, LabSession
from tfjslab.lab.view import Widgets
from tfjslab.profiling import files
from tfjslab.profiling.compare import ProfileDiff, diff
from tfjslab.records.profile import Profile


class Baseline:
    """Compares by ``drawer``, and shows the verdict below the menus and the rest in Compare."""

    def __init__(self, view: Widgets, drawer: Drawer, lock: threading.RLock) -> None:
        self._view, self._drawer, self._lock = view, drawer, lock

    def compare(self, run: LabRun | None, session: LabSession) -> None:
        """Compare a run with the baseline that is chosen: another run of the session, or a profile in a file."""
        number = self._view.picker.baseline.value
        path = str(self._view.picker.path.value).strip()
        other = session.run(number)
        given: Profile | Path | None = other.profile if other is not None else None
        if number == FILE and path:
            given = Path(path).expanduser()
        name = path if number == FILE else other.name if other is not None else ""
        profile = run.profile if run is not None and other is not run else None
        self._drawer.ask("difference", partial(_compared, given, profile), partial(self._show, name))

    def _show(self, name: str, found: ProfileDiff | str | None) -> None:
        """Show what a comparison gave; text is why there is none. Called on the thread that compared."""
        said, difference = (found, None) if isinstance(found, str) else (_verdict(found), found)
        with self._lock:
            text = f"against {name}: {said}" if said else ""
            self._view.picker.told.value = markup.message(text, error=isinstance(found, str))
            self._view.difference.value = panels.difference(difference)


def _compared(given: Profile | Path | None, profile: Profile | None) -> ProfileDiff | str | None:
    """What changed, why that cannot be told, or None where there is nothing to compare."""
    if given is None or profile is None:
        return None
    try:
        return diff(files.load(given) if isinstance(given, Path) else given, profile)
    except TfjslabError as e:
        return str(e)


def _verdict(found: ProfileDiff | None) -> str:
    return found.total.verdict if found is not None else ""
