"""The vault: what is put survives, what is deleted is gone for good, and room is made in the order told."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

import pytest

from detector.errors import InputError, SealError, TransientError
from edge.vault.index import check_accesses
from edge.vault.keys import KeyFile
from edge.vault.limits import VaultLimits
from edge.vault.retention import Retention
from edge.vault.vault import DATABASE_FILE, VAULT_DIR, Vault
from tests.edge.vault.kept import SetClock, keep, original, sealed_files

WHO = {"who": "keeper", "why": "a complaint"}


def test_kept_and_read_back_after_a_start_anew(tmp_path: Path) -> None:
    file = original(size_bytes=200_000)
    with Vault.open(tmp_path) as vault:
        report_id = keep(vault, file)
        vault.put(report_id, file)
        assert vault.counts() == (1, sealed_files(tmp_path)[0].stat().st_size)
    with Vault.open(tmp_path) as vault, vault.open_original(report_id, file.sha256, **WHO) as reader:
        assert reader.read() == file.data
        assert reader.header.report_id == report_id


def test_every_look_is_logged_first_and_the_log_only_grows(tmp_path: Path) -> None:
    file = original()
    with Vault.open(tmp_path) as vault:
        report_id = keep(vault, file)
        for why in ("first", "second"):
            vault.open_original(report_id, file.sha256, who="keeper", why=why).close()
        lines = vault.accesses()
        assert [(line.seq, line.who, line.why, line.report_id) for line, _ in lines] == [
            (1, "keeper", "first", str(report_id)),
            (2, "keeper", "second", str(report_id)),
        ]
        check_accesses(lines)
        for statement in ("DELETE FROM accesses", "UPDATE accesses SET why = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="the access log only grows"):
                vault.run(statement)
        with pytest.raises(SealError, match="access log: line 1 is missing"):
            check_accesses(lines[1:])
        with pytest.raises(SealError, match="access log: line 2 was changed"):
            check_accesses([lines[0], (lines[1][0], "0" * 64)])


def test_no_look_without_a_reason(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        report_id = keep(vault, original())
        with pytest.raises(InputError, match="give a reason: every look at an original is logged with it"):
            vault.open_original(report_id, original().sha256, who="keeper", why=" ")
        with pytest.raises(InputError, match=r"no original 0{12} of report .* is kept here"):
            vault.open_original(report_id, "0" * 64, **WHO)
        assert vault.accesses() == []


def test_deleted_means_key_gone_file_gone_and_no_trace_in_the_database(tmp_path: Path) -> None:
    file = original()
    with Vault.open(tmp_path) as vault:
        report_id = keep(vault, file)
        (row,) = vault.all("SELECT wrapped FROM originals")
        vault.delete(report_id, file.sha256, because="a test")
        vault.delete(report_id, file.sha256, because="again")
        assert sealed_files(tmp_path) == []
        folder = tmp_path / VAULT_DIR
        assert all(row[0] not in path.read_bytes() for path in folder.glob(f"{DATABASE_FILE}*"))
        kept = vault.find(report_id, file.sha256)
        assert kept is not None
        assert (kept.state, kept.ended_because, kept.readable) == ("deleted", "a test", False)
        with pytest.raises(InputError, match="is kept here: see kerbwatch originals list"):
            vault.open_original(report_id, file.sha256, **WHO)
        with pytest.raises(InputError, match="was deleted"):
            vault.reader(kept)


def test_a_report_that_did_not_come_to_be_leaves_nothing(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        lost, held = keep(vault, original(0), original(1, role="clip")), keep(vault, original(2))
        assert vault.clear_orphans(lambda report_id: report_id == held) == 1
        assert [item.header.report_id for item in vault.originals()] == [held]
        assert len(sealed_files(tmp_path)) == 1
        vault.forget(lost)


def test_start_clears_what_a_kill_left(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        keep(vault, original(0))
        removed = keep(vault, original(1))
    first, second = sealed_files(tmp_path)
    gone = first if str(removed) in first.name else second
    gone.unlink()
    (first.parent / f"{uuid.uuid4()}.{'a' * 64}.sealed").write_bytes(b"no row")
    (first.parent / ".tmp-x").write_bytes(b"half")
    with Vault.open(tmp_path) as vault:
        assert len(sealed_files(tmp_path)) == vault.counts()[0] == 1
        lost = next(item for item in vault.originals() if item.header.report_id == removed)
        assert (lost.state, lost.ended_because) == ("lost", "its file was removed by hand")


def test_one_process_holds_it_and_others_may_only_read(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        report_id = keep(vault, original())
        with pytest.raises(TransientError, match=r"is in use by the box \(process \d+\): stop it first"):
            Vault.open(tmp_path)
        with Vault.open(tmp_path, alone=False) as beside:
            with beside.open_original(report_id, original().sha256, **WHO) as reader:
                assert reader.read() == original().data
            with pytest.raises(AssertionError, match="only for reading"):
                beside.put(report_id, original(1))


def test_the_key_lies_where_it_is_told_and_nothing_is_readable_without_it(tmp_path: Path) -> None:
    key = KeyFile(tmp_path / "elsewhere" / "my.key")
    with Vault.open(tmp_path / "state", key) as vault:
        report_id = keep(vault, original())
    assert not list((tmp_path / "state").rglob("*.key"))
    key.path.rename(tmp_path / "hidden.key")
    with Vault.open(tmp_path / "state", key) as vault:
        (kept,) = vault.originals()
        assert not kept.readable
        with pytest.raises(InputError, match=r"was sealed with key \w{16}, which is not in the key file: put it back"):
            vault.open_original(report_id, original().sha256, **WHO)
        keep(vault, original(1))  # the box goes on, under a new key
    (tmp_path / "hidden.key").replace(key.path)
    with (
        Vault.open(tmp_path / "state", key) as vault,
        vault.open_original(report_id, original().sha256, **WHO) as reader,
    ):
        assert reader.read() == original().data


def size_of(file_bytes: int = 1000) -> int:
    return file_bytes + 400


def test_room_is_made_in_the_order_told(tmp_path: Path) -> None:
    at_server: set[uuid.UUID] = set()
    limits = VaultLimits(bytes_max=6 * size_of(), reserve_bytes=0)
    with Vault.open(tmp_path, limits=limits, at_server=lambda report_id: report_id in at_server) as vault:
        released = keep(vault, original(0, role="frame", minutes=9))
        clip = keep(vault, original(1, role="clip", minutes=8))
        older, newer = keep(vault, original(2, minutes=1)), keep(vault, original(3, minutes=2))
        wanted, waiting = keep(vault, original(4)), keep(vault, original(5))
        at_server |= {released, clip, older, newer, wanted}
        vault.run("UPDATE originals SET released_at = 1 WHERE report_id = ?", str(released))
        vault.run("UPDATE originals SET wanted = 1 WHERE report_id = ?", str(wanted))
        gone: list[uuid.UUID] = []
        for seed in range(10, 14):
            before = {item.header.report_id for item in vault.originals() if item.state == "kept"}
            keep(vault, original(seed, role="clip"))
            gone += before - {item.header.report_id for item in vault.originals() if item.state == "kept"}
        assert gone == [released, clip, older, newer]
        with pytest.raises(TransientError, match="what is left is wanted or not yet at the server"):
            keep(vault, original(20))
        assert {item.header.report_id for item in vault.originals() if item.state == "kept"} >= {wanted, waiting}


def test_what_can_never_fit_deletes_nothing(tmp_path: Path) -> None:
    limits = VaultLimits(bytes_max=2 * size_of(), reserve_bytes=0)
    with Vault.open(tmp_path, limits=limits, at_server=lambda _: True) as vault:
        keep(vault, original())
        with pytest.raises(TransientError, match="nothing is lost"):
            keep(vault, original(1, 10_000))
        assert vault.counts()[0] == 1
    with (
        Vault.open(tmp_path, limits=VaultLimits(reserve_bytes=2**60), at_server=lambda _: False) as vault,
        pytest.raises(TransientError, match=f"{2**60} must stay free"),
    ):
        keep(vault, original(2))


@pytest.mark.parametrize("values", [{"bytes_max": -1}, {"reserve_bytes": -1}, {"days": 0}])
def test_limits_make_sense(values: dict[str, int]) -> None:
    with pytest.raises(InputError, match="the bytes must not be below 0, and the days not below 1"):
        VaultLimits(**values)


def test_database_is_damaged(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        keep(vault, original())
        Retention(vault, SetClock()).expire()
    (tmp_path / VAULT_DIR / DATABASE_FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match=r"vault.db is damaged .*: keep a copy, then move it away"):
        Vault.open(tmp_path)
