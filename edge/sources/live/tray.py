"""Pictures on their way from a camera's child to the caller who wants the newest."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from detector.frame import Frame
from edge.sources.errors import SourceUnreadableError
from edge.sources.live.picture import PictureNote

_NOTES_MAX: Final = 256
"""Notes that wait for a caller who is busy: ten seconds at 25 a second; the oldest are dropped."""


class Asked(Protocol):
    """Whom pixels are asked of."""

    def ask(self, seq: int) -> None:
        """Ask for the pixels of a picture, counted by the child."""
        ...


class Tray:
    """Notes of pictures go in, the one that the caller wants is asked for, its frame comes out. Thread-safe; `newest`
    is for one thread.

    Args:
        source_id: of the camera, for the message when it is closed.
    """

    def __init__(self, source_id: str) -> None:
        self._source_id = source_id
        self._changed = threading.Condition()
        self._notes: deque[PictureNote] = deque(maxlen=_NOTES_MAX)
        self._told: deque[PictureNote] = deque(maxlen=_NOTES_MAX)
        self._frame: Frame | None = None
        self._child: Asked | None = None
        self._first_seq = 0
        self._asked = self._closed = False

    def begin(self, child: Asked, first_seq: int) -> None:
        """A new child, whose first picture counts as `first_seq`."""
        with self._changed:
            self._child, self._first_seq = child, first_seq

    def end(self) -> None:
        """The child is gone, and with it the pixels of all that was told and not handed out."""
        with self._changed:
            self._child, self._asked = None, False
            self._notes.clear()

    def close(self) -> None:
        """No more will come; whoever waits is told so."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def put(self, note: PictureNote) -> None:
        """A picture was decoded."""
        with self._changed:
            self._notes.append(note)
            self._told.append(note)
            self._changed.notify_all()

    def note_of(self, seq: int) -> PictureNote | None:
        """The note of a picture told lately."""
        with self._changed:
            return next((note for note in self._told if note.seq == seq), None)

    def give(self, frame: Frame) -> None:
        """The answer to what was asked for."""
        with self._changed:
            self._asked, self._frame = False, frame
            self._changed.notify_all()

    def newest(self, *, timeout_s: float, wants: Callable[[PictureNote], bool] | None) -> Frame | None:
        """See `ChildCamera.newest`."""
        deadline_s = time.monotonic() + timeout_s
        wanted = -1
        while True:
            if wanted < 0:
                # Outside the lock: the caller's function may take its time, or ask for the status.
                wanted = max((note.seq for note in self._take_notes() if wants is None or wants(note)), default=-1)
            with self._changed:
                frame, self._frame = self._frame, None
                # An older one is the answer to a call before, which had waited long enough.
                if frame is not None and frame.seq >= wanted:
                    self._drop_notes(frame.seq)
                    return frame
                if wanted >= 0 and not self._asked and not self._ask(wanted):
                    wanted = -1
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not self._changed.wait_for(self._something, left_s):
                    return None

    def _take_notes(self) -> list[PictureNote]:
        with self._changed:
            if self._closed:
                raise SourceUnreadableError(f"camera {self._source_id} is closed")
            notes = list(self._notes)
            self._notes.clear()
            return notes

    def _ask(self, seq: int) -> bool:
        """Ask for pixels, of one picture at a time: the memory holds one. Whether they can be had."""
        if self._child is None or seq < self._first_seq:
            return False
        self._asked = True
        self._child.ask(seq - self._first_seq)
        return True

    def _something(self) -> bool:
        """Whether a caller who waits has something to do."""
        return self._closed or self._frame is not None or (not self._asked and bool(self._notes))

    def _drop_notes(self, seq: int) -> None:
        while self._notes and self._notes[0].seq <= seq:
            self._notes.popleft()
