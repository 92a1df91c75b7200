"""The file with a camera's user and password."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from detector.errors import InputError
from edge.sources.live.credentials import read_credentials
from edge.sources.live.url import url_form


def written(tmp_path: Path, data: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "camera.secret"
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("data", "credentials"),
    [
        (b"admin:pass\n", "admin:pass"),
        (b"admin:pass\r\n", "admin:pass"),
        (b"admin:p:a@s/s %", "admin:p:a@s/s %"),
        ("巡查:密码".encode(), "巡查:密码"),
    ],
)
def test_read(tmp_path: Path, data: bytes, credentials: str):
    secret = read_credentials(written(tmp_path, data))
    assert secret.get_secret_value() == credentials
    assert credentials not in repr(secret)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"geheim\n",
        b":geheim\n",
        b"admin:\n",
        b"admin:geheim\nmore\n",
        b"\xffgeheim:geheim",
        b"a:" + b"geheim" * 999,
    ],
)
def test_not_one_line(tmp_path: Path, data: bytes):
    path = written(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_credentials(path)
    assert str(caught.value) == f"{path} must hold one line user:password"


def test_readable_by_others(tmp_path: Path):
    path = written(tmp_path, b"admin:geheim", 0o640)
    with pytest.raises(InputError, match=rf"may be read by others \(mode 0640\): chmod 600 {path}"):
        read_credentials(path)


def test_longer_than_the_client_keeps(tmp_path: Path):
    fits = written(tmp_path, b"admin:" + b"x" * 121)
    assert len(url_form(read_credentials(fits).get_secret_value())) == 127
    with pytest.raises(InputError, match="too long: at most 127 characters") as caught:
        read_credentials(written(tmp_path, b"admin:" + b"x" * 122))
    assert "xxx" not in str(caught.value)


def test_missing_and_not_a_file(tmp_path: Path):
    with pytest.raises(InputError, match=r"cannot read the camera's credentials .*: No such file"):
        read_credentials(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InputError, match=f"the camera's credentials {path} are not a file"):
            read_credentials(path)
