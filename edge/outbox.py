"""The outbox: what was found and is not yet known to be safe at the server.

SQLite (WAL, `synchronous=FULL`) holds the reports; evidence files lie beside it, named by their SHA-256, because two
things seen in one frame share the picture. A file is durable before the row that names it commits, so a row never
promises bytes that are not there; a file without a row (a kill in between) is removed at the next start.

A hit is put once: its `hit_key` is unique, and its `report_id` is minted once. A patrol run again after a kill asks
`known` and makes no second report. Nothing the server has not acknowledged is ever deleted.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from detector.errors import InputError, KerbwatchError
from detector.evidence.seal import DeviceKey, seal, sealed_bytes
from detector.report import ReportBody
from edge.database import transaction, translated
from edge.device import open_key
from edge.durable import TMP_PREFIX, disk_full, free_bytes, fsync_dir, make_dir, write_atomic
from edge.outbox_files import connect, hold
from edge.parcels import (
    SUFFIXES,
    BodyBuilder,
    Counts,
    EvidenceFile,
    FileJob,
    FileState,
    KeptReport,
    Quota,
    ReportJob,
    ReportState,
)

__all__ = ["BodyBuilder", "EvidenceFile", "Outbox", "Quota"]

DATABASE_FILE: Final = "outbox.db"
EVIDENCE_DIR: Final = "evidence"
_WAIT_MAX_S = 3600.0
"""No wait is longer; one that seems to be comes from a clock that was set back, and is over."""


class Outbox:
    """One state folder's outbox, held by one process; its methods may be called from several threads."""

    def __init__(self, folder: Path, key: DeviceKey, quota: Quota, lock_fd: int, database: sqlite3.Connection) -> None:
        """Use `Outbox.open`."""
        self._folder = folder
        self._key = key
        self._quota = quota
        self._lock_fd = lock_fd
        self._database = database
        self._mutex = threading.RLock()

    @staticmethod
    def open(folder: Path, *, key: DeviceKey | None = None, quota: Quota | None = None) -> Outbox:
        """Open or make the outbox of a state folder, and clear away what a kill left half done.

        Args:
            folder: holds the database, the lock and the evidence.
            key: seals the reports; by default the key of this folder, made on first start.
            quota: by default `Quota()`.

        Raises:
            TransientError: another process holds the folder; the disk is full.
            InputError: the folder cannot be written, or key or database are damaged.
        """
        make_dir(folder, mode=0o700)
        lock_fd = hold(folder)
        try:
            device_key = key or open_key(folder)
            make_dir(folder / EVIDENCE_DIR)
            database = connect(folder / DATABASE_FILE)
            outbox = Outbox(folder, device_key, quota or Quota(), lock_fd, database)
            outbox._clear_away()
        except BaseException:
            os.close(lock_fd)
            raise
        return outbox

    def close(self) -> None:
        """Release the folder; a second call does nothing."""
        with self._mutex:
            if self._lock_fd >= 0:
                self._database.close()
                os.close(self._lock_fd)
                self._lock_fd = -1

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def device_id(self) -> str:
        """SHA-256 of the public key that seals here; a body must name it."""
        return self._key.device_id

    @property
    def folder(self) -> Path:
        """The folder held; what else belongs to the device's state lies there too, under the same lock."""
        return self._folder

    # -- the patrol's side ---------------------------------------------------------------------------------------

    def known(self, hit_key: str) -> uuid.UUID | None:
        """The report id this hit already has."""
        row = self._one("SELECT report_id FROM hits WHERE hit_key = ?", hit_key)
        return uuid.UUID(row[0]) if row else None

    def put(self, hit_key: str, build: BodyBuilder) -> uuid.UUID:
        """Seal and keep one report; when this returns, it survives a power cut. A known hit is left as it is.

        Raises:
            TransientError: no room (disk or quota); nothing half written stays behind.
            InputError: body, evidence and hit key do not belong together, or the folder cannot be written.
            SealError: the body names another device.
        """
        found = self.known(hit_key)
        if found is not None:
            return found
        report_id = uuid.uuid4()
        body, files = build(report_id)
        _check_belongs(hit_key, report_id, body, files)
        sealed = seal(body, self._key)
        with self._mutex:
            found = self.known(hit_key)
            if found is not None:
                return found
            self._make_room(sum(len(file.data) for file in files))
            fresh = [file for file in files if not self._path(file.sha256, file.suffix).exists()]
            try:
                self._write_files(fresh)
                self._insert(hit_key, sealed.seal.body_sha256, body.report_id, sealed_bytes(sealed), files)
            except KerbwatchError:
                self._remove_unless_kept(hit_key, fresh)
                raise
        return report_id

    def reports(self) -> Iterator[KeptReport]:
        """Every report, oldest first, one read at a time."""
        for (report_id,) in self._all("SELECT report_id FROM hits ORDER BY rowid"):
            row = self._one(
                "SELECT hit_key, state, sealed, last_error, case_url FROM reports JOIN hits USING (report_id)"
                " WHERE report_id = ?",
                report_id,
            )
            if row is None:
                continue
            files = self._all(
                "SELECT sha256, suffix FROM report_files JOIN files USING (sha256) WHERE report_id = ? ORDER BY sha256",
                report_id,
            )
            yield KeptReport(
                report_id=uuid.UUID(report_id),
                hit_key=row[0],
                state=ReportState(row[1]),
                sealed=row[2],
                files=tuple(self._path(name, suffix) for name, suffix in files),
                last_error=row[3],
                case_url=row[4],
            )

    def counts(self) -> Counts:
        """How much lies here and in which state."""
        states: dict[str, int] = dict(self._all("SELECT state, count(*) FROM reports GROUP BY state"))
        waiting, held, size = self._all(
            "SELECT coalesce(sum(state = 'queued'), 0), coalesce(sum(state = 'held'), 0),"
            " coalesce(sum(CASE state WHEN 'queued' THEN size_bytes - offset_hint_bytes ELSE 0 END), 0) FROM files"
        )[0]
        return Counts(
            **{state.value: states.get(state.value, 0) for state in ReportState},
            files_waiting=waiting,
            files_held=held,
            bytes_waiting=size,
        )

    def troubles(self) -> list[str]:
        """What a person has to look at, one line each: conflicts, refusals, files held."""
        reports = self._all(
            "SELECT report_id, state, last_error FROM reports WHERE state IN ('conflict', 'refused') ORDER BY rowid"
        )
        files = self._all("SELECT sha256, last_error FROM files WHERE state = 'held' ORDER BY rowid")
        return [f"report {report_id}: {state}: {error}" for report_id, state, error in reports] + [
            f"evidence {name}: held: {error}" for name, error in files
        ]

    # -- the uplink's side ---------------------------------------------------------------------------------------

    def next_unsent(self) -> ReportJob | None:
        """The oldest report whose JSON is to be sent now."""
        return self._report_job("state = 'queued'")

    def next_file(self) -> FileJob | None:
        """The next evidence file to upload now: stills before clips, and only of reports the server has."""
        row = self._one(
            "SELECT sha256, suffix, (SELECT report_id FROM report_files JOIN reports USING (report_id)"
            "   WHERE report_files.sha256 = files.sha256 AND reports.state = 'sent' LIMIT 1) AS of_report,"
            " size_bytes, upload_url, offset_hint_bytes, mismatches, attempts FROM files"
            " WHERE state = 'queued' AND NOT dropped AND (next_attempt_at <= ?1 OR next_attempt_at > ?1 + ?2)"
            " AND of_report IS NOT NULL ORDER BY suffix = '.mp4', rowid LIMIT 1",
            time.time(),
            _WAIT_MAX_S,
        )
        if row is None:
            return None
        return FileJob(row[0], self._path(row[0], row[1]), uuid.UUID(row[2]), *row[3:])

    def next_unconfirmed(self) -> ReportJob | None:
        """The oldest report that is wholly sent and waits for the server's word."""
        return self._report_job(
            "state = 'sent' AND NOT EXISTS (SELECT 1 FROM report_files JOIN files USING (sha256)"
            " WHERE report_files.report_id = reports.report_id AND files.state != 'sent')"
        )

    def next_due_in_s(self) -> float | None:
        """Seconds until something waiting may be tried again, 0 when now; `None` when nothing is left to do."""
        row = self._one(
            "SELECT min(due) FROM ("
            " SELECT next_attempt_at AS due FROM reports WHERE state = 'queued' UNION ALL"
            " SELECT next_attempt_at FROM files WHERE state = 'queued' AND NOT dropped AND EXISTS (SELECT 1"
            "   FROM report_files JOIN reports USING (report_id)"
            "   WHERE report_files.sha256 = files.sha256 AND reports.state = 'sent') UNION ALL"
            " SELECT next_attempt_at FROM reports WHERE state = 'sent' AND NOT EXISTS (SELECT 1 FROM report_files"
            "   JOIN files USING (sha256) WHERE report_files.report_id = reports.report_id AND files.state != 'sent'))"
        )
        if row is None or row[0] is None:
            return None
        wait_s = float(row[0]) - time.time()
        return 0.0 if wait_s < 0 or wait_s > _WAIT_MAX_S else wait_s

    def mark_sent(self, report_id: uuid.UUID) -> None:
        """The server has the JSON."""
        self._set_report(report_id, ReportState.SENT)

    def mark_stored(self, report_id: uuid.UUID, case_url: str | None) -> None:
        """The server said that everything of this report is stored."""
        self._set_report(report_id, ReportState.STORED, case_url=case_url)

    def mark_kept(self, report_id: uuid.UUID, state: ReportState, error: str) -> None:
        """The server will never take this report as it is (`CONFLICT`, `REFUSED`)."""
        self._set_report(report_id, state, error=error)

    def unsend(self, report_id: uuid.UUID) -> None:
        """The server does not know the report after all: send it again."""
        self._set_report(report_id, ReportState.QUEUED, error="the server no longer knew it")

    def defer_report(self, report_id: uuid.UUID, error: str, wait_s: float) -> None:
        """Try this report again after a wait."""
        self._run(
            "UPDATE reports SET attempts = attempts + 1, next_attempt_at = ?, last_error = ? WHERE report_id = ?",
            time.time() + min(wait_s, _WAIT_MAX_S),
            error,
            str(report_id),
        )

    def note_upload(self, sha256: str, upload_url: str | None) -> None:
        """Where the server takes the bytes of this file; `None` forgets it, to start anew."""
        self._run("UPDATE files SET upload_url = ?, offset_hint_bytes = 0 WHERE sha256 = ?", upload_url, sha256)

    def mark_file_sent(self, sha256: str) -> None:
        """The server accepted the last byte."""
        self._run(
            "UPDATE files SET state = 'sent', offset_hint_bytes = size_bytes, attempts = 0, next_attempt_at = 0,"
            " last_error = NULL WHERE sha256 = ?",
            sha256,
        )

    def defer_file(self, sha256: str, error: str, wait_s: float, offset_bytes: int, *, progressed: bool) -> None:
        """Try this file again after a wait, from about `offset_bytes`; one that `progressed` starts counting anew."""
        self._run(
            "UPDATE files SET attempts = CASE WHEN ? THEN 0 ELSE attempts + 1 END, next_attempt_at = ?,"
            " last_error = ?, offset_hint_bytes = ? WHERE sha256 = ?",
            progressed,
            time.time() + min(wait_s, _WAIT_MAX_S),
            error,
            offset_bytes,
            sha256,
        )

    def note_mismatch(self, sha256: str, error: str, *, hold: bool) -> None:
        """The bytes did not match their hash: upload anew, or hold the file for a person."""
        self._run(
            "UPDATE files SET mismatches = mismatches + 1, upload_url = NULL, offset_hint_bytes = 0, last_error = ?,"
            " state = ? WHERE sha256 = ?",
            error,
            FileState.HELD if hold else FileState.QUEUED,
            sha256,
        )

    def requeue_files(self, sha256s: Iterable[str]) -> None:
        """The server misses these files after all: upload them again (files already dropped here stay sent)."""
        with self._transaction() as database:
            database.executemany(
                "UPDATE files SET state = 'queued', upload_url = NULL, offset_hint_bytes = 0"
                " WHERE sha256 = ? AND state = 'sent' AND NOT dropped",
                [(name,) for name in sha256s],
            )

    def release_held(self) -> int:
        """Let held files be tried again, after a person saw to them; gives how many."""
        with self._transaction() as database:
            return database.execute(
                "UPDATE files SET state = 'queued', mismatches = 0, next_attempt_at = 0 WHERE state = 'held'"
            ).rowcount

    # -- inside --------------------------------------------------------------------------------------------------

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / EVIDENCE_DIR / f"{name}{suffix}"

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """All or nothing, durable at the end; SQLite's own errors become the product's."""
        with self._mutex, translated(self._folder / DATABASE_FILE), transaction(self._database) as database:
            yield database

    def _run(self, statement: str, *values: object) -> None:
        with self._transaction() as database:
            database.execute(statement, values)

    def _one(self, statement: str, *values: object) -> tuple | None:
        with self._mutex, translated(self._folder / DATABASE_FILE):
            return self._database.execute(statement, values).fetchone()

    def _all(self, statement: str, *values: object) -> list[tuple]:
        with self._mutex, translated(self._folder / DATABASE_FILE):
            return self._database.execute(statement, values).fetchall()

    def _report_job(self, condition: str) -> ReportJob | None:
        row = self._one(
            f"SELECT report_id, sealed, body_sha256, attempts FROM reports WHERE {condition}"  # noqa: S608 (our text)
            " AND (next_attempt_at <= ?1 OR next_attempt_at > ?1 + ?2) ORDER BY rowid LIMIT 1",
            time.time(),
            _WAIT_MAX_S,
        )
        return ReportJob(uuid.UUID(row[0]), row[1], row[2], row[3]) if row else None

    def _set_report(
        self, report_id: uuid.UUID, state: ReportState, *, error: str | None = None, case_url: str | None = None
    ) -> None:
        self._run(
            "UPDATE reports SET state = ?, attempts = 0, next_attempt_at = 0, last_error = ?, case_url = ?"
            " WHERE report_id = ?",
            state.value,
            error,
            case_url,
            str(report_id),
        )

    def _write_files(self, files: Iterable[EvidenceFile]) -> None:
        for file in files:
            write_atomic(self._path(file.sha256, file.suffix), file.data, sync_dir=False)
        fsync_dir(self._folder / EVIDENCE_DIR)

    def _insert(
        self, hit_key: str, body_sha256: str, report_id: uuid.UUID, sealed: bytes, files: Sequence[EvidenceFile]
    ) -> None:
        now = datetime.now(UTC).isoformat()
        with self._transaction() as database:
            database.execute("INSERT INTO hits VALUES (?, ?, ?)", (hit_key, str(report_id), now))
            database.execute(
                "INSERT INTO reports (report_id, sealed, body_sha256) VALUES (?, ?, ?)",
                (str(report_id), sealed, body_sha256),
            )
            for file in files:
                database.execute(
                    "INSERT INTO files (sha256, suffix, size_bytes) VALUES (?, ?, ?)"
                    " ON CONFLICT (sha256) DO UPDATE SET dropped = 0, suffix = excluded.suffix",
                    (file.sha256, file.suffix, len(file.data)),
                )
                database.execute("INSERT INTO report_files VALUES (?, ?)", (str(report_id), file.sha256))

    def _remove_unless_kept(self, hit_key: str, files: Iterable[EvidenceFile]) -> None:
        """Take back the files of a failed put. Where even that cannot be known, the next start clears them away."""
        try:
            if self.known(hit_key) is not None:
                return
        except KerbwatchError:
            return
        for file in files:
            self._path(file.sha256, file.suffix).unlink(missing_ok=True)

    def _make_room(self, needed_bytes: int) -> None:
        """See that so many bytes fit quota and disk, dropping acknowledged evidence, oldest first, if they do not.

        Raises:
            TransientError: still no room.
        """
        folder = self._folder / EVIDENCE_DIR
        used_bytes = int(self._all("SELECT coalesce(sum(size_bytes), 0) FROM files WHERE NOT dropped")[0][0])

        def short_bytes(used: int) -> int:
            over_quota = used + needed_bytes - self._quota.bytes_max
            under_reserve = needed_bytes + self._quota.reserve_bytes - free_bytes(folder)
            return max(over_quota, under_reserve)

        for name, suffix, size_bytes in self._acknowledged():
            if short_bytes(used_bytes) <= 0:
                return
            self._run("UPDATE files SET dropped = 1 WHERE sha256 = ?", name)
            self._path(name, suffix).unlink(missing_ok=True)
            used_bytes -= size_bytes
        if short_bytes(used_bytes) > 0:
            why = (
                f"the outbox holds {used_bytes} of {self._quota.bytes_max} bytes, "
                f"{self._quota.reserve_bytes} must stay free, and unsent evidence is never dropped"
            )
            raise disk_full(folder, needed_bytes, why=why)

    def _acknowledged(self) -> Iterator[tuple[str, str, int]]:
        """Files that only stored reports name, oldest first."""
        rows = self._all(
            "SELECT sha256, suffix, size_bytes FROM files WHERE NOT dropped AND NOT EXISTS (SELECT 1 FROM report_files"
            " JOIN reports USING (report_id) WHERE report_files.sha256 = files.sha256 AND reports.state != 'stored')"
            " ORDER BY rowid"
        )
        yield from rows

    def _clear_away(self) -> None:
        """Remove files no row names; hold rows whose file somebody removed."""
        kept = {f"{name}{suffix}" for name, suffix in self._all("SELECT sha256, suffix FROM files WHERE NOT dropped")}
        there: set[str] = set()
        for path in (self._folder / EVIDENCE_DIR).iterdir():
            if path.name in kept:
                there.add(path.name)
            elif path.is_file() or path.name.startswith(TMP_PREFIX):
                path.unlink()
        for name in sorted(kept - there):
            self._run(
                "UPDATE files SET state = 'held', last_error = ? WHERE sha256 = ? AND state = 'queued'",
                f"the file {self._folder / EVIDENCE_DIR / name} was removed by hand: put it back",
                Path(name).stem,
            )
        for path in self._folder.glob(f"{TMP_PREFIX}*"):
            path.unlink()


def _check_belongs(hit_key: str, report_id: uuid.UUID, body: ReportBody, files: Sequence[EvidenceFile]) -> None:
    if body.hit_key != hit_key or body.report_id != report_id:
        raise InputError(
            f"the body is of hit {body.hit_key}, report {body.report_id}; asked for hit {hit_key}, report {report_id}"
        )
    named = {item.sha256: SUFFIXES[item.media_type] for item in body.evidence}
    given = {file.sha256: file.suffix for file in files}
    if named != given:
        wrong = sorted(set(named.items()) ^ set(given.items()))
        raise InputError(f"report {report_id}: evidence named and evidence given differ at {wrong[0][0]}{wrong[0][1]}")
