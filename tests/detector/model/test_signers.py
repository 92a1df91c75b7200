"""Whose bundles are trusted: the shipped list, public key files, a site's signers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from detector.errors import InputError
from detector.model.signers import Signer, Trust, read_signer, shipped_trust, site_signers
from tests.signing import KEY

ENTRY = {"name": "city-2026", "algorithm": "ed25519+sha256", "public_key": KEY.public_key}


def test_the_release_key_is_listed() -> None:
    (release,) = [s for s in shipped_trust().signers if s.name == "kerbwatch-release-2026"]
    assert release.valid_from == date(2026, 11, 22)


def test_a_signer_is_read_back_from_its_file(tmp_path: Path) -> None:
    signer = Signer.model_validate({**ENTRY, "valid_from": "2026-05-17", "note": "城管局"})
    (tmp_path / "city.pub").write_text(signer.to_text(), encoding="utf-8")
    assert read_signer(tmp_path / "city.pub") == signer
    assert signer.key_id == KEY.key_id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "name: String should match"),
        ({"name": "my city"}, "name: String should match"),
        ({"algorithm": "sm2+sm3"}, r"algorithm: .*'sm2\+sm3' is unknown to this version; known: ed25519\+sha256"),
        ({"public_key": "ab"}, r"public_key has 2 hex digits, ed25519\+sha256 needs 64"),
        ({"public_key": KEY.public_key.replace(KEY.public_key[0], "g")}, "public_key: String should match"),
        ({"valid_from": "soon"}, "valid_from: "),
        ({"valid_from": "2027-01-02", "valid_until": "2027-01-01"}, "valid_until 2027-01-01 is before valid_from"),
        ({"level": 3}, "level: Extra inputs"),
    ],
)
def test_a_bad_public_key_file_names_its_field(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "city.pub"
    path.write_text(yaml.safe_dump({**ENTRY, **change}), encoding="utf-8")
    with pytest.raises(InputError, match=rf"city\.pub: .*{message}"):
        read_signer(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no public key file: give the .pub file"),
        (b"\xff\xfe", "is no public key file"),
        (b"ssh-ed25519 AAAAC3Nza", "is no public key file"),
        (b"a: [", "is no public key file"),
        (b"#" * 20_000, "is no public key file"),
        (b"Kerbwatch model signer 00\n", "is a private key, which must stay with its signer"),
        (b"-----BEGIN PRIVATE KEY-----\n", "is a private key, which must stay with its signer"),
    ],
)
def test_what_is_no_public_key_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "city.pub").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_signer(tmp_path / "city.pub")


def test_a_missing_public_key_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the public key .*lost\.pub: No such file"):
        read_signer(tmp_path / "lost.pub")


def test_a_later_entry_of_one_key_counts() -> None:
    """A city that must go on with a retired key says so itself."""
    retired = Signer.model_validate({**ENTRY, "valid_until": "2026-12-31"})
    prolonged = Signer.model_validate({**ENTRY, "name": "still-good"})
    assert Trust((retired,)).also([prolonged]).find("ed25519+sha256", KEY.key_id) == prolonged
    assert Trust((retired,)).find("sm2+sm3", KEY.key_id) is None


def test_a_site_trusts_the_keys_in_its_folder(tmp_path: Path) -> None:
    assert site_signers(tmp_path) == ()
    folder = tmp_path / "signers"
    folder.mkdir()
    (folder / "city.pub").write_text(yaml.safe_dump(ENTRY), encoding="utf-8")
    assert [signer.name for signer in site_signers(tmp_path)] == ["city-2026"]
    (folder / "city.key").write_bytes(b"")
    with pytest.raises(InputError, match=r"city\.key is no \*\.pub file: signers/ holds public keys only"):
        site_signers(tmp_path)
