"""Node.js: finding it, and running a script of ours in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfjslab.base.children import run_child
from tfjslab.base.errors import BackendError, BackendUnavailableError

OLDEST = 20  # the first one with all that exported folders use
_STDERR_LINES, _LINE_CHARACTERS = 3, 200
_PLACES = ("at ", "node:", "Node.js v")
_ASK_S = 30.0  # for its version, on a machine that has other things to do


@dataclass(frozen=True)
class NodeProgram:
    """A Node.js: its program, its version such as ``20.20.2``, and that of V8."""

    program: str
    version: str
    v8: str

    @property
    def engine(self) -> str:
        """What figures are labelled with."""
        return f"Node.js {self.version}, V8 {self.v8}"

    @property
    def relaxed_simd_flags(self) -> tuple[str, ...]:
        """What lets it run relaxed SIMD, which is behind a flag in version 20 only."""
        return ("--experimental-wasm-relaxed-simd",) if self.version.startswith(f"{OLDEST}.") else ()

    def run(self, script: Path, *arguments: str, stdin: str = "", flags: Sequence[str] = (), timeout_s: float) -> str:
        """What ``script`` writes to stdout, given ``stdin``.

        BackendError (``node.failed``, ``node.timeout``) with the end of its stderr when it fails or takes longer than
        ``timeout_s``. It never outlives this call, whatever ends it.
        """
        command = [self.program, *flags, str(script), *arguments]
        began = time.monotonic()
        try:
            done = run_child(command, stdin=stdin, timeout_s=timeout_s)
        except OSError as e:
            raise BackendError(f"Node.js cannot be started: {e.strerror or e}", code="node.failed") from None
        except subprocess.TimeoutExpired:
            took = time.monotonic() - began
            raise BackendError(f"{script.name} did not end in Node.js {self.version} within {took:.0f} s",
                               code="node.timeout") from None
        if done.returncode:
            raise BackendError(f"{script.name} failed in Node.js {self.version} (exit status {done.returncode}): "
                               f"{_words(done.stderr)}", code="node.failed")
        return done.stdout


def _words(err: str) -> str:
    """The end of what was said on stderr, without the places in code and the version that Node adds."""
    lines = (line.strip()[:_LINE_CHARACTERS] for line in err.splitlines())
    return " / ".join([s for s in lines if s and not s.startswith(_PLACES)][-_STDERR_LINES:]) or "it said nothing"


def find_node() -> NodeProgram:
    """Node on the PATH. BackendUnavailableError (``node.unavailable``) where there is none, or one that is too old."""
    program = shutil.which("node")
    if program is None:
        raise BackendUnavailableError(f"node is not found; install Node.js {OLDEST} or newer", code="node.unavailable")
    ask = "JSON.stringify(process.versions)"
    try:
        done = run_child([program, "-p", ask], timeout_s=_ASK_S)
        done.check_returncode()
        versions = json.loads(done.stdout)
        node = NodeProgram(program, versions["node"], versions["v8"])
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as e:
        raise BackendUnavailableError(f"{program} does not tell its version: {e}", code="node.unavailable") from None
    if int(node.version.partition(".")[0]) < OLDEST:
        raise BackendUnavailableError(f"{program} is Node.js {node.version}; expected {OLDEST} or newer",
                                      code="node.unavailable")
    return node
