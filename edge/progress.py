"""A progress bar for what takes longer than two seconds, on a terminal only."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SHOW_AFTER_S = 2.0
_REFRESH_S = 0.2


class ProgressBar:
    """Shows how far a long step is; silent when standard error is no terminal, and for quick steps.

    ::

        with ProgressBar() as bar:
            bar.begin("street.mp4", total=60.0)
            bar.advance(12.5, "22.4 pictures/s, 3 reports")
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._title = ""
        self._total: float | None = None
        self._started_s = time.monotonic()
        self._drawn_s = 0.0

    def begin(self, title: str, total: float | None) -> None:
        """Start on the next thing; `total` in any unit, `None` when unknown."""
        self._title, self._total = title, total
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=title, total=total, completed=0, note="")

    def advance(self, completed: float, note: str = "") -> None:
        """How far the present thing is; costs next to nothing between two redraws."""
        now_s = time.monotonic()
        if not self._console.is_terminal or now_s - self._drawn_s < _REFRESH_S:
            return
        self._drawn_s = now_s
        if self._bar is None:
            if now_s - self._started_s < SHOW_AFTER_S:
                return
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task(self._title, total=self._total, note="")
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, completed=completed, note=note)

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
