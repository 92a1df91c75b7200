"""The power cuts are worth something: a sync left out is found, and what was synced is never lost."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.fault_table.disk import Disk
from benchmarks.fault_table.power_cut import cut
from benchmarks.fault_table.promises import Found
from benchmarks.fault_table.recorded import Op, record, strace

REPORTS = 3

pytestmark = pytest.mark.skipif(strace() is None, reason="strace is not installed: run tools/need_strace.py")


@pytest.fixture(scope="module")
def ops(tmp_path_factory: pytest.TempPathFactory) -> list[Op]:
    folder = tmp_path_factory.mktemp("recorded")
    state = folder / "state"
    state.mkdir()
    command = [sys.executable, "-m", "benchmarks.fault_table.workload", str(state), "--reports", str(REPORTS)]
    return record(command, state, folder / "trace")


def cut_after_promises(ops: list[Op], folder: Path) -> Found:
    """Cut the power right after each report was acknowledged: when nothing may be lost."""
    cuts = {number for number, op in enumerate(ops) if op.kind == "said" and op.data.startswith(b"put")}
    assert len(cuts) == REPORTS
    return cut(ops, cuts, random.Random(1), folder / "image", reports=REPORTS)[1]


def test_what_was_acknowledged_survives(ops: list[Op], tmp_path: Path) -> None:
    found = cut_after_promises(ops, tmp_path)
    assert found.acknowledged == 4 * (1 + 2 + 3)
    assert (found.lost, found.doubled, found.wrong) == (0, 0, [])


@pytest.mark.parametrize(
    "left_out",
    [
        lambda op: op.path == "evidence",  # the pictures' names
        lambda op: op.path.startswith("evidence/.tmp-"),  # their bytes
        lambda op: op.path == "outbox.db-wal",  # the rows
        lambda op: op.path == "vault/originals",
        lambda op: op.path == "vault/vault.db-wal",
    ],
    ids=["folder", "bytes", "rows", "originals", "index"],
)
def test_a_sync_left_out_is_found(ops: list[Op], tmp_path: Path, left_out: Callable[[Op], bool]) -> None:
    careless = [op for op in ops if not (op.kind == "sync" and left_out(op))]
    assert len(careless) < len(ops)
    cuts = {len(careless) // 2, len(careless) - 1}
    last = next(number for number, op in enumerate(careless) if op.data.startswith(b"original"))
    _, found = cut(careless, {*cuts, last}, random.Random(1), tmp_path / "image", reports=REPORTS)
    assert found.lost or found.wrong


def image(ops: list[Op], loss: str = "all") -> dict[str, bytes | None]:
    disk = Disk()
    for op in ops:
        disk.apply(op)
    return disk.after_power_cut(loss, random.Random(1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ops", "left"),
    [
        ([Op("create", "a")], {}),
        ([Op("create", "a"), Op("sync", "a")], {}),  # its name was not synced
        ([Op("create", "a"), Op("write", "a", b"xy"), Op("sync", "")], {"a": b""}),
        ([Op("create", "a"), Op("write", "a", b"xy"), Op("sync", "a"), Op("sync", "")], {"a": b"xy"}),
        (
            [Op("create", "a"), Op("write", "a", b"x"), Op("sync", "a"), Op("rename", "a", to="b"), Op("sync", "")],
            {"b": b"x"},
        ),
        ([Op("create", "a"), Op("sync", ""), Op("unlink", "a")], {"a": b""}),
        ([Op("create", "a"), Op("sync", ""), Op("write", "a", b"xyz"), Op("truncate", "a", offset=1)], {"a": b""}),
        ([Op("mkdir", "d"), Op("create", "d/a"), Op("sync", "d")], {}),  # its folder's own name was not synced
        ([Op("mkdir", "d"), Op("create", "d/a"), Op("sync", "d"), Op("sync", "")], {"d": None, "d/a": b""}),
        ([Op("create", "a"), Op("link", "a", to="b"), Op("sync", "")], {"a": b"", "b": b""}),
    ],
)
def test_only_what_was_synced_is_sure(ops: list[Op], left: dict[str, bytes | None]) -> None:
    assert image(ops, "all") == left


def test_with_luck_everything_is_there() -> None:
    ops = [Op("create", "a"), Op("write", "a", b"abcd"), Op("write", "a", b"X", 1), Op("truncate", "a", offset=3)]
    assert image(ops, "none") == {"a": b"aXc"}


def test_torn_writes_keep_whole_sectors() -> None:
    ops = [Op("create", "a"), Op("sync", ""), Op("write", "a", b"x" * 4096 * 3)]
    seen: set[bytes] = set()
    for seed in range(40):
        disk = Disk()
        for op in ops:
            disk.apply(op)
        data = disk.after_power_cut("torn", random.Random(seed))["a"] or b""
        assert all(len(set(data[at : at + 512])) <= 1 for at in range(0, len(data), 512))
        seen.add(data)
    assert len(seen) > 5
