"""How hard the uplink tries."""

from __future__ import annotations

import random
from dataclasses import dataclass

from detector.errors import InputError


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard the uplink tries.

    Attributes:
        first_wait_s: mean wait after a first failure is half of it; it doubles with every failure in a row.
        wait_max_s: longer spares a server that is down, and starts later when it is back.
        chunk_bytes: one PATCH; larger is faster on a good link, smaller loses less on a bad one.
        chunk_min_bytes: a server that finds even this too large (413) gets the file no more until a person has seen
            to it.
    """

    first_wait_s: float = 0.5
    wait_max_s: float = 60.0
    chunk_bytes: int = 256 * 1024
    chunk_min_bytes: int = 16 * 1024

    def __post_init__(self) -> None:
        if not 0 < self.first_wait_s <= self.wait_max_s or min(self.chunk_bytes, self.chunk_min_bytes) <= 0:
            raise InputError(f"{self}: waits and chunk must be above 0, first_wait_s not above wait_max_s")

    def wait_s(self, failures: int, retry_after_s: float | None) -> float:
        """Wait after so many failures in a row: exponential with full jitter, never below the server's own word."""
        ceiling = min(self.wait_max_s, self.first_wait_s * 2.0 ** min(failures, 30))
        jittered = random.uniform(0, ceiling)  # noqa: S311 (spreads load, keeps no secret)
        return max(jittered, retry_after_s or 0.0)
