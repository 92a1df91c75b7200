"""One step of the uplink at a time: report JSON first, then stills, then clips, then the server's word on each report.

A report counts as stored only when the server says so, after the last byte of its evidence. Whatever goes wrong, the
outbox keeps everything: what may pass is tried again with growing, jittered waits; what a person must look at (another
body under the same id, bytes that do not match their hash, a file no server takes) is kept and named; a refused token
stops the uplink.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from detector.errors import TransientError
from edge import tus
from edge.outbox import Outbox
from edge.parcels import FileJob, Load, ReportJob, ReportState
from edge.uplink.files import FileSender, Offset, Paused, is_whole
from edge.uplink.limits import Limits
from edge.uplink.pace import Pace
from edge.uplink.status import REPORTS_PATH, report_status
from edge.wire import LinkError, NotEnrolled, ServerBusy, ServerClient, TooLarge, WrongServer
from edge.wire_bytes import on_the_link

_JSON: Final = {"Content-Type": "application/json"}
_TOO_LARGE_TRIES: Final = 3
"""413 in a row before a thing is kept for a person; a proxy that restarts may say it once."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What still waits, and the last trouble met on the way (empty when all goes well)."""

    reports_waiting: int
    files_waiting: int
    bytes_waiting: int
    note: str


class Sender:
    """Brings one thing after the other from an outbox to a server."""

    def __init__(
        self,
        outbox: Outbox,
        client: ServerClient,
        pace: Pace,
        limits: Limits,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._pace = pace
        self._limits = limits
        self._progress = progress
        self.files = FileSender(client, pace, limits)
        """Knows how large a chunk the server takes."""
        self._failures = 0
        self._quiet_until_s = 0.0
        self.note = ""
        """The last trouble, "" when the last thing went well."""

    def step(self) -> bool:
        """Do the most urgent thing that is due and allowed; False when none is.

        Raises:
            NotEnrolled, WrongServer: nothing can be sent; everything is kept.
        """
        heaviest = self._limits.heaviest()
        if heaviest < Load.REPORTS:
            return False
        report = self._outbox.next_unsent()
        if report is not None:
            return self._room_for(report) and self._try_report(report, self._send)
        file = self._outbox.next_file(heaviest)
        if file is not None:
            return self._try_file(file)
        report = self._outbox.next_unconfirmed()
        if report is not None:
            return self._try_report(report, self._confirm)
        return False

    def quiet_s(self) -> float:
        """How long nothing should be sent: when nobody answers, or the server asks for quiet, the other items need
        not find out one by one.
        """
        return max(0.0, self._quiet_until_s - time.monotonic())

    def tell(self, now: Progress | None = None) -> None:
        """Call back with what still waits."""
        if self._progress is not None:
            self._progress(now or self._waiting())

    # -- one report ----------------------------------------------------------------------------------------------

    def _room_for(self, job: ReportJob) -> bool:
        room_bytes = self._limits.room_bytes(Load.REPORTS)
        return room_bytes is None or on_the_link(len(job.sealed) + 1024) <= room_bytes

    def _try_report(self, job: ReportJob, act: Callable[[ReportJob], None]) -> bool:
        try:
            act(job)
        except TransientError as error:
            wait_s = self.failed(error, job.attempts)
            if isinstance(error, TooLarge) and job.attempts >= _TOO_LARGE_TRIES:
                self._outbox.mark_kept(job.report_id, ReportState.REFUSED, str(error))
            else:
                self._outbox.defer_report(job.report_id, str(error), wait_s)
        else:
            self.went_well()
        return True

    def _send(self, job: ReportJob) -> None:
        url = self._client.url(f"{REPORTS_PATH}/{job.report_id}")
        answer = self._client.request("PUT", url, headers=_JSON, content=job.sealed)
        if answer.status in (200, 201):
            self._outbox.mark_sent(job.report_id)
        elif answer.status == 409:
            self._outbox.mark_kept(job.report_id, ReportState.CONFLICT, answer.words())
        elif answer.status in (400, 422):
            self._outbox.mark_kept(job.report_id, ReportState.REFUSED, answer.words())
        elif answer.status in (404, 405):
            raise WrongServer(
                f"{self._client.base_url} has no {REPORTS_PATH}: is it a Kerbwatch server of this version?"
            )
        else:
            raise ServerBusy(f"report {job.report_id} was answered {answer.status}: {answer.words()}")

    def _confirm(self, job: ReportJob) -> None:
        status = report_status(self._client, job.report_id)
        if status is None:
            self._outbox.unsend(job.report_id)
            return
        if status.body_sha256 != job.body_sha256:
            words = f"the server holds a body with hash {status.body_sha256}, here it is {job.body_sha256}"
            self._outbox.mark_kept(job.report_id, ReportState.CONFLICT, words)
            return
        missing = set(status.missing) - set(self._outbox.given_up(job.report_id))
        if not missing and (status.complete or status.missing):
            self._outbox.mark_stored(job.report_id, status.case_url)
            return
        self._outbox.requeue_files(sorted(missing))
        raise ServerBusy(f"the server does not have all of report {job.report_id} yet: {len(missing)} missing")

    # -- one file ------------------------------------------------------------------------------------------------

    def _try_file(self, job: FileJob) -> bool:
        at = Offset(job.offset_hint_bytes)
        try:
            self._upload(job, at)
        except Paused:
            self._outbox.pause_file(job.sha256, at.bytes)
            return at.moved
        except tus.ChecksumMismatch as error:
            self._mismatch(job, str(error))
        except TransientError as error:
            attempts = 0 if at.moved else job.attempts
            wait_s = self.failed(error, attempts)
            if isinstance(error, TooLarge) and attempts >= _TOO_LARGE_TRIES and self.files.at_smallest(at):
                self._outbox.hold_file(job.sha256, f"{error}, not even {self._pace.chunk_min_bytes} bytes at a time")
            else:
                self._outbox.defer_file(job.sha256, str(error), wait_s, at.bytes, progressed=at.moved)
        else:
            self._outbox.mark_file_sent(job.sha256)
            self.went_well()
        return True

    def _upload(self, job: FileJob, at: Offset) -> None:
        url = job.upload_url
        if url is not None:
            try:
                at.bytes = tus.ask_offset(self._client, url, job.size_bytes)
            except tus.UploadGone:
                # Gone may also mean done: the last answer was lost, and the server has put the file away.
                if self._arrived(job):
                    return
                url = None
        if url is None:
            url, at.bytes = self._create(job)
            self._outbox.note_upload(job.sha256, url)
        waiting = self._counts_without(job)

        def moved() -> None:
            self.went_well()
            self.tell(replace(waiting, bytes_waiting=waiting.bytes_waiting + job.size_bytes - at.bytes))

        self.files.send_bytes(job, url, at, moved)

    def _create(self, job: FileJob) -> tuple[str, int]:
        try:
            return tus.create(self._client, job.sha256, job.size_bytes)
        except NotEnrolled:
            # Forbidden may also mean that no report names the file: a server put back from an older copy.
            if report_status(self._client, job.report_id) is not None:
                raise
            self._outbox.unsend(job.report_id)
            raise ServerBusy(f"the server no longer knew report {job.report_id}; it is sent again") from None

    def _arrived(self, job: FileJob) -> bool:
        status = report_status(self._client, job.report_id)
        return status is not None and job.sha256 not in status.missing

    def _mismatch(self, job: FileJob, error: str) -> None:
        """Once may be the link; twice, or damaged here, needs a person."""
        damaged = not is_whole(job)
        if damaged:
            error = f"{job.path} is missing or damaged on this device: put back the file its name tells the hash of"
        self._outbox.note_mismatch(job.sha256, error, hold=damaged or job.mismatches >= 1)
        self.note = error

    # -- pace ----------------------------------------------------------------------------------------------------

    def went_well(self) -> None:
        """The server answered and took something."""
        self._failures = 0
        self._quiet_until_s = 0.0
        self.note = ""

    def failed(self, error: TransientError, attempts: int = 0) -> float:
        """Something did not go, this or a heartbeat: how long to wait before it is tried again, seconds."""
        self._failures += 1
        self.note = str(error)
        asked_s = error.retry_after_s if isinstance(error, ServerBusy) else None
        if isinstance(error, LinkError):
            self._be_quiet(self._pace.wait_s(self._failures - 1, None))
        elif asked_s:
            self._be_quiet(asked_s)
        return self._pace.wait_s(attempts, asked_s)

    def _be_quiet(self, wait_s: float) -> None:
        self._quiet_until_s = time.monotonic() + wait_s

    def _counts_without(self, job: FileJob) -> Progress:
        now = self._waiting()
        return replace(now, bytes_waiting=max(0, now.bytes_waiting - (job.size_bytes - job.offset_hint_bytes)))

    def _waiting(self) -> Progress:
        counts = self._outbox.counts()
        return Progress(counts.waiting, counts.files_waiting, counts.bytes_waiting, self.note)
