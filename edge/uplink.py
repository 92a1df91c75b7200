"""From the outbox to the server: report JSON first, then stills, then clips, then the server's word on each report.

A report counts as stored only when the server says so, after the last byte of its evidence. Whatever goes wrong, the
outbox keeps everything: what may pass is tried again with growing, jittered waits; what a person must look at (another
body under the same id, bytes that do not match their hash) is kept and named; a refused token stops the uplink.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from detector.errors import InputError, PermanentError, TransientError
from detector.evidence.seal import DeviceKey
from edge import tus
from edge.device import ENROLMENT_FILE, Enrolment, load_enrolment, save_enrolment
from edge.outbox import Outbox
from edge.parcels import Counts, FileJob, ReportJob, ReportState
from edge.wire import LinkError, NotEnrolled, ServerBusy, ServerClient, Timeouts, TooLarge, WrongServer, server_base

REPORTS_PATH = "/api/v1/reports"
ENROL_PATH = "/api/v1/devices/enrol"
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard the uplink tries.

    Attributes:
        first_wait_s: mean wait after a first failure is half of it; it doubles with every failure in a row.
        wait_max_s: longer spares a server that is down, and starts later when it is back.
        chunk_bytes: one PATCH; larger is faster on a good link, smaller loses less on a bad one.
    """

    first_wait_s: float = 0.5
    wait_max_s: float = 60.0
    chunk_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        if not 0 < self.first_wait_s <= self.wait_max_s or self.chunk_bytes <= 0:
            raise InputError(f"{self}: waits and chunk must be above 0, first_wait_s not above wait_max_s")

    def wait_s(self, failures: int, retry_after_s: float | None) -> float:
        """Wait after so many failures in a row: exponential with full jitter, never below the server's own word."""
        ceiling = min(self.wait_max_s, self.first_wait_s * 2.0 ** min(failures, 30))
        jittered = random.uniform(0, ceiling)  # noqa: S311 (spreads load, keeps no secret)
        return max(jittered, retry_after_s or 0.0)


@dataclass(frozen=True, slots=True)
class Progress:
    """What still waits, and the last trouble met on the way (empty when all goes well)."""

    reports_waiting: int
    files_waiting: int
    bytes_waiting: int
    note: str


@dataclass(frozen=True, slots=True)
class DrainResult:
    """How an uplink ended.

    Attributes:
        counts: the outbox now.
        troubles: what a person has to look at, one line each.
        last_error: why something still waits, when something does.
    """

    counts: Counts
    troubles: tuple[str, ...]
    last_error: str | None

    @property
    def finished(self) -> bool:
        """Every report is at the server; what a person must look at counts as not finished."""
        return self.counts.waiting == 0 and not self.troubles


def enrol(state_dir: Path, server_url: str, code: str, key: DeviceKey, name: str) -> Enrolment:
    """Make this device known to a server, by a code a reviewer gave, and keep the token.

    Raises:
        PermanentError: the code is refused, or the device is enrolled at another server.
        TransientError: no answer, or the server is busy.
        InputError: the address is no good.
    """
    base = server_base(server_url)
    old = load_enrolment(state_dir)
    if old is not None and old.server_url != base:
        raise _elsewhere(state_dir, old, base)
    code = code.strip()
    message = b"kerbwatch-enrol\x1f" + code.encode() + b"\x1f" + name.encode()
    asked = {"code": code, "public_key": key.public_key, "name": name, "signature": key.sign(message).hex()}
    with ServerClient(base) as client:
        try:
            answer = client.request("POST", client.url(ENROL_PATH), headers=_JSON, content=json.dumps(asked).encode())
        except NotEnrolled as error:
            raise PermanentError(f"{base} did not take the enrolment code: ask a reviewer for a new one") from error
        if answer.status != 201:
            raise PermanentError(f"{base} did not enrol this device: {answer.status}: {answer.words()}")
        given = answer.json()
    token = given.get("token")
    if given.get("device_id") != key.device_id or not isinstance(token, str) or not token:
        raise WrongServer(f"{base} answered the enrolment for another device, or without a token")
    enrolment = Enrolment(
        server_url=base, device_id=key.device_id, name=name, token=SecretStr(token), enrolled_at=datetime.now(UTC)
    )
    save_enrolment(state_dir, enrolment)
    return enrolment


def connect(state_dir: Path, server_url: str, *, timeouts: Timeouts | None = None) -> ServerClient:
    """A client for the server this device is enrolled at, with its token.

    Raises:
        NotEnrolled: the device is enrolled nowhere.
        PermanentError: it is enrolled at another server; both are named.
    """
    base = server_base(server_url)
    enrolment = load_enrolment(state_dir)
    if enrolment is None:
        raise NotEnrolled(f"this device is not enrolled at {base}: give an enrolment code from a reviewer")
    if enrolment.server_url != base:
        raise _elsewhere(state_dir, enrolment, base)
    return ServerClient(base, enrolment.token, timeouts=timeouts)


def drain(
    outbox: Outbox,
    client: ServerClient,
    deadline_s: float,
    progress: Callable[[Progress], None] | None = None,
    *,
    pace: Pace | None = None,
    stop: threading.Event | None = None,
) -> DrainResult:
    """Bring everything that waits to the server, until done, out of time or stopped.

    Args:
        deadline_s: seconds from now after which no new step begins; a step under way ends first.
        progress: called after every step and every chunk.
        stop: set from another thread, ends the uplink at the next step.

    Raises:
        NotEnrolled, WrongServer: nothing can be sent; everything is kept.
    """
    return _Uplink(outbox, client, deadline_s, progress, pace or Pace(), stop or threading.Event()).run()


class _Uplink:
    """One run of `drain`."""

    def __init__(
        self,
        outbox: Outbox,
        client: ServerClient,
        deadline_s: float,
        progress: Callable[[Progress], None] | None,
        pace: Pace,
        stop: threading.Event,
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._until = time.monotonic() + deadline_s
        self._progress = progress
        self._pace = pace
        self._stop = stop
        self._failures = 0
        self._note = ""

    def run(self) -> DrainResult:
        while not self._stop.is_set() and self._left_s() > 0:
            if not self._step():
                wait_s = self._outbox.next_due_in_s()
                if wait_s is None:
                    break
                self._sleep(max(wait_s, 0.01))
            self._tell()
        counts = self._outbox.counts()
        return DrainResult(counts, tuple(self._outbox.troubles()), (self._note or None) if counts.waiting else None)

    def _step(self) -> bool:
        """Do the most urgent thing that is due; False when none is."""
        report = self._outbox.next_unsent()
        if report is not None:
            self._try_report(report, self._send)
            return True
        file = self._outbox.next_file()
        if file is not None:
            self._try_file(file)
            return True
        report = self._outbox.next_unconfirmed()
        if report is not None:
            self._try_report(report, self._confirm)
            return True
        return False

    # -- one report ----------------------------------------------------------------------------------------------

    def _try_report(self, job: ReportJob, act: Callable[[ReportJob], None]) -> None:
        try:
            act(job)
        except TransientError as error:
            wait_s = self._failed(error, job.attempts)
            self._outbox.defer_report(job.report_id, str(error), wait_s)
            self._sleep_if_down(error)
        else:
            self._failures = 0

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
        status = self._status(job.report_id)
        if status is None:
            self._outbox.unsend(job.report_id)
        elif status.body_sha256 != job.body_sha256:
            words = f"the server holds a body with hash {status.body_sha256}, here it is {job.body_sha256}"
            self._outbox.mark_kept(job.report_id, ReportState.CONFLICT, words)
        elif status.complete and not status.missing:
            self._outbox.mark_stored(job.report_id, status.case_url)
        else:
            self._outbox.requeue_files(status.missing)
            raise ServerBusy(
                f"the server does not have all of report {job.report_id} yet: {len(status.missing)} missing"
            )

    def _status(self, report_id: uuid.UUID) -> _Status | None:
        """What the server has of a report; `None` when it does not know it."""
        answer = self._client.request("GET", self._client.url(f"{REPORTS_PATH}/{report_id}"))
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise ServerBusy(f"the state of report {report_id} was answered {answer.status}: {answer.words()}")
        return _Status.of(answer.json())

    # -- one file ------------------------------------------------------------------------------------------------

    def _try_file(self, job: FileJob) -> None:
        at = _Offset(job.offset_hint_bytes)
        try:
            self._upload(job, at)
        except tus.ChecksumMismatch as error:
            self._mismatch(job, str(error))
        except TransientError as error:
            if isinstance(error, TooLarge):
                self._smaller_chunks()
            wait_s = self._failed(error, 0 if at.moved else job.attempts)
            self._outbox.defer_file(job.sha256, str(error), wait_s, at.bytes, progressed=at.moved)
            self._sleep_if_down(error)
        else:
            self._outbox.mark_file_sent(job.sha256)
            self._failures = 0

    def _upload(self, job: FileJob, at: _Offset) -> None:
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
        self._send_bytes(job, url, at)

    def _create(self, job: FileJob) -> tuple[str, int]:
        try:
            return tus.create(self._client, job.sha256, job.size_bytes)
        except NotEnrolled:
            # Forbidden may also mean that no report names the file: a server put back from an older copy.
            if self._status(job.report_id) is not None:
                raise
            self._outbox.unsend(job.report_id)
            raise ServerBusy(f"the server no longer knew report {job.report_id}; it is sent again") from None

    def _send_bytes(self, job: FileJob, url: str, at: _Offset) -> None:
        waiting = self._counts_without(job)
        try:
            with job.path.open("rb") as file:
                while at.bytes < job.size_bytes:
                    if self._stop.is_set() or self._left_s() <= 0:
                        raise _OutOfTime("out of time; the upload goes on at this byte next time")
                    file.seek(at.bytes)
                    chunk = file.read(self._pace.chunk_bytes)
                    if not chunk:
                        raise tus.ChecksumMismatch(f"{job.path} is shorter than the {job.size_bytes} bytes it had")
                    at.advance(tus.append(self._client, url, at.bytes, chunk))
                    self._failures = 0
                    self._tell(replace(waiting, bytes_waiting=waiting.bytes_waiting + job.size_bytes - at.bytes))
        except FileNotFoundError:
            raise tus.ChecksumMismatch(f"{job.path} was removed by hand: put it back") from None

    def _arrived(self, job: FileJob) -> bool:
        status = self._status(job.report_id)
        return status is not None and job.sha256 not in status.missing

    def _mismatch(self, job: FileJob, error: str) -> None:
        """Once may be the link; twice, or damaged here, needs a person."""
        damaged = not _is_whole(job)
        if damaged:
            error = f"{job.path} is missing or damaged on this device: put back the file its name tells the hash of"
        self._outbox.note_mismatch(job.sha256, error, hold=damaged or job.mismatches >= 1)
        self._note = error

    def _smaller_chunks(self) -> None:
        self._pace = replace(self._pace, chunk_bytes=max(self._pace.chunk_bytes // 2, 16 * 1024))

    # -- pace ----------------------------------------------------------------------------------------------------

    def _failed(self, error: TransientError, attempts: int) -> float:
        self._failures += 1
        self._note = str(error)
        return self._pace.wait_s(attempts, error.retry_after_s if isinstance(error, ServerBusy) else None)

    def _sleep_if_down(self, error: TransientError) -> None:
        """When nobody answers, or the server asks for quiet, the other items need not find out one by one."""
        if isinstance(error, LinkError):
            self._sleep(self._pace.wait_s(self._failures - 1, None))
        elif isinstance(error, ServerBusy) and error.retry_after_s:
            self._sleep(error.retry_after_s)

    def _sleep(self, wait_s: float) -> None:
        self._stop.wait(max(0.0, min(wait_s, self._left_s())))

    def _left_s(self) -> float:
        return self._until - time.monotonic()

    def _counts_without(self, job: FileJob) -> Progress:
        now = self._waiting()
        return replace(now, bytes_waiting=max(0, now.bytes_waiting - (job.size_bytes - job.offset_hint_bytes)))

    def _waiting(self) -> Progress:
        counts = self._outbox.counts()
        return Progress(counts.waiting, counts.files_waiting, counts.bytes_waiting, self._note)

    def _tell(self, now: Progress | None = None) -> None:
        if self._progress is not None:
            self._progress(now or self._waiting())


class _OutOfTime(TransientError):
    """The uplink ends before the file does."""


@dataclass(slots=True)
class _Offset:
    """Where an upload stands; `moved` once this run brought it forward."""

    bytes: int
    moved: bool = False

    def advance(self, to_bytes: int) -> None:
        self.moved = self.moved or to_bytes > self.bytes
        self.bytes = to_bytes


@dataclass(frozen=True, slots=True)
class _Status:
    """The server's word on one report."""

    body_sha256: str
    missing: tuple[str, ...]
    complete: bool
    case_url: str | None

    @staticmethod
    def of(data: dict[str, Any]) -> _Status:
        body_sha256, missing = data.get("body_sha256"), data.get("missing_evidence")
        complete, case_url = data.get("complete"), data.get("case_url")
        if not isinstance(body_sha256, str) or not isinstance(missing, list) or not isinstance(complete, bool):
            raise ServerBusy("the server's word on a report lacks body_sha256, missing_evidence or complete")
        return _Status(body_sha256, tuple(map(str, missing)), complete, case_url if isinstance(case_url, str) else None)


def _is_whole(job: FileJob) -> bool:
    try:
        with job.path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest() == job.sha256
    except FileNotFoundError:
        return False


def _elsewhere(state_dir: Path, enrolment: Enrolment, asked: str) -> PermanentError:
    return PermanentError(
        f"this device is enrolled at {enrolment.server_url}, not at {asked}; its reports go nowhere else. "
        f"To move it, send what waits, delete {state_dir / ENROLMENT_FILE} and enrol it at {asked}"
    )
