"""Counts failures by key, in memory: one service process owns the data, and a restart forgives."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.errors import TooMany


@dataclass(frozen=True, slots=True)
class Allowance:
    """At most `failures` within `window_s`."""

    failures: int = 10
    window_s: float = 300.0


class RateLimit:
    """Refuses a key that has failed too often of late. Thread-safe, bounded in memory."""

    def __init__(
        self, allowance: Allowance | None = None, *, clock: Callable[[], float] = time.monotonic, keys_max: int = 10_000
    ) -> None:
        self._allowance = allowance or Allowance()
        self._clock = clock
        self._keys_max = keys_max
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, *keys: str) -> None:
        """Lets the caller try.

        Raises:
            TooMany: one of the keys has used up its failures; says how long to wait.
        """
        with self._lock:
            self._check(keys, self._clock())

    def attempt(self, *keys: str) -> None:
        """Lets the caller try, and holds it for a failure until `succeeded`: many tries at once get no further.

        Raises:
            TooMany: see `check`.
        """
        now = self._clock()
        with self._lock:
            self._check(keys, now)
            self._count(keys, now)

    def failed(self, *keys: str) -> None:
        """The caller tried and failed."""
        with self._lock:
            self._count(keys, self._clock())

    def succeeded(self, *keys: str) -> None:
        """The caller is who he says: his failures are forgiven."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)

    def _check(self, keys: Sequence[str], now: float) -> None:
        for key in keys:
            failures = self._recent(key, now)
            if len(failures) >= self._allowance.failures:
                wait_s = failures[0] + self._allowance.window_s - now
                raise TooMany("too many failed tries: wait and try again", retry_after_s=max(1, round(wait_s)))

    def _count(self, keys: Sequence[str], now: float) -> None:
        for key in keys:
            failures = self._recent(key, now)
            failures.append(now)
            self._failures[key] = failures
            self._failures.move_to_end(key)
        while len(self._failures) > self._keys_max:
            self._failures.popitem(last=False)

    def _recent(self, key: str, now: float) -> deque[float]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= now - self._allowance.window_s:
            failures.popleft()
        return failures
