"""One contender in a process of its own, on given CPUs: what the operating system counts for its whole tree."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.paths import ROOT

_SAMPLE_S = 0.2
_LIMIT_S = 600.0


@dataclass(frozen=True)
class Run:
    """What one run used.

    Attributes:
        cpu_s: user and system time of the process and every child it waited for, start-up included.
        marks: what the contender printed of itself: CPU seconds at the first picture, after warming up, at the end.
        first_s: wall time from the start of the process to the first picture's boxes.
        peak_rss_bytes: highest sum of resident sizes over the tree; pages that two processes share count twice.
        peak_pss_bytes: highest sum of proportional sizes: shared pages count once.
    """

    cpu_s: float
    marks: dict[str, float]
    first_s: float
    peak_rss_bytes: int
    peak_pss_bytes: int


class _Memory(threading.Thread):
    """Samples a process tree until it is told to stop."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._over = threading.Event()
        self.rss_bytes = 0
        self.pss_bytes = 0

    def run(self) -> None:
        while not self._over.wait(_SAMPLE_S):
            sizes = [_sizes(pid) for pid in _tree(self._pid)]
            self.rss_bytes = max(self.rss_bytes, sum(rss for rss, _ in sizes))
            self.pss_bytes = max(self.pss_bytes, sum(pss for _, pss in sizes))

    def stop(self) -> None:
        self._over.set()
        self.join()


def run(command: Sequence[str], cpus: Sequence[int], environment: dict[str, str] | None = None) -> Run:
    """Run `command` on `cpus` and nothing else.

    Raises:
        subprocess.CalledProcessError: it failed; its last words are in `output`.
        TimeoutError: it took longer than ten minutes and was killed.
    """
    with tempfile.TemporaryFile() as errors:
        started_s = time.monotonic()
        process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
        memory = _Memory(process.pid)
        memory.start()
        killer = threading.Timer(_LIMIT_S, _kill, (process.pid,))
        killer.start()
        assert process.stdout is not None
        first_s, last = 0.0, b""
        for line in process.stdout:
            if line == b"first\n":
                first_s = time.monotonic() - started_s
            last = line
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        late = killer.finished.is_set()
        killer.cancel()
        memory.stop()
        if late:
            raise TimeoutError(f"{command[0]} took longer than {_LIMIT_S:.0f} s")
        if process.returncode:
            errors.seek(0)
            raise subprocess.CalledProcessError(process.returncode, list(command), errors.read()[-2000:])
    rss_bytes = max(memory.rss_bytes, usage.ru_maxrss * 1024)
    return Run(usage.ru_utime + usage.ru_stime, json.loads(last), first_s, rss_bytes, memory.pss_bytes)


def _kill(pid: int) -> None:
    os.killpg(pid, signal.SIGKILL)


def _tree(pid: int) -> list[int]:
    pids = [pid]
    for parent in pids:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        except OSError:  # it ended
            continue
    return pids


def _sizes(pid: int) -> tuple[int, int]:
    """Resident and proportional bytes of a process; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("Rss:", "Pss:"))}
    return 1024 * kib.get("Rss", 0), 1024 * kib.get("Pss", 0)
