"""Keys are made once, bundles are signed whole or not at all, and the commands say who signed."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.errors import BundleError, InputError
from detector.model.bundle import load_bundle
from detector.model.signers import Trust, read_signer
from models.cli import app
from models.commands.sign import signing_key_of
from models.signing import make_key, own_key, own_key_path, read_signing_key, sign_folder, workshop_trust
from tests.conftest import ROOT
from tests.detector.model.conftest import tiny_bundle
from tests.signing import KEY, TRUST

run = CliRunner().invoke


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A small bundle, signed with the throw-away key."""
    return tiny_bundle(tmp_path / "tiny").dir


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any key yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def test_key_makes_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "city.key"
    result = run(app, ["key", "--out", str(path), "--name", "南京-2026"])
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    signer = read_signer(tmp_path / "city.key.pub")
    assert (signer.name, signer.key_id) == ("南京-2026", read_signing_key(path).key_id)


@pytest.mark.parametrize("taken", ["city.key", "city.key.pub"])
def test_key_overwrites_nothing(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    result = run(app, ["key", "--out", str(tmp_path / "city.key")])
    assert isinstance(result.exception, InputError)
    assert f"{taken} is there already" in str(result.exception)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken, "mine")]


@pytest.mark.parametrize("name", ["my city", "", "../x", "a\n"])
def test_a_bad_name_makes_no_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"^name .* give letters, digits"):
        make_key(tmp_path / "city.key", name)
    assert list(tmp_path.iterdir()) == []


def test_sign_and_verify_name_the_signer(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "city.key"
    signer = make_key(path, "my-city-2026")
    result = run(app, ["sign", str(bundle), "--key", str(path)])
    assert result.exit_code == 0, result.output
    assert signer.key_id[:16] in result.output
    result = run(app, ["verify", str(bundle), "--trust", f"{path}.pub"])
    assert result.exit_code == 0, result.output
    assert f"signed by my-city-2026 (key {signer.key_id[:16]})" in result.output
    result = run(app, ["verify", str(bundle)])
    assert isinstance(result.exception, BundleError)
    assert "not trusted" in str(result.exception)


def test_verify_does_not_wait_for_a_pipe(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "city.key"
    make_key(path, "my-city-2026")
    run(app, ["sign", str(bundle), "--key", str(path)])
    (bundle / "card.yaml").unlink()
    os.mkfifo(bundle / "card.yaml")
    result = run(app, ["verify", str(bundle), "--trust", f"{path}.pub"])
    assert isinstance(result.exception, BundleError)
    assert "card.yaml is not a plain file" in str(result.exception)


def test_verify_names_the_release_key(zoo_street: Path) -> None:
    result = run(app, ["verify", str(zoo_street)])
    assert "signed by kerbwatch-release-2026" in result.output


def test_what_is_not_whole_is_not_signed(bundle: Path) -> None:
    signature = (bundle / "SHA256SUMS.sig").read_bytes()
    (bundle / "card.yaml").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"card\.yaml has SHA-256"):
        sign_folder(bundle, KEY)
    assert (bundle / "SHA256SUMS.sig").read_bytes() == signature


def test_signing_writes_through_no_link(bundle: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (bundle / "SHA256SUMS.sig").unlink()
    (bundle / "SHA256SUMS.sig").symlink_to(precious)
    sign_folder(bundle, KEY)
    assert precious.read_text() == "mine"
    assert load_bundle(bundle, TRUST).signer.name == "throw-away"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.chmod(0o644), r"can be read by others \(mode 0644\): run chmod 600"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]), r"holds no whole model signing key: give the file"),
        (lambda path: path.write_bytes(Path(f"{path}.pub").read_bytes()), r"holds no whole model signing key"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"model signer", b"device")), r"holds no whole model"),
        (lambda path: path.unlink(), r"cannot read .*: No such file"),
    ],
)
def test_a_key_that_cannot_sign_is_named(tmp_path: Path, spoil: object, message: str) -> None:
    path = tmp_path / "city.key"
    make_key(path, "city")
    assert callable(spoil)
    spoil(path)
    with pytest.raises(InputError, match=message):
        signing_key_of(path)


def test_ones_own_key_is_made_once_and_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = signing_key_of(None)
    told = capsys.readouterr().err
    assert "made your own signing key" in told
    assert f"kerbwatch patrol --trust {own_key_path()}.pub" in told
    assert own_key_path().is_relative_to(home)
    assert stat.S_IMODE(own_key_path().stat().st_mode) == 0o600
    assert signing_key_of(None).key_id == key.key_id
    assert "signing with your own key" in capsys.readouterr().err


def test_a_lost_public_file_of_ones_own_key_comes_back(home: Path) -> None:
    key, made = own_key()
    assert made
    Path(f"{own_key_path()}.pub").unlink()
    again, made = own_key()
    assert (again.key_id, made) == (key.key_id, False)
    assert read_signer(Path(f"{own_key_path()}.pub")).key_id == key.key_id


def test_a_workshop_trusts_its_own_key_and_a_device_does_not(bundle: Path, home: Path) -> None:
    key, _ = own_key()
    sign_folder(bundle, key)
    assert load_bundle(bundle, workshop_trust()).signer.key_id == key.key_id
    with pytest.raises(BundleError, match="not trusted"):
        load_bundle(bundle)


def test_a_workshop_without_a_key_makes_none_by_looking(home: Path) -> None:
    assert isinstance(workshop_trust(), Trust)
    assert not own_key_path().exists()


def test_ones_own_key_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("a file in the way")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(InputError, match=r"cannot make .* for your signing key"):
        own_key()


PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{32}|Kerbwatch [a-z ]+ [0-9a-f]{64}\n")


@pytest.mark.parametrize("room", ["datasets", "detector", "docs", "edge", "models", "server", "tests", "tools"])
def test_no_private_key_lies_in_the_project(room: str, tmp_path: Path) -> None:
    make_key(tmp_path / "city.key", "city")
    assert PRIVATE_KEY.search((tmp_path / "city.key").read_bytes()), "the search would find nothing"
    paths = [path for path in (ROOT / room).rglob("*") if path.is_file() and path.stat().st_size < 1_000_000]
    assert [path for path in paths if PRIVATE_KEY.search(path.read_bytes())] == []
