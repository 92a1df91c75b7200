"""Fault table (`make fault`): what power cuts, bad disks, bad links and wrong clocks do to a box.

Each row does one kind of fault, at least `--times` times, to the real parts of the product, and looks afterwards:
acknowledged must be stored, nothing lost, nothing doubled, the loop alive again within 10 s. The exit code is 1 when a
row does not hold. A row that cannot be done on this machine says why and counts as not done, not as held.

`--short` is the form for CI: every row, few times.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

import benchmarks.fault_table as package
from benchmarks.fault_table.row import Row, RowResult

SHORT_TIMES: Final = 4
_MEMORY_DISK: Final = Path("/dev/shm")  # noqa: S108 (a RAM disk: thousands of small files are made and removed)


@dataclass(frozen=True, slots=True)
class Done:
    """A row that was run."""

    name: str
    result: RowResult
    took_s: float


def rows() -> list[Row]:
    """The rows of every module of this package that has some."""
    found: list[Row] = []
    for module in sorted(iter_modules(package.__path__), key=lambda module: module.name):
        if module.name not in ("__main__", "row"):
            found += getattr(import_module(f"{package.__name__}.{module.name}"), "ROWS", ())
    return found


def run_row(row: Row, times: int, seed: int, work: Path) -> Done:
    """Run one row in a folder of its own."""
    folder = work / "".join(letter if letter.isalnum() else "-" for letter in row.name)
    folder.mkdir(parents=True)
    began_s = time.monotonic()
    result = row.run(times, seed, folder)
    shutil.rmtree(folder, ignore_errors=True)
    return Done(row.name, result, time.monotonic() - began_s)


def print_table(done: Sequence[Done]) -> None:
    """One line for each row, as it stands in the documentation."""
    print("\n| fault | times | acknowledged | lost | doubled | back within | held | took |")
    print("|---|---:|---:|---:|---:|---:|---|---:|")
    for one in done:
        result = one.result
        back = "–" if result.back_s is None else f"{result.back_s:.1f} s"
        held = "not done" if not result.times else "yes" if result.held else "**no**"
        counts = f"{result.times} | {result.acknowledged} | {result.lost} | {result.doubled}"
        print(f"| {one.name} | {counts} | {back} | {held} | {one.took_s:.0f} s |")
    for one in done:
        if one.result.note:
            print(f"\n{one.name}: {one.result.note}")
        for line in one.result.wrong[:10]:
            print(f"\n! {one.name}: {line}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows asked for; the exit code is 1 when one does not hold, 2 when there is none of that name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50, help="how often at least each fault is done")
    parser.add_argument("--short", action="store_true", help=f"the form for CI: {SHORT_TIMES} times")
    parser.add_argument("--only", action="append", help="rows whose name contains this; again for more")
    parser.add_argument("--seed", type=int, default=20260517)
    parser.add_argument("--list", action="store_true", help="name the rows and leave")
    asked = parser.parse_args(arguments)
    wanted = [row for row in rows() if not asked.only or any(part in row.name for part in asked.only)]
    if asked.list or not wanted:
        print("\n".join(row.name for row in (wanted or rows())))
        return 0 if wanted else 2
    times = min(asked.times, SHORT_TIMES) if asked.short else asked.times
    done: list[Done] = []
    base = _MEMORY_DISK if _MEMORY_DISK.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="kerbwatch-faults-", dir=base) as folder:
        for row in wanted:
            done.append(run_row(row, times, asked.seed, Path(folder)))
            last = done[-1]
            print(f"{last.name}: {'held' if last.result.held else 'NOT HELD'}, {last.took_s:.1f} s", flush=True)
    print_table(done)
    return 0 if all(one.result.held for one in done) else 1


if __name__ == "__main__":
    sys.exit(main())
