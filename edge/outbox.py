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
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from detector.errors import InputError, KerbwatchError
from detector.evidence.seal import DeviceKey, seal, sealed_bytes
from detector.report import ReportBody
from edge.database import UnsureWrite
from edge.device import open_key
from edge.durable import TMP_PREFIX, fsync_dir, make_dir, remove, write_atomic
from edge.outbox_base import DATABASE_FILE, EVIDENCE_DIR
from edge.outbox_files import connect, hold
from edge.outbox_room import OutboxRoom
from edge.parcels import (
    SUFFIXES,
    BodyBuilder,
    Counts,
    EvidenceFile,
    KeptReport,
    Quota,
    Releasable,
    ReportState,
)

__all__ = ["BodyBuilder", "EvidenceFile", "Outbox", "Quota"]


class Outbox(OutboxRoom):
    """One state folder's outbox, held by one process; its methods may be called from several threads."""

    def __init__(self, folder: Path, key: DeviceKey, quota: Quota, lock_fd: int, database: sqlite3.Connection) -> None:
        """Use `Outbox.open`."""
        super().__init__(folder, database)
        self._key = key
        self._quota = quota
        self._lock_fd = lock_fd

    @staticmethod
    def open(folder: Path, *, key: DeviceKey | None = None, quota: Quota | None = None, alone: bool = True) -> Outbox:
        """Open or make the outbox of a state folder, and clear away what a kill left half done.

        Args:
            folder: holds the database, the lock and the evidence.
            key: seals the reports; by default the key of this folder, made on first start.
            quota: by default `Quota()`.
            alone: hold the folder. Without it, beside a running box, an outbox that is there can be read and what
                was held be released, but nothing may be put.

        Raises:
            TransientError: another process holds the folder; the disk is full.
            InputError: the folder cannot be written, or key or database are damaged.
        """
        if not alone:
            if not (folder / DATABASE_FILE).exists():
                raise InputError(f"{folder} holds no outbox: name the box's state folder")
            return Outbox(folder, key or open_key(folder), quota or Quota(), -1, connect(folder / DATABASE_FILE))
        make_dir(folder, mode=0o700)
        lock_fd = hold(folder)
        try:
            device_key = key or open_key(folder)
            make_dir(folder / EVIDENCE_DIR)
            outbox = Outbox(folder, device_key, quota or Quota(), lock_fd, connect(folder / DATABASE_FILE))
        except BaseException:
            os.close(lock_fd)
            raise
        try:
            outbox._clear_away()
        except BaseException:
            outbox.close()
            raise
        return outbox

    def close(self) -> None:
        """Release the folder; a second call does nothing."""
        with self._mutex:
            self._database.close()
            if self._lock_fd >= 0:
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
        if self._lock_fd < 0:
            raise InputError(f"{self._folder} is not held: only the box itself puts reports there")
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
                self._insert(body, sealed.seal.body_sha256, sealed_bytes(sealed), files)
            except UnsureWrite:
                raise  # the row may yet be there, and its files must be then
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

    def state_of(self, report_id: uuid.UUID) -> ReportState | None:
        """How far a report has come; `None` when there is none of this id."""
        row = self._one("SELECT state FROM reports WHERE report_id = ?", str(report_id))
        return ReportState(row[0]) if row else None

    def counts(self) -> Counts:
        """How much lies here and in which state."""
        states: dict[str, int] = dict(self._all("SELECT state, count(*) FROM reports GROUP BY state"))
        waiting, held, size = self._all(
            "SELECT coalesce(sum(state = 'queued'), 0), coalesce(sum(state = 'held'), 0),"
            " coalesce(sum(CASE state WHEN 'queued' THEN size_bytes - offset_hint_bytes ELSE 0 END), 0)"
            " FROM files WHERE NOT dropped"
        )[0]
        given_up = self._all("SELECT count(*) FROM files WHERE dropped AND state != 'sent'")[0][0]
        return Counts(
            **{state.value: states.get(state.value, 0) for state in ReportState},
            files_waiting=waiting,
            files_held=held,
            bytes_waiting=size,
            files_given_up=given_up,
        )

    def troubles(self) -> list[str]:
        """What a person has to look at, one line each: conflicts, refusals, files held or given up."""
        reports = self._all(
            "SELECT report_id, state, last_error FROM reports WHERE state IN ('conflict', 'refused') ORDER BY rowid"
        )
        files = self._all(
            "SELECT sha256, iif(dropped, 'given up', 'held'), last_error FROM files"
            " WHERE NOT dropped AND state = 'held' OR dropped AND state != 'sent' ORDER BY rowid"
        )
        return [f"report {report_id}: {state}: {error}" for report_id, state, error in reports] + [
            f"evidence {name}: {state}: {error}" for name, state, error in files
        ]

    def release(self, state: Releasable) -> int:
        """Let what was kept for a person be tried again, after he saw to it; gives how many.

        Args:
            state: ``held`` files, or reports in ``conflict`` or ``refused``.
        """
        with self._transaction() as database:
            if state == "held":
                return database.execute(
                    "UPDATE files SET state = 'queued', mismatches = 0, attempts = 0, next_attempt_at = 0"
                    " WHERE state = 'held' AND NOT dropped"
                ).rowcount
            return database.execute(
                "UPDATE reports SET state = 'queued', attempts = 0, next_attempt_at = 0 WHERE state = ?", (state,)
            ).rowcount

    # -- inside --------------------------------------------------------------------------------------------------

    def _write_files(self, files: Iterable[EvidenceFile]) -> None:
        for file in files:
            write_atomic(self._path(file.sha256, file.suffix), file.data, sync_dir=False)
        fsync_dir(self._folder / EVIDENCE_DIR)

    def _insert(self, body: ReportBody, body_sha256: str, sealed: bytes, files: Sequence[EvidenceFile]) -> None:
        now = datetime.now(UTC).isoformat()
        report_id = body.report_id
        roles = {item.sha256: item.role for item in body.evidence}
        with self._transaction() as database:
            database.execute("INSERT INTO hits VALUES (?, ?, ?)", (body.hit_key, str(report_id), now))
            database.execute(
                "INSERT INTO reports (report_id, sealed, body_sha256) VALUES (?, ?, ?)",
                (str(report_id), sealed, body_sha256),
            )
            for file in files:
                database.execute(
                    "INSERT INTO files (sha256, suffix, size_bytes, role) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (sha256) DO UPDATE SET dropped = 0, suffix = excluded.suffix,"
                    "   role = iif(excluded.role = 'still_full', excluded.role, role)",
                    (file.sha256, file.suffix, len(file.data), roles[file.sha256]),
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
            with suppress(OSError):
                self._path(file.sha256, file.suffix).unlink(missing_ok=True)

    def _clear_away(self) -> None:
        """Remove files no row names; hold rows whose file somebody removed; waits ended with the process before."""
        kept = {f"{name}{suffix}" for name, suffix in self._all("SELECT sha256, suffix FROM files WHERE NOT dropped")}
        there: set[str] = set()
        for path in (self._folder / EVIDENCE_DIR).iterdir():
            if path.name in kept:
                there.add(path.name)
            elif path.is_file() or path.name.startswith(TMP_PREFIX):
                remove(path)
        for name in sorted(kept - there):
            self._run(
                "UPDATE files SET state = 'held', last_error = ? WHERE sha256 = ? AND state = 'queued'",
                f"the file {self._folder / EVIDENCE_DIR / name} was removed by hand: put it back",
                Path(name).stem,
            )
        for path in self._folder.glob(f"{TMP_PREFIX}*"):
            remove(path)
        for table in ("reports", "files"):
            if self._one(f"SELECT 1 FROM {table} WHERE next_attempt_at != 0 LIMIT 1"):  # noqa: S608 (our text)
                self._run(f"UPDATE {table} SET next_attempt_at = 0 WHERE next_attempt_at != 0")  # noqa: S608


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
