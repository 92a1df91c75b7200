"""What the box itself costs: processor time and memory of this process and of its children."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage:
    """Counts from when it was made; what a child used stays counted when it ends."""

    def __init__(self) -> None:
        self._ended_s = 0.0
        self._living: dict[int, float] = {}

    def now(self) -> tuple[float, int]:
        """Processor seconds since the start, and resident bytes now: pages that two processes share count twice."""
        found: dict[int, float] = {}
        rss_bytes = 0
        for pid in (os.getpid(), *_children(os.getpid())):
            read = _read(pid)
            if read is not None:
                found[pid], rss = read
                rss_bytes += rss
        self._ended_s += sum(cpu_s for pid, cpu_s in self._living.items() if pid not in found)
        self._living = found
        return self._ended_s + sum(found.values()), rss_bytes


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for path in (PROC / str(pid) / "task").glob("*/children"):
        try:
            children += [int(child) for child in path.read_text().split()]
        except OSError:
            continue  # the thread has just ended
    return children


def _read(pid: int) -> tuple[float, int] | None:
    try:
        # The name stands in brackets and may hold anything; the numbers follow the last of them.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S, int(fields[21]) * _PAGE_BYTES
