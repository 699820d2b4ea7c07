"""The lab's side of a job: a site that a page asks for work, and the loop that gathers what the page tells."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from tfjslab.base.errors import BackendError, TfjslabError
from tfjslab.base.progress import Progress, no_progress
from tfjslab.browser.jobs.job import DeviceJob
from tfjslab.browser.jobs.records import JobRecord, SideRecord
from tfjslab.browser.jobs.site import JobSite, Message, SiteHandler
from tfjslab.browser.server import listening

LOOPBACK, ANY = "127.0.0.1", "0.0.0.0"  # noqa: S104 - only where a user asks for it
STOPPED = "stopped"
_LOOK_S = 0.1
_STOP_S = 3.0
Watch = Callable[[JobRecord], bool]  # sees a job's record while it grows; True ends the job


@dataclass
class DeviceSession:
    """Gives jobs to whatever page is open at ``url``. ``silent_s`` is how long a page may tell nothing."""

    site: JobSite
    url: str
    connect_s: float = 60.0
    silent_s: float = 120.0
    busy: bool = False
    _now: Callable[[], float] = field(default=time.monotonic)

    def run(self, job: DeviceJob, progress: Progress = no_progress, watch: Watch = lambda _: False) -> JobRecord:
        """Run a job to its end and give what was told; ``reason`` says why something is missing.

        Raises BackendError (``browser.absent``, ``browser.silent``) when no page takes it, or one takes it and then
        tells nothing, and ``browser.busy`` while another job runs. Ctrl-C stops the page, too.
        """
        record = JobRecord([SideRecord(p.name) for p in job.programs])
        if self.busy:
            raise BackendError("this page runs a job already; wait for its end", code="browser.busy")
        self.busy = True
        self.site.messages.clear()
        self.site.files.update(job.files)
        with self.site.changed:
            self.site.job, self.site.stopping = job.told, False
        try:
            self._gather(job, record, progress, watch)
        except BaseException:
            self._stop(job, record)
            raise
        finally:
            with self.site.changed:
                self.site.job = None
            for path in job.files:
                self.site.files.pop(path, None)
            self.busy = False
        return record

    def _gather(self, job: DeviceJob, record: JobRecord, progress: Progress, watch: Watch) -> None:
        last, told = self._now(), 0
        while not record.ended:
            message = self.site.take(_LOOK_S)
            if message is not None and _belongs(message, job):
                last, told = self._now(), told + 1
                _take_in(record, message)
                progress(record.text or "the browser takes the job", sum(len(s.bursts) for s in record.sides),
                         len(record.sides) * int(job.told["rounds"]))
            if watch(record):
                self._stop(job, record)
                return
            self._check_silence(self._now() - last, told)

    def _check_silence(self, seconds: float, told: int) -> None:
        if not told and seconds > self.connect_s:
            raise BackendError(f"no browser took the job within {self.connect_s:.0f} s; open {self.url}",
                               code="browser.absent")
        if told and seconds > self.silent_s:
            raise BackendError(f"the browser has told nothing for {self.silent_s:.0f} s", code="browser.silent")

    def _stop(self, job: DeviceJob, record: JobRecord) -> None:
        """Let the page end its worker, and take in what is still on its way, where a page has taken the job."""
        with self.site.changed:
            taken = self.site.job is None
            self.site.job, self.site.stopping = None, taken
        until = self._now() + _STOP_S
        while taken and not record.ended and self.site.is_open and self._now() < until:
            message = self.site.take(_LOOK_S)
            if message is not None and _belongs(message, job):
                _take_in(record, message)
        record.ended, record.reason = True, STOPPED


def _belongs(message: Message, job: DeviceJob) -> bool:
    return message.record.get("job") == job.id


def _take_in(record: JobRecord, message: Message) -> None:
    """Add a message; one that is no record ends the job, since what follows it cannot be trusted either."""
    try:
        record.add(message.record, message.data)
    except TfjslabError as e:
        record.ended, record.reason = True, f"the browser sent what is no record: {e}"


@contextmanager
def device_session(host: str = LOOPBACK, port: int = 0) -> Iterator[DeviceSession]:
    """Serve a site at ``host`` while the block runs; pages that are open learn when it ends.

    UsageError where nothing can listen there.
    """
    site, names = JobSite(), set[str]()
    with listening(partial(SiteHandler, site=site, hosts=lambda: frozenset(names)), host, port) as found:
        shown = own_address() if host == ANY else host
        names |= {f"{name}:{found}" for name in (shown, *(("localhost", LOOPBACK) if host in {ANY, LOOPBACK} else ()))}
        session = DeviceSession(site, f"http://{shown}:{found}/{site.token}/")
        try:
            yield session
        finally:
            site.end()


def own_address() -> str:
    """The address that other machines of the network reach this one at; loopback where there is no network."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("192.0.2.1", 9))  # reserved for documentation; nothing is sent
        return str(s.getsockname()[0])
    return LOOPBACK
