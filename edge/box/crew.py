"""The box's threads: each shows that it lives, and ends in a result or an error, never in silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

BEAT_S: Final = 1.0
"""A thread that waits for something waits in pieces no longer than this, and shows that it lives between them."""


@dataclass(slots=True)
class Pulse:
    """What a thread is given: when to end, and a way to show that it lives."""

    stop: threading.Event
    beat_s: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Show that the thread lives."""
        self.beat_s = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the thread should end; asking counts as a sign of life."""
        self.beat()
        return self.stop.is_set()


class Crew:
    """Starts threads and looks after them. Use it in a `with` block: its end ends them all."""

    def __init__(self, patience_s: float = 20.0) -> None:
        """Args: patience_s: how long a thread may take to end when asked to."""
        self._patience_s = patience_s
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._pulses: dict[str, Pulse] = {}
        self._errors: list[tuple[str, BaseException]] = []

    @property
    def stop(self) -> threading.Event:
        """Set when everything is to end."""
        return self._stop

    def start(self, name: str, work: Callable[[Pulse], None]) -> None:
        """Run `work` in a thread of its own until it returns."""
        pulse = self._pulses[name] = Pulse(self._stop)
        thread = threading.Thread(target=self._run, args=(name, work, pulse), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def check(self) -> None:
        """Raise what a thread ended with.

        Raises:
            Exception: the first error of a thread, with the thread's name as a note.
        """
        if self._errors:
            name, error = self._errors[0]
            error.add_note(f"in thread {name}")
            raise error

    def age_s(self) -> float:
        """Seconds since the slowest thread showed that it lives."""
        now_s = time.monotonic()
        return max((now_s - pulse.beat_s for pulse in self._pulses.values()), default=0.0)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        until_s = time.monotonic() + self._patience_s
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))

    def _run(self, name: str, work: Callable[[Pulse], None], pulse: Pulse) -> None:
        try:
            work(pulse)
        except BaseException as error:  # noqa: BLE001 (handed to `check`, which raises it where somebody listens)
            self._errors.append((name, error))
            self._stop.set()
        finally:
            self._pulses.pop(name, None)
