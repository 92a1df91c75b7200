"""Whole-process cost of a command: CPU seconds and peak memory, as the operating system counts them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Cost:
    """What one finished process used."""

    cpu_s: float
    peak_bytes: int
    stdout: bytes


def one_cpu() -> dict[str, str]:
    """The environment of a one-thread run; `run` also pins the process to a single CPU."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, "1")}


def run(command: Sequence[str], cwd: Path) -> Cost:
    """Run `command` pinned to one CPU and return its cost; a failing command raises CalledProcessError."""
    cpu = min(os.sched_getaffinity(0))
    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env=one_cpu(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
    )
    assert process.stdout is not None
    stdout = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, list(command), stdout)
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, stdout)


def median_cost(costs: Sequence[Cost]) -> tuple[float, float]:
    """Median CPU seconds and median peak megabytes."""
    return median(c.cpu_s for c in costs), median(c.peak_bytes for c in costs) / 1e6
