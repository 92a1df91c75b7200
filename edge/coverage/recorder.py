"""The patrol's side of the coverage log."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from edge.coverage.log import CoverageLog
from edge.coverage.looks import Look, LookLog
from edge.coverage.publish import COVERAGE_FILE, publish
from edge.coverage.totals import Looked
from edge.plan import Plan
from edge.tally import Tally


class Recorder:
    """Writes what a patrol looks at, unless its site wants no coverage log. Use it in a `with` block."""

    def __init__(self, plan: Plan, folder: Path, tally: Tally) -> None:
        """Begin the log in a folder, where `COVERAGE_FILE` shows it with those of earlier patrols at the end.

        Raises:
            InputError: the folder cannot be written.
            TransientError: the disk is full.
        """
        self._plan = plan
        self._folder = folder
        self._tally = tally
        self._log = CoverageLog(folder, plan.patrol_id) if plan.site.coverage else None
        if self._log is not None:
            tally.looked = Looked()
        self.complete = False
        """Set when the patrol came to its end: only then an earlier log of the same patrol is replaced."""

    def looks(self) -> LookLog | None:
        """The looks of one more source; `None` where the site wants no log."""
        if self._log is None:
            return None
        return LookLog(self._plan.camera, self._plan.observed_by, self._keep)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log is not None:
            self._log.close(complete=self.complete)
            publish(self._folder, self._folder / COVERAGE_FILE, self._plan.site.public_map_crs)

    def _keep(self, look: Look) -> None:
        if self._log is not None and self._tally.looked is not None:
            self._log.append(look)
            self._tally.looked = self._tally.looked.plus(look)
