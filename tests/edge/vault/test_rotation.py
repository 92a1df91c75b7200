"""A new master key: everything stays readable, the old key opens nothing, and a kill at any point costs nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from detector.errors import SealError
from edge.vault.keys import KEY_FILE, KeyFile
from edge.vault.vault import VAULT_DIR, Vault
from tests.edge.vault.kept import keep, original

ROOT = Path(__file__).resolve().parents[3]
ROTATE = """
import sys
from pathlib import Path
from edge.vault.vault import Vault
with Vault.open(Path(sys.argv[1])) as vault:
    print("open", flush=True)
    while True:
        vault.rotate(who="keeper")
"""


def all_readable(vault: Vault) -> int:
    for kept in vault.originals():
        with vault.reader(kept) as reader:
            assert len(reader.read()) == kept.header.size_bytes
    return len(vault.originals())


def test_everything_is_readable_and_the_old_key_opens_nothing(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / VAULT_DIR / KEY_FILE)
    with Vault.open(tmp_path) as vault:
        for seed in range(5):
            keep(vault, original(seed))
        (old,) = file.keys()
        fresh = vault.rotate(who="keeper")
        (new,) = file.keys()
        assert new.key_id == fresh
        assert all_readable(vault) == 5
        keep(vault, original(9))
        rows = vault.all("SELECT key_id, wrapped, header FROM originals")
        assert {row[0] for row in rows} == {fresh}
        for _, wrapped, header in rows:
            with pytest.raises(SealError):
                old.unwrap(wrapped, header)
        assert [line.did for line, _ in vault.accesses()] == ["rotate"]


def test_one_damaged_row_does_not_keep_the_others_from_a_new_key(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        damaged, whole = keep(vault, original(0)), keep(vault, original(1))
        vault.run("UPDATE originals SET wrapped = ? WHERE report_id = ?", b"x" * 60, str(damaged))
        vault.rotate(who="keeper")
        with vault.open_original(whole, original(1).sha256, who="keeper", why="a test") as reader:
            assert reader.read() == original(1).data


@pytest.mark.parametrize("stop", ["key added", "rewrapped"])
def test_ended_at_the_next_start(tmp_path: Path, stop: str) -> None:
    file = KeyFile(tmp_path / VAULT_DIR / KEY_FILE)
    with Vault.open(tmp_path) as vault:
        keep(vault, original())
        fresh = file.add()
        if stop == "rewrapped":
            (wrapped, header), (old,) = vault.all("SELECT wrapped, header FROM originals")[0], file.keys()[1:]
            again = fresh.wrap(old.unwrap(wrapped, header), header)
            vault.run("UPDATE originals SET key_id = ?, wrapped = ?", fresh.key_id, again)
    with Vault.open(tmp_path) as vault:
        assert file.keys() == (fresh,)
        assert all_readable(vault) == 1


def test_killed_at_random_nothing_is_lost(tmp_path: Path) -> None:
    with Vault.open(tmp_path) as vault:
        for seed in range(20):
            keep(vault, original(seed))
    wait = random.Random(4)
    for _ in range(4):
        rotating = subprocess.Popen(
            [sys.executable, "-c", ROTATE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, env=dict(os.environ)
        )
        with rotating:
            assert rotating.stdout is not None
            assert rotating.stdout.readline() == b"open\n"
            time.sleep(wait.uniform(0.0, 0.2))
            rotating.send_signal(signal.SIGKILL)
        with Vault.open(tmp_path) as vault:
            assert all_readable(vault) == 20
