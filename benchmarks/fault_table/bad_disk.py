"""A disk that fails below SQLite: EIO and ENOSPC put into the process's own system calls by strace.

For each fault one call is picked at random among all that the undisturbed run makes; it fails once, or from then on
for ever. The process must go on, or say that it will pass (exit code 75); what it had acknowledged must be there after.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.fault_table.promises import Found, look, promises
from benchmarks.fault_table.recorded import one_thread, strace
from benchmarks.fault_table.row import Row, RowResult
from benchmarks.fault_table.workload import FAILED
from benchmarks.paths import ROOT

REPORTS: Final = 8
CALLS: Final = ("pwrite64", "fdatasync", "fsync", "write", "rename", "ftruncate")
"""What writes: SQLite's pages and their sync, evidence files, originals and folders."""


def bad_disk(error: str, times: int, seed: int, folder: Path) -> RowResult:
    """Let calls fail with this error."""
    program = strace()
    if program is None:
        return RowResult(0, note="strace is not installed: see tools/need_strace.py")
    counts = _count_calls(program, folder)
    chance = random.Random(f"{seed} {error}")
    found, gave_up = Found(), 0
    for number in range(times):
        call = CALLS[number % len(CALLS)]
        nth, for_ever = chance.randint(1, counts[call]), number // len(CALLS) % 2 == 1
        fault = f"inject={call}:error={error}:when={nth}{'+' if for_ever else ''}"
        state = folder / f"state-{number}"
        code, said, trouble = _run(program, ["-e", f"trace={call}", "-e", fault, "-o", "/dev/null"], state)
        here = look(state, promises(said), reports=REPORTS)
        if code not in (0, FAILED):
            here.wrong.append(f"ended with {code}: {trouble}")
        if code != 0 and not for_ever and b"open" in said:
            here.wrong.append("it had begun, and did not bear with one failure")
        here.wrong = [f"{fault}: {line}" for line in here.wrong]
        gave_up += code == FAILED
        found.add(here)
        shutil.rmtree(state)
    return RowResult(
        times=times,
        acknowledged=found.acknowledged,
        lost=found.lost,
        doubled=found.doubled,
        wrong=tuple(found.wrong),
        note=f"into {', '.join(CALLS)}; the process went on {times - gave_up} times and gave up {gave_up} times",
    )


def _count_calls(program: str, folder: Path) -> dict[str, int]:
    """How often the undisturbed run makes each call."""
    table = folder / "calls"
    code, _, trouble = _run(program, ["-c", "-e", f"trace={','.join(CALLS)}", "-o", str(table)], folder / "calm")
    if code != 0:
        raise RuntimeError(f"the undisturbed run ended with {code}: {trouble}")
    # Columns: share of the time, seconds, microseconds each, calls, errors if there were any, name.
    rows = [line.split() for line in table.read_text().splitlines()]
    found = {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[-1] in CALLS}
    missing = [call for call in CALLS if not found.get(call)]
    if missing:
        raise RuntimeError(f"the undisturbed run never calls {missing[0]}: take it out of {__name__}.CALLS")
    return found


def _run(program: str, options: list[str], state: Path) -> tuple[int, list[bytes], str]:
    """Exit code, what was acknowledged, and the last line of the trouble."""
    work = [sys.executable, "-m", "benchmarks.fault_table.workload", str(state), "--reports", str(REPORTS)]
    ended = subprocess.run([program, *options, *work], cwd=ROOT, env=one_thread(), capture_output=True, check=False)
    lines = ended.stderr.decode(errors="replace").strip().splitlines()
    return ended.returncode, ended.stdout.splitlines(), lines[-1] if lines else ""


ROWS = (
    Row("EIO below SQLite", partial(bad_disk, "EIO")),
    Row("ENOSPC below SQLite", partial(bad_disk, "ENOSPC")),
)
