"""Key files: whose key it is stands in the file, nobody else reads it, nothing is overwritten."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from detector.errors import InputError
from detector.key_file import create_private, key_text, read_key
from detector.signing import SigningKey


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def path(tmp_path: Path, key: SigningKey) -> Path:
    assert create_private(tmp_path / "a.key", key_text(key, "device"))
    return tmp_path / "a.key"


def test_a_key_comes_back_and_belongs_to_its_owner(path: Path, key: SigningKey) -> None:
    again = read_key(path, "device", "is damaged")
    assert again.key_id == key.key_id
    assert again.sign(b"word") == key.sign(b"word")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["a.key"]  # no temporary file stays
    assert key.private.private_bytes_raw().hex() not in repr(key)


def test_a_key_for_something_else_is_refused(path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.key is no key of a signer"):
        read_key(path, "model signer", "is no key of a signer")


def test_a_key_is_never_overwritten(path: Path, key: SigningKey) -> None:
    assert not create_private(path, b"other")
    assert read_key(path, "device", "").key_id == key.key_id


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*lost/a\.key: No such file or directory; name a file in a"):
        create_private(tmp_path / "lost" / "a.key", b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(InputError, match=rf"a\.key can be read by others \(mode {mode:04o}\): run chmod 600"):
        read_key(path, "device", "")
