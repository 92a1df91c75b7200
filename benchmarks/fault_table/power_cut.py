"""Power cuts as lost writes: what the storage path wrote is recorded, and cut off after every single operation.

Four disks are made for each cut (see `benchmarks.fault_table.disk`): nothing of what was not synced is lost, all of
it, some of it, some of it with writes torn at sectors. Each is opened by the product, held against what had been
acknowledged by then, and the patrol is run again over it.
"""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.fault_table.disk import Disk, Loss, write_image
from benchmarks.fault_table.promises import Found, Promises, look
from benchmarks.fault_table.recorded import Op, record, strace
from benchmarks.fault_table.row import Row, RowResult

REPORTS: Final = 12
LOSSES: Final[tuple[Loss, ...]] = ("all", "some", "torn", "none")
EVERY: Final = 50
"""Asked for so many cuts or more, every operation is cut after; fewer are spread over them."""


def power_cut(times: int, seed: int, folder: Path) -> RowResult:
    """Cut the power of outbox and vault."""
    if strace() is None:
        return RowResult(0, note="strace is not installed: see tools/need_strace.py")
    state = folder / "state"
    state.mkdir(mode=0o700)
    command = [sys.executable, "-m", "benchmarks.fault_table.workload", str(state), "--reports", str(REPORTS)]
    ops = record(command, state, folder / "trace")
    chance = random.Random(seed)
    cuts = set(range(len(ops))) if times >= EVERY else set(chance.sample(range(len(ops)), times))
    images, found = cut(ops, cuts, chance, folder / "image", reports=REPORTS)
    return RowResult(
        times=images,
        acknowledged=found.acknowledged,
        lost=found.lost,
        doubled=found.doubled,
        wrong=tuple(found.wrong),
        note=f"{len(cuts)} cuts of {len(ops)} recorded operations, {len(LOSSES)} disks each",
    )


def cut(ops: list[Op], cuts: set[int], chance: random.Random, image: Path, *, reports: int) -> tuple[int, Found]:
    """Cut after each of these operations; gives how many disks were looked at, and what was found."""
    found, images = Found(), 0
    for number, loss, disk, promised in _cuts(ops, cuts):
        images += 1
        write_image(disk.after_power_cut(loss, chance), image)
        here = look(image, promised, reports=reports)
        if here.lost:
            here.wrong.append(f"{here.lost} acknowledged and lost")
        where = f"cut after operation {number} of {len(ops)} ({ops[number].kind} {ops[number].path}), lost: {loss}"
        here.wrong = [f"{where}: {line}" for line in here.wrong]
        found.add(here)
        shutil.rmtree(image)
    return images, found


def _cuts(ops: list[Op], cuts: set[int]) -> Iterator[tuple[int, Loss, Disk, Promises]]:
    disk, promised = Disk(), Promises()
    for number, op in enumerate(ops):
        if op.kind == "said":
            promised.heard(op.data)
        else:
            disk.apply(op)
        if number in cuts:
            for loss in LOSSES:
                yield number, loss, disk, promised


ROWS = (Row("power cut: outbox and originals", power_cut),)
