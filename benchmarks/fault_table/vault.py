"""The vault: killed, and its power cut, while originals are put and deleted and the master key is changed.

Afterwards every original that somebody was told is kept must decrypt to its own bytes, one that somebody was told is
deleted must be gone from the disk, and the key file must hold one key.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.fault_table import vault_workload as workload
from benchmarks.fault_table.disk import Disk, Loss, write_image
from benchmarks.fault_table.recorded import one_thread, record, strace
from benchmarks.fault_table.row import Row, RowResult
from benchmarks.paths import ROOT
from detector.errors import KerbwatchError
from edge.vault.check import check_vault
from edge.vault.keys import KEY_FILE, KeyFile
from edge.vault.vault import ORIGINALS_DIR, VAULT_DIR, Vault

LOSSES: Final[tuple[Loss, ...]] = ("all", "some", "torn", "none")
EVERY: Final = 50


def killed(times: int, seed: int, folder: Path) -> RowResult:
    """Kill the vault's process at a random moment of its life."""
    chance, state = random.Random(seed), folder / "state"
    _, whole_s = _life(state, None)
    acknowledged, lost, wrong = 0, 0, []
    for number in range(times):
        shutil.rmtree(state, ignore_errors=True)
        said, _ = _life(state, chance.random() * whole_s)
        gone, faults = _found(state, len(said), f"kill {number} after {said[-1:] or ['nothing']}")
        acknowledged += len(said)
        lost += gone
        wrong += faults
    return RowResult(times, acknowledged=acknowledged, lost=lost, wrong=tuple(wrong))


def power_cut(times: int, seed: int, folder: Path) -> RowResult:
    """Cut the power after each recorded operation of the vault's life; four disks for each cut."""
    if strace() is None:
        return RowResult(0, note="strace is not installed: see tools/need_strace.py")
    state, image = folder / "state", folder / "image"
    state.mkdir(mode=0o700)
    ops = record([sys.executable, "-m", "benchmarks.fault_table.vault_workload", str(state)], state, folder / "trace")
    chance = random.Random(seed)
    cuts = set(range(len(ops))) if times >= EVERY else set(chance.sample(range(len(ops)), times))
    disk, said, images, lost, wrong = Disk(), 0, 0, 0, []
    for number, op in enumerate(ops):
        if op.kind == "said":
            said += op.data.count(b"\n")
        else:
            disk.apply(op)
        if number not in cuts:
            continue
        for loss in LOSSES:
            images += 1
            write_image(disk.after_power_cut(loss, chance), image)
            gone, faults = _found(image, said, f"cut after operation {number} ({op.kind} {op.path}), lost: {loss}")
            lost += gone
            wrong += faults
            shutil.rmtree(image)
    note = f"{len(cuts)} cuts of {len(ops)} recorded operations, {len(LOSSES)} disks each"
    return RowResult(images, acknowledged=said, lost=lost, wrong=tuple(wrong), note=note)


def _life(state: Path, kill_after_s: float | None) -> tuple[list[str], float]:
    """Let a child live through the workload, and kill it so long after its first word.

    Gives what it said, and the time from its first word to its last.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fault_table.vault_workload", str(state)],
        cwd=ROOT,
        env=one_thread(),
        stdout=subprocess.PIPE,
    ) as child:
        if child.stdout is None:
            raise AssertionError("a pipe was asked for")
        said, began_s = [child.stdout.readline()], time.monotonic()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            child.kill()
        ended_s = began_s
        for line in child.stdout:
            said.append(line)
            ended_s = time.monotonic()
    if kill_after_s is None and child.returncode:
        raise RuntimeError(f"the undisturbed life of the vault ended with {child.returncode}")
    return [line.decode().strip() for line in said], ended_s - began_s


def _found(state: Path, said: int, about: str) -> tuple[int, list[str]]:
    """How many acknowledged originals are gone, and what else is wrong, at the start after a fault."""
    must = workload.kept_after(said) & workload.kept_after(said + 1)
    may = workload.kept_after(said) | workload.kept_after(said + 1)
    names = {workload.original(number)[1].sha256: number for number in range(6)}
    try:
        with Vault.open(state) as vault:
            check = check_vault(vault)
            kept = {names[item.header.sha256] for item in vault.originals() if item.state == "kept"}
            on_disk = {names[path.name.split(".")[1]] for path in (state / VAULT_DIR / ORIGINALS_DIR).iterdir()}
    except KerbwatchError as error:
        return 0, [f"{about}: the vault does not open: {error}"]
    keys = len(KeyFile(state / VAULT_DIR / KEY_FILE).keys())
    wrong = [f"{about}: {line}" for line in check.breaks]
    if not on_disk <= may:
        wrong.append(f"{about}: deleted, and still on the disk: {sorted(on_disk - may)}")
    if kept != on_disk:
        wrong.append(f"{about}: kept {sorted(kept)}, on the disk {sorted(on_disk)}")
    if keys != 1:
        wrong.append(f"{about}: {keys} master keys")
    return len(must - kept), wrong


ROWS: Final[tuple[Row, ...]] = (
    Row("originals: kill -9 while kept, deleted, rotated", killed),
    Row("power cut: originals deleted, key rotated", power_cut),
)
