"""The file of master keys: made once, private, and any damage shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import InputError, SealError
from edge.vault.keys import KeyFile, MasterKey


def test_made_once_private_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "vault.key"
    (key,) = KeyFile(path).keys()
    assert KeyFile(path).keys() == (key,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert key.secret.hex() not in repr(key)


def test_rotation_keeps_the_older_until_it_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    (first,) = KeyFile(path).keys()
    second = KeyFile(path).add()
    assert KeyFile(path).keys() == (second, first)
    before = path.open("rb")
    KeyFile(path).drop_older()
    assert KeyFile(path).keys() == (second,)
    with before:  # the old file's own blocks hold no key any more
        assert not before.read().strip(b"\0")
    KeyFile(path).drop_older()
    assert KeyFile(path).keys() == (second,)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text.replace("Kerbwatch", "Kerbwitch"),
        lambda text: text.splitlines()[0],
        lambda text: text[:-3],
        lambda text: text + "and more\n",
        lambda text: re.sub(r"(?m)^(\w{16} )(.)", lambda m: m[1] + ("0" if m[2] != "0" else "1"), text),
    ],
)
def test_damage_shows(tmp_path: Path, damage: Callable[[str], str]) -> None:
    path = tmp_path / "vault.key"
    KeyFile(path).keys()
    path.write_text(damage(path.read_text()))
    with pytest.raises(InputError, match=r"vault\.key is damaged: put back a copy, or delete it"):
        KeyFile(path).keys()


def test_refused_when_others_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    KeyFile(path).keys()
    path.chmod(0o640)
    with pytest.raises(InputError, match=r"can be read by others \(mode 0640\): run chmod 600"):
        KeyFile(path).keys()


@pytest.mark.parametrize("wrapped", [b"", b"x" * 11, b"x" * 60])
def test_what_was_not_wrapped_is_not_unwrapped(wrapped: bytes) -> None:
    with pytest.raises(SealError, match="its key was changed, or belongs to another original"):
        MasterKey.generate().unwrap(wrapped, b"a")


def test_a_wrapped_key_is_bound_to_its_original() -> None:
    key = MasterKey.generate()
    wrapped = key.wrap(b"d" * 32, b"a")
    assert key.unwrap(wrapped, b"a") == b"d" * 32
    with pytest.raises(SealError):
        key.unwrap(wrapped, b"b")
    with pytest.raises(SealError):
        MasterKey.generate().unwrap(wrapped, b"a")


def test_a_master_key_has_32_bytes() -> None:
    with pytest.raises(InputError, match="a master key has 32 bytes, not 3"):
        MasterKey(b"abc")
