"""Programs that are started never outlive what started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tfjslab.base import children
from tfjslab.base.children import child, run_child

SLEEPS = "import time; time.sleep(60)"
# It starts another one, tells its id, and waits.
STARTS = f"import subprocess as s, sys; print(s.Popen([sys.executable, '-c', {SLEEPS!r}]).pid, flush=True); {SLEEPS}"


def python(text):
    return [sys.executable, "-c", text]


def gone(pid):
    """Whether a process ends soon; one that nobody waits for may be a zombie."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "State:\tZ" in status.read_text():
            return True
    return False


def test_its_outputs_come_as_text():
    done = run_child(python("import sys; print(input() + 'é'); sys.stderr.write('no\\n'); sys.exit(3)"), stdin="yes\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "yesé\n", "no\n")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_ctrl_c_ends_it_and_what_it_has_started():
    started = []

    def work():
        with child(python(STARTS)) as process:
            started.extend([process, int(process.stdout.readline())])
            assert os.getpgid(process.pid) != os.getpgid(0), "Ctrl-C of a terminal comes here alone"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert started[0].returncode == -signal.SIGKILL
    assert gone(started[1])


def test_ctrl_c_while_it_starts_ends_it(monkeypatch):
    started = []

    def pressed(*args, **how):
        signal.raise_signal(signal.SIGINT)
        started.append(real(*args, **how))
        return started[-1]

    real = subprocess.Popen
    monkeypatch.setattr(children.subprocess, "Popen", pressed)
    with pytest.raises(KeyboardInterrupt):
        run_child(python(SLEEPS))
    assert started[0].returncode == -signal.SIGKILL


def test_one_that_takes_too_long_is_ended():
    with pytest.raises(subprocess.TimeoutExpired):
        run_child(python(SLEEPS), timeout_s=0.01)
