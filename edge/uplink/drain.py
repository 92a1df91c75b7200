"""The uplink of a patrol that ends: until everything is at the server, or the time is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.outbox import Outbox
from edge.parcels import Counts
from edge.uplink.limits import NoLimits
from edge.uplink.pace import Pace
from edge.uplink.sender import Progress, Sender
from edge.wire import ServerClient


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
    until = _Until(time.monotonic() + deadline_s, stop or threading.Event())
    sender = Sender(outbox, client, pace or Pace(), until, progress)
    while not until.interrupt():
        if not sender.step():
            wait_s = outbox.next_due_in_s()
            if wait_s is None:
                break
            until.sleep(max(wait_s, 0.01))
        sender.tell()
        until.sleep(sender.quiet_s())
    counts = outbox.counts()
    return DrainResult(counts, tuple(outbox.troubles()), (sender.note or None) if counts.waiting else None)


class _Until(NoLimits):
    """No limits but the time."""

    def __init__(self, deadline_s: float, stop: threading.Event) -> None:
        self._deadline_s = deadline_s
        self._stop = stop

    def interrupt(self) -> bool:
        return self._stop.is_set() or time.monotonic() >= self._deadline_s

    def sleep(self, wait_s: float) -> None:
        self._stop.wait(max(0.0, min(wait_s, self._deadline_s - time.monotonic())))
