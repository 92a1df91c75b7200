"""The uplink's side of the outbox: what is to be sent next, and what became of it.

Waits are kept as moments of `time.monotonic`, so that no clock set forward or back starts or holds up an upload; they
end with the process, and a restart tries everything at once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

from edge.outbox_base import OutboxBase
from edge.parcels import FileJob, FileState, Load, ReportJob, ReportState

_LIGHT_ENOUGH = "(suffix != '.mp4' OR ?1 >= 3)"
_FILE_OF_SENT_REPORT = (
    "EXISTS (SELECT 1 FROM report_files JOIN reports USING (report_id)"
    " WHERE report_files.sha256 = files.sha256 AND reports.state = 'sent')"
)
_NOTHING_MORE_TO_SEND = (
    "NOT EXISTS (SELECT 1 FROM report_files JOIN files USING (sha256)"
    " WHERE report_files.report_id = reports.report_id AND files.state != 'sent' AND NOT files.dropped)"
)
_NEXT_FILE = (
    "SELECT sha256, suffix, (SELECT report_id FROM report_files JOIN reports USING (report_id)"  # noqa: S608 (our text)
    "   WHERE report_files.sha256 = files.sha256 AND reports.state = 'sent' LIMIT 1) AS of_report,"
    " size_bytes, upload_url, offset_hint_bytes, mismatches, attempts FROM files"
    f" WHERE state = 'queued' AND NOT dropped AND {_LIGHT_ENOUGH} AND next_attempt_at <= ?2"
    " AND of_report IS NOT NULL ORDER BY suffix = '.mp4', rowid LIMIT 1"
)
_NEXT_DUE = (
    "SELECT min(due) FROM ("  # noqa: S608 (our text)
    " SELECT next_attempt_at AS due FROM reports WHERE state = 'queued' AND ?1 >= 1 UNION ALL"
    " SELECT next_attempt_at FROM files WHERE state = 'queued' AND NOT dropped AND ?1 >= 2"
    f"   AND {_LIGHT_ENOUGH} AND {_FILE_OF_SENT_REPORT} UNION ALL"
    f" SELECT next_attempt_at FROM reports WHERE state = 'sent' AND ?1 >= 1 AND {_NOTHING_MORE_TO_SEND})"
)


class OutboxJobs(OutboxBase):
    """Jobs for the uplink, in the order JSON of all reports, then stills, then clips, then the server's word."""

    def next_unsent(self) -> ReportJob | None:
        """The oldest report whose JSON is to be sent now."""
        return self._report_job("state = 'queued'")

    def next_file(self, heaviest: Load = Load.CLIPS) -> FileJob | None:
        """The next evidence file to upload now: stills before clips, and only of reports the server has."""
        if heaviest < Load.STILLS:
            return None
        row = self._one(_NEXT_FILE, int(heaviest), time.monotonic())
        if row is None:
            return None
        return FileJob(row[0], self._path(row[0], row[1]), uuid.UUID(row[2]), *row[3:])

    def next_unconfirmed(self) -> ReportJob | None:
        """The oldest report that is wholly sent and waits for the server's word."""
        return self._report_job(f"state = 'sent' AND {_NOTHING_MORE_TO_SEND}")

    def next_due_in_s(self, heaviest: Load = Load.CLIPS) -> float | None:
        """Seconds until something waiting may be tried again, 0 when now; `None` when nothing is left to do.

        What is heavier than `heaviest` does not count.
        """
        row = self._one(_NEXT_DUE, int(heaviest))
        if row is None or row[0] is None:
            return None
        return max(0.0, float(row[0]) - time.monotonic())

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
            time.monotonic() + wait_s,
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
            time.monotonic() + wait_s,
            error,
            offset_bytes,
            sha256,
        )

    def pause_file(self, sha256: str, offset_bytes: int) -> None:
        """Something more urgent comes first; nothing went wrong."""
        self._run("UPDATE files SET offset_hint_bytes = ? WHERE sha256 = ?", offset_bytes, sha256)

    def hold_file(self, sha256: str, error: str) -> None:
        """Only a person can mend this: the file is not tried again until it is released."""
        self._run("UPDATE files SET state = 'held', last_error = ? WHERE sha256 = ? AND NOT dropped", error, sha256)

    def note_mismatch(self, sha256: str, error: str, *, hold: bool) -> None:
        """The bytes did not match their hash: upload anew, or hold the file for a person."""
        self._run(
            "UPDATE files SET mismatches = mismatches + 1, upload_url = NULL, offset_hint_bytes = 0, last_error = ?,"
            " state = ? WHERE sha256 = ? AND NOT dropped",
            error,
            FileState.HELD if hold else FileState.QUEUED,
            sha256,
        )

    def requeue_files(self, sha256s: Iterable[str]) -> int:
        """The server misses these files after all: upload them again; gives how many can be.

        What was dropped here cannot: the report is then as complete as it will ever be.
        """
        with self._transaction() as database:
            return database.executemany(
                "UPDATE files SET state = 'queued', upload_url = NULL, offset_hint_bytes = 0"
                " WHERE sha256 = ? AND state = 'sent' AND NOT dropped",
                [(name,) for name in sha256s],
            ).rowcount

    def given_up(self, report_id: uuid.UUID) -> tuple[str, ...]:
        """Hashes of this report's files that were dropped for want of room before they were sent."""
        rows = self._all(
            "SELECT sha256 FROM report_files JOIN files USING (sha256)"
            " WHERE report_id = ? AND dropped AND state != 'sent' ORDER BY sha256",
            str(report_id),
        )
        return tuple(name for (name,) in rows)

    # -- the byte budget -------------------------------------------------------------------------------------------

    def add_sent_bytes(self, day: str, count: int) -> None:
        """Count bytes against a day (ISO date); durable when it returns."""
        self._run(
            "INSERT INTO sent_bytes VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET bytes = bytes + excluded.bytes",
            day,
            count,
        )

    def sent_bytes(self, day: str) -> int:
        """Bytes counted against a day."""
        row = self._one("SELECT bytes FROM sent_bytes WHERE day = ?", day)
        return int(row[0]) if row else 0

    def newest_sent_day(self) -> str | None:
        """The latest day that anything was counted against."""
        row = self._one("SELECT max(day) FROM sent_bytes")
        return row[0] if row else None

    def move_sent_bytes_to(self, day: str) -> None:
        """Days after `day` were a wrong clock's: what was counted against them is counted against `day`."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO sent_bytes SELECT ?1, coalesce(sum(bytes), 0) FROM sent_bytes WHERE day > ?1"
                " ON CONFLICT (day) DO UPDATE SET bytes = bytes + excluded.bytes",
                (day,),
            )
            database.execute("DELETE FROM sent_bytes WHERE day > ?", (day,))

    # -- inside --------------------------------------------------------------------------------------------------

    def _report_job(self, condition: str) -> ReportJob | None:
        row = self._one(
            f"SELECT report_id, sealed, body_sha256, attempts FROM reports WHERE {condition}"  # noqa: S608 (our text)
            " AND next_attempt_at <= ? ORDER BY rowid LIMIT 1",
            time.monotonic(),
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
