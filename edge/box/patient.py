"""A full disk must not end a watch: what cannot be kept now is held and tried again, and what is lost is told.

A patrol over recordings ends on a full disk and is run again; a street that drove by is not seen again.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import structlog

from detector.errors import KerbwatchError, TransientError
from detector.hit import SeenBefore
from detector.report import ReportBody
from edge.again import Sighting
from edge.durable import NotWritable
from edge.memory import SiteMemory, StretchId
from edge.outbox import BodyBuilder, Outbox
from edge.parcels import EvidenceFile

Answer = TypeVar("Answer")

log = structlog.get_logger("box")

_PASSING: Final = (TransientError, NotWritable)
"""A folder that could be written when the box began and cannot be now lies on a disk that failed: it may come back."""

HELD_MAX: Final = 16
"""Hits held while the disk is full; each holds a JPEG and its boxes, a few megabytes."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a full disk did: hits that wait in memory, hits that were lost, and why."""

    waiting: int = 0
    lost: int = 0
    trouble: str = ""


class PatientOutbox:
    """Puts reports into the outbox, and holds those that do not fit until they do."""

    def __init__(self, outbox: Outbox, told: Callable[[ReportBody, Sequence[EvidenceFile]], None]) -> None:
        """Args: told: called with every report that has become durable."""
        self._outbox = outbox
        self._told = told
        self._held: deque[tuple[str, BodyBuilder]] = deque()
        self._lost = 0
        self._written = 0
        self._trouble = ""
        self._mutex = threading.Lock()

    @property
    def device_id(self) -> str:
        """As `Outbox.device_id`."""
        return self._outbox.device_id

    def put(self, hit_key: str, build: BodyBuilder) -> uuid.UUID | None:
        """The report's id once it is durable; `None` while it is held or when it is lost."""
        with self._mutex:
            if self._retry():
                try:
                    return self._put(hit_key, build)
                except _PASSING as error:
                    self._trouble = str(error)
            if len(self._held) >= HELD_MAX:
                self._lost += 1
            else:
                self._held.append((hit_key, build))
            return None

    @property
    def written(self) -> int:
        """Reports that became durable since the start, at once or later."""
        return self._written

    def retry(self) -> None:
        """Try those held again."""
        with self._mutex:
            self._retry()

    def held(self) -> Held:
        """What waits and what was lost."""
        with self._mutex:
            return Held(len(self._held), self._lost, self._trouble)

    def _put(self, hit_key: str, build: BodyBuilder) -> uuid.UUID:
        made: list[tuple[ReportBody, Sequence[EvidenceFile]]] = []

        def keep(report_id: uuid.UUID) -> tuple[ReportBody, Sequence[EvidenceFile]]:
            made[:] = [build(report_id)]
            return made[0]

        report_id = self._outbox.put(hit_key, keep)
        for body, files in made:
            self._written += 1
            self._told(body, files)
        return report_id

    def _retry(self) -> bool:
        """Whether nothing is held any more."""
        while self._held:
            try:
                self._put(*self._held[0])
            except _PASSING as error:
                self._trouble = str(error)
                return False
            self._held.popleft()
        self._trouble = ""
        return True


class PatientMemory:
    """A site memory that a full or failing disk makes forgetful: things then count as new."""

    def __init__(self, folder: Path, patrol_id: str, began_at: datetime) -> None:
        """Open the memory of a folder for a patrol, and forget what is too old."""
        self.trouble = ""
        self._memory = self._forgiving(lambda: SiteMemory.open(folder, patrol_id))
        if self._memory is not None:
            memory = self._memory
            self._forgiving(lambda: memory.forget(began_at))

    def recall(self, stretch: StretchId, things: Sequence[Sighting]) -> Mapping[str, SeenBefore]:
        """As `SiteMemory.recall`, or nothing."""
        memory = self._memory
        return {} if memory is None else self._forgiving(lambda: memory.recall(stretch, things)) or {}

    def remember(self, stretch: StretchId, things: Iterable[Sighting]) -> None:
        """As `SiteMemory.remember`, or not at all."""
        memory = self._memory
        if memory is not None:
            self._forgiving(lambda: memory.remember(stretch, things))

    def close(self) -> None:
        """Let go of the file."""
        if self._memory is not None:
            self._memory.close()

    def _forgiving(self, ask: Callable[[], Answer]) -> Answer | None:
        try:
            answer = ask()
        except KerbwatchError as error:
            # Also one that a newer Kerbwatch wrote: a box that remembers nothing still watches.
            if not self.trouble:
                log.warning("what was seen before is not known", why=str(error))
            self.trouble = str(error)
            return None
        self.trouble = ""
        return answer
