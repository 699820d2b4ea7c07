"""The system's Firefox, headless, with a new profile, open at one address. Nothing drives it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tfjslab.base.children import child
from tfjslab.base.errors import BackendUnavailableError
from tfjslab.base.files import scratch_folder

VARIABLE = "TFJSLAB_FIREFOX"
NAMES = ("firefox", "firefox-esr")
_END_S = 10.0
# Nothing that a new profile would do by itself; WebGL and threads as users have them.
_PREFERENCES = {
    "browser.shell.checkDefaultBrowser": "false", "datareporting.policy.dataSubmissionEnabled": "false",
    "browser.aboutwelcome.enabled": "false", "app.update.enabled": "false", "app.normandy.enabled": "false",
    "toolkit.startup.max_resumed_crashes": "-1", "webgl.force-enabled": "true",
}


def find_firefox() -> str:
    """The program: ``$TFJSLAB_FIREFOX``, else ``firefox`` or ``firefox-esr`` on the PATH.

    BackendUnavailableError (``browser.unavailable``) where there is none.
    """
    names = (given,) if (given := os.environ.get(VARIABLE)) else NAMES
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        raise BackendUnavailableError(
            f"Firefox is not found ({', '.join(names)}); install it, or let ${VARIABLE} name its program",
            code="browser.unavailable",
        )
    return found


@contextmanager
def firefox(url: str) -> Iterator[None]:
    """Firefox at an address while the block runs.

    BackendUnavailableError (``browser.unavailable``) where there is none.
    """
    program = find_firefox()
    with scratch_folder("tfjslab-firefox-") as folder:
        lines = (f'user_pref("{name}", {value});' for name, value in _PREFERENCES.items())
        (folder / "user.js").write_text("\n".join(lines) + "\n", encoding="ascii")
        command = [program, "--headless", "--no-remote", "--new-instance", "--profile", str(folder), url]
        with child(command, piped=False, env=os.environ | {"HOME": str(folder)}) as process:
            try:
                yield
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_END_S)
