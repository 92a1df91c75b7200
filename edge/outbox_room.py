"""Room for new evidence: what is dropped when quota or disk run short, and in which order.

1. Evidence of reports the server has wholly, oldest first: nothing is lost.
2. Clips that were not sent, oldest first: the stills of the same thing remain.
3. Duplicates that were not sent, oldest first: a crop whose full picture is kept, which shows the same pixels.

The report itself and the full picture it rests on are never dropped before the server has them. What was given up
unsent stays named in the sealed report, and `Outbox.troubles` and the page of the case say that it is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge.durable import disk_full, free_bytes, remove
from edge.outbox_base import EVIDENCE_DIR
from edge.outbox_jobs import OutboxJobs
from edge.parcels import Quota

GIVEN_UP: Final = "dropped before it was sent, to make room for newer reports"

_ONLY_OF_STORED = (
    "NOT EXISTS (SELECT 1 FROM report_files JOIN reports USING (report_id)"
    " WHERE report_files.sha256 = files.sha256 AND reports.state != 'stored')"
)
_EVERY_REPORT_KEEPS_ITS_FULL_PICTURE = (
    "NOT EXISTS (SELECT 1 FROM report_files WHERE report_files.sha256 = files.sha256 AND NOT EXISTS ("
    "   SELECT 1 FROM report_files AS beside JOIN files AS other ON other.sha256 = beside.sha256"
    "   WHERE beside.report_id = report_files.report_id AND other.role = 'still_full'"
    "   AND (other.state = 'sent' OR NOT other.dropped)))"
)
_ORDER: Final = (
    (f"{_ONLY_OF_STORED}", False),
    ("role = 'clip' AND state = 'queued'", True),
    (f"role = 'still_crop' AND state = 'queued' AND {_EVERY_REPORT_KEEPS_ITS_FULL_PICTURE}", True),
)


@dataclass(frozen=True, slots=True)
class _Droppable:
    sha256: str
    suffix: str
    size_bytes: int
    unsent: bool


class OutboxRoom(OutboxJobs):
    """Keeps the evidence within its quota."""

    _quota: Quota

    def _make_room(self, needed_bytes: int) -> None:
        """See that so many bytes fit quota and disk, dropping evidence in the order above if they do not.

        Raises:
            TransientError: still no room.
        """
        folder = self._folder / EVIDENCE_DIR
        used_bytes = int(self._all("SELECT coalesce(sum(size_bytes), 0) FROM files WHERE NOT dropped")[0][0])

        def short_bytes(used: int) -> int:
            over_quota = used + needed_bytes - self._quota.bytes_max
            under_reserve = needed_bytes + self._quota.reserve_bytes - free_bytes(folder)
            return max(over_quota, under_reserve)

        if short_bytes(used_bytes) <= 0:
            return
        for file in self._droppable():
            self._drop(file)
            used_bytes -= file.size_bytes
            if short_bytes(used_bytes) <= 0:
                return
        why = (
            f"the outbox holds {used_bytes} of {self._quota.bytes_max} bytes, "
            f"{self._quota.reserve_bytes} must stay free, and unsent reports with their full pictures are never dropped"
        )
        raise disk_full(folder, needed_bytes, why=why)

    def _drop(self, file: _Droppable) -> None:
        # The row first: a file without a row is cleared away at the next start, a row without a file would be held.
        if file.unsent:
            self._run("UPDATE files SET dropped = 1, last_error = ? WHERE sha256 = ?", GIVEN_UP, file.sha256)
        else:
            self._run("UPDATE files SET dropped = 1 WHERE sha256 = ?", file.sha256)
        remove(self._path(file.sha256, file.suffix))

    def _droppable(self) -> Iterator[_Droppable]:
        for condition, unsent in _ORDER:
            rows = self._all(
                f"SELECT sha256, suffix, size_bytes FROM files WHERE NOT dropped AND {condition}"  # noqa: S608 (our text)
                " ORDER BY rowid"
            )
            for row in rows:
                yield _Droppable(*row, unsent=unsent)
