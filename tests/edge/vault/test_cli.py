"""The keeper's commands, in both languages, next to a running box and alone."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

import pytest

import kerbwatch
from edge.vault.vault import DATABASE_FILE, VAULT_DIR, Vault
from tests.edge.vault.kept import keep, original, sealed_files

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def kept(state: Path) -> uuid.UUID:
    """The report whose two originals the vault of `state` holds."""
    with Vault.open(state) as vault:
        return keep(vault, original(0, 3000), original(1, 5000, role="clip"))


def run(*args: object) -> int:
    try:
        kerbwatch.main(["originals", *map(str, args)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_list_and_show_next_to_a_running_box(state: Path, kept: uuid.UUID, capsys: Capture) -> None:
    with Vault.open(state) as box:
        assert run("list", state) == 0
        listed = capsys.readouterr().out
        assert listed.count(str(kept)) == 2
        assert "保存 · kept, 期限待定 · days not counted yet" in listed
        assert "2 份原件 · originals" in listed
        box.open_original(kept, original(0, 3000).sha256, who="Li", why="a [bold] reason").close()
        assert run("show", state, str(kept)[:8]) == 0
        shown = capsys.readouterr().out
    assert original(0, 3000).sha256 in shown
    assert "Li: open: a [bold] reason" in shown


@pytest.mark.parametrize(("role", "seed", "size_bytes"), [("frame", 0, 3000), ("clip", 1, 5000)])
def test_open_gives_the_bytes_on_record(
    state: Path, kept: uuid.UUID, tmp_path: Path, capsys: Capture, role: str, seed: int, size_bytes: int
) -> None:
    out = tmp_path / "out"
    assert run("open", state, kept, out, "--reason", "court file 7", "--role", role) == 0
    assert out.read_bytes() == original(seed, size_bytes, role=role).data
    assert out.stat().st_mode & 0o777 == 0o600
    assert "delete it after use" in capsys.readouterr().out
    with Vault.open(state) as vault:
        ((line, _),) = vault.accesses()
        assert (line.did, line.why) == ("open", "court file 7")


def test_rotate_then_verify(state: Path, kept: uuid.UUID, capsys: Capture) -> None:
    assert run("rotate", state) == 0
    assert "2 份原件已重新封装，旧密钥已销毁" in capsys.readouterr().out
    assert run("verify", state) == 0
    assert "验真通过 · everything holds: 2 份原件 · originals, 1 条" in capsys.readouterr().out


def test_expire_tells_what_is_left(state: Path, kept: uuid.UUID, capsys: Capture) -> None:
    assert run("expire", state, "--days", 15) == 0
    assert "删除 0 份，余 2 份 · 0 deleted, 2 left" in capsys.readouterr().out
    with Vault.open(state) as vault:
        vault.run("UPDATE originals SET kept_until = 1, answered = 1 WHERE role = 'clip'")
    assert run("expire", state) == 0
    assert "删除 1 份，余 1 份 · 1 deleted, 1 left" in capsys.readouterr().out
    assert run("verify", state) == 0
    assert "1 份已删除 · deleted: its time was over" in capsys.readouterr().out
    assert run("list", state) == 0
    assert "已删除 · deleted, its time was over" in capsys.readouterr().out


def change_bytes(state: Path) -> None:
    path = sealed_files(state)[0]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


def drop_file(state: Path) -> None:
    sealed_files(state)[0].unlink()


def swap_files(state: Path) -> None:
    first, second = sealed_files(state)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)


def sql(statement: str) -> None:
    def change(state: Path) -> None:
        with sqlite3.connect(state / VAULT_DIR / DATABASE_FILE) as database:
            database.executescript(statement)
        database.close()

    return change  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (change_bytes, "was changed after sealing, within piece 0"),
        (drop_file, "cannot be read: No such file or directory"),
        (swap_files, "it was put in another one's place"),
        (sql("UPDATE originals SET wrapped = zeroblob(60)"), "its key was changed"),
        (sql("UPDATE originals SET wrapped = (SELECT wrapped FROM originals LIMIT 1)"), "belongs to another original"),
        (sql("UPDATE originals SET key_id = 'x'"), "sealed with key x, which is not in the key file"),
        (sql("DROP TRIGGER accesses_same; UPDATE accesses SET why = 'x';"), "access log: line 1 was changed"),
        (sql("DROP TRIGGER accesses_stay; DELETE FROM accesses WHERE seq = 1;"), "access log: line 1 is missing"),
    ],
)
def test_verify_finds_every_tampering(
    state: Path, kept: uuid.UUID, capsys: Capture, tamper, says: str
) -> None:  # the vault as a thief or an honest fault leaves it
    with Vault.open(state) as vault:
        vault.log(who="Li", did="open", why="first")
        vault.log(who="Li", did="open", why="second")
    tamper(state)
    assert run("verify", state) == 2
    told = capsys.readouterr()
    assert says in told.out
    assert "验真未通过 · not as kept" in told.err


def test_verify_names_a_file_that_was_gone_at_the_start(state: Path, kept: uuid.UUID, capsys: Capture) -> None:
    drop_file(state)
    Vault.open(state).close()
    assert run("verify", state) == 2
    assert "its file was removed by hand" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("list", "{state}/nowhere"), "holds no vault/: give the folder that box.yaml calls state"),
        (("show", "{state}", "zzz"), "no report with originals here begin with 'zzz'"),
        (("show", "{state}", ""), "2 reports with originals here begin with ''"),
        (("open", "{state}", "{report}", "{state}", "--reason", "why"), "is there already: name a new file"),
        (("open", "{state}", "{report}", "{state}/new", "--reason", " "), "give a reason: every look"),
        (("open", "{state}", "{report}", "{state}/new", "--reason", "x", "--role", "z"), "no original of role 'z'"),
        (("open", "{state}", "{report}", "{state}/no/new", "--reason", "x"), "there is no folder"),
        (("list", "{state}", "--key", "{state}/no.key"), "there is no key file"),
    ],
)
def test_what_is_wrong_is_named(
    state: Path, kept: uuid.UUID, capsys: Capture, args: tuple[str, ...], says: str
) -> None:
    with Vault.open(state) as vault:
        keep(vault, original(7))
    assert run(*(arg.format(state=state, report=kept) for arg in args)) == 2
    assert says in capsys.readouterr().err
    assert not (state / "no.key").exists()


def test_a_running_box_is_not_rotated_under_its_feet(state: Path, kept: uuid.UUID, capsys: Capture) -> None:
    with Vault.open(state):
        assert run("rotate", state) == 75
    assert "stop it first" in capsys.readouterr().err
