"""The device's key and its enrolment: made once, readable by their owner alone, damage named."""

from __future__ import annotations

import multiprocessing
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from detector.errors import InputError
from detector.evidence.seal import DeviceKey
from edge.device import Enrolment, load_enrolment, open_key, save_enrolment

ENROLMENT = Enrolment(
    server_url="https://kerbwatch.example.org",
    device_id="ab" * 32,
    name="巡查车 1",
    token=SecretStr("s3cret-token"),
    enrolled_at=datetime(2026, 5, 17, tzinfo=UTC),
)


def test_the_key_is_made_once_and_belongs_to_its_owner(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    key = open_key(state)
    assert open_key(state).device_id == key.device_id
    assert stat.S_IMODE((state / "device.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert [path.name for path in state.iterdir()] == ["device.key"]


def _device_id(state: Path) -> str:
    return open_key(state).device_id


def test_several_first_starts_at_once_make_one_device(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert len(set(pool.map(_device_id, [tmp_path / "state"] * 6))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    open_key(tmp_path)
    (tmp_path / "device.key").chmod(mode)
    with pytest.raises(InputError, match=rf"can be read by others \(mode {mode:04o}\): run chmod 600 .*device\.key"):
        open_key(tmp_path)


def _other_kind(data: bytes) -> bytes:
    pem = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return data.splitlines(keepends=True)[0] + pem


def _other_key(data: bytes) -> bytes:
    pem = DeviceKey.generate().private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return data.splitlines(keepends=True)[0] + pem


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-30] + b"A" + data[-29:],
        lambda data: data.replace(b"Kerbwatch device ", b"Kerbwatch device 0", 1),
        lambda data: bytes(200),
        _other_kind,
        _other_key,  # parses, but would silently be another device
    ],
    ids=["empty", "cut", "letter changed", "name changed", "zeros", "no Ed25519 key", "another key"],
)
def test_a_damaged_key_is_named_and_kept(tmp_path: Path, damage) -> None:
    open_key(tmp_path)
    path = tmp_path / "device.key"
    broken = damage(path.read_bytes())
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"device\.key is damaged: put back a copy, or delete it"):
        open_key(tmp_path)
    assert path.read_bytes() == broken


def test_a_key_that_is_a_link_or_a_folder_is_refused(tmp_path: Path) -> None:
    open_key(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "device.key").symlink_to(tmp_path / "a" / "device.key")
    with pytest.raises(InputError, match=r"cannot read .*device\.key"):
        open_key(tmp_path / "b")
    (tmp_path / "c" / "device.key").mkdir(parents=True)
    with pytest.raises(InputError, match=r"device\.key is not a plain file"):
        open_key(tmp_path / "c")


def test_an_enrolment_is_kept_for_its_owner_and_hides_its_token(tmp_path: Path) -> None:
    assert load_enrolment(tmp_path) is None
    save_enrolment(tmp_path, ENROLMENT)
    save_enrolment(tmp_path, ENROLMENT)
    assert load_enrolment(tmp_path) == ENROLMENT
    assert stat.S_IMODE((tmp_path / "enrolment.json").stat().st_mode) == 0o600
    assert "s3cret" not in repr(ENROLMENT)
    assert "s3cret" not in str(ENROLMENT)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", ENROLMENT.model_dump_json().encode()[:-5]])
def test_a_damaged_enrolment_is_named_without_its_content(tmp_path: Path, content: bytes) -> None:
    save_enrolment(tmp_path, ENROLMENT)
    (tmp_path / "enrolment.json").write_bytes(content)
    with pytest.raises(InputError, match=r"enrolment\.json is damaged .*delete it and enrol again") as failure:
        load_enrolment(tmp_path)
    assert "s3cret" not in str(failure.value)


def test_an_enrolment_others_can_read_is_refused(tmp_path: Path) -> None:
    save_enrolment(tmp_path, ENROLMENT)
    (tmp_path / "enrolment.json").chmod(0o644)
    with pytest.raises(InputError, match="can be read by others"):
        load_enrolment(tmp_path)
