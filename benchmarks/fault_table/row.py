"""One row of the fault table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RowResult:
    """What a fault did.

    Attributes:
        times: how often it was done; 0 when it cannot be done here, then `note` says why.
        acknowledged: reports that somebody was told are safe.
        lost: of these, not found afterwards.
        doubled: found more than once.
        back_s: longest time until the loop went on, `None` where there is no loop.
        wrong: everything else that differs from an undisturbed run, one line each.
    """

    times: int
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    back_s: float | None = None
    wrong: tuple[str, ...] = ()
    note: str = ""

    @property
    def held(self) -> bool:
        """Nothing lost, nothing doubled, nothing else wrong, and alive within 10 s."""
        return not (self.lost or self.doubled or self.wrong) and (self.back_s is None or self.back_s <= 10.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A fault by name; `run(times, seed, folder)` does it and looks what came of it. One file for each kind."""

    name: str
    run: Callable[[int, int, Path], RowResult]
